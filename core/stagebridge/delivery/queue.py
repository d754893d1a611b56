"""Putting events into the ledger: each once, checked before it is queued, with a delivery to every connection it goes to."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stagebridge.connector import Draft, Rejected
from stagebridge.event import ConversionEvent
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.tables import chunks
from stagebridge.sync.side import Side, hash_email, ms

Targets = Mapping[str, Side | None]
"""Connections that take events, by name; None for one that could not be opened: what it would say is asked when it can."""


@dataclass(frozen=True, slots=True)
class Given:
    """An event, whose it is (a contact's id in the ledger, if he is known), where it comes from, and where it goes."""

    event: ConversionEvent
    contact_id: int | None
    source: str
    to: Collection[str]


@dataclass(slots=True)
class Queued:
    """What became of some events. `known` were there already, `clashes` are ids under which something else stands."""

    queued: int = 0
    known: int = 0
    dead: dict[str, int] = field(default_factory=dict)
    clashes: list[str] = field(default_factory=list)

    def add(self, other: Queued) -> None:
        self.queued += other.queued
        self.known += other.known
        self.clashes += other.clashes
        for code, count in other.dead.items():
            self.dead[code] = self.dead.get(code, 0) + count


def enqueue(book: Book, given: Sequence[Given], targets: Targets) -> Queued:
    """Queue events that are not there yet. The same id with the same content is the same event; with other content it is
    refused, and the first stays."""
    tx, now, report = book.tx, book.now, Queued()
    by_id: dict[str, Given] = {}
    for one in given:
        first = by_id.setdefault(one.event.id, one)
        if first is not one and digest(first.event) != digest(one.event):
            report.clashes.append(one.event.id)
    events, deliveries = _there(tx, list(by_id))
    new_events: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for id_, one in by_id.items():
        if id_ in events:
            report.known += 1
            if events[id_] != digest(one.event):
                report.clashes.append(id_)
                continue
        else:
            new_events.append(_event_row(one, now))
            book.recorded.append(one)
        for name in one.to:
            if (id_, name) not in deliveries:
                rows.append(_delivery_row(one.event, name, targets[name], now, report))
    if new_events:
        tx.execute(sa.insert(t.event), new_events)
    if rows:
        tx.execute(sa.insert(t.delivery), rows)
    return report


def digest(event: ConversionEvent) -> str:
    """Of what an event says; the payload it came in may be spelt otherwise."""
    said = orjson.dumps(
        event.model_dump(mode="json", exclude={"raw"}, exclude_defaults=True), option=orjson.OPT_SORT_KEYS
    )
    return hashlib.blake2b(said, digest_size=12).hexdigest()


def stored(event: ConversionEvent) -> str:
    return event.model_dump_json(exclude_unset=True)


def restored(data: str) -> ConversionEvent:
    return ConversionEvent.model_validate_json(data)


def _there(tx: Connection, ids: Sequence[str]) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """{id: digest} of events that are there, and which deliveries."""
    events: dict[str, str] = {}
    deliveries: set[tuple[str, str]] = set()
    e, d = t.event.c, t.delivery.c
    for part in chunks(ids):
        events.update({r[0]: r[1] for r in tx.execute(sa.select(e.id, e.digest).where(e.id.in_(part)))})
        query = sa.select(d.event_id, d.connection).where(d.event_id.in_(part))
        deliveries.update((r[0], r[1]) for r in tx.execute(query))
    return events, deliveries


def _event_row(given: Given, now: int) -> dict[str, Any]:
    event = given.event
    return {
        "id": event.id, "name": event.name, "at": ms(event.at), "contact_id": given.contact_id,
        "email_hash": hash_email(event.contact.email or ""), "source": given.source, "digest": digest(event),
        "data": stored(event), "created": now,
    }  # fmt: skip


def _delivery_row(event: ConversionEvent, name: str, side: Side | None, now: int, report: Queued) -> dict[str, Any]:
    draft = side.connector.draft(event) if side is not None else Draft(event.id, {})
    row: dict[str, Any] = {
        "event_id": event.id, "connection": name, "state": "queued", "deadline": None, "dedup": 0, "attempts": 0,
        "not_before": 0, "code": None, "message": None, "settled": None,
    }  # fmt: skip
    if isinstance(draft, Rejected):
        report.dead[draft.code] = report.dead.get(draft.code, 0) + 1
        return row | {"state": "dead", "code": draft.code, "message": draft.message, "settled": now}
    report.queued += 1
    return row | {"deadline": ms(draft.deadline), "dedup": int(draft.dedup * 1000)}


__all__ = ["Given", "Queued", "Targets", "digest", "enqueue", "restored", "stored"]
