"""Conversions in Salesforce: as Tasks, as campaign members, and the Opportunities that were won there."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from salesforce_kit import connector as connected
from salesforce_kit import person
from stagebridge.clock import ElasticClock
from stagebridge.connector import Done, Draft, Rejected, Retry, Unknown
from stagebridge.contact import Contact
from stagebridge.delivery.narrow import narrowed
from stagebridge.event import ConversionEvent
from stagebridge.mapping import load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_salesforce import Salesforce

AT = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
NAMES = {"Purchase": "Bought something", "Lead": "Asked"}
KEY = "stagebridge_event_id__c"


def taking(box: Sandbox, clock: ElasticClock, **settings: Any) -> Salesforce:
    """A connector whose overlay takes purchases."""
    sf = connected(box, clock, **settings)
    sf.use(load_mapping({"extends": "salesforce", "event": {"names": NAMES}}, facts=sf.discover().facts, lenient=True))
    return sf


def seed(box: Sandbox, **rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = box.seed(rows)["ids"]
    return ids


def purchase(id_: str = "order-1", who: int = 1, **values: Any) -> ConversionEvent:
    given: dict[str, Any] = {
        "name": "Purchase", "at": AT, "contact": Contact(email=f"p{who}@example.com"), "value": Decimal("30.50"),
        "currency": "EUR", "order_id": "A-42", "channel": "web", "source_url": "https://shop.example.com/thanks",
    }  # fmt: skip
    return ConversionEvent(id=id_, **{**given, **values})


def drafts(sf: Salesforce, *events: ConversionEvent) -> list[Draft]:
    made = [sf.draft(e) for e in events]
    assert all(isinstance(d, Draft) for d in made), made
    return [d for d in made if isinstance(d, Draft)]


def tasks(box: Sandbox) -> list[dict[str, Any]]:
    return list(box.state()["Task"])


def test_a_purchase_is_a_completed_task_of_its_person_that_says_what_it_was(box: Sandbox, clock: ElasticClock) -> None:
    [ada] = seed(box, Contact=[person(1)])["Contact"]
    sf = taking(box, clock)
    assert [type(o) for o in sf.send(drafts(sf, purchase()))] == [Done]
    [task] = tasks(box)
    assert {n: task[n] for n in ("Subject", "WhoId", "Status", "ActivityDate", "Description", KEY)} == {
        "Subject": "Bought something", "WhoId": ada, "Status": "Completed", "ActivityDate": "2026-11-20", KEY: "order-1",
        "Description": "Value: 30.50\nCurrency: EUR\nOrder: A-42\nChannel: web\nPage: https://shop.example.com/thanks",
    }  # fmt: skip


def test_no_event_is_taken_until_the_mapping_names_it(sf: Salesforce) -> None:
    assert sf.mapping is not None
    assert not sf.mapping.takes_events
    assert isinstance(sf.draft(purchase()), Rejected)


def test_a_person_is_found_by_our_key_then_by_address_and_a_contact_before_a_lead(
    box: Sandbox, clock: ElasticClock
) -> None:
    ids = seed(
        box, Contact=[person(1), {**person(2), "stagebridge_id__c": "k-2"}],
        Lead=[{**person(1), "Company": "Acme"}, {**person(3), "Company": "Acme"}],
    )  # fmt: skip
    sf = taking(box, clock)
    moved = purchase("2", who=9, key="k-2")
    sf.send(drafts(sf, purchase("1", who=1), moved, purchase("3", who=3, contact=Contact(email="P3@example.com"))))
    assert [t["WhoId"] for t in tasks(box)] == [ids["Contact"][0], ids["Contact"][1], ids["Lead"][1]]


def test_somebody_who_is_not_there_yet_is_waited_for(box: Sandbox, clock: ElasticClock) -> None:
    sf = taking(box, clock)
    [outcome] = sf.send(drafts(sf, purchase()))
    assert isinstance(outcome, Retry)
    assert "example.com" not in outcome.reason
    seed(box, Contact=[person(1)])
    assert isinstance(sf.send(drafts(sf, purchase()))[0], Done)


def test_an_event_is_one_task_however_often_it_is_sent(box: Sandbox, clock: ElasticClock) -> None:
    seed(box, Contact=[person(1)])
    sf = taking(box, clock)
    ready = drafts(sf, purchase())
    assert ready[0].dedup > 365 * 86400
    box.fault("timeout_after", path="*/composite/sobjects/Task/*")
    assert isinstance(sf.send(ready)[0], Unknown)
    assert isinstance(sf.send(ready)[0], Done)
    assert len(tasks(box)) == 1


def test_without_the_field_an_event_that_was_not_answered_is_not_sent_again() -> None:
    clock = ElasticClock()
    with Sandbox("salesforce", clock=clock, switches={"deployed": False}) as box:
        seed(box, Contact=[person(1)])
        sf = taking(box, clock)
        [ready] = drafts(sf, purchase())
        assert (ready.dedup, KEY in ready.payload) == (0, False)
        assert isinstance(sf.send([ready])[0], Done)
        assert len(tasks(box)) == 1
        assert any(KEY in w for w in sf.check().warnings)
        files = sf.deployable([])
        field = files[f"force-app/main/default/objects/Activity/fields/{KEY}.field-meta.xml"]
        assert "<externalId>true</externalId>" in field
        assert f"<field>Task.{KEY}</field>" in "".join(files.values())


def test_one_bad_event_does_not_lose_the_others_and_quotes_nobody(box: Sandbox, clock: ElasticClock) -> None:
    seed(box, Contact=[person(i) for i in range(5)])
    sf = taking(box, clock)
    events = [purchase(str(i), who=i) for i in range(5)]
    events[2] = purchase("2", who=2, source_url="https://shop.example.com/" + "x" * 32_000)
    outcomes, stopped = narrowed(sf.send, drafts(sf, *events))
    assert stopped is None
    assert [i for i, o in enumerate(outcomes) if isinstance(o, Rejected)] == [2]
    assert sorted(t[KEY] for t in tasks(box)) == ["0", "1", "3", "4"]


# --- campaigns -----------------------------------------------------------------------------------------------------


def members(box: Sandbox) -> list[tuple[str, str, bool]]:
    rows = box.state()["CampaignMember"]
    return [(m.get("ContactId") or m["LeadId"], m["Status"], m["HasResponded"]) for m in rows]


def test_where_a_campaign_is_named_the_event_makes_its_person_a_member_once(box: Sandbox, clock: ElasticClock) -> None:
    ids = seed(
        box, Contact=[person(1), person(2)], Lead=[{**person(3), "Company": "Acme"}], Campaign=[{"Name": "Spring"}]
    )
    [spring] = ids["Campaign"]
    seed(box, CampaignMember=[{"CampaignId": spring, "ContactId": ids["Contact"][1], "Status": "Sent"}])
    sf = taking(box, clock, campaigns={"Lead": {"id": spring}})
    asked = [purchase(f"a{i}", who=i, name="Lead") for i in (1, 2, 3)]
    ready = drafts(sf, *asked, purchase("again", who=1, name="Lead"))
    for _ in range(2):
        assert {type(o) for o in sf.send(ready)} == {Done}
    assert sorted(members(box)) == sorted((i, "Responded", True) for i in (*ids["Contact"], *ids["Lead"]))
    assert tasks(box) == []
    sf.send(drafts(sf, purchase(who=1)))  # another name is a Task still
    assert len(tasks(box)) == 1


def test_a_campaign_that_is_not_there_refuses_its_events_only(box: Sandbox, clock: ElasticClock) -> None:
    seed(box, Contact=[person(1)])
    sf = taking(box, clock, campaigns={"Lead": {"id": "701ak0000000001"}})
    [outcome] = sf.send(drafts(sf, purchase(name="Lead")))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "SB-SALESFORCE-INVALID_CROSS_REFERENCE_KEY"


# --- won Opportunities -------------------------------------------------------------------------------------------------


def deal(box: Sandbox, *roles: str, **values: Any) -> str:
    row = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-11-20", "Amount": 99.5, **values}
    return seed(box, Opportunity=[{**row, "roles": list(roles)}])["Opportunity"][0]


def recorded(sf: Salesforce, since: Any = None) -> list[ConversionEvent]:
    return [e for page in sf.read_events(since) for e in page.events]


def test_a_won_opportunity_is_a_purchase_of_its_primary_contact(box: Sandbox, clock: ElasticClock) -> None:
    ada, bob = seed(box, Contact=[{**person(1), "stagebridge_id__c": "k-1"}, person(2)])["Contact"]
    won = deal(box, ada, bob)
    deal(box, ada, StageName="Negotiation/Review")
    deal(box, ada, StageName="Closed Lost")
    [event] = recorded(connected(box, clock, currency="EUR"))
    assert (event.name, event.order_id, event.key, event.contact.email) == ("Purchase", won, "k-1", "p1@example.com")
    assert (event.value, event.currency, event.channel) == (Decimal("99.5"), "EUR", "crm")


def test_the_opportunitys_own_currency_counts_where_there_are_several() -> None:
    clock = ElasticClock()
    with Sandbox("salesforce", clock=clock, switches={"several_currencies": True}) as box:
        [ada] = seed(box, Contact=[person(1)])["Contact"]
        deal(box, ada, CurrencyIsoCode="CHF")
        deal(box, ada, CurrencyIsoCode="CHF", Amount=None)
        money = [(e.value, e.currency) for e in recorded(connected(box, clock, currency="EUR"))]
        assert money == [(Decimal("99.5"), "CHF"), (None, None)]


def test_many_won_opportunities_come_over_many_pages_each_once(box: Sandbox, clock: ElasticClock) -> None:
    contacts = seed(box, Contact=[person(i) for i in range(450)])["Contact"]
    deals = {deal(box, c) for c in contacts}
    sf = connected(box, clock, currency="EUR")
    pages = list(sf.read_events(None))
    assert len(pages) == 4
    events = [e for p in pages for e in p.events]
    assert {e.order_id for e in events} == deals
    assert len({e.id for e in events}) == len(events) == 450


def test_a_purchase_follows_its_contact_into_the_one_it_was_merged_into(box: Sandbox, clock: ElasticClock) -> None:
    ada, bob = seed(box, Contact=[person(1), person(2)])["Contact"]
    deal(box, ada)
    box.seed({"merge": ["Contact", bob, ada]})
    [event] = recorded(connected(box, clock, currency="EUR"))
    assert event.contact.email == "p2@example.com"


@pytest.mark.parametrize("skew", [-90.0, 90.0])
def test_what_is_won_while_a_pass_is_read_comes_with_the_next_whatever_the_clocks_say(skew: float) -> None:
    clock = ElasticClock()
    with Sandbox("salesforce", clock=clock, switches={"skew": skew}) as box:
        ada, bob = seed(box, Contact=[person(1), person(2)])["Contact"]
        deal(box, ada)
        sf = connected(box, clock, currency="EUR")
        pages = sf.read_events(None)
        read = [next(pages)]
        later = deal(box, bob)
        read += pages
        assert later in {e.order_id for e in recorded(sf, read[-1].cursor)}
