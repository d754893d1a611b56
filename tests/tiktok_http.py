"""The TikTok stand-in as others see it: bare HTTP, and events to send."""

from __future__ import annotations

import hashlib
from typing import Any

import requests

from stagebridge.sandbox import Sandbox

API = "/open_api/v1.3/"
TRACK = f"{API}event/track/"
PIXEL, OFFLINE, CRM = "CSANDBOXPIXEL0000001", "7100000000000000101", "7100000000000000201"
SOURCES = {"web": PIXEL, "offline": OFFLINE, "crm": CRM}
LEAD = "7012345678901234567"
NOW = 1_795_000_000
"""A Wednesday in November 2026, which the tests' clock tells; epoch seconds."""


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def event(id_: str | None = "ord-1", name: str = "Purchase", **more: Any) -> dict[str, Any]:
    """A web event unless it is told otherwise; a field that is None is left out."""
    whole = {
        "event": name, "event_time": NOW, "event_id": id_, "user": {"email": sha("ada@example.com")},
        "properties": {"value": 30.5, "currency": "EUR"}, "page": {"url": "https://shop.example/thanks"},
    } | more  # fmt: skip
    return {k: v for k, v in whole.items() if v is not None}


def crm_event(id_: str = "crm-1", name: str = "Qualified", **more: Any) -> dict[str, Any]:
    return event(id_, name, **{"page": None, "properties": None, "lead": {"lead_id": LEAD}} | more)


class Http:
    """Bare requests with a token, and what came back."""

    def __init__(self, box: Sandbox, token: str = "token-1") -> None:
        self.box = box
        self.session = requests.Session()
        self.session.trust_env = False
        if token:
            self.session.headers["Access-Token"] = token

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        return self.session.request(method, self.box.url + path, json=body, params=query, timeout=5)

    def post(self, path: str, body: Any) -> Any:
        return self.send("POST", API + path, body).json()

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", API + path, **query).json()

    def track(self, *events: Any, kind: str = "web", source: str = "", **top: Any) -> dict[str, Any]:
        """The envelope that answers these events."""
        body = {"event_source": kind, "event_source_id": source or SOURCES[kind], "data": list(events), **top}
        answer: dict[str, Any] = self.send("POST", TRACK, body).json()
        return answer

    def code(self, *events: Any, **more: Any) -> int:
        return int(self.track(*events, **more)["code"])


def source(box: Sandbox, id_: str = PIXEL) -> dict[str, Any]:
    """What TikTok holds about one source."""
    found: dict[str, Any] = box.state()["sources"][id_]
    return found


def counted(box: Sandbox, id_: str = PIXEL) -> list[tuple[str, str | None]]:
    """Name and id of the events that count, in order."""
    return [(e["event"], e["event_id"]) for e in source(box, id_)["counted"]]
