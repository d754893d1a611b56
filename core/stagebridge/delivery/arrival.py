"""Events that are given to us, or that a platform recorded: queued for everywhere they go, and the person moved to the stage that
the rules say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from stagebridge.config import EventsConfig
from stagebridge.connector import EventPage
from stagebridge.delivery.firing import Firing, reached
from stagebridge.delivery.gate import by_address
from stagebridge.delivery.queue import Given, Queued, Targets, enqueue
from stagebridge.event import ConversionEvent, derive_id
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow
from stagebridge.sync.engine import Engine
from stagebridge.sync.side import Side, ms
from stagebridge.sync.stages import refold

PAGE = 1000
SOURCE = "events"
"""Where a stage comes from that an event led to, and events that a person handed over."""
OBJECT = "events"
"""What cursors call a platform's recorded conversions, beside its objects that hold people."""


class Arrival:
    def __init__(
        self, engine: Engine, config: EventsConfig, targets: Targets, sources: Mapping[str, Side] | None = None
    ) -> None:
        self.engine = engine
        self.config = config
        self.targets = targets
        self.sources = sources or {}

    def give(self, events: Sequence[ConversionEvent], to: Collection[str] = ()) -> Queued:
        """Queue events, each once. Raises `Busy`."""
        report = Queued()
        with self.engine.desk.hold(), self.engine.run("events send"):
            for start in range(0, len(events), PAGE):
                with self.engine.desk.book() as book:
                    report.add(self._take(book, events[start : start + PAGE], SOURCE, to or self.targets))
        return report

    def collect(self, side: Side) -> Queued:
        """Queue what a platform has recorded since the last time, for everywhere but itself. What happened before the first
        time fires nothing.

        Raises `Busy`, and what the connector raises: what was read until then stays.
        """
        report = Queued()
        with self.engine.desk.hold(), self.engine.run("events collect"):
            standing = self._standing(side)
            first = self.engine.clock.now() + timedelta(seconds=side.connector.skew)
            start = datetime.fromisoformat(standing["from"]) if standing else first
            for page in side.connector.read_events(standing["at"] if standing else start):
                with self.engine.desk.book() as book:
                    taken = self._take(book, [e for e in page.events if e.at >= start], side.name, self._others(side))
                    self._stand(book, side, {"from": start.isoformat(), "at": page.cursor}, page)
                # a deal that was edited since is no other conversion: the first word stays
                report.add(replace(taken, clashes=[]))
        return report

    def told(self, book: Book, side: Side, events: Sequence[ConversionEvent]) -> Queued:
        """Queue what a connection told of by a webhook, for everywhere but itself, in the transaction of `book`."""
        return replace(self._take(book, events, side.name, self._others(side)), clashes=[])

    def _others(self, side: Side) -> list[str]:
        return [n for n in self.targets if n != side.name]

    def _take(self, book: Book, events: Sequence[ConversionEvent], source: str, to: Collection[str]) -> Queued:
        people = whose(book, events)
        given = [Given(e, c.id if (c := people.get(e.id)) is not None else None, source, tuple(to)) for e in events]
        report = enqueue(book, given, self.targets)
        for event in events:
            if event.id in people and event.id not in report.clashes:
                self._move(book, people[event.id], event)
        self.engine.intake.count_debts(book)
        return report

    # --- where a collection stands -----------------------------------------------------------------------------

    def _standing(self, side: Side) -> dict[str, Any] | None:
        c = t.cursor.c
        with self.engine.ledger.begin() as tx:
            state = tx.scalar(sa.select(c.state).where(c.connection == side.name, c.object == OBJECT))
        return None if state is None else dict(orjson.loads(state))

    def _stand(self, book: Book, side: Side, state: dict[str, Any], page: EventPage) -> None:
        c = t.cursor.c
        book.tx.execute(sa.delete(t.cursor).where(c.connection == side.name, c.object == OBJECT))
        book.tx.execute(
            sa.insert(t.cursor).values(
                connection=side.name, object=OBJECT, state=orjson.dumps(state).decode(), mapping="",
                covered=ms(page.covered), complete=page.covered is not None,
            )
        )  # fmt: skip

    # --- what follows ------------------------------------------------------------------------------------------

    def _move(self, book: Book, contact: ContactRow, event: ConversionEvent) -> None:
        """Forward only, and in the history with the event that it was reached by; the same event moves once."""
        for rule in self.config.moves:
            if rule.event != event.name:
                continue
            id_ = str(derive_id(SOURCE, rule.event, event.id, rule.stage, event.at))
            if any(r.event_id == id_ for r in book.history_of(contact)):
                continue
            before = contact.stage
            book.new_history(
                contact, stage=rule.stage, at=ms(event.at) or 0, connection=SOURCE, link_id=None, baseline=False,
                deliberate=False, reason="", event_id=id_, cause=event.id,
            )  # fmt: skip
            refold(book, contact, self.engine.lifecycle)
            if contact.stage != before:
                book.changed(contact, None, "stage", before, contact.stage, "accepted", f"event {event.name}")
                book.touched.add(contact.id)

    def backfill(self, since: datetime, *, dry_run: bool) -> Queued | int:
        """Send what the rules would have sent for stages that were reached since then, a first sync's among them, and what
        platforms have recorded since then. With `dry_run`, only their number."""
        firing = Firing(self.config.sends, self.targets)
        report, count = Queued(), 0
        with self.engine.desk.hold(), self.engine.run("events backfill"):
            h = t.history.c
            with self.engine.ledger.begin() as tx:
                ids = list(tx.execute(sa.select(h.contact_id).where(h.at >= ms(since)).distinct()).scalars())
            for start in range(0, len(ids), PAGE):
                with self.engine.desk.book() as book:
                    book.load_contacts(ids[start : start + PAGE])
                    rows = [
                        r for c in list(book.contacts.values()) if not c.merged_into for r in book.history_of(c)
                        if r.at >= (ms(since) or 0) and (reached(r) or r.reason == "first")
                    ]  # fmt: skip
                    given = firing.given(book, rows)
                    count += len(given)
                    if not dry_run:
                        report.add(enqueue(book, given, self.targets))
            for side in self.sources.values():
                for page in side.connector.read_events(since):
                    events = [e for e in page.events if e.at >= since]
                    count += len(events)
                    if not dry_run:
                        with self.engine.desk.book() as book:
                            report.add(replace(self._take(book, events, side.name, self._others(side)), clashes=[]))
        return count if dry_run else report


def whose(book: Book, events: Iterable[ConversionEvent]) -> dict[str, ContactRow]:
    """{event id: the contact who did it}, by our key, or by the address where one person has it."""
    events = list(events)
    book.load_identities("email", (e.contact.email for e in events if e.contact.email))
    keyed = book.find_keys([e.key for e in events if e.key])
    found: dict[str, ContactRow] = {}
    for event in events:
        contact = keyed[event.key] if event.key in keyed else by_address(book, event)
        if contact is not None:
            found[event.id] = contact
    return found


__all__ = ["Arrival", "whose"]
