"""HubSpot, as the tests of its wire find it: a cassette, its stand-in, or a real account."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import pytest

from cassette_kit import Real, Stage, StandIn
from cassette_people import ADDRESSES
from stagebridge.connector import Entry
from stagebridge.mapping import Missing, load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_hubspot import HubSpot

CONTACTS = "contacts"
KEY = "stagebridge_id"
OAUTH = ("client_id", "client_secret", "refresh_token")

PROPERTIES = (
    "email hs_additional_emails phone mobilephone firstname lastname company jobtitle website hs_analytics_source address "
    "city state zip country hs_language hubspot_owner_id hs_email_optout createdate lastmodifieddate lifecyclestage "
    "hs_lead_status hs_merged_object_ids"
).split()
OWN = {KEY: "stagebridge id", "lost_reason": "Lost reason"}
STAGES = (
    "subscriber lead marketingqualifiedlead salesqualifiedlead opportunity customer evangelist other"
).split()  # fmt: skip
LOST = {"Lost to competitor": "LOST_TO_COMPETITOR", "Churned": "CHURNED"}
FACTS = {
    "fields": {CONTACTS: {n: n for n in (*PROPERTIES, *OWN)} | {label: n for n, label in OWN.items()}},
    "options": {CONTACTS: {
        "lifecyclestage": {s: s for s in STAGES},
        "hs_lead_status": {"Bad Timing": "BAD_TIMING", "Unqualified": "UNQUALIFIED", **LOST},
    }},
    "owners": {}, "stages": STAGES,
}  # fmt: skip
"""What `discover` would tell, so that no cassette needs to hold an account's hundred properties."""


class HubSpotStage(Stage):
    platform = "hubspot"
    api = "2026-03"
    needed = ("token",)
    placeholders: ClassVar[Mapping[str, str]] = {
        "token": "pat-scrubbed", "client_id": "scrubbed-client-id", "client_secret": "scrubbed-client-secret",
        "refresh_token": "scrubbed-refresh-token",
    }  # fmt: skip
    stand_in_credentials: ClassVar[Mapping[str, str]] = {
        "token": "pat-0000-stand-in", "client_id": "app-of-the-stand-in", "client_secret": "sandbox-secret",
        "refresh_token": "renewal-of-the-stand-in",
    }  # fmt: skip

    def connector(self, *, oauth: bool = False, **settings: Any) -> HubSpot:
        login: dict[str, Any] = {name: self.credentials[name] for name in (OAUTH if oauth else ("token",))}
        made = HubSpot(base_url=self.base_url, clock=self.clock, **login, **settings)
        values = {k: v for k, v in settings.items() if isinstance(v, str)}
        made.use(load_mapping(made.default_mapping, facts=FACTS, settings=values))
        self.keep_open(made)
        return made

    # --- staging -----------------------------------------------------------------------------------------------

    def people(self, *rows: Mapping[str, str]) -> list[str]:
        """Contacts that are there already; their ids, in order."""
        return self.given(lambda: self._people(rows))

    def _people(self, rows: tuple[Mapping[str, str], ...]) -> list[str]:
        if isinstance(self.source, StandIn):
            ids: list[str] = self.stand_in().seed([dict(r) for r in rows])["ids"]
            return ids
        if any("hs_additional_emails" in r for r in rows):
            pytest.skip("not on a real account: a further address comes from a merge only")
        made = self._call("POST", "/batch/create", {"inputs": [{"properties": dict(r)} for r in rows]})
        by_email = {r["properties"]["email"]: str(r["id"]) for r in made["results"]}
        return [by_email[r["email"]] for r in rows]

    def edit(self, id_: str, **properties: str) -> None:
        """As by a person."""
        self.given(lambda: self._staged({"edit": {id_: properties}}, "PATCH", f"/{id_}", {"properties": properties}))

    def archive(self, id_: str) -> None:
        self.given(lambda: self._staged({"archive": [id_]}, "DELETE", f"/{id_}"))

    def merge(self, primary: str, other: str) -> str:
        """The id of the record that stands for both."""
        body = {"primaryObjectId": primary, "objectIdToMerge": other}
        return str(self.given(lambda: self._staged({"merge": [primary, other]}, "POST", "/merge", body)))

    def decided(self, email: str, status: str) -> None:
        """What somebody has said about the newsletter."""
        self.only_stand_in("a decision of a real person is not made up")
        self.given(lambda: self._staged({"statuses": {email: status}}, "", ""))

    def _staged(self, seed: Any, method: str, tail: str, body: Any = None) -> str | None:
        if isinstance(self.source, StandIn):
            return next(iter(self.stand_in().seed(seed)["ids"]), None)
        answered = self._call(method, tail, body)
        return str(answered["id"]) if "id" in answered else None

    # --- the account -------------------------------------------------------------------------------------------

    def furnish(self, box: Sandbox) -> None:
        box.seed({"properties": [
            {"name": name, "label": label, "type": "string", "unique": name == KEY} for name, label in OWN.items()
        ]})  # fmt: skip

    def prepare(self) -> None:
        own = [Missing(CONTACTS, n, label, "string", n, unique=n == KEY) for n, label in OWN.items()]
        self.numbers.add(str(self._helper.account()["portalId"]))
        self._helper.provision(own, dry_run=False)
        self.clean()

    def clean(self) -> None:
        rows = self._helper.find(CONTACTS, "email", ADDRESSES)
        if rows:
            self._call("POST", "/batch/archive", {"inputs": [{"id": r.id} for r in rows]})

    @cached_property
    def _helper(self) -> HubSpot:
        assert isinstance(self.source, Real)
        made = HubSpot(base_url=self.base_url, clock=self.clock, token=self.credentials["token"])
        self.keep_open(made)
        return made

    def _call(self, method: str, tail: str, body: Any = None) -> Any:
        answer = self._helper.request(method, self._helper.contacts + tail, body)
        assert answer.status < 300, answer.content
        return answer.json() or {}


def new(key: str, **properties: str) -> Entry:
    return Entry(CONTACTS, {"properties": {KEY: key, **properties}}, key=key, email=properties.get("email"))


def onto(id_: str, base: Mapping[str, Any] | None = None, **properties: str) -> Entry:
    """A change, computed onto a record as it was read; or onto one that nobody has read."""
    email = ((base or {}).get("properties") or {}).get("email")
    return Entry(CONTACTS, {"properties": properties}, id_, base, email=email)


__all__ = ["CONTACTS", "KEY", "HubSpotStage", "new", "onto"]
