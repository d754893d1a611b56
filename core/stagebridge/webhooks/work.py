"""From the ledger to contacts and events: what was accepted is worked on, whenever that was.

A few webhooks at a time, each time under the ledger's lock and in one transaction that also says that they are done: a
process that is killed at any instant has worked on them wholly or not at all (promise G6).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from stagebridge.connector import Record
from stagebridge.delivery.setup import Events
from stagebridge.errors import Busy, StagebridgeError
from stagebridge.event import ConversionEvent
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.tables import update_by_id
from stagebridge.mapping import remote
from stagebridge.sync import alerts
from stagebridge.sync.letters import lost_deliveries
from stagebridge.sync.reports import PullReport
from stagebridge.sync.side import Side, from_ms
from stagebridge.webhooks.metrics import Metrics
from stagebridge.webhooks.stored import restored

log = logging.getLogger("stagebridge.webhooks")

AT_ONCE = 25
"""Webhooks in one transaction: while it lasts, new ones wait for their answer."""

IN_PART = "SB-HOOK-IN-PART"

Told = tuple[int, Record]
"""A record, and the number of the webhook that brought it."""


class Work:
    """`sides` are the connections that could be opened; what others brought waits for them."""

    def __init__(
        self,
        events: Events,
        sides: dict[str, Side],
        metrics: Metrics,
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.events = events
        self.engine = events.engine
        self.sides = sides
        self.metrics = metrics
        self.aside = aside
        """Around each piece of work: begins when it may."""
        self._letters: Counter[str] = Counter()
        """{connection: dead letters since the last `tell`}."""

    # --- records -----------------------------------------------------------------------------------------------

    def records(self) -> int:
        """Work on everything that waits, in the order in which it came; how many webhooks that were. Raises `Busy` where a run
        is at work."""
        done = 0
        while True:
            with self.aside(), self.engine.ledger.lock():
                self.engine.desk.catch_up()
                some = self.some()
            if not some:
                return done
            done += some

    def some(self) -> int:
        """Work on the next few, for whoever holds the ledger; how many that were."""
        rows = self._waiting()
        if rows:
            last = self._last_delivery()
            self._together(rows)
            self._count_deliveries(last)
        return len(rows)

    def tell(self) -> None:
        """Say how many dead letters there are since the last time."""
        alerts.of_dead_letters(self._letters, self.engine.desk.run_id)
        self._letters.clear()

    def _last_delivery(self) -> int:
        with self.engine.ledger.look() as tx:
            return tx.scalar(sa.select(sa.func.max(t.delivery.c.id))) or 0

    def _count_deliveries(self, last: int) -> None:
        """Events that no platform would take, whatever they were caused by."""
        d = t.delivery.c
        query = sa.select(d.connection).where(d.id > last, lost_deliveries())
        with self.engine.ledger.look() as tx:
            self._letters.update(tx.execute(query).scalars())

    def _waiting(self) -> list[Any]:
        c = t.hook.c
        query = sa.select(c.id, c.connection, c.received, c.records).where(
            c.state == "waiting", c.connection.in_(list(self.sides))
        )
        with self.engine.ledger.look() as tx:
            return list(tx.execute(query.order_by(c.id).limit(AT_ONCE)).all())

    def _together(self, rows: Sequence[Any]) -> None:
        """All in one transaction; where one of them is poison, each in its own."""
        try:
            wrong = self._transaction(rows)
        except Busy:
            raise
        except Exception as error:
            if len(rows) > 1:
                for row in rows:
                    self._together([row])
                return
            self._put_aside(rows[0], error)
            return
        for row in rows:
            if row.id in wrong:
                log.warning("%s: webhook %d was worked on in part: %s", row.connection, row.id, wrong[row.id])
                self._failed(row.connection)
            else:
                self.metrics.count("webhooks_applied", row.connection)

    def _failed(self, connection: str) -> None:
        self.metrics.count("webhooks_failed", connection)
        self._letters[connection] += 1

    def _transaction(self, rows: Sequence[Any]) -> dict[int, str]:
        """What is wrong with each of them, where something is."""
        wrong: dict[int, list[str]] = {}
        told: dict[str, list[Told]] = {}
        for row in rows:
            side = self.sides[row.connection]
            came = from_ms(row.received)
            told.setdefault(row.connection, []).extend((row.id, named(side, r, came)) for r in restored(row.records))
        with self.engine.desk.book() as book:
            for name, records in told.items():
                for some in rounds(records):
                    for id_, problem in self._apply(book, self.sides[name], some):
                        wrong.setdefault(id_, []).append(problem)
            said = {id_: "; ".join(dict.fromkeys(problems)) for id_, problems in wrong.items()}
            by_row: dict[int, list[str]] = {row.id: [] for row in rows}
            for id_, record in (one for records in told.values() for one in records):
                by_row[id_].append(f"{record.object}:{record.id}")
            update_by_id(book.tx, t.hook, [
                {"id": i, "people": orjson.dumps(p).decode(), "state": "failed" if i in said else "done",
                 "error": f"{IN_PART}: {said[i]}" if i in said else None}
                for i, p in by_row.items()
            ])  # fmt: skip
        return said

    def _apply(self, book: Book, side: Side, told: Sequence[Told]) -> Iterator[tuple[int, str]]:
        """Contacts first: an event is theirs. Yields what could not be read, and in which webhook."""
        if side.connector.capabilities.api:
            self._handed_over(book, side, [r for _, r in told])
            return
        if side in self.engine.sides and side.objects:
            self.engine.intake.take(
                book, side, [r for _, r in told], noted=self.engine.desk.version, baseline=False
            )  # fmt: skip
            for id_, record in told:
                problems = side.mapping.read(record.data, record.object).problems
                yield from ((id_, f"{p}: {why}") for p, why in problems.items())
        webhooks = side.connector.capabilities.webhooks
        if webhooks is None or not webhooks.events:
            return
        events: list[ConversionEvent] = []
        for id_, record in told:
            view, found = side.mapping.read_event(record.data)
            wrong = {p: why for p, why in view.problems.items() if p.startswith("event")}
            if not ({"event.id", "event.at"} <= wrong.keys()):  # a body without both tells of a person only
                yield from ((id_, f"{p}: {why}") for p, why in wrong.items())
            events += found
        if events:
            self.events.arrival.told(book, side, events)

    def _handed_over(self, book: Book, side: Side, records: Sequence[Record]) -> None:
        """What our own API was told is canonical, and was checked there."""
        people = [r for r in records if r.object in side.objects]
        if people:
            self.engine.intake.take(book, side, people, noted=self.engine.desk.version, baseline=False)
        events = [ConversionEvent.model_validate(r.data) for r in records if r.object not in side.objects]
        if events:
            self.events.arrival.told(book, side, events)

    def _put_aside(self, row: Any, error: Exception) -> None:
        """It stays whole, and holds up nobody (promise G7)."""
        code = error.code if isinstance(error, StagebridgeError) else "SB-UNEXPECTED"
        log.error("%s: webhook %d could not be worked on (%s: %s)", row.connection, row.id, code, type(error).__name__)
        self._failed(row.connection)
        why = str(error) if isinstance(error, StagebridgeError) else type(error).__name__
        with self.engine.ledger.begin() as tx:
            state = {"state": "failed", "error": f"{code}: {why}"}
            tx.execute(sa.update(t.hook).where(t.hook.c.id == row.id).values(state))

    # --- hints -------------------------------------------------------------------------------------------------

    def hinted(self) -> list[Side]:
        """Sides of which webhooks named records that are to be fetched."""
        c = t.hint.c
        with self.engine.ledger.look() as tx:
            names = set(tx.execute(sa.select(c.connection).distinct()).scalars())
        able = [s for s in self.engine.sides if s.connector.capabilities.webhooks and s.connector.capabilities.read]
        return [s for s in able if s.name in names]

    def fetch(self, side: Side) -> None:
        """Bring in what is hinted at. Raises `Busy`, and what the connector raises: the hints stay."""
        with self.engine.ledger.lock():
            self.engine.desk.catch_up()
            self.engine.puller.hinted(side, PullReport())

    # --- housekeeping ------------------------------------------------------------------------------------------

    def tidy(self, kept: float) -> None:
        """Forget deliveries that came longer ago than `kept` seconds, and of which nothing is kept."""
        c = t.hook.c
        with self.engine.ledger.begin() as tx:
            old = c.received < self.engine.desk.now - int(kept * 1000)
            tx.execute(sa.delete(t.hook).where(old, c.state != "waiting", c.records.is_(None)))


def named(side: Side, record: Record, came: datetime) -> Record:
    """A record under the object, the id and the time that its mapping gives it; its id is the delivery's where that gives none,
    and its time when it came, so that nothing old is news when it is worked on late, or again."""
    if not side.objects or side.connector.capabilities.api:
        return record
    object = record.object if record.object in side.objects else side.mapping.object_of(record.data) or side.objects[0]
    found = remote.read(record.data, side.mapping.shape(object).id)
    usable = isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip()
    changed = record.modified_at or side.mapping.read(record.data, object).get("updated_at")
    if changed is None and not record.deleted:
        changed = came
    return replace(record, object=object, id=str(found).strip() if usable else record.id, modified_at=changed)


def rounds(told: Sequence[Told]) -> Iterator[list[Told]]:
    """In their order, and no record twice in one round: the later word is taken onto what the earlier left."""
    some: dict[tuple[str, str], Told] = {}
    for id_, record in told:
        if (record.object, record.id) in some:
            yield list(some.values())
            some = {}
        some[record.object, record.id] = (id_, record)
    if some:
        yield list(some.values())


__all__ = ["Work", "named", "rounds"]
