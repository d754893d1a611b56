"""Credentials that expire, and one login for everybody who waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from stagebridge.clock import Clock
from stagebridge.errors import AuthError


class Login:
    """Credentials that expire, as an `Auth`: logs in when they are first needed, shortly before they run out and when
    they were refused.

    One caller logs in while the others wait for its result, or for its refusal: wrong credentials are not tried again
    within a minute, however many threads ask. `log_in` returns the headers and for how many seconds they hold (None:
    until refused).
    """

    EARLY = 60.0
    REMEMBERED = 60.0

    def __init__(self, log_in: Callable[[], tuple[Mapping[str, str], float | None]], clock: Clock) -> None:
        self._log_in = log_in
        self._clock = clock
        self._lock = threading.Lock()
        self._held: Mapping[str, str] | None = None
        self._until: datetime | None = None
        self._refused: tuple[AuthError, datetime] | None = None

    def __repr__(self) -> str:
        return "Login(…)"

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            if self._held is None or (self._until is not None and self._clock.now() >= self._until):
                self._new()
            return self._held or {}

    def renew(self, refused: Mapping[str, str]) -> None:
        with self._lock:
            if self._held is None or dict(self._held) == dict(refused):
                self._new()

    def _new(self) -> None:
        now = self._clock.now()
        if self._refused is not None and now < self._refused[1]:
            raise self._refused[0]
        try:
            self._held, lasts = self._log_in()
        except AuthError as error:
            self._refused = (error, now + timedelta(seconds=self.REMEMBERED))
            raise
        # a login that lasts less than two margins would be renewed before every request
        early = None if lasts is None else max(lasts - self.EARLY, lasts / 2)
        self._until = None if early is None else now + timedelta(seconds=early)
        self._refused = None


__all__ = ["Login"]
