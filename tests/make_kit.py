"""Our API as Make's scenarios find it, written from its description, and messages as subscribers get them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import standardwebhooks

from stagebridge.clock import Clock
from stagebridge.sandbox import Sandbox
from stub_http import Reply, Seen, Stub

KEY = "sb_1_secret"
SIGNING = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
EVENTS = ("contact.changed", "contact.stage_changed", "conversion.created")
CONTACT = (
    "email", "phone", "first_name", "last_name", "company", "job_title", "country", "language", "source", "tags", "stage",
    "stage_at", "lost_reason", "custom",
)  # fmt: skip
"""What every message and every contact says of a person."""
HEAD = ("id", "type", "timestamp", "sequence", "contact_id")
BESIDES = {
    "contact.stage_changed": ("previous_stage", "connection"),
    "contact.changed": ("changed", "is_new"),
    "conversion.created": ("conversion_id", "name", "at", "value", "currency", "order_id", "channel", "source_url"),
}
STAGES = [{"id": s, "value": s, "label": s.capitalize()} for s in ("lead", "mql", "customer")]


def contact(number: int = 1, **values: Any) -> dict[str, Any]:
    """An invented person, as the API answers him."""
    known = {"id": f"c-{number}", "email": f"person{number}@example.com", "stage": "lead", "updated_at": at(number)}
    return {**dict.fromkeys(CONTACT), **known, **values}


def at(minute: int) -> str:
    return f"2026-11-26T10:{minute:02d}:00+00:00"


def message(event: str = "contact.stage_changed", number: int = 1, **values: Any) -> dict[str, Any]:
    """The flat form of something that happened to `contact(number)`."""
    person = contact(number)
    head = {
        "id": f"msg_{number}",
        "type": event,
        "timestamp": at(number),
        "sequence": number,
        "contact_id": person["id"],
    }
    return {**head, **{n: person[n] for n in CONTACT}, **dict.fromkeys(BESIDES[event]), **values}


def signed(body: bytes, id: str, clock: Clock) -> dict[str, str]:
    """The headers of Standard Webhooks, by its own library."""
    now = clock.now()
    return {
        "webhook-id": id, "webhook-timestamp": str(int(now.timestamp())), "content-type": "application/json",
        "webhook-signature": standardwebhooks.Webhook(SIGNING).sign(id, now, body.decode()),
    }  # fmt: skip


class FakeApi:
    """`posts_at_once`: a subscriber is told of a change before the request that made it is answered."""

    def __init__(self) -> None:
        self.stub = Stub()
        self.stub.decide = self._decide
        self.url = self.stub.url
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.contacts: list[dict[str, Any]] = [contact(1)]
        self.conversions: list[dict[str, Any]] = []
        self.posts_at_once = False
        self.told: list[int] = []
        self.refuses: tuple[int, str] | None = None

    def __enter__(self) -> FakeApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.stub.close()

    def publish(self, box: Sandbox, *messages: dict[str, Any]) -> list[int]:
        """Post to whoever subscribed; the statuses."""
        out = []
        for one in messages:
            body = json.dumps(one).encode()
            for held in self.subscriptions.values():
                if held["event"] == one["type"]:
                    headers = signed(body, one["id"], box.kit.clock)
                    out.append(requests.post(held["target_url"], data=body, headers=headers, timeout=5).status_code)
        return out

    def _decide(self, seen: Seen) -> Reply:
        status, said = self._answer(seen)
        return Reply(status, b"" if said is None else json.dumps(said).encode())

    def _answer(self, seen: Seen) -> tuple[int, Any]:
        if {k.lower(): v for k, v in seen.headers.items()}.get("authorization") != f"Bearer {KEY}":
            return 401, {"message": "this key is unknown", "code": "SB-API-KEY"}
        if self.refuses is not None:
            return self.refuses[0], {"message": self.refuses[1], "code": "SB-API"}
        parts = urlsplit(seen.path)
        query = {n: v[0] for n, v in parse_qs(parts.query).items()}
        body = json.loads(seen.body) if seen.body else {}
        match seen.method, parts.path.split("/")[2:]:
            case "GET", ["me"]:
                return 200, {"connection": "make", "key": "sales", "version": "0.1.0"}
            case "GET", ["stages"]:
                return 200, STAGES
            case "POST", ["subscriptions"]:
                return self._subscribe(body)
            case "DELETE", ["subscriptions", id]:
                self.subscriptions.pop(id, None)
                return 204, None
            case "GET", ["contacts"]:
                return 200, self._found(query)
            case "POST", ["contacts" | "stages" as what]:
                return 200, self._changed(body, what)
            case "POST", ["conversions"]:
                self.conversions.append(body)
                return 200, {"id": body["id"], "name": body["name"], "status": "accepted"}
        return 404, {"message": "there is nothing here", "code": "SB-API-PATH"}

    def _subscribe(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["event"] not in EVENTS:
            return 422, {"message": f"there is no event '{body['event']}'", "code": "SB-API-EVENT"}
        id = f"sub_{len(self.subscriptions) + 1}"
        self.subscriptions[id] = {"id": id, **body}
        return 201, self.subscriptions[id]

    def _found(self, query: dict[str, str]) -> list[dict[str, Any]]:
        if "changed_since" in query:
            new = [c for c in self.contacts if c["updated_at"] >= query["changed_since"].replace("Z", "+00:00")]
            return sorted(new, key=lambda c: c["updated_at"], reverse=True)[: int(query.get("limit", 100))]
        return [c for c in self.contacts if all(c[n] == v for n, v in query.items())]

    def _changed(self, body: dict[str, Any], what: str) -> dict[str, Any]:
        found = next((c for c in self.contacts if c["email"] == body["email"]), None)
        if found is None:
            found = contact(len(self.contacts) + 1)
            self.contacts.append(found)
        before = found["stage"]
        found.update(body)
        if self.posts_at_once and found["stage"] != before:
            told = message(
                "contact.stage_changed", 50, email=found["email"], stage=found["stage"], previous_stage=before
            )
            for held in self.subscriptions.values():
                self.told.append(requests.post(held["target_url"], json=told, timeout=5).status_code)
        return {**found, **({"held": False} if what == "stages" else {})}
