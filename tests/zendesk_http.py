"""The Zendesk stand-in as others see it: bare HTTP, every exchange of which is held against Zendesk's own OpenAPI."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from stagebridge.sandbox import Sandbox
from zendesk_openapi import spec, validate_exchange

API = "/api/v2"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
STAGE = {
    "key": "lifecycle_stage", "title": "Lifecycle stage", "type": "dropdown",
    "custom_field_options": [{"name": "Lead", "value": "ls_lead"}, {"name": "Customer", "value": "ls_customer"}],
}  # fmt: skip
ADA = {"name": "Ada Ångström", "email": "ada@example.com", "external_id": "c-1"}
BO = {"name": "Bo Çelik", "email": "bo@example.com", "external_id": "c-2"}


def has_spec() -> bool:
    try:
        spec()
    except pytest.skip.Exception:
        return False
    return True


class Http:
    """Bare requests with an API token, and what came back. `checked` are the routes that were held against the document."""

    def __init__(self, box: Sandbox, email: str = "admin@example.com", token: str = "token-1") -> None:
        self.box = box
        self.session = requests.Session()
        self.session.trust_env = False
        if token:
            self.session.auth = (f"{email}/token", token)
        self.exchanges: list[tuple[str, str, dict[str, str], Any, int, Any]] = []
        self._checks = has_spec()

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def send(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **query: Any
    ) -> requests.Response:  # fmt: skip
        """`query` may have `page_size` and `page_after` for what Python cannot spell."""
        asked = {k.replace("page_", "page[") + "]" if k.startswith("page_") else k: str(v) for k, v in query.items()}
        answer = self.session.request(
            method, f"{self.box.url}{API}{path}", json=body, params=asked, headers=headers, timeout=5
        )
        told = answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None
        exchange = (method, API + path, asked, body, answer.status_code, told)
        self.exchanges.append(exchange)
        if self._checks:
            problems = validate_exchange(*exchange)
            assert not problems, problems
        return answer

    def get(self, path: str, **query: Any) -> Any:
        answer = self.send("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def create(self, **values: Any) -> dict[str, Any]:
        answer = self.send("POST", "/users", {"user": values})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()["user"]
        return made

    def update(self, id_: int, **values: Any) -> requests.Response:
        return self.send("PUT", f"/users/{id_}", {"user": values})

    def upsert(self, **values: Any) -> requests.Response:
        return self.send("POST", "/users/create_or_update", {"user": values})

    def job(self, method: str, path: str, body: Any = None, **query: Any) -> str:
        """Queue one; returns its id."""
        answer = self.send(method, path, body, **query)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["job_status"]["id"])

    def done(self, job: str, seconds: float = 10) -> dict[str, Any]:
        """The job after a while."""
        self.box.clock(advance=seconds)
        found: dict[str, Any] = self.get(f"/job_statuses/{job}")["job_status"]
        return found


def user(box: Sandbox, id_: int) -> dict[str, Any]:
    """What Zendesk holds about one user."""
    found: dict[str, Any] = next(u for u in box.state()["users"] if u["id"] == id_)
    return found


def addresses(box: Sandbox, id_: int) -> list[tuple[str, bool]]:
    """A user's addresses, and which is the primary one."""
    held = box.state()["identities"]
    return [(i["value"], i["primary"]) for i in held if i["user_id"] == id_ and i["type"] == "email"]


__all__ = ["ADA", "API", "BO", "NOW", "STAGE", "Http", "addresses", "has_spec", "user"]
