"""Event sources, and what TikTok would count on each of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

DAY = 86_400
WINDOW = 2 * DAY
"""Seconds in which an event with the same name and id counts once [D]."""

TOGETHER = 300
"""Seconds in which the browser's and the server's report are combined into one; later the second one is dropped [D]."""


@dataclass(slots=True)
class Counted:
    """One event that counts. `first` is when its first report arrived, epoch seconds."""

    event: dict[str, Any]
    first: float
    by: list[str]
    """Channels that reported it: api, pixel, csv."""

    def shown(self) -> dict[str, Any]:
        properties = self.event.get("properties") or {}
        return {
            **brief(self.event), "value": properties.get("value"), "currency": properties.get("currency"),
            "user": self.event.get("user") or {}, "properties": properties, "page": self.event.get("page") or {},
            "lead_id": (self.event.get("lead") or {}).get("lead_id"), "limited_data_use": self.event.get("limited_data_use"),
            "by": self.by,
        }  # fmt: skip


@dataclass(slots=True)
class Source:
    """A pixel, an app, an offline event set or a CRM event set."""

    id: str
    kind: str
    name: str = ""
    created: int = 0
    counted: list[Counted] = field(default_factory=list)
    duplicates: list[dict[str, Any]] = field(default_factory=list)
    test_events: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    unknown_leads: list[str] = field(default_factory=list)
    partner_names: list[str] = field(default_factory=list)
    ledger: dict[tuple[str, str, str], Counted] = field(default_factory=dict)

    def count(self, event: dict[str, Any], channel: str, now: float) -> None:
        """Count a report, or recognise the event that it reports."""
        known = self._known(event, channel, now)
        if known is None:
            counted = Counted(event, now, [channel])
            self.counted.append(counted)
            for key in _keys(event):
                self.ledger[key] = counted
        elif channel not in known.by and now - known.first <= TOGETHER:
            _enrich(known.event, event)
            known.by.append(channel)
            for key in _keys(known.event):
                self.ledger.setdefault(key, known)
        else:
            self.duplicates.append({**brief(event), "by": channel})

    def _known(self, event: dict[str, Any], channel: str, now: float) -> Counted | None:
        for key in _keys(event):
            found = self.ledger.get(key)
            if found is None or now - found.first >= WINDOW:
                continue
            # the cookie only stands in for an id that is missing, and only between browser and server
            if key[0] == "id" or (
                channel not in found.by and not (event.get("event_id") and found.event.get("event_id"))
            ):
                return found
        return None

    def drop(self, event: dict[str, Any], why: str) -> None:
        """Accepted, and never counted."""
        self.dropped.append({**brief(event), "why": why})

    def shown(self) -> dict[str, Any]:
        return {
            "event_source": self.kind, "name": self.name, "counted": [c.shown() for c in self.counted],
            "duplicates": self.duplicates, "test_events": self.test_events, "dropped": self.dropped,
            "ignored": dict(self.ignored), "unknown_leads": self.unknown_leads, "partner_names": self.partner_names,
        }  # fmt: skip


def brief(event: dict[str, Any]) -> dict[str, Any]:
    return {"event": event["event"], "event_id": event.get("event_id"), "event_time": event["event_time"]}


def _keys(event: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What a report is recognised by, the surest first. An event without any of it always counts."""
    found = (("id", event.get("event_id")), ("ttp", (event.get("user") or {}).get("ttp")))
    return [(kind, event["event"], value) for kind, value in found if value]


def _enrich(first: dict[str, Any], second: dict[str, Any]) -> None:
    """The first report stays as it is and gets what only the second one knew."""
    for name, value in second.items():
        if isinstance(value, dict) and isinstance(first.get(name), dict):
            first[name] = {**value, **first[name]}
        else:
            first.setdefault(name, value)


__all__ = ["DAY", "Counted", "Source", "brief"]
