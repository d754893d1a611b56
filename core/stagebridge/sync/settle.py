"""What became of a write: every outcome ends in a state of the ledger that says what is owed next.

A write moves only the paths that it sent: `sent` becomes what was sent, `seen` what the platform answered. Everything
else in the answer is an observation like any other (rule S3). A path that the platform would not take is parked, and
the rest of the record goes in the same run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagebridge.connector import Conflict, Done, Entry, Gone, Outcome, Record, Refusal, Rejected, Retry, Unknown
from stagebridge.contact import encode, is_blank, same
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow, OutboxRow
from stagebridge.mapping import View
from stagebridge.sync.debts import Debts, digest_all
from stagebridge.sync.desk import Desk
from stagebridge.sync.intake import Intake, mark_hint
from stagebridge.sync.pull import Puller, PullReport, as_asked
from stagebridge.sync.side import SETS, Side
from stagebridge.sync.stages import remember_loss

if TYPE_CHECKING:
    from stagebridge.sync.push import PushReport

RETRIES = 20
"""Attempts at one row, over all runs, before it is put aside as a dead letter."""
HORIZON = 24 * 3600 * 1000
"""How long (ms) the values of an unanswered write are remembered, so that it may come through late."""
FLIP_WINDOW = 24 * 3600 * 1000


@dataclass(slots=True)
class Sent:
    """One row whose write is under way."""

    row_id: int
    token: str
    entry: Entry
    intent: Mapping[str, Any]


class Settler:
    def __init__(self, desk: Desk, debts: Debts, intake: Intake, puller: Puller) -> None:
        self.desk = desk
        self.debts = debts
        self.intake = intake
        self.puller = puller

    def patience(self, side: Side) -> int:
        """How long (ms) after a call began nothing of it can still be under way, nor hidden from a read."""
        return int(1000 * (max(side.connector.settings.timeout, side.connector.lag) + 5))

    def settle(
        self, side: Side, object: str, batch: Sequence[Sent], outcomes: Sequence[Outcome], report: PushReport
    ) -> None:
        """Settle one call's outcomes in one transaction, reading back first where the answer holds no record."""
        noted = self.desk.version
        records = self._read_back(side, object, outcomes, report)
        follow: list[Record] = []
        with self.desk.book() as book:
            tokens = {s.row_id: s.token for s in batch}
            query = sa.select(t.outbox).where(t.outbox.c.id.in_(list(tokens)), t.outbox.c.state == "sending")
            rows = {r.id: r for r in book.outbox_rows(query) if r.token == tokens[r.id]}
            for sent, outcome in zip(batch, outcomes, strict=True):
                row = rows.get(sent.row_id)
                if row is None:
                    continue  # its lease is over and somebody else has settled it
                contact = book.follow(book.contacts[row.contact_id])
                book.touched.add(contact.id)
                self._one(book, side, sent, row, contact, outcome, records, report, follow)
            if follow:
                self.intake.take(book, side, follow, noted=noted, baseline=False)
            self.intake.count_debts(book)

    def _read_back(self, side: Side, object: str, outcomes: Sequence[Outcome], report: PushReport) -> dict[str, Record]:
        wanted: dict[str, list[str]] = {}
        for o in outcomes:
            if isinstance(o, Done) and o.record is None:
                wanted.setdefault(o.object or object, []).append(o.remote_id)
            elif isinstance(o, Conflict):
                wanted.setdefault(object, []).append(o.existing_id)
        found: dict[str, Record] = {}
        for where, ids in wanted.items():
            for start in range(0, len(ids), side.batch):
                found |= side.connector.fetch(where, ids[start : start + side.batch])
                report.calls["read back"] += 1
        return found

    def _one(
        self, book: Book, side: Side, sent: Sent, row: OutboxRow, contact: ContactRow, outcome: Outcome,
        records: Mapping[str, Record], report: PushReport, follow: list[Record],
    ) -> None:  # fmt: skip
        link = book.links.get(row.link_id) if row.link_id is not None else None
        match outcome:
            case Done():
                record = outcome.record or records.get(outcome.remote_id)
                self._done(book, side, sent, row, contact, link, outcome, record, report)
            case Rejected():
                self._rejected(book, side, sent, row, contact, link, outcome, report)
            case Retry():
                self._retry(book, row, outcome)
            case Conflict():
                self._exists(book, side, sent, row, contact, link, outcome, records, report)
            case Gone():
                book.settle_outbox(row)
                if link is not None:
                    follow.append(Record(link.object, link.remote_id, deleted=True, merged_into=outcome.merged_into))
            case Unknown():
                report.unknown += 1
                book.set_outbox(row, error=outcome.reason)

    # --- it is written -----------------------------------------------------------------------------------------

    def _done(
        self, book: Book, side: Side, sent: Sent, row: OutboxRow, contact: ContactRow, link: LinkRow | None,
        outcome: Done, record: Record | None, report: PushReport,
    ) -> None:  # fmt: skip
        created = link is None
        if link is None:
            object = outcome.object or (record.object if record is not None else sent.entry.object)
            book.load_links(side.name, object, [outcome.remote_id])
            link = book.remotes.get((side.name, object, outcome.remote_id))
            if link is None:
                taken = book.live_link(contact, side.name, object)
                link = book.new_link(contact, side.name, object, outcome.remote_id, "dup" if taken else "live")
                if taken:
                    book.open_conflict("duplicate", contact, link, of=taken.remote_id, by="late create")
            link.blocked |= row.parked
            report.created += 1
        else:
            report.updated += 1
        book.settle_outbox(row)
        intent = dict(sent.intent)
        self._park(book, side, contact, link, intent, outcome.refused, report)
        view = side.mapping.read(record.data, link.object) if record is not None else None
        self.landed(book, side, contact, link, intent, view, echoed=outcome.record is not None, created=created)
        if record is not None and view is not None:
            echoed = outcome.record is not None
            self._observe_rest(book, side, contact, link, intent, record, view, created=created, echoed=echoed)
        elif record is None:
            mark_hint(book, side, link.object, link.remote_id)

    def landed(
        self, book: Book, side: Side, contact: ContactRow, link: LinkRow, intent: Mapping[str, Any],
        view: View | None, *, echoed: bool, created: bool = False,
    ) -> None:  # fmt: skip
        """These paths were written. `echoed`: the view is the write's own answer; otherwise a person may have been
        there since, and what is neither ours nor a rendering of ours is his."""
        for path, value in intent.items():
            before = link.seen.get(path)
            got = view.get(path, value) if view is not None else value
            link.sent[path] = value
            if path in SETS and not echoed:
                link.seen[path] = value
            elif same(got, value) or echoed or alike(got, value) or same(got, before):
                link.seen[path] = got
                self._refused(book, contact, link, path, value, got)
            else:
                link.seen[path] = value
            if not created:
                book.changed(contact, link, path, before, value, "written", "sync")
                self._remember_flip(book, link, path, before)
            link.blocked.pop(path, None)
        if not is_blank(intent.get("stage")):
            remember_loss(link, contact, self.debts.lifecycle)
        link.mapping = side.mapping.hash
        link.version, link.fingerprint, link.dirty = book.version, "", True

    def _refused(self, book: Book, contact: ContactRow, link: LinkRow, path: str, value: Any, got: Any) -> None:
        if same(got, value):
            book.close_conflicts("refused", contact, link, path)
        elif not alike(got, value):
            book.open_conflict("refused", contact, link, path, sent=_show(value), holds=_show(got))
            book.changed(contact, link, path, got, value, "refused", "the platform kept its own value")

    def _observe_rest(
        self, book: Book, side: Side, contact: ContactRow, link: LinkRow, intent: Mapping[str, Any], record: Record,
        view: View, *, created: bool, echoed: bool,
    ) -> None:  # fmt: skip
        """Everything that was not sent is an observation, but on a record that we created and nobody has touched since:
        there it is what the platform stamps by itself (a default stage, an owner), and nobody's edit."""
        if created:
            stage = side.connector.capabilities.stage
            untouched = echoed or (record.modified_at is not None and view.get("created_at") == record.modified_at)
            for path in side.comparable(view):
                stamped = untouched or (path == "stage" and stage is not None and stage.stamps_default)
                if path not in intent and (stamped or not is_blank(contact.values.get(path))):
                    link.seen[path] = link.sent[path] = view[path]
        if link.state == "live":
            self.intake.observe(book, side, link, record, view, baseline=created)

    def _remember_flip(self, book: Book, link: LinkRow, path: str, before: Any) -> None:
        flips = link.memory.setdefault("flips", {})
        count, since, _ = flips.get(path, (0, book.now, None))
        if book.now - since > FLIP_WINDOW:
            count, since = 0, book.now
        flips[path] = (count, since, encode({"": before}))

    # --- it is not ---------------------------------------------------------------------------------------------

    def _park(
        self, book: Book, side: Side, contact: ContactRow, link: LinkRow, intent: dict[str, Any],
        refusals: Sequence[Refusal], report: PushReport,
    ) -> None:  # fmt: skip
        for refusal in refusals:
            path = side.mapping.path_of(refusal.field, link.object)
            if path is not None and path in intent:
                self.debts.block(
                    link, path, "parked", intent.pop(path), mapping=side.mapping.hash, code=refusal.code,
                    message=refusal.message,
                )  # fmt: skip
                report.parked += 1

    def _rejected(
        self, book: Book, side: Side, sent: Sent, row: OutboxRow, contact: ContactRow, link: LinkRow | None,
        outcome: Rejected, report: PushReport,
    ) -> None:  # fmt: skip
        object = sent.entry.object
        named = {side.mapping.path_of(f, object) for f in outcome.fields}
        paths = [p for p in named if p is not None and p in sent.intent]
        if not paths:
            owed = dict(sent.intent) if link is None else self.debts.owed(side, contact, link)
            if link is None:
                owed = self.debts.image(side, contact, object)
            book.set_outbox(
                row, state="dead", desired=digest_all(owed), code=outcome.code, error=outcome.message, not_before=0
            )
            report.rejected += 1
            return
        for path in paths:
            report.parked += 1
            if link is not None:
                self.debts.block(
                    link, path, "parked", sent.intent[path], mapping=side.mapping.hash, code=outcome.code,
                    message=outcome.message,
                )  # fmt: skip
            else:
                probe = LinkRow(0, side.name, object, "", contact.id)
                self.debts.block(
                    probe, path, "parked", sent.intent[path], mapping=side.mapping.hash, code=outcome.code,
                    message=outcome.message,
                )  # fmt: skip
                row.parked |= probe.blocked
        book.set_outbox(row, state="pending", token=None, not_before=0, parked=row.parked)

    def _retry(self, book: Book, row: OutboxRow, outcome: Retry) -> None:
        if row.attempts >= RETRIES:
            book.set_outbox(row, state="dead", code="SB-RETRIES", error=outcome.reason)
            return
        later = book.now + int(outcome.after * 1000)
        book.set_outbox(row, state="pending", token=None, not_before=later, error=outcome.reason)

    def _exists(
        self, book: Book, side: Side, sent: Sent, row: OutboxRow, contact: ContactRow, link: LinkRow | None,
        outcome: Conflict, records: Mapping[str, Record], report: PushReport,
    ) -> None:  # fmt: skip
        """A create met a record that is there already: it becomes this contact's link, unless it is another's."""
        record = records.get(outcome.existing_id)
        object = record.object if record is not None else sent.entry.object
        remote_id = record.id if record is not None else outcome.existing_id
        book.load_links(side.name, object, [remote_id])
        holder = book.remotes.get((side.name, object, remote_id))
        if link is not None and (holder is None or holder is not link):
            self._address_taken(book, side, sent, row, contact, link, outcome, report)
            return
        if holder is not None and book.contacts[holder.contact_id] is not contact:
            owed = self.debts.image(side, contact, sent.entry.object)
            book.set_outbox(row, state="dead", desired=digest_all(owed), code="SB-EXISTS", error=outcome.reason
                            or f"record {remote_id} of another contact is in the way")  # fmt: skip
            report.rejected += 1
            return
        book.settle_outbox(row)
        if holder is None:
            taken = book.live_link(contact, side.name, object)
            holder = book.new_link(contact, side.name, object, remote_id, "dup" if taken else "live")
            if taken:
                book.open_conflict("duplicate", contact, holder, of=taken.remote_id, by="existing record")
        if record is not None and not record.deleted and holder.state == "live":
            view = side.mapping.read(record.data, object)
            self.intake.observe(book, side, holder, record, view, baseline=False)

    def _address_taken(
        self, book: Book, side: Side, sent: Sent, row: OutboxRow, contact: ContactRow, link: LinkRow,
        outcome: Conflict, report: PushReport,
    ) -> None:  # fmt: skip
        book.open_conflict("shared_email", contact, link, "email", existing=outcome.existing_id)
        if "email" in sent.intent:
            self.debts.block(link, "email", "parked", sent.intent["email"], mapping=side.mapping.hash,
                             code="SB-ADDRESS-TAKEN", message=outcome.reason)  # fmt: skip
            report.parked += 1
            book.set_outbox(row, state="pending", token=None, not_before=0)
        else:
            book.set_outbox(row, state="dead", desired=digest_all(self.debts.owed(side, contact, link)),
                            code="SB-EXISTS", error=outcome.reason)  # fmt: skip
            report.rejected += 1

    # --- it may be ---------------------------------------------------------------------------------------------

    def resolve_unknown(self, side: Side, report: PushReport) -> int | None:
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
                    if record is not None and record.id == link.remote_id and not record.deleted:
                        self._came_through(book, side, contact, link, row, record)
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
        self.landed(book, side, contact, link, landed, view, echoed=False)
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
        self.landed(book, side, contact, link, landed, view, echoed=False, created=True)
        # what differs was ours a moment ago: whoever changed it since saw our value
        for path, value in row.intent.items():
            if path not in landed:
                link.seen[path] = link.sent[path] = value
        self._observe_rest(book, side, contact, link, row.intent, record, view, created=True, echoed=False)


def alike(got: Any, sent: Any) -> bool:
    """Whether a platform's value is a rendering of ours: other case or spacing, or cut short."""
    if not isinstance(got, str) or not isinstance(sent, str):
        return False
    g, s = " ".join(got.casefold().split()), " ".join(sent.casefold().split())
    return g == s or (bool(g) and len(g) >= 20 and s.startswith(g))


def _show(value: Any) -> str:
    return encode({"": value})
