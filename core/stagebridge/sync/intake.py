"""Records in: from a page, a fetch or an answer to the ledger, in one transaction each.

What a read shows is only applied if nothing newer has been applied since the read began (rule S4); otherwise, and for
everything that needs a look at a second record, the ids come back to be fetched.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson
import sqlalchemy as sa

from stagebridge.config import ContactsConfig
from stagebridge.connector import Record
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.ledger.tables import chunks
from stagebridge.mapping import View
from stagebridge.sync.debts import Debts
from stagebridge.sync.identify import Contested, Identifier, emails_of
from stagebridge.sync.joining import join, one_live_link
from stagebridge.sync.merge import Merger
from stagebridge.sync.removals import back_again, deleted_there
from stagebridge.sync.side import Side, hash_email, ms
from stagebridge.sync.telling import leave_out


def stands_for_us(link: LinkRow, contact: ContactRow, view: View) -> None:
    """Whoever asks our API has no record of his own: he saw what we hold, and what he says otherwise is an edit of it."""
    for path in view:
        link.seen[path] = link.sent[path] = contact.values.get(path)


@dataclass(slots=True)
class Taken:
    """What became of some records. `fetch` maps an object to ids that must be fetched and applied again; `beside` are
    those whose fetch settles a contested identity."""

    matched: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    fetch: dict[str, set[str]] = field(default_factory=dict)
    beside: dict[str, set[str]] = field(default_factory=dict)

    def again(self, object: str, *ids: str, beside: bool = False) -> None:
        (self.beside if beside else self.fetch).setdefault(object, set()).update(ids)


class Intake:
    def __init__(self, debts: Debts, merger: Merger, identifier: Identifier, config: ContactsConfig) -> None:
        self.debts = debts
        self.merger = merger
        self.identifier = identifier
        self.config = config

    def take(
        self,
        book: Book,
        side: Side,
        records: Sequence[Record],
        *,
        noted: int,
        baseline: bool,
        settled: bool = False,
    ) -> Taken:
        """Apply records that were read when the ledger stood at version `noted`."""
        taken = Taken()
        by_object: dict[str, list[Record]] = {}
        for record in records:
            by_object.setdefault(record.object, []).append(record)
        for object, some in by_object.items():
            self._take_object(book, side, object, some, noted, baseline, settled, taken)
        self.count_debts(book)
        return taken

    def count_debts(self, book: Book) -> None:
        ids = sorted(book.touched)
        book.load_outbox(ids)
        self.debts.settle(book, ids)
        book.touched.clear()

    # --- one object's records ----------------------------------------------------------------------------------

    def _take_object(
        self, book: Book, side: Side, object: str, records: list[Record], noted: int, baseline: bool, settled: bool,
        taken: Taken,
    ) -> None:  # fmt: skip
        known = book.fingerprints(side.name, object, [r.id for r in records])
        prints = {r.id: fingerprint(r, side.mapping.hash) for r in records}
        news = records
        if not side.told_only:  # there, whatever is left out could never be asked for again
            news = [r for r in records if r.id not in known or known[r.id][0] != prints[r.id]]
            stale = {r.id for r in news if r.id in known and known[r.id][1] > noted}
            taken.again(object, *stale)
            news = [r for r in news if r.id not in stale]
        suppressed = self._suppressed(book, side, object, news)
        news = [r for r in news if r.id not in suppressed]
        book.load_links(side.name, object, [r.id for r in news])
        views = {r.id: self._read(side, r, taken) for r in news if not r.deleted}
        self.identifier.preload(book, [v for i, v in views.items() if (side.name, object, i) not in book.remotes])
        book.load_identities("email", (e for v in views.values() for e in emails_of(v)[:1]))
        book.load_outbox({x.contact_id for r in news if (x := book.remotes.get((side.name, object, r.id))) is not None})
        for record in news:
            link = book.remotes.get((side.name, object, record.id))
            if link is not None and not side.told_only and self._in_flight(book, link):
                mark_hint(book, side, object, record.id)
                continue
            if record.deleted:
                self._deleted(book, side, record, link)
            else:
                link = self._one(book, side, record, views[record.id], link, baseline, settled, taken)
            if link is not None:
                link.fingerprint, link.version, link.dirty = prints[record.id], book.version, True

    def _one(
        self, book: Book, side: Side, record: Record, view: View, link: LinkRow | None, baseline: bool, settled: bool,
        taken: Taken,
    ) -> LinkRow | None:  # fmt: skip
        if link is None:
            answer = self.identifier.link(book, side, record, view, settled=settled)
            if isinstance(answer, Contested):
                taken.again(record.object, record.id, answer.link.remote_id, beside=True)
                return None
            link, how = answer
            taken.matched[how] += 1
        elif link.state == "gone":
            self._revived(book, side, link)
        elif link.state == "alias" and not side.told_only:
            link.state = "dup"
            book.open_conflict("unmerged", book.contacts[link.contact_id], link)
        if side.told_only:
            self._told(book, side, link, record, view, baseline)
        elif link.state == "live":
            self.observe(book, side, link, record, view, baseline=baseline)
        return link

    def _told(self, book: Book, side: Side, link: LinkRow, record: Record, view: View, baseline: bool) -> None:
        """A word about a person, merged into what was said of him before. One that waits for somebody's decision (`dup`) is
        looked at again after it."""
        if link.state == "dup":
            return
        live = book.live_link(book.contacts[link.contact_id], side.name, link.object)
        if live is None:
            link.state, live = "live", link
        leave_out(link, live, record, view)
        self.observe(book, side, live, record, view, baseline=baseline)

    def observe(self, book: Book, side: Side, link: LinkRow, record: Record, view: View, *, baseline: bool) -> None:
        """Merge a record into its link's contact, if this side's word counts."""
        if baseline:
            book.baseline.add(link.contact_id)
        at = self.change_time(side, record, book.now)
        link.memory["modified"] = ms(record.modified_at) or 0
        certain = {p: stamp for p, when in record.changed_at.items() if (stamp := ms(when)) is not None}
        if side.connector.capabilities.api:
            stands_for_us(link, book.contacts[link.contact_id], view)
        if side.merges:
            self.merger.observe(book, side, link, view, at=at, certain=certain, baseline=baseline)
        else:
            link.seen.update(view)
            link.sent.update(view)
            link.mapping, link.version, link.dirty = side.mapping.hash, book.version, True
            book.touched.add(link.contact_id)
        contact = book.contacts[link.contact_id]
        for email in emails_of(view)[:1]:
            others = [c for c in book.holders("email", email) if c is not contact]
            if others:
                book.open_conflict("shared_email", contact, link, "email", others=[c.key for c in others])

    @staticmethod
    def change_time(side: Side, record: Record, now: int) -> int:
        """When the record was changed, on our clock."""
        stamp = ms(record.modified_at)
        return now if stamp is None else stamp - int(side.connector.skew * 1000)

    def _read(self, side: Side, record: Record, taken: Taken) -> View:
        view = side.mapping.read(record.data, record.object)
        taken.problems.update(view.problems.keys())
        return view

    # --- deleted, merged, erased -------------------------------------------------------------------------------

    def _deleted(self, book: Book, side: Side, record: Record, link: LinkRow | None) -> None:
        if link is None or link.state == "alias" or (link.state == "gone" and record.merged_into is not None):
            return
        contact = book.contacts[link.contact_id]
        book.touched.add(contact.id)
        link.dirty = True
        if record.merged_into is None:
            link.state = "gone"
            if self.config.deletes != "ignore" and side.merges and record.modified_at is not None:
                deleted_there(link, self.change_time(side, record, book.now))
            return
        object, _, remote_id = record.merged_into.rpartition(":")
        object = object or record.object
        book.load_links(side.name, object, [remote_id])
        survivor = book.remotes.get((side.name, object, remote_id))
        link.state = "alias"
        if survivor is None:
            # it stands for the same person and the same values until it has been fetched
            survivor = book.new_link(contact, side.name, object, remote_id, "live")
            if object == record.object:
                survivor.seen, survivor.sent = dict(link.seen), dict(link.sent)
                survivor.mapping, survivor.saw_row = link.mapping, link.saw_row
            one_live_link(book, self.debts.told_only, contact, keep=survivor)
        elif book.contacts[survivor.contact_id] is not contact:
            book.load_outbox([survivor.contact_id, contact.id])
            join(book, self.debts, book.contacts[survivor.contact_id], contact, "merged there")
        mark_hint(book, side, object, remote_id)

    def _revived(self, book: Book, side: Side, link: LinkRow) -> None:
        """Restored from the recycle bin: the same record again, unless another has taken its place."""
        contact = book.contacts[link.contact_id]
        taken = book.live_link(contact, side.name, link.object)
        link.state = ("alias" if side.told_only else "dup") if taken else "live"
        back_again(link)
        book.touched.add(contact.id)
        if taken and not side.told_only:
            book.open_conflict("duplicate", contact, link, of=taken.remote_id, by="restored")

    @staticmethod
    def _in_flight(book: Book, link: LinkRow) -> bool:
        row = book.outbox.get((link.connection, link.object, link.contact_id))
        return row is not None and row.state == "sending"

    def _suppressed(self, book: Book, side: Side, object: str, records: Iterable[Record]) -> set[str]:
        """Records of people who were erased: their ids, and their addresses on records older than the erasure (D2)."""
        c = t.suppression.c
        if book.tx.scalar(sa.select(c.at).limit(1)) is None:
            return set()
        there = {r.id: r for r in records}
        out: set[str] = set()
        for part in chunks(there):
            mine = sa.select(c.remote_id).where(c.connection == side.name, c.object == object, c.remote_id.in_(part))
            out.update(book.tx.execute(mine).scalars())
        views = {i: side.mapping.read(r.data, object) for i, r in there.items() if not r.deleted and i not in out}
        hashes = {i: [hash_email(e) for e in emails_of(view)] for i, view in views.items()}
        erased: dict[str, int] = {}
        for part in chunks({h for some in hashes.values() for h in some}):
            query = sa.select(c.email_hash, sa.func.max(c.at)).where(c.email_hash.in_(part)).group_by(c.email_hash)
            erased.update({r[0]: r[1] for r in book.tx.execute(query)})
        for i, view in views.items():
            created = ms(view.get("created_at") or (there[i].modified_at if side.told_only else None))
            at = max((erased[h] for h in hashes[i] if h in erased), default=None)
            if at is not None and (created is None or created <= at):
                out.add(i)
        return out


def fingerprint(record: Record, mapping: str) -> str:
    """Of the raw record and the mapping that reads it: equal means that nothing needs a second look."""
    raw = orjson.dumps(record.data, option=orjson.OPT_SORT_KEYS, default=str)
    tail = f"{mapping}|{record.deleted}|{record.merged_into}".encode()
    return hashlib.blake2b(raw + tail, digest_size=12).hexdigest()


def mark_hint(book: Book, side: Side, object: str, remote_id: str) -> None:
    """Note that this record is to be fetched; marks go only in the transaction that applies the fetch (S4, S9)."""
    if side.told_only:  # there is nothing to fetch
        return
    c = t.hint.c
    where = (c.connection == side.name) & (c.object == object) & (c.remote_id == remote_id)
    if book.tx.scalar(sa.select(c.at).where(where)) is None:
        book.tx.execute(sa.insert(t.hint).values(connection=side.name, object=object, remote_id=remote_id, at=book.now))
