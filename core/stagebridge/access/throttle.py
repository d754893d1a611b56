"""How often somebody may guess keys: ten wrong ones at once from an address, then one every six seconds.

Wrong guesses at one key, and guesses at keys that do not exist, are counted apart from each other: whoever has a good key goes on
working beside somebody at the same address (behind the same proxy) who guesses.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from stagebridge.access import keys
from stagebridge.access.keys import Key
from stagebridge.errors import TryLater
from stagebridge.ledger.store import Ledger

WRONG = 10
PER = 60.0
"""Seconds in which so many wrong guesses run off again."""
ROOM = 10_000
"""(address, key) pairs that are remembered; beyond that the ones that were idle longest are forgotten."""
UNKNOWN = "unknown"


class TooMany(TryLater):
    """Too many wrong keys came from there; this one was not looked at."""

    default_code = "SB-THROTTLED"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong keys: wait {seconds} s")
        self.seconds = seconds


class Throttle:
    """`seconds` is a clock that never goes back. Requests that are under way at the same moment may each be looked at."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic, room: int = ROOM) -> None:
        self._seconds = seconds
        self._room = room
        self._levels: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        """{(address, key's id): (wrong guesses that have not run off, at this second)}"""
        self._lock = threading.Lock()

    def find(self, ledger: Ledger, token: str, now_ms: int, address: str) -> Key | None:
        """As `keys.find`, and counts what is wrong. Raises `TooMany`."""
        place, who = place_of(address), keys.claimed(ledger, token) or UNKNOWN
        self.check(place, who)
        key = keys.find(ledger, token, now_ms)
        if key is None:
            self.wrong(place, who)
        return key

    def check(self, place: str, who: str) -> None:
        """Raises `TooMany` where another guess must wait."""
        with self._lock:
            over = self._level(place, who) + 1 - WRONG
        if over > 0:
            raise TooMany(math.ceil(over * PER / WRONG))

    def wrong(self, place: str, who: str) -> None:
        with self._lock:
            self._levels[place, who] = self._level(place, who) + 1, self._seconds()
            self._levels.move_to_end((place, who))
            while len(self._levels) > self._room:
                self._levels.popitem(last=False)

    def _level(self, place: str, who: str) -> float:
        level, at = self._levels.get((place, who), (0.0, 0.0))
        return max(0.0, level - (self._seconds() - at) * WRONG / PER)


def place_of(address: str) -> str:
    """An IPv6 address stands for its /64, in which one machine has all addresses that it wants."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip.packed, 64), strict=False))


__all__ = ["Throttle", "TooMany"]
