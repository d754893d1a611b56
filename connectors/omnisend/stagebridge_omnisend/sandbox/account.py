"""One brand: everything it holds, what is still under way, and the form in which it refuses."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from stagebridge.clock import Clock, SystemClock
from stagebridge.sandbox import Answer, Call, Fault, Kit, normalised
from stagebridge_omnisend.sandbox.forms import FIELDS, Errors, Form
from stagebridge_omnisend.sandbox.forms import plain as read_plain
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
        self.store = Store(seed=kit.seed, case_sensitive=bool(self.switches["case_sensitive_email"]))
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

    def person_first(self, faults: Sequence[Fault], contact: Contact, at: int) -> None:
        """`edit_before_write`: somebody edits the contact an instant before our write lands."""
        for fault in faults:
            if fault.kind == "edit_before_write" and fault.values.get("id") in (None, contact.id, contact.email):
                self.edit(contact, fault.values["values"], at)

    def edit(self, contact: Contact, values: dict[str, Any], at: int) -> None:
        """A person's edit, as a merge patch onto the form of answers: null removes, tags and addresses are replaced. Raises
        `ValueError`."""
        if strange := sorted(values.keys() - {*FIELDS, "customProperties", "tags", "email", "phone"}):
            raise ValueError(f"a person cannot edit '{strange[0]}' of a contact")
        for type_ in ("email", "phone"):
            if values.get(type_):
                other = self.store.find(type_, str(values[type_]))
                if other not in (None, contact):
                    raise ValueError(f"contact {other.id if other else ''} has that {type_} already")
                old = contact.identifiers.get(type_)
                made = self.store.identify(contact, type_, str(values[type_]))
                if old is not None:
                    made.status, made.changed = old.status, old.changed
        custom = dict(values.get("customProperties") or {})
        for name in [n for n, v in custom.items() if v is None]:
            contact.custom.pop(name, None)
            del custom[name]
        form, errors = Form(), Errors()
        plain = {n: "" if values[n] is None else values[n] for n in FIELDS if n in values}
        read_plain({**plain, "customProperties": custom, "tags": values.get("tags")}, form, errors, "")
        if errors:
            raise ValueError(f"{errors[0]['field']}: {errors[0]['message']}")
        self.store.values(contact, form, replace_tags=True)
        self.touch(contact, at)

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
