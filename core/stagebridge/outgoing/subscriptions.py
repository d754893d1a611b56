"""Who subscribed, with which address, to what."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.ledger.tables import chunks
from stagebridge.sync.side import from_ms

MOST = 1000
"""Subscriptions of one connection: a company has tens of automations, and a loop that subscribes has no end."""


class Full(Exception):
    """The connection has as many subscriptions as it may have."""


def subscribe(
    ledger: Ledger, connection: str, url: str, type: str, key_id: str, now: int
) -> tuple[dict[str, Any], bool]:
    """A subscription, and whether it is new: the same one twice is the one that is there. Raises `Full`."""
    try:
        return _subscribe(ledger, connection, url, type, key_id, now)
    except IntegrityError:  # somebody else did at the same moment
        return _subscribe(ledger, connection, url, type, key_id, now)


def _subscribe(
    ledger: Ledger, connection: str, url: str, type: str, key_id: str, now: int
) -> tuple[dict[str, Any], bool]:
    s = t.subscription.c
    mine = s.connection == connection
    with ledger.begin() as tx:
        there = tx.execute(sa.select(t.subscription).where(mine, s.url == url, s.type == type)).one_or_none()
        if there is not None:  # whoever asks listens again, also where he was given up
            e = t.endpoint.c
            given_up = sa.update(t.endpoint).where(e.name == there.id, e.state == "paused")
            tx.execute(given_up.values(state="active", failures=0, failing_since=None, reason=None))
            return shown(there), False
        if (tx.scalar(sa.select(sa.func.count()).where(mine)) or 0) >= MOST:
            raise Full
        row = {"id": f"sub_{secrets.token_hex(12)}", "connection": connection, "url": url, "type": type,
               "key_id": key_id, "created": now}  # fmt: skip
        tx.execute(sa.insert(t.subscription).values(row))
        return shown(tx.execute(sa.select(t.subscription).where(s.id == row["id"])).one()), True


def unsubscribe(ledger: Ledger, connection: str, id: str) -> None:
    """End a subscription of this connection, with all that waits for it; one that is not there has ended."""
    if "\0" in id:  # PostgreSQL has no such text
        return
    s, p = t.subscription.c, t.post.c
    with ledger.begin() as tx:
        if tx.execute(sa.delete(t.subscription).where(s.id == id, s.connection == connection)).rowcount:
            tx.execute(sa.delete(t.post).where(p.endpoint == id, p.state == "queued"))
            tx.execute(sa.delete(t.endpoint).where(t.endpoint.c.name == id))


def count_of_key(ledger: Ledger, key_id: str) -> int:
    """How many were made with a key."""
    with ledger.look() as tx:
        made = sa.select(sa.func.count()).where(t.subscription.c.key_id == key_id)
        return tx.scalar(made) or 0


def end_of_key(ledger: Ledger, key_id: str) -> int:
    """End all that were made with a key, with all that waits for them; how many that were."""
    s = t.subscription.c
    with ledger.begin() as tx:
        mine = list(tx.execute(sa.select(s.id).where(s.key_id == key_id)).scalars())
        for part in chunks(mine):
            tx.execute(sa.delete(t.subscription).where(s.id.in_(part)))
            tx.execute(sa.delete(t.post).where(t.post.c.endpoint.in_(part), t.post.c.state == "queued"))
            tx.execute(sa.delete(t.endpoint).where(t.endpoint.c.name.in_(part)))
    return len(mine)


def of_connection(ledger: Ledger, connection: str) -> list[dict[str, Any]]:
    s = t.subscription.c
    with ledger.look() as tx:
        rows = tx.execute(sa.select(t.subscription).where(s.connection == connection).order_by(s.created, s.id)).all()
    return [shown(r) for r in rows]


def shown(row: Any) -> dict[str, Any]:
    created = from_ms(row.created).isoformat(timespec="seconds")
    return {"id": row.id, "event": row.type, "target_url": row.url, "created": created}


__all__ = ["Full", "count_of_key", "end_of_key", "of_connection", "subscribe", "unsubscribe"]
