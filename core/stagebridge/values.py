"""Canonical values: when two are the same, and how they are written down.

A canonical value is str, int, float, bool, Decimal, date, aware datetime (UTC, milliseconds), frozenset of str, or
None for *cleared*. A path that is absent says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson

_TAG = "$"
_MARK = '{"$":'


def is_blank(value: Any) -> bool:
    """Absent, None and empty are one and the same wherever values are compared."""
    return not value and (value is None or value == "" or value == frozenset())


def same(one: Any, other: Any) -> bool:
    """Canonical equality; a truth value is never a number."""
    if one is other:
        return True
    if one == other:
        return isinstance(one, bool) == isinstance(other, bool)
    return is_blank(one) and is_blank(other)


def encode(values: Mapping[str, Any]) -> str:
    """JSON of canonical values by path, the same for the same values in any order. Text, numbers and None are
    themselves; the rest is tagged: `{"$": "dt", "v": …}`."""
    try:
        return _dumps(values)
    except TypeError:
        return _dumps({path: _storable(value) for path, value in values.items()})


def decode(text: str) -> dict[str, Any]:
    """The inverse of `encode`."""
    values: dict[str, Any] = orjson.loads(text)
    if _MARK in text:  # most have nothing but text
        for path, value in values.items():
            if type(value) is dict:
                values[path] = _untagged(value)
    return values


def _dumps(values: Mapping[str, Any]) -> str:
    return orjson.dumps(values, default=_tagged, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _storable(value: Any) -> Any:
    """What JSON here cannot hold although a platform may send it: a whole number of more than 64 bits."""
    big = isinstance(value, int) and not -(2**63) <= value < 2**64
    return {_TAG: "int", "v": str(value)} if big else value


def _tagged(value: Any) -> Any:
    if isinstance(value, frozenset | set):
        return {_TAG: "set", "v": sorted(value)}
    if isinstance(value, datetime):
        return {_TAG: "dt", "v": value.astimezone(UTC).isoformat(timespec="milliseconds")}
    if isinstance(value, date):
        return {_TAG: "date", "v": value.isoformat()}
    if isinstance(value, Decimal):
        return {_TAG: "dec", "v": str(value)}
    raise TypeError(f"{type(value).__name__} is no canonical value")


def _untagged(value: dict[str, Any]) -> Any:
    match value.get(_TAG):
        case "set":
            return frozenset(value["v"])
        case "dt":
            return datetime.fromisoformat(value["v"])
        case "date":
            return date.fromisoformat(value["v"])
        case "int":
            return int(value["v"])
        case "dec":
            return Decimal(value["v"])
    return value
