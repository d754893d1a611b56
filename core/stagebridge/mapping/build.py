"""From the effective document to compiled shapes, with everything that is wrong in it told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stagebridge.contact import PATHS, kind_of
from stagebridge.document import Table, nearest
from stagebridge.lifecycle import Lifecycle
from stagebridge.mapping import codecs, remote
from stagebridge.mapping import values as tables
from stagebridge.mapping.field import Field
from stagebridge.mapping.overlay import lay_over
from stagebridge.mapping.remote import Ref
from stagebridge.mapping.shape import Shape
from stagebridge.mapping.stage import StageField

CONTACT_KEYS = (
    "object", "id", "fields", "custom", "stage", "unsupported", "variants", "set", "on_create", "given", "send", "when",
    "create",
)  # fmt: skip
FIELD_KEYS = ("field", "read", "write", "as", "values", "silent", "prefix", "sep", "ignore", "default", "max")
STAGE_KEYS = ("field", "values", "at", "lost", "silent", "prefix")
LOST_KEYS = ("field", "values", "while")
TOP_KEYS = ("platform", "language", "wire", "empty", "flat", "contact", "event", "extends")

_LABEL = re.compile(r"<([^<>]+)>")
_SETTING = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the account lacks and `provision` can create: a field, or options of one that exists.

    `type` is string, date, datetime, bool, number or enumeration; `options` maps a value to its label; `path` is the
    canonical path that needs it.
    """

    object: str
    name: str
    label: str
    type: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    unique: bool = False
    exists: bool = False


@dataclass(slots=True)
class Unresolved:
    reason: str
    missing: Missing | None


