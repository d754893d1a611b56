"""What the demo needs of Zapier: a Zap that hears of a stage, and marks whoever reached it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stagebridge.clock import Clock
from stagebridge.sandbox.demo import TAG
from stagebridge_zapier.sandbox.zap import Zap


class Demo:
    does = f"a Zap gives the tag {TAG}"

    def connection(self, url: str) -> dict[str, Any]:
        return {"type": "zapier", "base_url": url}

    def subscribe(self, url: str, api: str, key: str, event: str, clock: Clock) -> None:
        self.zap = Zap(url, api, key, event, step=_mark, clock=clock)
        self.zap.switch_on()

    def heard(self) -> list[Mapping[str, Any]]:
        return [run["data"] for run in self.zap.runs()]

    def act(self) -> int:
        return self.zap.work()

    def leave(self) -> None:
        self.zap.switch_off()
        self.zap.close()


def _mark(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return "/v1/contacts", {"email": data["email"], "tags": [TAG]}


__all__ = ["Demo"]
