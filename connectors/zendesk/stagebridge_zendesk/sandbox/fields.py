"""User fields: what they are called, which values they take, and the tags that some of those values leave."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stagebridge_zendesk.sandbox.answers import Details, Invalid, iso, seconds, wrong

TYPES = (
    "text", "textarea", "checkbox", "date", "integer", "decimal", "regexp", "dropdown", "multiselect", "lookup",
)  # fmt: skip
CHOICES = ("dropdown", "multiselect")


@dataclass(slots=True)
class Field:
    id: int
    key: str
    title: str
    type: str
    created: int
    updated: int
    description: str = ""
    regexp: str | None = None
    tag: str | None = None
    options: list[dict[str, Any]] = field(default_factory=list)
    position: int = 0
    active: bool = True

    def shown(self, base: str) -> dict[str, Any]:
        url = f"{base}/api/v2/user_fields/{self.id}"
        out: dict[str, Any] = {
            "url": f"{url}.json", "id": self.id, "type": self.type, "key": self.key, "title": self.title,
            "raw_title": self.title, "description": self.description, "raw_description": self.description,
            "position": self.position, "active": self.active, "system": False, "regexp_for_validation": self.regexp,
            "created_at": iso(self.created), "updated_at": iso(self.updated),
        }  # fmt: skip
        if self.type in CHOICES:
            out["custom_field_options"] = [self.option(o, base) for o in self.options]
        if self.tag:
            out["tag"] = self.tag
        return out

    def option(self, option: dict[str, Any], base: str) -> dict[str, Any]:
        return {
            "id": option["id"], "name": option["name"], "raw_name": option["name"], "value": option["value"],
            "position": self.options.index(option),
            "url": f"{base}/api/v2/user_fields/{self.id}/options/{option['id']}.json",
        }  # fmt: skip

    def nothing(self) -> Any:
        """What a user has who was given no value."""
        return False if self.type == "checkbox" else [] if self.type == "multiselect" else None

    def stored(self, value: Any) -> Any:
        """A value as it is kept. Raises `ValueError`."""
        if value in (None, "", []):
            return self.nothing()
        match self.type:
            case "checkbox":
                return _truth(value)
            case "date":
                return iso(seconds(value)).partition("T")[0] + "T00:00:00+00:00"
            case "integer":
                return int(value) if not isinstance(value, float) or value.is_integer() else _no(value)
            case "decimal":
                return float(value)
            case "dropdown":
                return value if value in self._values() else _no(value)
            case "multiselect":
                chosen = value if isinstance(value, list) else [value]
                return chosen if all(v in self._values() for v in chosen) else _no(value)
            case "regexp":
                return str(value) if re.search(self.regexp or "", str(value)) else _no(value)
        return str(value) if isinstance(value, str | int | float) else _no(value)

    def tags(self, value: Any) -> list[str]:
        """The tags that a value leaves."""
        if self.type in CHOICES:
            return [str(v) for v in (value if isinstance(value, list) else [value]) if v]
        return [self.tag] if self.type == "checkbox" and self.tag and value else []

    def _values(self) -> list[str]:
        return [o["value"] for o in self.options]


class Fields:
    def __init__(self, new_id: Callable[[], int]) -> None:
        self.held: dict[int, Field] = {}
        self._new_id = new_id

    def by_key(self, key: str) -> Field | None:
        return next((f for f in self.held.values() if f.key == key), None)

    def define(self, given: dict[str, Any], now: int) -> Field:
        """Raises `Invalid`."""
        key, title, kind = given.get("key"), given.get("title"), given.get("type") or "text"
        bad: Details = {}
        if not title or not isinstance(title, str):
            bad |= wrong("title", "BlankValue", "Title: cannot be blank")
        if not isinstance(key, str) or not re.fullmatch(r"\w+", key, re.ASCII) or key.isdigit():
            bad |= wrong("key", "InvalidValue", "Key: may only have letters, numbers and underscores")
        elif self.by_key(key):
            bad |= wrong("key", "DuplicateValue", f"Key: {key} has already been taken")
        if kind not in TYPES:
            bad |= wrong("type", "InvalidValue", f"Type: {kind} is invalid")
        if kind in CHOICES and not given.get("custom_field_options"):
            bad |= wrong("custom_field_options", "BlankValue", "Custom field options: cannot be blank")
        if bad:
            raise Invalid(bad)
        made = Field(
            self._new_id(), str(key), str(title), kind, now, now, given.get("description") or "",
            given.get("regexp_for_validation"), given.get("tag"), position=len(self.held),
        )  # fmt: skip
        made.options = self._options(given.get("custom_field_options") or [])
        self.held[made.id] = made
        return made

    def change(self, field_: Field, given: dict[str, Any], now: int) -> list[str]:
        """All options are passed on an update; returns the values of those that were not, which are gone. Raises `Invalid`."""
        lost: list[str] = []
        if (options := given.get("custom_field_options")) is not None:
            new = self._options(options)
            kept = {o["value"] for o in new}
            lost = [o["value"] for o in field_.options if o["value"] not in kept]
            field_.options = new
        for name, to in (("title", "title"), ("description", "description"), ("active", "active"), ("tag", "tag")):
            if name in given:
                setattr(field_, to, given[name])
        field_.updated = now
        return lost

    def put_option(self, field_: Field, given: dict[str, Any], now: int) -> tuple[dict[str, Any], bool]:
        """The option, and whether it is new. Raises `Invalid`."""
        known = next((o for o in field_.options if given.get("id") is not None and o["id"] == given["id"]), None)
        others = [o for o in field_.options if o is not known]
        (made,) = self._options([given], others)
        field_.updated = now
        if known is None:
            field_.options.append(made)
            return made, True
        known |= {"name": made["name"], "value": made["value"]}
        return known, False

    def _options(self, given: Any, others: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        taken = {o["value"] for o in others or []}
        for one in given if isinstance(given, list) else []:
            name, value = (one.get("name"), one.get("value")) if isinstance(one, dict) else (None, None)
            if not name or not value or not isinstance(value, str):
                raise Invalid(wrong("custom_field_options", "BlankValue", "Name and value: cannot be blank"))
            if value in taken:
                raise Invalid(wrong("custom_field_options", "DuplicateValue", f"Value: {value} is used twice"))
            taken.add(value)
            out.append({"id": one.get("id") or self._new_id(), "name": name, "value": value})
        return out


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "1", "yes"):
        return True
    return False if str(value).lower() in ("false", "0", "no") else _no(value)


def _no(value: Any) -> Any:
    raise ValueError(value)
