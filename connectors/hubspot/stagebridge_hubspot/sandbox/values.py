"""Values as HubSpot takes, stores and answers them: all of them text."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+\Z")
DAY = 86_400_000


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(65_536)
def to_ms(text: str) -> int:
    """Epoch milliseconds or ISO 8601; without a zone it is UTC. Raises ValueError."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def text(value: Any) -> str | None:
    """A JSON value as the text that is stored; None means that nothing is said. Raises ValueError for a list or object."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    raise ValueError(f"{value!r} is no property value")


def stored(prop: dict[str, Any], name: str, value: str) -> str:
    """What is kept of a valid value: dates and times in one form, e-mail in lower case."""
    if not value:
        return ""
    if name == "email":
        return value.strip().lower()
    if prop["type"] == "datetime":
        return iso(to_ms(value))
    if prop["type"] == "date":
        return iso(to_ms(value))[:10]
    return value


def problem(prop: dict[str, Any] | None, name: str, value: str, owners: Collection[str]) -> dict[str, Any] | None:
    """What is wrong with writing this value, in the form of a validation entry; None if nothing.

    The codes READ_ONLY_VALUE, INVALID_DATE and INVALID_OWNER_ID are from memory; the others were seen.
    """

    def say(error: str, message: str) -> dict[str, Any]:
        return {"isValid": False, "message": message, "error": error, "name": name}

    if prop is None:
        return say("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if prop["modificationMetadata"]["readOnlyValue"] or prop["calculated"]:
        return say("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    if value == "":
        return None
    if name == "email" and not EMAIL.match(value.strip()):
        return say("INVALID_EMAIL", f"Email address {value} is invalid")
    if name == "hubspot_owner_id":
        return None if value in owners else say("INVALID_OWNER_ID", f"{value} is not a valid owner id")
    kind = prop["type"]
    if kind in ("enumeration", "bool") and not prop["externalOptions"]:
        allowed = [o["value"] for o in prop["options"]]
        chosen = value.split(";") if prop["fieldType"] == "checkbox" else [value]
        if any(v not in allowed for v in chosen):
            return say("INVALID_OPTION", f"{value} was not one of the allowed options: {allowed}")
    if kind == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return say("INVALID_INTEGER", f"{value} was not a valid number.")
    if kind in ("date", "datetime"):
        try:
            ms = to_ms(value)
        except ValueError:
            return say("INVALID_DATE", f"{value} was not a valid {kind}.")
        if kind == "date" and ms % DAY:
            return say("INVALID_DATE", f"{value} is at {iso(ms)}, not at midnight UTC")
    return None
