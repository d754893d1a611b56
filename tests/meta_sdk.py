"""The Meta stand-in as others see it: through the official SDK, and as bare HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession

from stagebridge.sandbox import Sandbox

TOKEN = "EAAsandbox"
DATASET = "1234567890123456"
VERSION = "/v26.0"


def sha(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def now(box: Sandbox) -> int:
    return int(box.kit.now().timestamp())


def event(box: Sandbox, **more: Any) -> dict[str, Any]:
    """One that nothing is wrong with; None takes a key away."""
    out = {
        "event_name": "Contact", "event_time": now(box), "action_source": "system_generated",
        "user_data": {"em": [sha("ada@example.com")]}, **more,
    }  # fmt: skip
    return {k: v for k, v in out.items() if v is not None}


def purchase(box: Sandbox, value: Any = 9.5, currency: Any = "EUR", **more: Any) -> dict[str, Any]:
    said = {k: v for k, v in {"value": value, "currency": currency}.items() if v is not None}
    return event(box, **{"event_name": "Purchase", "custom_data": said, **more})


class Http:
    """Bare requests with the token in the header, and what came back."""

    def __init__(self, box: Sandbox, token: str | None = TOKEN) -> None:
        self.box = box
        self.session = requests.Session()
        self.session.trust_env = False
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, f"{self.box.url}{path}", timeout=(5, 30), **more)

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a request that succeeds."""
        answer = self.send("GET", VERSION + path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, *events: Any, dataset: str = DATASET, **more: Any) -> requests.Response:
        return self.send("POST", f"{VERSION}/{dataset}/events", json={"data": list(events), **more})

    def refused(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The error of a request that fails."""
        return error(self.send(method, VERSION + path, **more))

    def rejected(self, *events: Any, dataset: str = DATASET, **more: Any) -> dict[str, Any]:
        """The error of events that are refused."""
        return error(self.post(*events, dataset=dataset, **more))


def error(answer: requests.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


def code(error: dict[str, Any]) -> str:
    """`100/2804003`, or the code alone."""
    return f"{error['code']}/{error['error_subcode']}" if "error_subcode" in error else str(error["code"])


def held(box: Sandbox, dataset: str = DATASET) -> dict[str, Any]:
    """What the platform holds of a dataset; nothing where it never heard of it."""
    found: dict[str, Any] = box.state()["datasets"].get(dataset, {})
    return found


def counted(box: Sandbox, dataset: str = DATASET) -> list[Any]:
    """The ids of the events that count, in order."""
    return [e["event_id"] for e in held(box, dataset).get("counted", [])]


@contextmanager
def sdk(box: Sandbox, token: str = TOKEN, **more: Any) -> Iterator[Any]:
    """The official SDK, pointed at the stand-in; its state is global, so it is put back afterwards."""
    graph, before = FacebookSession.GRAPH, FacebookAdsApi.get_default_api()
    FacebookSession.GRAPH = box.url
    api = FacebookAdsApi.init(access_token=token, crash_log=False, timeout=5, api_version="v26.0", **more)
    try:
        yield api
    finally:
        api._session.requests.close()
        FacebookSession.GRAPH = graph
        FacebookAdsApi.set_default_api(before)
