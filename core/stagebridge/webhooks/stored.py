"""Records as they stand in the ledger: whole, every number as exact as it came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from stagebridge.connector import Record


def stored(records: Sequence[Record]) -> str:
    """The records as JSON. Not orjson: it would make floats of numbers beyond 64 bits."""
    return json.dumps([_plain(r) for r in records], ensure_ascii=False, separators=(",", ":"))


def restored(text: str) -> list[Record]:
    return [_record(plain) for plain in json.loads(text)]


def _plain(r: Record) -> dict[str, Any]:
    said = {
        "object": r.object, "id": r.id, "data": r.data, "modified_at": r.modified_at and r.modified_at.isoformat(),
        "deleted": r.deleted, "merged_into": r.merged_into,
        "changed_at": {path: at.isoformat() for path, at in r.changed_at.items()},
    }  # fmt: skip
    return {k: v for k, v in said.items() if v}


def _record(p: dict[str, Any]) -> Record:
    changed = {path: datetime.fromisoformat(at) for path, at in p.get("changed_at", {}).items()}
    modified = p.get("modified_at")
    return Record(
        p.get("object", ""), p["id"], p.get("data", {}), datetime.fromisoformat(modified) if modified else None,
        p.get("deleted", False), p.get("merged_into"), changed,
    )  # fmt: skip


__all__ = ["restored", "stored"]
