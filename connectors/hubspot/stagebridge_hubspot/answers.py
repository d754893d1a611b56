"""What HubSpot's answers mean: limits by policy name, expired and wrong credentials, locks, errors of single rows.

Errors say the same in three ways (`errors[]` with a context, JSON inside the message, a sentence), every field may be
missing, and messages quote the values of people: what is stored or shown is therefore said in our words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson

from stagebridge.clock import Clock
from stagebridge.connector import Conflict, Gone, Outcome, Rejected, Retry
from stagebridge.errors import AuthError, BudgetExhausted, PlatformDown, StagebridgeError
from stagebridge.http import Again, Judge, Lost, Renew, Response, Verdict, judge_by_status, retry_after

SECONDS = {"TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}
"""How long to wait after a 429 of that policy; the answer itself does not say."""
EXISTING = re.compile(r"Existing ID: (\d+)")
EMBEDDED = re.compile(r"\[\s*\{.*\}\s*\]", re.DOTALL)
ADDRESS = re.compile(r"[^\s\[\]\"',:]+@[^\s\[\]\"',:]+")
PASSING = ("RATE_LIMITS", "INTERNAL_ERROR", "LOCKED")
"""Categories of a row's error that are not the row's fault."""


def judge(clock: Clock, midnight: Callable[[], datetime]) -> Judge:
    """The judge of a connection; `midnight` is when the account's daily quota starts again."""

    def verdict(response: Response) -> Verdict:
        status = response.status
        if status in (400, 404, 409, 413, 414):
            return None
        if status < 400:  # an empty page of a proxy is not an account without contacts
            odd = status >= 300 or (response.content and not response.is_json)
            return Lost(f"HTTP {status} that is not HubSpot's") if odd else None
        body = response.object()
        if status == 429:
            return _limited(response, body, midnight)
        if status == 401:
            wrong = AuthError(
                "HubSpot does not accept this token", code="SB-HUBSPOT-TOKEN",
                hint="Copy the token of the private app or service key again; it may have been rotated.",
            )  # fmt: skip
            if body.get("category") == "EXPIRED_AUTHENTICATION":
                return Renew(wrong)
            raise wrong
        if status == 403:
            raise missing_scopes(body)
        if status == 423:
            return Again(max(2.0, retry_after(response) or 2.0), "locked")
        if status == 477:
            wait = retry_after(response) or 3600.0
            raise PlatformDown(
                "HubSpot is moving this account to another data centre", until=clock.now() + timedelta(seconds=wait),
                hint="Nothing is lost: it can take up to a day.", code="SB-HUBSPOT-MIGRATION",
            )  # fmt: skip
        if not response.is_json and status >= 500:
            return Lost(f"HTTP {status}, an error page")
        return judge_by_status(response) or (Lost(f"HTTP {status}") if status >= 500 else None)

    return verdict


def missing_scopes(body: dict[str, Any]) -> StagebridgeError:
    contexts = [c for e in (body, *(body.get("errors") or [])) if isinstance(c := e.get("context"), dict)]
    scopes = [s for c in contexts for s in c.get("requiredGranularScopes") or c.get("requiredScopes") or []]
    named = ", ".join(dict.fromkeys(scopes)) or "a scope that HubSpot does not name"
    return AuthError(
        f"the HubSpot token lacks {named}", hint="Tick it in the app's scopes and use the token that it shows then.",
        code="SB-HUBSPOT-SCOPE",
    )  # fmt: skip


def _limited(response: Response, body: dict[str, Any], midnight: Callable[[], datetime]) -> Verdict:
    policy = body.get("policyName") or ("DAILY" if "daily limit" in str(body.get("message")) else "")
    if policy == "DAILY":
        raise BudgetExhausted(
            "the HubSpot account's calls of this day are used up", until=midnight(),
            hint="They come back at midnight in the account's time zone; lower `budget` to leave some to others.",
            code="SB-HUBSPOT-DAILY",
        )  # fmt: skip
    return Again(retry_after(response) or SECONDS.get(policy, 10.0), policy or "HTTP 429")


def row_outcome(error: dict[str, Any]) -> Outcome:
    """What one entry of `errors[]`, or a whole error body about one record, means for that record. HubSpot does not
    always say which record is in the way (`existing_id` is empty then), nor what a lost one was merged into."""
    category = str(error.get("category", ""))
    said = sentence(error)
    if category == "CONFLICT":
        existing = (error.get("context") or {}).get("existingId") or EXISTING.findall(str(error.get("message")))
        return Conflict(str(existing[0]) if existing else "", said)
    if category == "OBJECT_NOT_FOUND":
        return Gone()
    if category in PASSING:
        return Retry(10.0, said)
    fields = _fields(error)
    code = next(iter(fields.values()), None) or category or "ROW"
    return Rejected(f"SB-HUBSPOT-{code}", said, tuple(f"properties.{n}" for n in fields))


def named(error: dict[str, Any]) -> set[str]:
    """The rows that an error speaks of: trace ids and ids, case-folded."""
    context = error.get("context") or {}
    return {str(x).casefold() for k in ("objectWriteTraceId", "ids", "id") for x in _list(context.get(k))}


def sentence(error: dict[str, Any]) -> str:
    """What was refused, without the JSON and without anybody's value."""
    fields = _fields(error)
    if fields:
        said = "HubSpot would not take " + ", ".join(f"{name} ({code})" for name, code in fields.items())
    else:
        said = ADDRESS.sub("…", str(error.get("message") or error.get("category") or "no reason given"))[:200]
    return said + (f" [correlation id {error['correlationId']}]" if error.get("correlationId") else "")


def _fields(error: dict[str, Any]) -> dict[str, str]:
    """The properties at fault with HubSpot's code for each: from `errors[]` and from the JSON inside the message."""
    found: dict[str, str] = {}
    for inner in (*(error.get("errors") or []), error):
        for name in _list((inner.get("context") or {}).get("propertyName")):
            found.setdefault(str(name), str(inner.get("code") or inner.get("category") or "INVALID"))
    match = EMBEDDED.search(str(error.get("message", "")))
    try:
        embedded = orjson.loads(match[0]) if match else []
    except orjson.JSONDecodeError:
        embedded = []
    for inner in embedded:
        if isinstance(inner, dict) and inner.get("name"):
            found.setdefault(str(inner["name"]), str(inner.get("error") or "INVALID"))
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def moment(text: Any) -> datetime | None:
    """An ISO time of an answer; None if there is none."""
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
