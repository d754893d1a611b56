"""Whether a request comes from who has the secret: each scheme on the raw bytes, every comparison in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from stagebridge.connector import HookRequest
from stagebridge.errors import AuthError
from stagebridge.standard_webhooks import signature
from stagebridge_webhook.compact import compact
from stagebridge_webhook.settings import WebhookSettings

SIGNATURES = 16
"""Signatures of one request that are looked at: two while a secret is replaced, and some room."""


def verify(request: HookRequest, settings: WebhookSettings, now: datetime) -> None:
    """Raises `AuthError` for a missing, wrong or stale signature, the same for each of them."""
    fits = {"standard": _standard, "hmac": _hmac, "typeform": _typeform, "path": _path}[settings.scheme]
    if not fits(request, settings, now):
        raise AuthError(
            "a webhook came without the right signature", code="SB-WEBHOOK-SIGNATURE",
            hint="Compare `secret` and `scheme` with what the sender has, and the clocks of both.",
        )  # fmt: skip


def _standard(request: HookRequest, settings: WebhookSettings, now: datetime) -> bool:
    """Standard Webhooks 1.0, `v1`: HMAC-SHA256 over id, time and body, in any of several signatures."""
    id_, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not id_ or not _fresh(stamp, settings.window, now):
        return False
    wanted = [signature(s, id_, stamp, request.body).encode() for s in settings.secrets()]
    return _any_of(wanted, request.headers.get("webhook-signature", "").split(" ")[:SIGNATURES])


def _hmac(request: HookRequest, settings: WebhookSettings, now: datetime) -> bool:
    before = b""
    if settings.timestamp_header is not None:
        stamp = request.headers.get(settings.timestamp_header, "")
        if not _fresh(stamp, settings.window, now):
            return False
        before = stamp.encode("latin-1") + settings.separator.encode()
    given = request.headers.get(settings.header, "")
    if not given.startswith(settings.prefix):
        return False
    given = given.removeprefix(settings.prefix)
    if _fits(given, before + request.body, settings):
        return True
    again = compact(request.body) if settings.signed == "compact_json" else None
    return again is not None and _fits(given, before + again, settings)


def _fits(given: str, signed: bytes, settings: WebhookSettings) -> bool:
    digests = [hmac.new(s.encode(), signed, settings.algorithm).digest() for s in settings.secrets()]
    if settings.encoding == "hex":
        return _any_of([d.hex().encode() for d in digests], [given.lower()])
    return _any_of([base64.b64encode(d) for d in digests], [given])


def _typeform(request: HookRequest, settings: WebhookSettings, now: datetime) -> bool:
    """`sha256=` and base64, not hexadecimal, over the body alone: it carries no time."""
    given = request.headers.get("typeform-signature", "")
    wanted = [
        b"sha256=" + base64.b64encode(hmac.new(s.encode(), request.body, hashlib.sha256).digest())
        for s in settings.secrets()
    ]
    return _any_of(wanted, [given])


def _path(request: HookRequest, settings: WebhookSettings, now: datetime) -> bool:
    """The last part of the path, for whoever cannot sign: `/hooks/{connection}/{secret}`."""
    given = urlsplit(request.url).path.rpartition("/")[2]
    return _any_of([s.encode() for s in settings.secrets()], [given])


def _any_of(wanted: Sequence[bytes], given: Sequence[str]) -> bool:
    """Each is compared with each, whichever fits."""
    fits = [hmac.compare_digest(w, g.encode("utf-8", "surrogateescape")) for w in wanted for g in given]
    return any(fits)


def _fresh(stamp: str, window: float, now: datetime) -> bool:
    moment = _moment(stamp)
    return moment is not None and abs(now.timestamp() - moment) <= window


def _moment(stamp: str) -> float | None:
    """Unix seconds, or an ISO time with its zone; None for anything else."""
    if stamp.isascii() and stamp.isdigit() and len(stamp) <= 12:
        return float(stamp)
    if len(stamp) > 40:
        return None
    try:
        said = datetime.fromisoformat(stamp)
        return said.astimezone(UTC).timestamp() if said.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


__all__ = ["verify"]
