"""Events of people: every one that is posted counts, there is nothing that a second one is recognised by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stagebridge_zendesk.sandbox.answers import iso, seconds

RESERVED = "zendesk"


@dataclass(slots=True)
class Profile:
    id: str
    source: str
    type: str
    identifiers: list[dict[str, str]]
    user_id: int | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id, "source": self.source, "type": self.type, "identifiers": self.identifiers,
            "user_id": str(self.user_id) if self.user_id else None,
        }  # fmt: skip


@dataclass(slots=True)
class Event:
    id: str
    profile: Profile
    source: str
    type: str
    description: str
    properties: dict[str, Any]
    created: int
    received: int

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id, "source": self.source, "type": self.type, "description": self.description,
            "properties": self.properties, "created_at": iso(self.created), "received_at": iso(self.received),
        }  # fmt: skip


@dataclass(slots=True)
class Profiles:
    new_id: Callable[[], str]
    held: dict[str, Profile] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def find(self, source: str, kind: str, identifier: dict[str, str]) -> Profile | None:
        return next(
            (p for p in self.held.values() if (p.source, p.type) == (source, kind) and identifier in p.identifiers),
            None,
        )

    def put(self, given: dict[str, Any], user_id: int | None) -> Profile:
        """The profile with any of these identifiers, or a new one."""
        identifiers = [{"type": str(i["type"]), "value": str(i["value"])} for i in given["identifiers"]]
        found = next((p for i in identifiers if (p := self.find(given["source"], given["type"], i))), None)
        if found is None:
            found = Profile(self.new_id(), given["source"], given["type"], [])
            self.held[found.id] = found
        found.identifiers += [i for i in identifiers if i not in found.identifiers]
        found.user_id = user_id or found.user_id
        return found

    def add(self, profile: Profile, given: dict[str, Any], now: int) -> None:
        created = seconds(given["created_at"]) if given.get("created_at") else now
        self.events.append(
            Event(
                self.new_id(), profile, given["source"], given["type"], given.get("description") or "", given["properties"],
                created, now,
            )
        )  # fmt: skip


def problem(body: Any) -> str:
    """The first attribute of an event's request that is wrong; empty if none is."""
    profile, event = (body.get("profile"), body.get("event")) if isinstance(body, dict) else (None, None)
    for name, part in (("profile", profile), ("event", event)):
        if not isinstance(part, dict):
            return name
        for inner in ("source", "type"):
            if (
                not isinstance(part.get(inner), str)
                or not part[inner]
                or (inner == "source" and part[inner] == RESERVED)
            ):
                return f"{name}.{inner}"
    assert isinstance(profile, dict)
    assert isinstance(event, dict)
    identifiers = profile.get("identifiers")
    if not isinstance(identifiers, list) or not identifiers:
        return "profile.identifiers"
    if not all(isinstance(i, dict) and i.get("type") and i.get("value") for i in identifiers):
        return "profile.identifiers"
    if not isinstance(event.get("properties"), dict):
        return "event.properties"
    if event.get("created_at"):
        try:
            seconds(event["created_at"])
        except ValueError:
            return "event.created_at"
    return ""
