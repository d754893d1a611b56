"""Conversions as custom events, one in each call. An event that comes twice runs the brand's automations twice, whatever its
id says, so only our own list of what was sent stands against a second one: an event without an answer is not sent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from stagebridge.connector import Done, Draft, Outcome, Rejected, Unknown
from stagebridge.errors import ConfigError, NoAnswer
from stagebridge.event import NAMESPACE, ConversionEvent
from stagebridge_omnisend.answers import sentence

if TYPE_CHECKING:
    from stagebridge_omnisend.connector import Omnisend

BATCH = 1
RECOMMENDED = frozenset(
    [
        "added product to cart", "started checkout", "placed order", "paid for order", "ordered product", "order fulfilled",
        "order refunded", "order canceled", "viewed product",
    ]
)  # fmt: skip
"""Names with a form of their own, which takes an order's lines and a version."""


def draft(om: Omnisend, event: ConversionEvent) -> Draft | Rejected:
    payload = om.drafted(event)
    if isinstance(payload, Rejected):
        return payload
    name = str(payload["eventName"])
    if name.lower() in RECOMMENDED:
        why = f"'{name}' is one of Omnisend's own events, which has another form; give it a name of yours in `event.names`"
        return Rejected("SB-OMNISEND-EVENT", why)
    warnings = tuple(f"{path}: {why}, left out" for path, why in payload.problems.items())
    return Draft(event.id, {**payload, "eventID": uuid_of(event.id)}, dedup=0.0, warnings=warnings)


def uuid_of(id_: str) -> str:
    """An event's id where it is a UUID that Omnisend takes (versions 4 to 7); else one that follows from it, and is the same on
    every machine."""
    try:
        given = UUID(id_)
    except ValueError:
        return str(uuid5(NAMESPACE, id_))
    return str(given) if given.version in (4, 5, 6, 7) else str(uuid5(NAMESPACE, id_))


def send(om: Omnisend, batch: Sequence[Draft]) -> list[Outcome]:
    if len(batch) > BATCH:
        raise ConfigError(f"Omnisend takes at most {BATCH} event in one call, not {len(batch)}")
    return [_one(om, d) for d in batch]


def _one(om: Omnisend, one: Draft) -> Outcome:
    try:
        answer = om.request("POST", "/events", dict(one.payload), endpoint="events", effect=True)
    except NoAnswer as error:
        return Unknown(str(error))
    if answer.status >= 400:
        return Rejected("SB-OMNISEND-EVENT", sentence(answer.status, answer.object(), one.payload))
    return Done(str(one.payload["eventID"]))


__all__ = ["BATCH", "draft", "send", "uuid_of"]
