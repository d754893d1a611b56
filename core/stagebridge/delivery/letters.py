"""Dead letters of every kind in one list; an id says which kind it is."""

from __future__ import annotations

from typing import Any

from stagebridge.delivery import inspect as deliveries
from stagebridge.ledger.store import Ledger
from stagebridge.sync import inspect as records

DISCARDED = "SB-DISCARDED"
"""The code of a letter that somebody discarded: it stays in the list, untried."""


def dead_letters(ledger: Ledger, limit: int | None = None) -> list[dict[str, Any]]:
    """Records, single paths and events that a platform would not take; or about the first so many of each kind."""
    return [*records.dead_letters(ledger, limit), *deliveries.dead_letters(ledger, limit)]


def release(ledger: Ledger, which: str, *, retry: bool) -> None:
    """Try a dead letter again, or discard it. Raises `ConfigError` where there is none, `Busy` while a run is at work."""
    if which.startswith("e") and which[1:].isdigit():
        deliveries.release(ledger, int(which[1:]), retry=retry)
    else:
        records.release(ledger, which, retry=retry)


__all__ = ["DISCARDED", "dead_letters", "release"]
