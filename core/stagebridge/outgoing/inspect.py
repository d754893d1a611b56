"""Looking at messages and at who has them, sending them once more, and going on after a pause. Plain JSON."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stagebridge.errors import ConfigError
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.ledger.tables import chunks
from stagebridge.outgoing.outlets import Outlets
from stagebridge.sync.side import from_ms, ms

STATES = ("queued", "sent", "dead")
LETTER = "post:"
"""How the ids of dead messages begin."""


def endpoints(ledger: Ledger, outlets: Outlets) -> list[dict[str, Any]]:
    """Everybody who is told, with what is queued for him and how the last posts went. No address: some are secrets."""
    p, s = t.post.c, t.subscription.c
    with ledger.look() as tx:
        counts: dict[str, dict[str, int]] = {}
        query = sa.select(p.endpoint, p.state, sa.func.count()).group_by(p.endpoint, p.state)
        for name, state, count in tx.execute(query):
            counts.setdefault(name, {})[state] = count
        standing = {r.name: r for r in tx.execute(sa.select(t.endpoint))}
        subscribed = tx.execute(sa.select(t.subscription).order_by(s.created, s.id)).all()
    told = [(o.name, o.connection, list(o.endpoint.types)) for o in outlets.standing.values()]
    told += [(r.id, r.connection, [r.type]) for r in subscribed]
    return [
        {"name": name, "connection": connection, "events": types, **_standing(standing.get(name)),
         **{state: counts.get(name, {}).get(state, 0) for state in STATES}}
        for name, connection, types in told
    ]  # fmt: skip


def _standing(row: Any) -> dict[str, Any]:
    if row is None:
        return {"state": "active", "reason": None, "failing_since": None, "last_sent": None}
    state = row.state if row.state == "paused" or not row.failures else "failing"
    return {
        "state": state,
        "reason": row.reason,
        "failing_since": _time(row.failing_since),
        "last_sent": _time(row.last_sent),
    }


def messages(
    ledger: Ledger, state: str | None = None, endpoint: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Messages and what became of them, the newest first."""
    m, p = t.message.c, t.post.c
    query = sa.select(m.uid, m.type, m.at, t.post).join(t.post, p.message_id == m.id).order_by(m.id.desc(), p.id)
    if state is not None:
        query = query.where(p.state == state)
    if endpoint is not None:
        query = query.where(p.endpoint == endpoint)
    with ledger.look() as tx:
        rows = tx.execute(query.limit(limit)).all()
    return [
        {"id": r.uid, "type": r.type, "at": _time(r.at), "to": r.endpoint, "state": r.state, "tries": r.attempts,
         "next": _time(r.not_before) if r.state == "queued" and r.not_before else None, "status": r.status, "reason": r.reason}
        for r in rows
    ]  # fmt: skip


def dead_letters(ledger: Ledger, limit: int | None = None) -> list[dict[str, Any]]:
    """Messages that nobody took."""
    m, p = t.message.c, t.post.c
    query = (
        sa.select(m.uid, m.type, t.post)
        .join(t.post, p.message_id == m.id)
        .where(p.state == "dead")
        .order_by(p.id)
        .limit(limit)
    )
    with ledger.look() as tx:
        rows = tx.execute(query).all()
    return [
        {"id": f"{LETTER}{r.id}", "contact": "", "connection": r.endpoint, "object": r.type, "path": "",
         "code": "SB-MESSAGE-DEAD", "reason": r.reason}
        for r in rows
    ]  # fmt: skip


def release(ledger: Ledger, post: int, *, retry: bool) -> None:
    """Send a dead message again, or drop it. Raises `ConfigError` where there is none."""
    p = t.post.c
    where = (p.id == post) & (p.state == "dead")
    change = sa.update(t.post).where(where).values(_AGAIN) if retry else sa.delete(t.post).where(where)
    with ledger.begin() as tx:
        if not tx.execute(change).rowcount:
            raise ConfigError(f"there is no dead message {LETTER}{post}", hint="`stagebridge dead-letters` lists them.")


_AGAIN = {"state": "queued", "attempts": 0, "not_before": 0, "status": None, "reason": None, "settled": None}


def replay(
    ledger: Ledger, outlets: Outlets, *, ids: Collection[str] = (), since: datetime | None = None,
    until: datetime | None = None, to: Sequence[str] = (),
) -> int:  # fmt: skip
    """Post messages once more, by their ids or by when they were noted, to whoever they went to, or to `to`, who may not have had
    them yet. Their ids stay, so that a receiver knows them again. Returns how many posts that are.

    Raises `ConfigError` for an id, or a receiver, that is not there.
    """
    m, p = t.message.c, t.post.c
    with ledger.begin() as tx:
        known = {*outlets.standing, *tx.execute(sa.select(t.subscription.c.id)).scalars()}
        for name in to:
            if name not in known:
                raise ConfigError(f"'{name}' is told nothing", hint="`stagebridge hooks list` shows who is.")
        query = sa.select(m.id, m.uid).where(m.data.is_not(None))
        query = query.where(m.uid.in_(list(ids))) if ids else query
        query = query.where(m.created >= ms(since)) if since is not None else query
        query = query.where(m.created < ms(until)) if until is not None else query
        found = {r.id: r.uid for r in tx.execute(query)}
        for uid in ids:
            if uid not in found.values():
                raise ConfigError(
                    f"there is no message {uid}", hint="`stagebridge hooks messages` lists those that are kept."
                )
        count = 0
        for part in chunks(found):
            had = {(r.message_id, r.endpoint): r.id for r in tx.execute(sa.select(p.message_id, p.endpoint, p.id).where(
                p.message_id.in_(part)))}  # fmt: skip
            again = [i for (_, name), i in had.items() if (name in to if to else name in known)]
            tx.execute(sa.update(t.post).where(p.id.in_(again)).values(_AGAIN))
            new = [
                {"message_id": i, "endpoint": name, "state": "queued", "attempts": 0, "not_before": 0}
                for i in part for name in to if (i, name) not in had
            ]  # fmt: skip
            if new:
                tx.execute(sa.insert(t.post), new)
            count += len(again) + len(new)
    return count


def resume(ledger: Ledger, name: str) -> int:
    """Go on posting to an endpoint; what waits for it is tried at once. Returns how much that is. Raises `ConfigError`."""
    e, p = t.endpoint.c, t.post.c
    well = {"state": "active", "failures": 0, "failing_since": None, "reason": None}
    with ledger.begin() as tx:
        if not tx.execute(sa.update(t.endpoint).where(e.name == name).values(well)).rowcount:
            raise ConfigError(
                f"nothing was ever posted to '{name}'", hint="`stagebridge hooks list` shows who is told."
            )
        now = {"not_before": 0, "attempts": 0}
        return int(tx.execute(sa.update(t.post).where(p.endpoint == name, p.state == "queued").values(now)).rowcount)


def _time(value: int | None) -> str | None:
    return None if value is None else from_ms(value).isoformat(timespec="seconds")


__all__ = ["LETTER", "STATES", "dead_letters", "endpoints", "messages", "release", "replay", "resume"]
