"""The lifecycle stage on a platform: one field, or two, of which the second counts only while the first one says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stagebridge.mapping import remote
from stagebridge.mapping.codecs import on_the_wire, read_datetime
from stagebridge.mapping.remote import ABSENT, Ref
from stagebridge.mapping.values import Values, text_of
from stagebridge.normalize import Invalid


@dataclass(slots=True)
class StageField:
    """`main` and `lost` are the two fields with their tables; `guard` the stages under which a lost mark counts; `at`
    a reference with `{value}` in it, the time that the platform stamps itself."""

    main: Ref
    values: Values
    lost: Ref | None = None
    lost_values: Values | None = None
    guard: frozenset[str] = frozenset()
    at: str | None = None
    flat: bool = False
    empty: tuple[Any, ...] = (None,)
    as_text: bool = False

    def read(self, record: Mapping[str, Any]) -> Any:
        """The stage, None for none, `ABSENT` where the record does not show what it takes. Raises `Invalid`."""
        raw = remote.read(record, self.main)
        if raw is ABSENT:
            return ABSENT
        mark = None
        if self.lost is not None:
            mark = remote.read(record, self.lost)
            if mark is ABSENT:
                return ABSENT
        if raw in self.empty:
            return None
        text = text_of(raw)
        if text in self.values.silent:
            return ABSENT
        stage = self.values.read.get(text)
        if stage is None:
            raise Invalid(f"'{text}' is in no row of its table")
        return self._lost(stage, mark) or stage

    def _lost(self, stage: str, mark: Any) -> str | None:
        if self.lost_values is None or mark is None or mark in self.empty:
            return None
        lost = self.lost_values.read.get(text_of(mark))
        if lost is None or stage not in self.lost_values.guards.get(lost, self.guard):
            return None
        return lost

    def entered(self, record: Mapping[str, Any], raw: str | None = None) -> datetime | None:
        """When the platform says that the stage (or the remote value `raw`) was entered."""
        if self.at is None:
            return None
        if raw is None:
            current = remote.read(record, self.main)
            if current is ABSENT or current in self.empty:
                return None
            raw = text_of(current)
        stamp = remote.read(record, remote.parse(self.at.replace("{value}", raw), flat=self.flat))
        if stamp is ABSENT or stamp in self.empty:
            return None
        try:
            return read_datetime(stamp)
        except Invalid:
            return None

    def image(self, stage: str | None) -> str | None:
        """Raises `Invalid` for a stage that cannot be said there."""
        if stage is None:
            return None
        table = self._table(stage)
        if stage in table.cannot or stage not in table.write:
            raise Invalid(table.cannot.get(stage, f"'{stage}' has no row in its table"))
        image = table.image(stage)
        return stage if image is None else image

    def write(self, payload: dict[str, Any], stage: str | None, record: Mapping[str, Any] | None) -> None:
        """Raises `Invalid`, leaving the payload as it was."""
        if stage is None:
            remote.write(payload, record, self.main, self.empty[0])
            return
        table = self._table(stage)
        if stage in table.cannot or stage not in table.write:
            raise Invalid(table.cannot.get(stage, f"'{stage}' has no row in its table"))
        value = on_the_wire(table.write[stage], self.as_text)
        if table is not self.lost_values:
            remote.write(payload, record, self.main, value)
            mark = remote.read(record, self.lost) if self.lost is not None and record is not None else None
            if self.lost is not None and mark is not ABSENT and self._lost(stage, mark):
                remote.write(payload, record, self.lost, self.empty[0])
            return
        assert self.lost is not None
        if record is not None:
            raw = remote.read(record, self.main)
            now = None if raw is ABSENT or raw in self.empty else self.values.read.get(text_of(raw))
            guard = table.guards.get(stage, self.guard)
            if now not in guard:
                raise Invalid(f"it counts there only while the stage is one of {', '.join(sorted(guard))}, not {now}")
        remote.write(payload, record, self.lost, value)

    def _table(self, stage: str) -> Values:
        if self.lost_values is not None and (stage in self.lost_values.write or stage in self.lost_values.cannot):
            return self.lost_values
        return self.values

    def references(self) -> list[str]:
        """Every remote field that reading the stage needs."""
        out = [self.main.text] + ([self.lost.text] if self.lost is not None else [])
        if self.at is not None:
            out += [self.at.replace("{value}", theirs) for theirs in self.values.read]
        return out
