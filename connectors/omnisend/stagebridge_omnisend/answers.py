"""What Omnisend's answers mean: limits without headers, versions that are over, problems with all their fields at once.

Errors come as RFC 9457 problems (`errors: [{field, code, message}]`), inside batches also in the older form
(`{error, fields: {place: [text]}}`). Their messages may quote people, so what is said here is said in our words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from stagebridge.clock import Clock
from stagebridge.connector import Gone, Outcome, Rejected, Retry
from stagebridge.errors import AuthError, ConfigError, PlatformDown, StagebridgeError
from stagebridge.http import Again, Judge, Lost, Renew, Response, Verdict, judge_by_status
from stagebridge_omnisend.settings import VERSION

FIRST, LONGEST = 1.0, 20.0
"""Seconds to wait after a 429 that does not say how long: no header does, and the body only sometimes. Doubled as long as the
next request is refused too: other programs may be using up the brand's minute."""
LATER = 10.0
"""Seconds until a contact is written again that met with no fault of its own."""
PLACE = re.compile(r"identifiers[.\[](\d+)\]?\.?")
CODE = re.compile(r"[A-Za-z0-9_-]{1,60}")


class Limits:
    """How long to wait after a 429, for all calls of a connection together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wait = 0.0
        self._until: datetime | None = None

    def wait(self) -> float:
        """Refusals during a wait are of the same moment, one soon after it says that it was too short."""
        now = self._clock.now()
        since = (now - self._until).total_seconds() if self._until is not None else None
        if since is None or since > self._wait + FIRST:
            self._wait = FIRST
        elif since >= 0:
            self._wait = min(2 * self._wait, LONGEST)
        if since is None or since >= 0:
            self._until = now + timedelta(seconds=self._wait)
        return self._wait


def judge(version: str, clock: Clock) -> Judge:
    """The judge of a connection that asks for this version of the API."""
    limits = Limits(clock)

    def verdict(response: Response) -> Verdict:
        status = response.status
        if status < 400:  # a page of a proxy is no empty account
            odd = status >= 300 or (response.content and not response.is_json)
            return Lost(f"HTTP {status} that is not Omnisend's") if odd else None
        if status == 401:  # asked once more, before a run is stopped for it
            return Renew(_wrong_key())
        if status == 403:
            raise _forbidden(response.object())
        if status == 410:
            raise _retired(version)
        if status == 429:
            after = response.object().get("retryAfter")
            return Again(float(after) if isinstance(after, int | float) and after >= 0 else limits.wait(), "HTTP 429")
        if status == 408:
            return Lost("HTTP 408")
        return judge_by_status(response) or (Lost(f"HTTP {status}") if status >= 500 else None)

    return verdict


def _wrong_key() -> AuthError:
    return AuthError(
        "Omnisend does not accept this API key", code="SB-OMNISEND-KEY",
        hint="Copy the key again from the brand's settings (API keys); it may have been deleted.",
    )  # fmt: skip


def _forbidden(body: Mapping[str, Any]) -> StagebridgeError:
    said = " ".join(str(body.get(n) or "") for n in ("type", "title", "detail", "error")).lower()
    if "too many" in said or "block" in said:
        return PlatformDown(
            "Omnisend blocks this brand's requests for a while, because of too many errors", code="SB-OMNISEND-BLOCKED",
            hint="Nothing is lost: look at `dead-letters` for what was wrong, and run again later.",
        )  # fmt: skip
    return AuthError(
        "the Omnisend key may not do this", code="SB-OMNISEND-SCOPE",
        hint="It needs contacts.read, contacts.write and, for events, events.write. If it has them, the brand is blocked "
        "because of too many errors: run again later.",
    )  # fmt: skip


def _retired(version: str) -> ConfigError:
    way = f"Set `api_version: {VERSION}` in the connection, or leave it out."
    if version == VERSION:
        way = "Install a newer stagebridge-omnisend, which knows the version that has replaced it."
    return ConfigError(f"Omnisend has retired its API version {version}", code="SB-OMNISEND-VERSION", hint=way)


def problem(status: int, body: Mapping[str, Any], sent: Mapping[str, Any]) -> Outcome:
    """What an answer about one contact means for it; `sent` is what it answers, for the names of its identifiers."""
    if status == 404:
        return Gone()
    if status == 429 or status >= 500:
        return Retry(LATER, f"HTTP {status}")
    found = dict(_fields(body, sent))
    code = next(iter(found.values()), None) or f"{status}"
    return Rejected(f"SB-OMNISEND-{code}", sentence(status, body, sent), tuple(found))


def sentence(status: int, body: Mapping[str, Any], sent: Mapping[str, Any]) -> str:
    """What was refused, without anybody's value."""
    found = dict(_fields(body, sent))
    named = ", ".join(f"{n} ({c})" for n, c in found.items())
    request = str(body.get("instance") or "").removeprefix("urn:omnisend:request:")
    return (
        f"Omnisend would not take {named or 'this'}"
        + ("" if named else f" (HTTP {status})")
        + (f" [request {request}]" if CODE.fullmatch(request) else "")
    )


def _fields(body: Mapping[str, Any], sent: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(field as the mapping writes it, Omnisend's code) of everything that was wrong."""
    for one in body.get("errors") or ():
        if isinstance(one, dict) and one.get("field"):
            code = str(one.get("code") or "INVALID")
            yield _named(str(one["field"]), sent), code.upper() if CODE.fullmatch(code) else "INVALID"
    older = body.get("fields")
    for place, texts in older.items() if isinstance(older, dict) else ():
        for text in texts if isinstance(texts, list) else [texts]:
            name = str(text).partition(":")[0].strip()  # "identifiers[0].channels: field required …"
            yield _named(name if not place.isdigit() or CODE.match(name) else place, sent), "INVALID"


def _named(field: str, sent: Mapping[str, Any]) -> str:
    """`identifiers.0.id` as `identifiers(type=email).id`. Whatever could be a value is not repeated."""
    field = field.removeprefix("/").replace("/", ".")
    field = re.sub(r"^(items[.\[]\d+\]?|body)\.", "", field)
    match = PLACE.match(field)
    listed = sent.get("identifiers") or []
    if match and int(match[1]) < len(listed):
        return f"identifiers(type={listed[int(match[1])].get('type')}).{field[match.end() :]}".rstrip(".")
    return field if re.fullmatch(r"[A-Za-z0-9_.\[\]()=]{1,100}", field) else "a field"


def moment(text: Any) -> datetime | None:
    """An RFC 3339 time of an answer; None if there is none."""
    try:
        found = datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else None
