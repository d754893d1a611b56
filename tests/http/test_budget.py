"""True rolling windows, on a clock that can be handed in."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from stagebridge.clock import ManualClock, SystemClock
from stagebridge.connector import Rate
from stagebridge.http import Budget

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def let_through(budget: Budget, clock: ManualClock, calls: int) -> list[float]:
    """When each of `calls` was let through, in seconds after the start."""
    out = []
    for _ in range(calls):
        budget.acquire()
        out.append((clock.now() - START).total_seconds())
    return out


def fullest(times: list[float], per: float) -> int:
    """The most calls in any window of `per` seconds."""
    return max(sum(1 for t in times if start <= t < start + per) for start in times)


def test_no_window_of_ten_seconds_ever_holds_more_than_the_limit() -> None:
    clock = ManualClock(START)
    times = let_through(Budget([Rate(100, 10)], clock), clock, 350)
    assert fullest(times, 10) == 100
    assert times[99] == 0.0
    assert times[100] > 10.0


def test_a_burst_after_a_pause_is_counted_by_the_window_and_not_by_a_bucket() -> None:
    clock = ManualClock(START)
    budget = Budget([Rate(10, 10)], clock)
    times = let_through(budget, clock, 5)
    clock.advance(9)
    times += let_through(budget, clock, 10)
    assert fullest(times, 10) == 10


def test_every_window_counts() -> None:
    clock = ManualClock(START)
    times = let_through(Budget([Rate(5, 1), Rate(12, 60)], clock), clock, 24)
    assert fullest(times, 1) <= 5
    assert fullest(times, 60) == 12


def test_a_share_leaves_the_rest_to_others() -> None:
    clock = ManualClock(START)
    times = let_through(Budget([Rate(100, 10)], clock, share=0.8), clock, 200)
    assert fullest(times, 10) == 80


def test_the_smallest_share_still_lets_one_through() -> None:
    clock = ManualClock(START)
    assert let_through(Budget([Rate(5, 1)], clock, share=0.01), clock, 2)[1] > 1.0


def test_a_pause_holds_everybody_back() -> None:
    clock = ManualClock(START)
    budget = Budget([Rate(100, 10)], clock)
    budget.pause(7)
    budget.pause(3)
    assert let_through(budget, clock, 1) == [7.0]


def test_what_the_platform_says_about_its_limit_counts_from_then_on() -> None:
    clock = ManualClock(START)
    budget = Budget([Rate(100, 10)], clock, share=0.5)
    budget.allow(190, 10)
    assert fullest(let_through(budget, clock, 200), 10) == 95


def test_a_window_of_another_length_does_not_change_ours() -> None:
    clock = ManualClock(START)
    budget = Budget([Rate(3, 10)], clock)
    budget.allow(500, 1)
    assert fullest(let_through(budget, clock, 6), 10) == 3


def test_a_call_that_may_have_arrived_late_counts_from_then_on() -> None:
    clock = ManualClock(START)
    budget = Budget([Rate(2, 1)], clock)
    first, _ = budget.acquire(), budget.acquire()
    budget.late(first, 0.2)
    # of the two it is now the second to leave the window, and nobody gets in its place before
    assert [round(t) for t in let_through(budget, clock, 1)] == [1]
    assert let_through(budget, clock, 1)[0] >= 1.2


def test_a_window_is_kept_a_little_longer_than_the_platforms() -> None:
    clock = ManualClock(START)
    budget = Budget([Rate(1, 1)], clock)
    budget.acquire()
    clock.advance(1.001)
    assert let_through(budget, clock, 1)[0] > 1.005


def test_sixteen_threads_on_the_real_clock_stay_within_the_window() -> None:
    clock = SystemClock()
    budget = Budget([Rate(8, 0.05)], clock)
    times: list[datetime] = []

    def work() -> None:
        for _ in range(3):
            budget.acquire()
            times.append(clock.now())

    threads = [threading.Thread(target=work) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(10)
    assert len(times) == 48
    # 48 calls at 8 per window need five full windows
    assert max(times) - min(times) >= timedelta(seconds=5 * 0.05)
