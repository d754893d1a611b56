"""From a stage in a CRM to a conversion that is counted once, and back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from delivery_world import BUYS, Forgetful, Shop, shop
from stagebridge.config import EventsConfig, SendRule
from stagebridge.contact import Contact
from stagebridge.delivery import inspect
from stagebridge.errors import ConfigError
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger


@pytest.fixture
def s(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as made:
        yield made


def states(s: Shop) -> list[tuple[str, str | None]]:
    ledger = Ledger.open(s.config().ledger)
    try:
        return sorted((d["state"], d["verdict"].partition(":")[0]) for d in inspect.deliveries(ledger))
    finally:
        ledger.close()


def test_the_closed_loop_counts_everything_once(s: Shop) -> None:
    ids = s.customers(30, "opportunity")
    s.customers(40, "customer", first=30)
    s.sync()
    assert s.counted() == []  # a first sync fires nothing
    s.move(ids[:10])
    s.sync()
    assert s.counted() == ["Purchase"] * 10
    assert {(e["value"], e["currency"]) for e in s.ads.events} == {(99.5, "EUR")}
    web = [s.purchase(i) for i in range(10, 20)]
    s.give(*web)
    s.sync()
    stages = {c["email"]: c["lifecyclestage"] for c in s.w.boxes["crm"].state()["contacts"]}
    assert [stages[f"p{i}@example.com"] for i in range(20)] == ["customer"] * 20
    assert len(s.ads.events) == 20  # the stage that a purchase led to sends no second purchase
    s.give(*web)
    s.sync()
    s.sync()
    assert (len(s.ads.events), s.ads.duplicates) == (20, 0)


def test_a_ledger_restored_from_before_the_sending_counts_nothing_again(s: Shop, tmp_path: Path) -> None:
    ids = s.customers(5, "lead")
    s.sync()
    s.move(ids)
    with s.work() as work:
        work.engine.sync()  # queued, not sent
    shutil.copy(tmp_path / "stagebridge.db", tmp_path / "backup.db")
    s.flush()
    assert len(s.ads.events) == 5
    shutil.copy(tmp_path / "backup.db", tmp_path / "stagebridge.db")
    s.flush()
    assert (len(s.ads.events), s.ads.duplicates) == (5, 5)


def test_a_ledger_that_is_lost_sends_nothing_again(s: Shop, tmp_path: Path) -> None:
    ids = s.customers(5, "lead")
    s.sync()
    s.move(ids)
    s.sync()
    for file in tmp_path.glob("stagebridge.db*"):
        file.unlink()
    s.sync()
    s.sync()
    assert (len(s.ads.events), s.ads.duplicates) == (5, 0)


def test_a_stage_is_told_with_its_own_time_and_by_an_id_that_its_source_determines(s: Shop) -> None:
    s.events = EventsConfig((SendRule(("*",), "StageChanged", to=("ads",)),))
    [ada] = s.customers(1, "lead")
    s.sync()
    s.move([ada], "marketingqualifiedlead")
    s.sync()
    [told] = s.ads.events
    assert told["name"] == "marketing_qualified"
    entered = s.w.boxes["crm"].state()["contacts"][0]["hs_v2_date_entered_marketingqualifiedlead"]
    assert entered.startswith(str(s.w.clock.now().year))
    assert told["at"] < s.w.clock.now().timestamp() - 100


def test_a_move_that_does_not_count_sends_nothing(s: Shop) -> None:
    s.events = EventsConfig((SendRule(("*",), "StageChanged", to=("ads",)),))
    [ada] = s.customers(1, "customer")
    s.sync()
    s.w.boxes["crm"].seed({"edit": {ada: {"lifecyclestage": ""}}})
    s.w.boxes["crm"].seed({"edit": {ada: {"lifecyclestage": "lead"}}})  # held for a person
    s.sync()
    assert s.ads.events == []


def test_a_stage_without_the_amount_that_the_platform_requires_is_a_dead_letter_that_says_so(s: Shop) -> None:
    [ada] = s.customers(1, "lead")
    s.sync()
    s.w.boxes["crm"].seed({"edit": {ada: {"lifecyclestage": "customer"}}})
    s.sync()
    assert s.ads.events == []
    ledger = Ledger.open(s.config().ledger)
    [letter] = inspect.dead_letters(ledger)
    ledger.close()
    assert (letter["code"], letter["reason"]) == ("SB-EVENT-INCOMPLETE", "needs value; needs currency")


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (SendRule(("customer",), "Purchase", to=("ads",)), "value and currency only"),
        (SendRule(("customer",), "Review", to=("ads",)), "Review never reaches ads"),
        (SendRule(("customer",), "Purchase", "10", "EUR", to=("crm",)), "crm takes no events"),
    ],
)
def test_a_rule_that_can_never_send_anything_is_refused(s: Shop, rule: SendRule, why: str) -> None:
    s.events = EventsConfig((rule,))
    with pytest.raises(ConfigError, match=why), s.work():
        pass


def test_backfill_sends_the_past_once_and_a_first_sync_among_it(s: Shop) -> None:
    s.events = EventsConfig((SendRule(("customer",), "Purchase", "10", "EUR", to=("ads",)),))
    s.customers(4, "customer")
    s.customers(3, "lead", first=4)
    s.sync()
    since = s.w.clock.now() - timedelta(days=1)
    with s.work() as work:
        assert work.arrival.backfill(since, dry_run=True) == 4
        assert work.arrival.backfill(since, dry_run=False).queued == 4  # type: ignore[union-attr]
        assert work.arrival.backfill(since, dry_run=False).queued == 0  # type: ignore[union-attr]
    s.flush()
    assert s.counted() == ["Purchase"] * 4


def test_the_same_id_with_other_content_is_refused_and_named(s: Shop) -> None:
    report = s.give(s.purchase(1), s.purchase(1, value="11.00"))
    assert (report.queued, report.clashes) == (1, ["order-1"])
    assert s.give(s.purchase(1, value="12.00")).clashes == ["order-1"]
    s.flush()
    assert [e["value"] for e in s.ads.events] == [10.0]


def test_an_event_moves_forward_only_and_nobody_who_is_unknown(s: Shop) -> None:
    s.customers(1, "evangelist")
    s.sync()
    s.give(s.purchase(0), s.purchase(7))
    s.sync()
    [ada] = s.w.boxes["crm"].state()["contacts"]
    assert ada["lifecyclestage"] == "evangelist"
    assert len(s.ads.events) == 2


def test_who_is_forgotten_is_not_sent_and_leaves_no_trace(s: Shop, tmp_path: Path) -> None:
    from stagebridge.sync.decide import Decisions

    s.customers(1, "lead")
    s.sync()
    s.give(s.purchase(0))
    with s.work() as work:
        Decisions(work.engine).forget("p0@example.com")
    s.flush()
    assert s.ads.events == []
    for file in tmp_path.glob("stagebridge.db*"):
        assert b"p0@example.com" not in file.read_bytes()


def test_what_an_event_said_is_kept_as_long_as_the_change_log_and_that_it_was_sent_for_ever(
    s: Shop, tmp_path: Path
) -> None:
    s.w.contacts = {"keep_changes": "30d"}
    event = s.purchase(3)
    s.give(event)
    s.flush()
    s.sync(31 * 86400)
    ledger = Ledger.open(s.config().ledger)
    with ledger.begin() as tx:
        assert tx.execute(sa.select(t.event.c.data)).scalars().all() == [None]
    ledger.vacuum()
    ledger.close()
    for file in tmp_path.glob("stagebridge.db*"):
        assert b"p3@example.com" not in file.read_bytes()
    assert s.give(event).queued == 0
    s.flush()
    assert len(s.ads.events) == 1


def test_a_connection_without_dedup_is_never_sent_the_same_twice(tmp_path: Path) -> None:
    with shop(tmp_path, kind=Forgetful) as s:
        s.give(s.purchase(1), s.purchase(2))
        s.ads.script = ["late"]
        s.flush()
        s.flush(3600)
        assert len(s.ads.events) == 2
        assert states(s) == [("unknown", "SB-EVENT-UNANSWERED")] * 2
        assert BUYS.send in s.counted()


def test_a_person_with_consent_is_found_by_his_address(s: Shop) -> None:
    s.ads_consent = "granted_only"
    s.give(s.purchase(1, consent_ads="granted"), s.purchase(2), s.purchase(3, consent_ads="denied"))
    s.flush()
    assert len(s.ads.events) == 1
    assert states(s) == [("dead", "SB-EVENT-CONSENT"), ("dead", "SB-EVENT-CONSENT"), ("sent", states(s)[2][1])]


def test_an_event_keeps_the_person_as_he_was(s: Shop) -> None:
    s.give(s.purchase(1, contact=Contact(email="as.he.was@example.com")))
    s.flush()
    assert len(s.ads.events[0]["user"]["email"]) == 64
