"""One brand: everything it holds, what is still under way, and the form in which it refuses."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from stagebridge.clock import Clock, SystemClock
from stagebridge.sandbox import Answer, Call, Kit, normalised
from stagebridge_omnisend.sandbox.forms import Form
from stagebridge_omnisend.sandbox.store import Contact, Store

TITLES = {
    400: ("bad-request", "Bad request"), 401: ("unauthorized", "Unauthorized"), 403: ("forbidden", "Forbidden"),
    404: ("not-found", "Not found"), 405: ("method-not-allowed", "Method not allowed"), 408: ("timeout", "Request timeout"),
    409: ("conflict", "Conflict"), 410: ("version-retired", "API version retired"), 422: ("unprocessable", "Unprocessable"),
    429: ("rate-limit-exceeded", "Rate limit exceeded"),
}  # fmt: skip
"""Last part of the problem's URI, and its title. That of 429 is documented; the others are ours, and nobody may rely on them."""


class Refusal(Exception):
    """This request ends here, with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Account:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.switches = kit.switches
        self.store = Store(
            seed=kit.seed,
            case_sensitive=bool(self.switches["case_sensitive_email"]),
            show_blank=self.switches["blank_fields"] == "shown",
        )
        self.events: dict[tuple[str, int], dict[str, Any]] = {}
        """By `eventID` and time: the first report of each; `fired` is how often automations ran for it."""
        self.batches: dict[str, Any] = {}
        self.tag_operations: list[dict[str, Any]] = []
        self.welcome_mails = 0
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.limits_clock: Clock = SystemClock() if self.switches["limits_in_real_time"] else kit.clock
        self._under_way: list[tuple[int, int, Callable[[int], None]]] = []
        self._number = 0

    @property
    def now(self) -> int:
        """Epoch milliseconds."""
        return int(self.kit.now().timestamp() * 1000)

    def uuid(self) -> str:
        return str(UUID(int=self.kit.random.getrandbits(128), version=4))

    # --- what takes its time -----------------------------------------------------------------------------------

    def later(self, at: int, do: Callable[[int], None]) -> None:
        """`do` is called with its time once that has come."""
        self._number += 1
        heapq.heappush(self._under_way, (at, self._number, do))

    def settle(self) -> None:
        """Everything happens that was due by now."""
        now = self.now
        while self._under_way and self._under_way[0][0] <= now:
            at, _, do = heapq.heappop(self._under_way)
            do(at)

    # --- writing -----------------------------------------------------------------------------------------------

    def touch(self, contact: Contact, at: int) -> None:
        """The contact was written: the list may show it late."""
        late = sum(float(f.values.get("seconds", 0)) for f in self.kit.standing("late_commit"))
        self.store.touch(contact, at, late=int(late * 1000))

    def welcome(self) -> None:
        self.welcome_mails += bool(self.switches["welcome_workflow"])

    def normalise(self, form: Form) -> None:
        """`normalise`: another value is stored than was given."""
        for fault in self.kit.standing("normalise"):
            name = str(fault.values["field"])
            for values in (form.fields, form.custom):
                if isinstance(values.get(name), str):
                    values[name] = normalised(fault, values[name])

    # --- requests and answers ----------------------------------------------------------------------------------

    def body(self, call: Call) -> dict[str, Any]:
        data = call.json()
        if not isinstance(data, dict):
            raise Refusal(self.problem(400, "The body must be a JSON object."))
        return data

    def shown(self, contact: Contact) -> dict[str, Any]:
        return self.without_lost(self.store.shown(contact))

    def without_lost(self, shown: dict[str, Any]) -> dict[str, Any]:
        """`drop_field`: a field, or a custom property, is gone from answers."""
        for fault in self.kit.standing("drop_field"):
            name = str(fault.values["field"])
            shown = {n: v for n, v in shown.items() if n != name}
            if "customProperties" in shown:
                shown["customProperties"] = {n: v for n, v in shown["customProperties"].items() if n != name}
        return shown

    def problem(self, status: int, detail: str = "", *, slug: str = "", **more: Any) -> Answer:
        """A problem as RFC 9457 has it."""
        uri, title = TITLES.get(status, ("internal-error", "Internal server error") if status >= 500 else TITLES[400])
        body = {
            "type": f"https://problems.omnisend.com/{slug or uri}", "title": title, "status": status,
            "detail": detail or f"{title}.", "instance": f"urn:omnisend:request:{self.uuid()}", **more,
        }  # fmt: skip
        return Answer(status, body, {"Content-Type": "application/problem+json"})

    def invalid(self, errors: Sequence[dict[str, str]]) -> Answer:
        """All that is wrong, at once."""
        detail = f"{len(errors)} field(s) failed validation."
        return self.problem(400, detail, slug="validation-failed", errors=list(errors))

    def not_found(self) -> Answer:
        return self.problem(404, "Contact not found.")
