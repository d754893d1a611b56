"""The clock of a stand-in in another process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import requests


class RemoteClock:
    """Tells a stand-in's time, and moves it instead of waiting: an engine in a process of its own and the stand-ins then
    share one time. `url` is where any stand-in on that clock answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.read()

    def read(self) -> None:
        """Look again: somebody else may have moved it."""
        self._move(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._move(seconds)

    def _move(self, seconds: float) -> None:
        answer = requests.post(f"{self.url}/_sandbox/clock", json={"advance": seconds}, timeout=5)
        self._offset: timedelta = datetime.fromisoformat(answer.json()["now"]) - datetime.now(UTC)


__all__ = ["RemoteClock"]
