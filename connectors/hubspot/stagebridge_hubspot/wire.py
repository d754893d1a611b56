"""HubSpot's data plane: one HTTP client with its limits, and what each status means for what to do next."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from stagebridge.clock import Clock
from stagebridge.connector import Rate
from stagebridge.errors import AuthError, BudgetExhausted, PlatformDown
from stagebridge.http import Again, Client, Lost, Renew, Response, Verdict, retry_after
from stagebridge_hubspot.auth import credentials
from stagebridge_hubspot.errors import Fault
from stagebridge_hubspot.paths import ACCOUNT, PATHS, ROOT

if TYPE_CHECKING:
    from stagebridge_hubspot.settings import HubSpotSettings

LIMITS = {"default": Rate(100, per=10), "search": Rate(5, per=1)}
"""Of the smallest account, from HubSpot's usage guidelines; the answers' headers say what this one has."""
ANSWERS = (200, 201, 202, 204, 207, 400, 404, 409, 413, 414)
"""Statuses that say something about the request or its records, and so are the caller's."""
PAUSES = {"TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}


class Wire:
    def __init__(self, settings: HubSpotSettings, clock: Clock, sdk: Any = None) -> None:
        self.settings = settings
        self.clock = clock
        self.paths = PATHS[settings.api]
        self.base_url = settings.base_url or ROOT
        self.client = Client(
            self.base_url,
            clock=clock,
            judge=self.judge,
            windows=LIMITS,
            share=settings.budget,
            timeout=settings.timeout,
        )
        self.client.auth = credentials(settings, self.client, self.paths.token, clock, sdk)
        self._account: dict[str, Any] | None = None
        self._spent_until: datetime | None = None
        self._lock = threading.Lock()

    def send(self, method: str, path: str, **how: Any) -> Response:
        """One request; returns one of `ANSWERS`. Raises `AuthError`, `BudgetExhausted`, `PlatformDown`, `NoAnswer`."""
        if self._spent_until is not None and self.clock.now() < self._spent_until:
            raise BudgetExhausted(
                "the share of HubSpot's daily requests that we may use is spent", until=self._spent_until
            )
        response = self.client.request(method, path, **how)
        if response.status not in ANSWERS:
            raise PlatformDown(f"HubSpot answered {method} {path} with HTTP {response.status}")
        return response

    def ask(self, method: str, path: str, **how: Any) -> Any:
        """The answer's JSON. Raises `PlatformDown` for a refusal too: for requests that HubSpot has no reason to refuse."""
        response = self.send(method, path, **how)
        if response.status >= 400:
            fault = Fault.of(response.json() if response.is_json else None, response.status)
            raise PlatformDown(f"{method} {path}: {fault.sentence}")
        return response.json()

    def objects(self, object: str, tail: str = "") -> str:
        return f"{self.paths.objects}/{object}{tail}"

    def account(self) -> dict[str, Any]:
        with self._lock:
            if self._account is None:
                self._account = dict(self.ask("GET", ACCOUNT))
            return self._account

    def now(self) -> datetime:
        """The time on HubSpot's clock. Its answers tell it, so one is needed first."""
        if not self.client.sent:
            with suppress(AuthError):
                self.account()
        return self.clock.now() + timedelta(seconds=self.client.skew)

    # --- what an answer means ----------------------------------------------------------------------------------

    def judge(self, response: Response) -> Verdict:
        self._learn(response.headers)
        status = response.status
        if status < 300:
            odd = response.content and not response.is_json
            return Lost(f"HTTP {status} that is not HubSpot's JSON") if odd else None
        fault = Fault.of(_json(response), status)
        if status in (401, 403):
            return self._refused(fault)
        if status == 429:
            return self._too_many(response, fault)
        if status == 423:  # bulk writes elsewhere hold the lock; HubSpot asks for at least two seconds
            return Again(max(2.0, retry_after(response) or 0.0), "the records are locked")
        if status == 477:
            wait = retry_after(response) or 3600.0
            raise PlatformDown(
                "HubSpot is moving this account to another data centre",
                until=self.clock.now() + timedelta(seconds=wait),
            )
        if status == 503 and response.is_json:
            return Again(retry_after(response), "HTTP 503")
        return Lost(f"HTTP {status}") if status >= 500 else None

    def _refused(self, fault: Fault) -> Verdict:
        if fault.category == "EXPIRED_AUTHENTICATION":
            return Renew(AuthError("HubSpot says that the access token has expired", hint="Give it a current token."))
        if fault.scopes or fault.category == "MISSING_SCOPES":
            scopes = ", ".join(fault.scopes) or "which HubSpot did not name"
            raise AuthError(
                f"HubSpot: the token lacks a scope: {scopes}", code="SB-HUBSPOT-SCOPES",
                hint="Tick it in the private app or service key (or re-install the OAuth app with it).",
            )  # fmt: skip
        raise AuthError(
            f"HubSpot refused the credentials (HTTP {fault.status}, {fault.code})",
            hint="Check the token and its account.",
        )

    def _too_many(self, response: Response, fault: Fault) -> Verdict:
        policy = fault.policy or ("DAILY" if "daily limit" in fault.message else "")
        if policy == "DAILY":
            raise BudgetExhausted("HubSpot's daily limit of requests is used up", until=self._midnight())
        # HubSpot documents no Retry-After on these: how long to wait follows from which window is full
        return Again(retry_after(response) or PAUSES.get(policy, 10.0), f"HTTP 429 {policy}")

    def _learn(self, headers: Mapping[str, str]) -> None:
        def number(name: str) -> int | None:
            text = headers.get(f"X-HubSpot-RateLimit-{name}", "")
            return int(text) if text.isdigit() else None

        most, interval = number("Max"), number("Interval-Milliseconds")
        if most and interval:
            self.client.budgets["default"].allow(most, interval / 1000)
        daily, left = number("Daily"), number("Daily-Remaining")
        if daily and left is not None and left < daily * (1 - self.settings.budget):
            self._spent_until = self._midnight()

    def _midnight(self) -> datetime:
        """When the daily quota starts again: midnight in the account's zone, UTC while that is not known."""
        zone: tzinfo = UTC
        with suppress(KeyError, ValueError):
            zone = ZoneInfo((self._account or {}).get("timeZone") or "UTC")
        tomorrow = self.clock.now().astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(tomorrow, datetime.min.time(), zone).astimezone(UTC)

    def close(self) -> None:
        self.client.close()


def _json(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
