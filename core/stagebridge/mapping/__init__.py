"""Mappings: how the canonical contact and one platform's records translate, in both directions.

    m = load_mapping("hubspot", facts=connector.discover().facts)
    view = m.read(record)                     # {path: value}, and view.problems
    payload = m.write(contact, onto=record)   # only what differs
    m.image(contact)                          # what that platform can hold of the contact

A mapping is YAML, compiled once into plain functions; it needs no ledger and no network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from collections.abc import Mapping as Map
from pathlib import Path
from typing import Any

import orjson

from stagebridge.contact import Contact, full_name
from stagebridge.document import Table
from stagebridge.errors import MappingError
from stagebridge.event import ConversionEvent
from stagebridge.lifecycle import Lifecycle, load_lifecycle
from stagebridge.mapping.account import Missing
from stagebridge.mapping.build import Builder, lacks_of
from stagebridge.mapping.codecs import Context
from stagebridge.mapping.describe import Entry, entries
from stagebridge.mapping.event_build import EventBuilder
from stagebridge.mapping.events import EventShape
from stagebridge.mapping.overlay import effective
from stagebridge.mapping.remote import Ref
from stagebridge.mapping.segment import SEGMENT
from stagebridge.mapping.shape import Payload, Shape, View


def load_mapping(
    source: str | Path | dict[str, Any],
    *,
    lifecycle: str | Path | Lifecycle = "default",
    facts: Map[str, Any] | None = None,
    settings: Map[str, Any] | None = None,
    custom: Map[str, Any] | None = None,
    segments: str | None = None,
    default_region: str | None = None,
    timezone: str | None = None,
    offline: bool = False,
    lenient: bool = False,
) -> Mapping:
    """Load a shipped mapping by its name, one's own by its file, or a dict.

    `facts` are what `connector.discover()` found in the account; a mapping that names anything by its label can be
    checked without (`offline`) but not run. `lenient` leaves out what the account lacks (see `Mapping.unresolved`)
    instead of raising. `settings` fill `$name`, `custom` adds the connection's custom fields, `segments` the
    prefix of a tag per stage.

    Raises `MappingError` with every problem as `file:line: path: what`.
    """
    document = effective(source, dict(custom) if custom else None, segments)
    builder = Builder(
        document, load_lifecycle(lifecycle), Context(default_region, timezone, facts), dict(settings or {})
    )
    shapes = builder.shapes()
    events = EventBuilder(builder).shapes()
    problems = [*builder.problems, *(str(lack) for lack in lacks_of(builder) if lack.named and not lenient)]
    if problems:
        raise MappingError("\n".join(dict.fromkeys(problems)), hint="Mend the mapping, or provision the account.")
    needs_facts = any(account.needs_facts for account in builder.accounts.values())
    return Mapping(document, builder, shapes, events, runnable=facts is not None or not needs_facts)


class Mapping:
    """A compiled mapping. `objects` are the shapes that hold a person there, the one that is written first; `hash`
    changes with the effective document, the lifecycle, the settings and the facts that it was resolved against."""

    def __init__(
        self, document: Table, builder: Builder, shapes: list[Shape], events: list[EventShape], *, runnable: bool
    ) -> None:
        self.document = document
        self.platform: str = str(document.get("platform", ""))
        self.lifecycle = builder.lifecycle
        self.objects: tuple[str, ...] = tuple(s.name for s in shapes)
        self.create_object = self.objects[0] if shapes else ""
        self.unresolved: dict[str, str] = {
            (path if len(shapes) == 1 else f"{object}.{path}"): lack.reason
            for object, account in builder.accounts.items()
            for path, lack in account.lacks.items()
        }
        self._missing = [lack.missing for lack in lacks_of(builder) if lack.missing]
        self._shapes = {s.name: s for s in shapes}
        self._first = shapes[0] if shapes else None
        self._runnable = runnable
        self._events = events
        self.hash = _hash(document, builder)

    def __repr__(self) -> str:
        return f"Mapping({self.platform}, {', '.join(self.objects)}, {self.hash})"

    def object_of(self, record: Map[str, Any]) -> str | None:
        """Which object a record is of, as the record itself says; None if no variant fits."""
        return next((n for n, s in self._shapes.items() if s.fits(record)), None)

    def read(self, record: Map[str, Any], object: str | None = None) -> View:
        """A record in canonical values. Never raises for a value: what cannot be read is in `view.problems`."""
        return self._shape(object, record).read(record)

    def write(
        self,
        contact: Contact | Map[str, Any],
        onto: Map[str, Any] | None = None,
        *,
        seen: View | None = None,
        only: Collection[str] | None = None,
        force: Collection[str] = (),
        object: str | None = None,
    ) -> Payload:
        """What to send: everything that is set for a new record, only what differs `onto` an existing one.

        `seen` is the view of `onto`, if it has been read already; `only` limits the paths. What `read` could not
        understand is left alone and named, unless its path is in `force`.
        """
        shape = self._shape(object, onto) if object is None and onto is not None else self._shape(object, None)
        values = _paths(contact, shape)
        if onto is None:
            return shape.write(values, None, None, only, force)
        return shape.write(values, onto, shape.read(onto) if seen is None else seen, only, force)

    def image(self, contact: Contact | Map[str, Any], object: str | None = None) -> dict[str, Any]:
        """{path: value} of the contact's paths that can be written there, as they would read afterwards. The sync
        compares images, never contacts."""
        shape = self._shape(object, None)
        return shape.image(_paths(contact, shape))

    def shape(self, object: str | None = None) -> Shape:
        """One compiled object of the mapping."""
        return self._shape(object, None)

    @property
    def takes_events(self) -> bool:
        """Whether there is any event that it takes; a mapping may leave all names to an overlay."""
        return any(s.names.some for s in self._events)

    @property
    def event_names(self) -> tuple[str, ...]:
        """What the events that it names are called there."""
        named = [theirs for s in self._events for theirs, _ in s.names.rows.values()]
        return tuple(dict.fromkeys(n for n in named if n != "drop"))

    def write_event(self, event: ConversionEvent) -> Payload:
        """An event as the platform takes it; `variant` groups a batch. Empty if the platform does not take it:
        `problems` says why, under `name` (it is dropped) or `require` (it lacks something)."""
        for shape in self._events:
            if shape.fits(event):
                return shape.write(event)
        payload = Payload("")
        payload.problems["channel"] = f"{self.platform} takes no events of the channel {event.channel}"
        return payload

    def read_event(self, raw: Map[str, Any]) -> tuple[View, list[ConversionEvent]]:
        """The contact and the events that a document of the platform tells of; which variant it is, its constants say. What
        is wrong with an event is among the contact's `problems`, as `event.<path>`."""
        shape = next((s for s in self._events if s.of(raw)), None)
        if shape is not None and shape.alone:
            view = View(shape.name)
        else:
            view = self.read(raw) if self.objects else View("")
        if shape is None and self._events:
            view.problems["event"] = f"is none of {', '.join(s.name for s in self._events)}"
        return view, shape.read(raw, view) if shape is not None else []

    def applied(
        self, record: Map[str, Any] | None, payload: Map[str, Any], object: str | None = None
    ) -> dict[str, Any]:
        """What a record becomes when the platform takes the payload as it is meant; for laws and previews."""
        return self._shape(object, record).applied(record, payload)

    def places(self, object: str | None = None) -> tuple[Ref, ...]:
        """Every place in a record that the mapping may write or reads a written value back from."""
        return self._shape(object, None).places

    def readable(self, object: str | None = None) -> frozenset[str]:
        """The paths that a record of it can say."""
        return self._shape(object, None).readable

    def writable(self, object: str | None = None) -> frozenset[str]:
        """The paths that can be written to it."""
        return self._shape(object, None).writable

    def unsupported(self, object: str | None = None) -> dict[str, str]:
        """{path: reason} of what this platform has no place for."""
        return dict(self._shape(object, None).unsupported)

    def remote_fields(self, object: str | None = None) -> tuple[str, ...]:
        """What to ask the platform for, in the mapping's own spelling (`properties.email`, `Account.Name`)."""
        shape = self._named(object)
        wanted = [shape.id.text]
        wanted += [r.text for f in shape.fields.values() for r in (*f.reads, *((f.target,) if f.target else ()))]
        wanted += shape.stage.references() if shape.stage is not None else []
        return tuple(dict.fromkeys(wanted))

    def field(self, path: str, object: str | None = None) -> str | None:
        """The remote field that a canonical path is written to."""
        shape = self._shape(object, None)
        if path == "stage" and shape.stage is not None:
            return shape.stage.main.text
        one = shape.fields.get(path)
        return one.target.text if one is not None and one.target is not None else None

    def stages_there(self, object: str | None = None) -> dict[str, str]:
        """{their value: our stage} of the stage field."""
        stage = self._shape(object, None).stage
        return dict(stage.values.read) if stage is not None else {}

    def path_of(self, field: str, object: str | None = None) -> str | None:
        """The canonical path of a remote field, named with or without its container."""
        shape = self._shape(object, None)
        targets = {f.target.text: p for p, f in shape.fields.items() if f.target is not None}
        if shape.stage is not None:
            targets[shape.stage.main.text] = "stage"
            if shape.stage.lost is not None:
                targets[shape.stage.lost.text] = "stage"
        if field in targets:
            return targets[field]
        return next(
            (p for t, p in targets.items() if t.rpartition(".")[2] == field or t.partition("(")[0] == field), None
        )

    def describe(self) -> list[Entry]:
        """The effective mapping, each entry with the file and line that it comes from."""
        return list(entries(self.document))

    def missing(self, facts: Map[str, Any] | None = None) -> list[Missing]:
        """What the account lacks and `provision` can create; options of one field are put together."""
        del facts  # resolved when the mapping was loaded
        merged: dict[tuple[str, str], Missing] = {}
        for m in self._missing:
            key = (m.object, m.name)
            old = merged.get(key)
            options = {**(old.options if old else {}), **m.options}
            merged[key] = Missing(m.object, m.name, m.label, m.type, m.path, options, m.unique, m.exists)
        return list(merged.values())

    def _shape(self, object: str | None, record: Map[str, Any] | None) -> Shape:
        if object in self._shapes and self._runnable:
            return self._shapes[object]
        if not self._runnable:
            raise MappingError(
                f"the mapping {self.platform} names fields of the account by label and was loaded without its facts",
                hint="Load it with facts=connector.discover().facts.",
            )
        if object is not None or record is None or len(self._shapes) < 2:
            return self._named(object)
        found = self.object_of(record)
        if found is None:
            raise MappingError(
                f"no variant of the mapping {self.platform} fits this record; there are {', '.join(self.objects)}",
                hint="Hand the record over as the platform sent it, or say which object it is.",
            )
        return self._shapes[found]

    def _named(self, object: str | None) -> Shape:
        found = self._first if object is None else self._shapes.get(object)
        if found is None:
            there = f"; it has {', '.join(self.objects)}" if self.objects else ""
            raise MappingError(f"the mapping {self.platform} has no object '{object or 'contacts'}'{there}")
        return found


