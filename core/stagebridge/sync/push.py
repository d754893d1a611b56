"""Paying what we owe: read again, merge, compute, commit the intent, send, settle.

Before an update the records are read once more in one batch and merged (rule S5); the payload is computed only then.
State `sending`, a token and the intent are committed before the call (I4); whatever happens to the call, the row
says what may have landed.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa

from stagebridge.config import ContactsConfig
from stagebridge.connector import Entry, Outcome, Record, Rejected, Unknown
from stagebridge.contact import is_blank, same
from stagebridge.errors import NoAnswer
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow, OutboxRow
from stagebridge.sync.debts import Debts, digest_all
from stagebridge.sync.desk import Desk
from stagebridge.sync.intake import Intake
from stagebridge.sync.pull import Puller, as_asked
from stagebridge.sync.reports import PullReport, PushReport
from stagebridge.sync.settle import Sent, Settler
from stagebridge.sync.side import Side

T = TypeVar("T")
R = TypeVar("R")
LOAD_LEASE = 2 * 3600 * 1000
"""How long (ms) a bulk load may be under way."""
TRIES = 4
"""How often one run takes up the same row: after a parked path, a conflict that became a link, a short wait."""


class Pusher:
    def __init__(
        self, desk: Desk, debts: Debts, intake: Intake, puller: Puller, settler: Settler, config: ContactsConfig,
        *, flight: int | None = None,
    ) -> None:  # fmt: skip
        self.desk = desk
        self.debts = debts
        self.intake = intake
        self.puller = puller
        self.settler = settler
        self.config = config
        self.flight = flight
        self._tries: Counter[int] = Counter()
        self.only: set[int] | None = None
        """Contacts to write, for a pilot; None: all."""

    def push(self, side: Side, report: PushReport) -> int:
        """Send what is due now; returns how many rows were taken up. Raises what the connector raises."""
        taken_up = 0
        for object in side.objects:
            taken_up += self._sweep(side, object, report, creates=False)
            taken_up += self._sweep(side, object, report, creates=True)
        return taken_up

    def _sweep(self, side: Side, object: str, report: PushReport, *, creates: bool) -> int:
        """Everything due of one object, in batches, several of them under way at once."""
        write = side.connector.capabilities.write
        flight = self.flight or (write.flight if write else 1)
        last, total = 0, 0
        while True:
            with self.desk.ledger.begin() as tx:
                load = None
                if creates and write is not None and write.load:
                    load = self._load_size(tx, side, object, write.load, last)
                ids = self._due(tx, side, object, creates, last, load or side.batch * flight)
            if not ids:
                return total
            last, total = ids[-1], total + len(ids)
            self._tries.update(ids)
            size = load or side.batch
            batches = [ids[i : i + size] for i in range(0, len(ids), size)]
            if creates:
                self._look_up(side, object, ids, report)
                found: list[dict[str, Record]] = [{} for _ in batches]
            else:
                found = self._verify(side, object, batches, report)
            sends = []
            for batch, records in zip(batches, found, strict=True):
                sent = self._prepare(side, object, batch, records, load=bool(load))
                if sent:
                    sends.append([s for s in sent if not s.removes])
                    self._remove(side, object, [s for s in sent if s.removes], report)
            self._send(side, object, sends, report, load=bool(load))
            self.desk.tick(side.name, "create" if creates else "update", total)

    def _load_size(self, tx: sa.Connection, side: Side, object: str, load: int, last: int) -> int | None:
        """The size of one bulk load, where so many are to be created that it is worth its latency."""
        above = side.connector.load_above
        return load if len(self._due(tx, side, object, True, last, above + 1)) > above else None

    def _due(self, tx: sa.Connection, side: Side, object: str, creates: bool, last: int, limit: int) -> list[int]:
        c = t.outbox.c
        query = sa.select(c.id, c.contact_id).where(
            c.connection == side.name, c.object == object, c.state == "pending", c.not_before <= self.desk.now,
            c.id > last, c.link_id.is_(None) if creates else c.link_id.is_not(None),
        )  # fmt: skip
        if creates:
            # whoever was first seen after the last full look at this side may be there already (rule I3)
            covered = self.puller.covered(tx, side)
            query = query.join(t.contact, t.contact.c.id == c.contact_id).where(t.contact.c.first_seen < covered)
        rows = tx.execute(query.order_by(c.id).limit(limit)).all()
        return [r.id for r in rows if self._tries[r.id] < TRIES and (self.only is None or r.contact_id in self.only)]

    # --- looking before writing --------------------------------------------------------------------------------

    def _verify(
        self, side: Side, object: str, batches: Sequence[list[int]], report: PushReport
    ) -> list[dict[str, Record]]:
        """Read the records again, in one call a batch, and merge what they show."""
        with self.desk.ledger.begin() as tx:
            c = t.outbox.c
            query = (
                sa.select(c.id, t.link.c.remote_id)
                .join(t.link, t.link.c.id == c.link_id)
                .where(c.id.in_([i for b in batches for i in b]))
            )
            remote = {r.id: r.remote_id for r in tx.execute(query)}
        if self.config.verify != "always":
            if self.config.verify == "changed":
                self.puller.pull(side, PullReport())
                report.calls["verify"] += 1
            return [{} for _ in batches]
        noted = self.desk.version
        wanted = [[remote[i] for i in b if i in remote] for b in batches]
        found = self._parallel(lambda ids: side.connector.fetch(object, ids) if ids else {}, wanted)
        report.calls["verify"] += len(wanted)
        for ids, records in zip(wanted, found, strict=True):
            with self.desk.book() as book:
                taken = self.intake.take(book, side, as_asked(object, ids, records), noted=noted, baseline=False)
            self.puller._again(side, taken, PullReport(), baseline=False)
        return found

    def _look_up(self, side: Side, object: str, ids: Sequence[int], report: PushReport) -> None:
        """Before a create: is this person there already, under an address we know? (rule I3)"""
        with self.desk.ledger.begin() as tx:
            book = Book(tx, now=self.desk.now, version=self.desk.version)
            rows = book.outbox_rows(sa.select(t.outbox).where(t.outbox.c.id.in_(list(ids))))
            emails = sorted({e for r in rows for e in _emails(book.contacts[r.contact_id])})
            keys = [book.contacts[r.contact_id].key for r in rows]
        write = side.connector.capabilities.write
        asks: list[tuple[str, Any, list[str]]] = [(o, "email", emails) for o in side.objects if emails]
        if write is not None and not write.upsert_key and side.mapping.field("external_id", object):
            asks += [(o, "external_id", keys) for o in side.objects]
        for where, by, values in asks:
            for start in range(0, len(values), side.batch):
                noted = self.desk.version
                hits = side.connector.find(where, by, values[start : start + side.batch])
                report.calls["look up"] += 1
                if not hits:
                    continue
                with self.desk.book() as book:
                    taken = self.intake.take(book, side, hits, noted=noted, baseline=False)
                self.puller._again(side, taken, PullReport(), baseline=False)

    # --- one batch ---------------------------------------------------------------------------------------------

    def _prepare(
        self, side: Side, object: str, ids: Sequence[int], records: dict[str, Record], *, load: bool
    ) -> list[Sent]:
        """Compute the payloads and commit the intents, in one transaction."""
        sends: list[Sent] = []
        with self.desk.book() as book:
            c = t.outbox.c
            query = sa.select(t.outbox).where(
                c.id.in_(list(ids)), c.state == "pending", c.connection == side.name, c.object == object
            )
            for row in book.outbox_rows(query):
                contact = book.contacts[row.contact_id]
                if row.link_id is None:
                    sent = self._new(book, side, object, row, contact)
                else:
                    link = book.links[row.link_id]
                    sent = self._changed(book, side, row, contact, link, records.get(link.remote_id))
                if sent is None:
                    book.touched.add(contact.id)
                    continue
                book.set_outbox(
                    row, state="sending", token=secrets.token_hex(8), mark=book.now, intent=sent.intent,
                    lease=book.now + (LOAD_LEASE if load else self.settler.patience(side)),
                    attempts=row.attempts + 1,
                )  # fmt: skip
                sent.token = row.token or ""
                sends.append(sent)
            self.intake.count_debts(book)
        return sends

    def _changed(
        self, book: Book, side: Side, row: OutboxRow, contact: ContactRow, link: LinkRow, record: Record | None
    ) -> Sent | None:
        if link.state != "live" or (record is not None and record.id != link.remote_id):
            return None
        if self.debts.removed(book, contact):
            entry = Entry(link.object, {}, link.remote_id, None, contact.key, contact.values.get("email"))
            return Sent(row.id, "", entry, {}, removes=True)
        owed = self.debts.owed(side, contact, link)
        if not owed:
            return None
        if record is not None:
            base = record.data
        else:  # not read again: what it showed last, in the platform's own shape
            base = dict(side.mapping.write({p: v for p, v in link.seen.items() if not is_blank(v)}, object=link.object))
        view = side.mapping.read(base, link.object)
        payload = side.mapping.write(
            self.debts.desired(contact), onto=base, seen=view, only=frozenset(owed), object=link.object
        )
        for path in owed.keys() - payload.paths:
            if path in payload.problems:
                self.debts.block(
                    link, path, "unwritable", owed[path], mapping=side.mapping.hash, message=payload.problems[path]
                )
            else:  # it reads so already
                link.sent[path] = owed[path]
            link.dirty = True
        intent = {p: v for p, v in owed.items() if p in payload.paths}
        if not intent:
            return None
        entry = Entry(link.object, dict(payload), link.remote_id, base, contact.key, contact.values.get("email"),
                      self.debts.desired(contact))  # fmt: skip
        return Sent(row.id, "", entry, intent)

    def _new(self, book: Book, side: Side, object: str, row: OutboxRow, contact: ContactRow) -> Sent | None:
        if not self.debts.may_create(book, side, contact) or any(
            x.connection == side.name for x in book.links_of(contact)
        ):
            return None
        taken = [
            c for e in _emails(contact) for c in book.holders("email", e)
            if c is not contact and any(x.connection == side.name for x in book.links_of(c))
        ]  # fmt: skip
        if taken:
            owed = self.debts.image(side, contact, object)
            book.set_outbox(
                row, state="dead", desired=digest_all(owed), code="SB-ADDRESS-TAKEN",
                error=f"another contact's record in {side.name} holds this address; link or merge them",
            )  # fmt: skip
            return None
        parked = {p for p, b in row.parked.items() if same(b.get("mapping"), side.mapping.hash)}
        wanted = {p: v for p, v in self.debts.desired(contact).items() if p not in parked}
        payload = side.mapping.write(wanted, object=object)
        image = self.debts.image(side, contact, object)
        intent = {p: v for p, v in image.items() if p in payload.paths}
        if not intent:
            return None
        entry = Entry(object, dict(payload), None, None, contact.key, contact.values.get("email"), wanted)
        return Sent(row.id, "", entry, intent)

    def _remove(self, side: Side, object: str, sents: Sequence[Sent], report: PushReport) -> None:
        """Delete records, one call each: no platform deletes many in a way that says what became of each."""
        for sent in sents:
            self.settler.settle(side, object, [sent], [self._removal(side, sent.entry)], report)
            report.calls["delete"] += 1

    def _removal(self, side: Side, entry: Entry) -> Outcome:
        able = side.connector.capabilities
        assert entry.remote_id is not None
        try:
            if self.config.deletes == "erase" and able.erase:
                return side.connector.erase(entry.object, entry.remote_id, entry.email)
            if self.config.deletes == "archive" and able.archive:
                return side.connector.archive(entry.object, entry.remote_id)
        except NoAnswer as error:
            return Unknown(str(error))
        return Rejected("SB-CANNOT-DELETE", f"{side.name} cannot {self.config.deletes} records; do it there by hand")

    def _send(self, side: Side, object: str, batches: Sequence[list[Sent]], report: PushReport, *, load: bool) -> None:
        answers = self._parallel(lambda batch: self._write(side, batch, load), batches)
        report.calls["write"] += len(batches)
        failure: Exception | None = None
        for batch, answer in zip(batches, answers, strict=True):
            if isinstance(answer, Exception):
                failure = answer
                continue
            self.settler.settle(side, object, batch, answer, report)
        if failure is not None:
            raise failure

    @staticmethod
    def _write(side: Side, batch: Sequence[Sent], load: bool) -> list[Outcome] | Exception:
        entries = [s.entry for s in batch]
        try:
            return side.connector.load(entries) if load else side.connector.write(entries)
        except NoAnswer as error:
            return [Unknown(str(error)) for _ in batch]
        except Exception as error:  # the other calls under way are settled before it goes on
            return error

    def _parallel(self, call: Callable[[T], R], items: Iterable[T]) -> list[R]:
        listed = list(items)
        if len(listed) < 2 or self.flight == 1:
            return [call(x) for x in listed]
        with ThreadPoolExecutor(max_workers=len(listed), thread_name_prefix="stagebridge") as pool:
            return list(pool.map(call, listed))


def _emails(contact: ContactRow) -> list[str]:
    found = [contact.values.get("email"), *sorted(contact.values.get("emails") or ())]
    return [e.casefold() for e in found if e]
