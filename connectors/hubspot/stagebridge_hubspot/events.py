"""Conversions as custom events: a batch is taken or refused as a whole, without a word about any row, and `uuid` tells a second
one from the first for a year."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from stagebridge.connector import Done, Draft, Outcome, Rejected, Unknown
from stagebridge.errors import AuthError, BatchRefused, ConfigError, NoAnswer, StagebridgeError
from stagebridge.event import NAMESPACE, ConversionEvent
from stagebridge_hubspot.answers import sentence
from stagebridge_hubspot.paths import EVENT_TYPES, SEND

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

BATCH = 500
YEAR = 365 * 86400.0
MOST_PROPERTIES, LONGEST_NAME, LONGEST_VALUE, LONGEST_URL = 50, 50, 256, 1024
URLS = ("hs_url", "hs_referrer")
SCOPE = "analytics.behavioral_events.send"
FULL = re.compile(r"pe\d+_")
NAME = re.compile(r"[a-z][a-z0-9_-]*")


def draft(hs: HubSpot, event: ConversionEvent) -> Draft | Rejected:
    """Descriptions that are too long for HubSpot are left out: the conversion is worth more than its address."""
    payload = hs.drafted(event)
    if isinstance(payload, Rejected):
        return payload
    name = FULL.sub("", str(payload["eventName"]))
    properties: dict[str, Any] = payload.get("properties") or {}
    wrong = [n for n in (name, *properties) if not NAME.fullmatch(n) or len(n) > LONGEST_NAME]
    if wrong:
        why = f"'{wrong[0]}' is no name for HubSpot: lower case, up to {LONGEST_NAME} characters"
        return Rejected("SB-HUBSPOT-EVENT", why)
    if len(properties) > MOST_PROPERTIES:
        return Rejected("SB-HUBSPOT-EVENT", f"HubSpot takes {MOST_PROPERTIES} properties with an event")
    long = [n for n, v in properties.items() if len(str(v)) > (LONGEST_URL if n in URLS else LONGEST_VALUE)]
    said = payload.problems | dict.fromkeys(long, "longer than HubSpot takes")
    full = {
        **payload, "eventName": full_name(hs, name), "uuid": uuid_of(event.id),
        "properties": {n: v for n, v in properties.items() if n not in long},
    }  # fmt: skip
    return Draft(event.id, full, dedup=YEAR, warnings=tuple(f"{n}: {why}, left out" for n, why in said.items()))


def full_name(hs: HubSpot, name: str) -> str:
    """The account's number was learnt by `discover`, so this asks nobody."""
    return f"pe{hs.account()['portalId']}_{FULL.sub('', name)}"


def uuid_of(id_: str) -> str:
    """An event's id where it is a UUID; else one that follows from it, and is the same on every machine."""
    try:
        return str(UUID(id_))
    except ValueError:
        return str(uuid5(NAMESPACE, id_))


def send(hs: HubSpot, batch: Sequence[Draft]) -> list[Outcome]:
    if len(batch) > BATCH:
        raise ConfigError(f"HubSpot takes at most {BATCH} events in one call, not {len(batch)}")
    path, body = SEND[hs.settings.api], {"inputs": [d.payload for d in batch]}
    try:
        answer = hs.request("POST", path, body, endpoint="events", effect=True)
    except NoAnswer as error:
        return [Unknown(str(error)) for _ in batch]
    except AuthError as error:
        raise _not_allowed(error) from None
    if answer.status in (400, 409, 413):
        raise BatchRefused(sentence(answer.object()), code="SB-HUBSPOT-EVENT")
    if answer.status >= 400:
        raise StagebridgeError(
            f"HubSpot answered {answer.status} to {path}: {sentence(answer.object())}",
            hint="This is a defect of stagebridge: please report it with the message.", code="SB-HUBSPOT-REQUEST",
        )  # fmt: skip
    return [Done(str(d.payload["uuid"])) for d in batch]


def _not_allowed(error: AuthError) -> AuthError:
    """Custom events are part of some editions only, and their scope can be ticked nowhere else."""
    if error.code != "SB-HUBSPOT-SCOPE":
        return error
    hint = f"Tick {SCOPE} in the app's scopes. Where it is not offered, the account's edition has no custom events."
    return AuthError(f"{error}, and may send no events", hint=hint, code=error.code)


def undefined(hs: HubSpot) -> list[str]:
    """Warnings about events that the mapping names and the account does not show; nothing where it shows none at all."""
    named = hs.mapping.event_names if hs.mapping is not None else ()
    names = [full_name(hs, n) for n in named if "{" not in n]  # a stage's own name is known when it is reached
    if not names:
        return []
    answer = hs.request("GET", EVENT_TYPES[hs.settings.api])
    there = answer.object().get("eventTypes") or []
    said = "is not among the account's custom events: define it there, or mend `event.names` in the mapping"
    return [f"{n} {said}" for n in names if there and n not in there]


__all__ = ["BATCH", "draft", "send", "undefined", "uuid_of"]
