"""A tag that stands for the lifecycle stage, so that a platform's lists and broadcasts can aim at a stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape
from typing import Any

from stagebridge.mapping.field import SetField
from stagebridge.mapping.remote import ABSENT

SEGMENT = "segment"
"""Its path: derived from the stage, written beside it, never taken from a record."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One tag at a time among the tags that people give: `prefix` and the stage's name. People's tags that begin so are
    taken for ours."""

    tags: SetField
    prefix: str

    @property
    def pattern(self) -> str:
        """What the field of the tags is to overlook."""
        return f"{escape(self.prefix)}*"

    def read(self, record: Mapping[str, Any]) -> Any:
        """The stage whose tag is there, None for none, all that are there where it is not one; `ABSENT` where the record does
        not show its tags."""
        raw = self.tags.there(record)
        if raw is ABSENT:
            return ABSENT
        found = sorted(str(p).strip() for p in self.tags.split(raw) if self._ours(p))
        return ", ".join(p.removeprefix(self.prefix) for p in found) or None

    def put(self, payload: dict[str, Any], stage: str | None, record: Mapping[str, Any] | None) -> bool:
        """Tag the stage and no other one, beside what the payload makes of the tags."""
        raw = self.tags.there(payload)
        if raw is ABSENT:
            raw = None if record is None else self.tags.there(record)
        others = [p for p in self.tags.split(raw) if not self._ours(p)]
        self.tags.put_all(payload, record, [*others, *([] if stage is None else [self.prefix + stage])])
        return True

    def _ours(self, part: Any) -> bool:
        return str(part).strip().startswith(self.prefix)
