"""The ledger's rows as the engine holds them: values decoded, changes noticed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

LinkState = Literal["live", "dup", "alias", "gone"]

Origin = tuple[int, int, bool]
"""Link id (0: this side), change time in ms, whether that time is certain."""


@dataclass(slots=True, eq=False)
class ContactRow:
    id: int
    key: str
    first_seen: int
    values: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Origin] = field(default_factory=dict)
    stage_row: int | None = None
    merged_into: int | None = None
    new: bool = False
    dirty: bool = False

    @property
    def stage(self) -> str | None:
        return self.values.get("stage")


@dataclass(slots=True, eq=False)
class LinkRow:
    """`blocked[path]` says why a path is not owed: {"kind", "desired", "seen", "mapping", "code", "message"}.
    `memory` holds {"late": {path: [[value, until]]}, "flips": {path: [count, since, value before our write]}}."""

    id: int
    connection: str
    object: str
    remote_id: str
    contact_id: int
    state: LinkState = "live"
    sent: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    blocked: dict[str, dict[str, Any]] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    mapping: str = ""
    fingerprint: str = ""
    version: int = 0
    saw_row: int | None = None
    new: bool = False
    dirty: bool = False


@dataclass(slots=True, eq=False)
class HistoryRow:
    id: int
    contact_id: int
    stage: str
    at: int
    connection: str
    previous: str | None = None
    link_id: int | None = None
    saw_row: int | None = None
    verdict: str = "accepted"
    reason: str = ""
    baseline: bool = False
    deliberate: bool = False
    event_id: str = ""
    run_id: int | None = None
    new: bool = False
    dirty: bool = False


@dataclass(slots=True, eq=False)
class OutboxRow:
    id: int
    connection: str
    object: str
    contact_id: int
    link_id: int | None
    state: str
    token: str | None
    mark: int | None
    lease: int | None
    intent: dict[str, Any]
    attempts: int
    not_before: int
    desired: str | None
    code: str | None
    error: str | None
    parked: dict[str, dict[str, Any]]
