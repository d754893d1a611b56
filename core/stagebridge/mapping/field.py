"""One canonical path and the remote field that holds it, compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from stagebridge.mapping import remote
from stagebridge.mapping.codecs import Codec, on_the_wire
from stagebridge.mapping.remote import ABSENT, Ref
from stagebridge.mapping.values import Values, text_of
from stagebridge.normalize import Invalid
from stagebridge.values import is_blank

SETS = frozenset({"emails", "phones", "tags"})


@dataclass(slots=True)
class Field:
    """`reads` are tried in order; `target` is None for a path that is read only."""

    path: str
    reads: tuple[Ref, ...]
    target: Ref | None
    codec: Codec
    chain: Callable[[Any], Any] | None = None
    table: Values | None = None
    sep: str | None = None
    ignore: tuple[str, ...] = ()
    default: str | None = None
    longest: int | None = None
    empty: tuple[Any, ...] = (None,)
    as_text: bool = False

    @property
    def is_set(self) -> bool:
        return self.path in SETS

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, record: Mapping[str, Any]) -> Any:
        """The canonical value, None for empty, `ABSENT` where the record does not say. Raises `Invalid`."""
        if self.is_set:
            return self._read_set(record)
        found: Any = ABSENT
        for ref in self.reads:
            raw = remote.read(record, ref)
            if raw is ABSENT:
                continue
            if self._blank(raw):
                found = None
                continue
            value = self._one(raw)
            if value is not ABSENT:
                return value
        return found

    def _one(self, raw: Any) -> Any:
        if self.table is not None:
            text = text_of(raw)
            if text in self.table.silent:
                return ABSENT
            if text not in self.table.read:
                raise Invalid(f"'{text}' is in no row of its table")
            return self.table.read[text]
        return self.codec.read(raw)

    def _read_set(self, record: Mapping[str, Any]) -> Any:
        raw = remote.read_all(record, self.reads[0])
        if raw is ABSENT:
            return ABSENT
        parts: list[Any] = []
        for item in raw if isinstance(raw, list) else []:
            if item is None:
                continue
            parts += str(item).split(self.sep) if self.sep and isinstance(item, str) else [item]
        out = set()
        for part in parts:
            if self._blank(part) or (isinstance(part, str) and not part.strip()) or self._ignored(part):
                continue
            out.add(self.codec.read(part))
        return frozenset(out) if out else None

    def _ignored(self, element: Any) -> bool:
        return any(fnmatchcase(str(element), pattern) for pattern in self.ignore)

    def _blank(self, raw: Any) -> bool:
        return raw is None or raw in self.empty or (self.default is not None and raw == self.default)

    # --- writing -----------------------------------------------------------------------------------------------

    def wire(self, value: Any, record: Mapping[str, Any] | None) -> Any:
        """The bytes for a canonical value. Raises `Invalid` for one that this field cannot take."""
        if is_blank(value):
            if self.default is not None:
                return self.default
            if self.table is not None and self.table.silent:
                return self._scalar(self.table.silent[0])
            return [] if self.is_set and self.sep is None else self.empty[0]
        if self.is_set:
            return self._wire_set(value, record)
        if self.table is not None:
            if value in self.table.cannot or value not in self.table.write:
                raise Invalid(self.table.cannot.get(value, f"'{value}' has no row in its table"))
            return self._scalar(self.table.write[value])
        out = self.chain(value) if self.chain is not None else self.codec.write(value)
        if self.longest is not None and isinstance(out, str) and len(out) > self.longest:
            raise Invalid(f"longer than the {self.longest} characters that this field takes")
        return on_the_wire(out, self.as_text)

    def _scalar(self, text: str) -> Any:
        return on_the_wire(
            self.codec.write(text) if self.codec.name in ("bool", "int", "number") else text, self.as_text
        )

    def _wire_set(self, value: Any, record: Mapping[str, Any] | None) -> Any:
        parts = [str(self.codec.write(v)) for v in sorted(value)]
        if self.ignore and record is not None:
            kept = remote.read_all(record, self.reads[0])
            parts += [str(k) for k in kept if self._ignored(k)] if isinstance(kept, list) else []
        return self.sep.join(parts) if self.sep is not None else parts

    def image(self, value: Any) -> Any:
        """What the field reads as after `value` was written. Raises `Invalid`."""
        if is_blank(value):
            return None
        if self.table is not None:
            if value in self.table.cannot or value not in self.table.write:
                raise Invalid(self.table.cannot.get(value, f"'{value}' has no row in its table"))
            return self.table.image(value)
        if self.is_set:
            return frozenset(self.codec.read(self.codec.write(v)) for v in value if not self._ignored(v)) or None
        written = self.codec.write(value)
        if self.longest is not None and isinstance(written, str) and len(written) > self.longest:
            raise Invalid(f"longer than the {self.longest} characters that this field takes")
        return self.codec.read(written) if self.codec.name not in EXACT else value


EXACT = frozenset({"text", "opaque", "email", "phone", "country", "country_name", "language", "timezone", "url", "raw"})
"""Codecs that lose nothing: a canonical value reads back as itself."""
