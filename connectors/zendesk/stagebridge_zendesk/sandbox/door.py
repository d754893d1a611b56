"""Who comes in, and how often: credentials, roles, and the limits that Zendesk counts with."""

from __future__ import annotations

import base64
import math
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stagebridge.clock import Clock
from stagebridge.sandbox import Answer, Call
from stagebridge_zendesk.sandbox.account import Account

PLANS = {
    "suite_team": (200, 250), "suite_growth": (400, 250), "suite_professional": (400, 500), "suite_enterprise": (700, 700),
    "suite_enterprise_plus": (2500, 1000), "support_essential": (10, 0), "support_team": (200, 0),
    "support_professional": (400, 0), "support_enterprise": (700, 0),
}  # fmt: skip
"""Requests and events a minute by plan; a plan without a limit of events has no Events API."""

HIGH_VOLUME = (2500, 30)
"""Requests and exports a minute with the add-on."""


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    most: int
    per: float
    told: str = ""
    """What its header is called; empty: it has none."""


class Meter:
    """True rolling windows by name; a refused call is not counted in its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[object, deque[datetime]] = {}

    def look(self, key: object, limit: Limit) -> tuple[int, float]:
        """How many remain, and seconds until there is one more."""
        calls, now = self._calls.setdefault(key, deque()), self._clock.now()
        while calls and calls[0] <= now - timedelta(seconds=limit.per):
            calls.popleft()
        return limit.most - len(calls), (calls[0] - now).total_seconds() + limit.per if calls else limit.per

    def take(self, key: object, limit: Limit) -> bool:
        left, _ = self.look(key, limit)
        if left > 0:
            self._calls[key].append(self._clock.now())
        return left > 0


class Door:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.switches = account.switches
        self.meter = Meter(account.limits_clock)
        self.refused: Counter[str] = Counter()
        self._told: dict[str, str] = {}

    # --- credentials -------------------------------------------------------------------------------------------

    def known(self, call: Call) -> bool:
        """Basic with `{email}/token` and an API token, or an OAuth token."""
        kind, _, value = call.headers.get("authorization", "").partition(" ")
        if any(f.kind == "expired_token" for f in call.faults) or not value:
            return False
        if kind == "Bearer":
            only = self.switches["oauth_token"]
            return value not in self.account.dead_tokens and (not only or value == only)
        try:
            name, _, token = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return False
        email, _, suffix = name.rpartition("/")
        email_only, token_only = self.switches["email"], self.switches["token"]
        return (
            kind == "Basic" and suffix == "token" and "@" in email and bool(token) and token not in self.account.dead_tokens
            and (not email_only or email == email_only) and (not token_only or token == token_only)
        )  # fmt: skip

    def refuse(self, call: Call, needs: str) -> Answer | None:
        """None lets the call in. `needs`: admin, or write for what agents may only do with a permission."""
        self._told = {}
        if not self.known(call):
            return self.account.errors.text(401, "Couldn't authenticate you")
        if (refused := self._count("account", self._account())) is not None:
            return refused
        if needs and self.switches["role"] != "admin":
            return self.account.errors.forbidden()
        return None

    # --- limits ------------------------------------------------------------------------------------------------

    @property
    def _minute(self) -> float:
        return float(self.switches["minute"])

    def _account(self) -> Limit:
        by_plan = HIGH_VOLUME[0] if self.switches["high_volume"] else PLANS[self.switches["plan"]][0]
        return Limit("account", int(self.switches["per_minute"]) or by_plan, self._minute)

    def count(self, endpoint: str, whom: object = None) -> Answer | None:
        """An endpoint's own limits, of which the first that is reached refuses."""
        s, minute = self.switches, self._minute
        limits: dict[str, list[tuple[Limit, object]]] = {
            "create-update-user": [
                (Limit(endpoint, s["user_writes_per_second"], float(s["second"]), endpoint), endpoint),
                (Limit(endpoint, s["user_writes_per_user"], minute), (endpoint, whom)),
            ],
            "incremental-exports": [
                (Limit(endpoint, HIGH_VOLUME[1] if s["high_volume"] else s["exports_per_minute"], minute, endpoint), endpoint)
            ],
            "update-organization": [(Limit(endpoint, 5, minute), (endpoint, whom))],
            "deleted-users": [(Limit(endpoint, s["erasures_per_10_minutes"], 10 * minute), endpoint)],
            "events": [(Limit(endpoint, int(s["events_per_minute"]) or PLANS[s["plan"]][1], minute), endpoint)],
        }  # fmt: skip
        for limit, key in limits[endpoint]:
            if (refused := self._count(key, limit)) is not None:
                return refused
        return None

    def _count(self, key: object, limit: Limit) -> Answer | None:
        taken = not self.switches["limits"] or self.meter.take(key, limit)
        self._tell(key, limit)
        return None if taken else self.limited(limit.name, self.meter.look(key, limit)[1])

    def limited(self, name: str, wait: float, *, counted: bool = True) -> Answer:
        if counted:
            self.refused[name] += 1
        answer = self.account.errors.text(
            429, "APIRateLimitExceeded", "Number of allowed API requests per minute exceeded"
        )
        answer.headers["Retry-After"] = str(max(1, math.ceil(wait)))
        return answer

    def _tell(self, key: object, limit: Limit) -> None:
        left, wait = self.meter.look(key, limit)
        left, resets = max(0, left), max(1, math.ceil(wait))
        if limit.name == "account":
            self._told |= {
                "X-Rate-Limit": str(limit.most), "X-Rate-Limit-Remaining": str(left), "ratelimit-limit": str(limit.most),
                "ratelimit-remaining": str(left), "ratelimit-reset": str(resets),
            }  # fmt: skip
        elif limit.told:
            self._told[f"zendesk-ratelimit-{limit.told}"] = f"total={limit.most}; remaining={left}; resets={resets}"

    def headers(self) -> dict[str, Any]:
        """What the answer says about the limits."""
        return {"X-Zendesk-API-Version": "v2", "X-Request-Id": self.account.uuid(), **self._told}
