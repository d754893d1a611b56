"""Contacts as programs see them, and samples of what subscribers are told."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from stagebridge import normalize
from stagebridge.contact import Contact, decode
from stagebridge.delivery.queue import restored
from stagebridge.endpoint import Shape
from stagebridge.event import ConversionEvent
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.messages import (
    ContactChanged,
    ConversionCreated,
    Data,
    Person,
    StageChanged,
    changed_paths,
    conversion_of,
    dumped,
    person_of,
)
from stagebridge.outgoing.noting import uid_of
from stagebridge.outgoing.shapes import Stored, body_of, flat_person
from stagebridge.sync.side import from_ms, ms

MOST = 1000
"""Contacts, or samples, in one answer."""


def shown(row: Any) -> dict[str, Any]:
    """A contact's row as programs see it."""
    person = orjson.loads(person_of(row.key, decode(row.data)).model_dump_json(exclude_unset=True))
    changed = from_ms(row.changed).isoformat() if row.changed else None
    return {"id": row.key, **flat_person(person), "updated_at": changed}


def by_identity(
    ledger: Ledger, *, id: str | None = None, email: str | None = None, phone: str | None = None
) -> list[dict[str, Any]]:
    """Contacts that hold all of what is given; none for what is no address or number."""
    if any("\0" in given for given in (id, email, phone) if given is not None):  # PostgreSQL has no such text
        return []
    c, i = t.contact.c, t.identity.c
    query = sa.select(t.contact).where(c.merged_into.is_(None)).order_by(c.id).limit(MOST)
    if id is not None:
        query = query.where(c.key == id)
    for kind, given in (("email", email), ("phone", phone)):
        if given is None:
            continue
        try:
            value = normalize.email(given).casefold() if kind == "email" else normalize.phone(given)
        except normalize.Invalid:
            return []
        query = query.where(c.id.in_(sa.select(i.contact_id).where(i.kind == kind, i.value == value)))
    with ledger.look() as tx:
        return [shown(r) for r in tx.execute(query)]


class NotOne(Exception):
    """A sentence about why a person cannot be told from what was given."""


def key_of(ledger: Ledger, *, contact_id: str | None, email: str | None, phone: str | None) -> str | None:
    """Our id of whom a caller means, where he names him by it, or by a number alone; an address says it by itself. Raises
    `NotOne` for an id that nobody has, and a number that several have."""
    if contact_id is not None:
        if not by_identity(ledger, id=contact_id):
            raise NotOne("contact_id: nobody has this id; leave it out to name a person by email or phone")
        return contact_id
    if email is not None or phone is None:
        return None
    holders = by_identity(ledger, phone=phone)
    if len(holders) > 1:
        raise NotOne("phone: several people have this number; name one of them by email or contact_id")
    return str(holders[0]["id"]) if holders else None


def changed_since(ledger: Ledger, since: datetime, limit: int) -> list[dict[str, Any]]:
    """Contacts that changed since then, the latest first."""
    c = t.contact.c
    query = (
        sa.select(t.contact)
        .where(c.merged_into.is_(None), c.changed >= ms(since))
        .order_by(c.changed.desc(), c.id.desc())
    )
    with ledger.look() as tx:
        return [shown(r) for r in tx.execute(query.limit(limit))]


# --- samples --------------------------------------------------------------------------------------------------


def samples(ledger: Ledger, type: str, shape: Shape, limit: int) -> list[dict[str, Any]]:
    """What subscribers would have been told last, the latest first; of an invented person where nothing has happened yet."""
    with ledger.look() as tx:
        found = {"contact.changed": _changed, "contact.stage_changed": _staged, "conversion.created": _converted}[type](
            tx, limit
        )
    found = found or [_invented(type)]
    out = []
    for number, (uid, at, data) in enumerate(found):
        stored = Stored(uid, type, from_ms(at).isoformat(), len(found) - number, orjson.loads(dumped(data)))
        out.append(orjson.loads(body_of(stored, shape)))
    return out


def _changed(tx: sa.Connection, limit: int) -> list[tuple[str, int, Data]]:
    c = t.contact.c
    rows = tx.execute(
        sa.select(t.contact).where(c.merged_into.is_(None)).order_by(c.changed.desc(), c.id.desc()).limit(limit)
    )
    out: list[tuple[str, int, Data]] = []
    for row in rows:
        values = decode(row.data)
        data = ContactChanged(person=person_of(row.key, values), changed=changed_paths({}, values))
        out.append((uid_of("sample", row.key, str(row.changed)), row.changed or row.first_seen, data))
    return out


def _staged(tx: sa.Connection, limit: int) -> list[tuple[str, int, Data]]:
    h, c = t.history.c, t.contact.c
    query = (
        sa.select(t.history, c.key, c.data)
        .join(t.contact, c.id == h.contact_id)
        .where(h.verdict == "accepted", c.merged_into.is_(None), h.at > 0)
        .order_by(h.id.desc())
        .limit(limit)
    )
    out: list[tuple[str, int, Data]] = []
    for row in tx.execute(query):
        data = StageChanged(
            person=person_of(row.key, decode(row.data)), stage=row.stage, previous_stage=row.previous,
            entered_at=from_ms(row.at), source=row.connection or None,
        )  # fmt: skip
        out.append((uid_of("stage", row.event_id), row.at, data))
    return out


def _converted(tx: sa.Connection, limit: int) -> list[tuple[str, int, Data]]:
    e, c = t.event.c, t.contact.c
    query = (
        sa.select(e.at, e.data, e.source, c.key, c.data.label("person"))
        .outerjoin(t.contact, c.id == e.contact_id)
        .where(e.data.is_not(None))
        .order_by(e.created.desc(), e.id)
        .limit(limit)
    )
    out: list[tuple[str, int, Data]] = []
    for row in tx.execute(query):
        event = restored(row.data)
        person = person_of(row.key, decode(row.person)) if row.key is not None else None
        out.append((uid_of("conversion", event.id), row.at, _conversion(event, person, row.source)))
    return out


def _conversion(event: ConversionEvent, person: Person | None, source: str | None) -> ConversionCreated:
    return ConversionCreated(
        conversion=conversion_of(event), contact=event.contact, person=person, source=source or None
    )


def _invented(type: str) -> tuple[str, int, Data]:
    at = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
    contact = Contact(
        email="ada@example.com", first_name="Ada", last_name="Sample", phone="+442079460001", company="Example Ltd", stage="lead",
        stage_at=at,
    )  # fmt: skip
    person = Person(id="0" * 32, contact=contact)
    data: Data
    if type == "contact.stage_changed":
        data = StageChanged(person=person, stage="lead", previous_stage="subscriber", entered_at=at, source=None)
    elif type == "contact.changed":
        data = ContactChanged(person=person, changed=("company",))
    else:
        event = ConversionEvent(
            id="sample-order", name="Purchase", at=at, value=Decimal("49.90"), currency="EUR", order_id="1001"
        )
        data = _conversion(event, person, None)
    return uid_of("sample", type), ms(at) or 0, data


__all__ = ["MOST", "NotOne", "by_identity", "changed_since", "key_of", "samples", "shown"]
