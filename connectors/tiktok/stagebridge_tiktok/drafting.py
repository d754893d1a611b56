"""What the mapping leaves to the connector: which source an event belongs to, until when, and what TikTok will make little of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from stagebridge.connector import Draft, Rejected
from stagebridge.errors import ConfigError
from stagebridge.event import ConversionEvent
from stagebridge.mapping import Payload
from stagebridge_tiktok.settings import SOURCES, TikTokSettings

DEDUP = 48 * 3600.0
"""Seconds in which TikTok counts a source's event of one name and id once: its own rule."""

DEPRECATED = frozenset({"ClickButton", "PlaceAnOrder"})
"""Standard events that TikTok ends with 2027."""

MESSAGING = (
    "TikTok has no public interface for events of chats: what messaging ads lead to is kept in message event sets, which only "
    "partners of TikTok's can fill"
)


def no_source(kind: str, channel: str, settings: TikTokSettings) -> Rejected | None:
    """Why an event for the event_source `kind` cannot be sent, if it is for want of a source."""
    if kind not in SOURCES:
        raise ConfigError(f"the mapping's event_source '{kind}' is none of {', '.join(SOURCES)}")
    if kind in settings.sources:
        return None
    name, what = SOURCES[kind]
    return Rejected("SB-TIKTOK-NO-SOURCE", f"events of the channel {channel} need the {what}'s id: set `{name}`")


def draft(event: ConversionEvent, made: Payload, settings: TikTokSettings) -> Draft | Rejected:
    """An event that the mapping has written, for the source that it says."""
    payload = dict(made)
    kind = str(payload.pop("event_source", made.variant))
    if (lacking := no_source(kind, event.channel, settings)) is not None:
        return lacking
    properties = payload.get("properties")
    if isinstance(properties, dict) and properties.get("contents"):
        properties.setdefault("content_type", "product")  # beside the list: catalogue ads look for it there
    user = payload.get("user")
    if isinstance(user, dict):
        for key in ("email", "phone"):  # one number under two names is one number
            if isinstance(user.get(key), list):
                user[key] = list(dict.fromkeys(user[key]))
    if settings.limited_data_use and kind in ("web", "app"):
        payload["limited_data_use"] = True
    age = getattr(settings.ages, kind)
    return Draft(
        event.id, payload, group=f"{kind}:{settings.sources[kind]}",
        deadline=None if age is None else event.at + timedelta(days=age), dedup=DEDUP,
        warnings=tuple(_warnings(made, payload)),
    )  # fmt: skip


def _warnings(made: Payload, payload: dict[str, Any]) -> Iterator[str]:
    yield from (f"{path} is left out: {why}" for path, why in made.problems.items())
    if payload["event"] == "Purchase" and "value" not in payload.get("properties", {}):
        yield "a Purchase without a value has no part in what the ads earned"
    if payload["event"] in DEPRECATED:
        yield f"TikTok ends the event {payload['event']} with 2027"
    if not payload.get("user", {}).keys() - {"ip", "user_agent", "locale"} and "lead" not in payload:
        yield "an address of the network alone seldom finds the person"
