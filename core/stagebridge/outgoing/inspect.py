"""Looking at messages and at who has them, sending them once more, and going on after a pause. Plain JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from stagebridge.clock import iso
from stagebridge.errors import ConfigError
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.ledger.tables import chunks
from stagebridge.outgoing.outlets import Outlets
from stagebridge.sync.side import ms

STATES = ("queued", "sent", "dead")
LETTER = "post:"
"""How the ids of dead messages begin."""


COUNTED = 10_000
"""Messages to a receiver in one state are counted up to here."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many are told, how many of them cannot be, and how many messages wait for all of them."""

    receivers: int
    failing: int
    paused: int
    waiting: int


def endpoints(ledger: Ledger, outlets: Outlets, limit: int | None = None) -> list[dict[str, Any]]:
    """Everybody who is told, those in trouble first, with what is queued for him and how the last posts went; or the first so
    many. The host of an address and no more of it: some are secrets."""
    with ledger.look() as tx:
        found = sorted(_told(tx, outlets), key=lambda e: ("paused", "failing", "active").index(e["state"]))
        return [{**e, **_counts(tx, e["name"])} for e in found[:limit]]


def endpoint(ledger: Ledger, outlets: Outlets, name: str) -> dict[str, Any] | None:
    """One of them; None where nobody of that name is told anything."""
    with ledger.look() as tx:
        return next(({**e, **_counts(tx, name)} for e in _told(tx, outlets) if e["name"] == name), None)


def standing(ledger: Ledger, outlets: Outlets) -> Standing:
    """All receivers in four figures."""
    p = t.post.c
    with ledger.look() as tx:
        told = {e["name"]: e["state"] for e in _told(tx, outlets)}
        queued = tx.execute(sa.select(p.endpoint, sa.func.count()).where(t.QUEUED_POST).group_by(p.endpoint)).all()
    states = Counter(told.values())
    return Standing(len(told), states["failing"], states["paused"], sum(n for name, n in queued if name in told))


def _told(tx: sa.Connection, outlets: Outlets) -> list[dict[str, Any]]:
    s = t.subscription.c
    rows = {r.name: r for r in tx.execute(sa.select(t.endpoint))}
    told = [(o.name, o.connection, list(o.endpoint.types), o.endpoint.url) for o in outlets.standing.values()]
    for r in tx.execute(sa.select(t.subscription).order_by(s.created, s.id)):
        if r.connection in outlets.connectors:
            told.append((r.id, r.connection, [r.type], r.url))
    return [
        {"name": name, "connection": connection, "events": types, "host": urlsplit(url).hostname, **_state(rows.get(name))}
        for name, connection, types, url in told
    ]  # fmt: skip


def _counts(tx: sa.Connection, name: str) -> dict[str, int]:
    found = tx.execute(_COUNTS, {"name": name}).one()
    return {state: getattr(found, state) for state in STATES}


def _count(state: str) -> sa.Label[int]:
    p = t.post.c
    some = sa.select(p.id).where(p.endpoint == sa.bindparam("name"), p.state == state).limit(COUNTED).subquery()
    return sa.select(sa.func.count()).select_from(some).scalar_subquery().label(state)


_COUNTS = sa.select(*(_count(state) for state in STATES))


def _state(row: Any) -> dict[str, Any]:
    if row is None:
        return {"state": "active", "reason": None, "failing_since": None, "last_sent": None}
    state = row.state if row.state == "paused" or not row.failures else "failing"
    return {
        "state": state,
        "reason": row.reason,
        "failing_since": iso(row.failing_since),
        "last_sent": iso(row.last_sent),
    }


def messages(
    ledger: Ledger, state: str | None = None, endpoint: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Messages and what became of them, the newest first. `kept`: it can be sent once more."""
    m, p = t.message.c, t.post.c
    newest = sa.select(p.id).order_by(p.id.desc()).limit(limit)
    newest = newest.where(p.endpoint == endpoint) if endpoint is not None else newest
    if state is not None:
        ids: sa.Select[Any] | sa.CompoundSelect[Any] = newest.where(p.state == state)
    elif endpoint is not None:  # the index has each state by itself
        ids = sa.union_all(*(sa.select(newest.where(p.state == s).subquery()) for s in STATES))
    else:
        ids = newest
    columns = (m.uid, m.type, m.at, m.data.is_not(None).label("kept"), t.post)
    query = sa.select(*columns).join(t.post, p.message_id == m.id).where(p.id.in_(ids)).order_by(p.id.desc())
    with ledger.look() as tx:
        rows = tx.execute(query.limit(limit)).all()
    return [
        {"id": r.uid, "type": r.type, "at": iso(r.at), "to": r.endpoint, "state": r.state, "tries": r.attempts,
         "next": iso(r.not_before) if r.state == "queued" and r.not_before else None, "status": r.status, "reason": r.reason,
         "kept": bool(r.kept)}
        for r in rows
    ]  # fmt: skip


def dead_letters(ledger: Ledger, limit: int | None = None) -> list[dict[str, Any]]:
    """Messages that nobody took."""
    m, p = t.message.c, t.post.c
    query = (
        sa.select(m.uid, m.type, t.post)
        .join(t.post, p.message_id == m.id)
        .where(t.DEAD_POST)
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
    them yet: by a message's id any that he is given, by time those of what he is told. Their ids stay, so that a receiver knows them again. Returns how many posts that are.

    Raises `ConfigError` for an id, or a receiver, that is not there.
    """
    m, p = t.message.c, t.post.c
    with ledger.begin() as tx:
        known = {name: frozenset(o.endpoint.types) for name, o in outlets.standing.items()}
        known |= {r.id: frozenset([r.type]) for r in tx.execute(sa.select(t.subscription.c.id, t.subscription.c.type))}
        for name in to:
            if name not in known:
                raise ConfigError(f"'{name}' is told nothing", hint="`stagebridge hooks list` shows who is.")
        query = sa.select(m.id, m.uid, m.type).where(m.data.is_not(None))
        query = query.where(m.uid.in_(list(ids))) if ids else query
        query = query.where(m.created >= ms(since)) if since is not None else query
        query = query.where(m.created < ms(until)) if until is not None else query
        found = {r.id: (r.uid, r.type) for r in tx.execute(query)}
        for uid in ids:
            if all(uid != have for have, _ in found.values()):
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
                for i in part for name in to if (i, name) not in had and (ids or found[i][1] in known[name])
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


__all__ = [
    "COUNTED", "LETTER", "STATES", "Standing", "dead_letters", "endpoint", "endpoints", "messages", "release", "replay", "resume",
    "standing",
]  # fmt: skip
