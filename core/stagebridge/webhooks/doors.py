"""Which connections have webhooks, and what a request to one of them says.

A door is a connector that was asked for nothing yet: a webhook is verified and accepted also while its platform, and
everything else, is down.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.connector import Connector, Hint, HookRequest, Record, Webhooks
from stagebridge.errors import AuthError, ConfigError
from stagebridge.sync.side import ms
from stagebridge.webhooks.stored import stored

log = logging.getLogger("stagebridge.webhooks")

Reason = Literal["unknown", "signature", "handshake", "settings"]


class Refused(Exception):
    """This request is not taken in; `reason` is for our own metrics and never told to the sender."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Hook:
    """A genuine webhook. `delivery` tells one delivery from another, `records` is what is to be worked on (JSON)."""

    connection: str
    delivery: str
    received: int
    hints: tuple[Hint, ...] = ()
    records: str | None = None


class Door:
    """One connection's webhooks."""

    def __init__(self, name: str, connector: Connector, webhooks: Webhooks, clock: Clock) -> None:
        self.name = name
        self.connector = connector
        self.webhooks = webhooks
        self.clock = clock

    def handshake(self, request: HookRequest) -> str | None:
        """What to answer to a request that only makes sure of us; None for any other. Raises `Refused`."""
        answer: str | None = self._asked("handshake", self.connector.handshake, request)
        return answer

    def receive(self, request: HookRequest) -> Hook:
        """Raises `Refused`, whatever is wrong with the request: what cannot be read is nobody's either."""
        told = self._asked("signature", self.connector.receive, request)
        records = [r for r in told if isinstance(r, Record)]
        return Hook(
            self.name, delivery_of(self.connector, request), ms(self.clock.now()) or 0,
            tuple(h for h in told if isinstance(h, Hint)), stored(records) if records else None,
        )  # fmt: skip

    def _asked(self, reason: Reason, question: Any, request: HookRequest) -> Any:
        try:
            return question(request)
        except AuthError as error:
            log.warning("%s: a request was refused (%s)", self.name, error.code)
            raise Refused("handshake" if reason == "handshake" else "signature") from None
        except ConfigError as error:
            log.error("%s: %s (%s)", self.name, error, error.code)
            raise Refused("settings") from None
        except Exception as error:  # what a stranger sends must not become a defect; his words are not logged
            log.warning("%s: a request could not be read (%s)", self.name, type(error).__name__)
            raise Refused(reason) from None


def delivery_of(connector: Connector, request: HookRequest) -> str:
    """What a delivery has in common with its repetitions and with no other: the platform's id of it where there is one, the
    signature where there is none, and the body. The id alone would let a stranger who repeats an old request under the
    id of a coming one keep that out, wherever the signature does not cover the id."""
    given = connector.delivery_id(request)
    if given is None:
        given = "\0".join(f"{k}={v}" for k, v in sorted(request.headers.items()) if "signature" in k)
    digest = hashlib.blake2b(given.encode("utf-8", "surrogateescape"), digest_size=16, key=b"delivery")
    return digest.hexdigest() + hashlib.blake2b(request.body, digest_size=16).hexdigest()


def waste_time(request: HookRequest) -> None:
    """About what looking at a signature costs, for a connection that does not exist."""
    hmac.compare_digest(hmac.new(b"nobody", request.body, hashlib.sha256).hexdigest(), "0" * 64)


def open_doors(config: Config, clock: Clock) -> dict[str, Door]:
    """{connection: its door} of all that can receive. Raises `ConfigError`."""
    doors: dict[str, Door] = {}
    for name, connection in config.connections.items():
        able = connection.capabilities.webhooks
        if able is not None:
            doors[name] = Door(name, connection.connect(clock), able, clock)
    return doors


def kept_for(doors: Mapping[str, Door], least: float) -> float:
    """Seconds that a delivery is remembered: longer than any platform goes on trying."""
    return max([least, *(2 * d.webhooks.horizon for d in doors.values())])


__all__ = ["Door", "Hook", "Refused", "delivery_of", "kept_for", "open_doors", "waste_time"]
