"""What Salesforce's answers mean: two kinds of 403, expired sessions, error rows by their `statusCode`."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import Any

from stagebridge.clock import Clock
from stagebridge.connector import Conflict, Gone, Outcome, Rejected, Retry
from stagebridge.errors import AuthError, BudgetExhausted, ConfigError
from stagebridge.http import Again, Judge, Lost, Renew, Response, Verdict, judge_by_status

OWNER_TROUBLE = frozenset(
    {"INACTIVE_OWNER_OR_USER", "OP_WITH_INVALID_USER_TYPE_EXCEPTION", "INVALID_CROSS_REFERENCE_KEY"}
)
RECOVERY = timedelta(hours=1)
"""When to look again after the requests of 24 hours are used up: the window rolls, so some are back by then."""
GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND"})


def judge(clock: Clock) -> Judge:
    """The judge of a connection."""

    def verdict(response: Response) -> Verdict:
        status = response.status
        if status < 400 or status in (400, 404, 413, 414, 431):
            return None
        code = first_error(response).get("errorCode", "")
        message = str(first_error(response).get("message", ""))
        if status == 401:
            return Renew(
                AuthError(
                    "Salesforce does not accept the session, even after a new login", code="SB-SALESFORCE-SESSION"
                )
            )
        if status == 403 and code == "REQUEST_LIMIT_EXCEEDED":
            if message.startswith("Concurrent"):
                return Again(5.0, "too many long requests at once")
            raise BudgetExhausted(
                "the Salesforce organisation's requests of 24 hours are used up", until=clock.now() + RECOVERY,
                hint="They come back over the day; lower `budget` to leave some to others.", code="SB-SALESFORCE-DAILY",
            )  # fmt: skip
        if status == 403:
            raise AuthError(
                f"Salesforce does not let this user in ({code or 'HTTP 403'})", code="SB-SALESFORCE-ACCESS",
                hint="Give the integration user 'API Enabled' and access to Contacts and Leads.",
            )  # fmt: skip
        if status == 410:
            raise ConfigError(
                "this Salesforce API version has been retired", hint="Set api_version to a current one, for example 66.0.",
                code="SB-SALESFORCE-VERSION",
            )  # fmt: skip
        if status == 420 or (status >= 500 and not response.is_json):
            return Lost(f"HTTP {status}, an error page")
        return judge_by_status(response)

    return verdict


def usage(header: str) -> tuple[int, int] | None:
    """(used, allowed) requests of the organisation's 24 hours, from `Sforce-Limit-Info`, which may say more than that."""
    found = re.search(r"(?<![\w-])api-usage=(\d+)/(\d+)", header)
    return (int(found[1]), int(found[2])) if found else None


def first_error(response: Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    found = body[0] if isinstance(body, list) and body else body
    return found if isinstance(found, dict) else {}


def row_outcome(errors: list[dict[str, Any]]) -> Outcome:
    """What a refused row means for its record. Rows carry `statusCode`, ordinary answers `errorCode`."""
    error = errors[0] if errors else {}
    code = str(error.get("statusCode") or error.get("errorCode") or "UNKNOWN_EXCEPTION")
    fields = tuple(f for e in errors for f in e.get("fields") or [])
    if code == "DUPLICATES_DETECTED":
        existing = _matches(error)
        if existing:
            return Conflict(existing[0], "a duplicate rule of the organisation found this person")
    if code == "UNABLE_TO_LOCK_ROW":
        return Retry(1 + 4 * random.random(), "another user held the record")
    if code in GONE:
        return Gone()
    if code in ("SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "REQUEST_LIMIT_EXCEEDED"):
        return Retry(30.0, code)
    return Rejected(f"SB-SALESFORCE-{code}", _sentence(code, fields), fields)


def _matches(error: dict[str, Any]) -> list[str]:
    results = (error.get("duplicateResult") or {}).get("matchResults") or []
    return [
        str(m["record"]["Id"])
        for r in results
        for m in r.get("matchRecords") or []
        if (m.get("record") or {}).get("Id")
    ]


def _sentence(code: str, fields: tuple[str, ...]) -> str:
    """Salesforce's own sentences quote values; ours never do."""
    return f"Salesforce would not take {', '.join(fields) or 'the record'} ({code})"
