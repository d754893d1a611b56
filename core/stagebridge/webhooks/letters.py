"""Dead letters of every kind in one list; an id says which kind it is."""

from __future__ import annotations

from typing import Any

from stagebridge.delivery import inspect as deliveries
from stagebridge.errors import ConfigError
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing import inspect as messages
from stagebridge.sync import inspect as records
from stagebridge.webhooks import inspect as hooks

DISCARDED = "SB-DISCARDED"
"""The code of a letter that somebody discarded: it stays in the list, untried."""


def dead_letters(ledger: Ledger, limit: int | None = None) -> list[dict[str, Any]]:
    """Records, single paths and events that a platform would not take, webhooks that could not be worked on, messages that nobody
    took; or about the first so many of each kind."""
    return [
        *records.dead_letters(ledger, limit),
        *deliveries.dead_letters(ledger, limit),
        *hooks.dead_letters(ledger, limit),
        *messages.dead_letters(ledger, limit),
    ]


def release(ledger: Ledger, which: str, *, retry: bool) -> None:
    """Try a dead letter again, or discard it. Raises `ConfigError` where there is none, `Busy` while a run is at work."""
    number = which.rpartition(":")[2].removeprefix("e")
    small = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else -1
    if small < 0 and for_good(which):
        raise ConfigError(
            f"there is no failed webhook or message '{which}'",
            hint="`stagebridge dead-letters` lists them with their ids.",
        )
    if which.startswith(hooks.LETTER):
        hooks.release(ledger, small, retry=retry)
    elif which.startswith(messages.LETTER):
        messages.release(ledger, small, retry=retry)
    elif which == f"e{small}":
        deliveries.release(ledger, small, retry=retry)
    else:
        records.release(ledger, which, retry=retry)


def for_good(which: str) -> bool:
    """Whether a letter that is discarded is gone; others wait until their contact changes."""
    return which.startswith((hooks.LETTER, messages.LETTER))


__all__ = ["DISCARDED", "dead_letters", "for_good", "release"]
