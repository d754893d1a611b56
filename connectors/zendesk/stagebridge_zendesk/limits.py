"""How many calls an account lets through: the plan's until an answer says it, and classes of end points with less.

Figures: Zendesk's page of rate limits, per minute unless said otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stagebridge.budget import Budget, Turn
from stagebridge.clock import Clock
from stagebridge.connector import Rate

MINUTE = 60.0
REQUESTS: Mapping[str, int] = {
    "suite_team": 200, "suite_growth": 400, "suite_professional": 400, "suite_enterprise": 700,
    "suite_enterprise_plus": 2500, "support_essential": 10, "support_team": 200, "support_professional": 400,
    "support_enterprise": 700, "high_volume": 2500,
}  # fmt: skip
EVENTS: Mapping[str, int] = {
    "suite_team": 250, "suite_growth": 250, "suite_professional": 500, "suite_enterprise": 700, "suite_enterprise_plus": 1000,
}  # fmt: skip
SMALLEST = "suite_team"
SINGLE = Rate(1, 1)
"""Users that an account takes one by one."""
JOBS = 30
"""Jobs that may be queued or running in one account."""
CLASSES: Mapping[str, Rate] = {
    "jobs": Rate(100_000, MINUTE),  # only for a pause of its own: polls go on while no further job is taken
    "users": SINGLE,
    "incremental": Rate(10, MINUTE),
    "erase": Rate(700, 10 * MINUTE),
}
UNDER_WAY = 1000
"""Calls that may be under way; what never arrived is not remembered for ever."""
_PART = re.compile(r"total=(\d+)")


class Within(Budget):
    """A class of end points with a limit of its own, whose calls count towards the account's as well."""

    def __init__(self, rate: Rate, account: Budget, clock: Clock, share: float) -> None:
        super().__init__([rate], clock, share)
        self._account = account
        self._mine: dict[Turn, Turn] = {}
        """{the account's turn of a call: its own}, until it is known when the call arrived."""

    def acquire(self) -> Turn:
        own, turn = super().acquire(), self._account.acquire()
        with self._lock:
            own.at = turn.at  # it leaves now, after both waits
            self._mine[turn] = own
            if len(self._mine) > UNDER_WAY:
                del self._mine[next(iter(self._mine))]
        return turn

    def late(self, turn: Turn, seconds: float) -> None:
        self._account.late(turn, seconds)
        with self._lock:
            own = self._mine.pop(turn, None)
        if own is not None:
            super().late(own, seconds)


def budgets(rates: Mapping[str, Rate], plan: str | None, clock: Clock, share: float) -> dict[str, Budget]:
    """The account's budget as `default`, its classes, and `events`, which the Events API counts by itself. `rates` are those
    of the smallest plan."""
    known = {
        "default": Rate(REQUESTS[plan], MINUTE), "events": Rate(EVENTS.get(plan, EVENTS[SMALLEST]), MINUTE),
    } if plan else {}  # fmt: skip
    given = {**rates, **known}
    account = Budget([given["default"]], clock, share)
    found: dict[str, Budget] = {n: Within(given[n], account, clock, share) for n in CLASSES}
    return {"default": account, "events": Budget([given["events"]], clock, share), **found}


def learn(known: Mapping[str, Budget], headers: Mapping[str, Any]) -> int | None:
    """Take the account's limits from an answer; returns its requests per minute, where the answer says them."""
    exports = _PART.search(str(headers.get("zendesk-ratelimit-incremental-exports", "")))
    if exports and int(exports[1]):
        known["incremental"].allow(int(exports[1]), MINUTE)
    said = str(headers.get("X-Rate-Limit") or headers.get("ratelimit-limit") or "")
    if not said.isdigit() or not int(said):
        return None
    known["default"].allow(int(said), MINUTE)
    return int(said)
