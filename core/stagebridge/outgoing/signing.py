"""What a message is signed with, so that its receiver knows who sent it, and that nobody sends it again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import SecretStr

from stagebridge.standard_webhooks import signature

ID = re.compile(r"[A-Za-z0-9_-]+")
"""An id without full stops: they separate what is signed, and could be moved from one part into another."""


def sign(id: str, timestamp: int, body: bytes, secrets: Sequence[SecretStr]) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0: a signature for each secret, in their order, and none at all without one.

    `id` stays the same when a message is sent again, `timestamp` is when it is sent, in Unix seconds, and `body` is every byte
    that is sent. Raises `ValueError` for an id or a secret that cannot be one.
    """
    if not ID.fullmatch(id):
        raise ValueError("the id of a message is letters, digits, - and _")
    headers = {"webhook-id": id, "webhook-timestamp": str(timestamp)}
    if secrets:
        made = [signature(s.get_secret_value(), id, str(timestamp), body) for s in secrets]
        headers["webhook-signature"] = " ".join(made)
    return headers


__all__ = ["sign"]
