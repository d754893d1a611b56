"""Lifecycles: an ordered list of stages, lost stages beside the order, and the rules of movement.

lifecycle = load_lifecycle("default")
lifecycle.move("lead", "customer")      # Move.FORWARD
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from stagebridge.document import Table, from_dict, nearest, parse_file
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
            near = nearest(self.phase, PHASES)
            raise ValueError(f"phase '{self.phase}' is not one of {', '.join(PHASES)}{near}")
        if not self.name.replace("_", "").isalnum() or self.name != self.name.lower():
            raise ValueError(f"'{self.name}': write a name in lower case, with digits and underscores only")
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
        for old, new in self.allow_backward:
            for name in (old, new):
                if name not in names:
                    raise ValueError(f"allow_backward names '{name}', which is no stage here{nearest(name, names)}")
            if self.is_lost(old) or self.is_lost(new):
                raise ValueError(f"allow_backward: {old} → {new}: into a lost stage and out of it is always free")
            if self.rank(old) <= self.rank(new):
                raise ValueError(f"allow_backward: {old} → {new} does not go back")
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
        """What kind of step leads from `old` to `new`. A stage that this lifecycle no longer has counts as none: all of
        its stages are ahead of it."""
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
        return _build(from_dict(dict(source), "lifecycle"))
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        folder = mappings_dir() / "lifecycles"
        path = folder / f"{source}.yaml"
        if not path.is_file():
            known = sorted(p.stem for p in folder.glob("*.yaml"))
            raise ConfigError(
                f"no lifecycle is called '{source}'{nearest(str(source), known)}",
                hint=f"Shipped are {', '.join(known)}; or give the path of a .yaml file.",
            )
    return _build(parse_file(path))


def _build(document: Table) -> Lifecycle:
    known = (*Lifecycle.model_fields,)
    problems = [f"{document.where(k)}: {k}: no such key{nearest(k, known)}" for k in document if k not in known]
    problems += [f"{document.where()}: {k}: is missing" for k in ("name", "stages") if not document.get(k)]
    values = dict(document)
    for part in ("stages", "lost"):
        given = document.get(part)
        if isinstance(given, Table):
            values[part] = [{"name": name, "phase": phase} for name, phase in given.items()]
    if not problems:
        try:
            return Lifecycle.model_validate(values)
        except ValidationError as error:
            problems = [_place(document, e["loc"], e["msg"]) for e in error.errors(include_url=False)]
    raise ConfigError("\n".join(problems))


def _place(document: Table, loc: tuple[int | str, ...], what: str) -> str:
    """`file:line: path: what`, where `loc` is the place that pydantic names."""
    part = str(loc[0]) if loc else ""
    given, path, where = document.get(part), ".".join(map(str, loc)), document.where(part)
    if isinstance(given, Table) and len(loc) > 1 and isinstance(loc[1], int):
        stage = list(given)[loc[1]]
        path, where = f"{part}.{stage}", given.where(stage)
    return f"{where}: {path + ': ' if path else ''}{what.removeprefix('Value error, ')}"
