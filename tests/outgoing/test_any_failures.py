"""Whatever a receiver does, nothing is lost, nothing overtakes, and what is given up is listed."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from stagebridge.clock import ManualClock
from stagebridge.endpoint import Answer
from stagebridge.outgoing import inspect, schedule
from told_kit import alert_each, queue, sends

NAMES = [f"c{n}" for n in range(5)]
ANSWERS = st.sampled_from([200, 200, 204, 400, 422, 404, 429, 500, 503, 301, 410, "down"])


def answer(said: int | str) -> Answer:
    return Answer(said if isinstance(said, int) else 599, {"retry-after": "7"} if said == 429 else {})


@settings(max_examples=60, deadline=None)
@given(st.lists(ANSWERS, max_size=40), st.lists(st.sampled_from([1, 60, 3600, 90_000]), min_size=1, max_size=30))
def test_any_answers_at_any_times_end_in_everything_taken_in_order_or_listed(
    answers: list[int | str], waits: list[int]
) -> None:
    start = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    told = {"told": sends(events=["conflict.opened"])}
    with tempfile.TemporaryDirectory() as folder, queue(Path(folder), ManualClock(start), told) as q:
        q.receiver.script = [*(answer(a) for a in answers), 200]
        alert_each(q, NAMES[:3])
        for number, wait in enumerate(waits):
            q.send()
            if number == len(waits) // 2:
                alert_each(q, NAMES[3:])
            q.clock.advance(wait)
        if len(waits) == 1:
            q.send()
        q.receiver.script = [200]
        for _ in range(2 * len(NAMES)):
            q.send()
            if any(e["state"] == "paused" for e in inspect.endpoints(q.ledger, q.outgoing.outlets)):
                inspect.resume(q.ledger, "told")
            q.clock.advance(80_000 * 1.3)
        sequences = [t.said["sequence"] for t in q.receiver.taken]
        assert sequences == sorted(set(sequences))
        dead = {x["id"] for x in inspect.dead_letters(q.ledger)}
        taken = {t.headers["webhook-id"] for t in q.receiver.taken}
        assert len(taken) + len(dead) == len(NAMES)
        for message in inspect.messages(q.ledger):
            tries = [t for t in q.receiver.tries if t.headers["webhook-id"] == message["id"]]
            assert message["state"] == ("sent" if message["id"] in taken else "dead")
            if message["state"] == "dead":
                assert len(tries) > schedule.REFUSED
