"""The demo's third part: automations that subscribe at our API, hear of a stage, and call back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stagebridge.access import keys
from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.endpoint import Happening
from stagebridge.sync.side import ms

if TYPE_CHECKING:
    from stagebridge.sandbox import Sandbox
    from stagebridge.sandbox.demo import Automation

EVENT: Happening = "contact.stage_changed"
PATIENCE = 30.0
"""Seconds until a message that did not come is taken to be lost."""


@dataclass
class Automations:
    """`boxes` are the stand-ins of `services`; `move` has somebody move a person in one of the systems, and brings all of them
    into step; it returns his address."""

    config: Config
    clock: Clock
    boxes: Mapping[str, Sandbox]
    services: Mapping[str, Automation]
    move: Callable[[], str]

    def play(self) -> dict[str, Any]:
        """What each service heard of the person, what it did about it, and what became of that here."""
        from stagebridge.serving.beside import beside

        with beside(self.config, self.clock) as (url, hall):
            for name, service in self.services.items():
                key = keys.create(hall.writing, name, ms(self.clock.now()) or 0, scope="api", connection=name)
                service.subscribe(self.boxes[name].url, url, key, EVENT, self.clock)
            email = self.move()
            told: dict[str, Any] = {}
            for name, service in self.services.items():
                said = self._wait(service, email)
                told[name] = {
                    "stage": said and said["stage"],
                    "was": said and said["previous_stage"],
                    "acted": service.act(),
                }
            for service in self.services.values():
                service.leave()
        return {"person": email, **told}

    def _wait(self, service: Automation, email: str) -> Mapping[str, Any] | None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for said in service.heard():
                if said["email"] == email:
                    return said
            time.sleep(0.05)
        return None


__all__ = ["Automations"]
