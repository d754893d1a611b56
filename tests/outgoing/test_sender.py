"""On the way out: in order, for three days, and nobody waits for somebody else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stagebridge.clock import ManualClock
from stagebridge.endpoint import Answer
from stagebridge.errors import ConfigError
from stagebridge.outgoing import inspect, schedule
from stagebridge.outgoing.sender import Sender
from stagebridge.webhooks.metrics import Metrics
from told_kit import Queue, Receiver, alert_each, queue, sends

HERE, THERE = "https://here.example.com/in", "https://there.example.com/in"
BOTH = {"here": sends(HERE, events=["conflict.opened"]), "there": sends(THERE, events=["conflict.opened"])}
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def q(tmp_path: Path) -> Iterator[Queue]:
    with queue(tmp_path, ManualClock(START), BOTH) as made:
        yield made


def about(q: Queue, url: str) -> list[str]:
    """Which names arrived there, in the order in which they did."""
    return [t.said["data"]["facts"]["connection"] for t in q.receiver.taken if t.url == url]


def states(q: Queue) -> dict[str, str]:
    return {e["name"]: e["state"] for e in inspect.endpoints(q.ledger, q.outgoing.outlets)}


def test_each_endpoint_has_everything_in_the_order_in_which_it_happened(q: Queue) -> None:
    names = [f"c{n:03d}" for n in range(50)]
    alert_each(q, names)
    q.send()
    assert about(q, HERE) == about(q, THERE) == names
    sequence = [t.said["sequence"] for t in q.receiver.taken if t.url == HERE]
    assert sequence == sorted(set(sequence))


def test_an_endpoint_that_is_down_holds_up_no_other_and_gets_everything_in_order_once_it_is_back(q: Queue) -> None:
    q.receiver.down = {HERE}
    alert_each(q, ["a", "b"])
    q.send()
    assert about(q, THERE) == ["a", "b"]
    assert len([t for t in q.receiver.tries if t.url == HERE]) == 1  # nothing passes what waits
    alert_each(q, ["c"])
    q.receiver.down = set()
    q.clock.advance(10)
    q.send()
    assert about(q, HERE) == about(q, THERE) == ["a", "b", "c"]
    assert states(q) == {"here": "active", "there": "active"}


def test_a_message_is_tried_for_three_days_then_put_aside_and_the_endpoint_waits_for_somebody(q: Queue) -> None:
    q.receiver.down = {HERE}
    alert_each(q, ["a", "b"])
    for _ in range(200):
        q.send()
        q.clock.advance(1800)
    mine = [t for t in q.receiver.tries if t.url == HERE]
    assert len(mine) == len(schedule.DELAYS) + 1
    assert len({t.headers["webhook-id"] for t in mine}) == 1
    assert len({t.headers["webhook-timestamp"] for t in mine}) == len(mine)
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(mine)]
    assert all(gap >= wanted * 0.8 for gap, wanted in zip(gaps, schedule.DELAYS, strict=True))
    assert 2.4 * 86400 < mine[-1].at - mine[0].at < 3.8 * 86400
    assert states(q) == {"here": "paused", "there": "active"}
    [letter] = inspect.dead_letters(q.ledger)
    q.receiver.down = set()
    q.clock.advance(86400)
    q.send()
    assert about(q, HERE) == []  # paused: somebody is to look at it first
    inspect.release(q.ledger, int(letter["id"].partition(":")[2]), retry=True)
    assert inspect.resume(q.ledger, "here") == 2
    q.send()
    assert about(q, HERE) == ["a", "b"]


def test_delays_grow_and_endpoints_that_failed_together_do_not_come_back_together() -> None:
    for failures in range(1, len(schedule.DELAYS) + 1):
        least, most = (schedule.delay(failures, chance=c) or 0 for c in (0.0, 1.0))
        assert least == pytest.approx(schedule.DELAYS[failures - 1] * 0.8)
        assert most == pytest.approx(schedule.DELAYS[failures - 1] * 1.2)
    assert schedule.delay(len(schedule.DELAYS) + 1) is None
    assert sum(schedule.DELAYS) == pytest.approx(71.6 * 3600, rel=0.01)
    assert len({schedule.delay(3) for _ in range(20)}) > 1


@pytest.mark.parametrize(("asked", "waits"), [("120", 120), ("86400", 3600), ("soon", 5), ("-1", 5)])
def test_whoever_asks_for_time_gets_it_up_to_an_hour(q: Queue, asked: str, waits: float) -> None:
    q.receiver.script = [Answer(429, {"retry-after": asked})]
    alert_each(q, ["a"])
    q.send()
    tries = len(q.receiver.tries)
    q.clock.advance(waits * 0.75)
    q.send()
    assert len(q.receiver.tries) == tries
    q.clock.advance(waits * 0.5)
    q.send()
    assert len(q.receiver.tries) == tries + 2


@pytest.mark.parametrize("status", [301, 302, 307, 401, 404, 500, 503])
def test_whatever_is_no_success_and_no_farewell_is_tried_again(q: Queue, status: int) -> None:
    q.receiver.script = [status, status, 204]
    alert_each(q, ["a"])
    q.send()
    assert q.receiver.taken == []
    q.clock.advance(10)
    q.send()
    assert about(q, HERE) == about(q, THERE) == ["a"]


def test_one_message_that_an_endpoint_will_not_have_does_not_stop_the_others_for_long(q: Queue) -> None:
    def picky(url: str, body: bytes, headers: dict[str, str]) -> Answer:
        q.receiver.script = [422 if b'"connection":"bad"' in body else 200]
        return q.receiver(url, body, headers)

    alert_each(q, ["good", "bad", "later"])
    for _ in range(5):
        sender = q.outgoing.sender(q.ledger, picky)
        sender.flush()
        sender.close()
        q.clock.advance(2400)
    assert about(q, HERE) == ["good", "later"]
    assert [x["connection"] for x in inspect.dead_letters(q.ledger)] == ["here", "there"]
    assert states(q) == {"here": "active", "there": "active"}


def test_what_is_too_large_for_anybody_is_put_aside_at_once_and_a_defect_is_tried_again(q: Queue) -> None:
    broken = True

    def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
        if broken:
            raise ZeroDivisionError
        return q.receiver(url, body, headers)

    alert_each(q, ["x" * 300_000, "a"])
    sender = q.outgoing.sender(q.ledger, post)
    sender.flush()
    assert len(inspect.dead_letters(q.ledger)) == 2
    assert q.receiver.taken == []
    broken = False
    q.clock.advance(10)
    sender.flush()
    sender.close()
    assert about(q, HERE) == about(q, THERE) == ["a"]


def test_an_endpoint_that_says_nobody_listens_is_asked_no_more(q: Queue) -> None:
    q.receiver.script = [410]
    alert_each(q, ["a", "b"])
    q.send()
    q.clock.advance(90_000)
    q.send()
    assert len(q.receiver.tries) == 2
    assert states(q) == {"here": "paused", "there": "paused"}


def test_messages_are_sent_once_more_by_id_and_by_time_under_their_own_id(q: Queue) -> None:
    alert_each(q, ["a"])
    q.clock.advance(3600)
    alert_each(q, ["b", "c"])
    q.send()
    first = {t.said["data"]["facts"]["connection"]: t.headers["webhook-id"] for t in q.receiver.taken}
    q.receiver.taken.clear()
    assert inspect.replay(q.ledger, q.outgoing.outlets, ids=[first["a"]]) == 2
    q.send()
    assert about(q, HERE) == about(q, THERE) == ["a"]
    assert {t.headers["webhook-id"] for t in q.receiver.taken} == {first["a"]}
    q.receiver.taken.clear()
    since = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert inspect.replay(q.ledger, q.outgoing.outlets, since=since, to=["there"]) == 2
    q.send()
    assert (about(q, HERE), about(q, THERE)) == ([], ["b", "c"])
    for wrong in ({"ids": ["msg_none"]}, {"since": since, "to": ["nobody"]}):
        with pytest.raises(ConfigError):
            inspect.replay(q.ledger, q.outgoing.outlets, **wrong)


def test_what_is_sent_failed_and_dead_is_counted_by_connection_and_what_waits_is_a_gauge(q: Queue) -> None:
    metrics = Metrics()
    q.receiver.down = {HERE}
    alert_each(q, ["a", "b"])
    for _ in range(200):
        sender = q.outgoing.sender(q.ledger, q.receiver, lambda what, name: metrics.count(f"messages_{what}", name))
        sender.flush()
        sender.close()
        q.clock.advance(1800)
    said = metrics.text(q.ledger, q.outgoing.outlets, 0).splitlines()
    tries = len(schedule.DELAYS) + 1
    for line in (
        'stagebridge_messages_sent_total{connection="there"} 2',
        f'stagebridge_messages_failed_total{{connection="here"}} {tries}',
        'stagebridge_messages_dead_total{connection="here"} 1',
        "stagebridge_messages_waiting 1",
        "stagebridge_receivers_paused 1",
    ):
        assert line in said
    assert "example.com" not in "".join(said)


def test_what_waits_for_nobody_any_more_is_in_no_figure(q: Queue) -> None:
    q.receiver.down = {HERE, THERE}
    alert_each(q, ["a"])
    q.send()
    assert inspect.standing(q.ledger, q.outgoing.outlets) == inspect.Standing(2, 2, 0, 2)
    del q.outgoing.outlets.standing["here"]
    assert inspect.standing(q.ledger, q.outgoing.outlets) == inspect.Standing(1, 1, 0, 1)


def test_messages_of_one_receiver_are_the_newest_of_every_state(q: Queue) -> None:
    for n in range(6):
        q.receiver.down = {HERE} if n >= 4 else set()
        alert_each(q, [f"c{n}"])
        q.send()
    found = inspect.messages(q.ledger, endpoint="here", limit=4)
    assert [m["state"] for m in found] == ["queued", "queued", "sent", "sent"]
    assert {m["to"] for m in found} == {"here"}
    times = [m["id"] for m in inspect.messages(q.ledger, endpoint="here")]
    assert len(times) == 6
    assert [m["id"] for m in found] == times[:4]
    assert [m["to"] for m in inspect.messages(q.ledger, "queued", limit=9)] == ["here", "here"]
    assert len(inspect.messages(q.ledger, limit=5)) == 5


def test_two_processes_never_post_to_one_endpoint_at_once(q: Queue) -> None:
    alert_each(q, [f"c{n}" for n in range(20)])
    one, other = q.sender(), q.sender()
    futures = [*one.begin(), *other.begin()]
    for future in futures:
        future.result()
    one.flush()
    one.close()
    other.close()
    for url in (HERE, THERE):
        arrived = about(q, url)
        assert sorted(arrived) == sorted(f"c{n}" for n in range(20))  # each once
        assert arrived == [f"c{n}" for n in range(20)]


def test_the_lease_of_a_killed_process_runs_out_and_its_post_is_made_again(q: Queue) -> None:
    alert_each(q, ["a"])

    class Killed(BaseException):
        pass

    def dies(url: str, body: bytes, headers: dict[str, str]) -> Answer:
        q.receiver(url, body, headers)
        raise Killed

    sender = q.outgoing.sender(q.ledger, dies)
    sender._release = lambda name: None  # type: ignore[method-assign]  # a killed process gives nothing back
    for future in sender.begin():
        with pytest.raises(Killed):
            future.result()
    q.receiver.taken.clear()
    q.send()
    assert q.receiver.taken == []
    q.clock.advance(61)
    q.send()
    assert about(q, HERE) == about(q, THERE) == ["a"]


def test_a_backlog_of_hours_lets_others_go_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stagebridge.outgoing.sender.AT_ONCE", 1)
    with queue(tmp_path, ManualClock(START), BOTH) as q:
        names = [f"c{n:03d}" for n in range(40)]
        alert_each(q, names)
        q.receiver = Slow(q.clock)
        q.send()
        assert about(q, HERE) == about(q, THERE) == names
        assert [t.url for t in q.receiver.tries].index(THERE) < 20


class Slow(Receiver):
    """Takes a second for each."""

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.clock.sleep(1.0)
        return super().__call__(url, body, headers)


def test_what_goes_wrong_with_one_endpoint_is_logged_and_the_others_are_told(
    q: Queue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alert_each(q, ["a"])
    claim = Sender._claim

    def broken(sender: Sender, name: str) -> bool:
        if name == "here":
            raise LookupError("a defect")
        return claim(sender, name)

    monkeypatch.setattr(Sender, "_claim", broken)
    q.send()
    assert (about(q, HERE), about(q, THERE)) == ([], ["a"])
    assert "here: the work on its messages failed" in caplog.text


def test_two_processes_that_begin_with_an_endpoint_at_the_same_moment_end_in_one_post(
    q: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    alert_each(q, ["a"])

    @sa.event.listens_for(q.ledger.engine, "before_cursor_execute", named=True)
    def first(**given: Any) -> None:
        if given["statement"].startswith("INSERT INTO endpoint"):
            given["cursor"].execute(given["statement"], given["parameters"])  # of the other one

    q.send()
    assert q.receiver.tries == []
    sa.event.remove(q.ledger.engine, "before_cursor_execute", first)
    q.send()
    assert about(q, HERE) == about(q, THERE) == ["a"]
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []


def test_what_waits_for_a_connection_that_left_the_configuration_costs_no_writing_and_goes_on_when_it_is_back(
    q: Queue,
) -> None:
    q.send()
    alert_each(q, ["a"])
    gone = q.outgoing.outlets.standing.pop("here")
    q.send()
    written: list[str] = []

    @sa.event.listens_for(q.ledger.engine, "before_cursor_execute", named=True)
    def seen(**given: Any) -> None:
        written.append(given["statement"])

    q.send()
    assert [s for s in written if not s.startswith(("SELECT", "BEGIN"))] == []
    q.outgoing.outlets.standing["here"] = gone
    q.send()
    assert about(q, HERE) == about(q, THERE) == ["a"]
