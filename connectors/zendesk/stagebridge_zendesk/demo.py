"""Zendesk in the demo: seeds, and a witness that speaks its API by plain requests, since Zendesk has no official client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import requests

from stagebridge.contact import split_name
from stagebridge.lifecycle import load_lifecycle
from stagebridge.mapping.account import titled
from stagebridge.sandbox.demo import Person, Witness

PREFIX = "ls_"
EMAIL = "admin@example.com"
TIMEOUT = (5, 30)
STAGE = {
    "key": "lifecycle_stage", "title": "Lifecycle stage", "type": "dropdown",
    "custom_field_options": [{"name": titled(n), "value": PREFIX + n} for n in load_lifecycle("default").names],
}  # fmt: skip


class Demo:
    def connection(self, url: str) -> dict[str, Any]:
        return {"type": "zendesk", "subdomain": "acme", "email": EMAIL, "api_token": "${DEMO_SECRET}", "base_url": url}

    def seed(self, known: Sequence[Person]) -> Any:
        users = [
            {
                "email": p.email, "name": f"{p.first_name} {p.last_name}", "phone": p.phone,
                "user_fields": {"lifecycle_stage": PREFIX + p.stage},
            }
            for p in known
        ]  # fmt: skip
        return {"user_fields": [STAGE], "users": users}

    def witness(self, url: str) -> Witness:
        return _Plain(url)


class _Plain:
    def __init__(self, url: str) -> None:
        self._url = url + "/api/v2"
        self._session = requests.Session()
        self._session.auth = (f"{EMAIL}/token", "pat-demo-secret")

    def edit(self, email: str, values: Mapping[str, str]) -> None:
        found = self._get("/users/search", {"query": f"email:{email}"})["users"]
        user = next(u for u in found if str(u["email"]).casefold() == email.casefold())
        first, last = split_name(str(user["name"]))
        changed: dict[str, Any] = {}
        if values.keys() & {"first_name", "last_name"}:
            names = (values.get("first_name", first), values.get("last_name", last))
            changed["name"] = " ".join(n for n in names if n)
        if "stage" in values:
            changed["user_fields"] = {"lifecycle_stage": PREFIX + values["stage"]}
        answer = self._session.put(f"{self._url}/users/{user['id']}", json={"user": changed}, timeout=TIMEOUT)
        answer.raise_for_status()

    def holds(self) -> list[dict[str, str]]:
        out: list[dict[str, str]] = []
        query: dict[str, Any] = {"role": "end-user", "page[size]": 100}
        while True:
            page = self._get("/users", query)
            for user in page["users"]:
                first, last = split_name(str(user["name"]))
                stage = str((user.get("user_fields") or {}).get("lifecycle_stage") or "").removeprefix(PREFIX)
                out.append(
                    {
                        "email": user.get("email") or "",
                        "first_name": first or "",
                        "last_name": last,
                        "stage": stage,
                    }
                )
            if not page["meta"]["has_more"]:
                return out
            query["page[after]"] = page["meta"]["after_cursor"]

    def _get(self, path: str, params: Mapping[str, Any]) -> Any:
        answer = self._session.get(self._url + path, params=dict(params), timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()
