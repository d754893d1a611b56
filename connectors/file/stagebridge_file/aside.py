"""What goes beside the reading of a file: which ids have come by, and the rows that are put aside."""

from __future__ import annotations

import csv
import os
import sqlite3
from pathlib import Path
from typing import Any

from stagebridge_file.rows import Row


class Seen:
    """Which ids have come by, in a temporary database: memory does not grow with the file."""

    def __enter__(self) -> Seen:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        return self

    def before(self, id_: str, line: int) -> int:
        """The line in which this id came first; 0 if this is the first."""
        if self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (id_, line)).rowcount:
            return 0
        return int(self._db.execute("SELECT line FROM seen WHERE id = ?", (id_,)).fetchone()[0])

    def __exit__(self, *exc: object) -> None:
        self._db.close()


class Rejects:
    """Bad rows, in a file of their own: line, reason, and the row as it was. There is none where nothing was wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None

    def __enter__(self) -> Rejects:
        self.path.unlink(missing_ok=True)
        return self

    def add(self, row: Row, reason: str) -> None:
        if self._file is None:
            handle = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            self._file = open(handle, "w", encoding="utf-8", errors="backslashreplace", newline="")  # noqa: SIM115
            self._sheet = csv.writer(self._file)
            self._sheet.writerow(("line", "reason", "row"))
        self._sheet.writerow((row.line, reason, row.raw.rstrip("\r\n")))

    def __exit__(self, *exc: object) -> None:
        if self._file is not None:
            self._file.close()


__all__ = ["Rejects", "Seen"]
