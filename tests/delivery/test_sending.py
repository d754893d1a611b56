"""Sending: in time, by consent, in as few calls as possible, and once whatever happens."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import log2
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery_world import Shop, shop
from stagebridge.connector import Done, Draft, Outcome, Rejected, Unknown
from stagebridge.contact import Contact
from stagebridge.delivery import inspect
from stagebridge.delivery.narrow import narrowed
from stagebridge.errors import AuthError, BatchRefused
from stagebridge.ledger.store import Ledger


@pytest.fixture
def s(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as made:
        yield made


def verdicts(s: Shop) -> dict[str, str]:
    ledger = Ledger.open(s.config().ledger)
    try:
        return {d["event"]: d["verdict"] for d in inspect.deliveries(ledger)}
    finally:
        ledger.close()


def test_as_few_calls_as_the_batch_allows_also_after_one_was_repaired(s: Shop) -> None:
    s.give(*[s.purchase(i) for i in range(35)])
    s.ads.script = ["busy"]
    s.flush()
    assert len(s.ads.events) == 35
    assert s.ads.calls == 5  # four, and the one that was refused
    assert sorted(s.ads.sizes) == [5, 10, 10, 10, 10]


def test_what_expires_soonest_goes_first_and_what_has_expired_does_not_go(s: Shop) -> None:
    now = s.w.clock.now()
    s.give(*[s.purchase(i, at=now - timedelta(days=i)) for i in range(9)])
    s.flush()
    assert [round((now.timestamp() - e["at"]) / 86400) for e in s.ads.events] == [6, 5, 4, 3, 2, 1, 0]
    assert verdicts(s)["order-8"].startswith("SB-EVENT-EXPIRED")


def test_the_gate_is_at_sending(s: Shop) -> None:
    [ada] = s.customers(1, "lead")
    s.w.boxes["crm"].seed({"properties": [{"name": "ads_ok", "label": "Ads", "type": "string"}]})
    s.w.extra["crm"]["mapping"] = "crm.yaml"
    (s.w.folder / "crm.yaml").write_text(
        "extends: hubspot\ncontact:\n  fields:\n    consent.ads: {field: properties.ads_ok, values: {granted: 'yes', denied: 'no'}}\n"
        "  unsupported: {consent.ads: ~}\n"
    )
    s.ads_consent = "granted_only"
    s.w.boxes["crm"].seed({"edit": {ada: {"ads_ok": "yes"}}})
    s.sync()
    s.give(s.purchase(0))
    s.w.boxes["crm"].seed({"edit": {ada: {"ads_ok": "no"}}})
    s.sync()
    assert s.ads.events == []
    assert verdicts(s)["order-0"] == "SB-EVENT-CONSENT: the person does not agree to ads"


def test_a_revoked_token_is_one_alarm_and_loses_nothing(s: Shop, caplog: pytest.LogCaptureFixture) -> None:
    s.give(*[s.purchase(i) for i in range(60)])
    s.ads.script = ["auth"] * 9
    caplog.set_level(logging.WARNING, "stagebridge.alerts")
    s.flush()
    assert [r.getMessage().split()[0] for r in caplog.records] == ["auth.failed"]
    assert isinstance(s.failures["ads"], AuthError)
    s.ads.script = []
    s.flush()
    assert (len(s.ads.events), s.ads.duplicates) == (60, 0)


def test_what_still_waits_a_day_before_its_deadline_is_an_alarm(s: Shop, caplog: pytest.LogCaptureFixture) -> None:
    s.give(s.purchase(1, at=s.w.clock.now() - timedelta(days=6, hours=12)), s.purchase(2))
    s.ads.script = ["auth"]
    caplog.set_level(logging.WARNING, "stagebridge.alerts")
    s.flush()
    assert [r.getMessage() for r in caplog.records if r.getMessage().startswith("deadline.near")] == [
        "deadline.near run=2 connection=ads count=1"
    ]


def test_an_unanswered_delivery_is_sent_again_while_the_platform_knows_its_id_and_listed_afterwards(s: Shop) -> None:
    s.give(s.purchase(1))
    s.ads.script = ["late", "lost"]
    s.flush()
    assert (len(s.ads.events), s.ads.duplicates) == (1, 1)
    s.give(s.purchase(2))
    s.ads.script = ["late", "auth"]
    s.flush()
    s.flush(49 * 3600)
    assert (len(s.ads.events), s.ads.duplicates) == (2, 1)
    assert verdicts(s)["order-2"].startswith("SB-EVENT-UNANSWERED: it was sent and not answered")


def test_a_run_that_is_killed_in_the_middle_of_a_call_is_taken_up_again(s: Shop) -> None:
    s.give(*[s.purchase(i) for i in range(25)])
    s.ads.script = ["ok", "kill"]
    with pytest.raises(KeyboardInterrupt):
        s.flush()
    s.flush()
    assert len(s.ads.events) == 25


def test_bad_events_are_found_and_the_others_counted(s: Shop) -> None:
    s.give(*[s.purchase(i) for i in range(20)])
    s.ads.bad = {"order-3", "order-11", "order-12"}
    report = s.flush()
    assert sorted(e["id"] for e in s.ads.events) == sorted(f"order-{i}" for i in range(20) if i not in (3, 11, 12))
    assert report.verdicts == {"SB-ADS-VALUE": 3}
    assert verdicts(s)["order-11"] == "SB-ADS-VALUE: a value is wrong"
    s.ads.bad = set()
    ledger = Ledger.open(s.config().ledger)
    for letter in inspect.dead_letters(ledger):
        inspect.release(ledger, int(letter["id"][1:]), retry=True)
    ledger.close()
    s.flush()
    assert (len(s.ads.events), s.ads.duplicates) == (20, 0)


WORDS = st.lists(st.sampled_from(["ok", "ok", "lost", "late", "busy", "kill", "auth"]), max_size=12)
PEOPLE = st.sets(st.integers(0, 29), max_size=4)


def any_history(folder: Path, script: list[str], bad: set[int], names: bool, denied: set[int]) -> None:
    """Whatever fails, the platform counts the valid events, each once."""
    with shop(folder) as s:
        old = s.purchase(90, at=s.w.clock.now() - timedelta(days=8))
        s.give(old, *[s.purchase(i, consent_ads="denied" if i in denied else None) for i in range(30)])
        s.ads.script, s.ads.names_bad, s.ads.bad = list(script), names, {f"order-{i}" for i in bad}
        for _ in range(len(script) + 3):
            try:
                s.flush(1800)
            except KeyboardInterrupt:
                continue
        assert sorted(e["id"] for e in s.ads.events) == sorted(f"order-{i}" for i in range(30) if i not in bad | denied)


@settings(max_examples=5, deadline=None)
@given(script=WORDS, bad=PEOPLE, names=st.booleans(), denied=PEOPLE)
def test_whatever_fails_the_platform_counts_the_valid_events_each_once(
    tmp_path_factory: pytest.TempPathFactory, script: list[str], bad: set[int], names: bool, denied: set[int]
) -> None:
    any_history(tmp_path_factory.mktemp("any"), script, bad, names, denied)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@settings(max_examples=300, deadline=None)
@given(script=WORDS, bad=PEOPLE, names=st.booleans(), denied=PEOPLE)
def test_three_hundred_such_histories(
    tmp_path_factory: pytest.TempPathFactory, script: list[str], bad: set[int], names: bool, denied: set[int]
) -> None:
    any_history(tmp_path_factory.mktemp("any"), script, bad, names, denied)


# --- finding the bad one ---------------------------------------------------------------------------------------


class Platform:
    def __init__(self, bad: set[int], *, names: bool = False) -> None:
        self.bad = {str(i) for i in bad}
        self.names = names
        self.calls = 0
        self.counted: list[str] = []

    def __call__(self, batch: Sequence[Draft]) -> list[Outcome]:
        self.calls += 1
        wrong = [i for i, d in enumerate(batch) if d.id in self.bad]
        if wrong:
            raise BatchRefused("wrong", index=wrong[0] if self.names else None, code="SB-ADS-X")
        self.counted += [d.id for d in batch]
        return [Done(d.id) for d in batch]


def drafts(count: int) -> list[Draft]:
    return [Draft(str(i), {}) for i in range(count)]


@settings(max_examples=60, deadline=None)
@given(bad=st.sets(st.integers(0, 999), max_size=6), size=st.integers(1, 1000), names=st.booleans())
def test_each_bad_event_costs_no_more_than_finding_it(bad: set[int], size: int, names: bool) -> None:
    bad = {i for i in bad if i < size}
    platform = Platform(bad, names=names)
    outcomes, error = narrowed(platform, drafts(size))
    assert error is None
    assert [isinstance(o, Rejected) for o in outcomes] == [i in bad for i in range(size)]
    assert sorted(platform.counted, key=int) == [str(i) for i in range(size) if i not in bad]
    each = 1 if names else int(log2(size)) + 1 + 1  # the bound, and one for those that stood beside it
    assert platform.calls <= 1 + len(bad) * each + (0 if names else len(bad))


def test_three_bad_events_of_a_thousand_cost_thirty_four_calls_and_their_neighbours() -> None:
    platform = Platform({17, 500, 981})
    narrowed(platform, drafts(1000))
    assert len(platform.counted) == 997
    assert platform.calls <= 1 + 3 * 11 + 3


def test_an_answer_that_is_lost_while_halves_are_sent_is_unknown_for_that_half_only() -> None:
    platform = Platform({9})
    answers: list[Any] = []

    def send(batch: Sequence[Draft]) -> list[Outcome]:
        answered = platform(batch)
        answers.append(len(batch))
        return [Unknown("no answer") for _ in batch] if len(answers) == 1 else answered

    outcomes, _ = narrowed(send, drafts(16))
    assert [type(o) for o in outcomes[:8]] == [Unknown] * 8
    assert [type(o) for o in outcomes[8:]] == [Done, Rejected] + [Done] * 6
    assert len(platform.counted) == len(set(platform.counted)) == 15


def test_what_stops_the_connection_leaves_the_rest_for_later() -> None:
    platform, calls = Platform({3}), 0

    def send(batch: Sequence[Draft]) -> list[Outcome]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise AuthError("revoked")
        return platform(batch)

    outcomes, error = narrowed(send, drafts(8))
    assert isinstance(error, AuthError)
    assert len(platform.counted) == sum(isinstance(o, Done) for o in outcomes)
    assert {type(o).__name__ for o in outcomes} <= {"Done", "Retry"}


def test_nobodys_data_is_in_a_verdict(s: Shop) -> None:
    s.give(s.purchase(1, contact=Contact(first_name="Zoë")))
    assert "Zoë" not in str(verdicts(s))
