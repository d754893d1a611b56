"""Tables of values, *ours: theirs*: several of theirs may read as one of ours, and some of ours cannot be said there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stagebridge.document import Table

Problem = Callable[[Table | None, str, str], None]
"""Told (table, key, what) of everything that is wrong."""
Resolve = Callable[[str, Table | None, str], str | None]
"""Turns `<Label>` into this account's value; None where it has none."""


@dataclass(slots=True)
class Values:
    """`write[ours]` is theirs, `read[theirs]` is ours, `cannot[ours]` the reason why it is never written."""

    write: dict[str, str] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    cannot: dict[str, str] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    guards: dict[str, frozenset[str]] = field(default_factory=dict)

    def image(self, ours: str) -> str | None:
        """What a value of ours reads as after it was written; None where that is silent."""
        theirs = self.write[ours]
        return None if theirs in self.silent else self.read.get(theirs, ours)


def text_of(value: Any) -> str:
    """A wire scalar as the tables spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def build(
    rows: Any, silent: Any, *, table: Table | None, names: Iterable[str] | None, resolve: Resolve, problem: Problem,
    prefix: str = "", skip: frozenset[str] = frozenset(),
) -> Values:  # fmt: skip
    """Compile a table. `names` are the values that exist on our side (None: any)."""
    known = None if names is None else set(names)
    values = Values()
    values.silent = tuple(_list(silent))
    if rows == "same":
        for name in known or ():
            if name not in skip:
                values.write[name] = prefix + name
                values.read[prefix + name] = name
        return values
    if not isinstance(rows, Mapping):
        problem(table, "values", "a table of ours: theirs is expected, or `same`")
        return values
    rows_table = rows if isinstance(rows, Table) else None
    for ours, row in rows.items():
        if known is not None and ours not in known:
            continue  # a row of a stage that the active lifecycle lacks
        _row(values, ours, row, rows_table, resolve, problem)
    for theirs in values.silent:
        if theirs in values.read:
            problem(table, "silent", f"'{theirs}' is read as {values.read[theirs]} and is silent too")
    return values


def _row(values: Values, ours: str, row: Any, table: Table | None, resolve: Resolve, problem: Problem) -> None:
    if row is None:
        values.cannot[ours] = "this mapping does not say it"
        return
    reads: list[str]
    if isinstance(row, Table | dict):
        for key in row:
            if key not in ("write", "read", "cannot", "while"):
                problem(table, ours, f"'{key}' is no part of a row; write, read, cannot and while are")
        reads = [r for r in (resolve(x, table, ours) for x in _list(row.get("read"))) if r is not None]
        if "cannot" in row:
            values.cannot[ours] = str(row["cannot"])
        elif "write" in row:
            theirs = resolve(str(row["write"]), table, ours)
            if theirs is not None:
                values.write[ours] = theirs
        elif reads:
            values.write[ours] = reads[0]
        if "while" in row:
            values.guards[ours] = frozenset(_list(row["while"]))
    else:
        reads = [r for r in (resolve(x, table, ours) for x in _list(row)) if r is not None]
        if reads:
            values.write[ours] = reads[0]
    for theirs in reads:
        if theirs in values.read:
            problem(table, ours, f"'{theirs}' is read as {values.read[theirs]} already")
        else:
            values.read[theirs] = ours


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]
