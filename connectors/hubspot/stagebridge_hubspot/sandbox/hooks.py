"""Webhooks as HubSpot sends them: JSON arrays of at most 100 events, signed, tried again for a day."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from typing import TYPE_CHECKING, Any

import orjson

from stagebridge.sandbox import Kit

if TYPE_CHECKING:
    from stagebridge_hubspot.sandbox.store import Contact

LARGEST = 100

AGAIN_AFTER = (1, 2, 5, 10, 30, 60, 120, 240, 480, 480)
"""Minutes between the ten further attempts. That there are ten within 24 hours is documented, their spacing is not."""

HELD = 100_000

DECODED = {f"%{ord(c):02X}": c for c in ":/?@!$'()*,;"}
"""What is decoded in the URL that a version 3 signature covers, and nothing else."""


class Hooks:
    """`subscriptions` (a switch) are names like `contact.creation` and `contact.propertyChange:email`; with the switch
    `generic_hooks` they come as `object.…` with an `objectTypeId`."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.subscribed = {str(name): number for number, name in enumerate(kit.switches["subscriptions"], 1)}
        self.due: deque[tuple[int, dict[str, Any]]] = deque(maxlen=HELD)
        self.given_up = 0

    def record(self, kind: str, contact: Contact, name: str, value: str, now: int, by: str) -> None:
        """Something happened to a contact; only what is subscribed to is kept."""
        number = self.subscribed.get(f"contact.{kind}:{name}" if kind == "propertyChange" else f"contact.{kind}")
        if number is None:
            return
        event = self.event(number, kind, contact.id, now)
        if kind == "propertyChange":
            event |= {"propertyName": name, "propertyValue": value, "changeSource": by, "isSensitive": False}
        elif kind == "merge":
            moved = sum(1 for v in contact.props.values() if v)
            event |= {
                "primaryObjectId": int(name), "mergedObjectIds": [int(value)], "newObjectId": int(contact.id),
                "numberOfPropertiesMoved": moved, "changeSource": by, "changeFlag": "MERGED",
            }  # fmt: skip
        else:
            event |= {"changeSource": by, "changeFlag": {"creation": "CREATED"}.get(kind, "DELETED")}
        self.due.append((now, event))

    def event(self, number: int, kind: str, id_: str, now: int) -> dict[str, Any]:
        generic = self.kit.switches["generic_hooks"]
        out = {
            "eventId": self.kit.random.randrange(10**9), "subscriptionId": number,
            "portalId": self.kit.switches["portal_id"], "appId": 1, "occurredAt": now,
            "subscriptionType": f"object.{kind}" if generic else f"contact.{kind}", "attemptNumber": 0,
            "objectId": int(id_), "changeFlag": "NEW", "sourceId": "userId:1",
        }  # fmt: skip
        return out | ({"objectTypeId": "0-1"} if generic else {})

    def take(self, url: str, now: int) -> list[dict[str, Any]]:
        """The requests that are due, signed for `url`; they count as sent."""
        events = [e for at, e in self.due if at <= now]
        self.due = deque((x for x in self.due if x[0] > now), maxlen=HELD)
        if self.kit.standing("duplicate_hooks"):
            events += [e for e in events if self.kit.random.random() < 0.3]
        if self.kit.standing("reorder_hooks"):
            self.kit.random.shuffle(events)
        batches = [events[i : i + LARGEST] for i in range(0, len(events), LARGEST)]
        return [self.signed(url, batch, now) for batch in batches]

    def again(self, request: dict[str, Any], now: int) -> None:
        """A request was not accepted: its events come again later, or never."""
        for event in orjson.loads(request["body"]):
            attempt = event["attemptNumber"]
            if attempt >= len(AGAIN_AFTER):
                self.given_up += 1
                continue
            self.due.append((now + AGAIN_AFTER[attempt] * 60_000, {**event, "attemptNumber": attempt + 1}))

    def signed(self, url: str, events: list[dict[str, Any]], now: int) -> dict[str, Any]:
        body = orjson.dumps(events)
        secret = str(self.kit.switches["client_secret"])
        headers = {"content-type": "application/json", **signature(secret, "POST", url, body, str(now))}
        if self.kit.switches["hook_signature"] != "v3":
            headers = {"content-type": "application/json", **old_signature(secret, body)}
        return {"method": "POST", "url": url, "headers": headers, "body": body}


def signature(secret: str, method: str, url: str, body: bytes, timestamp: str) -> dict[str, str]:
    """The headers of version 3, which project apps have; in lower case, as receivers see them."""
    for code, char in DECODED.items():
        url = url.replace(code, char).replace(code.lower(), char)
    source = method.encode() + url.encode() + body + timestamp.encode()
    digest = base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest()).decode()
    return {"x-hubspot-signature-v3": digest, "x-hubspot-request-timestamp": timestamp}


def old_signature(secret: str, body: bytes) -> dict[str, str]:
    """The headers of version 1, which private apps have: no time, so no guard against a replay."""
    digest = hashlib.sha256(secret.encode() + body).hexdigest()
    return {"x-hubspot-signature": digest, "x-hubspot-signature-version": "v1"}


__all__ = ["Hooks", "old_signature", "signature"]
