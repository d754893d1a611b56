"""Undoing a run: what it wrote is put back where the platform still holds it.

Only the records that the run wrote are touched. Everything else keeps what it has, so the systems differ afterwards on
purpose: each value put back stands in `conflicts`, and is owed again only when somebody changes it or decides it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from stagebridge.connector import Done, Entry, Outcome, Record, Rejected, Retry, Unknown
from stagebridge.contact import decode, encode, same
from stagebridge.errors import ConfigError, NoAnswer
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import LinkRow
from stagebridge.sync.engine import Engine
from stagebridge.sync.pull import as_asked
from stagebridge.sync.removals import deleted_by_us
from stagebridge.sync.side import OURS, Side
from stagebridge.sync.unanswered import HORIZON


@dataclass(slots=True)
class UndoReport:
    """Per connection: values to put back (or put back), records that the run created to archive (or archived), what is
    left alone because it has changed since, and what failed. `final`: deletions, which only the platform's own recycle
    bin undoes."""

    run: int
    values: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    final: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        counts = ("values", "records", "left", "failed", "final", "reasons")
        return {"run": self.run, **{n: dict(getattr(self, n)) for n in counts}}


@dataclass(slots=True)
class _Written:
    """What the run did to one record: `paths` {path: (before the run, after it)}."""

    link_id: int
    contact_id: int
    paths: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    created: bool = False


class Undo:
    """Puts back what one run wrote. `plan` shows it, `carry_out` does it; both hold the ledger's lock."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def plan(self, run: int) -> UndoReport:
        """Bring in what changed, and count what undoing would do. Writes to no platform. Raises `ConfigError`."""
        return self._play(run, carry_out=False)

    def carry_out(self, run: int) -> UndoReport:
        """Put back. A run of its own, which can be undone itself. Raises `ConfigError`; what a platform will not take
        back is in `failed`."""
        return self._play(run, carry_out=True)

    def _play(self, run: int, *, carry_out: bool) -> UndoReport:
        engine, report = self.engine, UndoReport(run)
        with engine.desk.hold():
            self._known(run)
            with engine.run(f"undo {run}" if carry_out else f"plan: undo {run}") as round_:
                engine.pull(round_)
                if round_.failures:
                    raise next(iter(round_.failures.values()))
                for side, object, batch in self._batches(run, report):
                    self._batch(side, object, batch, report, carry_out=carry_out)
        return report

    def _known(self, run: int) -> None:
        with self.engine.ledger.begin() as tx:
            if tx.scalar(sa.select(t.run.c.id).where(t.run.c.id == run)) is None:
                raise ConfigError(f"there was no run {run}", hint="`stagebridge runs` lists them.")

    # --- what the run did --------------------------------------------------------------------------------------

    def _batches(self, run: int, report: UndoReport) -> Iterator[tuple[Side, str, list[_Written]]]:
        """The run's writes, one connection, object and batch at a time."""
        sides = {s.name: s for s in self.engine.sides}
        c, k = t.change.c, t.link.c
        query = (
            sa.select(c.kind, c.path, c.old, c.new, k.id.label("link_id"), k.contact_id, k.connection, k.object)
            .join(t.link, k.id == c.link_id)
            .where(c.run_id == run, c.kind.in_(("written", "created", "deleted")), c.path.not_in(OURS))
            .order_by(k.connection, k.object, k.id, c.id)
        )
        with self.engine.ledger.begin() as tx:
            rows = tx.execute(query).all()
        for (connection, object), some in groupby(rows, key=lambda r: (r.connection, r.object)):
            written: dict[int, _Written] = {}
            for r in some:
                one = written.setdefault(r.link_id, _Written(r.link_id, r.contact_id))
                if r.kind == "created":
                    one.created = True
                elif r.kind == "deleted":
                    report.final[connection] += 1
                else:
                    before = one.paths[r.path][0] if r.path in one.paths else _value(r.old)
                    one.paths[r.path] = (before, _value(r.new))
            if connection not in sides:
                report.failed[connection] += len(written)
                report.reasons[f"{connection} is not configured any more"] += 1
                continue
            side, listed = sides[connection], list(written.values())
            for start in range(0, len(listed), side.batch):
                yield side, object, listed[start : start + side.batch]

    # --- one batch ---------------------------------------------------------------------------------------------

    def _batch(
        self, side: Side, object: str, batch: Sequence[_Written], report: UndoReport, *, carry_out: bool
    ) -> None:
        with self.engine.desk.book() as book:
            book.load_contacts(w.contact_id for w in batch)
            links = {w.link_id: book.links[w.link_id] for w in batch if w.link_id in book.links}
            touched = self._touched(book, [w.link_id for w in batch if w.created])
        alive = [w for w in batch if w.link_id in links and links[w.link_id].state == "live"]
        report.left[side.name] += sum(len(w.paths) + w.created for w in batch if w not in alive)
        made = [w for w in alive if w.created and w.link_id not in touched]
        report.left[side.name] += sum(1 for w in alive if w.created and w.link_id in touched)
        changed = [w for w in alive if not w.created and w.paths]
        if not carry_out:
            for w in changed:
                self._still_ours(side, links[w.link_id], w, report)
            report.records[side.name] += len(made)
            return
        for w in made:
            self._archive(side, links[w.link_id], report)
        if changed:
            self._put_back(side, object, changed, report)

    @staticmethod
    def _touched(book: Book, link_ids: Sequence[int]) -> set[int]:
        """Records that somebody has worked on there since they were created."""
        c = t.change.c
        query = sa.select(c.link_id).where(c.link_id.in_(link_ids), c.kind.in_(("accepted", "overruled")))
        return set(book.tx.execute(query).scalars())

    def _still_ours(self, side: Side, link: LinkRow, w: _Written, report: UndoReport) -> dict[str, Any]:
        """{path: value before the run} where the record still stands for what the run wrote."""
        back = {p: old for p, (old, new) in w.paths.items() if same(link.sent.get(p), new)}
        report.left[side.name] += len(w.paths) - len(back)
        report.values[side.name] += len(back)
        return back

    def _put_back(self, side: Side, object: str, batch: Sequence[_Written], report: UndoReport) -> None:
        found = self._read_again(side, object, batch)
        entries: list[Entry] = []
        wanted: list[tuple[_Written, dict[str, Any]]] = []
        with self.engine.desk.book() as book:
            book.load_contacts(w.contact_id for w in batch)
            for w in batch:
                link = book.links[w.link_id]
                back = self._still_ours(side, link, w, report)
                record = found.get(link.remote_id)
                if link.state != "live" or record is None or not back:
                    continue
                contact = book.follow(book.contacts[w.contact_id])
                payload = side.mapping.write(back, onto=record.data, only=frozenset(back), object=object)
                for path in back.keys() - payload.paths:
                    self._cannot(side, path, payload.problems.get(path, "it cannot be written"), report)
                back = {p: v for p, v in back.items() if p in payload.paths}
                if not back:
                    continue
                for path, old in back.items():
                    self._expect(book, side, link, path, old)
                entries.append(Entry(object, dict(payload), link.remote_id, record.data, contact.key,
                                     contact.values.get("email"), contact.values))  # fmt: skip
                wanted.append((w, back))
        if entries:
            self._settle(side, object, entries, wanted, report)

    @staticmethod
    def _cannot(side: Side, path: str, why: str, report: UndoReport) -> None:
        report.values[side.name] -= 1
        report.failed[side.name] += 1
        report.reasons[f"{path}: {why}"] += 1

    def _read_again(self, side: Side, object: str, batch: Sequence[_Written]) -> dict[str, Record]:
        """Look once more before writing; what somebody has edited since is merged, and then no longer ours."""
        engine, noted = self.engine, self.engine.desk.version
        with engine.desk.book() as book:
            book.load_contacts(w.contact_id for w in batch)
            ids = [book.links[w.link_id].remote_id for w in batch]
        found = side.connector.fetch(object, ids)
        with engine.desk.book() as book:
            engine.intake.take(book, side, as_asked(object, ids, found), noted=noted, baseline=False)
        return found

    def _expect(self, book: Book, side: Side, link: LinkRow, path: str, old: Any) -> None:
        """Committed before the call: if its answer never comes, the value that turns up is ours and nobody's edit, and it
        is not owed again."""
        late = link.memory.setdefault("late", {})
        late[path] = [*late.get(path, []), [encode({"": old}), book.now + HORIZON]]
        contact = book.follow(book.contacts[link.contact_id])
        desired = self.engine.debts.image(side, contact, link.object).get(path)
        shown, link.seen[path] = link.seen.get(path), old
        self.engine.debts.block(link, path, "undone", desired, message="a run was undone")
        link.seen[path] = shown

    def _settle(
        self, side: Side, object: str, entries: Sequence[Entry], wanted: Sequence[tuple[_Written, dict[str, Any]]],
        report: UndoReport,
    ) -> None:  # fmt: skip
        engine = self.engine
        outcomes = self._write(side, entries)
        silent = [o.remote_id for o in outcomes if isinstance(o, Done) and o.record is None]
        read = side.connector.fetch(object, silent) if silent else {}
        with engine.desk.book() as book:
            book.load_contacts(w.contact_id for w, _ in wanted)
            for (w, back), outcome in zip(wanted, outcomes, strict=True):
                link = book.links[w.link_id]
                contact = book.follow(book.contacts[w.contact_id])
                book.touched.add(contact.id)
                if not isinstance(outcome, Done):
                    self._failed(link, back, outcome, side, report)
                    continue
                record = outcome.record or read.get(link.remote_id)
                view = side.mapping.read(record.data, object) if record is not None else None
                blocks = {p: link.blocked[p] for p in back if p in link.blocked}
                engine.landing.landed(book, side, contact, link, back, view, echoed=outcome.record is not None)
                link.blocked |= blocks
                for path in back:
                    book.open_conflict("undone", contact, link, path, run=report.run)
            engine.intake.count_debts(book)

    @staticmethod
    def _write(side: Side, entries: Sequence[Entry]) -> list[Outcome]:
        try:
            return side.connector.write(entries)
        except NoAnswer as error:
            return [Unknown(str(error)) for _ in entries]

    @staticmethod
    def _failed(link: LinkRow, back: dict[str, Any], outcome: Outcome, side: Side, report: UndoReport) -> None:
        if not isinstance(outcome, Unknown):  # it was not written: nothing to wait for
            for path in back:
                link.blocked.pop(path, None)
                link.memory.get("late", {}).pop(path, None)
            link.dirty = True
        report.values[side.name] -= len(back)
        report.failed[side.name] += len(back)
        report.reasons[_why(outcome)] += 1

    def _archive(self, side: Side, link: LinkRow, report: UndoReport) -> None:
        """A record that the run created, and that nobody has worked on since, goes into the recycle bin."""
        if not side.connector.capabilities.archive:
            outcome: Outcome = Rejected("SB-CANNOT-DELETE", f"{side.name} cannot archive records")
        else:
            try:
                outcome = side.connector.archive(link.object, link.remote_id)
            except NoAnswer as error:
                outcome = Unknown(str(error))
        if not isinstance(outcome, Done):
            report.failed[side.name] += 1
            report.reasons[_why(outcome)] += 1
            return
        report.records[side.name] += 1
        with self.engine.desk.book() as book:
            book.load_contacts([link.contact_id])
            held = book.links[link.id]
            held.state, held.dirty = "gone", True
            deleted_by_us(held)
            contact = book.follow(book.contacts[held.contact_id])
            book.changed(contact, held, "", None, None, "deleted", f"undo of run {report.run}")
            book.touched.add(contact.id)
            self.engine.intake.count_debts(book)


def _value(text: str | None) -> Any:
    return None if text is None else decode(text)[""]


def _why(outcome: Outcome) -> str:
    match outcome:
        case Rejected():
            return f"{outcome.code}: {outcome.message}"
        case Retry() | Unknown():
            return f"{outcome.reason}; undo the run once more"
    return "the record is not there any more"
