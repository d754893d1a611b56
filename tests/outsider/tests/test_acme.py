"""What the author of a connector writes to have it tried: where people are put and looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from stagebridge_acme import Acme

from stagebridge.testing import SandboxBench, conformance


class AcmeBench(SandboxBench):
    object = "people"
    many = 120
    poison: ClassVar[Mapping[str, Any]] = {"email": "no address"}

    def settings(self) -> Mapping[str, Any]:
        return {"base_url": self.box.url, "token": "acme-token-1", "hook_secret": "acme-hook-secret"}

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        ids: list[str] = self.box.seed(list(payloads))["ids"]
        return ids

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        self.box.seed({"edit": {id: payload}})

    def remove(self, id: str) -> None:
        self.box.seed({"remove": [id]})

    def merge(self, keep: str, lose: str) -> None:
        self.box.seed({"merge": [keep, lose]})

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        return {p["id"]: p for p in self.box.state()["people"]}


TestAcme = conformance(Acme, sandbox=AcmeBench)
