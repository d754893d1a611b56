"""Looking at deliveries, and letting dead ones go again. Plain JSON, nobody's data."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from stagebridge.clock import iso
from stagebridge.errors import ConfigError
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync.letters import lost_deliveries

STATES = ("queued", "sending", "sent", "unknown", "dead")


def deliveries(ledger: Ledger, state: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Deliveries with their verdicts, what waits and expires soonest first, then the newest."""
    d = t.delivery.c
    query = sa.select(t.delivery, t.event.c.name, t.event.c.at, t.event.c.source).join(
        t.event, t.event.c.id == d.event_id
    )
    if state is not None:
        query = query.where(d.state == state)
    waits = sa.case((d.state.in_(("queued", "sending")), 0), else_=1)
    with ledger.look() as tx:
        rows = tx.execute(query.order_by(waits, sa.func.coalesce(d.deadline, 2**62), d.id.desc()).limit(limit)).all()
    return [shown(r) for r in rows]


def shown(r: Any) -> dict[str, Any]:
    return {
        "id": r.id, "event": r.event_id, "name": r.name, "at": iso(r.at), "from": r.source, "to": r.connection,
        "state": r.state, "verdict": verdict(r), "deadline": iso(r.deadline), "attempts": r.attempts,
    }  # fmt: skip


def verdict(r: Any) -> str:
    """What became of a delivery, in a sentence."""
    if r.state == "sent":
        return f"sent {iso(r.settled)}"
    if r.state in ("queued", "sending"):
        return f"waits ({r.message})" if r.message else "waits"
    return f"{r.code}: {r.message}"


def counts(ledger: Ledger) -> dict[str, dict[str, int]]:
    """{connection: {state: deliveries}}."""
    d = t.delivery.c
    with ledger.look() as tx:
        rows = tx.execute(sa.select(d.connection, d.state, sa.func.count()).group_by(d.connection, d.state)).all()
    found: dict[str, dict[str, int]] = {}
    for connection, state, count in rows:
        found.setdefault(connection, {})[state] = count
    return found


def of_contact(ledger: Ledger, key: str) -> list[dict[str, Any]]:
    """The deliveries of one contact's events, in the order in which they happened."""
    c, d, e = t.contact.c, t.delivery.c, t.event.c
    me = sa.select(c.id).where(c.key == key).scalar_subquery()
    his = sa.select(c.id).where((c.id == me) | (c.merged_into == me))
    query = sa.select(t.delivery, e.name, e.at, e.source).join(t.event, e.id == d.event_id).where(e.contact_id.in_(his))
    with ledger.look() as tx:
        return [shown(r) for r in tx.execute(query.order_by(e.at, d.id))]


def dead_letters(ledger: Ledger, limit: int | None = None) -> list[dict[str, Any]]:
    """Events that a platform would not take, or that nobody knows whether it took; `deliveries` shows mere verdicts too."""
    d, e = t.delivery.c, t.event.c
    query = sa.select(t.delivery, e.name).join(t.event, e.id == d.event_id)
    with ledger.look() as tx:
        rows = tx.execute(query.where(lost_deliveries()).order_by(d.id).limit(limit)).all()
    return [
        {"id": f"e{r.id}", "contact": "", "connection": r.connection, "object": f"event {r.event_id}", "path": r.name,
         "code": r.code, "reason": r.message}
        for r in rows
    ]  # fmt: skip


def release(ledger: Ledger, delivery: int, *, retry: bool) -> None:
    """Send a dead delivery again, or leave it dead."""
    d = t.delivery.c
    again = {
        "state": "queued",
        "attempts": 0,
        "not_before": 0,
        "first_sent": None,
        "code": None,
        "message": None,
        "settled": None,
    }
    values = again if retry else {"state": "dead", "code": "SB-DISCARDED", "message": "discarded"}
    where = (d.id == delivery) & d.state.in_(("dead", "unknown"))
    with ledger.lock(), ledger.begin() as tx:
        if not tx.execute(sa.update(t.delivery).where(where).values(**values)).rowcount:
            raise ConfigError(
                f"there is no dead delivery {delivery}", hint="`stagebridge dead-letters` lists them with their ids."
            )


__all__ = ["STATES", "counts", "dead_letters", "deliveries", "of_contact", "release", "verdict"]
