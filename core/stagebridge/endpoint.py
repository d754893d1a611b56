"""Where messages are posted to, and what the answers mean.

A message tells a receiver that something happened: a contact changed, a stage was reached, a conversion was recorded, or
something needs a person. Core signs, orders, retries and guards; a connector only says where its platform listens and how
to read what that answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import SecretStr

Happening = Literal["contact.changed", "contact.stage_changed", "conversion.created"]
HAPPENINGS: tuple[Happening, ...] = get_args(Happening)

Alert = Literal[
    "run.failed",
    "guard.tripped",
    "auth.failed",
    "conflict.opened",
    "deadline.near",
    "dead_letter.added",
    "endpoint.failing",
]
ALERTS: tuple[Alert, ...] = get_args(Alert)
"""What somebody should hear of at once; `stagebridge.sync.alerts` raises them."""

Shape = Literal["full", "flat", "chat"]
SHAPES: tuple[Shape, ...] = get_args(Shape)


@dataclass(frozen=True, slots=True)
class Posts:
    """Messages can be posted there. `shape`: the whole canonical form, one level of stable keys, or a sentence for a chat."""

    shape: Shape = "full"
    subscriptions: bool = False
    """Its users subscribe by themselves, through our API, each with an address of his own."""
    confirms: bool = True
    """A success means that the message was taken; without it only that somebody listened."""
    rate: tuple[int, float] | None = None
    """At most so many messages in so many seconds to one address."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address. `secrets` sign, the newest first; each adds a signature, so that a receiver may have either. `headers` go
    along as they are."""

    url: str = field(repr=False)  # whoever knows it may post there
    types: tuple[str, ...]
    shape: Shape = "full"
    secrets: tuple[SecretStr, ...] = ()
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    rate: tuple[int, float] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is bounded, header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


# --- what an answer means -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """It arrived."""


@dataclass(frozen=True, slots=True)
class Later:
    """The endpoint cannot take anything now: everything for it waits, in its order, `after` seconds or longer."""

    reason: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """The endpoint will not have this message; others may pass it after a few tries, or at once where that is `for_good`."""

    reason: str
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """Nobody listens there any more: nothing is sent to this address again."""

    reason: str


Verdict = Taken | Later | Refused | Closed

LONGEST_WAIT = 3600.0
"""Seconds of a `Retry-After` that are honoured."""
BAD_MESSAGE = frozenset({400, 413, 415, 422})
"""Statuses that speak of the message; every other failure speaks of the endpoint."""


def usual(answer: Answer) -> Verdict:
    """As Standard Webhooks has it: any 2xx is a success, a redirect a failure, 410 a farewell."""
    if 200 <= answer.status < 300:
        return Taken()
    said = f"HTTP {answer.status}"
    if answer.status == 410:
        return Closed(said)
    if answer.status in BAD_MESSAGE:
        return Refused(said)
    return Later(said, retry_after(answer))


def retry_after(answer: Answer) -> float:
    """Seconds that the answer asks to wait, at most an hour; 0 where it does not, or gives a date."""
    given = answer.headers.get("retry-after", "").strip()
    return min(float(given), LONGEST_WAIT) if given.isascii() and given.isdigit() and len(given) < 10 else 0.0


__all__ = [
    "ALERTS",
    "HAPPENINGS",
    "SHAPES",
    "Alert",
    "Answer",
    "Closed",
    "Endpoint",
    "Happening",
    "Later",
    "Posts",
    "Refused",
    "Shape",
    "Taken",
    "Verdict",
    "retry_after",
    "usual",
]
