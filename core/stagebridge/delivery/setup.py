"""From a configuration to connections that take events, and to the rules that bind the engine to them."""

from __future__ import annotations

from stagebridge.clock import Clock
from stagebridge.config import Config, ConnectionConfig
from stagebridge.delivery.arrival import Arrival
from stagebridge.delivery.deliverer import Deliverer
from stagebridge.delivery.firing import Firing, check
from stagebridge.delivery.queue import Queued
from stagebridge.errors import Busy, ConfigError, StagebridgeError
from stagebridge.lifecycle import Lifecycle
from stagebridge.mapping import load_mapping
from stagebridge.sync import alerts
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_side
from stagebridge.sync.side import Side


class Events:
    """The events of one configuration: `arrival` takes them in, `collect()` fetches those that platforms record,
    `deliverer()` sends them, and the engine's stages fire them.

    `targets` are the connections that take events, `sources` those whose conversions are taken, `failures` those that could
    not be opened or read, with the error: events for them are queued.
    Raises `ConfigError` for a rule that can never send anything, or that would send what is collected too.
    """

    def __init__(self, config: Config, engine: Engine, clock: Clock | None = None) -> None:
        self.engine = engine
        self.targets: dict[str, Side | None] = {}
        self.sources: dict[str, Side] = {}
        self.failures: dict[str, StagebridgeError] = {}
        check_once(config)
        there = {s.name: s for s in engine.sides}
        for name, connection in config.connections.items():
            if connection.capabilities.events is None:
                continue
            try:
                side = there[name] if name in there else open_side(connection, config.lifecycle, clock)
            except StagebridgeError as error:
                self.failures[name] = error
                if might_take(connection, config.lifecycle):
                    self.targets[name] = None
                continue
            if side.mapping.takes_events:
                self.targets[name] = side
            if connection.conversions:
                self.sources[name] = side
        alerts.of_failures({n: e for n, e in self.failures.items() if n not in there}, None)
        check(config.events.sends, self.targets)
        self.firing = Firing(config.events.sends, self.targets)
        self.arrival = Arrival(engine, config.events, self.targets, self.sources)
        engine.desk.watches.append(self.firing)

    def collect(self) -> dict[str, Queued]:
        """Take in what platforms have recorded; one that fails is among the `failures`. Raises `Busy`."""
        reports = {}
        for name, side in self.sources.items():
            try:
                reports[name] = self.arrival.collect(side)
            except Busy:
                raise
            except StagebridgeError as error:
                self.failures[name] = error
        return reports

    def deliverer(self) -> Deliverer:
        return Deliverer(self.engine.desk, [side for side in self.targets.values() if side is not None])


def might_take(connection: ConnectionConfig, lifecycle: Lifecycle) -> bool:
    """Whether the mapping of a connection that cannot be opened takes events: what is queued where none are ever sent would
    wait for ever."""
    try:
        return load_mapping(connection.mapping_source, lifecycle=lifecycle, offline=True, lenient=True).takes_events
    except StagebridgeError:
        return True


def check_once(config: Config) -> None:
    """Refuse a rule that sends for a stage what a platform records by itself: one conversion would count twice."""
    for number, rule in enumerate(config.events.sends, 1):
        for name, connection in config.connections.items():
            events = connection.capabilities.events
            if connection.conversions and events is not None and rule.send in events.reads:
                raise ConfigError(
                    f"events.{number}: each {rule.send} is taken from {name} already (conversions: true) and would count twice",
                    hint="Leave out the rule, or `conversions`.",
                )


__all__ = ["Events"]
