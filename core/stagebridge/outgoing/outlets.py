"""Who is told: connections that name an address, and whoever subscribed through our API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.connector import Connector
from stagebridge.endpoint import Endpoint
from stagebridge.ledger import schema as t


@dataclass(frozen=True, slots=True)
class Outlet:
    """One address, under the name by which the ledger knows it: a connection's, or a subscription's id."""

    name: str
    connection: str
    connector: Connector
    endpoint: Endpoint


class Outlets:
    """`standing` are the addresses of the configuration; subscriptions are looked up in the ledger, where they come and go.
    Asks nobody. Raises `ConfigError` for a connection that names no usable address."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.standing: dict[str, Outlet] = {}
        self.connectors: dict[str, Connector] = {}
        for name, connection in config.connections.items():
            if connection.capabilities.posts is None:
                continue
            connector = self.connectors[name] = connection.connect(clock)
            endpoint = connector.endpoint()
            if endpoint is not None:
                self.standing[name] = Outlet(name, name, connector, endpoint)

    def __bool__(self) -> bool:
        """Whether anybody can ever be told anything."""
        return bool(self.connectors)

    def wanting(self, tx: sa.Connection, types: Iterable[str]) -> dict[str, list[str]]:
        """{type: names of those who want it}."""
        wanted = {kind: [o.name for o in self.standing.values() if kind in o.endpoint.types] for kind in types}
        if any(self.subscribable):
            c = t.subscription.c
            query = sa.select(c.type, c.id).where(c.type.in_(list(wanted)), c.connection.in_(self.subscribable))
            for kind, id_ in tx.execute(query.order_by(c.created, c.id)):
                wanted[kind].append(id_)
        return wanted

    @property
    def subscribable(self) -> list[str]:
        """Connections whose users may subscribe."""
        return [n for n, c in self.connectors.items() if c.capabilities.posts and c.capabilities.posts.subscriptions]

    def find(self, tx: sa.Connection, names: Iterable[str]) -> dict[str, Outlet]:
        """Those of these names that are still there."""
        found = {n: self.standing[n] for n in names if n in self.standing}
        c = t.subscription.c
        for row in tx.execute(sa.select(t.subscription).where(c.id.in_([n for n in names if n not in found]))):
            connector = self.connectors.get(row.connection)
            if connector is not None and connector.capabilities.posts is not None:
                found[row.id] = Outlet(row.id, row.connection, connector, connector.subscriber(row.url, row.type))
        return found


__all__ = ["Outlet", "Outlets"]
