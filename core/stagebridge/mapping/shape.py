"""One shape of a platform's records (a variant of its mapping), compiled: reading, writing, image."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stagebridge.mapping import remote
from stagebridge.mapping.field import Field
from stagebridge.mapping.remote import ABSENT, Ref
from stagebridge.mapping.stage import StageField
from stagebridge.normalize import Invalid
from stagebridge.values import is_blank, same


class View(dict[str, Any]):
    """{canonical path: value} as a record shows it. `problems` says why a path is absent although the record has
    something there; `entered` gives, per stage, the time that the platform itself stamped."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.variant = variant
        self.problems: dict[str, str] = {}
        self.entered: Callable[[str], datetime | None] = lambda _stage: None

    def __repr__(self) -> str:
        return f"View({self.variant}, {sorted(self)}, problems={sorted(self.problems)})"


class Payload(dict[str, Any]):
    """What to send, in the platform's own shape. `paths` are the canonical paths that it carries; `problems` those
    that it does not, and why."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.variant = variant
        self.problems: dict[str, str] = {}
        self.paths: set[str] = set()

    def __repr__(self) -> str:
        return f"Payload({self.variant}, {sorted(self.paths)}, problems={sorted(self.problems)})"


@dataclass(slots=True)
class Shape:
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

    def fits(self, record: Mapping[str, Any]) -> bool:
        return all(str(remote.read(record, ref)) in values for ref, values in self.when)

    @property
    def writable(self) -> frozenset[str]:
        paths = {p for p, f in self.fields.items() if f.target is not None}
        return frozenset(paths | ({"stage"} if self.stage is not None else set()))

    @property
    def readable(self) -> frozenset[str]:
        paths = {p for p, f in self.fields.items() if f.reads} | set(self.given)
        return frozenset(paths | ({"stage", "stage_at"} if self.stage is not None else set()))

    # --- there -------------------------------------------------------------------------------------------------

    def read(self, record: Mapping[str, Any]) -> View:
        view = View(self.name)
        for path, one in self.fields.items():
            if not one.reads:
                continue
            try:
                value = one.read(record)
            except Invalid as reason:
                view.problems[path] = str(reason)
                continue
            if value is not ABSENT:
                view[path] = value
        if self.stage is not None:
            self._read_stage(record, self.stage, view)
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
        if value is None:
            return
        theirs = stage.values.write
        view.entered = lambda name: stage.entered(record, theirs[name]) if name in theirs else None
        if value in stage.values.read.values():
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
            if path == "stage":
                self._write_stage(payload, value, base, view, force)
            elif path in self.fields:
                self._write_field(payload, self.fields[path], value, base, view, force)
            elif path in self.unsupported and not is_blank(value):
                payload.problems[path] = self.unsupported[path]
        if base is None:
            self._defaults(payload)
        if payload:
            self._constants(payload, base)
        self._tidy(payload, base)
        return payload

    def _write_field(
        self, payload: Payload, one: Field, value: Any, base: Mapping[str, Any] | None, view: View | None,
        force: Collection[str],
    ) -> None:  # fmt: skip
        path = one.path
        if base is None and is_blank(value):
            return
        try:
            wanted = one.image(value)
            if self._settled(payload, path, wanted, base, view, force, writable=one.target is not None):
                return
            wire = one.wire(value, base)
        except Invalid as reason:
            payload.problems[path] = str(reason)
            return
        assert one.target is not None
        if base is not None and remote.read(base, one.target) == wire and path not in force:
            return
        remote.write(payload, base, one.target, wire)
        payload.paths.add(path)

    def _write_stage(
        self, payload: Payload, value: Any, base: Mapping[str, Any] | None, view: View | None, force: Collection[str]
    ) -> None:
        if self.stage is None:
            payload.problems["stage"] = self.unsupported.get("stage", "this mapping has no stage")
            return
        if base is None and value is None:
            return
        try:
            if self._settled(payload, "stage", self.stage.image(value), base, view, force, writable=True):
                return
            self.stage.write(payload, value, base)
        except Invalid as reason:
            payload.problems["stage"] = str(reason)
            return
        payload.paths.add("stage")

    def _settled(
        self, payload: Payload, path: str, wanted: Any, base: Mapping[str, Any] | None, view: View | None,
        force: Collection[str], *, writable: bool,
    ) -> bool:  # fmt: skip
        """Whether there is nothing to write: it reads so already, nobody understands what stands there, or it cannot
        be written at all."""
        if base is not None and view is not None:
            if path in view.problems and path not in force:
                payload.problems[path] = f"left alone: {view.problems[path]}"
                return True
            if (path in view or is_blank(wanted)) and same(view.get(path), wanted) and path not in force:
                return True
        if not writable:
            payload.problems[path] = "is read only here"
            return True
        return False

    def _defaults(self, payload: Payload) -> None:
        for one in self.fields.values():
            if (
                one.default is not None
                and one.target is not None
                and remote.read(payload, one.target) in (ABSENT, None)
            ):
                remote.write(payload, None, one.target, one.default)

    def _constants(self, payload: Payload, base: Mapping[str, Any] | None) -> None:
        for ref, value in self.constants:
            remote.write(payload, base, ref, value)
        for ref, value in self.on_create:
            if (base is None or ref.in_list) and remote.read(payload, ref) in (ABSENT, None):
                remote.write(payload, base, ref, value)

    def _tidy(self, payload: Payload, base: Mapping[str, Any] | None) -> None:
        for key in self.parts:
            if isinstance(payload.get(key), list) and base is not None:
                old = base.get(key) or []
                payload[key] = [e for e in payload[key] if e not in old]
        for key in self.whole:
            if key in payload and base is not None and isinstance(base.get(key), Mapping):
                payload[key] = remote.merged(base[key], payload[key])

    def image(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Of the mapped, writable paths that the contact has: what this platform can hold. What it cannot hold at all
        is left out."""
        out: dict[str, Any] = {}
        for path, value in values.items():
            one = self.fields.get(path)
            try:
                if one is not None:
                    if one.target is not None:
                        out[path] = one.image(value)
                elif path == "stage" and self.stage is not None:
                    out[path] = self.stage.image(value)
            except Invalid:
                continue
        return out
