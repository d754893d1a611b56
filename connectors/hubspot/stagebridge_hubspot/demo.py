"""HubSpot in the demo: seeds, and the official client as a witness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stagebridge.sandbox.demo import Person, Witness

STAGES = {
    "subscriber": "subscriber", "lead": "lead", "marketing_qualified": "marketingqualifiedlead",
    "sales_qualified": "salesqualifiedlead", "opportunity": "opportunity", "customer": "customer", "advocate": "evangelist",
}  # fmt: skip
FIELDS = {
    "email": "email",
    "first_name": "firstname",
    "last_name": "lastname",
    "stage": "lifecyclestage",
    "job_title": "jobtitle",
}
TIMEOUT = (5, 30)


class Demo:
    def connection(self, url: str) -> dict[str, Any]:
        return {"type": "hubspot", "token": "${DEMO_SECRET}", "base_url": url}

    def seed(self, known: Sequence[Person]) -> Any:
        return [
            {
                "email": p.email, "firstname": p.first_name, "lastname": p.last_name, "company": p.company, "phone": p.phone,
                "lifecyclestage": STAGES[p.stage],
            }
            for p in known
        ]  # fmt: skip

    def witness(self, url: str) -> Witness:
        return _Sdk(url)


class _Sdk:
    def __init__(self, url: str) -> None:
        from hubspot.client import Client as HubSpot

        client: Any = HubSpot(access_token="pat-demo-secret", host=url, base_url=url)
        self._contacts = client.crm.contacts.basic_api

    def edit(self, email: str, values: Mapping[str, str]) -> None:
        theirs = {FIELDS[p]: STAGES[v] if p == "stage" else v for p, v in values.items()}
        self._contacts.update(email, {"properties": theirs}, id_property="email", _request_timeout=TIMEOUT)

    def holds(self) -> list[dict[str, str]]:
        ours = {v: k for k, v in STAGES.items()}
        out, after = [], None
        while True:
            page = self._contacts.get_page(
                limit=100, after=after, properties=list(FIELDS.values()), _request_timeout=TIMEOUT
            )
            for r in page.results:
                held = {path: r.properties.get(name) or "" for path, name in FIELDS.items()}
                out.append(held | {"stage": ours.get(held["stage"], held["stage"])})
            if page.paging is None:
                return out
            after = page.paging.next.after
