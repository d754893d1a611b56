"""Events, compiled: a conversion event as one platform takes it, and a platform's document as our event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from operator import attrgetter
from typing import Any, get_args

from pydantic import ValidationError

from stagebridge.contact import Contact, kind_of
from stagebridge.event import Channel, ConversionEvent
from stagebridge.mapping import remote
from stagebridge.mapping.codecs import on_the_wire
from stagebridge.mapping.field import SETS, Field
from stagebridge.mapping.remote import ABSENT, Ref
from stagebridge.mapping.shape import Payload, View
from stagebridge.mapping.steps import Beside, Step
from stagebridge.normalize import Invalid

KINDS: Mapping[str, str] = {
    "id": "opaque", "name": "text", "at": "datetime", "key": "opaque", "value": "decimal", "currency": "currency",
    "order_id": "opaque", "items": "any", "channel": "text", "chat": "text", "source_url": "opaque",
    "referrer": "opaque", "ip": "opaque", "user_agent": "opaque", "stage": "text", "consent_ads": "consent",
}  # fmt: skip
ITEM = {"id": "opaque", "name": "text", "quantity": "int", "price": "decimal", "category": "text", "brand": "text"}
CHANNELS = frozenset(get_args(Channel))

Getter = Callable[[ConversionEvent], Any]
Putter = Callable[[dict[str, Any], Any, ConversionEvent], None]
Needs = tuple[tuple[str, tuple[Getter, ...]], ...]
"""What an event must say: the sentence's words, and any of which paths will do."""


def event_kind(path: str) -> str | None:
    """The kind of an event's path; `contact.email` and the like are the contact's."""
    if path in KINDS:
        return KINDS[path]
    if path.startswith("contact."):
        return kind_of(path.removeprefix("contact."))
    return kind_of(path) if path.startswith(("custom.", "click_ids.", "lead_ids.")) else None


def getter(path: str) -> Getter:
    """What an event says at a path; None, or empty, where it says nothing."""
    group, _, name = path.partition(".")
    if not name:
        return attrgetter(path)
    if group != "contact":
        return _named(attrgetter(group), name)
    group, _, name = name.partition(".")
    if group == "consent":
        channel, _, part = name.partition(".")
        consent, part = attrgetter(f"contact.consent.{channel}"), part or "value"
        return lambda event: getattr(consent(event), part, None)
    if not name or group == "address":
        return attrgetter(path)
    return _named(attrgetter(f"contact.{group}"), name)


def _named(table: Getter, name: str) -> Getter:
    return lambda event: table(event).get(name)


def says(value: Any) -> bool:
    """Whether a value is one: neither absent nor empty. Zero and False are values."""
    return value is not None and (bool(value) or not (value == "" or value == () or value == frozenset()))


# --- one path -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class EventField:
    """One path; `steps` are its chain for writing, `each` maps the parts of an item."""

    field: Field
    each: tuple[Field, ...] = ()
    steps: tuple[Step | Beside, ...] = ()
    get: Getter = dataclass_field(init=False, repr=False)
    put: Putter | None = dataclass_field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.get = getter(self.field.path)
        self.put = None if self.field.target is None else self._items() if self.each else self._putter()

    def _putter(self) -> Putter:
        place, wire = self.field.set, self._wire()
        if self.field.path.removeprefix("contact.") in SETS:

            def every(payload: dict[str, Any], value: Any, event: ConversionEvent) -> None:
                for one in sorted(value):
                    place(payload, None, wire(one, event))

            return every
        return lambda payload, value, event: place(payload, None, wire(value, event))

    def _wire(self) -> Callable[[Any, ConversionEvent], Any]:
        """The wire value of a canonical one: most are one step, and some step looks at a second value."""
        one, scalar, as_text = self.field, self.field.scalar, self.field.as_text
        if len(self.steps) == 1 and one.table is None and one.longest is None:
            [step] = self.steps
            if isinstance(step, Beside):
                beside, other = step.step, getter(step.path)
                return lambda value, event: on_the_wire(beside(value, other(event)), as_text)
            return lambda value, event: on_the_wire(step(value), as_text)
        if not any(isinstance(s, Beside) for s in self.steps):
            return lambda value, event: scalar(value)
        made = [(s.step, getter(s.path)) if isinstance(s, Beside) else (s, None) for s in self.steps]

        def run(value: Any, event: ConversionEvent) -> Any:
            out = value if one.table is None else one.table.theirs(value)
            for step, other in made:
                out = step(out) if other is None else step(out, other(event))  # type: ignore[call-arg]
            return on_the_wire(one.fitting(out), as_text)

        return run

    def _items(self) -> Putter:
        place = self.field.set
        parts = [(attrgetter(p.path), p.set, p.scalar) for p in self.each if p.target is not None]

        def items(payload: dict[str, Any], value: Any, event: ConversionEvent) -> None:
            out = []
            for item in value:
                made: dict[str, Any] = {}
                for get, put, scalar in parts:
                    found = get(item)
                    if found is not None:
                        put(made, None, scalar(found))
                out.append(made)
            place(payload, None, out)

        return items

    def read(self, record: Mapping[str, Any]) -> Any:
        if not self.each:
            return self.field.read(record)
        raw = remote.read(record, self.field.reads[0]) if self.field.reads else ABSENT
        if not isinstance(raw, list):
            return ABSENT
        found = [{part.path: part.read(item) for part in self.each if part.reads} for item in raw]
        return tuple({k: v for k, v in item.items() if v is not ABSENT and v is not None} for item in found)


