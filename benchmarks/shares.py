"""What the CPU time of a profile is made of: its own time of every function, summed by the part that it belongs to.

A function written in C counts for the part that called it, but for JSON and SQLite, which are parts of their own.
"""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from typing import Any

PARTS = (
    ("stagebridge/sync", "deciding: identify, merge, debts, settle"),
    ("stagebridge/mapping", "mapping"),
    ("stagebridge/normalize", "mapping"),
    ("stagebridge/values", "comparing, coding and decoding values"),
    ("stagebridge/ledger", "ledger rows"),
    ("stagebridge_", "connectors"),
    ("stagebridge/", "the rest of stagebridge"),
    ("sqlalchemy", "SQLAlchemy"),
    ("requests", "HTTP"),
    ("urllib3", "HTTP"),
    ("/http/", "HTTP"),
    ("/email/", "HTTP"),
    ("/socket.py", "HTTP"),
    ("/tenacity/", "HTTP"),
)
"""Text in a file's path → the part; the first that fits."""
BUILTINS = (("orjson", "JSON"), ("sqlite3", "SQLite"), ("socket", "HTTP"))
REST = "everything else"

Function = tuple[str, int, str]


def shares(profile: cProfile.Profile) -> dict[str, float]:
    """{part: its share}, the largest first."""
    stats: dict[Function, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in stats.items():
        part = _part(function)
        if part is not None:
            total[part] += own
        else:
            for caller, (_, _, own_from_there, _) in callers.items():
                total[_part(caller) or REST] += own_from_there
    whole = sum(total.values())
    return {part: seconds / whole for part, seconds in total.most_common()}


def _part(function: Function) -> str | None:
    """None for a function in C that belongs to whoever called it."""
    path, _, name = function
    if path == "~":
        return next((part for text, part in BUILTINS if text in name), None)
    return next((part for text, part in PARTS if text in path), REST)
