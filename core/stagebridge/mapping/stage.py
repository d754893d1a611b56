"""The lifecycle stage on a platform: one field, or two, of which the second counts only while the first one says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stagebridge.mapping import remote
from stagebridge.mapping.codecs import on_the_wire, read_datetime
from stagebridge.mapping.remote import ABSENT, Ref
from stagebridge.mapping.values import Values, text_of
from stagebridge.normalize import Invalid

Reader = Callable[[Mapping[str, Any]], Any]


def _nothing(record: Mapping[str, Any]) -> None:
    """A second field that there is not."""
    del record


@dataclass(slots=True)
class StageField:
    """`main` and `lost` are the two fields with their tables; `guard` the stages under which a lost mark counts; `at`
    a reference with `{value}` in it, the time that the platform stamps itself."""

    main: Ref
    values: Values
    lost: Ref | None = None
    lost_values: Values = field(default_factory=Values)
    guard: tuple[str, ...] = ()
    at: str | None = None
    flat: bool = False
    empty: tuple[Any, ...] = (None,)
    as_text: bool = False
    stamps: dict[str, Ref] = field(default_factory=dict)
    _main: Reader = field(default=_nothing, repr=False)
    _mark: Reader = field(default=_nothing, repr=False)

    def __post_init__(self) -> None:
        self._main = remote.reader(self.main)
        if self.lost is not None:
            self._mark = remote.reader(self.lost)
        if self.at is not None:
            self.stamps = {v: self._stamp(v) for v in (*self.values.read, *self.values.silent)}

    def _stamp(self, theirs: str) -> Ref:
        return remote.parse((self.at or "").replace("{value}", theirs), flat=self.flat)

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, record: Mapping[str, Any]) -> Any:
        """The stage, None for none, `ABSENT` where the record does not show what it takes. Raises `Invalid`."""
        raw, mark = self._main(record), self._mark(record)
        if raw is ABSENT or mark is ABSENT:
            return ABSENT
        if self._blank(raw):
            return None
        text = text_of(raw)
        stage = self.values.read.get(text)
        if stage is None:
            if text in self.values.silent:
                return ABSENT
            raise Invalid(f"'{text}' is in no row of its table")
        return self._counting(stage, mark) or stage

    def _counting(self, stage: str | None, mark: Any) -> str | None:
        """The lost stage that a mark means while the first field says `stage`."""
        if stage is None or self._blank(mark):
            return None
        lost = self.lost_values.read.get(text_of(mark))
        return lost if lost is not None and stage in self._guard(lost) else None

    def _guard(self, lost: str) -> tuple[str, ...]:
        return self.lost_values.guards.get(lost, self.guard)

    def _blank(self, raw: Any) -> bool:
        return raw is None or raw == "" or raw in self.empty

    def now(self, record: Mapping[str, Any]) -> str | None:
        """What the first field says by itself."""
        raw = self._main(record)
        return None if raw is ABSENT or self._blank(raw) else self.values.read.get(text_of(raw))

    def entered(self, record: Mapping[str, Any], stage: str | None = None) -> datetime | None:
        """When the platform says that `stage`, or the one that the first field shows now, was entered."""
        if not self.stamps:
            return None
        if stage is None:
            raw = self._main(record)
            theirs = [] if raw is ABSENT or self._blank(raw) else [text_of(raw)]
        else:
            theirs = [t for t, ours in self.values.read.items() if ours == stage]
        found = [moment for t in theirs if t in self.stamps and (moment := self._moment(record, t)) is not None]
        return min(found) if found else None

    def _moment(self, record: Mapping[str, Any], theirs: str) -> datetime | None:
        stamp = remote.read(record, self.stamps[theirs])
        if stamp is ABSENT or self._blank(stamp):
            return None
        try:
            return read_datetime(stamp)
        except Invalid:
            return None

    # --- writing -----------------------------------------------------------------------------------------------

    def image(self, stage: str | None) -> str | None:
        """Raises `Invalid` for a stage that cannot be said there."""
        return None if stage is None else self._table(stage).image(stage)

    def write(self, payload: dict[str, Any], stage: str | None, record: Mapping[str, Any] | None) -> bool:
        """Returns whether there was anything to write. Raises `Invalid`, leaving the payload as it was."""
        mark = None
        if record is not None:
            mark = self._mark(record)
            if mark is ABSENT or (self.lost is not None and self._main(record) is ABSENT):
                raise Invalid("the record does not show both fields that the stage takes")
        if stage is None:
            return self._put(payload, record, self.main, self.empty[0])
        if self._table(stage) is self.lost_values:
            return self._write_lost(payload, stage, record)
        value = self.values.theirs(stage)
        written = False
        if record is None or self.now(record) != self.values.image(stage):
            written = self._put(payload, record, self.main, on_the_wire(value, self.as_text))
        if self.lost is not None and self._counting(stage, mark):
            written |= self._put(payload, record, self.lost, self.empty[0])
        return written

    def _write_lost(self, payload: dict[str, Any], stage: str, record: Mapping[str, Any] | None) -> bool:
        assert self.lost is not None
        guard = self._guard(stage)
        mark = on_the_wire(self.lost_values.theirs(stage), self.as_text)
        if record is None:
            # a mark alone would count only if the platform's own first stage happens to allow it
            first = next((s for s in guard if s in self.values.write), None)
            if first is None:
                raise Invalid(f"it counts there only while the stage is one of {', '.join(guard)}; none can be written")
            self._put(payload, None, self.main, on_the_wire(self.values.write[first], self.as_text))
        elif (now := self.now(record)) not in guard:
            raise Invalid(f"it counts there only while the stage is one of {', '.join(guard)}, not {now or 'none'}")
        return self._put(payload, record, self.lost, mark)

    def _put(self, payload: dict[str, Any], record: Mapping[str, Any] | None, ref: Ref, value: Any) -> bool:
        if record is not None and remote.read(record, ref) == value:
            return False
        remote.write(payload, record, ref, value, as_text=self.as_text)
        return True

    def _table(self, stage: str) -> Values:
        lost = self.lost_values
        return lost if self.lost is not None and (stage in lost.write or stage in lost.cannot) else self.values

    def references(self) -> list[str]:
        """Every remote field that reading the stage needs."""
        out = [self.main.text] + ([self.lost.text] if self.lost is not None else [])
        return out + ([self.at.replace("{value}", t) for t in self.values.read] if self.at is not None else [])
