"""Tables of values, *ours: theirs*: several of theirs may read as one of ours, and some of ours cannot be said there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stagebridge.document import Table
from stagebridge.normalize import Invalid

Problem = Callable[[Table, str, str], None]
"""Told (table, key, what) of everything that is wrong."""
Resolve = Callable[[str, Table, str, bool], str | None]
"""Turns `<Label>` into this account's value; None where it has none. Told (text, table, ours, whether it is written)."""

ROW_KEYS = ("write", "read", "cannot", "while")


@dataclass(slots=True)
class Values:
    """`write[ours]` is theirs, `read[theirs]` is ours, `cannot[ours]` the reason why it is never written; `guards[ours]`
    are the stages under which a lost mark counts."""

    write: dict[str, str] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    cannot: dict[str, str] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    guards: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def ours(self) -> frozenset[str]:
        """Every value of ours that has a row."""
        return frozenset((*self.write, *self.read.values(), *self.cannot))

    def theirs(self, ours: Any) -> str:
        """What is written for a value of ours. Raises `Invalid` where that cannot be said there."""
        found = self.write.get(ours)
        if found is None:
            raise Invalid(self.cannot.get(ours, f"'{ours}' has no row in its table"))
        return found

    def image(self, ours: Any) -> str | None:
        """What a value of ours reads as after it was written; None where that is silent. Raises `Invalid`."""
        return self.read.get(self.theirs(ours))


def text_of(value: Any) -> str:
    """A wire scalar as the tables spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def build(
    rows: Any, silent: Any, *, table: Table, names: Iterable[str] | None, own: Callable[[Table, str], bool],
    resolve: Resolve, problem: Problem, prefix: str = "", skip: frozenset[str] = frozenset(),
) -> Values:  # fmt: skip
    """Compile a table. `names` are the values that exist on our side (None: any); a row of another is skipped, and an
    error if it is the overlay's `own`. `skip` are those that `same` leaves to another table."""
    known = None if names is None else set(names)
    values = Values(silent=tuple(listed(silent)))
    if rows == "same":
        for name in sorted(known or ()):
            if name not in skip:
                theirs = resolve(prefix + name, table, name, True)
                values.read[prefix + name] = name
                if theirs is not None:
                    values.write[name] = theirs
        _overlaps(values, table, problem)
        return values
    if not isinstance(rows, Table):
        problem(table, "values", "a table of ours: theirs is expected, or `same`")
        return values
    if prefix:
        problem(table, "prefix", "a prefix goes with `values: same`")
    read_at: dict[str, str] = {}
    for ours, row in rows.items():
        if known is not None and ours not in known:
            if own(rows, ours):
                problem(rows, ours, f"no such value; there are {', '.join(sorted(known))}")
            continue
        for theirs in _row(values, ours, row, rows, resolve, problem):
            if theirs in values.read:
                problem(rows, ours, f"'{theirs}' is read as {values.read[theirs]} already ({read_at[theirs]})")
            else:
                values.read[theirs], read_at[theirs] = ours, rows.where(ours)
    _overlaps(values, table, problem)
    for ours, theirs in values.write.items():
        if theirs not in values.read and theirs not in values.silent:
            problem(rows, ours, f"'{theirs}' is written, and no row reads it back")
    return values


def _overlaps(values: Values, table: Table, problem: Problem) -> None:
    for theirs in values.silent:
        if theirs in values.read:
            problem(table, "silent", f"'{theirs}' is read as {values.read[theirs]} and is silent too")


def _row(values: Values, ours: str, row: Any, table: Table, resolve: Resolve, problem: Problem) -> list[str]:
    """Take one row in; returns what it reads."""
    if isinstance(row, Mapping):
        for key in row:
            if key not in ROW_KEYS:
                problem(table, ours, f"'{key}' is no part of a row; {', '.join(ROW_KEYS)} are")
        if "cannot" in row and "write" in row:
            problem(table, ours, "says `write` and `cannot`")
        if not any(k in row for k in ("write", "read", "cannot")):
            problem(table, ours, "says neither write, read nor cannot")
        written = listed(row.get("write"))
        reads = listed(row.get("read"))
        if "cannot" in row:
            values.cannot[ours] = str(row["cannot"])
        if "while" in row:
            values.guards[ours] = tuple(listed(row["while"]))
    else:
        reads = listed(row)
        written = reads[:1]
        if not reads:
            problem(table, ours, "says nothing; name their value, or `{cannot: reason}`")
    if "cannot" not in (row if isinstance(row, Mapping) else ()):
        if len(written) == 1 and (theirs := resolve(written[0], table, ours, True)) is not None:
            values.write[ours] = theirs
        elif not written and reads:
            values.cannot[ours] = "it is only read there"
    found = {r: None for r in (resolve(x, table, ours, False) for x in reads) if r is not None}
    return list(found)


def listed(value: Any) -> list[str]:
    """A text or a list of texts as a list."""
    if value is None:
        return []
    return [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]
