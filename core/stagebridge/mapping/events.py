"""Events, compiled: a conversion event as one platform takes it, and a platform's document as our event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal
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
Needs = tuple[tuple[str, tuple[Getter, ...]], ...]
"""What an event must say: the sentence's words, and any of which paths will do."""


def event_kind(path: str) -> str | None:
    """The kind of an event's path; `contact.email` and the like are the contact's."""
    if path in KINDS:
        return KINDS[path]
    if path.startswith("contact."):
        return kind_of(path.removeprefix("contact."))
    return kind_of(path) if path.startswith(("custom.", "click_ids.", "lead_ids.")) else None


def split(path: str) -> tuple[str, str]:
    """Where a path's value is held, and its name there: `contact.address.city` is the address's city."""
    if path.startswith("contact.consent."):
        _, _, channel, *part = path.split(".")
        return f"contact.consent.{channel}", part[0] if part else "value"
    if path.startswith("contact."):
        group, sign, name = path.removeprefix("contact.").partition(".")
        return (f"contact.{group}", name) if sign else ("contact", group)
    group, sign, name = path.partition(".")
    return (group, name) if sign else ("", path)


def holder(place: str) -> Callable[[ConversionEvent], Mapping[str, Any]]:
    """The table of an event that holds the values of a place, empty where there is none. A model's fields are its
    `vars`: looked up there, an event of forty paths costs what its own few values cost."""
    if not place:
        return vars
    found = attrgetter(place)

    def held(event: ConversionEvent) -> Mapping[str, Any]:
        table = found(event)
        return table if type(table) is dict else {} if table is None else vars(table)

    return held


def getter(path: str) -> Getter:
    """What an event says at a path; None, or empty, where it says nothing."""
    place, name = split(path)
    if place in ("", "contact", "contact.address"):
        return attrgetter(path)
    held = holder(place)
    return lambda event: held(event).get(name)


def lacking(needs: Needs, event: ConversionEvent) -> list[str]:
    """The words for what an event does not say of what it must."""
    lacks = []
    for words, any_of in needs:
        for get in any_of:
            value = get(event)
            if value or says(value):
                break
        else:
            lacks.append(words)
    return lacks


def says(value: Any) -> bool:
    """Whether a value is one: neither absent nor empty. Zero and False are values."""
    return bool(value) or isinstance(value, int | float | Decimal)


# --- one path -------------------------------------------------------------------------------------------------


Special = Callable[[dict[str, Any], Any, ConversionEvent], None]


@dataclass(slots=True)
class EventField:
    """One path; `steps` are its chain for writing, `each` maps the parts of an item.

    `wire` makes the wire value of a canonical one, which stands where the field's `set` puts it; a path that needs more
    than that, a second value or a place for each of several, is written by `special`. Either raises `Invalid`, and leaves
    the payload as it was.
    """

    field: Field
    each: tuple[Field, ...] = ()
    steps: tuple[Step | Beside, ...] = ()
    wire: Callable[..., Any] = dataclass_field(init=False, repr=False)
    special: Special | None = dataclass_field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self.wire = self._items() if self.each else self._wire()
        beside = next((s for s in self.steps if isinstance(s, Beside)), None)
        if beside is not None:
            self.special = self._with(getter(beside.path))
        elif self.field.path.removeprefix("contact.") in SETS:
            self.special = self._every

    def _with(self, other: Getter) -> Special:
        place, wire = self.field.set, self.wire
        return lambda payload, value, event: place(payload, None, wire(value, other(event)))

    def _every(self, payload: dict[str, Any], value: Any, event: ConversionEvent) -> None:
        for out in [self.wire(element) for element in sorted(value)]:
            self.field.set(payload, None, out)

    def _wire(self) -> Callable[..., Any]:
        """From a canonical value to its wire value; with a step that looks at a second value, from both."""
        one, steps = self.field, self.steps
        if not any(isinstance(s, Beside) for s in steps):
            return one.writing()

        def run(value: Any, other: Any) -> Any:
            out = value if one.table is None else one.table.theirs(value)
            for step in steps:
                out = step.step(out, other) if isinstance(step, Beside) else step(out)
            return on_the_wire(one.fitting(out), one.as_text)

        return run

    def _items(self) -> Callable[..., Any]:
        parts = [(p.path, p.set, p.writing()) for p in self.each if p.target is not None]

        def items(value: Any) -> list[dict[str, Any]]:
            out = []
            for item in value:
                made: dict[str, Any] = {}
                said = vars(item)
                for name, put, wire in parts:
                    found = said.get(name)
                    if found is not None:
                        put(made, None, wire(found))
                out.append(made)
            return out

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
    several of ours are one of theirs, that one reads as the first, and as a stage only if no row names it."""

    rows: Mapping[str, tuple[str, Needs]] = dataclass_field(default_factory=dict)
    passing: bool = False
    """A name in no row goes as it is."""
    stages: frozenset[str] = frozenset()
    _read: dict[str, tuple[str, str | None]] = dataclass_field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = [(*ours.partition("/")[::2], theirs) for ours, (theirs, _) in self.rows.items() if theirs != "drop"]
        for name, stage, theirs in rows:
            if "{stage}" not in theirs:
                self._read.setdefault(theirs, (name, stage or None))
        for name, _, theirs in rows:
            if "{stage}" in theirs:
                for stage in self.stages:
                    self._read.setdefault(theirs.replace("{stage}", stage), (name, stage))

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


Row = tuple[str, str, Callable[..., None], Callable[..., Any], Special | None]
"""How a value is written, laid out for the loop that a thousand events go through twenty thousand times: its name where it
is held, its path, its place, its wire value, and what does all of that otherwise."""


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
    _writes: tuple[tuple[Callable[..., Mapping[str, Any]], list[Row]], ...] = dataclass_field(init=False, repr=False)
    _constants: tuple[tuple[Callable[..., None], Any], ...] = dataclass_field(init=False, repr=False)
    _name: Callable[..., None] | None = dataclass_field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.alone = any(f.field.path.startswith("contact.") for f in self.fields)
        self._when = tuple((getter(p), p == "channel", frozenset(wanted)) for p, wanted in self.when.items())
        places: dict[str, list[Row]] = {}
        for one in self.fields:
            if one.field.target is not None:
                place, name = split(one.field.path)
                places.setdefault(place, []).append((name, one.field.path, one.field.set, one.wire, one.special))
        self._writes = tuple((holder(place), rows) for place, rows in places.items())
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
        for get, chat, wanted in self._when:
            if get(event) not in wanted and not (chat and event.chat in wanted):
                return False
        return True

    def write(self, event: ConversionEvent) -> Payload:
        payload = Payload(self.name)
        theirs, wanted = self.names.theirs(event.name, event.stage)
        if theirs == "drop":
            payload.problems["name"] = f"{self.name} takes no {event.name}"
            return payload
        lacks = lacking((*self.require, *wanted), event)
        if lacks or not theirs:
            payload.problems["require"] = "; ".join(lacks) or "needs stage"
            return payload
        if self._name is not None:
            self._name(payload, None, theirs)
        done: list[str] = []
        for held, rows in self._writes:
            said = held(event)
            if not said:
                continue
            for name, path, place, wire, special in rows:
                value = said.get(name)
                if not value and (value is None or not says(value)):
                    continue
                try:
                    if special is None:
                        place(payload, None, wire(value))
                    else:
                        special(payload, value, event)
                except Invalid as reason:
                    payload.problems[path] = str(reason)
                else:
                    done.append(path)
        payload.paths.update(done)
        for put, constant in self._constants:
            put(payload, None, constant)
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
