"""The Omnisend stand-in as others see it: bare HTTP, and contacts and events to send."""

from __future__ import annotations

from typing import Any

import requests

from stagebridge.sandbox import Sandbox

API = "/api"
NOW = "2026-06-01T12:00:00.000Z"
"""A Monday, which the tests' clock tells."""

ADA, BOB = "ada@example.com", "bob@example.com"
PHONE, OTHER_PHONE = "+15550100001", "+15550100002"
EVENT = "9afca57b-d157-478b-adde-b9506322b16f"


def email(address: str = ADA, status: str = "subscribed", at: str | None = None, **more: Any) -> dict[str, Any]:
    """An identifier; `at` is when its status changed."""
    channel = {"status": status} | ({"statusChangedAt": at} if at else {})
    return {"type": "email", "id": address, "channels": {"email": channel}, "sendWelcomeMessage": False, **more}


def phone(number: str = PHONE, status: str = "nonSubscribed", at: str | None = None, **more: Any) -> dict[str, Any]:
    channel = {"status": status} | ({"statusChangedAt": at} if at else {})
    return {"type": "phone", "id": number, "channels": {"sms": channel}, "sendWelcomeMessage": False, **more}


def contact(*identifiers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Ada, unless identifiers say who it is."""
    return {"identifiers": list(identifiers) or [email()], **fields}


def event(id_: str | None = EVENT, name: str = "Qualified", **more: Any) -> dict[str, Any]:
    whole = {"eventName": name, "eventID": id_, "eventTime": NOW, "origin": "api", "contact": {"email": ADA}} | more
    return {k: v for k, v in whole.items() if v is not None}


class Http:
    """Bare requests with a key and a version, and what came back."""

    def __init__(self, box: Sandbox, **headers: str | None) -> None:
        self.box = box
        self.session = requests.Session()
        self.session.trust_env = False
        given = {"Authorization": "Omnisend-API-Key key-1", "Omnisend-Version": "2026-03-15"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        self.session.headers.update({name: value for name, value in given.items() if value is not None})

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        return self.session.request(method, f"{self.box.url}{API}{path}", json=body, params=query, timeout=5)

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, **query).json()

    def post(self, path: str, body: Any) -> Any:
        return self.send("POST", path, body).json()

    def status(self, method: str, path: str, body: Any = None, **query: Any) -> int:
        return self.send(method, path, body, **query).status_code

    def upsert(self, *identifiers: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The contact that the platform answered."""
        answer: dict[str, Any] = self.post("/contacts", contact(*identifiers, **fields))
        return answer

    def wrong(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, str]:
        """{field: code} of a refused request."""
        answer = self.send(method, path, body, **query)
        assert answer.status_code == 400, answer.text
        return {e["field"]: e["code"] for e in answer.json()["errors"]}

    def every(self, **query: Any) -> list[dict[str, Any]]:
        """All contacts, page by page."""
        out, after = [], None
        while True:
            page = self.get("/contacts", **query, **({"after": after} if after else {}))
            out += page["contacts"]
            after = page["paging"]["cursors"]["after"]
            if after is None:
                return out


def held(box: Sandbox) -> dict[str, dict[str, Any]]:
    """What the platform holds, by e-mail."""
    return {c.get("email", c["id"]): c for c in box.state()["contacts"]}
