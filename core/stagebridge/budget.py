"""A budget: how many requests a platform lets through, kept before it has to refuse any."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stagebridge.clock import Clock
from stagebridge.connector import Rate

MARGIN = timedelta(milliseconds=10)
"""How much longer a window is kept than the platform keeps it: two calls do not take equally long to arrive."""


@dataclass(slots=True, eq=False)
class Turn:
    """One call that was let through, and from when it counts: it leaves now, and arrives a little later."""

    at: datetime


class Budget:
    """True rolling windows over the requests that were let through, on an injected clock.

    Even spacing at exactly a limit still drew refusals where a rolling window did not, so every window remembers the
    instants of its calls: when they left and, once `late` has said so, when they may have arrived. `share` scales what the
    platform allows.
    """

    def __init__(self, rates: Sequence[Rate], clock: Clock, share: float = 1.0) -> None:
        self._windows = [(max(1, int(r.calls * share)), timedelta(seconds=r.per), list[Turn]()) for r in rates]
        self._share = share
        self._clock = clock
        self._lock = threading.Lock()
        self._closed_until: datetime | None = None

    def acquire(self) -> Turn:
        """Wait until one more request fits every window."""
        while True:
            with self._lock:
                now = self._clock.now()
                wait = self._wait(now)
                if wait <= 0:
                    turn = Turn(now)
                    for _, _, turns in self._windows:
                        turns.append(turn)
                    return turn
            self._clock.sleep(wait)

    def late(self, turn: Turn, seconds: float) -> None:
        """The call took so much longer than the same call can take: it may have arrived so much later than it left, and
        counts from then on."""
        with self._lock:
            turn.at += timedelta(seconds=seconds)
            for _, _, turns in self._windows:
                turns.sort(key=lambda t: t.at)

    def allow(self, calls: int, per: float) -> None:
        """The platform says that its limit over `per` seconds is `calls`: from now on that counts."""
        with self._lock:
            self._windows = [
                (max(1, int(calls * self._share)) if w[1].total_seconds() == per else w[0], *w[1:])
                for w in self._windows
            ]

    def pause(self, seconds: float) -> None:
        """Let nothing through for `seconds`: the platform said so."""
        with self._lock:
            until = self._clock.now() + timedelta(seconds=seconds)
            if self._closed_until is None or until > self._closed_until:
                self._closed_until = until

    def _wait(self, now: datetime) -> float:
        wait = 0.0
        if self._closed_until is not None:
            wait = (self._closed_until - now).total_seconds()
        for limit, per, turns in self._windows:
            while turns and turns[0].at + per + MARGIN <= now:
                del turns[0]
            if len(turns) >= limit:
                wait = max(wait, (turns[-limit].at + per + MARGIN - now).total_seconds())
        return wait


__all__ = ["Budget"]
