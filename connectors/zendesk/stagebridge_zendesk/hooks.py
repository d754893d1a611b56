"""Inbound webhooks: the signature over the time and the raw body, and which users they are about."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime

import orjson

from stagebridge.connector import Hint, HookRequest
from stagebridge.errors import AuthError
from stagebridge_zendesk.answers import moment
from stagebridge_zendesk.users import CONTACTS

WINDOW = 300.0
"""Seconds that a signed request is good for: Zendesk names no limit, so this is ours, against replays."""
SUBJECT = re.compile(r"zen:user:(\d+)")


def verify(request: HookRequest, secret: str, now: datetime) -> None:
    """Raises `AuthError` for a missing, wrong or stale signature, and for one from the future."""
    stamp = request.headers.get("x-zendesk-webhook-signature-timestamp", "")
    source = stamp.encode() + request.body
    wanted = base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest())
    signed = hmac.compare_digest(wanted, request.headers.get("x-zendesk-webhook-signature", "").encode())
    at = moment(stamp)
    if not signed or at is None or at.tzinfo is None or abs((now - at).total_seconds()) > WINDOW:
        raise AuthError(
            "a Zendesk webhook came with a wrong or stale signature", code="SB-ZENDESK-SIGNATURE",
            hint="Check webhook_secret, and this machine's clock.",
        )  # fmt: skip


def hints(body: bytes) -> list[Hint]:
    """The user that a verified body is about; values in it are never used."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise AuthError("a Zendesk webhook's body is no JSON", code="SB-ZENDESK-WEBHOOK") from None
    if not isinstance(told, dict) or not str(told.get("type") or "").startswith("zen:event-type:user."):
        return []
    found = SUBJECT.fullmatch(str(told.get("subject") or ""))
    return [Hint(CONTACTS, found[1], moment(told.get("time")))] if found else []
