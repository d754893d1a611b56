"""What a platform can do, as its connector declares it once: the engine, the documented matrix and the conformance suite read the
same object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stagebridge.endpoint import Posts


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


__all__ = ["Capabilities", "Events", "Pace", "Rate", "Read", "Stage", "Webhooks", "Write"]
