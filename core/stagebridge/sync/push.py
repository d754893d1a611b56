"""Paying what we owe: read again, merge, compute, commit the intent, send, settle.

Before an update the records are read once more in one batch and merged (rule S5); the payload is computed only then.
Before a create the person is looked up by every address that we know (I3). Every batch is a job of its own, and several
are under way at once: one is verified while another is written and a third is settled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import sqlalchemy as sa

from stagebridge.config import ContactsConfig
from stagebridge.connector import Entry, Outcome, Record, Rejected, Unknown, Write
from stagebridge.errors import NoAnswer
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.tables import chunks
from stagebridge.sync.debts import Debts
from stagebridge.sync.desk import Desk
from stagebridge.sync.flight import Flight, Steps
from stagebridge.sync.intake import Intake
from stagebridge.sync.prepare import Preparer, emails_to_look_up
from stagebridge.sync.pull import Puller, as_asked
from stagebridge.sync.reports import PullReport, PushReport
from stagebridge.sync.settle import Sent, Settler
from stagebridge.sync.side import Side

TRIES = 4
"""How often one run takes up the same row: after a parked path, a conflict that became a link, a short wait."""


@dataclass(slots=True)
class _Sweep:
    """Everything due of one object, once."""

    side: Side
    object: str
    creates: bool
    write: Write
    report: PushReport
    flight: Flight
    taken_up: int = 0
    done: int = 0


@dataclass(slots=True)
class _Window:
    """Creates that are looked up together, so that every call is full; `asked` counts the look-ups still to come."""

    batches: list[list[int]]
    in_bulk: bool
    asks: list[tuple[str, Any, list[str]]] = field(default_factory=list)
    asked: int = 0


class Pusher:
    def __init__(
        self, desk: Desk, debts: Debts, intake: Intake, puller: Puller, settler: Settler, config: ContactsConfig,
        *, flight: int | None = None,
    ) -> None:  # fmt: skip
        self.desk = desk
        self.intake = intake
        self.puller = puller
        self.settler = settler
        self.preparer = Preparer(desk, debts, intake, settler)
        self.config = config
        self.flight = flight
        self._tries: Counter[int] = Counter()
        """Of rows that are still owed: whatever has been settled needs no memory."""
        self.only: set[int] | None = None
        """Contacts to write, for a pilot; None: all."""

    def push(self, side: Side, report: PushReport) -> int:
        """Send what is due now; returns how many rows were taken up. Raises what the connector raises."""
        write = side.connector.capabilities.write
        if write is None:
            return 0
        taken_up = 0
        for object in side.objects:
            for creates in (False, True):
                sweep = _Sweep(side, object, creates, write, report, Flight(self.flight or write.flight))
                if creates:
                    self._create(sweep)
                else:
                    sweep.flight.run(self._updates(sweep))
                taken_up += sweep.taken_up
        return taken_up

    # --- what is due -------------------------------------------------------------------------------------------

    def _windows(self, sweep: _Sweep) -> Iterator[tuple[list[list[int]], bool]]:
        """Batches of rows that are due, and whether they are to be loaded in bulk: as many as are under way at once, or one
        bulk load."""
        last = 0
        while True:
            with self.desk.ledger.begin() as tx:
                load = self._load_size(tx, sweep, last)
                size = load or sweep.side.batch
                rows = self._due(tx, sweep, last, load or size * sweep.flight.width)
            if not rows:
                return
            last = rows[-1][0]
            ids = self._wanted(rows)
            self._tries.update(ids)
            sweep.taken_up += len(ids)
            if ids:
                yield [ids[i : i + size] for i in range(0, len(ids), size)], bool(load)

    def _load_size(self, tx: sa.Connection, sweep: _Sweep, last: int) -> int | None:
        """The size of one bulk load, where so many are to be created that it is worth its latency."""
        if not (sweep.creates and sweep.write.load):
            return None
        above = sweep.side.connector.load_above
        return sweep.write.load if len(self._wanted(self._due(tx, sweep, last, above + 1))) > above else None

    def _due(self, tx: sa.Connection, sweep: _Sweep, last: int, limit: int) -> list[tuple[int, int]]:
        """(row, contact) of those after row `last`."""
        c = t.outbox.c
        query = sa.select(c.id, c.contact_id).where(
            c.connection == sweep.side.name, c.object == sweep.object, c.state == "pending",
            c.not_before <= self.desk.now, c.id > last, c.link_id.is_(None) if sweep.creates else c.link_id.is_not(None),
        )  # fmt: skip
        if sweep.creates:
            # whoever was first seen after the last full look at this side may be there already (rule I3)
            covered = self.puller.covered(tx, sweep.side)
            query = query.join(t.contact, t.contact.c.id == c.contact_id).where(t.contact.c.first_seen < covered)
        return [(r.id, r.contact_id) for r in tx.execute(query.order_by(c.id).limit(limit))]

    def _wanted(self, rows: Sequence[tuple[int, int]]) -> list[int]:
        return [i for i, who in rows if self._tries[i] < TRIES and (self.only is None or who in self.only)]

    # --- updates -----------------------------------------------------------------------------------------------

    def _updates(self, sweep: _Sweep) -> Iterator[Steps[None]]:
        for batches, _ in self._windows(sweep):
            if self.config.verify == "changed":
                self.puller.pull(sweep.side, PullReport())
                sweep.report.calls["verify"] += 1
            for ids in batches:
                yield self._update(sweep, ids)

    def _update(self, sweep: _Sweep, ids: list[int]) -> Steps[None]:
        records: dict[str, Record] = {}
        if self.config.verify == "always":
            records = yield from self._verify(sweep, ids)
        yield from self._pay(sweep, ids, records, in_bulk=False)

    def _verify(self, sweep: _Sweep, ids: Sequence[int]) -> Steps[dict[str, Record]]:
        """Read the records again, in one call, and merge what they show."""
        side, object = sweep.side, sweep.object
        with self.desk.ledger.begin() as tx:
            c = t.outbox.c
            query = sa.select(t.link.c.remote_id).join(t.outbox, t.link.c.id == c.link_id).where(c.id.in_(ids))
            asked = list(tx.execute(query).scalars())
        if not asked:
            return {}
        noted = self.desk.version
        records: dict[str, Record] = yield lambda: side.connector.fetch(object, asked)
        sweep.report.calls["verify"] += 1
        with self.desk.book() as book:
            taken = self.intake.take(book, side, as_asked(object, asked, records), noted=noted, baseline=False)
        self.puller._again(side, taken, PullReport(), baseline=False)
        return records

    # --- creates -----------------------------------------------------------------------------------------------

    def _create(self, sweep: _Sweep) -> None:
        windows = self._windows(sweep)
        for first in windows:
            # all of a bulk load is in memory at once: one comes after the other
            sweep.flight.run(self._creates(sweep, [first] if first[1] else chain([first], windows)))

    def _creates(self, sweep: _Sweep, windows: Iterable[tuple[list[list[int]], bool]]) -> Iterator[Steps[None]]:
        for batches, in_bulk in windows:
            window = _Window(batches, in_bulk)
            self._what_to_ask(sweep, window)
            window.asked = len(window.asks)
            if not window.asks:
                self._begin(sweep, window)
            for ask in window.asks:
                yield self._look_up(sweep, window, *ask)

    def _what_to_ask(self, sweep: _Sweep, window: _Window) -> None:
        """Is this person there already, under our key or an address we know? (rule I3)"""
        side = sweep.side
        emails: set[str] = set()
        keys: list[str] = []
        for ids in chunks(i for batch in window.batches for i in batch):
            with self.desk.ledger.begin() as tx:
                book = Book(tx, now=self.desk.now, version=self.desk.version)
                rows = book.outbox_rows(sa.select(t.outbox).where(t.outbox.c.id.in_(ids)))
                emails.update(e for r in rows for e in emails_to_look_up(book.contacts[r.contact_id]))
                keys += [book.contacts[r.contact_id].key for r in rows]
        asks: list[tuple[str, Any, list[str]]] = []
        if not sweep.write.refuses_doubles:  # such a platform answers the create with the record that is in the way
            asks += [(o, "email", sorted(emails)) for o in side.objects]
        if not sweep.write.upsert_key and side.mapping.field("external_id", sweep.object):
            asks += [(o, "external_id", keys) for o in side.objects]
        window.asks = [
            (where, by, values[start : start + side.batch])
            for where, by, values in asks
            for start in range(0, len(values), side.batch)
        ]

    def _look_up(self, sweep: _Sweep, window: _Window, where: str, by: Any, values: list[str]) -> Steps[None]:
        side, noted = sweep.side, self.desk.version
        hits = yield lambda: side.connector.find(where, by, values)
        sweep.report.calls["look up"] += 1
        if hits:
            with self.desk.book() as book:
                taken = self.intake.take(book, side, hits, noted=noted, baseline=False)
            self.puller._again(side, taken, PullReport(), baseline=False)
        window.asked -= 1
        if not window.asked:
            self._begin(sweep, window)

    def _begin(self, sweep: _Sweep, window: _Window) -> None:
        for ids in window.batches:
            sweep.flight.add(self._pay(sweep, ids, {}, in_bulk=window.in_bulk))

    # --- one batch ---------------------------------------------------------------------------------------------

    def _pay(self, sweep: _Sweep, ids: list[int], records: dict[str, Record], *, in_bulk: bool) -> Steps[None]:
        """Compute, commit, send, settle."""
        side, object, report = sweep.side, sweep.object, sweep.report
        sents = [s for some in chunks(ids) for s in self.preparer.prepare(side, object, some, records, load=in_bulk)]
        for sent in (s for s in sents if s.removes):
            # one call each: no platform deletes many in a way that says what became of each
            outcome = yield partial(self._removal, side, sent.entry)
            yield from self.settler.settle(side, object, [sent], [outcome], report)
            report.calls["delete"] += 1
        written = [s for s in sents if not s.removes]
        if written:
            outcomes = yield lambda: self._write(side, written, in_bulk)
            report.calls["write"] += 1
            for start in range(0, len(written), side.batch):  # a bulk load's are too many for one transaction
                some = slice(start, start + side.batch)
                yield from self.settler.settle(side, object, written[some], outcomes[some], report)
        self._forget(ids)
        sweep.done += len(ids)
        self.desk.tick(side.name, "create" if sweep.creates else "update", sweep.done)

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

    @staticmethod
    def _write(side: Side, batch: Sequence[Sent], in_bulk: bool) -> list[Outcome]:
        entries = [s.entry for s in batch]
        try:
            return side.connector.load(entries) if in_bulk else side.connector.write(entries)
        except NoAnswer as error:
            return [Unknown(str(error)) for _ in batch]

    def _forget(self, ids: Sequence[int]) -> None:
        """Keep in mind only those that are still owed: memory does not grow with contacts (G8)."""
        with self.desk.ledger.begin() as tx:
            c, owed = t.outbox.c, set[int]()
            for part in chunks(ids):
                owed.update(tx.execute(sa.select(c.id).where(c.id.in_(part))).scalars())
        for i in ids:
            if i not in owed:
                del self._tries[i]
