"""Events, compiled: a conversion event as one platform takes it, and a platform's document as our event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from pydantic import ValidationError

from stagebridge.contact import Contact
from stagebridge.event import ConversionEvent
from stagebridge.mapping import remote
from stagebridge.mapping.codecs import on_the_wire
from stagebridge.mapping.event_names import Names
from stagebridge.mapping.event_paths import CHANNELS, Getter, Needs, getter, holder, lacking, says, split
from stagebridge.mapping.field import SETS, Field
from stagebridge.mapping.remote import ABSENT, Element, Ref
from stagebridge.mapping.shape import Payload, View
from stagebridge.mapping.steps import Beside, Step
from stagebridge.normalize import Invalid

# --- one path -------------------------------------------------------------------------------------------------


Special = Callable[[dict[str, Any], Any, ConversionEvent], None]


Row = tuple[str, str, str | None, str, bool, Callable[..., Any], Special | None]
"""How a path is written: its name where it is held, the path, the table and the key of the payload, whether that is a list,
the wire value, and what does all of that otherwise."""


def _place(ref: Ref) -> tuple[str | None, str, bool] | None:
    """Table, key, and whether one more value of a list: where nearly everything is. None for any other place."""
    match ref.steps:
        case (str(key),):
            return None, key, False
        case (str(table), str(key)):
            return table, key, False
        case (str(table), str(key), Element(())):
            return table, key, True
    return None


@dataclass(slots=True)
class EventField:
    """One path; `steps` are its chain for writing, `each` maps the parts of an item.

    `wire` makes the wire value of a canonical one; a path that needs more than a value and its place, a second value or a
    place for each of several, is written by `special`. Either raises `Invalid`, and leaves the payload as it was.
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
        elif self.field.target is not None and _place(self.field.target) is None:
            self.special = self._elsewhere

    def row(self) -> Row:
        """How it is written, for the loop of `EventShape.write`."""
        assert self.field.target is not None
        _, name = split(self.field.path)
        table, key, many = _place(self.field.target) or (None, "", False)
        return name, self.field.path, table, key, many, self.wire, self.special

    def _elsewhere(self, payload: dict[str, Any], value: Any, event: ConversionEvent) -> None:
        self.field.set(payload, None, self.wire(value))

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
                places.setdefault(split(one.field.path)[0], []).append(one.row())
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
        lacks = lacking(self.require, event)
        if wanted:
            lacks += lacking(wanted, event)
        if lacks or not theirs:
            payload.problems["require"] = "; ".join(lacks) or "needs stage"
            return payload
        if self._name is not None:
            self._name(payload, None, theirs)
        # a thousand events go through this loop twenty thousand times: it calls only what makes a value
        paths = payload.paths
        for held, rows in self._writes:
            said = held(event)
            if not said:
                continue
            for name, path, table, key, many, wire, special in rows:
                value = said.get(name)
                if not value and (value is None or not says(value)):
                    continue
                try:
                    if special is not None:
                        special(payload, value, event)
                        paths.add(path)
                        continue
                    out = wire(value)
                except Invalid as reason:
                    payload.problems[path] = str(reason)
                    continue
                paths.add(path)
                if table is None:
                    payload[key] = out
                elif table not in payload:
                    payload[table] = {key: [out] if many else out}
                elif not many:
                    payload[table][key] = out
                elif key in payload[table]:
                    payload[table][key].append(out)
                else:
                    payload[table][key] = [out]
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


__all__ = ["EventField", "EventShape"]
