"""What an event says: its paths, where their values are held, and whether it says what a platform needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Any, get_args

from stagebridge.contact import kind_of
from stagebridge.event import Channel, ConversionEvent

KINDS: Mapping[str, str] = {
    "id": "opaque", "name": "text", "at": "datetime", "key": "opaque", "value": "decimal", "currency": "currency",
    "order_id": "opaque", "items": "any", "channel": "text", "chat": "text", "source_url": "opaque",
    "referrer": "opaque", "ip": "opaque", "user_agent": "opaque", "stage": "text", "consent_ads": "consent",
}  # fmt: skip
ITEM = {"id": "opaque", "name": "text", "quantity": "int", "price": "decimal", "category": "text", "brand": "text"}
CHANNELS = frozenset(get_args(Channel))

Getter = Callable[[ConversionEvent], Any]
Needs = tuple[tuple[str, tuple[Getter, ...]], ...]
"""What an event must say: the sentence's words, and any of which paths will do."""


def event_kind(path: str) -> str | None:
    """The kind of an event's path; `contact.email` and the like are the contact's."""
    if path in KINDS:
        return KINDS[path]
    if path.startswith("contact."):
        return kind_of(path.removeprefix("contact."))
    return kind_of(path) if path.startswith(("custom.", "click_ids.", "lead_ids.")) else None


def split(path: str) -> tuple[str, str]:
    """Where a path's value is held, and its name there: `contact.address.city` is the address's city."""
    if path.startswith("contact.consent."):
        _, _, channel, *part = path.split(".")
        return f"contact.consent.{channel}", part[0] if part else "value"
    if path.startswith("contact."):
        group, sign, name = path.removeprefix("contact.").partition(".")
        return (f"contact.{group}", name) if sign else ("contact", group)
    group, sign, name = path.partition(".")
    return (group, name) if sign else ("", path)


def holder(place: str) -> Callable[[ConversionEvent], Mapping[str, Any]]:
    """The table of an event that holds the values of a place, empty where there is none. A model's fields are its
    `vars`: looked up there, an event of forty paths costs what its own few values cost."""
    if not place:
        return vars
    found = attrgetter(place)

    def held(event: ConversionEvent) -> Mapping[str, Any]:
        table = found(event)
        return table if type(table) is dict else {} if table is None else vars(table)

    return held


def getter(path: str) -> Getter:
    """What an event says at a path; None, or empty, where it says nothing."""
    place, name = split(path)
    if place in ("", "contact", "contact.address"):
        return attrgetter(path)
    held = holder(place)
    return lambda event: held(event).get(name)


def lacking(needs: Needs, event: ConversionEvent) -> list[str]:
    """The words for what an event does not say of what it must."""
    lacks = []
    for words, any_of in needs:
        for get in any_of:
            value = get(event)
            if value or says(value):
                break
        else:
            lacks.append(words)
    return lacks


def says(value: Any) -> bool:
    """Whether a value is one: neither absent nor empty. Zero and False are values."""
    return bool(value) or isinstance(value, int | float | Decimal)


__all__ = ["CHANNELS", "ITEM", "KINDS", "Getter", "Needs", "event_kind", "getter", "holder", "lacking", "says", "split"]
