"""One shape of a platform's records (a variant of its mapping), compiled: reading, writing, image."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stagebridge.contact import METADATA
from stagebridge.mapping import remote
from stagebridge.mapping.field import Field
from stagebridge.mapping.remote import ABSENT, New, Ref
from stagebridge.mapping.segment import SEGMENT, Segment
from stagebridge.mapping.stage import StageField
from stagebridge.mapping.values import text_of
from stagebridge.normalize import Invalid
from stagebridge.values import is_blank, same


class View(dict[str, Any]):
    """{canonical path: value} as a record shows it. `problems` says why a path is absent although the record has
    something there; `entered` gives, per stage, the time that the platform itself stamped."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.variant = variant
        self.problems: dict[str, str] = {}
        self.entered: Callable[[str], datetime | None] = _never

    def __repr__(self) -> str:
        return f"View({self.variant}, {sorted(self)}, problems={sorted(self.problems)})"


class Payload(dict[str, Any]):
    """What to send, in the platform's own shape. `paths` are the canonical paths that it carries; `problems` those
    that it does not, and why."""

    __slots__ = ("paths", "problems", "variant")

    def __init__(self, variant: str) -> None:
        self.variant = variant
        self.problems: dict[str, str] = {}
        self.paths: set[str] = set()

    def __repr__(self) -> str:
        return f"Payload({self.variant}, {sorted(self.paths)}, problems={sorted(self.problems)})"


def _never(stage: str) -> None:
    """A platform that stamps no times."""
    del stage


Box = tuple[str | None, tuple[tuple[str, str, Callable[[Any], Any]], ...]]
"""Fields that stand side by side in one table of the record: (its key, or None for the record itself; per field the
path, its key there and how its value is read)."""


