"""Time, as something that can be handed in.

The engine, the HTTP client and every sandbox take a `Clock`; lags, overlaps, token expiry and leases are
tested by moving it, never by setting them to zero.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time and lets it pass."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed on this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class ElasticClock:
    """The machine's clock, but every wait is skipped: `sleep` moves the clock instead of waiting.

    Shared between an engine and the sandboxes in one process, so that a lag of a minute passes in no time and
    is still a lag.
    """

    def __init__(self) -> None:
        self._offset = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            with self._lock:
                self._offset += timedelta(seconds=seconds)

    advance = sleep


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=max(0.0, seconds))

    advance = sleep


def cut(moment: datetime) -> datetime:
    """`moment` cut to milliseconds, in UTC: the precision that every datetime of the model has."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def iso(ms: int | None) -> str | None:
    """An instant of the ledger (ms since 1970) in ISO 8601, UTC, to the second."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def spoken(seconds: float) -> str:
    """A span as people say it: `40 s`, `12 min`, `2 h 47 min`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
