"""What is wrong in a file: gathered while it is read, told all at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from stagebridge.document import Table, nearest
from stagebridge.errors import ConfigError

TRUTH = {"true": True, "yes": True, "false": False, "no": False}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Problems:
    """Typed looks into a table; a look that fails is noted and answered with nothing."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, table: Table, key: str | None, where: str, what: str) -> None:
        line = table.marks.get(key or "", ("", table.line))[1]
        self._found.append((line, f"{table.where(key)}: {where}: {what}"))

    def tell(self) -> None:
        """Raises `ConfigError` with every problem, in the order of the file."""
        if self._found:
            lines = [text for _, text in sorted(self._found, key=lambda found: found[0])]
            raise ConfigError("\n".join(lines), hint="Nothing was contacted; mend the file and run again.")

    def keys(self, table: Table, known: Sequence[str], where: str) -> None:
        for key in table:
            if key not in known:
                self.add(table, key, _under(where, key), f"no such key{nearest(key, known)}")

    def table(self, parent: Table, key: str, where: str) -> Table:
        value = parent.get(key)
        if value is not None and not isinstance(value, Table):
            self.add(parent, key, where, "a table is expected here")
        return value if isinstance(value, Table) else Table(parent.file, parent.line)

    def word(self, table: Table, key: str, where: str) -> str | None:
        value = table.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            self.add(table, key, where, "one word or text is expected here")
            return None
        return value

    def words(self, table: Table, key: str, where: str) -> tuple[str, ...]:
        value = table.get(key)
        listed = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(one, str) and one for one in listed):
            self.add(table, key, where, "a list of names is expected here")
            return ()
        for one in sorted({one for one in listed if listed.count(one) > 1}):
            self.add(table, key, where, f"'{one}' is there twice")
        return tuple(dict.fromkeys(listed))

    def choice(self, table: Table, key: str, where: str, allowed: Iterable[str], default: str) -> Any:
        allowed = tuple(allowed)
        value = self.word(table, key, where)
        if value is not None and value not in allowed:
            self.add(table, key, where, f"'{value}' is none of {', '.join(allowed)}{nearest(value, allowed)}")
        return value if value in allowed else default

    def truth(self, table: Table, key: str, where: str, default: bool) -> bool:
        value = self.word(table, key, where)
        if value is not None and value.lower() not in TRUTH:
            self.add(table, key, where, f"'{value}' is neither true nor false")
        return TRUTH.get((value or "").lower(), default)

    def whole(self, table: Table, key: str, where: str, default: int, least: int) -> int:
        value = self.word(table, key, where)
        if value is None:
            return default
        if not re.fullmatch(r"\d{1,9}", value) or int(value) < least:
            self.add(table, key, where, f"'{value}' is no whole number from {least} up")
            return default
        return int(value)

    def duration(self, table: Table, key: str, where: str, default: float) -> float:
        """Seconds."""
        value = self.word(table, key, where)
        found = default if value is None else seconds(value)
        if not found:
            self.add(table, key, where, f"'{value}' is no time; write for example 90d, 12h or 5m")
        return found or default

    def named(self, table: Table, key: str, where: str, names: Iterable[str], known: Sequence[str]) -> None:
        for name in names:
            if name not in known:
                self.add(table, key, where, f"no connection is called '{name}'{nearest(name, known)}")


def seconds(text: str) -> float | None:
    """`30s`, `5m`, `1h`, `2d` in seconds; None if it is none of them."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*([smhd])", text.strip())
    return float(match[1]) * UNITS[match[2]] if match else None


def share(text: str) -> float | None:
    """`80%` as 0.8; None if it is no percentage."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*%", text.strip())
    return float(match[1]) / 100 if match else None


def _under(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
