"""What a configuration says, once it is read: connections, and how contacts are kept in step between them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from stagebridge.clock import Clock
from stagebridge.connector import Capabilities, Connector, ConnectorSettings
from stagebridge.contact import is_blank
from stagebridge.event import Channel
from stagebridge.lifecycle import Lifecycle

RuleKind = Literal["latest", "prefer", "fill_empty", "most_restrictive"]
Mode = Literal["two_way", "read", "write"]
GUARDS: Mapping[str, str] = {
    "max_creates": "500",
    "max_changes": "50%",
    "max_stage_moves": "20%",
    "max_clears": "20",
    "max_deletes": "0",
    "max_opt_outs": "0",
}
"""What one run may do to one connection unless the file says otherwise: a number, a share of the people linked there,
or `off`.

- `max_creates` 500: a day's new people fit, a list imported by mistake or a matching gone wrong does not.
- `max_changes` 50%: more than half of all people changed at once is a mapping that changed, not people.
- `max_stage_moves` 20%: each move may start the platform's own workflows, so fewer than other changes.
- `max_clears` 20: people seldom empty fields; many at once is a field or a permission that was lost.
- `max_deletes` and `max_opt_outs` 0: taking people away, or their consent, is never a side effect.
"""

KEPT = 90 * 86400.0
"""Seconds that the change log is kept unless the file says otherwise: a quarter, in which somebody notices."""

SMALLEST_SHARE = 50
"""A share never means fewer people than this, so that a small account is not stopped by its size."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a path is decided where two systems changed it; `prefer` lists connections, best first."""

    kind: RuleKind = "latest"
    prefer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guards:
    """`limits`: {guard: a number, a share of the people linked there such as `20%`, or `off`}; see `GUARDS`."""

    limits: Mapping[str, str] = field(default_factory=lambda: dict(GUARDS))

    def limit(self, guard: str, linked: int) -> int | None:
        """The largest number allowed; None where the guard is off."""
        text = self.limits[guard]
        if text == "off":
            return None
        if text.endswith("%"):
            share = float(text[:-1]) / 100
            return max(SMALLEST_SHARE, int(linked * share)) if share else 0
        return int(text)


@dataclass(frozen=True, slots=True)
class ContactsConfig:
    """How contacts are kept in step.

    `between`: connections. `initial`: who is right where two full systems meet, per path pattern. `include`: who is
    written at all, {path: condition}. `create`: {connection: whether, or as which object, people are created}.
    `rules`: per path pattern, the most exact first. `backward`: what becomes of a deliberate correction backwards.
    `deletes`: what follows when a person's last record in one system is deleted by somebody; never more than
    `max_deletes`. `verify`: whether records are read again before they are written: each of them, or by one read of what
    changed since the last one, which believes the platform's index, or not at all. `keep_changes`: seconds that a row of
    the change log is kept: what `trace` shows and `undo` can put back.
    """

    between: tuple[str, ...]
    initial: Mapping[str, Rule] = field(default_factory=dict)
    include: Mapping[str, str] = field(default_factory=dict)
    create: Mapping[str, bool | str] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    guards: Guards = field(default_factory=Guards)
    ambiguous: Literal["review", "newest", "prefer_contact"] = "review"
    backward: Literal["hold", "revert", "allow"] = "hold"
    deletes: Literal["ignore", "archive", "erase"] = "ignore"
    verify: Literal["always", "changed", "off"] = "always"
    write: Literal["primary", "all"] = "primary"
    match_phone: bool = False
    max_flips: int = 5
    keep_changes: float = KEPT

    def rule(self, path: str) -> Rule:
        return _best(self.rules, path) or Rule()

    def initial_rule(self, path: str) -> Rule | None:
        return _best(self.initial, path)

    def includes(self, values: Mapping[str, Any], lifecycle: Lifecycle) -> bool:
        """Whether a contact with these values is written anywhere. A lost contact stands beside the order and stays in."""
        return all(_holds(condition, values.get(path), lifecycle) for path, condition in self.include.items())

    def fingerprint(self) -> str:
        """Changes whenever something that decides what is owed changes."""
        parts = (self.between, sorted(self.include.items()), sorted(self.create.items()), self.write, self.deletes)
        return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


