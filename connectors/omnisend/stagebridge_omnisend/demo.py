"""Omnisend in the demo: seeds, and a witness. Omnisend has no client for Python, so the witness asks the API by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import requests

from stagebridge.sandbox.demo import Person, Witness

FIELDS = {"first_name": "firstName", "last_name": "lastName"}
CUSTOM = {"stage": "lifecycle_stage", "job_title": "job_title"}
TIMEOUT = (5, 30)
PAGE = 250


class Demo:
    def connection(self, url: str) -> dict[str, Any]:
        return {
            "type": "omnisend", "api_key": "${DEMO_SECRET}", "base_url": url, "mapping": "omnisend_business",
        }  # fmt: skip

    def seed(self, known: Sequence[Person]) -> Any:
        """Subscribers of a newsletter: some have a number, most have a stage. No brand holds a number twice."""
        numbers: set[str] = set()
        out = []
        for i, p in enumerate(known):
            row: dict[str, Any] = {
                "email": p.email, "status": "subscribed", "firstName": p.first_name, "lastName": p.last_name,
            }  # fmt: skip
            if i % 3 == 0 and p.phone not in numbers:
                numbers.add(p.phone)
                row["phone"] = p.phone
            if i % 4 or len(p.known_to) == 1:
                row["customProperties"] = {CUSTOM["stage"]: p.stage}
            out.append(row)
        return out

    def witness(self, url: str) -> Witness:
        return _Api(f"{url}/api")


class _Api:
    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers.update(
            {"Authorization": "Omnisend-API-Key pat-demo-secret", "Omnisend-Version": "2026-03-15"}
        )

    def edit(self, email: str, values: Mapping[str, str]) -> None:
        body: dict[str, Any] = {FIELDS[p]: v for p, v in values.items() if p in FIELDS}
        custom = {CUSTOM[p]: v for p, v in values.items() if p in CUSTOM}
        answer = self._session.patch(
            f"{self._url}/contacts", params={"email": email}, timeout=TIMEOUT,
            json=body | ({"customProperties": custom} if custom else {}),
        )  # fmt: skip
        answer.raise_for_status()

    def holds(self) -> list[dict[str, str]]:
        return [_canonical(c) for c in self._contacts()]

    def _contacts(self) -> Iterator[dict[str, Any]]:
        after: str | None = None
        while True:
            query = {"limit": str(PAGE), **({"after": after} if after else {})}
            answer = self._session.get(f"{self._url}/contacts", params=query, timeout=TIMEOUT)
            answer.raise_for_status()
            page = answer.json()
            yield from page["contacts"]
            after = page["paging"]["cursors"]["after"]
            if not after:
                return


def _canonical(contact: Mapping[str, Any]) -> dict[str, str]:
    custom = contact.get("customProperties") or {}
    return {
        "email": str(contact.get("email") or ""),
        **{path: str(contact.get(name) or "") for path, name in FIELDS.items()},
        **{path: str(custom.get(name) or "") for path, name in CUSTOM.items()},
    }
