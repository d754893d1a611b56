"""One HubSpot account: everything it holds, and the forms in which it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stagebridge.clock import Clock, SystemClock
from stagebridge.errors import ConfigError
from stagebridge.sandbox import Answer, Call, Daily, Kit, normalised
from stagebridge_hubspot.sandbox.consent import Consent
from stagebridge_hubspot.sandbox.deals import Deals
from stagebridge_hubspot.sandbox.events import Events
from stagebridge_hubspot.sandbox.hooks import Hooks
from stagebridge_hubspot.sandbox.properties import DEFAULTS, STAGES
from stagebridge_hubspot.sandbox.store import Contact, Store
from stagebridge_hubspot.sandbox.values import iso, to_ms


class Refusal(Exception):
    """This request ends here, with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Account:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        switches = kit.switches
        stages = [(str(value), str(label)) for value, label in switches["stages"] or STAGES]
        self.hooks = Hooks(kit)
        self.store = Store(
            stages, switches["default_stage"], int(switches["portal_id"]) * 1000 + 1, int(switches["index_lag"] * 1000),
            self.hooks.record,
        )  # fmt: skip
        self.owners = {"401": "olga.owner@example.com", "402": "piet.owner@example.com"}
        self.groups = {
            name: {"name": name, "label": label, "displayOrder": order, "archived": False}
            for order, (name, label) in enumerate(
                [("contactinformation", "Contact Information"), ("contact_activity", "Contact activity"),
                 ("sales_properties", "Sales Properties")]
            )
        }  # fmt: skip
        self.zone = _zone(switches["time_zone"])
        self.limits_clock: Clock = SystemClock() if switches["limits_in_real_time"] else kit.clock
        self.day = Daily(self.limits_clock, self.zone)
        self.tokens: dict[str, int] = {}
        """OAuth access tokens, and when they expire."""
        self.revoked: set[str] = set()
        self.consent = Consent(resubscribe=switches["resubscribe"])
        self.events = Events()
        self.deals = Deals(int(switches["portal_id"]) * 1000 + 1)
        self.associations: dict[tuple[str, str, str], dict[int, str]] = {}
        """Categories by type id, by (contact, type of the other record, its id)."""

    @property
    def now(self) -> int:
        return int(self.kit.now().timestamp() * 1000)

    def uuid(self) -> str:
        return str(UUID(int=self.kit.random.getrandbits(128)))

    # --- requests ----------------------------------------------------------------------------------------------

    def body(self, call: Call) -> dict[str, Any]:
        data = call.json()
        if not isinstance(data, dict):
            raise Refusal(self.error(400, "VALIDATION_ERROR", "Invalid input JSON: an object is expected"))
        return data

    def inputs(self, call: Call, most: int) -> list[Any]:
        """The inputs of a batch."""
        inputs = self.body(call).get("inputs")
        if not isinstance(inputs, list) or not inputs:
            raise Refusal(self.error(400, "VALIDATION_ERROR", "Some required fields were not set: [inputs]"))
        call.records = len(inputs)
        if len(inputs) > most:
            message = f"The maximum number of inputs supported in a batch request is {most}"
            raise Refusal(self.error(400, "VALIDATION_ERROR", message))
        return inputs

    def number(self, text: Any, otherwise: int, name: str, most: int | None = None) -> int:
        """A whole number out of a query or body, where it may be text."""
        try:
            value = otherwise if text in (None, "") else int(text)
        except (TypeError, ValueError):
            raise Refusal(self.error(400, "VALIDATION_ERROR", f"{name} must be a whole number")) from None
        if most is not None and not 1 <= value <= most:
            raise Refusal(self.error(400, "VALIDATION_ERROR", f"{name} must be between 1 and {most}"))
        return value

    # --- answers -----------------------------------------------------------------------------------------------

    def error(self, status: int, category: str, message: str, **more: Any) -> Answer:
        return Answer(
            status, {"status": "error", "message": message, "correlationId": self.uuid(), "category": category, **more}
        )

    def complete(self, results: list[Any], errors: Sequence[Any] = (), *, status: int = 200) -> Answer:
        """The envelope of a batch; results are in no order that anybody may rely on."""
        self.kit.random.shuffle(results)
        at = iso(self.now)
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
        if errors:
            body |= {"numErrors": len(errors), "errors": list(errors)}
        return Answer(207 if errors else status, body)

    def hidden(self) -> set[str]:
        """Properties that a lost scope hides."""
        return {str(f.values["field"]) for f in self.kit.standing("drop_field")}

    def record(
        self, contact: Contact, names: Iterable[str] = (), *, props: Mapping[str, str] | None = None,
        history: Iterable[str] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """A record as reads answer it: undefined names are left out, empty values are null. `props`: as of another time."""
        values = contact.props if props is None else props
        hidden = self.hidden()
        defined = self.store.properties
        shown = {
            n: values.get(n) or None
            for n in dict.fromkeys((*DEFAULTS, *names, *history))
            if n in defined and n not in hidden
        }
        out = self._frame(contact, shown, archived=contact.archived_at is not None and props is None)
        out["updatedAt"] = values.get("lastmodifieddate") or out["updatedAt"]
        if history:
            out["propertiesWithHistory"] = {n: _history(contact, n) for n in history if n in shown}
        return out

    def written(self, contact: Contact, names: Iterable[str]) -> dict[str, Any]:
        """A record as writes answer it: values only where there are some, computed ones among them, stage dates as
        epoch milliseconds (recorded)."""
        hidden = self.hidden()
        wanted = None if self.kit.switches["write_answers"] == "all" else {*DEFAULTS, *names}
        shown: dict[str, str] = {}
        for name, value in sorted(contact.props.items()):
            if not value or name in hidden or name.startswith("hs_v2_"):
                continue
            if (
                wanted is None
                or name in wanted
                or (name.startswith(("hs_", "num_")) and name != "hs_additional_emails")
            ):
                dated = name.startswith("hs_lifecyclestage_") and name.endswith("_date")
                shown[name] = str(to_ms(value)) if dated else value
        return self._frame(contact, shown, archived=False)

    def _frame(self, contact: Contact, properties: Mapping[str, str | None], *, archived: bool) -> dict[str, Any]:
        out: dict[str, Any] = {
            "id": contact.id, "properties": properties, "createdAt": iso(contact.created), "updatedAt": iso(contact.updated),
            "archived": archived,
        }  # fmt: skip
        if archived:
            out["archivedAt"] = iso(contact.archived_at or 0)
        else:
            out["url"] = f"https://app.hubspot.com/contacts/{self.kit.switches['portal_id']}/record/0-1/{contact.id}"
        return out

    # --- conditions --------------------------------------------------------------------------------------------

    def changed_on_the_way(self, props: dict[str, str]) -> dict[str, str]:
        """`normalise`: the platform stores another value than it was given."""
        faults = self.kit.standing("normalise")
        if not faults:
            return props
        out = dict(props)
        for fault in faults:
            name = str(fault.values["field"])
            if out.get(name):
                out[name] = normalised(fault, out[name])
        return out

    def person_first(self, call: Call, contact: Contact) -> None:
        """`edit_before_write`: somebody edits the record an instant before our write lands."""
        for fault in call.faults:
            wanted = fault.values.get("id")
            if fault.kind == "edit_before_write" and wanted in (None, contact.id, contact.props.get("email")):
                values = {str(k): str(v) for k, v in fault.values["values"].items()}
                self.store.update(contact, values, self.now, by="CRM_UI")


def flag(call: Call, name: str) -> bool:
    """A yes or no of the query; the official client writes `True`."""
    return call.query.get(name, "").lower() == "true"


def _history(contact: Contact, name: str) -> list[dict[str, Any]]:
    """Newest first."""
    return [
        {"value": value, "timestamp": iso(at), "sourceType": by, "sourceId": "userId:1" if by == "CRM_UI" else "1"}
        for at, value, by in reversed(contact.history.get(name, []))
    ]


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except ZoneInfoNotFoundError:
        if name == "US/Eastern":  # the default must work on a machine without a time zone database
            return timezone(timedelta(hours=-5))
        raise ConfigError(f"the time zone '{name}' is not known here; install tzdata, or say UTC") from None
