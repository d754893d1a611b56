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
_PART = re.compile(r"total=(\d+)")


class Within(Budget):
    """A class of end points with a limit of its own, whose calls count towards the account's as well."""

    def __init__(self, rate: Rate, account: Budget, clock: Clock, share: float) -> None:
        super().__init__([rate], clock, share)
        self._account = account

    def acquire(self) -> Turn:
        turn = super().acquire()
        self._account.acquire()
        return turn


def budgets(plan: str | None, clock: Clock, share: float) -> dict[str, Budget]:
    """The account's budget as `default`, its classes, and `events`, which the Events API counts by itself."""
    named = plan or SMALLEST
    account = Budget([Rate(REQUESTS[named], MINUTE)], clock, share)
    found: dict[str, Budget] = {n: Within(rate, account, clock, share) for n, rate in CLASSES.items()}
    found["events"] = Budget([Rate(EVENTS.get(named, EVENTS[SMALLEST]), MINUTE)], clock, share)
    return {"default": account, **found}


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
