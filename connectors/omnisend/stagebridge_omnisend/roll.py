"""Who is certainly not there: the addresses that a whole pass over the account showed, in two megabytes.

Omnisend answers one address per look-up. Before a first load that would be a request per person, although the pass that
came before it has shown every address there is. A Bloom filter remembers them in constant memory: an address that it does
not hold was not there; one that it holds, or seems to, is asked for. In an account of a million contacts it seems to hold
one unknown address in several hundred.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from stagebridge.connector import Cursor

BITS = 1 << 24
LOOKS = 4


class Roll:
    """`complete_to` is the time (our clock) to which the addresses of all contacts are in it; None while they are not.
    `cursor` is where the read of what came after begins."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.complete_to: datetime | None = None
        self.cursor: Cursor = {}

    def begin(self) -> None:
        """A whole pass begins."""
        self._bits = bytearray(BITS // 8)
        self.complete_to = None

    def complete(self, to: datetime, cursor: Cursor) -> None:
        self.complete_to, self.cursor = to, cursor

    def add(self, emails: Iterable[str]) -> None:
        for email in emails if self._bits else ():
            for at in _places(email):
                self._bits[at >> 3] |= 1 << (at & 7)

    def may_hold(self, email: str) -> bool:
        return self.complete_to is None or all(self._bits[at >> 3] & (1 << (at & 7)) for at in _places(email))


def _places(email: str) -> list[int]:
    raw = hashlib.blake2b(email.lower().encode(), digest_size=4 * LOOKS).digest()
    return [int.from_bytes(raw[i : i + 4], "big") % BITS for i in range(0, 4 * LOOKS, 4)]
