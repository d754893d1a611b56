"""Made-up records and contacts for trying a mapping: what platforms really hold, clean, oddly spelled, and broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stagebridge.document import Table
from stagebridge.mapping import remote
from stagebridge.mapping.account import slug, value_of
from stagebridge.mapping.field import SETS, Field
from stagebridge.normalize import Invalid

if TYPE_CHECKING:
    from stagebridge.mapping import Mapping as FieldMapping

Choose = Callable[[Sequence[Any]], Any]
"""Takes one of a sequence: `random.choice`, or a drawing of Hypothesis."""

MOMENT = datetime(2025, 3, 4, 5, 6, 7, 891000, tzinfo=UTC)

GOOD: Mapping[str, tuple[Any, ...]] = {
    "text": ("Zoë", "Ng", "O'Hara", "12", "true", "a; b", "東京", "x" * 90),
    "opaque": ("AbC.1", "k-1", "00"),
    "email": ("zoe@example.com", "n.g+1@example.org"),
    "phone": ("+4930123456", "+14155550123", "+447911123456"),
    "country": ("DE", "CI", "US"),
    "currency": ("EUR", "JPY"),
    "language": ("de", "pt-BR"),
    "timezone": ("Europe/Berlin", "UTC"),
    "url": ("https://example.com/A", "example.org"),
    "date": (date(1990, 2, 28), date(2024, 2, 29)),
    "datetime": (MOMENT, datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    "bool": (True, False),
    "int": (0, 7, -3),
    "number": (0, 2.5, 70),
    "decimal": (Decimal("12.50"), Decimal(0)),
}
"""Canonical values, by the family of the codec."""

DIRTY: Mapping[str, tuple[Any, ...]] = {
    "text": ("  Zoe\u0308 ", "\u200bNg", " ", "", "[unknown]", 7, True, ["a"], {"a": 1}),
    "opaque": (" k ", 19, "", {}),
    "email": (" ZOE@Example.COM ", "mailto:n.g@example.org", "nobody", "a@b", "", 5),
    "phone": ("030 123456", "+49 (30) 123456", "0049 30 123456", "call me", "", 4930123456),
    "country": ("Germany", "de", "côte d'ivoire", "Atlantis", "United States"),
    "language": ("DE", "pt_br", "???", "german language"),
    "currency": ("eur", " Usd ", "euros", 7),
    "timezone": ("europe/berlin", "Mars/Base"),
    "url": (" HTTPS://Example.COM/A ", "no address", "example"),
    "date": ("1990-02-28", "1990-02-30", "soon", 636163200000, "1990-02-28T00:00:00Z"),
    "datetime": ("2025-03-04T05:06:07.891Z", "2025-03-04T05:06:07+02:00", "2025-03-04", "soon", 1741064767891),
    "bool": ("true", "FALSE", "yes", "maybe", 1),
    "int": ("7", "7.0", "seven", 7.5),
    "number": ("2.50", "1e3", "many", True),
    "decimal": ("12.5", "12,5", "NaN"),
}
"""What stands on the wire besides: other spellings, other types, garbage."""

FAMILY = {
    "country_name": "country", "datetime_s": "datetime", "epoch_s": "datetime", "epoch_ms": "datetime",
    "cents": "decimal", "raw": "text",
}  # fmt: skip


def a_contact(m: FieldMapping, object: str, choose: Choose) -> dict[str, Any]:
    """Some of the paths that can be written, with canonical values; some cleared."""
    shape = m.shape(object)
    out: dict[str, Any] = {}
    for path in sorted(shape.writable):
        what = choose(("value", "value", "absent", "cleared"))
        if what == "value":
            out[path] = choose(sorted(m.lifecycle.names)) if path == "stage" else _canonical(shape.fields[path], choose)
        elif what == "cleared":
            out[path] = None
    return out


def a_record(m: FieldMapping, object: str, choose: Choose) -> dict[str, Any]:
    """A record as the platform might answer it: some keys left out, some null, some written by somebody else."""
    shape = m.shape(object)
    record: dict[str, Any] = {"zz_foreign": choose(("kept", None, ["x"]))}
    for ref, values in shape.when:
        remote.write(record, None, ref, choose(values))
    for one in shape.fields.values():
        for ref in dict.fromkeys((*one.reads, *((one.target,) if one.target else ()))):
            _place(record, ref, _raw(one, ref, choose), choose)
    if shape.stage is not None:
        stage = shape.stage
        known = sorted(stage.values.read)
        _place(record, stage.main, choose((*known, *known, *(k.upper() for k in known), "39404120", None, ...)), choose)
        if stage.lost is not None:
            marks = sorted(stage.lost_values.read)
            _place(record, stage.lost, choose((*marks, "OPEN", None, None, None, ...)), choose)
        for ref in stage.stamps.values():
            _place(record, ref, choose((None, "2025-03-04T05:06:07.891Z", "soon", ...)), choose)
    return record


def canonical_share(m: FieldMapping, object: str, record: Mapping[str, Any]) -> tuple[int, int]:
    """(canonical values, values) of a record: canonical is what writing its own reading would produce byte by byte."""
    same = total = 0
    for one in m.shape(object).fields.values():
        raw = remote.read(record, one.reads[0]) if one.reads and one.path not in SETS else None
        if raw is None or raw is remote.ABSENT:
            continue
        total += 1
        try:
            value = one.value(raw)
            same += value is not None and value is not remote.ABSENT and one.scalar(value) == raw
        except Invalid:
            continue
    return same, total


def invented_facts(m: FieldMapping) -> dict[str, Any]:
    """Facts of an account that has everything that the mapping names; for trying it without an account."""
    labels: dict[str, str] = {}
    options: dict[str, str] = {}

    def look(node: Any, in_values: bool) -> None:
        if isinstance(node, Table):
            for key, value in node.items():
                look(value, in_values or key == "values")
        elif isinstance(node, list):
            for value in node:
                look(value, in_values)
        elif isinstance(node, str) and in_values:
            options[node.strip("<>")] = value_of(node.strip("<>")) if node.startswith("<") else node
        elif isinstance(node, str):
            labels.update((part.partition(">")[0], slug(part.partition(">")[0])) for part in node.split("<")[1:])

    look(m.document.get("contact"), False)
    prefix = str((m.document.get("contact", {}).get("stage") or {}).get("prefix", ""))
    options |= {prefix + stage: prefix + stage for stage in m.lifecycle.names}
    named = {o: {**labels, **{n: n for n in _names(m, o)}} for o in m.objects}
    return {
        "fields": named, "options": {o: dict.fromkeys(names.values(), options) for o, names in named.items()},
        "owners": {"1": "zoe@example.com", "2": "n.g+1@example.org"}, "tags": {"1": "Zoë", "2": "Ng"},
    }  # fmt: skip


def _names(m: FieldMapping, object: str) -> set[str]:
    return {text.rpartition(".")[2] for text in m.remote_fields(object)}


def _family(one: Field) -> str:
    name = one.codec.name.partition("(")[0]
    return FAMILY.get(name, name)


def _canonical(one: Field, choose: Choose) -> Any:
    if one.table is not None:
        return choose(sorted(one.table.ours) or [None])
    if one.codec.name.startswith("lookup"):
        pool: Sequence[Any] = ("zoe@example.com", "Zoë", "n.g+1@example.org", "nobody@example.com")
    else:
        pool = GOOD[_family(one)]
    if one.path not in SETS:
        return choose(pool)
    return frozenset(choose(pool) for _ in range(choose((1, 2, 3))))


def _raw(one: Field, ref: remote.Ref, choose: Choose) -> Any:
    """One wire value, `...` for a key that is left out."""
    what = choose(("good", "good", "dirty", "dirty", "dirty", "null", "empty", "absent"))
    if what in ("null", "absent"):
        return None if what == "null" else ...
    if what == "empty":
        return choose(one.blanks)
    if one.table is not None:
        known = (*sorted(one.table.read), *one.table.silent)
        return _typed(choose(known if what == "good" else (*(k.upper() + " " for k in known), "??")), one)
    if one.codec.name.startswith("lookup"):
        one_of: Any = choose(("1", "2") if what == "good" else ("99", "", 1))
    elif what == "good":
        try:
            one_of = one.scalar(choose(GOOD[_family(one)]))
        except Invalid:
            return ...
    else:
        one_of = choose(DIRTY[_family(one)])
        one_of = str(one_of) if one.as_text and not isinstance(one_of, str) else one_of
    if one.path not in SETS or ref.in_list:
        return one_of
    return one.sep.join(map(str, [one_of, one_of])) if one.sep else [one_of, *(p.replace("*", "x") for p in one.ignore)]


def _typed(text: str, one: Field) -> Any:
    return {"true": True, "false": False}.get(text, text) if one.codec.type == "bool" and not one.as_text else text


def _place(record: dict[str, Any], ref: remote.Ref, value: Any, choose: Choose) -> None:
    if value is ...:
        return
    remote.write(record, None, ref, value)
    if ref.in_list and choose((True, False)):
        steps = ref.element
        elements = remote.read(record, remote.Ref("", steps[:-1]))
        if isinstance(elements, list):
            elements.insert(0, {"zz_foreign": "element"})
