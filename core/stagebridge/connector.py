"""What a connector is, and what a write can come back as.

The engine owns loops: paging, diffing, batching, ordering, retry, budgets, ids. A connector owns one platform's
wire, and nothing outside it knows that platform's field names, status codes or headers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from stagebridge.clock import Clock, SystemClock
from stagebridge.endpoint import Answer, Endpoint, Posts, Verdict, usual
from stagebridge.errors import NotSupported

if TYPE_CHECKING:
    from stagebridge.event import ConversionEvent
    from stagebridge.mapping import Mapping as FieldMapping
    from stagebridge.mapping import Missing, Payload

Cursor = dict[str, Any]
"""Where a read stands: plain JSON that only the connector understands."""


# --- what a platform can do -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Read:
    """How records are read: `incremental` by cursor, with `deletes` or without."""

    incremental: bool = True
    deletes: bool = False
    lag: float = 0.0
    """Seconds after which every committed change is visible to `read` and `find` (a default; settings may move it)."""
    names_survivors: bool = True
    """A record that was merged away names the one it went into; without it the engine asks who holds its address now."""
    edits: bool = True
    """Records change; without it each is made once and stays as it is, like what somebody typed into a form."""


@dataclass(frozen=True, slots=True)
class Write:
    """How records are written, and how many at once."""

    batch: int = 1
    """Records per `write` call, and per `fetch` call."""
    upsert_key: bool = False
    """New records are written by our own unique field, so that repeating a create is harmless."""
    returns_record: bool = True
    """`Done` carries the record as it now stands; without it the engine reads it back."""
    flight: int = 1
    """Calls that may be under way at once."""
    load: int = 0
    """Records per `load` call, for first loads; 0 where the platform has no bulk interface."""
    refuses_doubles: bool = False
    """The platform takes no second record with an address that one holds already: a create is its own look-up, and none is
    made before it."""
    singly: tuple[Literal["fetch", "find", "update"], ...] = ()
    """What takes a request for every record, however many are handed over; a plan's time counts them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the platform lets be done with its stage field. `backward`: `free`, only after it was cleared, or never."""

    backward: Literal["free", "clear_first", "never"] = "free"
    stamps_default: bool = False
    """The platform gives a new record a stage by itself: on a record that we created it is nobody's edit."""


@dataclass(frozen=True, slots=True)
class Events:
    """How conversion events are sent: `batch` at the most in one call, `flight` calls at once."""

    batch: int = 1
    flight: int = 1
    ads: bool = False
    """An advertising platform: only people who agreed to ads are sent there."""
    whole: bool = False
    """One bad event makes it refuse a whole batch (`BatchRefused`); the engine finds the bad one and sends the others."""
    reads: tuple[str, ...] = ()
    """The conversions that the platform records by itself, for `read_events`: `Purchase` where it keeps deals."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Webhooks that can be received; `signature` names how they are signed."""

    signature: str
    window: float | None = None
    """Seconds after which a signed request is stale; None where the signature carries no time."""
    delivery: str | None = None
    """The header (in lower case) with the id of a delivery, the same however often it is tried again."""
    horizon: float = 72 * 3600.0
    """Seconds for which the platform goes on trying to deliver one."""
    events: bool = False
    """What it brings tells of conversions too, as the mapping's `event` reads them."""
    status: int = 200
    """What is answered to a webhook that was taken in, however often it came."""
    retry_after: int = 10
    """Seconds after which the platform is asked to try again where a webhook cannot be taken in now (503)."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Declared once; the engine, the documented matrix and the conformance suite read the same object."""

    read: Read | None = None
    write: Write | None = None
    stage: Stage | None = None
    events: Events | None = None
    webhooks: Webhooks | None = None
    posts: Posts | None = None
    api: bool = False
    """Its users hand us people and conversions, in our own canonical form, through our API."""
    provision: Literal["api", "files"] | None = None
    archive: bool = False
    erase: Literal["whole", "partly"] | None = None
    """`partly`: a record stays, emptied of what can be emptied; `Done.left` says what it still holds."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rolling window: at most `calls` in any `per` seconds."""

    calls: int
    per: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How new records are written where the account allows less than `capabilities.write` says: `batch` in one call, at
    most so many calls as `rate` says. `why` is a sentence with the remedy."""

    batch: int
    rate: Rate
    why: str


# --- what goes over the counter -------------------------------------------------------------------------------


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


class ConnectorSettings(BaseModel):
    """What every connection takes. Secrets are `SecretStr`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str | None = Field(default=None, description="Point the connection at a stand-in.")
    budget: float = Field(default=1.0, gt=0, le=1, description="The share of the account's rate limits to use.")
    timeout: float = Field(default=60.0, gt=0, description="Seconds to wait for an answer.")
    lag: float | None = Field(
        default=None, ge=0, description="Seconds until a change is visible to reads, if not the platform's usual."
    )

    @property
    def mapping_needed(self) -> str:
        """Why a connection with these settings cannot do without a `mapping:` of its own; empty where it can."""
        return ""


