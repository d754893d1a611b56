"""Conversions that a CRM recorded by itself: won Opportunities arrive as purchases, each once, from the first look on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from delivery_world import CUSTOMERS, Counter, Shop, shop
from engine_world import world
from stagebridge.config import EventsConfig, SendRule
from stagebridge.delivery import inspect
from stagebridge.errors import ConfigError
from stagebridge.ledger.store import Ledger

DAY = "2026-11-20"


@pytest.fixture
def s(tmp_path: Path) -> Iterator[Shop]:
    with world(tmp_path, crm="salesforce") as w:
        w.extra = {"crm": {"conversions": True, "currency": "EUR"}}
        made = Shop(w, Counter(w.clock), events=EventsConfig((), (CUSTOMERS,)))
        made.kind.counter = made.ads
        yield made


def people(s: Shop, count: int) -> list[str]:
    rows = [
        {"LastName": f"Family{i}", "Email": f"p{i}@example.com", "Lifecycle_Stage__c": "lead"} for i in range(count)
    ]
    ids: list[str] = s.w.boxes["crm"].seed({"Contact": rows})["ids"]["Contact"]
    return ids


def deal(s: Shop, *roles: str, stage: str = "Negotiation/Review", **values: Any) -> str:
    row = {"Name": "Deal", "StageName": stage, "CloseDate": DAY, "Amount": 99.5, "roles": list(roles), **values}
    [id_] = s.w.boxes["crm"].seed({"Opportunity": [row]})["ids"]["Opportunity"]
    return str(id_)


def edit(s: Shop, id_: str, **values: Any) -> None:
    s.w.boxes["crm"].seed({"edit": {id_: values}})


def win(s: Shop, id_: str) -> None:
    edit(s, id_, StageName="Closed Won")


def letters(s: Shop) -> list[dict[str, Any]]:
    ledger = Ledger.open(s.config().ledger)
    try:
        return inspect.dead_letters(ledger)
    finally:
        ledger.close()


def test_a_deal_that_is_won_counts_once_with_its_money_and_moves_its_contact(s: Shop) -> None:
    ada, bob = people(s, 2)
    won, lost = deal(s, ada, bob), deal(s, bob)
    s.sync()
    win(s, won)
    edit(s, lost, StageName="Closed Lost")
    at = s.w.clock.now().timestamp()
    s.sync()
    [told] = s.ads.events
    assert (told["name"], told["value"], told["currency"]) == ("Purchase", 99.5, "EUR")
    assert abs(told["at"] - at) < 60  # when it was won, not the day that somebody wrote
    s.sync()
    stages = {c["Id"]: c["Lifecycle_Stage__c"] for c in s.w.boxes["crm"].state()["Contact"]}
    assert stages == {ada: "customer", bob: "lead"}
    assert (len(s.ads.events), s.ads.duplicates) == (1, 0)


def test_what_was_won_before_the_first_look_fires_nothing_however_it_is_edited(s: Shop) -> None:
    [ada] = people(s, 1)
    old = deal(s, ada, stage="Closed Won")
    s.sync()
    edit(s, old, Amount=120.0)
    s.sync()
    s.sync()
    assert s.ads.events == []


def test_a_deal_that_is_edited_reopened_and_won_again_is_the_same_purchase(s: Shop) -> None:
    [ada] = people(s, 1)
    won = deal(s, ada)
    s.sync()
    win(s, won)
    s.sync()
    edit(s, won, Amount=120.0, CloseDate="2026-11-21")
    s.sync()
    edit(s, won, StageName="Prospecting")
    s.sync()
    win(s, won)
    s.sync()
    assert [e["value"] for e in s.ads.events] == [99.5]
    assert (s.ads.duplicates, letters(s)) == (0, [])


def test_a_ledger_that_is_lost_counts_nothing_again(s: Shop, tmp_path: Path) -> None:
    [ada] = people(s, 1)
    won = deal(s, ada)
    s.sync()
    win(s, won)
    s.sync()
    for file in tmp_path.glob("stagebridge.db*"):
        file.unlink()
    s.sync()
    with s.work() as work:
        work.arrival.backfill(s.w.clock.now() - timedelta(days=2), dry_run=False)
        work.deliverer().flush()
    assert (len(s.ads.events), s.ads.duplicates) == (1, 1)


def test_a_deal_whose_contact_is_named_after_it_was_won_comes_then(s: Shop) -> None:
    [ada] = people(s, 1)
    won = deal(s)
    s.sync()
    win(s, won)
    s.sync(wait=3600)
    assert s.ads.events == []
    s.w.clock.sleep(3600)
    s.w.boxes["crm"].seed({"roles": {won: [ada]}})
    s.sync()
    assert len(s.ads.events) == 1


def test_the_past_is_counted_and_sent_on_request(s: Shop) -> None:
    ids = people(s, 3)
    for i in ids:
        deal(s, i, stage="Closed Won")
    s.sync()
    since = s.w.clock.now() - timedelta(days=1)
    with s.work() as work:
        assert work.arrival.backfill(since, dry_run=True) == 3
        work.arrival.backfill(since, dry_run=False)
        work.arrival.backfill(since, dry_run=False)
        work.deliverer().flush()
    assert (len(s.ads.events), s.ads.duplicates) == (3, 0)


def test_nothing_is_taken_unless_the_connection_says_so(s: Shop) -> None:
    s.w.extra = {"crm": {"currency": "EUR"}}
    [ada] = people(s, 1)
    won = deal(s, ada)
    s.sync()
    win(s, won)
    s.sync()
    assert s.ads.events == []


def test_a_rule_that_would_send_the_same_conversion_for_a_stage_is_refused(s: Shop) -> None:
    s.events = EventsConfig((SendRule(("customer",), "Purchase", value="1", currency="EUR", to=("ads",)),))
    with pytest.raises(ConfigError, match=r"events.1: each Purchase is taken from crm already"):
        s.sync()


def test_an_amount_without_a_currency_stops_this_and_nothing_else(s: Shop) -> None:
    s.w.extra = {"crm": {"conversions": True}}
    [ada] = people(s, 1)
    won = deal(s, ada)
    s.sync()
    win(s, won)
    s.give(s.purchase(1))
    s.sync()
    assert s.failures["crm"].code == "SB-SALESFORCE-CURRENCY"
    assert len(s.ads.events) == 1  # what was given was sent
    s.w.extra = {"crm": {"conversions": True, "currency": "USD"}}
    s.sync()
    assert [e["currency"] for e in s.ads.events] == ["EUR", "USD"]


@pytest.mark.parametrize("later", [0, 2])
def test_a_deal_won_in_hubspot_counts_once_beside_the_stage_that_hubspot_sets_for_it(
    tmp_path: Path, later: int
) -> None:
    stages = SendRule(("*",), "StageChanged", to=("ads",))
    with shop(tmp_path, events=EventsConfig((stages,), (CUSTOMERS,))) as s:
        s.w.extra["crm"]["conversions"] = True
        box, [ada] = s.w.boxes["crm"], s.customers(1, "lead")
        [old, won] = box.seed({"deals": [{"dealstage": stage, "amount": "10", "contacts": [ada]} for stage in ("closedwon", "contractsent")]})["deals"]  # fmt: skip
        s.sync()
        box.seed({"edit_deals": {won: {"dealstage": "closedwon", "amount": "99.50"}, old: {"amount": "11"}}})
        s.w.clock.sleep(later)
        s.move([ada])
        for _ in range(3):
            s.sync()
        told = [(e["name"], e.get("value"), e.get("currency")) for e in s.ads.events]
        assert sorted(told) == [("Purchase", 99.5, "USD"), ("customer", None, None)]
        assert s.ads.duplicates == 0


def test_a_connection_that_cannot_be_opened_and_takes_no_events_is_owed_none(tmp_path: Path) -> None:
    with shop(tmp_path) as s:
        s.customers(1)
        s.sync()
        config = s.config()
        s.w.boxes["crm"].fault("status", status=401, times=None)
        from stagebridge.delivery.setup import Events
        from stagebridge.sync.engine import Engine

        ledger = Ledger.open(config.ledger)
        work = Events(config, Engine(config.contacts, ledger, [], config.lifecycle, s.w.clock), s.w.clock)
        assert work.targets.keys() == {"ads"}
        assert work.failures.keys() == {"crm"}
        ledger.close()
