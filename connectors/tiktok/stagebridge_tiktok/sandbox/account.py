"""One ads account: everything it holds, and the envelope in which it answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stagebridge.clock import Clock, SystemClock
from stagebridge.sandbox import Answer, Call, Kit
from stagebridge_tiktok.sandbox.leads import Leads
from stagebridge_tiktok.sandbox.names import KINDS
from stagebridge_tiktok.sandbox.rules import Rules
from stagebridge_tiktok.sandbox.sources import Source

MESSAGES: Mapping[int, str] = {
    0: "OK",
    20001: "Partial success",
    40001: "No permission to operate this object",
    40002: "Invalid parameters",
    40007: "Object not found",
    40016: "Too many requests. Please retry in some time.",
    40100: "Too many requests. Please retry in some time.",
    40101: "App id or secret is incorrect",
    40102: "Access token has expired",
    40104: "Access token is empty",
    40105: "Access token is incorrect or has been revoked.",
    40107: "Refresh token cannot be used here",
    40110: "Auth code is incorrect, used or expired",
    40132: "Too many requests. Please retry in some time.",
    40133: "Too many requests. Please retry in some time.",
    50000: "System error",
    50002: "System error",
    51065: "System error",
}
"""By code. The codes are a merger of third parties' tables, the texts of 40100 and 40105 were seen by them [3]; the other texts
are ours, and nobody may rely on them."""

LIMITED = (40100, 40016, 40132, 40133)
"""Codes for too many requests, by second or by day [3]."""

TOKEN = (40101, 40102, 40104, 40105, 40107, 40110)


class Refusal(Exception):
    """This request ends here, with this code."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class Account:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.switches = kit.switches
        self.rules = Rules(kit.switches)
        self.leads = Leads(kit)
        self.sources: dict[str, Source] = {}
        for kind in ("web", "offline", "crm"):
            self.add_source(str(self.switches[f"{kind}_source"]), kind)
        self.tokens: dict[str, list[str]] = {}
        """Sources by the token that may report to them; a token that is not listed may report to all."""
        self.dead: dict[str, int] = {}
        """Codes of the tokens that are no longer good."""
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.limits_clock: Clock = SystemClock() if self.switches["limits_in_real_time"] else kit.clock

    @property
    def now(self) -> float:
        """Epoch seconds."""
        return self.kit.now().timestamp()

    def add_source(self, id_: str, kind: str, name: str = "") -> Source:
        if kind not in KINDS:
            raise ValueError(f"an event_source is one of {', '.join(KINDS)}, not '{kind}'")
        self.sources[id_] = made = Source(id_, kind, name or f"Sandbox {kind}", int(self.now))
        return made

    def id(self) -> str:
        """19 digits that no float holds."""
        while (made := 7 * 10**18 + self.kit.random.randrange(10**17)) == int(float(made)):
            pass
        return str(made)

    # --- requests ----------------------------------------------------------------------------------------------

    def body(self, call: Call) -> dict[str, Any]:
        data = call.json()
        if not isinstance(data, dict):
            raise Refusal(40002, "Not a valid object")
        return data

    # --- answers -----------------------------------------------------------------------------------------------

    def answer(self, code: int = 0, message: str = "", data: Any = None) -> Answer:
        body = {
            "code": code, "message": message or MESSAGES.get(code, "Error"), "request_id": self._request_id(), "data": data or {},
        }  # fmt: skip
        return Answer(self._status(code), body, {"Content-Type": "application/json"})

    def _status(self, code: int) -> int:
        if not self.switches["http_statuses"]:
            return 200
        return 401 if code in TOKEN or code == 40001 else 400 if code == 40002 else 200

    def _request_id(self) -> str:
        return f"{self.kit.now():%Y%m%d%H%M%S}{self.kit.random.getrandbits(80):020X}"


def seconds(value: Any) -> float:
    """Epoch seconds of a number, or of ISO 8601 text, in UTC unless it says otherwise. Raises `ValueError`."""
    if isinstance(value, int | float):
        return float(value)
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


__all__ = ["LIMITED", "Account", "Refusal", "seconds"]