class Connector(ABC):
    """One account of one platform.

    A verb that the platform does not have is absent from `capabilities`; calling it raises `NotSupported` with the
    platform and the verb in its sentence.
    """

    platform: ClassVar[str]
    Settings: ClassVar[type[ConnectorSettings]]
    capabilities: ClassVar[Capabilities]
    budgets: ClassVar[Mapping[str, Rate]] = {}
    codes: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """{code: (what happened, what to do)} of everything that this connector says (`stagebridge.codes`)."""
    example: ClassVar[str] = ""
    """A connection of this platform in `stagebridge.yaml`, its name first and with comments; secrets as `${NAME}`."""
    credentials: ClassVar[str] = ""
    """Those variables in `.env.example`, with the scopes or rights that they take."""

    mapping: FieldMapping | None = None
    connection: str = ""
    """What the configuration calls this account; it is part of the ids that are derived from its records."""

    def __init__(self, settings: ConnectorSettings | None = None, *, clock: Clock | None = None, **values: Any) -> None:
        self.settings = settings if settings is not None else self.Settings(**values)
        self.clock: Clock = clock or SystemClock()

    @classmethod
    def able(cls, settings: ConnectorSettings) -> Capabilities:
        """What a connection with these settings can do: less than the platform, where it is told less."""
        return cls.capabilities

    @property
    def default_mapping(self) -> str:
        """The shipped mapping for a connection with these settings."""
        return self.platform

    def use(self, mapping: FieldMapping) -> None:
        """Ask the platform for the fields of this mapping, and write new records under its external id."""
        self.mapping = mapping

    @property
    def lag(self) -> float:
        """Seconds after which every committed change is visible to `read` and `find`."""
        usual = self.capabilities.read.lag if self.capabilities.read else 0.0
        return usual if self.settings.lag is None else self.settings.lag

    @property
    def patience(self) -> float:
        """Seconds after a call began within which what it sent may still be under way, or hidden from a read."""
        return max(self.settings.timeout, self.lag)

    @property
    def skew(self) -> float:
        """The platform's clock minus ours, in seconds."""
        return 0.0

    @abstractmethod
    def check(self) -> Health:
        """Credentials, scopes, account, limits left. Raises `AuthError`, `PlatformDown`."""

    def discover(self) -> Schema:
        """The account's fields, options, stages and owners; nothing where a mapping names nothing by its label."""
        return Schema({})

    def provision(self, missing: Sequence[Missing], *, dry_run: bool = True) -> list[str]:
        """Create the custom fields that a mapping needs; returns a sentence for each."""
        raise self._absent("provision")

    def deployable(self, missing: Sequence[Missing]) -> Mapping[str, str]:
        """The files that an administrator deploys, by their path, where only he can create fields."""
        raise self._absent("deployable")

    def read(self, object: str, since: Cursor | datetime | None = None) -> Iterator[Page]:
        """Pages of records: all of them, those changed since a time, or on from a page's cursor."""
        raise self._absent("read")

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by the ids asked for. An id that no longer exists is left out, or answered with a deleted record;
        one that was merged away is answered with the record that replaced it (`record.id` differs)."""
        raise self._absent("fetch")

    def find(self, object: str, by: Literal["external_id", "email"], values: Sequence[str]) -> list[Record]:
        """Records that hold one of these values now."""
        raise self._absent("find")

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        """One outcome per entry, in order. At most `capabilities.write.batch` entries, all of one object."""
        raise self._absent("write")

    def pace(self) -> Pace | None:
        """Whether this account lets new records be written more slowly only; None where it does not."""
        return None

    @property
    def load_above(self) -> int:
        """From how many new records on `load` is worth its latency."""
        return 2000

    def load(self, batch: Sequence[Entry]) -> list[Outcome]:
        """Create many records through the platform's bulk interface; one outcome per entry, in order. Takes minutes. At
        most `capabilities.write.load` entries, all of one object."""
        raise self._absent("load")

    def archive(self, object: str, remote_id: str) -> Outcome:
        """Delete a record the way a person in that platform would."""
        raise self._absent("archive")

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        """Erase a person for good, as far as the platform can; `Done.left` says what it keeps."""
        raise self._absent("erase")

    def draft(self, event: ConversionEvent) -> Draft | Rejected:
        """The event as this platform takes it, or why it never will. Asks nobody."""
        raise self._absent("draft")

    def drafted(self, event: ConversionEvent) -> Payload | Rejected:
        """What the mapping makes of an event, for `draft`."""
        assert self.mapping is not None
        payload = self.mapping.write_event(event)
        if payload:
            return payload
        kind, why = next(iter(payload.problems.items()))
        return Rejected("SB-EVENT-INCOMPLETE" if kind == "require" else "SB-EVENT-DROPPED", why)

    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        """One outcome per event, in order: `Done` (taken, not yet counted), `Rejected`, `Retry` or `Unknown`. At most
        `capabilities.events.batch` events, all of one group. Raises `BatchRefused` where nothing was taken because of
        one of them."""
        raise self._absent("send")

    def read_events(self, since: Cursor | datetime | None = None) -> Iterator[EventPage]:
        """Pages of conversions that the platform recorded: all of them, those of records that changed since a time, or on
        from a page's cursor. Each comes at least once, and under one id for ever, however its record is edited."""
        raise self._absent("read_events")

    def receive(self, request: HookRequest) -> Sequence[Hint | Record]:
        """What a verified webhook says: records to fetch, or, where the webhook is the only source, the record itself.
        Raises `AuthError` for a wrong or stale signature."""
        raise self._absent("receive")

    def delivery_id(self, request: HookRequest) -> str | None:
        """The id of this delivery, the same however often it is tried again; None where the platform sends none."""
        webhooks = self.capabilities.webhooks
        return request.headers.get(webhooks.delivery) or None if webhooks and webhooks.delivery else None

    def handshake(self, request: HookRequest) -> str | None:
        """What to answer, as plain text, to a request by which a platform makes sure of a receiver before it sends anything;
        None for any other request. Raises `AuthError` for one that is not ours."""
        return None

    def endpoint(self) -> Endpoint | None:
        """The address that the settings name for messages; None where they name none."""
        return None

    def unfit(self, url: str) -> str | None:
        """Why nobody may subscribe with this address: it is none of the platform's. None where it is one."""
        raise self._absent("subscriptions")

    def subscriber(self, url: str, type: str) -> Endpoint:
        """A subscriber's address as an endpoint."""
        posts = self.capabilities.posts
        if posts is None or not posts.subscriptions:
            raise self._absent("subscriptions")
        return Endpoint(url, (type,), posts.shape, rate=posts.rate)

    def verdict(self, answer: Answer) -> Verdict:
        """What the platform's answer to a message means."""
        return usual(answer)

    def close(self) -> None:
        """Give back connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _absent(self, verb: str) -> NotSupported:
        return NotSupported(f"{self.platform} has no '{verb}'")
