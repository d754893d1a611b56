"""What became of a write: every outcome ends in a state of the ledger that says what is owed next.

A write moves only the paths that it sent: `sent` becomes what was sent, `seen` what the platform answered. Everything
else in the answer is an observation like any other (rule S3). A path that the platform would not take is parked, and
the rest of the record goes in the same run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from stagebridge.connector import Conflict, Done, Entry, Gone, Outcome, Record, Refusal, Rejected, Retry, Unknown
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow, OutboxRow
from stagebridge.sync.debts import Debts, digest_all
from stagebridge.sync.desk import Desk
from stagebridge.sync.flight import Steps
from stagebridge.sync.intake import Intake, mark_hint
from stagebridge.sync.landing import Landing
from stagebridge.sync.removals import REMOVAL, deleted_by_us, lift, suppress
from stagebridge.sync.reports import PushReport
from stagebridge.sync.side import Side

RETRIES = 20
"""Attempts at one row, over all runs, before it is put aside as a dead letter."""


@dataclass(slots=True)
class Sent:
    """One row whose write is under way."""

    row_id: int
    token: str
    entry: Entry
    intent: Mapping[str, Any]
    removes: bool = False
    """The record is to be deleted; there is nothing to write."""


class Settler:
    def __init__(self, desk: Desk, debts: Debts, intake: Intake, landing: Landing) -> None:
        self.desk = desk
        self.debts = debts
        self.intake = intake
        self.landing = landing

    def patience(self, side: Side) -> int:
        """How long (ms) after a call began nothing of it can still be under way, nor hidden from a read."""
        return int(1000 * (side.connector.patience + 5))

    def settle(
        self, side: Side, object: str, batch: Sequence[Sent], outcomes: Sequence[Outcome], report: PushReport
    ) -> Steps[None]:
        """Settle one call's outcomes in one transaction, reading back first where the answer holds no record."""
        noted = self.desk.version
        written = [o for s, o in zip(batch, outcomes, strict=True) if not s.removes]
        records = yield from self._read_back(side, object, written, report)
        follow: list[Record] = []
        with self.desk.book() as book:
            tokens = {s.row_id: s.token for s in batch}
            query = sa.select(t.outbox).where(t.outbox.c.id.in_(list(tokens)), t.outbox.c.state == "sending")
            rows = {r.id: r for r in book.outbox_rows(query) if r.token == tokens[r.id]}
            book.load_identities("email", (s.entry.email.casefold() for s in batch if s.entry.email))
            for sent, outcome in zip(batch, outcomes, strict=True):
                row = rows.get(sent.row_id)
                if row is None:
                    continue  # its lease is over and somebody else has settled it
                contact = book.follow(book.contacts[row.contact_id])
                book.touched.add(contact.id)
                self._one(book, side, sent, row, contact, outcome, records, report, follow)
            lift(book.tx, side.name, object, self._created(batch, outcomes))
            if follow:
                self.intake.take(book, side, follow, noted=noted, baseline=False)
            self.intake.count_debts(book)

    @staticmethod
    def _created(batch: Sequence[Sent], outcomes: Sequence[Outcome]) -> list[str]:
        """Ids of records that were written as new ones: one may be what was left of a person when he was erased."""
        new = [o for s, o in zip(batch, outcomes, strict=True) if s.entry.remote_id is None]
        return [o.remote_id if isinstance(o, Done) else o.existing_id for o in new if isinstance(o, Done | Conflict)]

    def _read_back(
        self, side: Side, object: str, outcomes: Sequence[Outcome], report: PushReport
    ) -> Steps[dict[str, Record]]:
        wanted: dict[str, list[str]] = {}
        for o in outcomes:
            if isinstance(o, Done) and o.record is None:
                wanted.setdefault(o.object or object, []).append(o.remote_id)
            elif isinstance(o, Conflict):
                wanted.setdefault(object, []).append(o.existing_id)
        found: dict[str, Record] = {}
        for where, ids in wanted.items():
            for start in range(0, len(ids), side.batch):
                some = ids[start : start + side.batch]
                found |= yield partial(side.connector.fetch, where, some)
                report.calls["read back"] += 1
        return found

    def _one(
        self, book: Book, side: Side, sent: Sent, row: OutboxRow, contact: ContactRow, outcome: Outcome,
        records: Mapping[str, Record], report: PushReport, follow: list[Record],
    ) -> None:  # fmt: skip
        link = book.links.get(row.link_id) if row.link_id is not None else None
        match outcome:
            case Done() if sent.removes:
                self._deleted(book, row, contact, link, outcome, report)
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
            book.changed(contact, link, "", None, None, "created", "sync")
            report.created += 1
        else:
            report.updated += 1
        book.settle_outbox(row)
        intent = dict(sent.intent)
        self._park(book, side, contact, link, intent, outcome.refused, report)
        view = side.mapping.read(record.data, link.object) if record is not None else None
        self.landing.landed(book, side, contact, link, intent, view, echoed=outcome.record is not None, created=created)
        if record is not None and view is not None:
            echoed = outcome.record is not None
            self.landing.observe_rest(book, side, contact, link, intent, record, view, created=created, echoed=echoed)
        elif record is None:
            mark_hint(book, side, link.object, link.remote_id)

    def _deleted(
        self, book: Book, row: OutboxRow, contact: ContactRow, link: LinkRow | None, outcome: Done, report: PushReport
    ) -> None:
        assert link is not None
        if outcome.left:
            suppress(book.tx, book.now, link.connection, link.object, link.remote_id)
        link.state, link.dirty = "gone", True
        deleted_by_us(link)
        book.changed(contact, link, "", None, None, "deleted", self.debts.config.deletes)
        book.settle_outbox(row)
        report.deleted += 1

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
            if sent.removes:
                self._dead(book, row, REMOVAL, outcome, report)
                return
            owed = dict(sent.intent) if link is None else self.debts.owed(side, contact, link)
            if link is None:
                owed = self.debts.image(side, contact, object)
            self._dead(book, row, digest_all(owed), outcome, report)
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

    @staticmethod
    def _dead(book: Book, row: OutboxRow, desired: str, outcome: Rejected, report: PushReport) -> None:
        book.set_outbox(row, state="dead", desired=desired, code=outcome.code, error=outcome.message, not_before=0)
        report.rejected += 1

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
