"""What the demo needs of Make: a scenario that hears of a stage, and records a referral."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from stagebridge.clock import Clock

REFERRAL = {"name": "Referral", "id": "{{id}}", "email": "{{email}}"}


class Demo:
    does = "a scenario records a Referral"

    def connection(self, url: str) -> dict[str, Any]:
        return {"type": "make", "base_url": url}

    def subscribe(self, url: str, api: str, key: str, event: str, clock: Clock) -> None:
        self.url = url
        connection = self._act(connect={"api": api, "key": key})["connection"]
        actions = [{"module": "recordConversion", "values": REFERRAL}]
        self.scenario = self._act(attach={"connection": connection, "event": event, "actions": actions})

    def heard(self) -> list[Mapping[str, Any]]:
        state = requests.get(f"{self.url}/_sandbox/state", timeout=10).json()
        return [bundle["bundle"] for bundle in state["bundles"]]

    def act(self) -> int:
        return int(self._act(run=self.scenario["scenario"])["ran"])

    def leave(self) -> None:
        self._act(detach=self.scenario["hook"])

    def _act(self, **verb: Any) -> Any:
        answer = requests.post(f"{self.url}/_sandbox/act", json=verb, timeout=20)
        answer.raise_for_status()
        return answer.json()


__all__ = ["Demo"]
