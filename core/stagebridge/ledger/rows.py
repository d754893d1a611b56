"""The ledger's rows as the engine holds them: values decoded, changes noticed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from stagebridge.contact import decode, encode

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
    changed: int = 0
    was: Mapping[str, Any] = field(default_factory=dict)
    """The values that stand in the ledger."""
    new: bool = False
    dirty: bool = False

    @property
    def stage(self) -> str | None:
        return self.values.get("stage")


@dataclass(slots=True, eq=False)
class LinkRow:
    """`blocked[path]` says why a path is not owed: {"kind", "desired", "seen", "mapping", "code", "message"}.
    `memory` holds {"late": {path: [[value, until]]}, "flips": {path: [count, since, value before our write]}}, and where
    nobody can be asked, when each path was told of: {"told": {path: ms}, "told_of": {path: ms}, "said": {path: …}}."""

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
    cause: str | None = None
    run_id: int | None = None
    was: str = ""
    """The verdict that stands in the ledger; empty for a row that does not."""
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


# --- out of a table and into one -------------------------------------------------------------------------------


def contact_row(r: Any) -> ContactRow:
    origin = {p: (o[0], o[1], o[2]) for p, o in orjson.loads(r.origin).items()}
    values = decode(r.data)
    return ContactRow(r.id, r.key, r.first_seen, values, origin, r.stage_row, r.merged_into, r.changed, dict(values))


def contact_values(c: ContactRow) -> dict[str, Any]:
    return {
        "id": c.id, "key": c.key, "data": encode(c.values), "origin": orjson.dumps(c.origin).decode(),
        "stage_row": c.stage_row, "first_seen": c.first_seen, "merged_into": c.merged_into,
        "changed": c.changed,
    }  # fmt: skip


def link_row(r: Any) -> LinkRow:
    sent = decode(r.sent)
    seen = dict(sent) if r.seen == r.sent else decode(r.seen)  # in step, which most are
    return LinkRow(
        r.id, r.connection, r.object, r.remote_id, r.contact_id, r.state, sent, seen,
        _plain(r.blocked), _plain(r.memory), r.mapping, r.fingerprint, r.version, r.saw_row,
    )  # fmt: skip


def _plain(text: str) -> dict[str, Any]:
    """Most are empty."""
    found: dict[str, Any] = {} if text == "{}" else orjson.loads(text)
    return found


def link_values(r: LinkRow) -> dict[str, Any]:
    return {
        "id": r.id, "connection": r.connection, "object": r.object, "remote_id": r.remote_id, "contact_id": r.contact_id,
        "state": r.state, "sent": encode(r.sent), "seen": encode(r.seen), "blocked": orjson.dumps(r.blocked).decode(),
        "memory": orjson.dumps(r.memory).decode(), "mapping": r.mapping, "fingerprint": r.fingerprint,
        "version": r.version, "saw_row": r.saw_row,
    }  # fmt: skip


def history_row(r: Any) -> HistoryRow:
    return HistoryRow(
        r.id, r.contact_id, r.stage, r.at, r.connection, r.previous, r.link_id, r.saw_row, r.verdict, r.reason, r.baseline,
        r.deliberate, r.event_id, r.cause, r.run_id, r.verdict,
    )  # fmt: skip


def outbox_row(r: Any) -> OutboxRow:
    return OutboxRow(
        r.id, r.connection, r.object, r.contact_id, r.link_id, r.state, r.token, r.mark, r.lease,
        decode(r.intent) if r.intent else {}, r.attempts, r.not_before, r.desired, r.code, r.error,
        orjson.loads(r.parked) if r.parked else {},
    )  # fmt: skip
