"""Signatures of Standard Webhooks 1.0 with a shared secret (`v1`), for who sends and who receives."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a key to sign with, by the specification."""


def key_of(secret: str) -> bytes:
    """The key in a secret: base64, usually after `whsec_`. Raises `ValueError`, which never says the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("a secret of Standard Webhooks is whsec_ and base64")
    return key


def unfit_to_sign(secret: str) -> str | None:
    """What is wrong with a secret to sign with; never the secret itself."""
    try:
        key = key_of(secret)
    except ValueError as error:
        return str(error)
    if not SHORTEST <= len(key) <= LONGEST:
        return f"its key has {len(key)} bytes, and has to have {SHORTEST} to {LONGEST}; `openssl rand -base64 32` makes one"
    return None


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 over id, time and body as they are sent. Raises `ValueError` for a secret that is none."""
    signed = f"{id}.{timestamp}.".encode("latin-1") + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()


__all__ = ["key_of", "signature", "unfit_to_sign"]
