"""The event section: a conversion event as one platform takes it, and a platform's document as our events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from stagebridge.contact import Contact, kind_of
from stagebridge.document import Table, nearest
from stagebridge.event import ConversionEvent
from stagebridge.mapping import codecs, remote
from stagebridge.mapping.build import OURS, Builder
from stagebridge.mapping.field import Field
from stagebridge.mapping.overlay import lay_over
from stagebridge.mapping.remote import ABSENT, Ref
from stagebridge.mapping.shape import Payload, View
from stagebridge.mapping.values import listed
from stagebridge.normalize import Invalid
from stagebridge.values import is_blank

KINDS: Mapping[str, str] = {
    "id": "opaque", "name": "text", "at": "datetime", "key": "opaque", "value": "decimal", "currency": "text",
    "order_id": "opaque", "items": "any", "channel": "text", "chat": "text", "source_url": "opaque",
    "referrer": "opaque", "ip": "opaque", "user_agent": "opaque", "stage": "text", "consent_ads": "consent",
}  # fmt: skip
ITEM = {"id": "opaque", "name": "text", "quantity": "int", "price": "decimal", "category": "text", "brand": "text"}
KEYS = ("name_field", "fields", "require", "names", "others", "set", "given", "variants")
VARIANT_KEYS = ("when", *(k for k in KEYS if k != "variants"))


def event_kind(path: str) -> str | None:
    """The kind of an event's path; `contact.email` and the like are the contact's."""
    if path in KINDS:
        return KINDS[path]
    if path.startswith("contact."):
        return kind_of(path.removeprefix("contact."))
    return kind_of(path) if path.startswith(("custom.", "click_ids.", "lead_ids.")) else None


def event_paths(event: ConversionEvent) -> dict[str, Any]:
    """{path: value} of what an event says."""
    out: dict[str, Any] = {p: getattr(event, p) for p in KINDS}
    out.update({f"contact.{p}": v for p, v in event.contact.paths().items()})
    for group in ("click_ids", "lead_ids", "custom"):
        out.update({f"{group}.{name}": v for name, v in getattr(event, group).items()})
    return {p: v for p, v in out.items() if not is_blank(v) and v != ()}


@dataclass(slots=True)
class EventField:
    """One path; `each` maps the parts of an item."""

    field: Field
    each: tuple[Field, ...] = ()

    def put(self, payload: dict[str, Any], value: Any, as_text: bool) -> None:
        target = self.field.target
        assert target is not None
        if not self.each:
            remote.write(payload, None, target, self.field.scalar(value), as_text=as_text)
            return
        items = []
        for item in value:
            made: dict[str, Any] = {}
            for part in self.each:
                found = getattr(item, part.path)
                if part.target is not None and found is not None:
                    remote.write(made, None, part.target, part.scalar(found), as_text=as_text)
            items.append(made)
        remote.write(payload, None, target, items, as_text=as_text)

    def read(self, record: Mapping[str, Any]) -> Any:
        if not self.each:
            return self.field.read(record)
        raw = remote.read(record, self.field.reads[0])
        if not isinstance(raw, list):
            return ABSENT
        found = [{part.path: part.read(item) for part in self.each if part.reads} for item in raw]
        return tuple({k: v for k, v in item.items() if v is not ABSENT and v is not None} for item in found)


@dataclass(slots=True)
class EventShape:
    """One variant of a platform's events."""

    name: str
    fields: tuple[EventField, ...]
    name_field: Ref | None = None
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    others: str = "drop"
    require: tuple[str, ...] = ()
    constants: tuple[tuple[Ref, Any], ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    as_text: bool = False

    def fits(self, values: Mapping[str, Any]) -> bool:
        """A chat's name stands for its channel too."""
        said = {p: {values.get(p)} | ({values.get("chat")} if p == "channel" else set()) for p in self.when}
        return all(said[p] & set(wanted) for p, wanted in self.when.items())

    def write(self, values: Mapping[str, Any]) -> Payload:
        payload = Payload(self.name)
        ours, stage = str(values.get("name")), str(values.get("stage", ""))
        theirs, wanted = self.names.get(f"{ours}/{stage}") or self.names.get(ours) or (
            (ours, ()) if self.others == "pass" else ("drop", ())
        )  # fmt: skip
        if theirs == "drop":
            payload.problems["name"] = f"{self.name} takes no {ours}"
            return payload
        theirs = theirs.replace("{stage}", stage)
        lacks = [need for need in (*self.require, *wanted) if not any(a.strip() in values for a in need.split("|"))]
        if lacks or not theirs:
            needs = [*(f"needs {need.replace('|', 'or')}".replace("  ", " ") for need in lacks)]
            payload.problems["require"] = "; ".join(needs) or "needs stage"
            return payload
        if self.name_field is not None:
            remote.write(payload, None, self.name_field, theirs)
        for one in self.fields:
            value = values.get(one.field.path)
            if value is None or one.field.target is None:
                continue
            try:
                one.put(payload, value, self.as_text)
            except Invalid as reason:
                payload.problems[one.field.path] = str(reason)
                continue
            payload.paths.add(one.field.path)
        for ref, constant in self.constants:
            remote.write(payload, None, ref, constant)
        return payload

    def read(self, record: Mapping[str, Any], contact: View) -> list[ConversionEvent]:
        """The events of a document; what is wrong with them is told among the contact's problems as `event.<path>`."""
        values: dict[str, Any] = dict(self.given)
        for one in self.fields:
            try:
                value = one.read(record)
            except Invalid as reason:
                contact.problems[f"event.{one.field.path}"] = str(reason)
                continue
            if value is not ABSENT and value is not None:
                values[one.field.path] = value
        made: dict[str, Any] = {"contact": dict(contact), "raw": record}
        for path, value in values.items():
            group, _, name = path.partition(".")
            if group == "contact":
                made["contact"][name] = value
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


class EventBuilder:
    """Compiles the event section; what is wrong goes to the contact section's `problems`."""

    def __init__(self, builder: Builder) -> None:
        self.b = builder

    def shapes(self) -> list[EventShape]:
        """In the order of the file: the first whose `when` fits takes an event."""
        event = self.b.document.get("event")
        if event is None:
            return []
        if not isinstance(event, Table):
            self.b._say(self.b.document, "event", "event", "a table is expected")
            return []
        self.b._keys(event, KEYS, "event")
        variants = event.get("variants")
        if not isinstance(variants, Table):
            return [self._shape(event, str(self.b.document.get("platform", "event")))]
        common = Table(event.file, event.line)
        common.update({k: v for k, v in event.items() if k != "variants"})
        common.marks = dict(event.marks)
        out = []
        for name, variant in variants.items():
            if not isinstance(variant, Table):
                self.b._say(variants, name, f"event.variants.{name}", "a table is expected")
                continue
            self.b._keys(variant, VARIANT_KEYS, f"event.variants.{name}")
            out.append(self._shape(lay_over(common, variant, ("event",)), name))
        return out

    def _shape(self, event: Table, name: str) -> EventShape:
        b = self.b
        fields = b._table(event, "fields", "event")
        made = [f for path, spec in fields.items() if (f := self._field(fields, path, spec)) is not None]
        name_field = event.get("name_field")
        when = b._table(event, "when", "event")
        for path in when:
            self._known(when, path, f"event.when.{path}")
        if event.get("others", "drop") not in ("pass", "drop"):
            b._say(event, "others", "event.others", f"'{event['others']}' is neither pass nor drop")
        require = tuple(listed(event.get("require")))
        self._required(event, "require", "event.require", require)
        return EventShape(
            name,
            tuple(made),
            b._ref(event, "name_field", "event.name_field", name_field) if isinstance(name_field, str) else None,
            {p: tuple(listed(v)) for p, v in when.items()},
            self._names(b._table(event, "names", "event")),
            str(event.get("others", "drop")),
            require,
            tuple((r, v) for r, v in b._constants(event, "set", "event")),
            self._given(b._table(event, "given", "event")),
            b.as_text,
        )

    def _names(self, names: Table) -> dict[str, tuple[str, tuple[str, ...]]]:
        out = {}
        for ours, row in names.items():
            where = f"event.names.{ours}"
            if isinstance(row, Table):
                self.b._keys(row, ("name", "require"), where)
                wanted = tuple(listed(row.get("require")))
                self._required(row, "require", where, wanted)
                out[ours] = (str(row.get("name", ours)), wanted)
            else:
                out[ours] = (str(row), ())
        return out

    def _required(self, table: Table, key: str, where: str, needs: tuple[str, ...]) -> None:
        for need in needs:
            for path in need.split("|"):
                self._known(table, path.strip(), where, key)

    def _given(self, table: Table) -> dict[str, Any]:
        return {p: self._typed(table, p, v) for p, v in table.items() if self._known(table, p, f"event.given.{p}")}

    def _typed(self, table: Table, path: str, text: Any) -> Any:
        try:
            return codecs.make(codecs.OF_KIND[event_kind(path) or "text"], self.b.context).read(text)
        except Invalid as reason:
            self.b._say(table, path, f"event.given.{path}", str(reason))
            return None

    def _known(self, table: Table, path: str, where: str, key: str | None = None) -> bool:
        if event_kind(path) is not None:
            return True
        self.b._say(table, key or path, where, f"an event has no path {path}{nearest(path, KINDS)}")
        return False

    def _field(self, table: Table, path: str, spec: Any) -> EventField | None:
        where = f"event.fields.{path}"
        if not self._known(table, path, where):
            return None
        each: Any = None
        if isinstance(spec, Table) and "each" in spec:
            rest = Table(spec.file, spec.line)
            rest.update({k: v for k, v in spec.items() if k != "each"})
            rest.marks, each, spec = spec.marks, spec["each"], rest
            if path != "items" or not isinstance(each, Table):
                self.b._say(table, path, where, "`each` is a table for items")
                return None
        one = self._one(table, path, spec, where, event_kind(path) or "text")
        if one is None:
            return None
        parts = []
        each = each if isinstance(each, Table) else Table(table.file, table.line)
        for part, inner in each.items():
            if part not in ITEM:
                self.b._say(each, part, f"{where}.each.{part}", f"an item has no {part}{nearest(part, ITEM)}")
                continue
            made = self._one(each, part, inner, f"{where}.each.{part}", ITEM[part])
            if made is not None:
                parts.append(made)
        return EventField(one, tuple(parts))

    def _one(self, table: Table, path: str, spec: Any, where: str, kind: str) -> Field | None:
        b = self.b
        options = b._options(table, path, spec, None, where)
        found = b._codec(options, where, kind) if options is not None else None
        if options is None or found is None:
            return None
        name, steps = found
        codec = b._made(options, where, name, kind)
        read, write = options.get("read", options.get("field")), options.get("write", options.get("field"))
        refs = [b._ref(table, path, where, b.account.filled(r)) for r in listed(read)]
        target = b._ref(table, path, where, b.account.filled(write)) if isinstance(write, str) else None
        if codec is None:
            return None
        values = b._values(options, path, where, str(write or read), OURS.get(kind)) if "values" in options else None
        return Field(
            path, tuple(r for r in refs if r is not None), target, codec, chain=b._chain(steps), table=values,
            empty=b.empty, as_text=b.as_text, longest=b._number(options, "max", where),
        )  # fmt: skip


__all__ = ["EventBuilder", "EventShape", "event_kind", "event_paths"]
