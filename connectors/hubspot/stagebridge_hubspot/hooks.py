"""Inbound webhooks: the signature over the raw body, and which contacts they are about."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import unquote

import orjson

from stagebridge.connector import Hint, HookRequest
from stagebridge.errors import AuthError

OLDEST_MS = 300_000
"""How old a signed request may be, and how far ahead: HubSpot's own rule, against replays."""
# the characters that HubSpot decodes in the URI before it signs, and no others
DECODED = re.compile("%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


def verify(request: HookRequest, secret: str, now: datetime) -> None:
    """Version 3 of the signature; version 1, which private apps still send and which carries no time, where there is no
    other. Raises `AuthError` for a missing, wrong or stale one, and for one from the future."""
    refusal = AuthError(
        "a HubSpot webhook came with a wrong or stale signature", code="SB-HUBSPOT-SIGNATURE",
        hint="Check client_secret, this machine's clock, and that the URL is the one that HubSpot called.",
    )  # fmt: skip
    signature = request.headers.get("x-hubspot-signature-v3")
    if signature is not None:
        stamp = request.headers.get("x-hubspot-request-timestamp", "")
        in_digits = stamp.isascii() and stamp.isdigit() and len(stamp) < 16
        if not in_digits or abs(now.timestamp() * 1000 - int(stamp)) > OLDEST_MS:
            raise refusal
        url = DECODED.sub(lambda m: unquote(m[0]), request.url)
        source = request.method.upper().encode() + url.encode() + request.body + stamp.encode()
        wanted = base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest()).decode()
    else:
        signature = request.headers.get("x-hubspot-signature", "")
        wanted = hashlib.sha256(secret.encode() + request.body).hexdigest()
    if not hmac.compare_digest(wanted.encode(), signature.encode()):
        raise refusal


def hints(body: bytes) -> list[Hint]:
    """The contacts that a verified body is about, each once with its latest time, in the order of time: HubSpot keeps
    none and repeats itself. Values in it are never used."""
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise AuthError("a HubSpot webhook's body is no JSON", code="SB-HUBSPOT-WEBHOOK") from None
    listed = [e for e in (events if isinstance(events, list) else [events]) if isinstance(e, dict)]
    found: dict[str, Hint] = {}
    for event in sorted(listed, key=lambda e: int(e.get("occurredAt") or 0)):
        kind = str(event.get("subscriptionType") or event.get("eventType") or "")
        if not kind.startswith("contact.") and event.get("objectTypeId") != "0-1":
            continue
        at = event.get("occurredAt")
        when = datetime.fromtimestamp(int(at) / 1000, UTC) if at else None
        named = [event.get(k) for k in ("objectId", "fromObjectId", "primaryObjectId", "newObjectId")]
        for id_ in (str(i) for i in (*named, *(event.get("mergedObjectIds") or [])) if i is not None):
            found.pop(id_, None)
            found[id_] = Hint("contacts", id_, when)
    return list(found.values())
