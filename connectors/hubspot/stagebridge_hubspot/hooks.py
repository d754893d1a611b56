"""Inbound webhooks: the signature over the raw body, and which contacts they are about."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import orjson

from stagebridge.connector import Hint, HookRequest
from stagebridge.errors import AuthError

OLDEST_MS = 300_000
# the characters that HubSpot decodes in the URI before it signs, and no others
DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def verify(request: HookRequest, secret: str, now: datetime) -> None:
    """Version 3 of the signature. Raises `AuthError` for a missing, wrong or stale one, and for one from the future."""
    signature = request.headers.get("x-hubspot-signature-v3", "")
    stamp = request.headers.get("x-hubspot-request-timestamp", "")
    refusal = AuthError("a HubSpot webhook came with a wrong or stale signature", code="SB-HUBSPOT-SIGNATURE")
    if not signature or not stamp.isdigit() or abs(now.timestamp() * 1000 - int(stamp)) > OLDEST_MS:
        raise refusal
    url = request.url
    for encoded, plain in DECODED.items():
        url = url.replace(encoded, plain).replace(encoded.lower(), plain)
    source = request.method.encode() + url.encode() + request.body + stamp.encode()
    wanted = base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(wanted.encode(), signature.encode()):
        raise refusal


def hints(body: bytes) -> list[Hint]:
    """The contacts that a verified body is about; values in it are never used."""
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise AuthError("a HubSpot webhook's body is no JSON", code="SB-HUBSPOT-WEBHOOK") from None
    found: dict[str, Hint] = {}
    for event in events if isinstance(events, list) else [events]:
        kind = str(event.get("subscriptionType") or event.get("eventType") or "")
        if not kind.startswith("contact.") and event.get("objectTypeId") != "0-1":
            continue
        at = event.get("occurredAt")
        when = datetime.fromtimestamp(int(at) / 1000, UTC) if at else None
        ids = [
            event.get("objectId"),
            event.get("newObjectId"),
            event.get("primaryObjectId"),
            *(event.get("mergedObjectIds") or []),
        ]
        for id_ in ids:
            if id_ is not None:
                found[str(id_)] = Hint("contacts", str(id_), when)
    return list(found.values())
