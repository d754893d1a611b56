"""Whose record is this? External id, then current e-mail, then (if asked for) phone.

Identity means *current* values only. A record that would be the second one of a person in the same place is never
written: it is a duplicate, and a conflict for a person to look at (rules I1, I2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stagebridge.config import ContactsConfig
from stagebridge.connector import Record
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.mapping import View
from stagebridge.sync.side import KEY, Side, ms


@dataclass(frozen=True, slots=True)
class Contested:
    """This record looks like a second one of a person who is linked here already: that one is to be fetched beside it
    before anything is decided."""

    link: LinkRow


def emails_of(view: View) -> list[str]:
    """All current e-mail addresses of a record, the first one first, case-folded."""
    found = [view.get("email"), *sorted(view.get("emails") or ())]
    return list(dict.fromkeys(e.casefold() for e in found if e))


def phones_of(view: View) -> list[str]:
    return list(dict.fromkeys(p for p in (view.get("phone"), view.get("mobile")) if p))


class Identifier:
    def __init__(self, config: ContactsConfig) -> None:
        self.config = config

    def preload(self, book: Book, views: Sequence[View]) -> None:
        """Load everything that these records may turn out to be, in a few statements."""
        book.find_keys([v[KEY] for v in views if v.get(KEY)])
        book.load_identities("email", (e for v in views for e in emails_of(v)))
        if self.config.match_phone:
            book.load_identities("phone", (p for v in views for p in phones_of(v)))

    def candidates(self, book: Book, view: View) -> tuple[list[ContactRow], str]:
        """The contacts that this record may be, and by which key. Our own key settles it alone."""
        key = view.get(KEY)
        if key:
            found = book.find_keys([key])
            if key in found:
                return [found[key]], "external_id"
        by_email = {c.id: c for e in emails_of(view) for c in book.holders("email", e)}
        if by_email:
            return list(by_email.values()), "email"
        if self.config.match_phone:
            by_phone = {c.id: c for p in phones_of(view) for c in book.holders("phone", p)}
            if by_phone:
                return list(by_phone.values()), "phone"
        return [], "none"

    def link(
        self, book: Book, side: Side, record: Record, view: View, *, settled: bool
    ) -> tuple[LinkRow, str] | Contested:
        """Link a record seen for the first time; also says how it was matched.

        Unless `settled`, a clash with a record linked here already comes back as `Contested`. Where nothing is but what
        webhooks say, a further record of a person is no second one that could be told from the first: it stands for it.
        """
        found, how = self.candidates(book, view)
        if not found:
            key = view.get(KEY)
            contact = book.new_contact(key if isinstance(key, str) and key else None)
            return self._new(book, side, record, contact, "live"), how
        contact = found[0] if len(found) == 1 else self._choose(book, side, record.object, found)
        there = book.live_link(contact, side.name, record.object)
        if there is not None and not settled and not side.told_only:
            return Contested(there)
        if len(found) > 1 and self.config.ambiguous == "review":
            link = self._new(book, side, record, contact, "dup")
            book.open_conflict("ambiguous", contact, link, candidates=[c.key for c in found], by=how)
            return link, "ambiguous"
        if there is None:
            return self._new(book, side, record, contact, "live"), how
        if side.told_only:
            return self._new(book, side, record, contact, "alias"), how
        if self.config.ambiguous == "newest" and (ms(record.modified_at) or 0) > there.memory.get("modified", 0):
            there.state, there.dirty = "dup", True
            return self._new(book, side, record, contact, "live"), how
        link = self._new(book, side, record, contact, "dup")
        book.open_conflict("duplicate", contact, link, of=there.remote_id, by=how)
        return link, "duplicate"

    def _choose(self, book: Book, side: Side, object: str, found: Sequence[ContactRow]) -> ContactRow:
        """One of several: somebody who has no record here yet; by policy, who has the primary object's record."""
        if self.config.ambiguous == "prefer_contact":
            primary = side.objects[0]
            with_primary = [c for c in found if book.live_link(c, side.name, primary)]
            if with_primary and object != primary:
                return with_primary[0]
        free = [c for c in found if book.live_link(c, side.name, object) is None]
        return (free or list(found))[0]

    @staticmethod
    def _new(book: Book, side: Side, record: Record, contact: ContactRow, state: str) -> LinkRow:
        book.touched.add(contact.id)
        return book.new_link(contact, side.name, record.object, record.id, state)
