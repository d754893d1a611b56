"""What a connector is: one platform's wire, and nothing outside it knows that platform's field names, status codes or headers.

The engine owns loops: paging, diffing, batching, ordering, retry, budgets, ids. What a connector declares is in
`capabilities`, what comes back from it in `outcomes`; both are to be had from here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from stagebridge.capabilities import Capabilities, Events, Pace, Rate, Read, Stage, Webhooks, Write
from stagebridge.clock import Clock, SystemClock
from stagebridge.endpoint import Answer, Endpoint, Verdict, usual
from stagebridge.errors import NotSupported
from stagebridge.outcomes import (
    Conflict,
    Cursor,
    Done,
    Draft,
    Entry,
    EventPage,
    Gone,
    Health,
    Hint,
    HookRequest,
    Outcome,
    Page,
    Record,
    Refusal,
    Rejected,
    Retry,
    Schema,
    Unknown,
)

if TYPE_CHECKING:
    from stagebridge.event import ConversionEvent
    from stagebridge.mapping import Mapping as FieldMapping
    from stagebridge.mapping import Missing, Payload


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


__all__ = [
    "Capabilities",
    "Conflict",
    "Connector",
    "ConnectorSettings",
    "Cursor",
    "Done",
    "Draft",
    "Entry",
    "EventPage",
    "Events",
    "Gone",
    "Health",
    "Hint",
    "HookRequest",
    "Outcome",
    "Pace",
    "Page",
    "Rate",
    "Read",
    "Record",
    "Refusal",
    "Rejected",
    "Retry",
    "Schema",
    "Stage",
    "Unknown",
    "Webhooks",
    "Write",
]
