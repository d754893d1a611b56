"""One scenario: what it is told, what it does with it, and what becomes of the rest once something fails."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OVERTAKEN = 3
"""Bundles that a later one may overtake where they are worked on side by side. Ours: Make says only that the order is not kept [D]."""

Bundle = dict[str, Any]


@dataclass(slots=True)
class Scenario:
    """`actions` are modules of the stagebridge app, `{"module": name, "values": {name: text with {{names}} of the bundle}}`.
    `response` is its "Webhook response", `{"status", "body", "headers"}`. `fails`: so many of the next runs end in an error."""

    id: int
    on: bool = True
    sequential: bool = False
    actions: list[dict[str, Any]] = field(default_factory=list)
    response: dict[str, Any] | None = None
    fails: int = 0
    connection: int | None = None
    since: str | None = None
    """A polling trigger, and where it begins: an ISO time, or empty for everybody."""
    limit: int = 100
    queue: list[Bundle] = field(default_factory=list)
    done: list[Bundle] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    """What its modules were answered, in order."""
    last: tuple[str, list[str]] = ("", [])
    """Of a polling trigger: the date of the last item worked on, and the ids of that date."""

    def set(self, values: Mapping[str, Any]) -> None:
        """Raises `ValueError` for what a scenario does not have."""
        for name, value in values.items():
            if name not in ("on", "sequential", "actions", "response", "fails", "since", "limit"):
                raise ValueError(f"a scenario has no '{name}'")
            setattr(self, name, value)

    @property
    def at_once(self) -> bool:
        """It works on what comes when it comes; one whose modules call somebody does so when it is run."""
        return self.on and not self.actions

    def take_up(self, chance: random.Random) -> Bundle:
        """The next bundle that is worked on."""
        return self.queue.pop(0 if self.sequential else chance.randrange(min(len(self.queue), OVERTAKEN)))

    def work(self, chance: random.Random, *, stops: bool) -> None:
        """Work through the queue, without calling anybody, until it is empty or something stops the scenario."""
        while self.queue and self.on:
            bundle = self.take_up(chance)
            if self.fails > 0:
                self.fails -= 1
                self.failed(bundle, "a module failed", stops=stops)
            else:
                self.done.append(bundle)

    def failed(self, bundle: Bundle, why: str, *, stops: bool) -> None:
        """This run is over and its bundle with it; an instant scenario is off from then on [D]."""
        self.errors.append({"bundle": bundle, "error": why})
        if stops:
            self.on = False

    def news(self, items: list[Bundle]) -> list[Bundle]:
        """Those of a polled answer that were not worked on yet, the oldest first: later than the last one, or of its date with
        another id [D]."""
        date, ids = self.last
        new = [i for i in items if i["updated_at"] > date or (i["updated_at"] == date and i["id"] not in ids)]
        return sorted(new, key=lambda i: (i["updated_at"], i["id"]))[: self.limit]

    def passed(self, item: Bundle) -> None:
        """This item of a polled answer does not come again."""
        date, ids = self.last
        self.last = (item["updated_at"], [*(ids if item["updated_at"] == date else []), item["id"]])

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id, "on": self.on, "kind": "instant" if self.since is None else "polling", "queue": len(self.queue),
            "bundles": self.done, "errors": self.errors, "results": self.results,
        }  # fmt: skip


__all__ = ["Bundle", "Scenario"]
