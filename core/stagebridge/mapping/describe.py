"""The effective mapping, line by line, each with the file and line that it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stagebridge.document import Table


@dataclass(frozen=True, slots=True)
class Entry:
    """`depth` is how far it is indented; `value` is None for a table whose entries follow; `origin` is `file:line`."""

    depth: int
    key: str
    value: str | None
    origin: str

    def __str__(self) -> str:
        text = "  " * self.depth + f"{self.key}:"
        return text if self.value is None else f"{text} {self.value}    # {self.origin}"


def entries(table: Table, depth: int = 0) -> Iterator[Entry]:
    for key, value in table.items():
        where = table.where(key)
        if isinstance(value, Table) and value:
            yield Entry(depth, key, None, where)
            yield from entries(value, depth + 1)
        else:
            yield Entry(depth, key, _shown(value), where)


def _shown(value: Any) -> str:
    if value is None:
        return "~"
    return f"[{', '.join(map(_shown, value))}]" if isinstance(value, list) else str(value) or '""'
