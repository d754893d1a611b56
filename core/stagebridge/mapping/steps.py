"""Steps that a connector adds to the chains of its mapping, under its own name: `acme.zip`.

A connector's distribution names them under the entry-point group `stagebridge.steps`: a table {name: step}. A step takes
a canonical value and returns what is written, or raises `Invalid`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

Step = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Beside:
    """A step of an event that depends on a second value of it, such as a postal code on its country: `step(value, other)`.
    `other` is None where the event does not say it."""

    path: str
    step: Callable[[Any, Any], Any]


@cache
def of_connector(platform: str) -> Mapping[str, Step | Beside] | None:
    """The steps of an installed connector; None where there is none of that name."""
    found = next((e for e in entry_points(group="stagebridge.steps") if e.name == platform), None)
    return None if found is None else found.load()


def find(name: str) -> Step | Beside | None:
    """The step called `platform.name`; None where its connector is not installed or has no such step."""
    platform, _, step = name.partition(".")
    return (of_connector(platform) or {}).get(step)


__all__ = ["Beside", "Step", "find", "of_connector"]
