"""From values to a page: the templates, how they show times and values, and the files that go with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from stagebridge.clock import spoken

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    # not no-referrer: then browsers say of a form's origin only `null`, and a foreign one could not be told from ours
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""On every page."""
KINDS = {"style.css": "text/css", "icon.svg": "image/svg+xml"}
STATIC = {name: (files("stagebridge.pages") / "static" / name).read_bytes() for name in KINDS}
"""All the files that there are: nothing is looked up on a disk by what somebody asks for."""
ETAGS = {name: hashlib.blake2b(data, digest_size=8).hexdigest() for name, data in STATIC.items()}
NOTHING = "–"
SPANS = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"))


def static(request: Request) -> Response:
    """One of the files; they carry nobody's data and may be kept."""
    name = request.path_params["name"]
    if name not in STATIC:
        return Response("not found", 404, media_type="text/plain", headers=HEADERS)
    etag = f'"{ETAGS[name]}"'
    headers = {**HEADERS, "cache-control": "public, max-age=86400", "etag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(STATIC[name], media_type=KINDS[name], headers=headers)


def page(template: str, **values: Any) -> str:
    return TEMPLATES.get_template(template).render(**values)


# --- how values are shown -----------------------------------------------------------------------------------------


def when(text: str | None) -> str:
    """`2026-01-02T03:04:05+00:00` as `2 Jan 2026, 03:04:05`, in UTC."""
    if text is None:
        return NOTHING
    at = datetime.fromisoformat(text).astimezone(UTC)
    return Markup('<time datetime="{}">{}&nbsp;{}</time>').format(text, at.day, f"{at:%b %Y, %H:%M:%S}")


def ago(text: str | None, now: datetime) -> str:
    """`3 min ago`, with the instant itself in the title."""
    return _distance(text, now, "{} ago")


def lasting(text: str | None, now: datetime) -> str:
    """`for 3 min`, of what has begun then."""
    return _distance(text, now, "for {}")


def ahead(text: str | None, now: datetime) -> str:
    """`in 3 min`; what should have been before is due in no time."""
    return _distance(text, now, "in {}", -1)


def _distance(text: str | None, now: datetime, words: str, sign: int = 1) -> str:
    if text is None:
        return NOTHING
    at = datetime.fromisoformat(text)
    seconds = max(0, sign * round((now - at).total_seconds()))
    said = next(f"{seconds // n} {unit}" for n, unit in SPANS if seconds >= 2 * n or n == 1)
    return Markup('<time datetime="{0}" title="{1} UTC">{2}</time>').format(
        text, f"{at.astimezone(UTC):%d %b %Y, %H:%M:%S}", words.format(said)
    )


def took(run: Mapping[str, Any]) -> str:
    """How long a run took."""
    if run["finished"] is None:
        return NOTHING
    return spoken((datetime.fromisoformat(run["finished"]) - datetime.fromisoformat(run["started"])).total_seconds())


def plain(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{k}: {plain(v)}" for k, v in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def failures(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What went wrong: (connection, sentence); the connection is empty where it was the run itself."""
    found = [("", run["error"])] if run["error"] else []
    for name, counted in run["counts"].get("connections", {}).items():
        if counted.get("failure"):
            found.append((name, counted["failure"]))
    return found


def groups(counted: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a run counted at a connection, as (heading, text), whatever is nothing left out."""
    inner = {k: v for k, v in counted.items() if isinstance(v, dict)}
    alone = {k: v for k, v in counted.items() if k not in inner and k != "failure"}
    return [(k, text) for k, v in {"": alone, **inner}.items() if (text := _counts(v))]


def _counts(counted: Mapping[str, Any]) -> str:
    said = []
    for name, value in counted.items():
        if isinstance(value, dict):
            value = f"({_counts(value)})" if any(value.values()) else 0
        if value:
            said.append(f"{name.replace('_', ' ')} {plain(value)}")
    return ", ".join(said)


CONFLICT = ("id", "kind", "contact", "connection", "object", "remote_id", "path", "opened")


def details(conflict: Mapping[str, Any]) -> str:
    """What a conflict has to say beyond what every one says."""
    return ", ".join(f"{k}: {plain(v)}" for k, v in conflict.items() if k not in CONFLICT)


def short(name: str) -> str:
    """Our own long ids by their beginning; a connection's name as it is."""
    return f"{name[:12]}…" if name.startswith(("sub_", "msg_")) and len(name) > 16 else name


def part(text: str) -> str:
    """One part of a path: a key is whatever some platform holds."""
    return quote(text, safe="")


TEMPLATES = Environment(
    loader=PackageLoader("stagebridge.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters.update(
    when=when,
    ago=ago,
    lasting=lasting,
    ahead=ahead,
    short=short,
    plain=plain,
    part=part,
    took=took,
    failures=failures,
    groups=groups,
    details=details,
)
TEMPLATES.globals["version"] = ETAGS["style.css"]

__all__ = ["HEADERS", "NOTHING", "STATIC", "page", "static"]
