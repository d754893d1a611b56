"""When a message is tried again."""

from __future__ import annotations

import random

DELAYS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 72_000.0)
"""Seconds after each failure: what Standard Webhooks suggests, cut so that the last try comes 71.6 hours after the first."""
REFUSED = 3
"""Further tries of a message that the endpoint will not have, over 35 minutes: then it is put aside, and the others go on."""
JITTER = 0.2


def delay(failures: int, after: float = 0.0, chance: float | None = None) -> float | None:
    """Seconds until the next try after so many failures (1 or more), and at least `after`; None if there is none. `chance` is
    0 to 1, random unless given: endpoints that failed together do not come back together."""
    if failures > len(DELAYS):
        return None
    spread = 1 - JITTER + 2 * JITTER * (random.random() if chance is None else chance)
    return max(after, DELAYS[failures - 1] * spread)


__all__ = ["DELAYS", "REFUSED", "delay"]
