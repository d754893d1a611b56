"""`stagebridge serve` in this process, an automation service that asks its API, and an address that is told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests

from stagebridge.access import keys
from stagebridge.clock import SystemClock
from stagebridge.config import connectors, load_config
from stagebridge.connector import Capabilities, Connector, ConnectorSettings, Health
from stagebridge.endpoint import Endpoint, Posts
from stagebridge.serving.beside import beside
from stagebridge.serving.hall import Hall


class AutomationSettings(ConnectorSettings):
    pass


class Automation(Connector):
    """A service whose users automate things: they subscribe by themselves, and hand us people and conversions."""

    platform = "automation"
    Settings = AutomationSettings
    capabilities = Capabilities(posts=Posts(shape="flat", subscriptions=True), api=True)

    @property
    def default_mapping(self) -> str:
        return "api"

    def check(self) -> Health:
        return Health("automation")

    def unfit(self, url: str) -> str | None:
        return None if url.startswith(("http://127.0.0.1:", "https://hooks.example.com/")) else "it is none of ours"

    def subscriber(self, url: str, type: str) -> Endpoint:
        return Endpoint(url, (type,), "flat")


class _Here:
    """Stands in for the entry point of an installed connector."""

    name = "automation"

    def load(self) -> type[Connector]:
        return Automation


@dataclass
class Api:
    """A running server, and a key of the automation's."""

    url: str
    hall: Hall
    folder: Path
    key: str
    session: requests.Session = field(default_factory=requests.Session)

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, once: str | None = None
    ) -> requests.Response:
        headers = {"authorization": f"Bearer {self.key if key is None else key}"}
        headers |= {"idempotency-key": once} if once is not None else {}
        return self.session.request(method, f"{self.url}/v1{path}", json=body, headers=headers, timeout=20)

    def key_for(self, connection: str) -> str:
        return keys.create(self.hall.writing, connection, 1, scope="api", connection=connection)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, once: str | None = None, **body: Any) -> Any:
        answer = self.call("POST", path, body, once=once)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


@contextmanager
def serving_api(
    folder: Path,
    connections: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    **sections: Any,
) -> Iterator[Api]:
    accounts = {
        "zaps": {"type": "automation", "default_region": "GB", "custom": {"plan": "text"}},
        **(connections or {}),
    }
    path = folder / "stagebridge.yaml"
    path.write_text(json.dumps({"version": 1, "connections": accounts, **sections}), "utf-8")
    installed = {**connectors(), "automation": _Here()}
    with patch("stagebridge.config.reader.connectors", lambda: installed):
        config = load_config(path, {"TOKEN": "pat-test", "SECRET": "sandbox-secret", **(secrets or {})})
    with beside(config, SystemClock()) as (url, hall), requests.Session() as session:
        key = keys.create(hall.writing, "test", 1, scope="api", connection="zaps")
        yield Api(url, hall, folder, key, session)


def until(holds: Any, seconds: float = 15.0, otherwise: str = "it did not happen") -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)
