"""Whether an address is one of Zapier's. Whoever may name an address is sent everybody's data there."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

HOST = "hooks.zapier.com"
PLAIN = re.compile(r"[!-\[\]-~]+")
"""Visible ASCII without the backslash: what is read alike by everybody who takes addresses apart."""
PORTS = {"http": 80, "https": 443}


def unfit(url: str, stand_in: str | None = None) -> str | None:
    """Why nothing is posted to `url`; None for https and the one host that Zapier listens on, or, where there is a stand-in, for
    its scheme, host and port and nothing else. The sentence never quotes the address: it is a secret."""
    parts = _taken_apart(url)
    if parts is None:
        return "it is no address"
    if parts.username is not None or parts.password is not None:
        return "it carries a user name"
    wanted = ("https", HOST, 443) if stand_in is None else _place(urlsplit(stand_in))
    if _place(parts) != wanted:
        return (
            f"it is none of Zapier's: those begin with https://{HOST}/"
            if stand_in is None
            else "it is not the stand-in's, which base_url names"
        )
    if len(parts.path) < 2:
        return "it names no hook: the path is missing"
    return None


def _taken_apart(url: str) -> SplitResult | None:
    if not PLAIN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        _place(parts)  # a port that is no number is only found when it is asked for
    except ValueError:
        return None
    return parts


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


__all__ = ["HOST", "unfit"]
