"""Events that are given to us: queued for everywhere they go, and the person moved to the stage that the rules say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from stagebridge.config import EventsConfig
from stagebridge.delivery.firing import Firing, reached
from stagebridge.delivery.queue import Given, Queued, Targets, enqueue
from stagebridge.event import ConversionEvent, derive_id
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow
from stagebridge.sync.engine import Engine
from stagebridge.sync.side import ms
from stagebridge.sync.stages import refold

PAGE = 1000
SOURCE = "events"
"""Where a stage comes from that an event led to, and events that a person handed over."""


class Arrival:
    def __init__(self, engine: Engine, config: EventsConfig, targets: Targets) -> None:
        self.engine = engine
        self.config = config
        self.targets = targets

    def give(self, events: Sequence[ConversionEvent], to: Collection[str] = ()) -> Queued:
        """Queue events, each once. Raises `Busy`."""
        report = Queued()
        with self.engine.ledger.lock(), self.engine.run("events send"):
            for start in range(0, len(events), PAGE):
                some = events[start : start + PAGE]
                with self.engine.desk.book() as book:
                    people = whose(book, some)
                    given = [
                        Given(
                            e, c.id if (c := people.get(e.id)) is not None else None, SOURCE, tuple(to or self.targets)
                        )
                        for e in some
                    ]
                    page = enqueue(book.tx, book.now, given, self.targets)
                    for event in some:
                        if event.id in people and event.id not in page.clashes:
                            self._move(book, people[event.id], event)
                    self.engine.intake.count_debts(book)
                report.queued += page.queued
                report.known += page.known
                report.clashes += page.clashes
                for code, count in page.dead.items():
                    report.dead[code] = report.dead.get(code, 0) + count
        return report

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
        """Send what the rules would have sent for stages that were reached since then, a first sync's among them. With
        `dry_run`, only their number."""
        firing = Firing(self.config.sends, self.targets)
        report, count = Queued(), 0
        with self.engine.ledger.lock(), self.engine.run("events backfill"):
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
                        page = enqueue(book.tx, book.now, given, self.targets)
                        report.queued += page.queued
                        report.known += page.known
                        for code, number in page.dead.items():
                            report.dead[code] = report.dead.get(code, 0) + number
        return count if dry_run else report


def whose(book: Book, events: Iterable[ConversionEvent]) -> dict[str, ContactRow]:
    """{event id: the contact who did it}, by our key, or by the address where one person has it."""
    events = list(events)
    book.load_identities("email", (e.contact.email for e in events if e.contact.email))
    keyed = book.find_keys([e.key for e in events if e.key])
    found: dict[str, ContactRow] = {}
    for event in events:
        people = [keyed[event.key]] if event.key in keyed else []
        if not people and event.contact.email:
            people = book.holders("email", event.contact.email.casefold())
        if len(people) == 1:
            found[event.id] = people[0]
    return found


__all__ = ["Arrival", "whose"]
