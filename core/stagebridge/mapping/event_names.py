"""The names of events, ours and a platform's, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stagebridge.mapping.event_paths import Needs
from stagebridge.normalize import Invalid


@dataclass(slots=True)
class Names:
    """`rows`: {ours, or `ours/stage`: (theirs, what it needs)}; theirs may be `drop`, and may have `{stage}` in it. Where
    several of ours are one of theirs, that one reads as the first, and as a stage only if no row names it."""

    rows: Mapping[str, tuple[str, Needs]] = field(default_factory=dict)
    passing: bool = False
    """A name in no row goes as it is."""
    stages: frozenset[str] = frozenset()
    _read: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = [(*ours.partition("/")[::2], theirs) for ours, (theirs, _) in self.rows.items() if theirs != "drop"]
        for name, stage, theirs in rows:
            if "{stage}" not in theirs:
                self._read.setdefault(theirs, (name, stage or None))
        for name, _, theirs in rows:
            if "{stage}" in theirs:
                for stage in self.stages:
                    self._read.setdefault(theirs.replace("{stage}", stage), (name, stage))

    @property
    def some(self) -> bool:
        """Whether any name goes there at all."""
        return self.passing or any(theirs != "drop" for theirs, _ in self.rows.values())

    def theirs(self, name: str, stage: str | None) -> tuple[str, Needs]:
        """Their name (`drop`: none; empty: it needs a stage) and what it needs."""
        found = (self.rows.get(f"{name}/{stage}") if stage else None) or self.rows.get(name)
        if found is None:
            return (name if self.passing else "drop"), ()
        theirs, needs = found
        return (theirs.replace("{stage}", stage or "") if "{stage}" in theirs else theirs), needs

    def ours(self, theirs: str) -> tuple[str, str | None]:
        """Our name and stage. Raises `Invalid` for a name that the platform would not take from us."""
        found = self._read.get(theirs)
        if found is not None:
            return found
        if not self.passing:
            raise Invalid(f"'{theirs}' is in no row of the names")
        return theirs, None


__all__ = ["Names"]
