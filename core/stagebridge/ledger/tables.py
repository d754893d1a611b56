"""Statements over many rows at once: no statement is ever sent per record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

CHUNK = 500  # values in one IN (…)


def chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    listed = list(items)
    for i in range(0, len(listed), CHUNK):
        yield listed[i : i + CHUNK]


def update_by_id(tx: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Rows of the same columns, each with the id it is written to."""
    if not rows:
        return
    columns: dict[str, Any] = {n: sa.bindparam(n) for n in rows[0] if n != "id"}
    statement = sa.update(table).where(table.c.id == sa.bindparam("_id")).values(columns)
    tx.execute(statement, [{"_id" if n == "id" else n: v for n, v in row.items()} for row in rows])
