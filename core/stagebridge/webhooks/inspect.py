"""Webhooks that could not be worked on, wholly or in part: they stay whole, and go again once somebody has mended why."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from stagebridge.errors import ConfigError
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync.side import from_ms

LETTER = "hook:"
"""How the ids of their dead letters begin."""


def dead_letters(ledger: Ledger, limit: int | None = None) -> list[dict[str, Any]]:
    c = t.hook.c
    query = sa.select(c.id, c.connection, c.received, c.error).where(c.state == "failed", c.records.is_not(None))
    with ledger.look() as tx:
        rows = tx.execute(query.order_by(c.id).limit(limit)).all()
    return [
        {"id": f"{LETTER}{r.id}", "contact": "", "connection": r.connection, "path": "",
         "object": f"webhook of {from_ms(r.received).isoformat(timespec='seconds')}",
         "code": (r.error or "").partition(": ")[0], "reason": (r.error or "").partition(": ")[2]}
        for r in rows
    ]  # fmt: skip


def release(ledger: Ledger, number: int, *, retry: bool) -> None:
    """Have a failed webhook worked on again, by whoever works on the ledger next, or leave it."""
    c = t.hook.c
    values = {"state": "waiting", "error": None} if retry else {"state": "done"}
    failed = (c.id == number) & (c.state == "failed") & c.records.is_not(None)
    with ledger.begin() as tx:
        if not tx.execute(sa.update(t.hook).where(failed).values(values)).rowcount:
            raise ConfigError(
                f"there is no failed webhook {LETTER}{number}",
                hint="`stagebridge dead-letters` lists them with their ids.",
            )


__all__ = ["LETTER", "dead_letters", "release"]
