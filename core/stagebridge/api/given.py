"""What was handed over: into the ledger before anything is answered, as a webhook is, and what became of it."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from typing import Any, Literal

import sqlalchemy as sa

from stagebridge.api import people
from stagebridge.api.callers import Caller, Hall, Refusal
from stagebridge.connector import Record
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync.side import ms
from stagebridge.webhooks.doors import Hook
from stagebridge.webhooks.stored import stored

PATIENCE = 8.0
"""Seconds that a caller waits for what he handed over to be worked on; some give up after 30."""
LOOK, SELDOM = 0.03, 0.5
"""Seconds until the second look, and between any two at the most: many may wait for one long run."""

Became = Literal["done", "failed", "waiting"]


async def keep(hall: Hall, caller: Caller, path: str, record: Record, once: str | None) -> tuple[str, Became]:
    """Commit what was handed over at `path`, and wait a while for it to be worked on. `once` is the request's Idempotency-Key:
    the same again, there, is answered as before and counts once."""
    delivery = delivery_of(caller, path, once)
    hook = Hook(caller.name, delivery, ms(hall.clock.now()) or 0, records=stored([record]))
    try:
        async with asyncio.timeout(PATIENCE):
            await hall.keeper.keep(hook)
    except TimeoutError:
        raise Refusal(503, "stagebridge is busy", "SB-LATER", {"retry-after": "5"}) from None
    end, pause = time.monotonic() + PATIENCE, LOOK
    while True:
        became, error = await asyncio.to_thread(_became, hall.reading, caller.name, delivery)
        if became == "failed":
            raise Refusal(
                422,
                f"it was kept, and could not be worked on ({error}); `stagebridge dead-letters` has it",
                "SB-API-FAILED",
            )
        if became == "done" or time.monotonic() > end:
            return delivery, became
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, SELDOM)


def delivery_of(caller: Caller, path: str, once: str | None) -> str:
    if once is None:
        return secrets.token_hex(32)
    return hashlib.blake2b(f"{caller.key.id}\x1f{path}\x1f{once}".encode(), digest_size=32).hexdigest()


def _became(ledger: Ledger, connection: str, delivery: str) -> tuple[Became, str | None]:
    h = t.hook.c
    with ledger.look() as tx:
        row = tx.execute(sa.select(h.state, h.error).where(h.connection == connection, h.delivery == delivery)).one()
    return row.state, row.error


def person(ledger: Ledger, connection: str, record: Record) -> dict[str, Any] | None:
    """Whoever a record was worked into."""
    x, c = t.link.c, t.contact.c
    where = (x.connection == connection) & (x.object == record.object) & (x.remote_id == record.id)
    with ledger.look() as tx:
        id_ = tx.scalar(sa.select(x.contact_id).where(where))
        while id_ is not None:
            row = tx.execute(sa.select(t.contact).where(c.id == id_)).one()
            if row.merged_into is None:
                return people.shown(row)
            id_ = row.merged_into
    return None


__all__ = ["keep", "person"]