def _paths(contact: Contact | Map[str, Any], shape: Shape) -> Map[str, Any]:
    """The contact's values; a platform with one name field gets the one that first and last name make, one that tags the
    stage gets it as a segment."""
    values = contact.paths() if isinstance(contact, Contact) else contact
    if shape.segment is not None and SEGMENT not in values and "stage" in values:
        values = {**values, SEGMENT: values["stage"]}
    if "name" not in shape.fields or ("first_name" not in values and "last_name" not in values):
        return values
    carried = {"first_name", "last_name"} - shape.fields.keys()
    whole = full_name(values.get("first_name"), values.get("last_name"))
    return {**{p: v for p, v in values.items() if p not in carried}, "name": whole}


def _hash(document: Table, builder: Builder) -> str:
    """Of everything that the outcome depends on, and of nothing else: an account that gets a field which nobody maps
    is not read anew."""
    context = builder.context
    accounts = {name: [a.used, sorted(a.lacks)] for name, a in builder.accounts.items()}
    basis = [document, builder.lifecycle.model_dump(), context.region, context.zone, accounts]
    raw = orjson.dumps(basis, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)
    return hashlib.blake2b(raw, digest_size=8).hexdigest()


__all__ = ["Mapping", "Missing", "Payload", "View", "load_mapping"]
