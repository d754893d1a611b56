"""Reading one side: hints first, then what changed since the cursor, page by page.

Pull, identify and merge of one page, with its cursor, are one transaction (rule S1): a run that is killed goes on
after the last page that it finished.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import orjson
import sqlalchemy as sa

from stagebridge.connector import Page, Record
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.sync.desk import Desk
from stagebridge.sync.intake import Intake, Taken
from stagebridge.sync.reports import PullReport
from stagebridge.sync.side import Side, ms


class Puller:
    def __init__(self, desk: Desk, intake: Intake) -> None:
        self.desk = desk
        self.intake = intake

    def pull(self, side: Side, report: PullReport, *, full: bool = False) -> None:
        """Bring in everything that this side has to say. Raises what its connector raises; what was read stays."""
        if side.connector.capabilities.read is None:  # it tells by webhooks only
            return
        self._hints(side, report)
        for object in side.objects:
            self._object(side, object, report, full)

    def covered(self, tx: sa.Connection, side: Side) -> int:
        """Every change there before this instant (ms, our clock) is in; -1 before the first full pass."""
        c = t.cursor.c
        rows = tx.execute(sa.select(c.object, c.covered).where(c.connection == side.name)).all()
        by_object = {r.object: r.covered for r in rows}
        return min((by_object.get(o) or -1 for o in side.objects), default=-1)

    def _object(self, side: Side, object: str, report: PullReport, full: bool) -> None:
        with self.desk.ledger.begin() as tx:
            c = t.cursor.c
            row = tx.execute(sa.select(t.cursor).where(c.connection == side.name, c.object == object)).one_or_none()
        current = row is not None and row.mapping == side.mapping.hash
        since = orjson.loads(row.state) if row is not None and current and not full else None
        complete = row is not None and bool(row.complete)
        covered = row.covered if row is not None else None
        pages = iter(side.connector.read(object, since))
        noted = self.desk.version
        while (page := next(pages, None)) is not None:
            if page.covered is not None:
                covered = max(covered or -1, ms(page.covered) or -1)
            self._page(side, object, page, noted, covered, report, complete=complete)
            del page  # the next one is as large
            noted = self.desk.version

    def _page(
        self,
        side: Side,
        object: str,
        page: Page,
        noted: int,
        covered: int | None,
        report: PullReport,
        *,
        complete: bool,
    ) -> None:
        records = self._followed(side, object, page.records)
        with self.desk.book() as book:
            taken = self.intake.take(book, side, records, noted=noted, baseline=not complete)
            self._save(book, side, object, page.cursor, covered, complete or page.covered is not None)
        report.records += len(page.records)
        report.pages += 1
        report.add(taken)
        self._again(side, taken, report, baseline=not complete)
        self.desk.tick(side.name, "read", report.records)

    def _save(
        self, book: Book, side: Side, object: str, state: dict[str, object], covered: int | None, complete: bool
    ) -> None:
        c = t.cursor.c
        book.tx.execute(sa.delete(t.cursor).where(c.connection == side.name, c.object == object))
        book.tx.execute(
            sa.insert(t.cursor).values(
                connection=side.name, object=object, state=orjson.dumps(state).decode(), mapping=side.mapping.hash,
                covered=covered, complete=complete,
            )
        )  # fmt: skip

    def hinted(self, side: Side, report: PullReport) -> None:
        """Bring in the records that webhooks told of, once the side has been read as a whole: before that, whatever is seen is
        part of the first sync."""
        with self.desk.ledger.begin() as tx:
            covered = self.covered(tx, side)
        if covered >= 0:
            self._hints(side, report)

    def _hints(self, side: Side, report: PullReport) -> None:
        with self.desk.ledger.begin() as tx:
            c = t.hint.c
            rows = tx.execute(sa.select(c.object, c.remote_id, c.at).where(c.connection == side.name)).all()
        by_object: dict[str, dict[str, int]] = {}
        for r in rows:
            by_object.setdefault(r.object, {})[r.remote_id] = r.at
        for object, marks in by_object.items():
            self.fetch(side, object, list(marks), report, baseline=False, hints=marks)

    def fetch(
        self, side: Side, object: str, ids: Sequence[str], report: PullReport, *, baseline: bool,
        settled: bool = False, hints: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        """Fetch records by id and apply them. `hints` are the marks that this settles, as they stood before: a webhook that
        came meanwhile has moved its mark, and stays."""
        for start in range(0, len(ids), side.batch):
            some = list(ids[start : start + side.batch])
            noted = self.desk.version
            records = self._followed(side, object, as_asked(object, some, side.connector.fetch(object, some)))
            with self.desk.book() as book:
                if hints is not None:  # before the records are taken: one that is in flight is marked again
                    c = t.hint.c
                    same = (c.remote_id == sa.bindparam("id_")) & (c.at == sa.bindparam("at_"))
                    gone = sa.delete(t.hint).where((c.connection == side.name) & (c.object == object) & same)
                    book.tx.execute(gone, [{"id_": i, "at_": hints[i]} for i in some])
                taken = self.intake.take(book, side, records, noted=noted, baseline=baseline, settled=settled)
            report.add(taken)
            if not settled:
                self._again(side, taken, report, baseline=baseline)

    def _followed(self, side: Side, object: str, records: Sequence[Record]) -> Sequence[Record]:
        """Where a platform does not say what a record was merged into, whoever holds its address now; a deletion that was a
        merge would else be followed everywhere."""
        read = side.connector.capabilities.read
        lost = [r.id for r in records if r.deleted and r.merged_into is None]
        if read is None or read.names_survivors or not lost:
            return records
        with self.desk.ledger.begin() as tx:
            book = Book(tx, now=0, version=0)
            book.load_links(side.name, object, lost)
            links = (book.remotes.get((side.name, object, i)) for i in lost)
            emails = {
                x.remote_id: str(e) for x in links if x is not None and x.state == "live" and (e := x.seen.get("email"))
            }
        now: dict[str, str] = {}
        for id_, email in emails.items():
            others = [r.id for r in side.connector.find(object, "email", [email]) if r.id != id_ and not r.deleted]
            now.update((id_, other) for other in others[:1])
        return [replace(r, merged_into=now[r.id]) if r.deleted and r.id in now else r for r in records]

    def _again(self, side: Side, taken: Taken, report: PullReport, *, baseline: bool) -> None:
        for object, ids in taken.fetch.items():
            self.fetch(side, object, sorted(ids), report, baseline=baseline)
        for object, ids in taken.beside.items():
            # the one that is linked comes first: it may have let go of the address
            with self.desk.ledger.begin() as tx:
                known = Book(tx, now=0, version=0).fingerprints(side.name, object, sorted(ids))
            ordered = sorted(ids, key=lambda i: (i not in known, len(i), i))
            self.fetch(side, object, ordered, report, baseline=baseline, settled=True)


def as_asked(object: str, ids: Iterable[str], found: dict[str, Record]) -> list[Record]:
    """Every id asked for, answered: by its record, by a deletion, or by a merge and the record it went into."""
    out: list[Record] = []
    for asked in ids:
        record = found.get(asked)
        if record is None:
            out.append(Record(object, asked, deleted=True))
        elif record.id != asked:
            out += [Record(object, asked, deleted=True, merged_into=record.id), record]
        else:
            out.append(record)
    return out