class Builder:
    """Compiles one document for one account."""

    def __init__(
        self, document: Table, lifecycle: Lifecycle, context: codecs.Context, settings: Mapping[str, Any]
    ) -> None:
        self.document = document
        self.lifecycle = lifecycle
        self.context = context
        self.settings = settings
        self.problems: list[str] = []
        self.unresolved: dict[str, dict[str, Unresolved]] = {}
        """Per object and path: what the account lacks."""
        self.object = ""
        empty = document.get("empty")
        self.empty = (*(empty if isinstance(empty, list) else [empty]), None)  # null always is
        self.as_text = document.get("wire", "json") == "text"
        self.flat = document.get("flat") == "true"

    def shapes(self) -> list[Shape]:
        """Best first: the one with `create: true` leads."""
        d = self.document
        self._keys(d, TOP_KEYS, "")
        contact = d.get("contact")
        if not isinstance(contact, Table):
            return []
        self._keys(contact, CONTACT_KEYS, "contact")
        variants = contact.get("variants")
        if not isinstance(variants, Table):
            shape = self._shape(contact, str(contact.get("object", "contacts")))
            shape.create = True
            return [shape]
        common = Table(contact.file, contact.line)
        common.update({k: v for k, v in contact.items() if k != "variants"})
        common.marks = dict(contact.marks)
        shapes = [
            self._shape(lay_over(common, v, ("contact",)), n) for n, v in variants.items() if isinstance(v, Table)
        ]
        shapes.sort(key=lambda s: not s.create)
        if shapes and not shapes[0].create:
            self._say(contact, "variants", "contact.variants", "no variant has `create: true`")
        return shapes

    # --- one shape ---------------------------------------------------------------------------------------------

    def _shape(self, contact: Table, name: str) -> Shape:
        self.object = name
        self.unresolved[name] = {}
        custom = contact.get("custom")
        fields: dict[str, Field] = {}
        for path, spec in self._table(contact, "fields").items():
            one = self._field(self._table(contact, "fields"), path, spec, custom)
            if one is not None:
                fields[path] = one
        stage = self._stage(contact, self._table(contact, "stage")) if "stage" in contact else None
        self._written_twice(self._table(contact, "fields"), fields, stage)
        unsupported = {str(k): str(v) for k, v in self._table(contact, "unsupported").items()}
        for path in unsupported:
            if kind_of(path) is None:
                self._say(self._table(contact, "unsupported"), path, f"contact.unsupported.{path}", _no_path(path))
        send = self._table(contact, "send")
        return Shape(
            name,
            self._ref(contact, "id", str(contact.get("id", "id"))) or Ref("id", ("id",)),
            fields,
            stage,
            when=tuple(
                (ref, tuple(tables._list(v)))
                for k, v in self._table(contact, "when").items()
                if (ref := self._ref(self._table(contact, "when"), k, k)) is not None
            ),
            create=contact.get("create") == "true",
            constants=self._constants(contact, "set"),
            on_create=self._constants(contact, "on_create"),
            given=dict(self._table(contact, "given")),
            whole=[k for k, v in send.items() if v == "whole"],
            parts=[k for k, v in send.items() if v == "parts"],
            unsupported=unsupported,
        )

    def _constants(self, contact: Table, key: str) -> tuple[tuple[Ref, Any], ...]:
        out = []
        table = self._table(contact, key)
        for name, value in table.items():
            ref = self._ref(table, name, name)
            if ref is not None:
                native = {"true": True, "false": False}.get(value, value) if not self.as_text else value
                out.append((ref, self._setting(native) if isinstance(native, str) else native))
        return tuple(out)

    # --- one field ---------------------------------------------------------------------------------------------

    def _field(self, table: Table, path: str, spec: Any, custom: Any) -> Field | None:
        where = f"contact.fields.{path}"
        kind = kind_of(path)
        if kind is None or path == "stage":
            hint = "; the stage has a section of its own" if path == "stage" else ""
            self._say(table, path, where, _no_path(path) + hint)
            return None
        if isinstance(spec, str):
            options = Table(table.file, table.line)
            options["field"], options.marks = spec, {"field": table.marks.get(path, (table.file, table.line))}
        elif isinstance(spec, Table):
            options = spec
            self._keys(options, FIELD_KEYS, where)
        else:
            self._say(table, path, where, "a field or a table is expected")
            return None
        if not any(k in options for k in ("field", "read", "write")):
            if path.startswith("custom.") and isinstance(custom, str):
                options["field"] = custom.replace("{name}", path.removeprefix("custom."))
            else:
                self._say(table, path, where, "says neither field, read nor write")
                return None
        read, write = options.get("read", options.get("field")), options.get("write", options.get("field"))
        if isinstance(read, list) and write is not None:
            self._say(
                options, "read", where, "a list of fields to read stands beside a field to write; write to one of them"
            )
            return None
        if self._unset(read, write):
            return None
        codec = self._codec(options, where, kind)
        reads = [
            self._resolved(options, path, where, r, codec) for r in ([read] if isinstance(read, str) else read or [])
        ]
        target = self._resolved(options, path, where, write, codec) if isinstance(write, str) else None
        if codec is None or (write is not None and target is None) or (reads and all(r is None for r in reads)):
            return None
        values = None
        if "values" in options:
            owner = write if isinstance(write, str) else str(read)
            names = ("granted", "denied") if kind == "consent" else ("f", "m", "x") if kind == "gender" else None
            values = self._values(options, path, where, owner, names)
        name, chain = codec
        return Field(
            path,
            tuple(r for r in reads if r is not None),
            target,
            codecs.make(name, self.context),
            chain=self._chain(chain),
            table=values,
            sep=options.get("sep"),
            ignore=tuple(tables._list(options.get("ignore"))),
            default=options.get("default"),
            longest=int(options["max"]) if "max" in options else None,
            empty=self.empty,
            as_text=self.as_text,
        )

    def _codec(self, options: Table, where: str, kind: str) -> tuple[str, list[str]] | None:
        """The codec's name, and for writing only a chain of steps."""
        spec = options.get("as", codecs.OF_KIND[kind])
        steps = [spec] if isinstance(spec, str) else list(spec)
        for name in steps:
            known = codecs.known(name) or name == "opaque" or (len(steps) > 1 and codecs.known_step(name))
            if not known:
                self._say(
                    options, "as", where, f"no codec is called '{name}'{nearest(name, codecs.PLAIN | codecs.STEPS)}"
                )
                return None
        if len(steps) > 1 and ("field" in options or "read" in options):
            self._say(options, "as", where, "a chain of steps is for writing only; use `write:`")
            return None
        return steps[0] if len(steps) == 1 else "raw", steps if len(steps) > 1 else []

    def _chain(self, steps: list[str]) -> Any:
        if not steps:
            return None
        made = [codecs.step(s, self.context) for s in steps]

        def run(value: Any) -> Any:
            for one in made:
                value = one(value)
            return value

        return run

    # --- the stage ---------------------------------------------------------------------------------------------

    def _stage(self, contact: Table, table: Table) -> StageField | None:
        self._keys(table, STAGE_KEYS, "contact.stage")
        name = table.get("field")
        if not isinstance(name, str):
            self._say(contact, "stage", "contact.stage", "says no field")
            return None
        main = self._resolved(table, "stage", "contact.stage", name, ("text", []), options=self._stage_options(table))
        if main is None:
            return None
        lost_table = table.get("lost")
        lost = lost_values = None
        guard: frozenset[str] = frozenset()
        covered: set[str] = set()
        if isinstance(lost_table, Table):
            self._keys(lost_table, LOST_KEYS, "contact.stage.lost")
            lost = self._resolved(lost_table, "stage", "contact.stage.lost", str(lost_table.get("field")), ("text", []))
            lost_values = self._values(
                lost_table, "stage", "contact.stage.lost", str(lost_table.get("field")), self.lifecycle.names
            )
            guard = frozenset(tables._list(lost_table.get("while")))
            covered = set(lost_values.write) | set(lost_values.cannot)
            if lost is None:
                lost_values = None
        skip = frozenset(covered)
        values = self._values(table, "stage", "contact.stage", name, self.lifecycle.names, skip=skip)
        rows = table.get("values")
        for stage in sorted(self.lifecycle.names - set(values.write) - set(values.cannot) - covered):
            if rows != "same" and f"stage.{stage}" not in self.unresolved[self.object]:
                self._say(
                    table, "values", "contact.stage",
                    f"lifecycle '{self.lifecycle.name}' has {stage} and the table has not; add a row, or "
                    f"`{stage}: {{cannot: reason}}`",
                )  # fmt: skip
        at = table.get("at")
        return StageField(main, values, lost, lost_values, guard, at, self.flat, self.empty, self.as_text)

    def _stage_options(self, table: Table) -> dict[str, str]:
        if table.get("values") == "same":
            prefix = str(table.get("prefix", ""))
            order = [s.name for s in (*self.lifecycle.stages, *self.lifecycle.lost)]
            return {prefix + n: n.replace("_", " ").capitalize() for n in order}
        return {}

    # --- the account -------------------------------------------------------------------------------------------

    def _values(
        self, table: Table, path: str, where: str, owner: str, names: Any, skip: frozenset[str] = frozenset()
    ) -> tables.Values:
        label = _LABEL.search(owner)
        name = self._account_name(owner)[1]

        def resolve(text: str, rows: Table | None, ours: str) -> str | None:
            match = re.fullmatch(r"<([^<>]+)>", text)
            if match is None:
                return text
            if self.context.facts is None:
                return text  # only checked, never run
            options = self._facts("options").get(label[1] if label else name) or self._facts("options").get(name) or {}
            by_label = {str(k): str(v) for k, v in options.items()}
            if match[1] in by_label:
                return by_label[match[1]]
            self._lacks_option(path, ours, name, match[1], by_label)
            return None

        def problem(owner_table: Table | None, key: str, what: str) -> None:
            self._say(
                owner_table or table, key, f"{where}.values.{key}" if key not in ("values", "silent") else where, what
            )

        return tables.build(
            table.get("values"), table.get("silent"), table=table, names=names, resolve=resolve, problem=problem,
            prefix=str(table.get("prefix", "")), skip=skip,
        )  # fmt: skip

    def _lacks_option(self, path: str, ours: str, name: str, label: str, have: Mapping[str, str]) -> None:
        value = label.upper().replace(" ", "_")
        shown = ", ".join(f"'{x}'" for x in sorted(have)) or "none"
        self.unresolved[self.object][f"{path}.{ours}"] = Unresolved(
            f"the account's field {name} has no option '{label}'; it has {shown}",
            Missing(self.object, name, name, "enumeration", path, {value: label}, exists=True),
        )
        return

    def _resolved(
        self, table: Table, path: str, where: str, text: str, codec: tuple[str, list[str]] | None,
        options: Mapping[str, str] | None = None,
    ) -> Ref | None:  # fmt: skip
        """A reference with labels and settings filled in, checked against what the account has."""
        text = self._setting(text)
        match = _LABEL.search(text)
        if match is not None:
            labels = {str(k): str(v) for k, v in self._facts("fields").items()}
            if self.context.facts is None:
                return self._ref(table, path, text.replace(match[0], _slug(match[1])))
            if match[1] not in labels:
                self._lacks_field(path, text.replace(match[0], _slug(match[1])), match[1], codec, labels, options)
                return None
            text = text.replace(match[0], labels[match[1]])
        elif self.context.facts is not None and self._facts("fields"):
            prefix, name = self._account_name(text)
            if prefix is not None and name not in set(map(str, self._facts("fields").values())):
                self._lacks_field(path, text, name.removesuffix("__c").replace("_", " "), codec, {}, options)
                return None
        return self._ref(table, path, text)

    def _lacks_field(
        self, path: str, text: str, label: str, codec: tuple[str, list[str]] | None, labels: Mapping[str, str],
        options: Mapping[str, str] | None,
    ) -> None:  # fmt: skip
        name = self._account_name(text)[1]
        kind = codecs.make(codec[0], self.context).type if codec and codecs.known(codec[0]) else "string"
        custom = bool(labels) or text.startswith("<") or self._is_custom(text)
        self.unresolved[self.object][path] = Unresolved(
            f"this account has no field '{label if labels else name}'" + nearest(label, labels),
            Missing(
                self.object, name, label, "enumeration" if options else kind, path, options or {},
                unique=path == "external_id",
            ) if custom else None,
        )  # fmt: skip

    def _is_custom(self, text: str) -> bool:
        custom = (self.document.get("contact") or {}).get("custom")
        if not isinstance(custom, str):
            return False
        before, _, after = custom.partition("{name}")
        return text.startswith(before) and text.endswith(after) and bool(after)

    def _account_name(self, text: str) -> tuple[str | None, str]:
        """(container, field name) of a reference to a field of the account; container None for anything else."""
        custom = (self.document.get("contact") or {}).get("custom")
        before = custom.partition("{name}")[0] if isinstance(custom, str) else ""
        if not text.startswith(before):
            return None, text
        name = text.removeprefix(before)
        return (before, name) if re.fullmatch(r"\w+|<[^<>]+>", name) else (None, name)

    def _facts(self, part: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.context.facts or {}).get(part) or {}
        inner: Mapping[str, Any] = found.get(self.object) or {}
        return inner

    def _setting(self, text: str) -> str:
        return _SETTING.sub(lambda m: str(self.settings.get(m[1], "")), text)

    def _unset(self, *texts: Any) -> bool:
        """Whether a field names a setting that the connection does not give: then the path is not mapped."""
        flat = [t for x in texts for t in (x if isinstance(x, list) else [x]) if isinstance(t, str)]
        return any(self.settings.get(m) in (None, "") for t in flat for m in _SETTING.findall(t))

    # --- checks ------------------------------------------------------------------------------------------------

    def _written_twice(self, table: Table, fields: Mapping[str, Field], stage: StageField | None) -> None:
        taken: dict[str, str] = {}
        targets = [(p, f.target) for p, f in fields.items() if f.target is not None]
        if stage is not None:
            targets += [("stage", stage.main)] + ([("stage", stage.lost)] if stage.lost is not None else [])
        for path, ref in targets:
            if ref.steps[-1] == remote.Element(()):
                continue
            for other, owner in taken.items():
                inside = ref.text.startswith(other + ".") or other.startswith(ref.text + ".")
                if other == ref.text or (inside and not ref.in_list):
                    self._say(
                        table, path, f"contact.fields.{path}",
                        f"{ref.text} is written by {owner} already (line {table.marks.get(owner, ('', 0))[1]})",
                    )  # fmt: skip
            taken[ref.text] = path

    def _ref(self, table: Table, key: str, text: str) -> Ref | None:
        try:
            return remote.parse(text, flat=self.flat)
        except ValueError as error:
            self._say(table, key, f"contact.{key}", str(error))
            return None

    def _table(self, table: Table, key: str) -> Table:
        value = table.get(key)
        return value if isinstance(value, Table) else Table(table.file, table.line)

    def _keys(self, table: Table, known: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in known:
                self._say(table, key, f"{where}.{key}" if where else key, f"no such key{nearest(key, known)}")

    def _say(self, table: Table, key: str | None, where: str, what: str) -> None:
        self.problems.append(f"{table.where(key)}: {where}: {what}")


def _no_path(path: str) -> str:
    return f"no such path{nearest(path, PATHS)}"


def _slug(label: str) -> str:
    return re.sub(r"\W+", "_", label.strip().lower())
