"""Conversions as HubSpot's custom events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from hubspot_kit import account, seed
from stagebridge.connector import Done, Draft, Rejected, Unknown
from stagebridge.contact import Contact
from stagebridge.delivery.narrow import narrowed
from stagebridge.errors import AuthError, BatchRefused
from stagebridge.event import ConversionEvent
from stagebridge.mapping import load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_hubspot import HubSpot
from stagebridge_hubspot.sandbox.door import SCOPES

AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ID = "0b6f4f7e-3c1d-4c56-9d57-6a3a1d0a9b11"
NAMES = {"Purchase": "purchase"}


@contextmanager
def taking(
    event: Mapping[str, Any] | None = None, switches: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[tuple[HubSpot, Sandbox]]:
    """An account whose overlay takes purchases."""
    with account(switches=switches, **settings) as (hs, box):
        overlay = {"extends": "hubspot", "event": event if event is not None else {"names": NAMES}}
        hs.use(load_mapping(overlay, facts=hs.discover().facts))
        box.forget_requests()
        yield hs, box


def purchase(id_: str = ID, **values: Any) -> ConversionEvent:
    given: dict[str, Any] = {
        "name": "Purchase", "at": AT, "contact": Contact(email="ada@example.com"), "value": Decimal("30.50"), "currency": "EUR",
        "order_id": "A-42", "channel": "web", "source_url": "https://shop.example.com/thanks",
    }  # fmt: skip
    return ConversionEvent(id=id_, **{**given, **values})


def drafted(hs: HubSpot, event: ConversionEvent) -> Draft:
    draft = hs.draft(event)
    assert isinstance(draft, Draft), draft
    return draft


def test_a_purchase_becomes_an_event_of_the_account_with_its_money_and_its_order() -> None:
    with taking() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        assert [type(o) for o in hs.send([drafted(hs, purchase())])] == [Done]
        [held] = box.state()["events"]
        assert held == {
            "id": ID, "eventType": "pe12345678_purchase", "objectType": "CONTACT", "objectId": ada, "email": "ada@example.com",
            "occurredAt": "2026-11-20T10:00:00.000Z",
            "properties": {"value": "30.50", "currency": "EUR", "order_id": "A-42", "channel": "web",
                           "hs_url": "https://shop.example.com/thanks"},
        }  # fmt: skip


def test_no_event_is_sent_until_the_mapping_names_it() -> None:
    with account() as (hs, _):
        assert hs.mapping is not None
        assert not hs.mapping.takes_events
        refused = hs.draft(purchase())
        assert isinstance(refused, Rejected)
        assert refused.code == "SB-EVENT-DROPPED"


def test_an_id_that_is_no_uuid_becomes_the_same_one_everywhere_and_counts_once() -> None:
    with taking() as (hs, box):
        first, again = drafted(hs, purchase("order-42")), drafted(hs, purchase("order-42"))
        assert first.payload["uuid"] == again.payload["uuid"] == str(UUID(first.payload["uuid"]))
        hs.send([first])
        hs.send([again, drafted(hs, purchase("order-43"))])
        assert (len(box.state()["events"]), box.state()["events_refused"]) == (2, 1)


def test_an_event_without_an_address_is_refused_before_it_is_sent() -> None:
    with taking() as (hs, box):
        refused = hs.draft(purchase(contact=Contact(phone="+442079460001")))
        assert isinstance(refused, Rejected)
        assert (refused.code, refused.message) == ("SB-EVENT-INCOMPLETE", "needs contact.email")
        assert box.requests()["count"] == 0


def test_a_description_that_is_too_long_is_left_out_and_the_conversion_counts() -> None:
    event = {"names": NAMES, "fields": {"custom.note": {"write": "properties.note"}}}
    with taking(event) as (hs, box):
        url = "https://shop.example.com/" + "x" * 1000
        draft = drafted(hs, purchase(source_url=url, order_id="9" * 257, custom={"note": "n" * 257}))
        assert len(draft.warnings) == 3
        assert "nnn" not in str(draft.warnings)
        assert isinstance(hs.send([draft])[0], Done)
        [held] = box.state()["events"]
        assert held["properties"].keys() == {"value", "currency", "channel"}
        fits = drafted(hs, purchase("2", source_url=url[:1024], order_id="9" * 256, custom={"note": "n" * 256}))
        assert fits.warnings == ()
        assert isinstance(hs.send([fits])[0], Done)


@pytest.mark.parametrize("name", ["Purchase", "7th", "a" * 51, "with space"])
def test_a_name_that_hubspot_would_not_take_is_refused_before_it_is_sent(name: str) -> None:
    with taking({"names": {"Purchase": name}}) as (hs, _):
        refused = hs.draft(purchase())
        assert isinstance(refused, Rejected)
        assert refused.code == "SB-HUBSPOT-EVENT"


def test_more_properties_than_an_event_holds_are_refused_before_it_is_sent() -> None:
    fields = {f"custom.p{i}": {"write": f"properties.p{i}"} for i in range(50)}
    with taking({"names": NAMES, "fields": fields}) as (hs, _):
        refused = hs.draft(purchase(custom={f"p{i}": "x" for i in range(50)}))
        assert isinstance(refused, Rejected)
        assert "50 properties" in refused.message


def test_a_name_that_was_copied_in_full_is_taken_as_it_is() -> None:
    with taking({"names": {"Purchase": "pe12345678_purchase"}}) as (hs, _):
        assert drafted(hs, purchase()).payload["eventName"] == "pe12345678_purchase"


def test_one_event_that_the_account_does_not_know_does_not_lose_the_others() -> None:
    names = {"Purchase": "purchase", "Lead": "lead_in"}
    with taking({"names": names}, {"events": ["purchase"]}) as (hs, box):
        events = [purchase(str(i), name="Lead" if i == 5 else "Purchase") for i in range(12)]
        with pytest.raises(BatchRefused):
            hs.send([drafted(hs, e) for e in events])
        outcomes, stopped = narrowed(hs.send, [drafted(hs, e) for e in events])
        assert stopped is None
        assert [i for i, o in enumerate(outcomes) if isinstance(o, Rejected)] == [5]
        assert len(box.state()["events"]) == 11
        bad = outcomes[5]
        assert isinstance(bad, Rejected)
        assert (bad.code, "pe12345678_lead_in" in bad.message) == ("SB-HUBSPOT-EVENT", True)


def test_check_warns_of_an_event_that_the_account_has_not_defined() -> None:
    names = {"Purchase": "purchase", "Lead": "lead_in", "StageChanged": "{stage}", "Review": "drop"}
    with taking({"names": names}, {"events": ["purchase"]}) as (hs, _):
        assert [w for w in hs.check().warnings if "custom events" in w] == [
            "pe12345678_lead_in is not among the account's custom events: define it there, or mend `event.names` in the mapping"
        ]
    with account() as (hs, box):
        assert hs.check().warnings == ()
        assert "event-types" not in str(box.requests()["by_route"])


def test_a_token_that_may_send_no_events_says_which_scope_and_that_it_is_a_matter_of_the_edition() -> None:
    scopes = ["oauth", *sorted({s for pair in SCOPES.values() for s in pair if "behavioral" not in s})]
    with taking(switches={"scopes": scopes}) as (hs, _):
        with pytest.raises(AuthError) as told:
            hs.send([drafted(hs, purchase())])
        assert (told.value.code, told.value.exit_code) == ("SB-HUBSPOT-SCOPE", 3)
        assert "analytics.behavioral_events.send" in str(told.value)
        assert "edition" in told.value.hint


def test_an_answer_that_is_lost_is_unknown_and_the_event_counts_once() -> None:
    with taking() as (hs, box):
        box.fault("timeout_after", path="*/send/batch")
        assert [type(o) for o in hs.send([drafted(hs, purchase())])] == [Unknown]
        assert [type(o) for o in hs.send([drafted(hs, purchase())])] == [Done]
        assert [e["id"] for e in box.state()["events"]] == [ID]


@pytest.mark.parametrize(("api", "path"), [("2026-03", "/events/2026-03/send/batch"), ("v3", "/events/v3/send/batch")])
def test_a_whole_batch_goes_in_one_call_of_the_chosen_version(api: str, path: str) -> None:
    with taking(api=api) as (hs, box):
        outcomes = hs.send([drafted(hs, purchase(str(i))) for i in range(500)])
        assert {type(o) for o in outcomes} == {Done}
        assert len(box.state()["events"]) == 500
        assert [r["path"] for r in box.requests()["last"]] == [path]
