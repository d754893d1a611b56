"""One effective document out of a mapping file, what it extends, and a connection's custom fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stagebridge.document import Table, from_dict, nearest, parse_file
from stagebridge.errors import MappingError
from stagebridge.resources import mappings_dir

FIELD_KEYS = ("field", "read", "write")


def effective(source: str | Path | dict[str, Any], custom: dict[str, Any] | None = None) -> Table:
    """Load a document by name, path or as a dict, laid over what it `extends`."""
    document = _load(source, ())
    if custom:
        added = Table("connection", 0)
        fields = Table("connection", 0)
        for name, value in custom.items():
            fields[f"custom.{name}"] = from_dict({"as": value}, "connection") if isinstance(value, str) else (
                value if isinstance(value, Table) else from_dict(value, "connection")
            )  # fmt: skip
            fields.marks[f"custom.{name}"] = ("connection", 0)
        contact = Table("connection", 0)
        contact["fields"] = fields
        added["contact"] = contact
        document = lay_over(document, added)
    return document


def _load(source: str | Path | dict[str, Any], chain: tuple[str, ...]) -> Table:
    if isinstance(source, dict):
        document = source if isinstance(source, Table) else from_dict(source)
        folder = None
    else:
        path = _find(source)
        if str(path) in chain:
            raise MappingError(f"{path.name}: extends itself: {' → '.join(Path(c).stem for c in (*chain, str(path)))}")
        document, folder, chain = parse_file(path), path.parent, (*chain, str(path))
    base = document.get("extends")
    if base is None:
        return document
    if not isinstance(base, str):
        raise MappingError(f"{document.where('extends')}: extends: name one mapping")
    beside = folder / f"{base}.yaml" if folder is not None else None
    below = _load(beside if beside is not None and beside.is_file() else base, chain)
    return lay_over(below, document)


def _find(source: str | Path) -> Path:
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise MappingError(
                f"{path}: no such file", hint="Give the path of a mapping file, or a shipped mapping's name."
            )
        return path
    folder = mappings_dir()
    shipped = folder / f"{source}.yaml"
    if not shipped.is_file():
        known = sorted(p.stem for p in folder.glob("*.yaml"))
        raise MappingError(
            f"no mapping is called '{source}'{nearest(str(source), known)}", hint=f"Shipped are {', '.join(known)}."
        )
    return shipped


def lay_over(below: Table, above: Table, where: tuple[str, ...] = ()) -> Table:
    """Tables merge key by key; a list or a text replaces; `~` removes the entry."""
    out = Table(below.file, below.line)
    out.update(below)
    out.marks = dict(below.marks)
    for key, value in above.items():
        if key == "extends":
            continue
        old = out.get(key)
        in_fields = bool(where) and where[-1] == "fields"
        in_values = bool(where) and where[-1] == "values"
        if value is None and key in out and not in_values:
            del out[key]
            out.marks.pop(key, None)
            continue
        if isinstance(value, Table) and isinstance(old, Table) and not in_values:
            value = lay_over(old, value, (*where, key))
        elif in_fields and isinstance(value, str) and isinstance(old, Table):
            value = _only_the_field(old, value)
        elif (
            in_fields and isinstance(value, Table) and isinstance(old, str) and not any(k in value for k in FIELD_KEYS)
        ):
            kept = Table(value.file, value.line)
            kept["field"] = old
            kept.update(value)
            kept.marks = {"field": out.marks.get(key, (below.file, below.line)), **value.marks}
            value = kept
        out[key] = value
        out.marks[key] = above.marks.get(key, (above.file, above.line))
    return out


def _only_the_field(old: Table, field: str) -> Table:
    changed = Table(old.file, old.line)
    changed.update(old)
    changed.marks = dict(old.marks)
    for key in ("field", "read", "write"):
        if key in changed:
            changed[key] = field
            return changed
    changed["field"] = field
    return changed
