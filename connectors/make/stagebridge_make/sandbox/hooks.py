"""A webhook's address: who is let in, what is queued, and when nobody listens any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stagebridge.sandbox import Answer, Call, Kit, Windows
from stagebridge_make.sandbox.bundles import bundle_of
from stagebridge_make.sandbox.scenario import Bundle, Scenario

LARGEST = 5 * 1024 * 1024
"""Bytes of a body [D]."""
CALLS, SECONDS = 300, 10.0
"""Requests to one webhook in so many seconds [D]."""
IDLE = 120 * 3600.0
"""Seconds after which a webhook that belongs to no scenario is closed [D]."""
ITEMS, CREDITS, MOST = 667, 10_000, 10_000
"""Items of a queue for so many credits of the plan, and at the most [D]."""


@dataclass(slots=True)
class Hook:
    """`idle_since`: when it was last made, enabled or taken from a scenario; `structure`: the names that it learnt from the
    first bundle, beyond which nothing can be mapped [D]."""

    id: int
    token: str
    name: str
    idle_since: float
    type: str = "gateway-webhook"
    team: int = 1
    api_key: str = ""
    enabled: bool = True
    scenario: Scenario | None = None
    subscription: str | None = None
    """The id that our API gave when it was attached: `externalHookId`."""
    data: dict[str, Any] = field(default_factory=dict)
    structure: list[str] = field(default_factory=list)
    waiting: list[Bundle] = field(default_factory=list)
    """What came while it belonged to no scenario."""
    event: str | None = None

    @property
    def queue(self) -> list[Bundle]:
        return self.waiting if self.scenario is None else self.scenario.queue

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id, "token": self.token, "name": self.name, "typeName": self.type, "enabled": self.enabled,
            "scenario": self.scenario.id if self.scenario else None, "queue": len(self.queue), "structure": self.structure,
            "externalHookId": self.subscription,
        }  # fmt: skip


class Hooks:
    """All webhooks of one organisation. `received` are the bundles that were accepted, in the order in which they came."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.all: dict[str, Hook] = {}
        self.windows = Windows(kit.clock)
        self.received: list[dict[str, Any]] = []

    @property
    def stops(self) -> bool:
        return bool(self.kit.switches["stops_at_first_error"])

    def make(self, id: int, name: str, token: str | None = None, **more: Any) -> Hook:
        token = token or f"{self.kit.random.getrandbits(160):040x}"
        if token in self.all:
            raise ValueError(f"there is a webhook '{token}' already")
        self.all[token] = made = Hook(id, token, name, self.kit.now().timestamp(), **more)
        return made

    def by_id(self, id: str) -> Hook | None:
        return next((h for h in self.living() if str(h.id) == id), None)

    def living(self) -> Iterator[Hook]:
        """Every webhook; those that have been idle for too long are closed by now."""
        now = self.kit.now().timestamp()
        for hook in self.all.values():
            if hook.scenario is None and now - hook.idle_since > IDLE:
                hook.enabled = False
            yield hook

    def attach(self, hook: Hook, scenario: Scenario) -> None:
        scenario.queue += hook.waiting
        hook.waiting, hook.scenario = [], scenario
        self.go_on(hook)

    def take_away(self, hook: Hook) -> None:
        hook.waiting, hook.scenario, hook.idle_since = list(hook.queue), None, self.kit.now().timestamp()

    def go_on(self, hook: Hook) -> None:
        """Work on what waits, where that is done at once."""
        if hook.scenario is not None and hook.scenario.at_once:
            hook.scenario.work(self.kit.random, stops=self.stops)

    def room(self) -> int:
        return min(MOST, ITEMS * int(self.kit.switches["credits"]) // CREDITS)

    def receive(self, call: Call) -> Answer:
        """One request to `/{token}`."""
        switches = self.kit.switches
        hook = next((h for h in self.living() if h.token == call.segments[0]), None)
        if hook is None:
            return text(int(switches["unknown_status"]), b"There is no such webhook.")
        if not hook.enabled:
            return text(410, b"Gone")
        if self.windows.take(hook.token, CALLS, SECONDS) is None:
            return text(429, b"Too Many Requests")
        if len(call.body) > LARGEST:
            return text(int(switches["too_large_status"]), b"Payload Too Large")
        wanted = hook.api_key or str(switches["api_key"])
        if wanted and call.headers.get("x-make-apikey") != wanted:
            return text(int(switches["api_key_status"]), b"Unauthorized")
        if not self._runs(hook) and len(hook.queue) >= self.room():
            return text(int(switches["full_status"]), b"Queue is full.")
        return self._accepted(hook, call)

    def _accepted(self, hook: Hook, call: Call) -> Answer:
        bundle = bundle_of(call)
        hook.structure = hook.structure or list(bundle)
        signed = {n: v for n, v in call.headers.items() if n.startswith("webhook-")}
        self.received.append({"token": hook.token, "method": call.method, "headers": signed, "bundle": bundle})
        scripted = hook.scenario.response if hook.scenario is not None and hook.scenario.on else None
        hook.queue.append(bundle)
        self.go_on(hook)
        if scripted is None:
            return text(200, b"Accepted")
        said = scripted.get("body", "")
        return Answer(
            int(scripted.get("status", 200)),
            said.encode() if isinstance(said, str) else said,
            scripted.get("headers") or {},
        )

    @staticmethod
    def _runs(hook: Hook) -> bool:
        return hook.scenario is not None and hook.scenario.at_once


def text(status: int, body: bytes) -> Answer:
    return Answer(status, body, {"Content-Type": "text/plain; charset=utf-8"})


__all__ = ["Hook", "Hooks", "text"]
