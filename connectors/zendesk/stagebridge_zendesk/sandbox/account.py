"""One Zendesk account: everything it holds."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

from stagebridge.clock import Clock, SystemClock
from stagebridge.sandbox import Call, Kit, normalised
from stagebridge_zendesk.sandbox.answers import Errors, Refusal, host
from stagebridge_zendesk.sandbox.fields import Fields
from stagebridge_zendesk.sandbox.hooks import Hooks
from stagebridge_zendesk.sandbox.jobs import Jobs
from stagebridge_zendesk.sandbox.organizations import Organizations
from stagebridge_zendesk.sandbox.people import People
from stagebridge_zendesk.sandbox.profiles import Profiles
from stagebridge_zendesk.sandbox.rules import check
from stagebridge_zendesk.sandbox.tickets import Tickets
from stagebridge_zendesk.sandbox.user import User

FIRST_ID = 26_363_597_000_000
"""Ids are whole numbers of 14 digits, shared by everything but tickets."""


class Account:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.switches = switches = kit.switches
        self._last_id = FIRST_ID
        self.errors = Errors(objects=switches["error_objects"], details_as=switches["details_as"])
        self.hooks = Hooks(kit, self.uuid)
        self.fields = Fields(self.id)
        self.organizations = Organizations(self.id)
        self.people = People(switches, self.fields, self.id, self.organization, self.hooks.record)
        self.jobs = Jobs(kit)
        self.tickets = Tickets(self.id)
        self.profiles = Profiles(self.uuid)
        self.limits_clock: Clock = SystemClock() if switches["limits_in_real_time"] else kit.clock
        self.dead_tokens: set[str] = set()
        self.agent = 26_363_590_000_001
        """The id of the admin whom the credentials belong to."""

    @property
    def now(self) -> int:
        """Epoch seconds: the platform tells no more."""
        return math.floor(self.kit.now().timestamp())

    def id(self) -> int:
        self._last_id += 1 + self.kit.random.randrange(90)
        return self._last_id

    def uuid(self) -> str:
        return str(UUID(int=self.kit.random.getrandbits(128)))

    def conditions(self) -> None:
        """What stands about search and late commits, before anything is looked at."""
        self.people.search_lag = int(self.lag())
        self.people.late = sum(int(f.values.get("seconds", 120)) for f in self.kit.standing("late_commit"))

    def lag(self) -> float:
        extra = sum(float(f.values.get("seconds", 60)) for f in self.kit.standing("index_lag"))
        return float(self.switches["index_lag"]) + extra

    # --- requests ----------------------------------------------------------------------------------------------

    def body(self, call: Call, name: str) -> dict[str, Any]:
        """The object under its name."""
        data = call.json()
        inner = data.get(name) if isinstance(data, dict) else None
        if inner is None:
            raise Refusal(self.errors.missing(name))
        if not isinstance(inner, dict):
            raise Refusal(self.errors.attribute(name))
        return self.changed_on_the_way(inner)

    def user(self, text: str, *, deleted: bool = False) -> User:
        """A living user of the path, or a deleted one too."""
        found = self.people.held.get(int(text)) if text.isdigit() else None
        if found is None or found.erased or not (found.active or deleted):
            raise Refusal(self.errors.not_found())
        return found

    def organization(self, given: Any) -> int | None:
        found = (
            self.organizations.named(str(given["name"])) if isinstance(given, dict) else self.organizations.get(given)
        )
        if found is None and isinstance(given, dict):
            found = self.organizations.create({"name": str(given["name"])}, self.now)
        return found.id if found is not None else None

    # --- answers -----------------------------------------------------------------------------------------------

    def hidden(self) -> set[str]:
        return {str(f.values["field"]) for f in self.kit.standing("drop_field")}

    def shown(self, user: User, call: Call) -> dict[str, Any]:
        return self.people.shown(user, host(call), self.hidden())

    # --- conditions --------------------------------------------------------------------------------------------

    def changed_on_the_way(self, given: dict[str, Any]) -> dict[str, Any]:
        """`normalise`: the platform stores another value than it was given."""
        out = dict(given)
        for fault in self.kit.standing("normalise"):
            name = str(fault.values["field"])
            fields = out.get("user_fields")
            if isinstance(out.get(name), str):
                out[name] = normalised(fault, out[name])
            elif isinstance(fields, dict) and isinstance(fields.get(name), str):
                out["user_fields"] = {**fields, name: normalised(fault, fields[name])}
        return out

    def person_first(self, faults: Any, user: User, at: int) -> None:
        """`edit_before_write`: somebody edits the record an instant before our write lands."""
        for fault in faults:
            wanted = fault.values.get("id")
            known = (None, user.id, str(user.id), user.email, user.values["external_id"])
            if fault.kind == "edit_before_write" and wanted in known:
                self.edit(user, fault.values["values"], at)

    def edit(self, user: User, values: dict[str, Any], at: int) -> None:
        """By a person: a new address takes the old one's place. Raises `Invalid` and `WrongType`."""
        if (email := values.get("email")) and user.email and self.people.addressed(email) is not user:
            check(self.people, {"email": email}, user)
            primary = next(i for i in user.of_type("email") if i.primary)
            self.people.change_identity(user, primary, email, at)
        self.people.update(user, {k: v for k, v in values.items() if k != "email" or not user.email}, at)
