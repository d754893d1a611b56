"""What is accepted is on the disk, and that costs little more than accepting nothing.

The figures are compared within one run on one machine; two of them are bounds in absolute time, with room for a machine that
is busy with other things.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hooks_kit import ROOT, SHOP, Served, accepted_in, configure, free_port, held, message, serving, until
from hooks_load import Load, drive, request

WIDE = 64


def orders(first: int, count: int) -> list[bytes]:
    return [request("/hooks/shop", *message(first + i)) for i in range(count)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    configure(tmp_path, {"shop": SHOP})
    with serving(tmp_path) as running:
        yield running


def empty(count: int) -> Load:
    """An endpoint that does nothing, in a process of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(ROOT / "tests" / "hooks_empty.py"), str(port)])
    try:
        until(lambda: _answers(port), 30, "the empty endpoint did not start")
        drive(port, [request("/empty", b"{}", {})] * (count // 4), wide=WIDE)  # warm
        return drive(port, [request("/empty", b"{}", {})] * count, wide=WIDE)
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        return drive(port, [request("/empty", b"{}", {})], wide=1).statuses == {200: 1}
    except OSError:
        return False


def compared(served: Served, count: int) -> tuple[float, float]:
    """Accepted hooks and empty requests a second, in the same run."""
    nothing = empty(count)
    drive(served.port, orders(0, count // 4), wide=WIDE)  # warm, like the other
    served.worked_on(60)
    load = drive(served.port, orders(count, count), wide=WIDE)
    assert load.statuses == {200: count}
    assert accepted_in(served.folder) == count // 4 + count
    return load.rate, nothing.rate


def memory(served: Served) -> float:
    """Megabytes that the process has in memory."""
    status = Path(f"/proc/{served.process.pid}/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_ten_thousand_hooks_at_once_lose_nothing_and_take_no_memory(served: Served) -> None:
    drive(served.port, orders(0, 1000), wide=WIDE)
    served.worked_on(120)
    before = memory(served)
    load = drive(served.port, orders(1000, 10_000), wide=200)
    taken = load.statuses.get(200, 0)
    grown = memory(served) - before
    assert load.statuses == {200: 10_000}, load.statuses
    assert accepted_in(served.folder) == 1000 + taken
    served.worked_on(900)
    assert len(held(served.folder)) == 1000 + taken
    print(
        f"{load.rate:.0f} a second, p99 {load.slowest(0.01) * 1000:.0f} ms, {grown:.0f} MB more, {memory(served) - before:.0f} in the end"
    )
    assert load.slowest(0.01) < 4
    assert max(grown, memory(served) - before) < 60


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_durable_accepts_reach_a_third_of_an_endpoint_that_does_nothing_and_at_200_a_second_none_waits_long(
    served: Served,
) -> None:
    ours, nothing = compared(served, 4000)
    served.worked_on(300)
    load = drive(served.port, orders(20_000, 4000), wide=32, rate=200)
    print(f"{ours:.0f} accepted a second, {nothing:.0f} empty ones: {ours / nothing:.2f}")
    print(f"at 200 a second p99 {load.slowest(0.01) * 1000:.1f} ms, median {load.slowest(0.5) * 1000:.1f} ms")
    assert load.statuses == {200: 4000}
    assert ours >= 0.3 * nothing
    assert load.slowest(0.01) < 0.1


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("bunch", [1, 20])
def test_while_200_a_second_go_on_coming_half_of_them_are_worked_on_at_once_and_none_waits_long(
    served: Served, bunch: int
) -> None:
    """Also where they come twenty at a time, so that it looks like one burst all along."""
    drive(served.port, orders(0, 100), wide=8)
    served.worked_on()
    before = served.metric('applied_total{connection="shop"}')
    load = drive(served.port, orders(1000, 2000), wide=32, rate=200, bunch=bunch)
    applied = (served.metric('applied_total{connection="shop"}') - before) / load.seconds
    print(f"by {bunch}: {applied:.0f} applied a second, p99 of the answers {load.slowest(0.01) * 1000:.0f} ms")
    assert load.statuses == {200: 2000}
    assert applied >= 100
    assert load.slowest(0.01) < 0.1
    served.worked_on()
    assert len(held(served.folder)) == 2100
