"""The HubSpot stand-in as others see it: through the official client, and as bare HTTP."""

from __future__ import annotations

from typing import Any

import requests
from hubspot.client import Client

from stagebridge.sandbox import Sandbox

TIMEOUT = (5, 30)
CONTACTS = "/crm/objects/2026-03/contacts"


def client(box: Sandbox, token: str = "pat-sdk") -> Client:
    return Client(access_token=token, host=box.url, base_url=box.url)


class Http:
    """Bare requests with a valid token, and what came back."""

    def __init__(self, box: Sandbox, token: str = "pat-bare") -> None:
        self.box = box
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        return self.session.request(method, self.box.url + path, json=body, params=query, timeout=TIMEOUT)

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, **query).json()

    def post(self, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        answer = self.send("POST", path, {} if body is None else body, **query)
        return answer.status_code, answer.json() if answer.content else None

    def create(self, **properties: Any) -> dict[str, Any]:
        status, body = self.post(CONTACTS, {"properties": properties})
        assert status == 201, body
        made: dict[str, Any] = body
        return made

    def upsert(self, *rows: dict[str, Any], by: str = "email", trace: bool = True) -> tuple[int, Any]:
        inputs = [
            {"id": r[by], "idProperty": by, "properties": r} | ({"objectWriteTraceId": f"row-{i}"} if trace else {})
            for i, r in enumerate(rows)
        ]
        return self.post(f"{CONTACTS}/batch/upsert", {"inputs": inputs})

    def search(self, *filters: dict[str, Any], **more: Any) -> tuple[int, Any]:
        groups = [{"filters": list(filters)}] if filters else []
        return self.post(f"{CONTACTS}/search", {"filterGroups": groups, **more})

    def one(self, id_: str, *names: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"{CONTACTS}/{id_}", properties=",".join(names))["properties"]
        return found
