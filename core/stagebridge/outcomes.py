"""What goes over the counter between the engine and a connector, and what a write can come back as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagebridge.event import ConversionEvent

Cursor = dict[str, Any]
"""Where a read stands: plain JSON that only the connector understands."""


@dataclass(frozen=True, slots=True)
class Record:
    """One remote record as the platform answered it.

    `modified_at` is the platform's own time. `changed_at` holds *certain* times of single canonical paths (a
    consent's timestamp, field history). A deleted record may have an empty `data`; `merged_into` is the id that
    replaced it.
    """

    object: str
    id: str
    data: Mapping[str, Any] = field(default_factory=dict)
    modified_at: datetime | None = None
    deleted: bool = False
    merged_into: str | None = None
    changed_at: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and where to go on after them.

    `covered`, on the last page of a pass: every change committed before that instant of *our* clock has now been
    delivered.
    """

    records: Sequence[Record]
    cursor: Cursor
    covered: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some conversions that the platform recorded, and where to go on after them; `covered` as in `Page`."""

    events: Sequence[ConversionEvent]
    cursor: Cursor
    covered: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to write. `payload` has the platform's shape and only what differs; `base` is the record that it
    was computed onto. A create has neither `remote_id` nor `base`; `key` is our external id for the person."""

    object: str
    payload: Mapping[str, Any]
    remote_id: str | None = None
    base: Mapping[str, Any] | None = None
    key: str | None = None
    email: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    """The contact's canonical values, for rules that look beyond the payload (which account a contact belongs to)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One conversion event as the platform takes it.

    Events of one `group` may share a call. `deadline` is the instant after which the platform takes it no more (None: at
    any age). `dedup` is for how many seconds after an event came the platform drops another one of its id; 0 where it
    counts whatever comes. `warnings` say what the platform will take and make little of.
    """

    id: str
    payload: Mapping[str, Any]
    group: str = ""
    deadline: datetime | None = None
    dedup: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """One remote field that the platform would not take, while the rest of the record was written."""

    field: str
    code: str
    message: str


# --- outcomes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """Written. `record` is what the platform now holds, where its answer says so."""

    remote_id: str
    record: Record | None = None
    refused: tuple[Refusal, ...] = ()
    object: str | None = None
    """Where the record was created, if not where the entry asked for."""
    left: tuple[str, ...] = ()
    """After `erase`: what the platform keeps of the person all the same, and how to be rid of it; a phrase each."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """This record will not be taken as it is. `fields` are the remote fields at fault, if the platform named them."""

    code: str
    message: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """Not taken, nothing wrong with it: again after `after` seconds."""

    after: float
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A create met a record that exists already under `existing_id`. Nothing was written."""

    existing_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """The record to update is deleted, or merged into `merged_into`. Nothing was written."""

    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent, and no answer: it may have taken effect. Read back and compare before anything is sent again."""

    reason: str


Outcome = Done | Rejected | Retry | Conflict | Gone | Unknown


# --- about the account ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Health:
    """`problems` stop the connection, `warnings` do not; each is a sentence with its remedy."""

    account: str
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Schema:
    """What the account has. `facts` is plain JSON, the form that a mapping is resolved against:
    `{fields: {object: {label: name}}, options: {object: {name: {label: id}}}, owners: {id: e-mail}, stages: {…}}`."""

    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hint:
    """A webhook said that this record changed. A reason to fetch it, never a value."""

    object: str
    remote_id: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HookRequest:
    """An inbound webhook: `url` as the platform called it, `body` the raw bytes, header names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


__all__ = [
    "Conflict",
    "Cursor",
    "Done",
    "Draft",
    "Entry",
    "EventPage",
    "Gone",
    "Health",
    "Hint",
    "HookRequest",
    "Outcome",
    "Page",
    "Record",
    "Refusal",
    "Rejected",
    "Retry",
    "Schema",
    "Unknown",
]
