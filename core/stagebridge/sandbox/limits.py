"""Limits that count and refuse, as platforms have them."""

from __future__ import annotations

from collections import deque
from datetime import date, datetime, timedelta, tzinfo

from stagebridge.clock import Clock


class Windows:
    """True rolling windows by name: a call is refused if `limit` calls were taken in the last `per` seconds.

    On the sandbox's clock, or on the machine's where a client's pace is to be proven with scaled numbers.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, deque[datetime]] = {}

    def take(self, name: str, limit: int, per: float) -> int | None:
        """Take one call; returns how many remain, None if it is refused. A refused call is not counted."""
        calls = self._calls.setdefault(name, deque())
        now = self._clock.now()
        while calls and calls[0] <= now - timedelta(seconds=per):
            calls.popleft()
        if len(calls) >= limit:
            return None
        calls.append(now)
        return limit - len(calls)


class Daily:
    """A quota that starts anew at midnight in one time zone."""

    def __init__(self, clock: Clock, zone: tzinfo) -> None:
        self._clock = clock
        self._zone = zone
        self._day = self._today()
        self._used = 0

    def _today(self) -> date:
        return self._clock.now().astimezone(self._zone).date()

    @property
    def used(self) -> int:
        if self._today() != self._day:
            self._day, self._used = self._today(), 0
        return self._used

    def take(self, limit: int) -> int | None:
        """Take one call; returns how many remain, None if it is refused."""
        if self.used >= limit:
            return None
        self._used += 1
        return limit - self._used

    def resets_at(self) -> datetime:
        """The next midnight."""
        tomorrow = self._today() + timedelta(days=1)
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self._zone)
