"""What a batch sends: payloads computed from the contacts as they stand, and the intents committed before any call.

State `sending`, a token and the intent are in the ledger before the call (I4); whatever happens to the call, the row
says what may have landed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import sqlalchemy as sa

from stagebridge.connector import Entry, Record
from stagebridge.contact import is_blank, same
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow, OutboxRow
from stagebridge.sync.debts import Debts, digest_all
from stagebridge.sync.desk import Desk
from stagebridge.sync.intake import Intake
from stagebridge.sync.settle import Sent, Settler
from stagebridge.sync.side import Side

LOAD_LEASE = 2 * 3600 * 1000
"""How long (ms) a bulk load may be under way."""


class Preparer:
    def __init__(self, desk: Desk, debts: Debts, intake: Intake, settler: Settler) -> None:
        self.desk = desk
        self.debts = debts
        self.intake = intake
        self.settler = settler

    def prepare(
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
            c for e in emails_to_look_up(contact) for c in book.holders("email", e)
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
        wanted = {p: v for p, v in self.debts.desired(contact).items() if p not in parked and not is_blank(v)}
        payload = side.mapping.write(wanted, object=object)
        image = self.debts.image(side, contact, object)
        intent = {p: v for p, v in image.items() if p in payload.paths}
        if not intent:
            return None
        entry = Entry(object, dict(payload), None, None, contact.key, contact.values.get("email"), wanted)
        return Sent(row.id, "", entry, intent)


def emails_to_look_up(contact: ContactRow) -> list[str]:
    """The addresses that a person may be known under, case-folded, the first one first."""
    found = [contact.values.get("email"), *sorted(contact.values.get("emails") or ())]
    return [e.casefold() for e in found if e]
