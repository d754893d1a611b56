"""A budget: how many requests a platform lets through, kept before it has to refuse any."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from stagebridge.clock import Clock
from stagebridge.connector import Rate


class Budget:
    """True rolling windows over the requests that were let through, on an injected clock.

    Even spacing at exactly a limit still drew refusals where a rolling window did not, so every window remembers
    the instants of its calls. `share` scales what the platform allows.
    """

    def __init__(self, rates: Sequence[Rate], clock: Clock, share: float = 1.0) -> None:
        self._windows = [(max(1, int(r.calls * share)), timedelta(seconds=r.per), deque[datetime]()) for r in rates]
        self._share = share
        self._clock = clock
        self._lock = threading.Lock()
        self._closed_until: datetime | None = None

    def acquire(self) -> None:
        """Wait until one more request fits every window."""
        while True:
            with self._lock:
                now = self._clock.now()
                wait = self._wait(now)
                if wait <= 0:
                    for _, _, calls in self._windows:
                        calls.append(now)
                    return
            self._clock.sleep(wait)

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
        for limit, per, calls in self._windows:
            while calls and calls[0] <= now - per:
                calls.popleft()
            if len(calls) >= limit:
                # a millisecond more than needed: the server rounds its window too
                wait = max(wait, (calls[-limit] + per - now).total_seconds() + 0.001)
        return wait


__all__ = ["Budget"]
