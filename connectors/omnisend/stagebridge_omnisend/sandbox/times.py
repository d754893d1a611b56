"""Times as the platform writes and reads them: RFC 3339, of which milliseconds are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def iso(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def read(value: Any) -> int | None:
    """Epoch milliseconds of text that has a date, a time and an offset; None if it has not."""
    if not isinstance(value, str) or len(value) < len("2026-01-02T03:04:05Z"):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - EPOCH) // MILLISECOND


def given(value: Any, otherwise: int) -> int:
    """A time of a seed: text, epoch seconds, or None. Raises `ValueError`."""
    if value is None:
        return otherwise
    if isinstance(value, int | float):
        return int(value * 1000)
    found = read(value)
    if found is None:
        raise ValueError(f"'{value}' is no time with an offset, such as 2026-01-02T03:04:05Z")
    return found


__all__ = ["given", "iso", "read"]
