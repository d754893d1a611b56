"""Which addresses are Make's: only they are posted to, whoever asks."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

LABEL = r"[a-z0-9-]+"
HOSTS = re.compile(rf"hook\.{LABEL}\.make\.com|(?:{LABEL}\.)+make\.celonis\.com")
"""The zones of Make (eu1, eu2, us1, us2 and what comes), and those that Celonis runs. Matched whole: `hook.eu1.make.com.example`
is somebody else's."""
INTEGROMAT = "hook.integromat.com"
"""Of before it was called Make: known from memory alone, so it has to be switched on."""


def wrong_with(url: str, *, integromat: bool = False, stand_in: str | None = None) -> str | None:
    """Why `url` is no webhook of Make's; None where it is one, or one of the `stand_in` at that base URL. Says no more of it
    than its host: whoever knows the address may post there."""
    parts = parsed(url)
    if parts is None:
        return "it is no address of a webhook: write it as Make shows it, https://hook.ZONE.make.com/…"
    if stand_in is not None and origin(parts) == origin(urlsplit(stand_in)):
        return None
    if parts.scheme != "https":
        return "it begins with http:// and not with https://"
    if parts.port not in (None, 443):
        return f"Make's webhooks are on no port of their own, this one is on {parts.port}"
    host = parts.hostname or ""
    if HOSTS.fullmatch(host) or (integromat and host == INTEGROMAT):
        return None
    if host == INTEGROMAT:
        return (
            f"webhooks of {INTEGROMAT} are posted to with `integromat: true` only; a new webhook has Make's own address"
        )
    return f"'{host}' is no host of Make's webhooks, which are called hook.ZONE.make.com"


def parsed(url: str) -> SplitResult | None:
    """The parts of an http(s) address with a host and a path, and without a user; None for anything else. A character that
    parsers disagree about (a space, a backslash, a line's end) makes it no address."""
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    whole = parts.scheme in ("http", "https") and parts.hostname and len(parts.path) > 1
    return parts if whole and "@" not in parts.netloc and not parts.fragment else None


def origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def at(url: str, base_url: str) -> str:
    """The same webhook, where a stand-in plays Make at `base_url`."""
    parts, base = urlsplit(url), urlsplit(base_url)
    if origin(parts) == origin(base):
        return url
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + parts.path, parts.query, ""))


__all__ = ["at", "wrong_with"]
