"""From a configuration to running sides: connect, learn the account, resolve the mapping against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stagebridge.clock import Clock
from stagebridge.config import Config, ConnectionConfig
from stagebridge.connector import Connector
from stagebridge.errors import StagebridgeError
from stagebridge.lifecycle import Lifecycle
from stagebridge.mapping import Mapping as FieldMapping
from stagebridge.mapping import load_mapping
from stagebridge.sync import alerts
from stagebridge.sync.side import Side


def open_side(config: ConnectionConfig, lifecycle: Lifecycle, clock: Clock | None = None) -> Side:
    """Connect one account. Raises `AuthError`, `PlatformDown`, `MappingError`."""
    connector = config.connect(clock)
    mapping = resolve(config, connector, lifecycle, connector.discover().facts)
    connector.use(mapping)
    return Side(config.name, connector, mapping, config)


def resolve(
    config: ConnectionConfig, connector: Connector, lifecycle: Lifecycle, facts: Mapping[str, Any]
) -> FieldMapping:
    """The connection's mapping for this account. What the account lacks is left out and listed in
    `mapping.unresolved`: `check` shows it, `provision` creates it."""
    source = config.mapping_source if config.mapping is not None else connector.default_mapping
    settings = {k: v for k, v in connector.settings.model_dump().items() if isinstance(v, str)}
    return load_mapping(
        source, lifecycle=lifecycle, facts=facts, settings=settings, custom=config.custom, segments=config.segments,
        default_region=config.default_region, timezone=config.timezone, lenient=True,
    )  # fmt: skip


def open_sides(config: Config, clock: Clock | None = None) -> tuple[list[Side], dict[str, StagebridgeError]]:
    """Every connection that contacts are kept in step between; those that fail come back with their error."""
    sides, failures = [], {}
    for name in config.contacts.between:
        try:
            sides.append(open_side(config.connections[name], config.lifecycle, clock))
        except StagebridgeError as error:
            failures[name] = error
    alerts.of_failures(failures, None)
    return sides, failures
