"""From the effective document to compiled shapes, with everything that is wrong in it told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stagebridge.contact import PATHS, kind_of
from stagebridge.document import Table, nearest
from stagebridge.lifecycle import Lifecycle
from stagebridge.mapping import codecs, remote
from stagebridge.mapping import values as tables
from stagebridge.mapping.account import Account, Lack, options_of
from stagebridge.mapping.field import SETS, Field, SetField
from stagebridge.mapping.overlay import lay_over
from stagebridge.mapping.remote import Ref
from stagebridge.mapping.segment import Segment
from stagebridge.mapping.shape import Shape
from stagebridge.mapping.stage import StageField
from stagebridge.mapping.steps import Beside, find, of_connector
from stagebridge.normalize import Invalid

TOP_KEYS = ("platform", "language", "wire", "empty", "flat", "contact", "event", "extends")
CONTACT_KEYS = (
    "object", "id", "fields", "custom", "stage", "unsupported", "variants", "set", "on_create", "given", "send", "segments",
)  # fmt: skip
VARIANT_KEYS = ("when", "create", *(k for k in CONTACT_KEYS if k not in ("object", "variants")))
FIELD_KEYS = ("field", "read", "write", "as", "values", "silent", "prefix", "sep", "ignore", "default", "max")
STAGE_KEYS = ("field", "values", "at", "lost", "silent", "prefix")
LOST_KEYS = ("field", "values", "while")

OURS: Mapping[str, tuple[str, ...]] = {"consent": ("granted", "denied"), "gender": ("f", "m", "x")}
"""The values that exist on our side, by the kind of a path."""


class Builder:
    """Compiles one document for one account. `problems` are the mapping's own faults, `accounts` hold what the
    account lacks, by object."""

    def __init__(
        self, document: Table, lifecycle: Lifecycle, context: codecs.Context, settings: Mapping[str, Any]
    ) -> None:
        self.document = document
        self.lifecycle = lifecycle
        self.context = context
        self.settings = settings
        self.problems: list[str] = []
        self.accounts: dict[str, Account] = {}
        self.account = Account("", context, settings, None)
        empty = document.get("empty")
        self.empty = (*(empty if isinstance(empty, list) else [empty]), None)  # null always is
        self.as_text = document.get("wire", "json") == "text"
        self.flat = document.get("flat") == "true"

    def shapes(self) -> list[Shape]:
        """Best first: the one with `create: true` leads."""
        d = self.document
        self._head(d)
        contact = d.get("contact")
        if not isinstance(contact, Table):
            return []
        self._keys(contact, CONTACT_KEYS, "contact")
        variants = contact.get("variants")
        if variants is None:
            shape = self._shape(contact, str(contact.get("object", "contacts")))
            shape.create = True
            return [shape]
        if not isinstance(variants, Table) or not variants:
            self._say(contact, "variants", "contact.variants", "a table of variants is expected")
            return []
        common = Table(contact.file, contact.line)
        common.update({k: v for k, v in contact.items() if k not in ("variants", "object")})
        common.marks = dict(contact.marks)
        shapes = []
        for name, variant in variants.items():
            where = f"contact.variants.{name}"
            if not isinstance(variant, Table):
                self._say(variants, name, where, "a table is expected")
                continue
            self._keys(variant, VARIANT_KEYS, where)
            shapes.append(self._shape(lay_over(common, variant, ("contact",)), name))
        shapes.sort(key=lambda s: not s.create)
        if sum(s.create for s in shapes) != 1:
            self._say(contact, "variants", "contact.variants", "exactly one variant has `create: true`")
        return shapes

    def _head(self, d: Table) -> None:
        self._keys(d, TOP_KEYS, "")
        if "platform" not in d:
            self._say(d, None, "platform", "says no platform")
        if d.get("language", "1") != "1":
            self._say(d, "language", "language", f"this version reads language 1, not {d['language']}")
        if d.get("wire", "json") not in ("json", "text"):
            self._say(d, "wire", "wire", f"'{d['wire']}' is neither json nor text")
        if "contact" not in d and "event" not in d:
            self._say(d, None, "contact", "maps neither contacts nor events")

    # --- one shape ---------------------------------------------------------------------------------------------

    def _shape(self, contact: Table, name: str) -> Shape:
        custom = contact.get("custom")
        self.account = self.accounts[name] = Account(name, self.context, self.settings, custom, flat=self.flat)
        table = self._table(contact, "fields", "contact")
        unsupported = {str(k): str(v) for k, v in self._table(contact, "unsupported", "contact").items()}
        for path in unsupported:
            if kind_of(path) is None:
                self._say(contact["unsupported"], path, f"contact.unsupported.{path}", _no_path(path))
        send = self._send(contact)
        fields: dict[str, Field] = {}
        for path, spec in table.items():
            one = self._field(table, path, spec, contact.get("custom"), unsupported)
            if one is not None:
                fields[path] = one
        stage = self._stage(contact) if "stage" in contact else None
        self._sharing(fields, stage, parts=[k for k, v in send.items() if v == "parts"])
        self._written_twice(table, fields, stage)
        segment = self._segment(contact, fields) if "segments" in contact else None
        return Shape(
            name,
            self._ref(contact, "id", "contact.id", str(contact.get("id", "id"))) or Ref("id", ("id",)),
            fields,
            stage,
            when=self._when(contact),
            create=contact.get("create") == "true",
            constants=self._constants(contact, "set"),
            on_create=self._constants(contact, "on_create"),
            given=self._given(contact),
            whole=[k for k, v in send.items() if v == "whole"],
            parts=[k for k, v in send.items() if v == "parts"],
            unsupported=unsupported,
            segment=segment,
            as_text=self.as_text,
        )

    def _when(self, contact: Table) -> tuple[tuple[Ref, tuple[str, ...]], ...]:
        table = self._table(contact, "when", "contact")
        refs = ((self._ref(table, k, f"contact.when.{k}", k), tables.listed(v)) for k, v in table.items())
        return tuple((ref, tuple(values)) for ref, values in refs if ref is not None)

    def _send(self, contact: Table) -> Table:
        send = self._table(contact, "send", "contact")
        for key, how in send.items():
            if how not in ("parts", "whole"):
                self._say(send, key, f"contact.send.{key}", f"'{how}' is neither parts nor whole")
        return send

    def _constants(self, contact: Table, key: str, section: str = "contact") -> tuple[tuple[Ref, Any], ...]:
        out = []
        table = self._table(contact, key, section)
        for name, value in table.items():
            ref = self._ref(table, name, f"{section}.{key}.{name}", name)
            if ref is None or self.account.unset(value):
                continue
            if not isinstance(value, str):
                self._say(table, name, f"{section}.{key}.{name}", "a constant is expected")
                continue
            native = {"true": True, "false": False}.get(value) if not self.as_text else None
            out.append((ref, self.account.filled(value) if native is None else native))
        return tuple(out)

    def _given(self, contact: Table) -> dict[str, Any]:
        table = self._table(contact, "given", "contact")
        out = {}
        for path, value in table.items():
            kind = kind_of(path)
            if kind is None:
                self._say(table, path, f"contact.given.{path}", _no_path(path))
                continue
            if path == "stage" and value not in self._stages():  # like a row of a stage that this lifecycle lacks
                if self._own(table, path):
                    self._say(table, path, "contact.given.stage", f"lifecycle '{self.lifecycle.name}' has no {value}")
                continue
            try:
                out[path] = codecs.make(codecs.OF_KIND[kind], self.context).read(value)
            except Invalid as reason:
                self._say(table, path, f"contact.given.{path}", str(reason))
        return out

    # --- one field ---------------------------------------------------------------------------------------------

    def _field(self, table: Table, path: str, spec: Any, custom: Any, unsupported: dict[str, str]) -> Field | None:
        where = f"contact.fields.{path}"
        kind = kind_of(path)
        if kind is None or path in ("stage", "stage_at"):
            hint = "; the stage has a section of its own" if path == "stage" else ""
            hint = "; it comes from `at:` of the stage" if path == "stage_at" else hint
            self._say(table, path, where, _no_path(path) + hint if kind is None else hint[2:])
            return None
        options = self._options(table, path, spec, custom, where)
        if options is None:
            return None
        read, write = options.get("read", options.get("field")), options.get("write", options.get("field"))
        reads = tables.listed(read)
        unset = [self.account.unset(r) for r in reads] + [self.account.unset(write)]
        reads = [r for r in reads if not self.account.unset(r)]
        if unset[-1] or (not reads and any(unset)):
            name = next(u for u in reversed(unset) if u)
            unsupported[path] = f"the connection sets no {name}"
            return None
        codec = self._codec(options, where, kind)
        if codec is None:
            return None
        name, steps = codec
        self.account.lookup(name)
        made = self._made(options, where, name, kind)
        if made is None:
            return None
        wanted = options_of(options.get("values"), dict.fromkeys(OURS.get(kind, ())), str(options.get("prefix", "")))
        sources = [self._resolved(options, path, where, r, made.type, wanted) for r in reads]
        target = self._resolved(options, path, where, write, made.type, wanted) if isinstance(write, str) else None
        if (write is not None and target is None) or (reads and not any(sources)):
            return None
        self.account.lacks.pop(path, None)  # one of several fields to read is enough
        values = None
        if "values" in options:
            owner = (target or next(r for r in sources if r is not None)).text
            values = self._values(options, path, where, owner, OURS.get(kind))
        make = SetField if path in SETS else Field
        return make(
            path,
            tuple(r for r in sources if r is not None),
            target,
            made,
            chain=self._chain(steps),
            table=values,
            sep=options.get("sep"),
            ignore=tuple(tables.listed(options.get("ignore"))),
            default=options.get("default"),
            longest=self._number(options, "max", where),
            empty=self.empty,
            as_text=self.as_text,
        )

    def _options(self, table: Table, path: str, spec: Any, custom: Any, where: str) -> Table | None:
        """A field's entry as a table, checked for what can be seen without the account."""
        if isinstance(spec, str):
            options = Table(*table.marks.get(path, (table.file, table.line)))
            options["field"], options.marks = spec, {"field": table.marks.get(path, (table.file, table.line))}
        elif isinstance(spec, Table):
            options = spec
            self._keys(options, FIELD_KEYS, where)
        else:
            self._say(table, path, where, "a field or a table is expected")
            return None
        if not any(k in options for k in ("field", "read", "write")):
            if not path.startswith("custom.") or not isinstance(custom, str):
                self._say(table, path, where, "says neither field, read nor write")
                return None
            whole = Table(options.file, options.line)
            whole.update(options, field=custom.replace("{name}", path.removeprefix("custom.")))
            whole.marks, options = options.marks, whole
        wrong = None
        read, write = options.get("read"), options.get("write")
        if "field" in options and (read is not None or write is not None):
            wrong = "says `field` and `read` or `write`; take one of them out with `~`"
        elif isinstance(read, list) and write is not None:
            wrong = "a list of fields to read stands beside a field to write; write to one of them"
        elif isinstance(options.get("field"), list) or isinstance(write, list):
            wrong = "only `read` may be a list of fields"
        elif read is not None and write is not None and any("(" in r for r in (read, write)) and not self.flat:
            wrong = "`read` and `write` apart may not point into a list"
        elif path not in SETS and ("sep" in options or "ignore" in options):
            wrong = f"`sep` and `ignore` are for sets ({', '.join(sorted(SETS))})"
        elif path in SETS and "values" in options:
            wrong = "a set takes no table of values"
        elif "values" not in options and ("silent" in options or "prefix" in options):
            wrong = "`silent` and `prefix` go with `values`"
        if wrong:
            self._say(table, path, where, wrong)
            return None
        return options

    def _codec(self, options: Table, where: str, kind: str) -> tuple[str, list[str]] | None:
        """The codec's name, and for writing only a chain of steps."""
        spec = options.get("as", codecs.OF_KIND[kind])
        steps = tables.listed(spec)
        for name in steps:
            if not (codecs.known(name) or (isinstance(spec, list) and codecs.known_step(name))):
                self._say(options, "as", where, self._no_codec(name, isinstance(spec, list)))
                return None
            if where.startswith("contact.") and isinstance(find(name), Beside):
                self._say(options, "as", where, f"'{name}' looks at a second value; only events have such steps")
                return None
        if isinstance(spec, list) and ("field" in options or ("read" in options and not where.startswith("event."))):
            self._say(options, "as", where, "a chain of steps is for writing only; use `write:`")
            return None
        return (codecs.OF_KIND[kind], steps) if isinstance(spec, list) else (steps[0], [])

    @staticmethod
    def _no_codec(name: str, chain: bool) -> str:
        package, sign, step = name.partition(".")
        if sign and (own := of_connector(package)) is not None:
            return f"stagebridge-{package} has no step '{step}'{nearest(step, own)}"
        if sign:
            return f"'{name}' comes with the connector: pip install stagebridge-{package}"
        what, known = ("step", codecs.PLAIN | codecs.STEPS) if chain else ("codec", codecs.PLAIN)
        return f"no {what} is called '{name}'{nearest(name, known)}"

    def _made(self, options: Table, where: str, name: str, kind: str) -> codecs.Codec | None:
        try:
            return codecs.make(name, self.context, kind)
        except ValueError as error:
            self._say(options, "as", where, str(error))
            return None

    def _chain(self, steps: list[str]) -> Callable[[Any], Any] | None:
        if not steps:
            return None
        made = [s for name in steps if not isinstance(s := codecs.step(name, self.context), Beside)]

        def run(value: Any) -> Any:
            for one in made:
                value = one(value)
            return value

        return made[0] if len(made) == 1 else run

    def _number(self, options: Table, key: str, where: str) -> int | None:
        value = options.get(key)
        if value is None:
            return None
        if not str(value).isdigit():
            self._say(options, key, where, f"`{key}` is a whole number, not '{value}'")
            return None
        return int(value)

    # --- the stage ---------------------------------------------------------------------------------------------

    def _stage(self, contact: Table) -> StageField | None:
        table, where = contact["stage"], "contact.stage"
        if not isinstance(table, Table) or not isinstance(table.get("field"), str):
            self._say(contact, "stage", where, "says no field")
            return None
        self._keys(table, STAGE_KEYS, where)
        names = self._stages()
        prefix = str(table.get("prefix", ""))
        main = self._resolved(
            table, "stage", where, table["field"], options=options_of(table.get("values"), names, prefix)
        )
        lost: Ref | None = None
        lost_values, guard = tables.Values(), tuple[str, ...]()
        if isinstance(table.get("lost"), Table):
            lost, lost_values, guard = self._lost(table["lost"], names)
        if main is None:
            return None
        values = self._values(table, "stage", where, main.text, names, skip=lost_values.ours)
        for stage in names:
            if stage not in values.ours | lost_values.ours and f"stage.{stage}" not in self.account.lacks:
                rows = table.get("values")
                near = nearest(stage, rows) if isinstance(rows, Table) else ""
                self._say(
                    table, "values", where,
                    f"lifecycle '{self.lifecycle.name}' has {stage} and the table has not{near}; add a row, or "
                    f"`{stage}: {{cannot: reason}}`",
                )  # fmt: skip
        try:
            return StageField(
                main, values, lost, lost_values, guard, table.get("at"), self.flat, self.empty, self.as_text
            )
        except ValueError as error:
            self._say(table, "at", "contact.stage.at", str(error))
            return None

    def _lost(self, table: Table, names: dict[str, None]) -> tuple[Ref | None, tables.Values, tuple[str, ...]]:
        where = "contact.stage.lost"
        self._keys(table, LOST_KEYS, where)
        if not isinstance(table.get("field"), str):
            self._say(table, None, where, "says no field")
            return None, tables.Values(), ()
        ref = self._resolved(table, "stage.lost", where, table["field"])
        values = self._values(table, "stage", where, ref.text if ref is not None else table["field"], names)
        guard = tuple(tables.listed(table.get("while")))
        rows = self._table(table, "values", where)
        guards = [(table, "while", guard), *((rows, ours, found) for ours, found in values.guards.items())]
        for owner, key, stages in guards:
            for stage in stages:
                if stage not in names and self._own(owner, key):
                    self._say(owner, key, f"{where}.while", f"lifecycle '{self.lifecycle.name}' has no stage {stage}")
        for ours in values.write:
            if not (guard or values.guards.get(ours)):
                self._say(table, None, where, f"{ours} says no `while`: under which stages does the mark count?")
        return ref, values, guard

    def _stages(self) -> dict[str, None]:
        """The lifecycle's stages in their order, the lost ones behind."""
        return dict.fromkeys(s.name for s in (*self.lifecycle.stages, *self.lifecycle.lost))

    def _segment(self, contact: Table, fields: Mapping[str, Field]) -> Segment | None:
        prefix, where, tags = contact["segments"], "contact.segments", fields.get("tags")
        if not isinstance(prefix, str) or not prefix.strip():
            self._say(contact, "segments", where, "the beginning of the tags is expected, for example 'stage: '")
        elif not isinstance(tags, SetField) or tags.target is None or tags.target.in_list:
            self._say(contact, "segments", where, "a stage can be tagged only where the mapping writes a list of tags")
        elif tags.sep is not None and tags.sep in prefix:
            self._say(contact, "segments", where, f"'{tags.sep}' separates the tags there")
        else:
            segment = Segment(tags, prefix)
            tags.ignore = (*tags.ignore, segment.pattern)
            return segment
        return None

    # --- tables of values --------------------------------------------------------------------------------------

    def _values(
        self, table: Table, path: str, where: str, owner: str, names: Any, skip: frozenset[str] = frozenset()
    ) -> tables.Values:
        writing = "read" not in table or "write" in table

        def problem(at: Table, key: str, what: str) -> None:
            self._say(at, key, where if at is table else f"{where}.values.{key}", what)

        def resolve(text: str, at: Table, ours: str, first: bool) -> str | None:
            there = where if at is table else f"{where}.values.{ours}"
            place = at.where("values" if at is table else ours)
            try:
                return self.account.option(text, owner, path, f"{place}: {there}", ours, writing=writing and first)
            except ValueError as error:
                problem(at, ours, str(error))
                return None

        values = tables.build(
            table.get("values"), table.get("silent"), table=table, names=names,
            own=self._own if path == "stage" else _always, resolve=resolve,
            problem=problem, prefix=str(table.get("prefix", "")), skip=skip,
        )  # fmt: skip
        for ours in names or ():
            lack = self.account.lacks.get(f"{path}.{ours}")
            if lack is not None and ours not in values.write and ours not in skip:
                values.cannot.setdefault(ours, lack.reason)
        return values

    def _own(self, table: Table, key: str) -> bool:
        """Whether an overlay says this itself: what it inherits may name what this lifecycle lacks."""
        return "extends" in self.document and table.marks.get(key, (table.file, 0))[0] == self.document.file

    # --- references --------------------------------------------------------------------------------------------

    def _resolved(
        self, table: Table, path: str, where: str, text: str, type: str = "string",
        options: Mapping[str, str] | None = None,
    ) -> Ref | None:  # fmt: skip
        """A reference with labels and settings filled in, checked against what the account has."""
        key = next((k for k in ("field", "read", "write") if k in table), None)
        try:
            found = self.account.field(text, path, f"{table.where(key)}: {where}", type=type, options=options)
        except ValueError as error:
            self._say(table, key, where, str(error))
            return None
        return None if found is None else self._ref(table, key, where, found)

    def _ref(self, table: Table, key: str | None, where: str, text: str) -> Ref | None:
        try:
            return remote.parse(text, flat=self.flat)
        except ValueError as error:
            self._say(table, key, where, str(error))
            return None

    # --- checks ------------------------------------------------------------------------------------------------

    def _sharing(self, fields: Mapping[str, Field], stage: StageField | None, parts: list[str]) -> None:
        """An element may go with its field only if nothing else lives in it and the platform can be told of it."""
        places = [r.element for f in fields.values() for r in {*f.reads, *((f.target,) if f.target else ())}]
        places += [stage.main.element] if stage is not None else []
        for one in fields.values():
            place = one.target.element if one.target is not None else ()
            one.shares = not place or places.count(place) > 1 or place[0] in parts

    def _written_twice(self, table: Table, fields: Mapping[str, Field], stage: StageField | None) -> None:
        targets = [(p, f.target) for p, f in fields.items() if f.target is not None]
        if stage is not None:
            targets += [("stage", stage.main)] + ([("stage", stage.lost)] if stage.lost is not None else [])
        taken: list[tuple[str, Ref]] = []
        for path, ref in targets:
            for owner, other in taken:
                length = min(len(ref.steps), len(other.steps))
                if ref.steps[:length] == other.steps[:length]:
                    key, where = (path, f"contact.fields.{path}") if path in table else (owner, "contact.stage")
                    at = table.where(owner).rpartition(":") if owner in table else ("", "", "")
                    line = f"line {at[2]}" if at[0] == table.where(key).rpartition(":")[0] else "".join(at)
                    inside = "" if ref.steps == other.steps else f", inside {other.text}"
                    self._say(table, key, where, f"{ref.text} is written by {owner} already ({line}{inside})")
            taken.append((path, ref))

    def _table(self, table: Table, key: str, where: str) -> Table:
        value = table.get(key)
        if value is not None and not isinstance(value, Table):
            self._say(table, key, f"{where}.{key}", "a table is expected")
        return value if isinstance(value, Table) else Table(table.file, table.line)

    def _keys(self, table: Table, known: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in known:
                self._say(table, key, f"{where}.{key}" if where else key, f"no such key{nearest(key, known)}")

    def _say(self, table: Table, key: str | None, where: str, what: str) -> None:
        self.problems.append(f"{table.where(key)}: {where}: {what}")


def lacks_of(builder: Builder) -> list[Lack]:
    """Everything that the account lacks, object by object."""
    return [lack for account in builder.accounts.values() for lack in account.lacks.values()]


def _always(table: Table, key: str) -> bool:
    """Only lifecycles differ: a value that no consent and no gender has is wrong in any file."""
    del table, key
    return True


def _no_path(path: str) -> str:
    return f"no such path{nearest(path, PATHS)}"
