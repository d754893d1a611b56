"""Who comes in, and how often: tokens, scopes, limits."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call, Windows
from stagebridge_hubspot.sandbox.account import Account
from stagebridge_hubspot.sandbox.values import iso

SCOPES = {
    "contacts": ("crm.objects.contacts.read", "crm.objects.contacts.write"),
    "associations": ("crm.objects.contacts.read", "crm.objects.contacts.write"),
    "properties": ("crm.schemas.contacts.read", "crm.schemas.contacts.write"),
    "pipelines": ("crm.schemas.contacts.read", "crm.schemas.contacts.write"),
    "owners": ("crm.objects.owners.read", "crm.objects.owners.read"),
    "consent": ("communication_preferences.read", "communication_preferences.read_write"),
    "deals": ("crm.objects.deals.read", "crm.objects.deals.write"),
    "events": ("analytics.behavioral_events.send", "analytics.behavioral_events.send"),
}
"""By family of endpoints: the scope for reading and for writing. Everything else needs `oauth` only. That of events is from
other people's code, not from a specification."""

POLICIES = {"TEN_SECONDLY_ROLLING": "ten_secondly_rolling", "SECONDLY": "secondly", "DAILY": "daily"}
EVENTS_PER_SECOND = 1250


class Door:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.switches = account.kit.switches
        self.windows = Windows(account.limits_clock)
        self._left: int | None = None
        """Calls that remain in the ten seconds of the last one counted."""

    # --- tokens and scopes -------------------------------------------------------------------------------------

    def refuse(self, call: Call, family: str, *, reads: bool) -> Answer | None:
        """The answer to a request that gets no further; None if it may come in."""
        account, token = self.account, _token(call)
        if any(f.kind == "expired_token" for f in call.faults):
            return self.expired(75)
        expires = account.tokens.get(token)
        if expires is not None and expires <= account.now:
            return self.expired((account.now - expires) // 1000)
        wanted = self.switches["token"]
        if expires is None and (token != wanted if wanted else not token.startswith("pat-")):
            return account.error(
                401, "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
                "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
            )  # fmt: skip
        scope = SCOPES.get(family, ("oauth", "oauth"))[0 if reads else 1]
        if self.switches["scopes"] is not None and scope not in self.switches["scopes"]:
            return self.lacking(scope)
        return self._count(call) if self.switches["limits"] else None

    def expired(self, seconds: int) -> Answer:
        return self.account.error(
            401, "EXPIRED_AUTHENTICATION", f"The OAuth token used to make this call expired {seconds} second(s) ago.",
            context={"expire time": [iso(self.account.now - seconds * 1000)]},
        )  # fmt: skip

    def lacking(self, scope: str) -> Answer:
        return self.account.error(
            403, "MISSING_SCOPES", "One or more of the following scopes are required.",
            context={"requiredGranularScopes": [scope], "links": ["https://developers.hubspot.com/scopes"]},
        )  # fmt: skip

    # --- limits ------------------------------------------------------------------------------------------------

    def _count(self, call: Call) -> Answer | None:
        s = self.switches
        if call.endpoint == "events":  # exempt from both other limits
            return None if self.windows.take("events", EVENTS_PER_SECOND, 1) is not None else self.limited("SECONDLY")
        if self.account.day.take(s["per_day"]) is None:
            return self.limited("DAILY")
        if call.endpoint == "search":
            free = self.windows.take("search", s["search_per_second"], 1) is not None
            return None if free else self.limited("SECONDLY")
        if call.endpoint == "associations":  # batches of associations are exempt from the ten seconds
            return None
        name, limit = self._window(call)
        self._left = self.windows.take(name, limit, self.switches["ten_seconds"])
        return self.limited("TEN_SECONDLY_ROLLING") if self._left is None else None

    def _window(self, call: Call) -> tuple[str, int]:
        oauth = _token(call) in self.account.tokens
        return ("oauth", self.switches["per_10_seconds_oauth"]) if oauth else ("app", self.switches["per_10_seconds"])

    def limited(self, policy: str) -> Answer:
        """429, without a word about when to come back."""
        return Answer(429, {
            "status": "error", "message": f"You have reached your {POLICIES[policy]} limit.", "errorType": "RATE_LIMIT",
            "correlationId": self.account.uuid(), "policyName": policy, "requestId": self.account.uuid(),
        })  # fmt: skip

    def headers(self, call: Call) -> dict[str, str]:
        """What answers say about the limits: nothing on search and events, nothing about the day to OAuth apps."""
        if call.endpoint != "default":
            return {}
        (name, limit), left = self._window(call), self._left or 0
        out: dict[str, Any] = {
            "Max": limit, "Remaining": left, "Interval-Milliseconds": int(self.switches["ten_seconds"] * 1000),
            "Secondly": limit // 10, "Secondly-Remaining": min(limit // 10, left),
        }  # fmt: skip
        if name != "oauth":
            per_day = self.switches["per_day"]
            out |= {"Daily": per_day, "Daily-Remaining": per_day - self.account.day.used}
        return {f"X-HubSpot-RateLimit-{n}": str(value) for n, value in out.items()}


def _token(call: Call) -> str:
    kind, _, token = call.headers.get("authorization", "").partition(" ")
    return token if kind == "Bearer" else ""
