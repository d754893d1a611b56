"""Inbound webhooks: is it HubSpot's, and which records does it speak of?"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import orjson

from stagebridge.connector import Hint, HookRequest
from stagebridge.errors import AuthError

FRESH_MS = 300_000
"""How old a signed request may be, and how far in the future: HubSpot's own rule, against replays."""
_DECODED = re.compile("%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
OBJECTS = {"contact": "contacts", "company": "companies", "deal": "deals"}
TYPE_IDS = {"0-1": "contacts", "0-2": "companies", "0-3": "deals"}


def verify(request: HookRequest, secret: str, now: datetime) -> None:
    """Raises `AuthError` unless the raw body was signed with our secret, and lately (v3; v1 carries no time)."""
    signed = request.headers.get("x-hubspot-signature-v3")
    if signed is not None:
        stamp = request.headers.get("x-hubspot-request-timestamp", "")
        if not stamp.isdigit() or abs(now.timestamp() * 1000 - int(stamp)) > FRESH_MS:
            raise AuthError("a webhook's time is missing, too old or in the future", hint="Check this machine's clock.")
        url = _DECODED.sub(lambda m: unquote(m[0]), request.url)
        text = request.method.upper().encode() + url.encode() + request.body + stamp.encode()
        expected = b64encode(hmac.new(secret.encode(), text, sha256).digest()).decode()
    else:  # what private apps send
        signed = request.headers.get("x-hubspot-signature", "")
        expected = sha256(secret.encode() + request.body).hexdigest()
    if not hmac.compare_digest(expected.encode(), signed.encode()):
        raise AuthError(
            "a webhook is not signed with this app's secret",
            hint="Set client_secret to the app's, and pass on the URL that HubSpot called, not a proxy's.",
        )


def hints(body: bytes) -> list[Hint]:
    """Every record named, once, in the order of the events' own times; HubSpot keeps none and repeats itself."""
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    found: dict[tuple[str, str], Hint] = {}
    listed = [e for e in events if isinstance(e, dict)] if isinstance(events, list) else []
    for event in sorted(listed, key=lambda e: int(e.get("occurredAt") or 0)):
        object = _object(event)
        if object is None:
            continue
        stamp = event.get("occurredAt")
        at = datetime.fromtimestamp(int(stamp) / 1000, UTC) if stamp else None
        ids = [event.get(k) for k in ("objectId", "fromObjectId", "primaryObjectId", "newObjectId")]
        for id in [*ids, *(event.get("mergedObjectIds") or ())]:
            if id:
                found[object, str(id)] = Hint(object, str(id), at)
    return list(found.values())


def _object(event: dict[str, Any]) -> str | None:
    kind = str(event.get("subscriptionType") or event.get("eventType") or "").partition(".")[0]
    return TYPE_IDS.get(str(event.get("objectTypeId"))) if kind == "object" else OBJECTS.get(kind)