AdsConsent = Literal["granted_only", "not_denied"]


@dataclass(frozen=True, slots=True)
class SendRule:
    """A stage that is reached sends an event: `stages` (`*`: any of them), the event's name, where its `value` and
    `currency` come from (a path of the contact, or what is written here), its channel, and the connections it goes to."""

    stages: tuple[str, ...]
    send: str
    value: str | None = None
    currency: str | None = None
    channel: Channel = "crm"
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MoveRule:
    """An event moves the person who did it to a stage, if that is forward."""

    event: str
    stage: str


@dataclass(frozen=True, slots=True)
class EventsConfig:
    """How stages and conversion events hang together."""

    sends: tuple[SendRule, ...] = ()
    moves: tuple[MoveRule, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One account: its platform (`type`), how it is mapped, whom of ads it is told, whether the `conversions` that it
    records are taken from it, how the tags begin that keep a list per stage (`segments`), and the connector's own settings."""

    name: str
    type: str
    mode: Mode = "two_way"
    mapping: str | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    default_region: str | None = None
    timezone: str | None = None
    ads_consent: AdsConsent = "granted_only"
    conversions: bool = False
    segments: str | None = None
    settings: ConnectorSettings | None = None
    connector: Callable[..., Connector] | None = None
    folder: Path = Path()

    def connect(self, clock: Clock | None = None) -> Connector:
        """The connector, not yet asked for anything."""
        assert self.connector is not None
        made = self.connector(self.settings, clock=clock)
        made.connection = self.name
        return made

    @property
    def capabilities(self) -> Capabilities:
        """What this connection can do, with these settings."""
        kind = self.connector
        if isinstance(kind, type) and issubclass(kind, Connector) and self.settings is not None:
            return kind.able(self.settings)
        return Capabilities()

    @property
    def mapping_source(self) -> str | Path:
        """A file beside the configuration, or the platform's own mapping."""
        if self.mapping is None:
            return self.type
        path = self.folder / self.mapping
        return path if self.mapping.endswith((".yaml", ".yml")) else self.mapping


@dataclass(frozen=True, slots=True)
class Job:
    """`every` in seconds."""

    name: str
    every: float


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """Where webhooks are received. `public_url` is what platforms call, without `/hooks/…`: what stands in front of us, where
    that is not what we listen at; `timeout` is how many seconds a request has to arrive."""

    public_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class OutgoingConfig:
    """Messages go to public addresses over https; `allow` names the hosts (`host` or `host:port`) for which that does not hold."""

    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """A whole file. `ledger` is a database URL with an absolute path; `timezone` is that of reports and quotas."""

    path: Path
    ledger: str = field(repr=False)  # it may hold a password
    lifecycle: Lifecycle
    timezone: str
    connections: Mapping[str, ConnectionConfig]
    contacts: ContactsConfig
    events: EventsConfig = field(default_factory=EventsConfig)
    jobs: tuple[Job, ...] = ()
    serve: ServeConfig = field(default_factory=ServeConfig)
    outgoing: OutgoingConfig = field(default_factory=OutgoingConfig)


def _best(rules: Mapping[str, Rule], path: str) -> Rule | None:
    """The rule of the most exact pattern: the path itself, then the longest pattern that fits."""
    if path in rules:
        return rules[path]
    fitting = [p for p in rules if fnmatchcase(path, p)]
    return rules[max(fitting, key=len)] if fitting else None


def _holds(condition: str, value: Any, lifecycle: Lifecycle) -> bool:
    at_least = re.fullmatch(r">=\s*(\w+)", condition)
    if at_least:
        return not is_blank(value) and (
            lifecycle.is_lost(value) or lifecycle.rank(value) >= lifecycle.rank(at_least[1])
        )
    if condition == "set":
        return not is_blank(value)
    return str(value) in [c.strip() for c in condition.split(",")]
