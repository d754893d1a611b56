"""How each connection is: what it holds, what waits, what went wrong last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stagebridge.config import Config
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing import inspect as messages
from stagebridge.outgoing.outlets import Outlets
from stagebridge.sync import inspect
from stagebridge.webhooks import letters

MANY = 1000
"""Dead letters of a kind are counted up to here."""
LOOKED_AT = 30
"""Latest runs that are searched for a connection's last failure."""


@dataclass(frozen=True, slots=True)
class Account:
    """`health`: ok, failing, told (a receiver that no run speaks of), or new (no run spoke of it yet). `covered`: every change before that has been read (ISO 8601)."""

    name: str
    type: str
    mode: str
    health: str
    trouble: str
    links: int
    waiting: int
    dead: int
    covered: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    accounts: list[Account]
    conflicts: int
    waiting: int
    dead: int
    hooks: int
    told: messages.Standing
    runs: list[dict[str, Any]]


def overview(ledger: Ledger, config: Config, outlets: Outlets, troubles: Sequence[str]) -> Overview:
    """`troubles` are sentences that begin with their connection."""
    links, waiting, conflicts, hooks = _counts(ledger)
    dead = Counter(x["connection"] for x in letters.dead_letters(ledger, MANY) if x["code"] != letters.DISCARDED)
    runs = inspect.runs(ledger, LOOKED_AT)
    covered = _covered(ledger)
    ails = dict(sentence.split(": ", 1) for sentence in troubles)
    accounts = []
    for name, connection in config.connections.items():
        health, trouble = ("failing", ails[name]) if name in ails else last_word(name, runs)
        if health == "new" and name in outlets.standing:
            health = "told"
        accounts.append(
            Account(
                name, connection.type, connection.mode, health, trouble, links[name], waiting[name], dead[name],
                covered.get(name),
            )
        )  # fmt: skip
    told = messages.standing(ledger, outlets)
    return Overview(accounts, conflicts, waiting.total(), dead.total(), hooks, told, runs)


def _covered(ledger: Ledger) -> dict[str, str | None]:
    """Until when each connection has been read, all of its objects; None where one never was to its end."""
    found: dict[str, str | None] = {}
    for cursor in inspect.cursors(ledger):
        name, at = cursor["connection"], cursor["covered"]
        before = found.get(name, at)
        found[name] = min(at, before) if at and before else None
    return found


def last_word(name: str, runs: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """How the latest run ended for a connection: its health, and the error."""
    for run in runs:
        counted = run["counts"].get("connections", run["counts"]).get(name)
        if counted is not None:
            failure = counted.get("failure")
            return ("failing", failure) if failure else ("ok", "")
    return "new", ""


def _counts(ledger: Ledger) -> tuple[Counter[str], Counter[str], int, int]:
    """Records and what waits to be written, by connection; open conflicts; webhooks that wait."""
    c, o = t.link.c, t.outbox.c
    records = sa.select(c.connection, sa.func.count()).group_by(c.connection)
    waits = sa.select(o.connection, sa.func.count()).where(o.state != "dead").group_by(o.connection)
    conflicts = sa.select(sa.func.count()).where(t.conflict.c.closed.is_(None))
    hooks = sa.select(sa.func.count()).where(t.hook.c.state == "waiting")
    with ledger.look() as tx:
        links, waiting = (Counter({r[0]: r[1] for r in tx.execute(q)}) for q in (records, waits))
        return links, waiting, tx.scalar(conflicts) or 0, tx.scalar(hooks) or 0


__all__ = ["Account", "Overview", "overview"]
