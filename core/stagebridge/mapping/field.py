"""One canonical path and the remote field that holds it, compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from fnmatch import fnmatchcase
from typing import Any

from stagebridge.mapping import remote
from stagebridge.mapping.codecs import Codec, on_the_wire
from stagebridge.mapping.remote import ABSENT, Ref
from stagebridge.mapping.values import Values, text_of
from stagebridge.normalize import Invalid
from stagebridge.values import is_blank

SETS = frozenset({"emails", "phones", "tags"})
"""Paths that take every element of a list; every other path takes the first."""

Reader = Callable[[Mapping[str, Any]], Any]
Writer = Callable[[dict[str, Any], Mapping[str, Any] | None, Any], None]


def _nowhere(payload: dict[str, Any], base: Mapping[str, Any] | None, value: Any) -> None:
    raise AssertionError("a path that is read only")


@dataclass(slots=True)
class Field:
    """`reads` are tried in order; `target` is None for a path that is read only. `empty` is what the platform calls no
    value: the first is written, all are read. `shares` says that other paths live in the same list element."""

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
    shares: bool = True
    blanks: tuple[Any, ...] = ()
    readers: tuple[Reader, ...] = dataclass_field(default=(), repr=False)
    there: Reader = dataclass_field(default=lambda record: ABSENT, repr=False)
    set: Writer = dataclass_field(default=_nowhere, repr=False)

    def __post_init__(self) -> None:
        self.blanks = tuple(dict.fromkeys((*self.empty, "", *(() if self.default is None else (self.default,)))))
        self.readers = tuple(map(remote.reader, self.reads))
        if self.target is not None:
            self.there = remote.reader(self.target)
            self.set = remote.writer(self.target, as_text=self.as_text)

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, record: Mapping[str, Any]) -> Any:
        """The canonical value, None for empty, `ABSENT` where the record does not say. Raises `Invalid`."""
        found: Any = ABSENT
        for get in self.readers:
            raw = get(record)
            if raw is ABSENT:
                continue
            value = self.value(raw)
            if value is None:
                found = None
            elif value is not ABSENT:
                return value
        return found

    def value(self, raw: Any) -> Any:
        """What one wire value says: the canonical value, None for empty, `ABSENT` for a silent one. Raises `Invalid`."""
        if raw in self.blanks:
            return None
        if self.table is not None:
            text = text_of(raw if self.codec.type == "string" else self.codec.read(raw))
            found = self.table.read.get(text)
            if found is None:
                if text in self.table.silent:
                    return ABSENT
                raise Invalid(f"'{text}' is in no row of its table")
            return found
        return _or_blank(self.codec.read, raw)

    def reading(self) -> Callable[[Any], Any]:
        """`value`, compiled."""
        if self.table is not None:
            return self.value
        blanks, read = self.blanks, self.codec.read

        def plain(raw: Any) -> Any:
            if raw in blanks:
                return None
            try:
                return read(raw)
            except Invalid:
                return _or_blank(read, raw)

        return plain

    # --- writing -----------------------------------------------------------------------------------------------

    def image(self, value: Any) -> Any:
        """What the field reads as after `value` was written. Raises `Invalid` for one that it cannot take."""
        if is_blank(value):
            return None
        if self.table is not None:
            return self.table.image(value)
        if self.longest is not None or self.default is not None:
            self.scalar(value)
        image = self.codec.image(value)
        return None if image in self.blanks else image

    def imaging(self) -> Callable[[Any], Any]:
        """`image`, compiled: most values are texts that come back as they were."""
        image, blanks, longest = self.image, self.blanks, self.longest
        odd = self.table is not None or self.chain is not None or self.default is not None
        if odd or not self.codec.exact or type(self) is not Field:
            return image

        def plain(value: Any) -> Any:
            if type(value) is str and value not in blanks and (longest is None or len(value) <= longest):
                return value
            return image(value)

        return plain

    def scalar(self, value: Any) -> Any:
        """The wire value of one canonical value. Raises `Invalid`."""
        if self.table is not None:
            theirs = self.table.theirs(value)
            return self._theirs(theirs) if self.chain is None else on_the_wire(self.chain(theirs), self.as_text)
        out = self.codec.write(value) if self.chain is None else self.chain(value)
        return on_the_wire(out if self.longest is None else self.fitting(out), self.as_text)

    def writing(self) -> Callable[[Any], Any]:
        """`scalar`, compiled."""
        if self.table is not None or self.longest is not None or self.as_text:
            return self.scalar
        write = self.codec.write if self.chain is None else self.chain
        if self.chain is None and self.codec.exact and self.codec.name != "raw":
            return write  # a text is on the wire what it is

        def plain(value: Any) -> Any:
            out = write(value)
            return out if type(out) is str else on_the_wire(out, False)

        return plain

    def fitting(self, out: Any) -> Any:
        """A wire value, if it is not longer than the field takes. Raises `Invalid`."""
        if self.longest is not None and isinstance(out, str) and len(out) > self.longest:
            raise Invalid(f"longer than the {self.longest} characters that this field takes")
        return out

    def put(self, payload: dict[str, Any], value: Any, record: Mapping[str, Any] | None) -> bool:
        """Write a canonical value; False if the record holds exactly that already. Raises `Invalid`, leaving the
        payload as it was."""
        assert self.target is not None
        wire = self._blank() if is_blank(value) else self.scalar(value)
        if record is not None:
            if self.there(record) == wire:
                return False
            if is_blank(value) and not self.shares:
                remote.remove(payload, record, self.target)
                return True
        self.set(payload, record, wire)
        return True

    def _blank(self) -> Any:
        if self.default is not None:
            return self.default
        if self.table is not None and self.table.silent:
            return self._theirs(self.table.silent[0])
        return self.empty[0]

    def _theirs(self, text: str) -> Any:
        return on_the_wire(text if self.codec.type == "string" else self.codec.write(text), self.as_text)


def _or_blank(read: Callable[[Any], Any], raw: Any) -> Any:
    """What nobody can read, and what has nothing but space in it, are two things."""
    return None if isinstance(raw, str) and not raw.strip() else read(raw)


@dataclass(slots=True)
class SetField(Field):
    """A path that is a set: a list of values, a list of elements, or a text with a separator in it."""

    def read(self, record: Mapping[str, Any]) -> Any:
        said: Any = ABSENT
        for ref, get in zip(self.reads, self.readers, strict=True):
            raw = remote.read_all(record, ref) if ref.in_list else get(record)
            if raw is ABSENT:
                continue
            said = None
            found = {self.codec.read(part) for part in self._parts(raw)}
            found.discard(None)
            if found:
                return frozenset(found)
        return said

    def split(self, raw: Any) -> list[Any]:
        """The single wire values of what stands in the field."""
        parts: list[Any] = []
        for item in raw if isinstance(raw, list) else () if raw is ABSENT or raw in self.blanks else (raw,):
            parts += item.split(self.sep) if self.sep and isinstance(item, str) else [item]
        return [p for p in parts if not self._hollow(p)]

    def _parts(self, raw: Any) -> list[Any]:
        """Those that count."""
        return [p for p in self.split(raw) if not self._ignored(p)]

    def _hollow(self, part: Any) -> bool:
        return part is None or part in self.blanks or (isinstance(part, str) and not part.strip())

    def _ignored(self, part: Any) -> bool:
        return any(fnmatchcase(str(part).strip(), pattern) for pattern in self.ignore)

    def image(self, value: Any) -> Any:
        if is_blank(value):
            return None
        found = {self.codec.image(v) for v in value if not self._ignored(self._part(v))}
        return frozenset(found) or None

    def _part(self, value: Any) -> str:
        out = str(self.codec.write(value) if self.chain is None else self.chain(value))
        if self.sep is not None and self.sep in out:
            raise Invalid(f"a value contains '{self.sep}', which separates the values there")
        if self.longest is not None and len(out) > self.longest:
            raise Invalid(f"a value is longer than the {self.longest} characters that this field takes")
        return out

    def put(self, payload: dict[str, Any], value: Any, record: Mapping[str, Any] | None) -> bool:
        assert self.target is not None
        wanted = {self.codec.image(v): self._part(v) for v in value or ()}
        wanted = {image: part for image, part in wanted.items() if not self._ignored(part)}
        there = set()
        for part in self._parts(self._raw(record)):
            try:
                there.add(self.codec.read(part))
            except Invalid:  # only if forced: nobody understands it, so it goes
                continue
        added = [wanted[image] for image in sorted(wanted.keys() - there)]
        if self.target.in_list:
            remote.reconcile(
                payload, record, self.target, lambda raw: self._kept(raw, wanted), added, as_text=self.as_text
            )
            return True
        kept = [p for p in self.split(self._raw(record)) if self._kept(p, wanted)]
        return self.put_all(payload, record, [*kept, *added])

    def put_all(self, payload: dict[str, Any], record: Mapping[str, Any] | None, parts: list[Any]) -> bool:
        """Write these wire values and no others; False if the record holds exactly them already."""
        out: Any = parts if self.sep is None else self.sep.join(parts) or self.empty[0]
        if record is not None and self._raw(record) == out:
            return False
        self.set(payload, record, out)
        return True

    def _raw(self, record: Mapping[str, Any] | None) -> Any:
        """What stands where the set is written."""
        assert self.target is not None
        if record is None:
            return None
        return remote.read_all(record, self.target) if self.target.in_list else self.there(record)

    def _kept(self, raw: Any, wanted: Mapping[Any, str]) -> bool:
        """Whether an element stays: it is one of the wanted, or none of ours."""
        if self._hollow(raw):
            return False
        if self._ignored(raw):
            return True
        try:
            return self.codec.read(raw) in wanted
        except Invalid:
            return False
