"""From a configuration to connections that take events, and to the rules that bind the engine to them."""

from __future__ import annotations

from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.connector import Connector
from stagebridge.delivery.arrival import Arrival
from stagebridge.delivery.deliverer import Deliverer
from stagebridge.delivery.firing import Firing, check
from stagebridge.errors import StagebridgeError
from stagebridge.sync import alerts
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_side
from stagebridge.sync.side import Side


class Events:
    """The events of one configuration: `arrival` takes them in, `deliverer()` sends them, and the engine's stages fire them.

    `targets` are the connections that take events, `failures` those that could not be opened, with the error: their events
    are queued.
    Raises `ConfigError` for a rule that can never send anything.
    """

    def __init__(self, config: Config, engine: Engine, clock: Clock | None = None) -> None:
        self.engine = engine
        self.targets: dict[str, Side | None] = {}
        self.failures: dict[str, StagebridgeError] = {}
        there = {s.name: s for s in engine.sides}
        for name, connection in config.connections.items():
            kind = connection.connector
            if not (isinstance(kind, type) and issubclass(kind, Connector)) or kind.capabilities.events is None:
                continue
            try:
                side = there[name] if name in there else open_side(connection, config.lifecycle, clock)
            except StagebridgeError as error:
                self.targets[name], self.failures[name] = None, error
                continue
            if side.mapping.takes_events:
                self.targets[name] = side
        alerts.of_failures({n: e for n, e in self.failures.items() if n not in there}, None)
        check(config.events.sends, self.targets)
        self.firing = Firing(config.events.sends, self.targets)
        self.arrival = Arrival(engine, config.events, self.targets)
        engine.desk.watch = self.firing

    def deliverer(self) -> Deliverer:
        return Deliverer(self.engine.desk, [side for side in self.targets.values() if side is not None])


__all__ = ["Events"]
