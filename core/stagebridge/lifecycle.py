"""Lifecycles: an ordered list of stages, lost stages beside the order, and the rules of movement.

lifecycle = load_lifecycle("default")
lifecycle.move("lead", "customer")      # Move.FORWARD
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from stagebridge.errors import ConfigError
from stagebridge.resources import mappings_dir

PHASES = ("outreach", "acquisition", "conversion", "retention", "loyalty")
"""The five-phase cycle of the literature: the axis on which any two lifecycles are reported together."""


class Move(Enum):
    """What kind of step it is from one stage to another."""

    FIRST = "first"
    SAME = "same"
    FORWARD = "forward"
    LOST = "lost"
    REACTIVATION = "reactivation"
    REENTRY = "re-entry"
    BACKWARD = "backward"


class Stage(BaseModel):
    """One stage: its name (lower case, digits and underscores) and its phase (one of `PHASES`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    phase: str

    @model_validator(mode="after")
    def _known(self) -> Stage:
        if self.phase not in PHASES:
            raise ValueError(f"stage {self.name}: phase '{self.phase}' is not one of {', '.join(PHASES)}")
        if not self.name.replace("_", "").isalnum() or self.name != self.name.lower():
            raise ValueError(f"stage '{self.name}': write a name in lower case, with digits and underscores only")
        return self


class Lifecycle(BaseModel):
    """Forward is free, also over several stages; into a lost stage is free; from a lost stage to any is a
    reactivation; backward only where `allow_backward` lists it (a re-entry: the cycle closes)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    stages: tuple[Stage, ...]
    lost: tuple[Stage, ...] = ()
    allow_backward: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Lifecycle:
        names = [s.name for s in (*self.stages, *self.lost)]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"stage {twice[0]} is there twice")
        if len(self.stages) < 2:
            raise ValueError("a lifecycle has at least two stages")
        for pair in self.allow_backward:
            for name in pair:
                if name not in names:
                    raise ValueError(f"allow_backward names '{name}', which is no stage here")
            if self.rank(pair[0]) <= self.rank(pair[1]):
                raise ValueError(f"allow_backward: {pair[0]} → {pair[1]} does not go back")
        return self

    @cached_property
    def names(self) -> frozenset[str]:
        """All stages, lost ones included."""
        return frozenset(s.name for s in (*self.stages, *self.lost))

    @cached_property
    def _ranks(self) -> dict[str, int]:
        return {s.name: i for i, s in enumerate(self.stages)}

    @cached_property
    def _lost(self) -> frozenset[str]:
        return frozenset(s.name for s in self.lost)

    def rank(self, name: str) -> int:
        """The place in the order, from 0; -1 for a lost stage."""
        return self._ranks.get(name, -1)

    def is_lost(self, name: str) -> bool:
        return name in self._lost

    def phase(self, name: str) -> str:
        """Raises KeyError for a stage that is not here."""
        return {s.name: s.phase for s in (*self.stages, *self.lost)}[name]

    def move(self, old: str | None, new: str) -> Move:
        """What kind of step leads from `old` to `new`."""
        if old is None:
            return Move.FIRST
        if old == new:
            return Move.SAME
        if self.is_lost(new):
            return Move.LOST
        if self.is_lost(old):
            return Move.REACTIVATION
        if self.rank(new) > self.rank(old):
            return Move.FORWARD
        return Move.REENTRY if (old, new) in self.allow_backward else Move.BACKWARD


def load_lifecycle(source: str | Path | Mapping[str, Any] | Lifecycle) -> Lifecycle:
    """A shipped lifecycle by its name, one's own by its file or as a dict. Raises `ConfigError`."""
    if isinstance(source, Lifecycle):
        return source
    if isinstance(source, Mapping):
        return _build(dict(source), str(source.get("name", "lifecycle")))
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        folder = mappings_dir() / "lifecycles"
        path = folder / f"{source}.yaml"
        if not path.is_file():
            known = sorted(p.stem for p in folder.glob("*.yaml"))
            near = get_close_matches(str(source), known, 1)
            raise ConfigError(
                f"no lifecycle is called '{source}'" + (f" (nearest: {near[0]})" if near else ""),
                hint=f"Shipped are {', '.join(known)}; or give the path of a .yaml file.",
            )
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {error}") from error
    return _build(document, str(path))


def _build(document: Any, where: str) -> Lifecycle:
    if not isinstance(document, dict):
        raise ConfigError(f"{where}: a lifecycle is a table with name, stages and lost")
    for part in ("stages", "lost"):
        value = document.get(part)
        if isinstance(value, dict):
            document[part] = [{"name": n, "phase": p} for n, p in value.items()]
    try:
        return Lifecycle.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(x) for x in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{where}: {place + ': ' if place else ''}{what}") from None
