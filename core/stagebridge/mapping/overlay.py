"""One effective document out of a mapping file, what it extends, and a connection's custom fields."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from stagebridge.document import Table, from_dict, nearest, parse_file
from stagebridge.errors import ConfigError, MappingError
from stagebridge.resources import mapping_folders, mappings_dir

FIELD_KEYS = ("field", "read", "write")


def effective(
    source: str | Path | dict[str, Any], custom: dict[str, Any] | None = None, segments: str | None = None
) -> Table:
    """Load a document by name, path or as a dict, laid over what it `extends`. `file` of the result is the file that
    was asked for, and every entry knows where it comes from. Raises `MappingError`."""
    document = _load(source, ())
    return lay_over(document, _of_the_connection(custom or {}, segments)) if custom or segments else document


def _of_the_connection(custom: dict[str, Any], segments: str | None) -> Table:
    """The custom fields and the segments that a connection names, as an overlay."""
    fields = Table("connection", 0)
    for name, value in custom.items():
        if not re.fullmatch(r"\w+", name):
            raise MappingError(f"connection: custom.{name}: a name has letters, digits and underscores only")
        path = f"custom.{name}"
        fields[path] = from_dict(value if isinstance(value, dict) else {"as": value}, "connection")
    contact = Table("connection", 0)
    contact["fields"] = fields
    if segments:
        contact["segments"] = segments
    added = Table("connection", 0)
    added["contact"] = contact
    return added


def _load(source: str | Path | dict[str, Any], chain: tuple[Path, ...]) -> Table:
    folder = None
    if isinstance(source, dict):
        document = source if isinstance(source, Table) else from_dict(source)
    else:
        path = _find(source)
        if path in chain:
            circle = " → ".join(p.stem for p in (*chain[chain.index(path) :], path))
            raise MappingError(f"{path.name}: extends: a circle: {circle}")
        try:
            document = parse_file(path)
        except ConfigError as error:
            raise MappingError(str(error), hint=error.hint) from None
        folder, chain = path.parent, (*chain, path)
    base = document.get("extends")
    if base is None:
        return document
    if not isinstance(base, str):
        raise MappingError(f"{document.where('extends')}: extends: name one mapping")
    try:
        found = _find(_beside(base, folder, chain))
    except MappingError as error:
        raise MappingError(f"{document.where('extends')}: extends: {error}", hint=error.hint) from None
    below = _load(found, chain)
    merged = lay_over(below, document)
    merged.file, merged["extends"] = document.file, base
    merged.marks["extends"] = (document.file, document.marks.get("extends", ("", document.line))[1])
    return merged


def _beside(base: str, folder: Path | None, chain: tuple[Path, ...]) -> str | Path:
    """A mapping in the same folder, else a shipped one: `hubspot.yaml` may extend the shipped `hubspot`."""
    if folder is None:
        return base
    file = folder / (base if base.endswith((".yaml", ".yml")) else f"{base}.yaml")
    own = bool(chain) and file.resolve() == chain[-1]
    return file if file.is_file() and not (own and (mappings_dir() / f"{base}.yaml").is_file()) else base


def _find(source: str | Path) -> Path:
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise MappingError(
                f"{path}: no such file", hint="Give the path of a mapping file, or a shipped mapping's name."
            )
        return path.resolve()
    found = next((f for folder in mapping_folders() if (f := folder / f"{source}.yaml").is_file()), None)
    if found is None:
        known = sorted(p.stem for folder in mapping_folders() for p in folder.glob("*.yaml"))
        raise MappingError(
            f"no mapping is called '{source}'{nearest(str(source), known)}", hint=f"There are {', '.join(known)}."
        )
    return found.resolve()


def lay_over(below: Table, above: Table, where: tuple[str, ...] = ()) -> Table:
    """Tables merge key by key; a list or a text replaces; `~` removes the entry. A row of `values` is replaced whole."""
    out = Table(below.file, below.line)
    out.update(below)
    out.marks = dict(below.marks)
    in_fields = bool(where) and where[-1] == "fields"
    in_values = bool(where) and where[-1] == "values"
    for key, value in above.items():
        if key == "extends":
            continue
        old = out.get(key)
        mark = above.marks.get(key, (above.file, above.line))
        if value is None and key != "empty":
            out.pop(key, None)
            out.marks.pop(key, None)
            continue
        if isinstance(value, Table) and isinstance(old, Table) and not in_values:
            value = lay_over(old, value, (*where, key))
        elif in_fields and isinstance(value, str) and isinstance(old, Table):
            value = _only_the_field(old, value, mark)
        elif in_fields and isinstance(value, Table) and isinstance(old, str):
            value = _around_the_field(value, old, out.marks.get(key, (below.file, below.line)))
        out[key] = value
        out.marks[key] = mark
    return out


def _only_the_field(old: Table, field: str, mark: tuple[str, int]) -> Table:
    """A bare field name over a table changes only the field; one that was read only stays so."""
    changed = Table(old.file, old.line)
    key = (
        "read" if "read" in old and "write" not in old else "write" if "write" in old and "read" not in old else "field"
    )
    changed.update((k, v) for k, v in old.items() if k not in FIELD_KEYS)
    changed[key] = field
    changed.marks = {**old.marks, key: mark}
    return changed


def _around_the_field(value: Table, field: str, mark: tuple[str, int]) -> Table:
    """A table without a field over a bare name keeps the field."""
    if any(k in value for k in FIELD_KEYS):
        return value
    kept = Table(value.file, value.line)
    kept["field"] = field
    kept.update(value)
    kept.marks = {"field": mark, **value.marks}
    return kept
