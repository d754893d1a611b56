"""Inbound webhooks of lead forms: the handshake, the signature over the raw body, and which leads are new.

A webhook holds ids only; the answers are fetched. It may come several times, hours later too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from stagebridge.connector import Hint, HookRequest
from stagebridge.errors import AuthError


def challenge(request: HookRequest, verify_token: str) -> bytes:
    """What to answer, as plain text with 200, when Meta sets a webhook up. Raises `AuthError` (answer 403)."""
    said = {k: v[0] for k, v in parse_qs(urlsplit(request.url).query).items()}
    token = said.get("hub.verify_token", "")
    if (
        request.method.upper() != "GET"
        or said.get("hub.mode") != "subscribe"
        or "hub.challenge" not in said
        or not hmac.compare_digest(token.encode(), verify_token.encode())
    ):
        raise AuthError(
            "a webhook was to be set up with another verify_token", code="SB-META-VERIFY",
            hint="Compare `verify_token` with the field of that name in the app's webhooks.",
        )  # fmt: skip
    return said["hub.challenge"].encode()


def verify(request: HookRequest, secret: str) -> None:
    """Raises `AuthError` for a missing or wrong signature. It carries no time: repeats are genuine too."""
    wanted = "sha256=" + hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    given = request.headers.get("x-hub-signature-256", "")
    if not hmac.compare_digest(wanted.encode(), given.encode()):
        raise AuthError(
            "a webhook came without Meta's signature", code="SB-META-SIGNATURE",
            hint="Compare `app_secret` with the app's, and hand the body over exactly as it came.",
        )  # fmt: skip


def hints(body: bytes, page: str | None, forms: Collection[str]) -> list[Hint]:
    """The new leads of a verified body, each once; of our page and forms, where those are known."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise AuthError("a webhook's body is no JSON", code="SB-META-WEBHOOK") from None
    found: dict[str, Hint] = {}
    if not isinstance(document, dict) or document.get("object") != "page":
        return []
    for entry in _tables(document.get("entry")):
        for change in _tables(entry.get("changes")):
            value = change.get("value")
            if change.get("field") != "leadgen" or not isinstance(value, dict) or value.get("leadgen_id") is None:
                continue
            where, form = str(value.get("page_id") or entry.get("id") or ""), str(value.get("form_id") or "")
            if (page and where and where != page) or (forms and form and form not in forms):
                continue
            lead = str(value["leadgen_id"])
            found[lead] = Hint("leads", lead, _moment(value.get("created_time")))
    return list(found.values())


def _tables(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _moment(value: Any) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if type(value) is int and 0 < value < 2**33 else None


__all__ = ["challenge", "hints", "verify"]
