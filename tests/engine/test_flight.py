"""Several calls under way at once, one thread on the ledger; and the engine with sixteen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_world import world
from stagebridge.errors import PlatformDown
from stagebridge.sync.flight import Flight, Steps

PEOPLE = 600


def test_calls_of_several_jobs_are_under_way_at_once_and_all_else_runs_in_one_thread() -> None:
    meet = threading.Barrier(3, timeout=5)
    ours: set[int] = set()
    theirs: set[int] = set()

    def call() -> None:
        meet.wait()  # passes only if three are here together
        theirs.add(threading.get_ident())

    def job() -> Steps[None]:
        ours.add(threading.get_ident())
        yield call
        ours.add(threading.get_ident())

    Flight(3).run(job() for _ in range(6))
    assert ours == {threading.get_ident()}
    assert len(theirs) == 3


@pytest.mark.parametrize("width", [1, 4])
def test_a_job_gets_back_what_its_call_returned_or_raised(width: int) -> None:
    seen: list[object] = []

    def job() -> Steps[None]:
        seen.append((yield lambda: 41 + 1))
        try:
            yield lambda: 1 // 0
        except ZeroDivisionError:
            seen.append("caught")

    Flight(width).run(iter([job()]))
    assert seen == [42, "caught"]


@pytest.mark.parametrize("width", [1, 4])
def test_after_a_failure_no_job_is_begun_and_those_under_way_are_finished(width: int) -> None:
    begun: list[int] = []
    ended: list[int] = []

    def fail() -> None:
        raise PlatformDown("down")

    def jobs() -> Iterator[Steps[None]]:
        for number in range(40):
            yield job(number)

    def job(number: int) -> Steps[None]:
        begun.append(number)
        yield fail if number == 2 else lambda: None
        ended.append(number)

    with pytest.raises(PlatformDown):
        Flight(width).run(jobs())
    assert sorted([*ended, 2]) == begun
    assert len(begun) < 40


@pytest.mark.parametrize("width", [1, 4])
def test_what_a_job_makes_possible_is_done_too(width: int) -> None:
    flight, order = Flight(width), list[str]()

    def second() -> Steps[None]:
        yield lambda: order.append("second")

    def first() -> Steps[None]:
        yield lambda: order.append("first")
        flight.add(second())

    def jobs() -> Iterator[Steps[None]]:
        yield first()
        flight.add(second())  # with nothing to do before it

    flight.run(jobs())
    assert order == ["first", "second", "second"]


def test_sixteen_calls_under_way_end_as_one_after_the_other_does(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.flight = 16
        w.contacts["create"] = {"sales": "lead"}
        w.boxes["crm"].seed([{"email": f"p{i}@example.com", "lastname": f"P{i}"} for i in range(PEOPLE)])
        both = range(0, PEOPLE, 2)
        w.boxes["sales"].seed({"Contact": [{"Email": f"p{i}@example.com", "LastName": f"p{i}"} for i in both]})
        for box in w.boxes.values():  # one in ten answers does not come, whether it was done or not
            box.fault("timeout_after", path="*batch*", method="POST", probability=0.1, times=4)
            box.fault("status", status=503, probability=0.1, times=4)
        w.settle()
        held = w.in_salesforce("sales"), w.in_salesforce("sales", "Lead")
        assert [len(h) for h in held] == [len(both), PEOPLE - len(both)]
        assert {c["LastName"] for h in held for c in h.values()} == {f"P{i}" for i in range(PEOPLE)}
        assert len(w.boxes["sales"].state()["Lead"]) == PEOPLE - len(both)
        keys = [c["stagebridge_id"] for c in w.boxes["crm"].state()["contacts"]]
        assert len(set(keys)) == len(keys) == PEOPLE
        assert w.sync().writes == 0


def test_a_pilot_finds_its_people_however_many_others_wait_before_them(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.contacts["create"] = {"sales": "lead"}
        w.boxes["crm"].seed([{"email": f"p{i}@example.com", "lastname": f"P{i}"} for i in range(450)])
        w.sync(only=["p449@example.com"])
        assert list(w.in_salesforce("sales", "Lead")) == ["p449@example.com"]
        linked = [c["email"] for c in w.boxes["crm"].state()["contacts"] if c.get("stagebridge_id")]
        assert linked == ["p449@example.com"]
