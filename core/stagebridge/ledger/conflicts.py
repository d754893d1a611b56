"""Conflicts opened and closed in one transaction, written at its end in a few statements."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stagebridge.ledger import schema as t
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.ledger.tables import chunks

Key = tuple[str, int, str, str, str, str]
NAMES = ("kind", "contact_id", "connection", "object", "remote_id", "path")


class Conflicts:
    def __init__(self) -> None:
        self._opened: dict[Key, dict[str, Any]] = {}
        self._closed: set[Key] = set()

    @staticmethod
    def _key(kind: str, contact: ContactRow, link: LinkRow, path: str) -> Key:
        return kind, contact.id, link.connection, link.object, link.remote_id, path

    def open(self, kind: str, contact: ContactRow, link: LinkRow, path: str, detail: dict[str, Any]) -> None:
        self._opened[self._key(kind, contact, link, path)] = detail

    def close(self, kind: str, contact: ContactRow, link: LinkRow, path: str) -> None:
        self._closed.add(self._key(kind, contact, link, path))

    def flush(self, tx: Connection, now: int) -> None:
        """Those that are open already get the new detail; those to be closed are, if they are open."""
        if not (self._opened or self._closed):
            return
        c = t.conflict.c
        there: dict[Key, int] = {}
        for part in chunks(sorted({k[1] for k in (*self._opened, *self._closed)})):
            for r in tx.execute(sa.select(t.conflict).where(c.closed.is_(None), c.contact_id.in_(part))):
                there[r.kind, r.contact_id, r.connection, r.object, r.remote_id, r.path] = r.id
        for part in chunks([there[k] for k in self._closed - self._opened.keys() if k in there]):
            tx.execute(sa.update(t.conflict).where(c.id.in_(part)).values(closed=now, resolution="settled by itself"))
        new = []
        for key, values in self._opened.items():
            detail = orjson.dumps(values).decode()
            if key in there:
                tx.execute(sa.update(t.conflict).where(c.id == there[key]).values(detail=detail))
            else:
                new.append(dict(zip(NAMES, key, strict=True)) | {"detail": detail, "opened": now})
        if new:
            tx.execute(sa.insert(t.conflict), new)
        self._opened, self._closed = {}, set()
