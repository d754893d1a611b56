"""Writes that were sent and never answered: read back after the platform's lag, compared, and never blindly repeated (I4)."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from stagebridge.connector import Record
from stagebridge.contact import encode, same
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow, OutboxRow
from stagebridge.mapping import View
from stagebridge.sync.desk import Desk
from stagebridge.sync.landing import Landing, alike
from stagebridge.sync.pull import Puller, as_asked
from stagebridge.sync.removals import deleted_by_us
from stagebridge.sync.reports import PullReport, PushReport
from stagebridge.sync.side import SETS, Side

HORIZON = 24 * 3600 * 1000
"""How long (ms) the values of an unanswered write are remembered, so that it may come through late."""


class Unanswered:
    def __init__(self, desk: Desk, puller: Puller, landing: Landing) -> None:
        self.desk = desk
        self.intake = puller.intake
        self.puller = puller
        self.landing = landing

    def resolve(self, side: Side, report: PushReport) -> int | None:
        """Settle writes that were sent and never answered, by reading back. Returns when (ms) the next of them can be
        settled, None if there is none left."""
        while True:
            with self.desk.ledger.begin() as tx:
                c = t.outbox.c
                mine = (c.connection == side.name) & (c.state == "sending")
                due = tx.execute(
                    sa.select(c.id, c.object, c.link_id).where(mine, c.lease <= self.desk.now).limit(side.batch)
                ).all()
                if not due:
                    lease: int | None = tx.scalar(sa.select(sa.func.min(c.lease)).where(mine))
                    return lease
            updates = [r.id for r in due if r.link_id is not None]
            creates = [r.id for r in due if r.link_id is None]
            if updates:
                self._resolve_updates(side, updates, report)
            if creates:
                self._resolve_creates(side, creates, report)

    def _rows(self, book: Book, ids: Sequence[int]) -> list[OutboxRow]:
        return book.outbox_rows(sa.select(t.outbox).where(t.outbox.c.id.in_(list(ids)), t.outbox.c.state == "sending"))

    def _resolve_updates(self, side: Side, ids: Sequence[int], report: PushReport) -> None:
        noted = self.desk.version
        with self.desk.ledger.begin() as tx:
            book = Book(tx, now=self.desk.now, version=noted)
            asked: dict[str, list[str]] = {}
            for row in self._rows(book, ids):
                link = book.links[row.link_id or 0]
                asked.setdefault(link.object, []).append(link.remote_id)
        for object, remote_ids in asked.items():
            found = side.connector.fetch(object, remote_ids)
            report.calls["read back"] += 1
            with self.desk.book() as book:
                observed: list[Record] = []
                for row in self._rows(book, ids):
                    link = book.links[row.link_id or 0]
                    if link.object != object:
                        continue
                    book.settle_outbox(row)
                    contact = book.follow(book.contacts[row.contact_id])
                    book.touched.add(contact.id)
                    record = found.get(link.remote_id)
                    there = record is not None and record.id == link.remote_id and not record.deleted
                    if there and record is not None and row.intent:
                        self._came_through(book, side, contact, link, row, record)
                    elif not there and not row.intent:
                        deleted_by_us(link)
                    observed += as_asked(object, [link.remote_id], found)
                self.intake.take(book, side, observed, noted=book.version, baseline=False)

    def _came_through(
        self, book: Book, side: Side, contact: ContactRow, link: LinkRow, row: OutboxRow, record: Record
    ) -> None:
        """An update without an answer, read back: what stands there as sent has landed; the rest may still come, and is
        remembered; what is old although the record changed since may have been written over."""
        view = side.mapping.read(record.data, link.object)
        late = link.memory.setdefault("late", {})
        for path, value in row.intent.items():
            mark = [encode({"": value}), book.now + HORIZON]
            late[path] = [m for m in late.get(path, []) if m[1] > book.now] + [mark]
        landed = {p: v for p, v in row.intent.items() if p not in SETS and same(view.get(p), v)}
        for path in SETS & row.intent.keys():
            old = frozenset(link.seen.get(path) or ())
            new, got = frozenset(row.intent[path] or ()), frozenset(view.get(path) or ())
            link.seen[path] = link.sent[path] = (old | ((new - old) & got)) - ((old - new) - got)
        self.landing.landed(book, side, contact, link, landed, view, echoed=False)
        changed = self.intake.change_time(side, record, book.now)
        if row.mark is not None and changed >= row.mark - 1000:
            for path in row.intent.keys() - landed.keys() - SETS:
                book.changed(contact, link, path, row.intent[path], view.get(path), "maybe_overwritten", "S6")

    def _resolve_creates(self, side: Side, ids: Sequence[int], report: PushReport) -> None:
        noted = self.desk.version
        with self.desk.ledger.begin() as tx:
            book = Book(tx, now=self.desk.now, version=noted)
            rows = self._rows(book, ids)
            keys = {r.id: book.contacts[r.contact_id].key for r in rows}
            emails = {r.id: (book.contacts[r.contact_id].values.get("email") or "").casefold() for r in rows}
        found: list[Record] = []
        for object in side.objects:
            if side.mapping.field("external_id", object):
                found += side.connector.find(object, "external_id", sorted(keys.values()))
            if any(emails.values()):
                found += side.connector.find(object, "email", sorted({e for e in emails.values() if e}))
            report.calls["look up"] += 2
        views = [(r, side.mapping.read(r.data, r.object)) for r in {(r.object, r.id): r for r in found}.values()]
        with self.desk.book() as book:
            for row in self._rows(book, ids):
                contact = book.follow(book.contacts[row.contact_id])
                book.touched.add(contact.id)
                mine = [(r, v) for r, v in views if v.get("external_id") == contact.key]
                mine = mine or [
                    (r, v) for r, v in views if emails[row.id] and (v.get("email") or "").casefold() == emails[row.id]
                ]
                book.set_outbox(row, state="pending", token=None, not_before=0)
                for record, view in mine[:1]:
                    self._adopt(book, side, contact, row, record, view)
            self.intake.count_debts(book)
        others = [r for r, _ in views]
        if others:
            with self.desk.book() as book:
                taken = self.intake.take(book, side, others, noted=noted, baseline=False)
            self.puller._again(side, taken, PullReport(), baseline=False)

    def _adopt(self, book: Book, side: Side, contact: ContactRow, row: OutboxRow, record: Record, view: View) -> None:
        """Our create did come through: the record takes the intent as its base."""
        book.load_links(side.name, record.object, [record.id])
        if (side.name, record.object, record.id) in book.remotes:
            return
        taken = book.live_link(contact, side.name, record.object)
        link = book.new_link(contact, side.name, record.object, record.id, "dup" if taken else "live")
        if taken:
            book.open_conflict("duplicate", contact, link, of=taken.remote_id, by="late create")
            return
        book.settle_outbox(row)
        landed = {p: v for p, v in row.intent.items() if same(view.get(p), v) or alike(view.get(p), v)}
        self.landing.landed(book, side, contact, link, landed, view, echoed=False, created=True)
        # what differs was ours a moment ago: whoever changed it since saw our value
        for path, value in row.intent.items():
            if path not in landed:
                link.seen[path] = link.sent[path] = value
        self.landing.observe_rest(book, side, contact, link, row.intent, record, view, created=True, echoed=False)
