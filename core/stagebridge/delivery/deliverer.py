"""Sending what is queued: what expires soonest goes first, in as few calls as the platform allows.

That a delivery is on its way is committed before the call. Only one run sends at a time, so one that is found on its way at
the start of a run is one whose run was killed: whether it arrived nobody knows, and it is sent again only where the platform
knows its id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from stagebridge.connector import Done, Draft, Events, Outcome, Rejected, Retry, Unknown
from stagebridge.delivery.gate import Gate, Shut
from stagebridge.delivery.narrow import narrowed
from stagebridge.errors import ConfigError, StagebridgeError
from stagebridge.ledger import schema as t
from stagebridge.ledger.tables import update_by_id
from stagebridge.sync import alerts
from stagebridge.sync.desk import Desk
from stagebridge.sync.letters import Letters
from stagebridge.sync.side import Side, ms

FIRST, LONGEST = 15, 3600
"""Seconds until a delivery is tried again: doubled each time, up to an hour."""
TRIES = 30
"""How often a delivery is tried that has no deadline: about a day at the longest delay."""
PATIENCE = 150.0
"""Seconds that one run waits for deliveries that are tried again soon."""
NEAR = 86_400_000
"""Milliseconds before its deadline in which a delivery that still waits is an alert."""


@dataclass(slots=True)
class Flush:
    """What a run did at one connection. `verdicts` counts what was not sent, by code; `waiting` is still to be sent."""

    sent: int = 0
    requests: int = 0
    unanswered: int = 0
    waiting: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        return {
            "sent": self.sent, "requests": self.requests, "unanswered": self.unanswered, "waiting": self.waiting,
            "verdicts": dict(self.verdicts),
        }  # fmt: skip


class Deliverer:
    """Sends to these connections. `failures` are connections that stopped, with the error."""

    def __init__(self, desk: Desk, targets: Sequence[Side]) -> None:
        self.desk = desk
        self.targets = targets
        self.reports = {s.name: Flush() for s in targets}
        self.failures: dict[str, StagebridgeError] = {}

    def flush(self) -> dict[str, Flush]:
        """Send everything that is due. Raises `Busy` where another run is at work."""
        with self.desk.hold():
            self.desk.start("events")
            letters = Letters(self.desk.ledger, self.desk.now)
            state = "failed"
            try:
                for side in self.targets:
                    self._connection(side)
                state = "failed" if self.failures else "ok"
            finally:
                self._sum_up(letters)
                alerts.of_failures(self.failures, self.desk.run_id)
                self.desk.finish(state, {n: r.to_json() for n, r in self.reports.items()})
        return self.reports

    def _connection(self, side: Side) -> None:
        """One connection's failure stops that connection and no other (promise G7)."""
        self._found_on_the_way(side)
        waited = 0.0
        while True:
            try:
                if self._some(side):
                    continue
            except ConfigError:
                raise
            except StagebridgeError as error:
                self.failures[side.name] = error
                return
            wait = self._next_due(side)
            if wait is None or waited + wait > PATIENCE:
                return
            waited += wait
            self.desk.clock.sleep(wait)

    # --- one page ----------------------------------------------------------------------------------------------

    def _some(self, side: Side) -> bool:
        """Send a page of deliveries; False where nothing is due."""
        able = side.connector.capabilities.events
        assert able is not None
        rows, drafts = self._take(side, able)
        if not rows:
            return False
        groups: dict[str, list[Draft]] = {}
        for draft in drafts:
            groups.setdefault(draft.group, []).append(draft)
        batches = [g[i : i + able.batch] for g in groups.values() for i in range(0, len(g), able.batch)]
        by_id = {r.event_id: r for r in rows}
        stop: StagebridgeError | None = None
        for start in range(0, len(batches), able.flight):
            some = batches[start : start + able.flight]
            with ThreadPoolExecutor(max_workers=len(some), thread_name_prefix="stagebridge") as pool:
                answers = list(pool.map(lambda batch: self._send(side, batch), some))
            for batch, (outcomes, error) in zip(some, answers, strict=True):
                self._settle(side, [by_id[d.id] for d in batch], outcomes)
                stop = stop or error
            if stop is not None:
                left = [by_id[d.id] for batch in batches[start + able.flight :] for d in batch]
                self._settle(side, left, [Retry(0, str(stop)) for _ in left])
                raise stop
        return True

    def _send(self, side: Side, batch: Sequence[Draft]) -> tuple[list[Outcome], StagebridgeError | None]:
        def send(some: Sequence[Draft]) -> list[Outcome]:
            self.reports[side.name].requests += 1
            return side.connector.send(some)

        return narrowed(send, batch)

    def _take(self, side: Side, able: Events) -> tuple[list[Any], list[Draft]]:
        """Deliveries that are due, those that the gate lets through, marked as on their way."""
        gate, report, d = Gate(side), self.reports[side.name], t.delivery.c
        with self.desk.book() as book:
            query = (
                sa.select(t.delivery, t.event.c.data, t.event.c.contact_id)
                .join(t.event, t.event.c.id == d.event_id)
                .where(d.connection == side.name, d.state == "queued", d.not_before <= book.now)
                .order_by(sa.func.coalesce(d.deadline, 2**62), d.id)
                .limit(able.batch * able.flight)
            )
            rows = list(book.tx.execute(query))
            events = gate.preload(book, rows)
            drafts, shut, going = [], [], []
            for row in rows:
                found = gate.look(book, row, events.get(row.event_id))
                if isinstance(found, Shut):
                    report.verdicts[found.code] += 1
                    shut.append({"id": row.id, "state": found.state, "code": found.code, "message": found.message,
                                 "settled": book.now})  # fmt: skip
                else:
                    drafts.append(found)
                    going.append({"id": row.id, "state": "sending", "first_sent": row.first_sent or book.now,
                                  "attempts": row.attempts + 1, "deadline": ms(found.deadline),
                                  "dedup": int(found.dedup * 1000)})  # fmt: skip
            update_by_id(book.tx, t.delivery, shut)
            update_by_id(book.tx, t.delivery, going)
        return rows, drafts

    def _settle(self, side: Side, rows: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
        report, now = self.reports[side.name], self.desk.now
        values = []
        for row, outcome in zip(rows, outcomes, strict=True):
            value: dict[str, Any] = {
                "id": row.id, "first_sent": row.first_sent, "not_before": 0, "code": None, "message": None, "settled": now,
            }  # fmt: skip
            match outcome:
                case Done():
                    report.sent += 1
                    value |= {"state": "sent", "first_sent": row.first_sent or now}
                case Retry(after, reason) if row.deadline is not None or row.attempts < TRIES:
                    # it was not taken: the next call is the first one again
                    value |= {
                        "state": "queued",
                        "not_before": now + later(row.attempts, after),
                        "message": reason,
                        "settled": None,
                    }
                case Retry(_, reason):
                    report.verdicts["SB-RETRIES"] += 1
                    value |= {"state": "dead", "code": "SB-RETRIES", "message": reason}
                case Unknown(reason):
                    report.unanswered += 1
                    value |= {"state": "queued", "not_before": now + later(row.attempts, 0), "message": reason,
                              "first_sent": row.first_sent or now, "settled": None}  # fmt: skip
                case Rejected(code, message, _):
                    report.verdicts[code] += 1
                    value |= {"state": "dead", "code": code, "message": message}
                case _:
                    raise TypeError(f"{side.connector.platform} answered an event with {outcome!r}")
            values.append(value)
        with self.desk.ledger.begin() as tx:
            update_by_id(tx, t.delivery, values)

    # --- around it ---------------------------------------------------------------------------------------------

    def _found_on_the_way(self, side: Side) -> None:
        d = t.delivery.c
        with self.desk.ledger.begin() as tx:
            tx.execute(
                sa.update(t.delivery).where(d.connection == side.name, d.state == "sending").values(state="queued")
            )

    def _next_due(self, side: Side) -> float | None:
        """Seconds until the next delivery that waits for time alone."""
        d = t.delivery.c
        with self.desk.ledger.begin() as tx:
            query = sa.select(sa.func.min(d.not_before)).where(d.connection == side.name, d.state == "queued")
            due = tx.scalar(query)
        return None if due is None else max(0.0, (due - self.desk.now) / 1000) + 0.01

    def _sum_up(self, letters: Letters) -> None:
        d, now = t.delivery.c, self.desk.now
        with self.desk.ledger.begin() as tx:
            query = sa.select(d.connection, sa.func.count(), sa.func.count().filter(d.deadline < now + NEAR))
            waiting = tx.execute(query.where(d.state.in_(("queued", "sending"))).group_by(d.connection)).all()
            letters.tell(tx, self.desk.run_id)
        for name, count, near in waiting:
            if name in self.reports:
                self.reports[name].waiting = count
                if near:
                    alerts.alert("deadline.near", run=self.desk.run_id, connection=name, count=near)


def later(attempts: int, after: float) -> int:
    """Milliseconds until the next try."""
    return int(1000 * max(after, min(FIRST * 2**attempts, LONGEST)))


__all__ = ["Deliverer", "Flush"]
