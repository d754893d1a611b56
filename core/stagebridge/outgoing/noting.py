"""Messages into the ledger, in the transaction that decides what they tell of: none without it, and none is lost."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid5

import sqlalchemy as sa

from stagebridge.clock import Clock
from stagebridge.delivery.firing import reached, told_before
from stagebridge.delivery.queue import Given
from stagebridge.event import NAMESPACE
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow
from stagebridge.ledger.tables import chunks
from stagebridge.outgoing.messages import (
    AlertRaised,
    ContactChanged,
    ConversionCreated,
    Data,
    StageChanged,
    changed_paths,
    conversion_of,
    dumped,
    person_of,
)
from stagebridge.outgoing.outlets import Outlets
from stagebridge.sync.alerts import ONCE
from stagebridge.sync.side import from_ms, hash_email, ms

HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Note:
    """A message that is to be written, at `at` (ms)."""

    uid: str
    type: str
    at: int
    data: Data
    contact: ContactRow | None = None
    email: str | None = None


class Noting:
    """Called at the end of every transaction of the engine. What a first sync brings is no news to anybody."""

    def __init__(self, outlets: Outlets) -> None:
        self.outlets = outlets

    def __call__(self, book: Book) -> None:
        makers = {
            "contact.stage_changed": self._stages, "contact.changed": self._contacts, "conversion.created": self._conversions,
        }  # fmt: skip
        wanted = self.outlets.wanting(book.tx, makers)
        notes = [note for kind, make in makers.items() if wanted[kind] for note in make(book)]
        if notes:
            write(book.tx, book.now, notes, wanted)

    def _stages(self, book: Book) -> Iterator[Note]:
        for row in book.judged():
            if row.baseline or not reached(row) or told_before(book, row):
                continue
            contact = book.follow(book.contacts[row.contact_id])
            data = StageChanged(
                person=person_of(contact.key, contact.values), stage=row.stage, previous_stage=row.previous,
                entered_at=from_ms(row.at), source=row.connection or None,
            )  # fmt: skip
            yield Note(uid_of("stage", row.event_id), "contact.stage_changed", row.at, data, contact)

    def _contacts(self, book: Book) -> Iterator[Note]:
        for contact in list(book.contacts.values()):
            if not (contact.new or contact.dirty) or contact.merged_into or contact.id in book.baseline:
                continue
            changed = changed_paths(contact.was, contact.values)
            if changed:
                data = ContactChanged(
                    person=person_of(contact.key, contact.values), changed=changed, is_new=contact.new
                )
                yield Note(f"msg_{uuid.uuid4().hex}", "contact.changed", book.now, data, contact)

    def _conversions(self, book: Book) -> Iterator[Note]:
        given: Sequence[Given] = book.recorded
        book.load_contacts(g.contact_id for g in given if g.contact_id is not None)
        for one in given:
            found = book.contacts.get(one.contact_id) if one.contact_id is not None else None
            contact = book.follow(found) if found is not None else None
            data = ConversionCreated(
                conversion=conversion_of(one.event), contact=one.event.contact, source=one.source or None,
                person=person_of(contact.key, contact.values) if contact is not None else None,
            )  # fmt: skip
            yield Note(
                uid_of("conversion", one.event.id), "conversion.created", ms(one.event.at) or 0, data, contact,
                one.event.contact.email,
            )  # fmt: skip


def uid_of(*known: str) -> str:
    """An id from what is known of the thing that is told, so that no ledger ever tells it as another one."""
    return f"msg_{uuid5(NAMESPACE, chr(31).join(known)).hex}"


def write(tx: sa.Connection, now: int, notes: Sequence[Note], wanted: Mapping[str, Sequence[str]]) -> None:
    """Write messages, each once, and to whom they go ({type: endpoints}); what nobody wants is not written."""
    by_uid = {n.uid: n for n in notes if wanted[n.type]}
    m = t.message.c
    for part in chunks(by_uid):
        for uid in list(tx.execute(sa.select(m.uid).where(m.uid.in_(part))).scalars()):
            del by_uid[uid]
    if not by_uid:
        return
    rows = [_row(n, now) for n in by_uid.values()]
    ids: dict[str, int] = {}
    for row in tx.execute(sa.insert(t.message).returning(m.uid, m.id, sort_by_parameter_order=True), rows):
        ids[row.uid] = row.id
    posts = [
        {"message_id": ids[n.uid], "endpoint": name, "state": "queued", "attempts": 0, "not_before": 0}
        for n in by_uid.values() for name in wanted[n.type]
    ]  # fmt: skip
    tx.execute(sa.insert(t.post), posts)


def _row(n: Note, now: int) -> dict[str, Any]:
    email = n.email or (n.contact.values.get("email") if n.contact is not None else None)
    return {
        "uid": n.uid, "type": n.type, "at": n.at, "contact_id": n.contact.id if n.contact is not None else None,
        "email_hash": hash_email(email) if email else "", "data": dumped(n.data), "created": now,
    }  # fmt: skip


# --- alerts ---------------------------------------------------------------------------------------------------


class AlertNotes(logging.Handler):
    """Gathers alerts until a transaction can take them: they are raised in the midst of others."""

    def __init__(self, outlets: Outlets, clock: Clock) -> None:
        super().__init__()
        self.outlets = outlets
        self.clock = clock
        self._waiting: deque[Note] = deque(maxlen=1000)
        self._written: list[Note] = []

    def emit(self, record: logging.LogRecord) -> None:
        kind, facts = getattr(record, "alert", None), getattr(record, "facts", {})
        if kind is not None:
            self._waiting.append(self._note(kind, dict(facts), record.getMessage(), self.clock.now()))

    def _note(self, kind: str, facts: dict[str, Any], text: str, at: datetime) -> Note:
        now = ms(at) or 0
        uid = f"msg_{uuid.uuid4().hex}"
        if kind in ONCE:  # the same trouble is told once an hour, however often a job meets it
            known = [str(facts.get(name, "")) for name in ("connection", "code", "endpoint", "state")]
            uid = uid_of("alert", kind, *known, str(now // HOUR))
        facts = {name: value if isinstance(value, int | None) else str(value) for name, value in facts.items()}
        return Note(uid, kind, now, AlertRaised(text=text, facts=facts))

    def write(self, tx: sa.Connection) -> None:
        """Everything that was raised since, in this transaction."""
        notes = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._written = notes
        if notes:
            write(tx, ms(self.clock.now()) or 0, notes, self.outlets.wanting(tx, {n.type for n in notes}))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Around a transaction with `write`: where it comes to nothing, they go on waiting."""
        self._written = []
        try:
            yield
        except BaseException:
            self._waiting.extendleft(reversed(self._written))
            raise

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)


__all__ = ["AlertNotes", "Note", "Noting", "uid_of", "write"]