@dataclass(slots=True)
class Shape:
    """`constants` go along whenever something beside them is written, `on_create` with a new record or a new element;
    `given` is the same for reading. `whole` tables and the other lists are sent whole; of `parts` only what changed."""

    name: str
    id: Ref
    fields: dict[str, Field]
    stage: StageField | None
    when: tuple[tuple[Ref, tuple[str, ...]], ...] = ()
    create: bool = False
    constants: tuple[tuple[Ref, Any], ...] = ()
    on_create: tuple[tuple[Ref, Any], ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    whole: Collection[str] = ()
    parts: Collection[str] = ()
    unsupported: Mapping[str, str] = field(default_factory=dict)
    segment: Segment | None = None
    as_text: bool = False
    readable: frozenset[str] = frozenset()
    writable: frozenset[str] = frozenset()
    _images: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    _boxes: tuple[Box, ...] = ()
    _others: tuple[Field, ...] = ()

    def __post_init__(self) -> None:
        staged = {"stage"} if self.stage is not None else set()
        dated = {"stage_at"} if self.stage is not None and self.stage.at is not None else set()
        self.readable = frozenset({p for p, f in self.fields.items() if f.reads} | set(self.given) | staged | dated)
        self.writable = frozenset({p for p, f in self.fields.items() if f.target is not None} | staged)
        boxes: dict[str | None, list[tuple[str, str, Callable[[Any], Any]]]] = {}
        others = []
        for path, one in self.fields.items():
            keys = list(one.reads[0].keys) if len(one.reads) == 1 and type(one) is Field else []
            if len(keys) in (1, 2) and not one.reads[0].in_list:
                boxes.setdefault(keys[0] if len(keys) == 2 else None, []).append((path, keys[-1], one.reading()))
            elif one.reads:
                others.append(one)
        self._images = {path: one.imaging() for path, one in self.fields.items() if one.target is not None}
        if self.stage is not None and "stage" not in self.fields:
            self._images["stage"] = self.stage.image
        if self.segment is not None:
            self._images[SEGMENT] = str
        self._boxes = tuple((k, tuple(v)) for k, v in boxes.items())
        self._others = tuple(others)

    def fits(self, record: Mapping[str, Any]) -> bool:
        """Whether a record is of this shape, as it says itself."""
        return all(text_of(remote.read(record, ref)) in values for ref, values in self.when)

    @property
    def places(self) -> tuple[Ref, ...]:
        """Every place that may be written, or where what was written is read."""
        written = [f for f in self.fields.values() if f.target is not None]
        refs = [r for f in written for r in (f.target, *f.reads) if r is not None]
        if self.stage is not None:
            refs += [self.stage.main, *((self.stage.lost,) if self.stage.lost is not None else ())]
        return (*refs, *(ref for ref, _ in (*self.constants, *self.on_create)))

    # --- there -------------------------------------------------------------------------------------------------

    def read(self, record: Mapping[str, Any]) -> View:
        view = View(self.name)
        for container, fields in self._boxes:
            box = record if container is None else record.get(container, ABSENT)
            if box is None:
                view.update((path, None) for path, _, _ in fields)
            elif type(box) is dict or isinstance(box, Mapping):
                get = box.get
                for path, key, value_of in fields:
                    raw = get(key, ABSENT)
                    if raw is ABSENT:
                        continue
                    if raw is None:
                        view[path] = None
                        continue
                    try:
                        value = value_of(raw)
                    except Invalid as reason:
                        view.problems[path] = str(reason)
                        continue
                    if value is not ABSENT:
                        view[path] = value
        for one in self._others:
            try:
                value = one.read(record)
            except Invalid as reason:
                view.problems[one.path] = str(reason)
                continue
            if value is not ABSENT:
                view[one.path] = value
        if self.stage is not None:
            self._read_stage(record, self.stage, view)
        if self.segment is not None and (tagged := self.segment.read(record)) is not ABSENT:
            view[SEGMENT] = tagged
        for path, value in self.given.items():
            view.setdefault(path, value)
        return view

    def _read_stage(self, record: Mapping[str, Any], stage: StageField, view: View) -> None:
        try:
            value = stage.read(record)
        except Invalid as reason:
            view.problems["stage"] = str(reason)
            return
        if value is ABSENT:
            return
        view["stage"] = value
        if value is None or stage.at is None:
            return
        view.entered = lambda name: stage.entered(record, name)
        if stage.now(record) == value:  # the platform stamps no time for a lost mark
            entered = stage.entered(record)
            if entered is not None:
                view["stage_at"] = entered

    # --- back --------------------------------------------------------------------------------------------------

    def write(
        self,
        values: Mapping[str, Any],
        base: Mapping[str, Any] | None,
        view: View | None,
        only: Collection[str] | None,
        force: Collection[str],
    ) -> Payload:
        payload = Payload(self.name)
        for path, value in values.items():
            if only is not None and path not in only:
                continue
            one = self.segment if path == SEGMENT else self.fields.get(path)
            if one is None and (path != "stage" or self.stage is None):
                if not is_blank(value) and path not in METADATA:
                    payload.problems[path] = self.unsupported.get(path, "this mapping has no place for it")
            elif base is None and is_blank(value):
                continue
            elif view is not None and path not in force and path in view and same(view[path], value):
                continue  # the normal case
            else:
                self._write(payload, path, one, value, base, view, path in force)
        if base is None:
            self._defaults(payload)
        if payload:
            self._constants(payload, base)
        self._tidy(payload, base)
        return payload

    def _write(
        self, payload: Payload, path: str, one: Field | Segment | None, value: Any, base: Mapping[str, Any] | None,
        view: View | None, forced: bool,
    ) -> None:  # fmt: skip
        """Write one path, unless it reads so already, nobody understands what stands there, or it cannot be."""
        if view is not None and path in view.problems and not forced:
            payload.problems[path] = f"left alone: {view.problems[path]}"
            return
        try:
            if view is not None and not forced:
                image = self._image(path, one, value)
                if (path in view or image is None) and same(view.get(path), image):
                    return
            if one is None:
                assert self.stage is not None
                written = self.stage.write(payload, value, base)
            elif isinstance(one, Field) and one.target is None:
                payload.problems[path] = "is read only here"
                return
            else:
                written = one.put(payload, value, base)
        except Invalid as reason:
            payload.problems[path] = str(reason)
            return
        if written:
            payload.paths.add(path)

    def _image(self, path: str, one: Field | Segment | None, value: Any) -> Any:
        if one is not None:
            return value if isinstance(one, Segment) else one.image(value)
        assert self.stage is not None
        return self.stage.image(value)

    def _defaults(self, payload: Payload) -> None:
        for one in self.fields.values():
            if one.default is None or one.target is None:
                continue
            if one.there(payload) in (ABSENT, None):
                one.set(payload, None, one.default)

    def _constants(self, payload: Payload, base: Mapping[str, Any] | None) -> None:
        for ref, value in self.constants:
            if not ref.in_list:
                remote.write(payload, base, ref, value)
                continue
            for element in remote.touched(payload, base, ref):
                self._inside(element, ref, value)
        for ref, value in self.on_create:
            if ref.in_list:
                for element in remote.touched(payload, base, ref):
                    if isinstance(element, New) and remote.read(element, _inner(ref)) in (ABSENT, None):
                        self._inside(element, ref, value)
            elif base is None and remote.read(payload, ref) in (ABSENT, None):
                remote.write(payload, base, ref, value)

    def _inside(self, element: dict[str, Any], ref: Ref, value: Any) -> None:
        remote.put_in(element, tuple(str(s) for s in _inner(ref).steps), value)

    def _tidy(self, payload: Payload, base: Mapping[str, Any] | None) -> None:
        if base is None:
            return
        for key in self.parts:
            if isinstance(payload.get(key), list):
                old = base.get(key) or []
                payload[key] = [e for e in payload[key] if e not in old]
        for key in self.whole:
            if key in payload and isinstance(base.get(key), Mapping):
                payload[key] = remote.merged(base[key], payload[key])

    def image(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Of the writable paths that the contact has: what this platform can hold. What it cannot hold at all is left
        out."""
        out: dict[str, Any] = {}
        images = self._images
        for path, value in values.items():
            image = images.get(path)
            if image is None:
                continue
            try:
                out[path] = image(value)
            except Invalid:
                continue
        return out

    # --- what the platform makes of it --------------------------------------------------------------------------

    def applied(self, record: Mapping[str, Any] | None, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The record after a well-behaved platform took the payload: keys it is not told of stay, tables that are sent
        whole and lists are replaced, and what is written under one name is read under the other. For laws and
        previews."""
        after: dict[str, Any] = remote.merged(record or {}, payload)
        for key in self.whole:
            if key in payload:
                after[key] = remote.merged({}, payload[key])
        for key in self.parts:
            if isinstance(payload.get(key), list):
                after[key] = self._parts_applied(key, (record or {}).get(key) or [], payload[key])
        for one in self.fields.values():
            if one.target is None or not one.reads or one.target in one.reads:
                continue
            sent = remote.read(payload, one.target)
            if sent is not ABSENT:
                remote.write(after, after, one.reads[0], sent)
        return after

    def _parts_applied(self, key: str, old: list[Any], sent: list[Any]) -> list[Any]:
        """Elements with the same conditions are one element."""
        steps = {f.target.element[-1] for f in self.fields.values() if f.target is not None and f.target.keys == (key,)}
        if self.stage is not None and self.stage.main.keys == (key,):
            steps.add(self.stage.main.element[-1])
        elements = [s for s in steps if isinstance(s, remote.Element)]
        out = [dict(e) for e in old]
        for new in sent:
            step = next((s for s in elements if s.fits(new)), None)
            i = next((i for i, e in enumerate(out) if step is not None and step.fits(e)), None)
            if i is None:
                out.append(remote.merged({}, new))
            else:
                out[i] = remote.merged(out[i], new)
        return out


def _inner(ref: Ref) -> Ref:
    return Ref(ref.text, ref.steps[len(ref.element) :])
