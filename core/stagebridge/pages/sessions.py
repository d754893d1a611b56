"""Who is logged in: in the memory of this process, and gone with it."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from stagebridge.access.keys import Key

LASTS = 12 * 3_600_000
"""Milliseconds after which one logs in anew, a working day."""
IDLE = 3_600_000
"""Milliseconds without a request after which one logs in anew."""
ROOM = 1000
"""Sessions at the most; beyond that the one that was idle longest ends."""


@dataclass(slots=True)
class Session:
    """`token` is in every form of this session and in no other; `notice` is said once, on the next page."""

    key: Key
    began: int
    seen: int
    id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    notice: str = ""

    def take_notice(self) -> str:
        said, self.notice = self.notice, ""
        return said


class Sessions:
    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._there: OrderedDict[str, Session] = OrderedDict()

    def begin(self, key: Key, now_ms: int) -> Session:
        """Its id is made here and now: whatever a browser brought along opens nothing."""
        session = Session(key, now_ms, now_ms)
        with self._lock:
            self._there[session.id] = session
            while len(self._there) > self._room:
                self._there.popitem(last=False)
        return session

    def find(self, id: str, now_ms: int) -> Session | None:
        with self._lock:
            session = self._there.get(id)
            if session is None:
                return None
            if now_ms - session.began >= LASTS or now_ms - session.seen >= IDLE:
                del self._there[id]
                return None
            session.seen = now_ms
            self._there.move_to_end(id)
            return session

    def end(self, id: str) -> None:
        with self._lock:
            self._there.pop(id, None)


__all__ = ["Session", "Sessions"]
