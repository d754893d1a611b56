"""Salesforce, as the tests of its wire find it: a cassette, its stand-in, or a real organisation."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import requests

from cassette_kit import Real, Stage, StandIn
from cassette_people import ADDRESSES, COMPANIES
from stagebridge.connector import Entry
from stagebridge.mapping import load_mapping
from stagebridge_salesforce import Salesforce
from stagebridge_salesforce.auth import log_in, session

LOGIN = ("domain", "client_id", "client_secret")
COMMON = (
    "Id IsDeleted MasterRecordId CreatedDate LastModifiedDate SystemModstamp OwnerId FirstName LastName Title Phone "
    "MobilePhone Email LeadSource HasOptedOutOfEmail stagebridge_id__c Lifecycle_Stage__c Lost_reason__c"
).split()
FIELDS = {
    "Contact": [*COMMON, "AccountId", "Birthdate", *(f"Mailing{n}" for n in "Street City State PostalCode Country".split())],
    "Lead": [*COMMON, "Company", "Website", "Status", "IsConverted", "ConvertedContactId",
             *"Street City State PostalCode Country".split()],
}  # fmt: skip
"""What the user sees: told to the connector, so that no cassette needs to hold two descriptions of a hundred kilobytes."""
NULLABLE = ("Email", "FirstName", "Title", "Phone", "MobilePhone", "stagebridge_id__c")
RELATIONS = {"AccountId": "Account", "OwnerId": "Owner"}
FACTS = {"fields": {o: {n: n for n in names} for o, names in FIELDS.items()}, "options": {}, "owners": {}}


class SalesforceStage(Stage):
    platform = "salesforce"
    api = "66.0"
    needed = LOGIN
    placeholders: ClassVar[Mapping[str, str]] = {
        "domain": "acme.my", "client_id": "scrubbed-client-id", "client_secret": "scrubbed-client-secret",
    }  # fmt: skip
    stand_in_credentials: ClassVar[Mapping[str, str]] = {
        "domain": "acme.my", "client_id": "sandbox-id", "client_secret": "sandbox-secret",
    }  # fmt: skip

    def connector(self, *, login: bool = False, **settings: Any) -> Salesforce:
        """With a session that is given; it logs in itself only where that is what the test is about."""
        same: dict[str, Any] = {"base_url": self.base_url, "clock": self.clock, **settings}
        if login:
            made = Salesforce(**{n: self.credentials[n] for n in LOGIN} | same)
        else:
            made = Salesforce.from_client(cast(Any, self._known()), **same)
            for object in FIELDS:  # now: the first request takes the SDK's client for old
                made.describe(object)
        made.use(load_mapping("salesforce", facts=FACTS, lenient=True, default_region="GB"))
        self.keep_open(made)
        return made

    def _known(self) -> Any:
        """As much of the SDK's client as the connector asks for, with a session of a login that nobody recorded."""
        token, host = ("scrubbed-session", "acme.my.salesforce.com") if self.replays else self.offstage(self._log_in)
        self.secrets["scrubbed-session"] = token
        seen = {o: SimpleNamespace(describe=lambda o=o: {"fields": _described(o)}) for o in FIELDS}
        return SimpleNamespace(session_id=token, sf_instance=host, **seen)

    def _log_in(self) -> tuple[str, str]:
        values: Any = {n: self.credentials[n] for n in LOGIN}
        settings = Salesforce(base_url=self.base_url, **values).settings
        with session(settings) as on:
            return log_in(settings, on)

    def words(self) -> Mapping[str, str]:
        return {"acme": self.credentials["domain"].partition(".")[0]}

    # --- staging -----------------------------------------------------------------------------------------------

    def rows(self, object: str, *values: Mapping[str, Any]) -> list[str]:
        """Records that are there already; their ids, in order."""
        return self.given(lambda: self._rows(object, values))

    def _rows(self, object: str, values: tuple[Mapping[str, Any], ...]) -> list[str]:
        if isinstance(self.source, StandIn):
            ids: list[str] = self.stand_in().seed({object: [dict(v) for v in values]})["ids"][object]
            return ids
        records = [{"attributes": {"type": object}, **v} for v in values]
        made = self._call("POST", "composite/sobjects", {"allOrNone": True, "records": records})
        return [str(r["id"]) for r in made]

    def delete(self, object: str, id_: str) -> None:
        def gone() -> None:
            if isinstance(self.source, StandIn):
                self.stand_in().seed({"delete": [id_]})
            else:
                self._call("DELETE", f"sobjects/{object}/{id_}")

        self.given(gone)

    def merge(self, object: str, master: str, other: str) -> None:
        self.only_stand_in("records are merged by SOAP or Apex only")
        self.given(lambda: self._seeded({"merge": [object, master, other]}))

    def convert(self, lead: str) -> str:
        """The id of the Contact that it becomes."""
        self.only_stand_in("leads are converted by SOAP, Apex or a Flow of the organisation's own only")
        return str(self.given(lambda: self._seeded({"convert": [lead]})))

    def _seeded(self, seed: Any) -> str | None:
        ids: list[str] = self.stand_in().seed(seed)["ids"].get("Contact", [])
        return next(iter(ids), None)

    # --- the organisation --------------------------------------------------------------------------------------

    def prepare(self) -> None:
        self.clean()

    def clean(self) -> None:
        for object, field, values in (
            ("Contact", "Email", ADDRESSES), ("Lead", "Email", ADDRESSES), ("Account", "Name", COMPANIES),
        ):  # fmt: skip
            listed = ", ".join("'" + v.replace("'", r"\'") + "'" for v in values)
            found = self._call("GET", "query", params={"q": f"SELECT Id FROM {object} WHERE {field} IN ({listed})"})
            ids = ",".join(r["Id"] for r in found["records"])
            if ids:
                self._call("DELETE", "composite/sobjects", params={"ids": ids})

    def _call(self, method: str, path: str, json: Any = None, params: Any = None) -> Any:
        assert isinstance(self.source, Real)
        token, host = self._log_in()
        url = f"{self.base_url or f'https://{host}'}/services/data/v{self.api}/{path}"
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.request(method, url, json=json, params=params, headers=headers, timeout=60)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


def _described(object: str) -> list[dict[str, Any]]:
    return [
        {
            "name": n, "label": n, "type": "boolean" if n.startswith(("Is", "Has")) else "string",
            "relationshipName": RELATIONS.get(n), "nillable": n in NULLABLE, "updateable": n in NULLABLE, "picklistValues": [],
        }
        for n in FIELDS[object]
    ]  # fmt: skip


def change(id_: str, object: str = "Contact", **fields: Any) -> Entry:
    return Entry(object, fields, id_, {})


def create(sf: Salesforce, key: str, **values: Any) -> Entry:
    """Of canonical values."""
    assert sf.mapping is not None
    return Entry("Contact", dict(sf.mapping.write(values)), key=key, email=values.get("email"), context=values)


__all__ = ["SalesforceStage", "change", "create"]
