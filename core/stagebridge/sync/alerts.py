"""What somebody should hear of at once, as log events of the logger `stagebridge.alerts`.

A record's message is the alert and its facts in one line; `record.alert` is the kind and `record.facts` the facts, for a
handler that passes them on. No value of a person is in them: codes, counts, names of connections.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stagebridge.endpoint import ALERTS, Alert
from stagebridge.errors import AuthError, GuardTripped, StagebridgeError
from stagebridge.ledger import schema as t

ONCE = frozenset({"run.failed", "auth.failed", "guard.tripped", "deadline.near", "endpoint.failing"})
"""What goes on until somebody mends it: a job that runs every minute raises it every minute."""

log = logging.getLogger("stagebridge.alerts")


def alert(kind: Alert, **facts: Any) -> None:
    shown = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
    log.warning("%s %s", kind, shown, extra={"alert": kind, "facts": facts})


def of_error(error: StagebridgeError, run: int | None, connection: str | None = None) -> None:
    """A run, or one connection in it, came to its end by this."""
    kind: Alert = "run.failed"
    if isinstance(error, GuardTripped):
        kind = "guard.tripped"
    elif isinstance(error, AuthError):
        kind = "auth.failed"
    where = {"connection": connection} if connection is not None else {}
    alert(kind, run=run, **where, code=error.code, message=str(error))


def of_failures(failures: Mapping[str, StagebridgeError], run: int | None) -> None:
    for connection, error in failures.items():
        of_error(error, run, connection)


def of_dead_letters(added: Mapping[str, int], run: int | None) -> None:
    """{connection: how many}."""
    for connection, count in sorted(added.items()):
        alert("dead_letter.added", run=run, connection=connection, count=count)


def of_conflicts(tx: sa.Connection, since: int, run: int | None) -> None:
    """Conflicts that were opened since (ms), counted by kind and connection."""
    c = t.conflict.c
    query = (
        sa.select(c.kind, c.connection, sa.func.count())
        .where(c.opened >= since, c.closed.is_(None))
        .group_by(c.kind, c.connection)
        .order_by(c.kind, c.connection)
    )
    for kind, connection, count in tx.execute(query):
        alert("conflict.opened", run=run, connection=connection, conflict=kind, count=count)


__all__ = ["ALERTS", "ONCE", "Alert", "alert", "of_conflicts", "of_error", "of_failures"]
