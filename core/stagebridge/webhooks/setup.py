"""From a configuration to the work on what webhooks brought."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext

import sqlalchemy as sa

from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.delivery.setup import Events
from stagebridge.errors import StagebridgeError
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync.setup import open_side
from stagebridge.sync.side import Side
from stagebridge.webhooks.metrics import Metrics
from stagebridge.webhooks.work import Work


def open_work(
    config: Config,
    events: Events,
    clock: Clock,
    names: Iterable[str],
    closed: Collection[str] = (),
    metrics: Metrics | None = None,
    aside: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> tuple[Work, dict[str, StagebridgeError]]:
    """The work on the webhooks of these connections, but for those that are `closed`; some of them hold no people and are
    opened for this alone. Those that cannot be come back with their error, and what they brought waits."""
    there = {s.name: s for s in events.engine.sides}
    there |= {n: s for n, s in events.targets.items() if s is not None} | events.sources
    sides: dict[str, Side] = {}
    failures: dict[str, StagebridgeError] = {}
    for name in names:
        if name in closed or name not in config.connections:
            continue
        try:
            sides[name] = there.get(name) or open_side(config.connections[name], config.lifecycle, clock)
        except StagebridgeError as error:
            failures[name] = error
    return Work(events, sides, metrics or Metrics(), aside), failures


def waiting(ledger: Ledger) -> list[str]:
    """Connections whose webhooks wait to be worked on."""
    c = t.hook.c
    with ledger.look() as tx:
        return list(tx.execute(sa.select(c.connection).where(c.state == "waiting").distinct()).scalars())


__all__ = ["open_work", "waiting"]
