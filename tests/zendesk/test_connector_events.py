"""Events to a profile and, by an explicit rule, to a ticket; tickets that people opened, as events."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stagebridge.connector import Done, Draft, Rejected, Retry, Unknown
from stagebridge.contact import Contact
from stagebridge.errors import StagebridgeError
from stagebridge.event import ConversionEvent
from stagebridge_zendesk import Zendesk
from zendesk_kit import account, asked, seed

ADA = {"name": "Ada Ångström", "email": "ada@example.com", "external_id": "k-ada"}
RULE = {"Refunded": {"subject": "A refund to look at", "priority": "high", "tags": ["refund"]}}


def event(zd: Zendesk, name: str = "Purchase", id: str = "order-42", **more: Any) -> ConversionEvent:
    given = {
        "contact": Contact(email="ada@example.com", first_name="Ada"),
        "value": Decimal("30.50"),
        "currency": "EUR",
    }
    return ConversionEvent(id=id, name=name, at=zd.clock.now(), **{**given, **more})


def drafted(zd: Zendesk, *events: ConversionEvent) -> list[Draft]:
    made = [zd.draft(e) for e in events]
    assert all(isinstance(d, Draft) for d in made), made
    return [d for d in made if isinstance(d, Draft)]


def test_a_conversion_is_an_event_of_the_persons_profile() -> None:
    with account() as (zd, box):
        seed(box, ADA)
        [draft] = drafted(zd, event(zd))
        assert draft.dedup == 0, "nothing tells a second one: our log of what was sent does"
        assert zd.send([draft]) == [Done("order-42")]
        [told] = box.state()["events"]
        assert (told["source"], told["type"]) == ("stagebridge", "Purchase")
        assert told["properties"] == {"event_id": "order-42", "value": 30.5, "currency": "EUR", "channel": "other"}
        assert box.state()["tickets"] == []


def test_a_stage_and_what_came_from_zendesk() -> None:
    with account() as (zd, _):
        [draft] = drafted(zd, event(zd, "StageChanged", stage="customer"))
        assert draft.payload["event"]["type"] == "stage_changed"
        assert draft.payload["event"]["properties"]["stage"] == "customer"
        refused = zd.draft(event(zd, "TicketSolved"))
        assert isinstance(refused, Rejected)
        assert isinstance(zd.draft(event(zd, contact=Contact(phone="+442079460001"))), Rejected)


def test_events_after_one_that_could_not_be_sent_come_again_and_those_before_do_not() -> None:
    with account() as (zd, box):
        drafts = drafted(zd, *(event(zd, id=f"e-{i}") for i in range(4)))
        box.fault("timeout_after", path="*/events", script=["ok", "timeout_after"])
        outcomes = zd.send(drafts)
        assert [type(o) for o in outcomes] == [Done, Unknown, Done, Done]
        assert len(box.state()["events"]) == 4
        box.fault("status", path="*/events", script=["ok", "503", "503", "503", "503", "503", "503", "503", "503"])
        outcomes = zd.send(drafts)
        assert [type(o) for o in outcomes] == [Done, Retry, Retry, Retry]


def test_an_account_without_the_events_api_is_told_where_it_is_switched_on() -> None:
    with account(switches={"events_api": False}) as (zd, _), pytest.raises(StagebridgeError) as told:
        zd.send(drafted(zd, event(zd)))
    assert told.value.code == "SB-ZENDESK-FEATURE"
    assert "Admin Center" in told.value.hint


def test_a_rule_makes_a_ticket_of_an_event_and_a_repeated_one_makes_no_second() -> None:
    with account(tickets=RULE) as (zd, box):
        [ada] = seed(box, ADA)
        drafts = drafted(zd, event(zd, "Refunded"), event(zd, "Purchase", id="order-43"))
        assert [d.group for d in drafts] == ["ticket", "profile"]
        assert 0 < drafts[0].dedup <= 7200
        first = zd.send(drafts[:1])
        zd.clock.sleep(600)
        assert zd.send(drafts[:1]) == first
        [ticket] = box.state()["tickets"]
        assert first == [Done(str(ticket["id"]))]
        assert (str(ticket["requester_id"]), ticket["subject"], ticket["external_id"]) == (
            ada,
            "A refund to look at",
            "order-42",
        )
        assert ticket["priority"] == "high"
        [one, _] = asked(box, "*/tickets")
        assert '"public":false' in one["body"], "the person is not written to unless the rule says so"
        assert zd.send(drafts[1:]) == [Done("order-43")]
        assert len(box.state()["tickets"]) == 1


def test_tickets_arrive_opened_solved_and_rated_each_once_for_ever() -> None:
    with account() as (zd, box):
        zd.connection = "support"
        ada, agent = seed(box, ADA, {"name": "Agnes", "email": "agnes@example.com", "role": "agent"})
        zd.clock.sleep(3600)
        asks = [{"requester_id": i, "subject": "Where is it?", "description": "Private words"} for i in (ada, agent)]
        [ticket, _] = box.seed({"tickets": asks})["tickets"]
        zd.clock.sleep(130)
        pages = list(zd.read_events())
        [opened] = [e for p in pages for e in p.events]
        assert (opened.name, opened.contact.email, opened.key) == ("TicketCreated", "ada@example.com", "k-ada")
        assert opened.custom["ticket_id"] == str(ticket)
        assert "Private" not in str(opened.raw)
        box.seed({"solve": [ticket]})
        box.seed({"rate": {ticket: {"score": "good", "comment": "Thanks"}}})
        zd.clock.sleep(130)
        found = {e.name: e for p in zd.read_events(pages[-1].cursor) for e in p.events}
        assert found.keys() == {"TicketCreated", "TicketSolved", "SurveyCompleted"}
        assert found["TicketCreated"].id == opened.id
        assert found["TicketSolved"].custom["satisfaction"] == "good"
        assert found["TicketSolved"].at > opened.at
        box.seed({"close": [ticket]})
        zd.clock.sleep(130)
        again = {e.name: e.id for p in zd.read_events(None) for e in p.events}
        assert again == {n: e.id for n, e in found.items()}


def test_of_a_conversion_it_is_said_what_it_does_not_take() -> None:
    with account() as (zd, box):
        [draft] = drafted(zd, event(zd))
        bad = Draft("x", {**draft.payload, "event": {"source": "zendesk", "type": "x"}}, draft.group)
        [refused] = zd.send([bad])
        assert isinstance(refused, Rejected)
        assert refused.code == "SB-ZENDESK-EVENT"
        assert "example.com" not in refused.message
        assert box.state()["events"] == []
