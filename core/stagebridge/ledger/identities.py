"""Who holds an e-mail address or a phone number now: the table's rows, as this transaction has changed them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Pair = tuple[str, str]
"""Kind (`email`, `phone`) and value."""


class Identities:
    def __init__(self) -> None:
        self.asked: set[Pair] = set()
        """Pairs whose rows in the table have been looked up."""
        self.changed: set[int] = set()
        """Contacts whose rows in the table are not right any more."""
        self._of: dict[int, set[Pair]] = {}
        self._holders: dict[Pair, set[int]] = {}

    def put(self, contact_id: int, pairs: set[Pair]) -> bool:
        """From now on the contact holds these, and these only; returns whether that is news."""
        old = self._of.get(contact_id, set())
        for pair in old - pairs:
            self._holders[pair].discard(contact_id)
        for pair in pairs - old:
            self._holders.setdefault(pair, set()).add(contact_id)
        self._of[contact_id] = pairs
        return old != pairs

    def of(self, contact_id: int) -> set[Pair]:
        return self._of[contact_id]

    def holders(self, pair: Pair) -> set[int]:
        return self._holders.get(pair, set())

    def unasked(self, kind: str, values: Iterable[str]) -> list[str]:
        """Those of the values that have not been looked up yet; from now on they count as looked up."""
        wanted = sorted({v for v in values if (kind, v) not in self.asked})
        self.asked.update((kind, v) for v in wanted)
        return wanted


def identities_in(values: dict[str, Any]) -> set[Pair]:
    """What a contact with these values is found by."""
    emails = {values.get("email"), *(values.get("emails") or ())}
    phones = {values.get("phone"), values.get("mobile")}
    return {("email", e.casefold()) for e in emails if e} | {("phone", p) for p in phones if p}
