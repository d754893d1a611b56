"""What a browser sends: small forms, from our own pages only, and where it may be sent on to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect, Request

from stagebridge.webhooks.body import TooLarge, TooSlow, body_of

MOST = 16_384
"""Bytes of a form."""
FIELDS = 10
LOCAL = re.compile(r"/(?:[\w~%][\w~%.:-]*(?:/[\w~%.:-]*)*)?", re.ASCII)
"""A path of ours: neither `//host` nor `/\\host`, which browsers take for another site."""


class Unfit(Exception):
    """Not a form of ours; `status` is what HTTP calls it."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


async def form_of(request: Request, patience: float) -> dict[str, str]:
    """The fields of a form; the first where one comes several times. Raises `Unfit`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Unfit(415, "Only forms are taken here.")
    try:
        body = await body_of(request, patience, MOST)
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except TooLarge:
        raise Unfit(413, "That is more than any form of these pages.") from None
    except (TooSlow, ClientDisconnect):
        raise Unfit(408, "The form did not arrive in time.") from None
    except ValueError:
        raise Unfit(400, "The form cannot be read.") from None
    if any("\0" in value for _, value in fields):
        raise Unfit(400, "The form cannot be read.")
    return dict(reversed(fields))


def from_us(headers: Mapping[str, str], public_url: str | None) -> bool:
    """Whether a form was sent by one of our own pages. Browsers that do not say `Sec-Fetch-Site` (old ones, and new ones
    without TLS) say where from in `Origin`; what says neither is no browser."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin", "")
    if origin in ("", "null"):
        return False
    ours = {f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https")}
    if public_url is not None:
        parts = urlsplit(public_url)
        ours.add(f"{parts.scheme}://{parts.netloc}")
    return origin in ours


def local(path: str) -> str:
    """`path` if it is one of ours, else the first page."""
    return path if len(path) < 500 and LOCAL.fullmatch(path) else "/"


__all__ = ["Unfit", "form_of", "from_us", "local"]
