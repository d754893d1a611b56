"""Who comes in, and how often: the key, the version, limits."""

from __future__ import annotations

from math import ceil
from typing import Any

from stagebridge.sandbox import Answer, Call, Windows
from stagebridge_omnisend.sandbox.account import Account

KEY, BEARER = "Omnisend-API-Key", "Bearer"
RETRY_AFTER = ("sometimes", "always", "never")


class Door:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.switches = account.switches
        self.windows = Windows(account.limits_clock)
        self._limited = 0

    def refuse(self, call: Call, scope: str) -> Answer | None:
        """The answer to a request that gets no further; None if it may come in."""
        account, s = self.account, self.switches
        kind, _, secret = call.headers.get("authorization", "").partition(" ")
        wanted = {KEY: s["api_key"], BEARER: s["token"]}.get(kind)
        if any(f.kind == "expired_token" for f in call.faults) or not secret or wanted not in ("", secret):
            return account.problem(401, "Authentication is missing or invalid.")
        version = call.headers.get("omnisend-version", "")
        if not version:
            return account.problem(int(s["missing_version_status"]), "The header Omnisend-Version is required.")
        if version not in s["versions"]:
            return account.problem(410, f"The API version {version} has been retired.")
        if kind == BEARER and s["scopes"] is not None and scope not in s["scopes"]:
            return account.problem(403, f"The scope {scope} is required.")
        return self._count(call)

    def _count(self, call: Call) -> Answer | None:
        """Every endpoint has a window of its own, which all keys of the brand share."""
        s = self.switches
        limit = int(s["tags_per_minute" if call.route == "/contacts/tags" else "per_minute"])
        if s["limits"] and self.windows.take(call.endpoint, limit, float(s["minute"])) is None:
            self.account.refused[call.endpoint] += 1
            return self.limited()
        self.account.calls[call.endpoint] += 1
        return None

    def limited(self) -> Answer:
        """429: no header says anything of it, and the body only sometimes when to come back."""
        self._limited += 1
        says = {"always": True, "never": False}.get(str(self.switches["retry_after"]), self._limited % 2 == 0)
        more: dict[str, Any] = {"retryAfter": ceil(float(self.switches["minute"]))} if says else {}
        return self.account.problem(429, "The rate limit of this endpoint is exceeded.", **more)


__all__ = ["RETRY_AFTER", "Door"]
