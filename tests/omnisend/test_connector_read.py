from __future__ import annotations

from collections.abc import Iterable

import pytest

from omnisend_connected import calls, connected, held, new, seeded, switched
from omnisend_http import ADA, BOB
from stagebridge.clock import ManualClock
from stagebridge.connector import Page
from stagebridge.sandbox import Sandbox
from stagebridge_omnisend import Omnisend, connector

LIST = "GET /contacts"


def emails(pages: Iterable[Page]) -> list[str]:
    return [str(r.data["email"]) for p in pages for r in p.records]


def some(box: Sandbox, count: int, start: int = 0) -> list[str]:
    return seeded(box, *({"email": f"p{i}@example.com"} for i in range(start, start + count)))


def test_what_the_overlap_shows_again_does_not_come_again(box: Sandbox, om: Omnisend, clock: ManualClock) -> None:
    some(box, 300)
    first = list(om.read())
    assert len(emails(first)) == 300
    clock.sleep(30)
    box.seed({"edit": {held(box)["p7@example.com"]["id"]: {"firstName": "A"}}})
    second = list(om.read(since=first[-1].cursor))
    assert emails(second) == ["p7@example.com"]
    assert second[-1].covered is not None
    assert emails(om.read(since=second[-1].cursor)) == []


def test_a_change_that_became_visible_late_is_within_the_overlap(
    box: Sandbox, om: Omnisend, clock: ManualClock
) -> None:
    ids = some(box, 3)
    cursor = list(om.read())[-1].cursor
    clock.sleep(100)
    box.fault("late_commit", seconds=60)
    box.seed({"edit": {ids[0]: {"firstName": "Late"}}})
    box.heal()
    clock.sleep(20)
    box.seed({"edit": {ids[1]: {"firstName": "Soon"}}})
    pages = list(om.read(since=cursor))
    assert emails(pages) == ["p1@example.com"]
    clock.sleep(60)
    assert emails(om.read(since=pages[-1].cursor)) == ["p0@example.com"]


def test_a_read_since_a_time_begins_an_overlap_before_it(box: Sandbox, om: Omnisend, clock: ManualClock) -> None:
    some(box, 1)
    clock.sleep(1000)
    since = clock.now()
    seeded(box, {"email": ADA})
    assert emails(om.read(since=since)) == [ADA]
    clock.sleep(200)
    assert emails(om.read(since=clock.now())) == [ADA]


def test_a_cursor_that_the_platform_does_not_know_begins_the_pass_again(box: Sandbox, om: Omnisend) -> None:
    some(box, 300)
    cursor = next(om.read()).cursor
    rest = list(om.read(since={**cursor, "after": "bm9uZXNlbnNl"}))
    assert len({*emails(rest)}) == 300 - len(cursor["seen"])


def test_an_empty_account_is_read_as_a_whole_until_somebody_is_there(box: Sandbox, om: Omnisend) -> None:
    [page] = om.read()
    assert page.covered is not None
    seeded(box, {"email": ADA})
    assert emails(om.read(since=page.cursor)) == [ADA]


@switched(skew=3600.0)
def test_a_platform_whose_clock_is_fast_misses_nothing(box: Sandbox, om: Omnisend, clock: ManualClock) -> None:
    some(box, 2)
    pages = list(om.read())
    clock.sleep(600)
    seeded(box, {"email": ADA})
    assert emails(om.read(since=pages[-1].cursor)) == [ADA]
    assert pages[-1].covered is not None
    assert pages[-1].covered <= clock.now()


# --- looking for people ----------------------------------------------------------------------------------------


def test_after_a_whole_pass_nobody_is_asked_for_who_is_not_there(box: Sandbox, om: Omnisend) -> None:
    some(box, 600)
    list(om.read())
    before = calls(box)[LIST]
    strangers = [f"new{i}@example.com" for i in range(500)]
    assert [r.data["email"] for r in om.find("contacts", "email", [*strangers, "P5@example.com"])] == ["p5@example.com"]
    assert calls(box)[LIST] - before <= 3


def test_whoever_came_since_is_found_once_a_read_would_show_him(box: Sandbox, om: Omnisend, clock: ManualClock) -> None:
    some(box, 10)
    list(om.read())
    assert om.find("contacts", "email", [ADA]) == []
    clock.sleep(5)
    seeded(box, {"email": ADA})
    clock.sleep(2 * om.lag + 1)
    assert [r.data["email"] for r in om.find("contacts", "email", [ADA, BOB])] == [ADA]


def test_many_look_ups_without_a_pass_make_one_and_few_do_not(box: Sandbox, clock: ManualClock, om: Omnisend) -> None:
    some(box, 600)
    assert len(om.find("contacts", "email", ["p1@example.com", ADA])) == 1
    assert calls(box)[LIST] == 2
    for start in range(0, 1000, 100):
        assert om.find("contacts", "email", [f"new{start + i}@example.com" for i in range(100)]) == []
    assert calls(box)[LIST] <= 2 + 3 + 5


def test_an_account_that_is_too_large_for_a_pass_is_asked_for_each(
    box: Sandbox, om: Omnisend, monkeypatch: pytest.MonkeyPatch
) -> None:
    some(box, 600)
    monkeypatch.setattr(connector, "LONGEST_CALL", 2)
    wanted = [f"p{i}@example.com" for i in range(60)]
    assert len(om.find("contacts", "email", wanted)) == 60
    before = calls(box)[LIST]
    assert len(om.find("contacts", "email", wanted)) == 60
    assert calls(box)[LIST] - before == 60


def test_whoever_we_made_last_is_found_by_our_key_on_the_first_page(
    box: Sandbox, om: Omnisend, clock: ManualClock
) -> None:
    some(box, 900)
    clock.sleep(10)
    om.write([new()])
    before = calls(box).get(LIST, 0)
    [found] = om.find("contacts", "external_id", ["key-ada"])
    assert found.data["email"] == ADA
    assert calls(box)[LIST] - before == 1


def test_a_capital_letter_is_no_reason_to_miss_somebody(box: Sandbox, clock: ManualClock) -> None:
    seeded(box, {"email": "Ada@Example.com"})
    with connected(box, clock) as om:
        list(om.read())
        assert [r.data["email"] for r in om.find("contacts", "email", ["ADA@EXAMPLE.COM"])] == ["Ada@Example.com"]
