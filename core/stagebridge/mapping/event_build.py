"""From the event section of a document to compiled shapes, with everything that is wrong in it told at once."""

from __future__ import annotations

from typing import Any

from stagebridge.document import Table, nearest
from stagebridge.mapping import codecs
from stagebridge.mapping.build import OURS, Builder
from stagebridge.mapping.event_names import Names
from stagebridge.mapping.event_paths import ITEM, KINDS, Needs, event_kind, getter
from stagebridge.mapping.events import EventField, EventShape
from stagebridge.mapping.field import Field
from stagebridge.mapping.overlay import lay_over
from stagebridge.mapping.values import listed
from stagebridge.normalize import Invalid

KEYS = ("name_field", "fields", "require", "names", "others", "set", "given", "variants")
VARIANT_KEYS = ("when", *(k for k in KEYS if k != "variants"))


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
        constants, said = b._constants(event, "set", "event"), b._table(event, "set", "event")
        return EventShape(
            name, tuple(made), Names(
                self._names(b._table(event, "names", "event")), event.get("others") == "pass", b.lifecycle.names,
            ),
            b._ref(event, "name_field", "event.name_field", name_field) if isinstance(name_field, str) else None,
            {p: tuple(listed(v)) for p, v in when.items()},
            self._needs(event, "event.require"), constants,
            tuple((ref, value) for ref, value in constants if "$" not in said[ref.text]),
            self._given(b._table(event, "given", "event")),
        )  # fmt: skip

    def _names(self, names: Table) -> dict[str, tuple[str, Needs]]:
        out: dict[str, tuple[str, Needs]] = {}
        for ours, row in names.items():
            where = f"event.names.{ours}"
            if isinstance(row, Table):
                self.b._keys(row, ("name", "require"), where)
                out[ours] = (str(row.get("name", ours)), self._needs(row, where))
            else:
                out[ours] = (str(row), ())
        return out

    def _needs(self, table: Table, where: str) -> Needs:
        needs = []
        for need in listed(table.get("require")):
            paths = [p.strip() for p in need.split("|")]
            if all(self._known(table, path, where, "require") for path in paths):
                needs.append((f"needs {' or '.join(paths)}", tuple(getter(p) for p in paths)))
        return tuple(needs)

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
        steps = spec.get("as") if isinstance(spec, Table) else None
        chain = tuple(codecs.step(name, self.b.context) for name in steps) if isinstance(steps, list) else ()
        return EventField(one, tuple(parts), chain)

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


__all__ = ["EventBuilder"]
