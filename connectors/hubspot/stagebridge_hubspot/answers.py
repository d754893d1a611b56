"""What HubSpot's answers mean: limits by policy name, expired and wrong credentials, locks, errors of single rows."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from stagebridge.clock import Clock
from stagebridge.connector import Conflict, Gone, Outcome, Rejected, Retry
from stagebridge.errors import AuthError, BudgetExhausted, PlatformDown, StagebridgeError
from stagebridge.http import Again, Judge, Lost, Renew, Response, Verdict, judge_by_status, retry_after

SECONDS = {"TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}
"""How long to wait after a 429 of that policy; the answer itself does not say."""
EXISTING = re.compile(r"Existing ID: (\d+)")


def judge(clock: Clock) -> Judge:
    """The judge of a connection."""

    def verdict(response: Response) -> Verdict:
        status = response.status
        if status < 400 or status in (400, 404, 409, 414):
            return None
        body = body_of(response)
        if status == 429:
            return _limited(body, clock)
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
        return judge_by_status(response)

    return verdict


def body_of(response: Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def missing_scopes(body: dict[str, Any]) -> StagebridgeError:
    context = body.get("context") or {}
    scopes = context.get("requiredGranularScopes") or context.get("requiredScopes") or []
    named = ", ".join(scopes) or "a scope"
    return AuthError(
        f"the HubSpot token lacks {named}", hint="Tick it in the app's scopes and use the token that it shows then.",
        code="SB-HUBSPOT-SCOPE",
    )  # fmt: skip


def _limited(body: dict[str, Any], clock: Clock) -> Verdict:
    policy = body.get("policyName", "")
    if policy == "DAILY":
        # resets at midnight where the account is; we do not know its zone here, so an hour is the honest wait
        raise BudgetExhausted(
            "the HubSpot account's calls of this day are used up", until=clock.now() + timedelta(hours=1),
            hint="They come back at midnight in the account's time zone; lower `budget` to leave some to others.",
            code="SB-HUBSPOT-DAILY",
        )  # fmt: skip
    return Again(SECONDS.get(policy, 10.0), policy or "HTTP 429")


def row_outcome(error: dict[str, Any]) -> Outcome:
    """What one entry of `errors[]`, or a whole error body about one record, means for that record."""
    category = str(error.get("category", ""))
    message = str(error.get("message", "")) or category
    context = error.get("context") or {}
    if category == "CONFLICT":
        existing = (context.get("existingId") or EXISTING.findall(message) or [None])[0]
        if existing is not None:
            return Conflict(str(existing), message)
        return Rejected("SB-HUBSPOT-CONFLICT", message, ("email",))
    if category == "OBJECT_NOT_FOUND":
        return Gone()
    if category in ("RATE_LIMITS", "INTERNAL_ERROR", "LOCKED"):
        return Retry(10.0, message)
    fields, code = _fields(error, message)
    return Rejected(f"SB-HUBSPOT-{code or category or 'ROW'}", _readable(message), fields)


def _fields(error: dict[str, Any], message: str) -> tuple[tuple[str, ...], str]:
    """The properties at fault: from `errors[]`, else from the JSON inside the message."""
    names: list[str] = []
    code = ""
    for inner in error.get("errors") or []:
        names += (inner.get("context") or {}).get("propertyName") or []
        code = code or str(inner.get("code", ""))
    if not names:
        for inner in _embedded(message):
            names.append(str(inner.get("name", "")))
            code = code or str(inner.get("error", ""))
    names += (error.get("context") or {}).get("propertyName") or []
    return tuple(dict.fromkeys(n for n in names if n)), code


def _embedded(message: str) -> list[dict[str, Any]]:
    start = message.find("[{")
    if start < 0:
        return []
    try:
        found = json.loads(message[start:])
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _readable(message: str) -> str:
    """The sentence without the JSON and without anybody's value."""
    inner = _embedded(message)
    names = sorted({str(i.get("name")) for i in inner})
    return f"HubSpot would not take {', '.join(names)} ({inner[0].get('error')})" if inner else message.split(":")[0]


def moment(text: Any) -> datetime | None:
    """An ISO time of an answer; None if there is none."""
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
