"""A running `stagebridge serve` with a Zapier connection that posts to the stand-in, and one whose answers are scripted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api_kit import Api, serving_api
from stagebridge.access import keys
from stagebridge.clock import ElasticClock
from stagebridge.sandbox import Sandbox
from stagebridge_zapier.sandbox import Zap
from stub_http import Reply, Stub

EVENT = "contact.stage_changed"
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"


@dataclass
class Connected:
    """`key` is the Zapier connection's; `api` asks with another connection's, as somebody else who changes people."""

    box: Sandbox
    api: Api
    key: str


@contextmanager
def connected(folder: Path, clock: ElasticClock) -> Iterator[Connected]:
    with Sandbox("zapier", clock=clock) as box:
        (folder / "secret").write_text(SECRET, "utf-8")
        zapier = {
            "type": "zapier",
            "base_url": box.url,
            "secret": f"file:{folder / 'secret'}",
            "custom": {"plan": "text"},
        }
        allow = [box.url.removeprefix("http://")]
        with serving_api(folder, {"zapier": zapier}, outgoing={"allow": allow}) as api:
            key = keys.create(api.hall.writing, "sales", 1, scope="api", connection="zapier")
            yield Connected(box, api, key)


@contextmanager
def zapping(box: Sandbox, url: str, key: str, clock: ElasticClock, **more: Any) -> Iterator[Zap]:
    zap = Zap(box.url, url, key, EVENT, clock=clock, **more)
    try:
        yield zap
    finally:
        zap.close()


def says(stub: Stub, status: int, body: Any, **headers: str) -> None:
    """From now on it answers so."""
    stub.will(Reply(status, json.dumps(body).encode(), {k.replace("_", "-"): v for k, v in headers.items()}))


__all__ = ["EVENT", "SECRET", "Connected", "connected", "says", "zapping"]
