"""Salesforce in the demo: seeds, and the official client as a witness."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from stagebridge.sandbox.demo import Person, Witness, respelt
from stagebridge_salesforce import auth
from stagebridge_salesforce.settings import SalesforceSettings

FIELDS = {
    "email": "Email",
    "first_name": "FirstName",
    "last_name": "LastName",
    "stage": "Lifecycle_Stage__c",
    "job_title": "Title",
}


class Demo:
    def connection(self, url: str) -> dict[str, Any]:
        return {
            "type": "salesforce", "domain": "acme.my", "client_id": "sandbox-id", "client_secret": "${DEMO_CLIENT_SECRET}",
            "base_url": url, "default_region": "GB",
        }  # fmt: skip

    def seed(self, known: Sequence[Person]) -> Any:
        """Most are Contacts, some Leads, a few both, and a handful are there twice, as it is everywhere."""
        chance = random.Random(11)
        contacts, leads = [], []
        for i, p in enumerate(known):
            common = {
                "Email": respelt(p.email, chance).strip(),
                "FirstName": p.first_name,
                "LastName": p.last_name,
                "Phone": p.phone,
            }
            alone = len(p.known_to) == 1
            staged = {"Lifecycle_Stage__c": p.stage} if alone or i % 3 else {}
            if i % 5:
                contacts.append({**common, **staged, "Account": {"Name": p.company}})
            else:
                leads.append({**common, **staged, "Company": p.company})
            if i % 40 == 1:
                leads.append({**common, "Company": p.company})
            if i % 60 == 2:
                contacts.append({**common, "FirstName": p.first_name[:1] + "."})
        return {"Contact": contacts, "Lead": leads}

    def witness(self, url: str) -> Witness:
        return _Sdk(url)


class _Sdk:
    def __init__(self, url: str) -> None:
        from simple_salesforce.api import Salesforce

        secret = SecretStr("sandbox-secret")
        settings = SalesforceSettings(domain="acme.my", client_id="sandbox-id", client_secret=secret, base_url=url)
        self._sf = Salesforce(
            consumer_key="sandbox-id", consumer_secret="sandbox-secret", domain="acme.my", session=auth.session(settings),
            version="66.0", object_pairs_hook=None,
        )  # fmt: skip

    def edit(self, email: str, values: Mapping[str, str]) -> None:
        from simple_salesforce.format import format_soql

        for object in ("Contact", "Lead"):
            found = self._sf.query(format_soql(f"SELECT Id FROM {object} WHERE Email = {{}}", email))["records"]
            if found:
                getattr(self._sf, object).update(found[0]["Id"], {FIELDS[p]: v for p, v in values.items()})
                return
        raise LookupError("nobody has that address")

    def holds(self) -> list[dict[str, str]]:
        """One entry per record; of a person who is a Contact and a Lead, the Contact."""
        out: dict[str, dict[str, str]] = {}
        rows = []
        for object in ("Contact", "Lead"):
            soql = f"SELECT {', '.join(FIELDS.values())} FROM {object} ORDER BY CreatedDate, Id"
            for r in self._sf.query_all(soql)["records"]:
                held = {path: r.get(name) or "" for path, name in FIELDS.items()}
                held["email"] = held["email"].lower()
                if object == "Contact" or held["email"] not in out:
                    out.setdefault(held["email"], held)
                    rows.append(held)
        return rows
