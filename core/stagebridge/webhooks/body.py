"""A request as a connector sees it: the raw body, bounded in size and in time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from stagebridge.connector import HookRequest

MOST = 1_000_000
"""Bytes of a body. The largest that a platform is known to send is a lead form's batch of 1,000 short entries."""


class TooLarge(Exception):
    """Its body is longer than any webhook's."""


class TooSlow(Exception):
    """Its body did not come in time."""


async def body_of(request: Request, patience: float, most: int = MOST) -> bytes:
    """The body, byte for byte, within so many seconds and bytes. Raises `TooLarge`, before anything is read where the request says so itself, and `TooSlow`."""
    said = request.headers.get("content-length", "0")
    if not (said.isascii() and said.isdigit()) or len(said) > 15 or int(said) > most:
        raise TooLarge
    parts, size = [], 0
    try:
        async with asyncio.timeout(patience):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise TooLarge
                parts.append(part)
    except TimeoutError:
        raise TooSlow from None
    return b"".join(parts)


def asked(request: Request, body: bytes, public_url: str | None) -> HookRequest:
    """`url` is as the platform called it: under `public_url` where a proxy stands in between, with its path and query exactly
    as they came. A header that came several times is all of its values, as RFC 9110 joins them, so that nobody can slip in
    a second signature."""
    headers: dict[str, str] = {}
    for raw, value in request.scope["headers"]:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    root = public_url or f"{request.scope['scheme']}://{headers.get('host', '')}"
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope["query_string"]
    url = root + path.partition(b"?")[0].decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    return HookRequest(request.method, url, headers, body)


__all__ = ["TooLarge", "TooSlow", "asked", "body_of"]
