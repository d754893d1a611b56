"""Lead webhooks: the signature, and the leads with their answers in them.

TikTok signs with HMAC-SHA256 over the body in which whatever is not ASCII is escaped; that has one source only, and a sister
platform signs the body as it is. Both are accepted: they are the same in plain ASCII, and both take the secret. The signature
carries no time, so that a webhook may be repeated; a lead's id makes that harmless.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stagebridge.connector import HookRequest, Record
from stagebridge.errors import AuthError

log = logging.getLogger("stagebridge.tiktok")

OBJECT = "leads"
LEAD = "1"
"""The kind of webhook that brings leads; others come to the same address (reviews of ads …)."""


def verify(request: HookRequest, secret: str) -> None:
    """Raises `AuthError` for a missing or wrong signature."""
    given = request.headers.get("x-open-signature", "").strip().lower().encode()
    bodies = (request.body, escaped(request.body))
    wanted = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode() for body in bodies]
    if not any([hmac.compare_digest(one, given) for one in wanted]):  # noqa: C419 - both are compared, whichever fits
        raise AuthError(
            "a TikTok webhook came with a wrong signature", code="SB-TIKTOK-SIGNATURE",
            hint="Compare app_secret with the developer app that subscribed.",
        )  # fmt: skip


def escaped(body: bytes) -> bytes:
    """The body in ASCII: other characters as `\\uXXXX` in small letters, in pairs beyond the first 65,536; nothing else
    changed. A body that is no UTF-8 as it is."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text).encode()


def leads(body: bytes) -> list[Record]:
    """The leads of a verified body, each once, with every number as the text that came: ids have 19 digits, more than a
    float holds."""
    try:
        said = json.loads(body, parse_int=str, parse_float=str)
    except ValueError:
        raise AuthError("a TikTok webhook's body is no JSON", code="SB-TIKTOK-WEBHOOK") from None
    if not isinstance(said, dict) or said.get("object") != LEAD or not isinstance(said.get("entry"), list):
        log.info("a TikTok webhook brought no leads")
        return []
    found: dict[str, Record] = {}
    for entry in said["entry"]:
        id_ = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(id_, str) or not id_.isdigit():
            log.warning("a lead without an id came in a TikTok webhook and was passed over")
            continue
        found.setdefault(id_, Record(OBJECT, id_, entry, _made(entry)))
    return list(found.values())


def _made(entry: Mapping[str, Any]) -> datetime | None:
    """When the form was sent; None where nobody can say."""
    try:
        return datetime.fromtimestamp(int(str(entry.get("create_time"))), UTC)
    except (ValueError, OverflowError, OSError):
        return None