# --- names ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Names:
    """`rows`: {ours, or `ours/stage`: (theirs, what it needs)}; theirs may be `drop`, and may have `{stage}` in it. Where
    several of ours are one of theirs, that one reads as the first."""

    rows: Mapping[str, tuple[str, Needs]] = dataclass_field(default_factory=dict)
    passing: bool = False
    """A name in no row goes as it is."""
    stages: frozenset[str] = frozenset()
    _read: dict[str, tuple[str, str | None]] = dataclass_field(default_factory=dict)

    def __post_init__(self) -> None:
        for ours, (theirs, _) in self.rows.items():
            name, _, stage = ours.partition("/")
            if theirs == "drop":
                continue
            found = {theirs: stage or None} if "{stage}" not in theirs else {}
            if not found:
                found = {theirs.replace("{stage}", s): s for s in self.stages}
            for one, of in found.items():
                if "{stage}" not in theirs or one not in self._read:
                    self._read.setdefault(one, (name, of))

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


# --- one variant ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class EventShape:
    """One variant of a platform's events. `marks` are those of its constants that stand in the file: a document that has
    them is one of it."""

    name: str
    fields: tuple[EventField, ...]
    names: Names
    name_field: Ref | None = None
    when: Mapping[str, tuple[str, ...]] = dataclass_field(default_factory=dict)
    require: Needs = ()
    constants: tuple[tuple[Ref, Any], ...] = ()
    marks: tuple[tuple[Ref, Any], ...] = ()
    given: Mapping[str, Any] = dataclass_field(default_factory=dict)
    alone: bool = dataclass_field(init=False)
    """Its documents are events and no contacts: what they say of a person stands among its own fields."""
    _when: tuple[tuple[Getter, bool, frozenset[str]], ...] = dataclass_field(init=False, repr=False)
    _writes: tuple[tuple[str, Getter, Putter], ...] = dataclass_field(init=False, repr=False)
    _constants: tuple[tuple[Callable[..., None], Any], ...] = dataclass_field(init=False, repr=False)
    _name: Callable[..., None] | None = dataclass_field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.alone = any(f.field.path.startswith("contact.") for f in self.fields)
        self._when = tuple((getter(p), p == "channel", frozenset(wanted)) for p, wanted in self.when.items())
        self._writes = tuple((f.field.path, f.get, f.put) for f in self.fields if f.put is not None)
        self._constants = tuple((remote.writer(ref), value) for ref, value in self.constants)
        self._name = remote.writer(self.name_field) if self.name_field is not None else None
        implied: dict[str, Any] = {}
        for path, wanted in self.when.items():
            chat = path == "channel" and wanted[0] not in CHANNELS
            implied |= {"channel": "chat", "chat": wanted[0]} if chat else {path: wanted[0]}
        self.given = {**implied, **self.given}

    # --- there -------------------------------------------------------------------------------------------------

    def fits(self, event: ConversionEvent) -> bool:
        """A chat's name stands for its channel too."""
        return all(get(event) in wanted or (chat and event.chat in wanted) for get, chat, wanted in self._when)

    def write(self, event: ConversionEvent) -> Payload:
        payload = Payload(self.name)
        theirs, wanted = self.names.theirs(event.name, event.stage)
        if theirs == "drop":
            payload.problems["name"] = f"{self.name} takes no {event.name}"
            return payload
        lacks = [words for words, any_of in (*self.require, *wanted) if not any(says(get(event)) for get in any_of)]
        if lacks or not theirs:
            payload.problems["require"] = "; ".join(lacks) or "needs stage"
            return payload
        if self._name is not None:
            self._name(payload, None, theirs)
        paths = payload.paths
        for path, get, put in self._writes:
            value = get(event)
            if value is None or not (value or says(value)):
                continue
            try:
                put(payload, value, event)
            except Invalid as reason:
                payload.problems[path] = str(reason)
                continue
            paths.add(path)
        for place, constant in self._constants:
            place(payload, None, constant)
        return payload

    # --- and back ----------------------------------------------------------------------------------------------

    def of(self, record: Mapping[str, Any]) -> bool:
        """Whether a document is one of this variant."""
        return all(remote.read(record, ref) == value for ref, value in self.marks)

    def read(self, record: Mapping[str, Any], contact: View) -> list[ConversionEvent]:
        """The events of a document; what is wrong with them is told among the contact's problems as `event.<path>`."""
        made: dict[str, Any] = {"contact": dict(contact), "raw": record}
        for path, value in {**self.given, **dict(self._said(record, contact))}.items():
            group, _, name = path.partition(".")
            if group == "contact":
                made["contact"][name] = contact[name] = value
            elif name:
                made.setdefault(group, {})[name] = value
            else:
                made[path] = value
        try:
            made["contact"] = Contact.from_paths(made["contact"])
            return [ConversionEvent.model_validate(made)]
        except ValidationError as error:
            for wrong in error.errors(include_input=False, include_url=False):
                path = ".".join(map(str, wrong["loc"])) or "value"
                contact.problems.setdefault(f"event.{path}", wrong["msg"].removeprefix("Value error, "))
            return []

    def _said(self, record: Mapping[str, Any], contact: View) -> Iterator[tuple[str, Any]]:
        for path, read in ((f.field.path, f.read) for f in self.fields):
            try:
                value = read(record)
            except Invalid as reason:
                contact.problems[f"event.{path}"] = str(reason)
                continue
            if value is not ABSENT and says(value):
                yield path, value
        if self.name_field is None:
            return
        theirs = remote.read(record, self.name_field)
        try:
            name, stage = self.names.ours(theirs) if isinstance(theirs, str) else (None, None)
        except Invalid as reason:
            contact.problems["event.name"] = str(reason)
            return
        yield from ((p, v) for p, v in (("name", name), ("stage", stage)) if v)


__all__ = ["EventField", "EventShape", "Names", "event_kind"]
