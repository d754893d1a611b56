"""Dead letters: what a platform would not take, or what nobody knows whether it took. They go nowhere by themselves, so that
whoever is at work when one comes to be says so."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync import alerts

EXPIRED, CONSENT, FORGOTTEN = "SB-EVENT-EXPIRED", "SB-EVENT-CONSENT", "SB-EVENT-FORGOTTEN"
VERDICTS = (EXPIRED, CONSENT, FORGOTTEN, "SB-EVENT-DROPPED", "SB-DISCARDED")
"""Deliveries that are simply too late, not agreed to or of no interest to the platform are no letters."""


def lost_deliveries() -> sa.ColumnElement[bool]:
    d = t.delivery.c
    return sa.and_(t.DEAD, d.code.not_in(VERDICTS))


class Letters:
    """Those that are added from now (ms) on until `tell`."""

    def __init__(self, ledger: Ledger, now: int) -> None:
        self._since = now
        with ledger.look() as tx:
            self._before = self._standing(tx)

    def tell(self, tx: sa.Connection, run: int | None) -> None:
        added = self._standing(tx) - self._before
        alerts.of_dead_letters(Counter(connection for connection, _, _ in added), run)

    def _standing(self, tx: sa.Connection) -> set[tuple[str, str, int]]:
        o, d = t.outbox.c, t.delivery.c
        records = sa.select(o.connection, sa.literal("record"), o.id).where(o.state == "dead")
        events = sa.select(d.connection, sa.literal("event"), d.id).where(d.settled >= self._since, lost_deliveries())
        return {(r[0], r[1], r[2]) for query in (records, events) for r in tx.execute(query)}


__all__ = ["CONSENT", "EXPIRED", "FORGOTTEN", "Letters", "lost_deliveries"]
