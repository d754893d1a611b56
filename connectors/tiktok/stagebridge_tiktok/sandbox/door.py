"""Who comes in, and how often: tokens, what they may report to, limits."""

from __future__ import annotations

from datetime import UTC

from stagebridge.sandbox import Call, Daily, Windows
from stagebridge_tiktok.sandbox.account import Account, Refusal
from stagebridge_tiktok.sandbox.sources import Source


class Door:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.switches = account.switches
        self.windows = Windows(account.limits_clock)
        self.day = Daily(account.limits_clock, UTC)

    def let_in(self, call: Call) -> None:
        """Raises `Refusal`. The one header is `Access-Token`; nobody looks at `Authorization`."""
        token = call.headers.get("access-token", "")
        if not token:
            raise Refusal(int(self.switches["missing_token_code"]))
        if any(f.kind == "expired_token" for f in call.faults):
            raise Refusal(40102)
        self.known(token)
        per_second, per_day = int(self.switches["per_second"]), int(self.switches["per_day"])
        if per_second and self.windows.take("second", per_second, 1) is None:
            raise Refusal(int(self.switches["limit_code"]))
        if per_day and self.day.take(per_day) is None:
            raise Refusal(int(self.switches["limit_code"]))

    def known(self, token: str) -> None:
        """Raises `Refusal` for a token that is none, or no longer one."""
        account, only = self.account, self.switches["token"]
        if token in account.dead:
            raise Refusal(account.dead[token])
        if token in account.tokens:
            return
        strange = token != only if only else bool(account.tokens) or not token or token.startswith("Bearer ")
        if strange:
            raise Refusal(40105)

    def source(self, call: Call, id_: str, kind: str) -> Source:
        """The source that this request may report to. The same answer to an id of another account, of another kind, and to a
        token of another source: third parties saw it, before anything else in the body was looked at [3]."""
        allowed = self.account.tokens.get(call.headers.get("access-token", ""))
        found = self.account.sources.get(id_)
        if found is None or found.kind != kind or (allowed is not None and id_ not in allowed):
            raise Refusal(40001, f"No permission to operate event source id: {id_}")
        return found


__all__ = ["Door"]
