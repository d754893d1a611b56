"""What Meta's answers mean, by code and subcode: its titles and messages are in the token owner's language, and they quote
values. What is said here is therefore in our words, with Meta's own trace id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from stagebridge.errors import AuthError, ConfigError, StagebridgeError
from stagebridge.http import Response

THROTTLED = frozenset({4, 17, 32, 341, 613, 80000, 80003, 80004, 80005, 80014})
WAITING = {368: 3600.0, 21009: 600.0}
"""Blocked for the moment; a dataset that is not ready yet: seconds until it is worth asking again."""
PERMISSIONS = frozenset({3, 10, *range(200, 300)})
NO_ACCOUNT = 2804133
"""No Instagram account on the dataset: the one code among those of events that no event is to blame for."""
UNKNOWN_OBJECT = 33
DEFAULT_WAIT = 60.0
"""Seconds to wait where Meta says no time."""

DATA = {
    2804003: "it is too old",
    2804009: "a Purchase needs a value and a currency",
    2804050: "it says too little about the person",
    2804063: "it names no messaging channel",
    2804064: "it has a field that business messaging does not take",
    2804066: "business messaging does not take its name",
    2804075: "it lacks the person's Instagram id",
    2804079: "it lacks the id of the Instagram account",
    2804087: "its click id of WhatsApp is not one",
}
"""What is known of Meta's subcodes of events; others of the range exist and are undocumented."""
_TRACE = re.compile(r"[\w-]{1,64}\Z")


class Kind(Enum):
    """What to do about a refusal."""

    AGAIN = "again"
    THROTTLED = "throttled"
    TOKEN = "token"
    PERMISSION = "permission"
    NO_OBJECT = "no object"
    DATA = "data"
    ACCOUNT = "account"
    ODD = "odd"
    """Code 100 without a subcode that says more: it may be one event's fault and it may be ours."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of the Graph. `after`: seconds to wait; `trace` is Meta's own id of the request."""

    status: int
    code: int
    subcode: int
    transient: bool
    after: float | None
    trace: str

    @property
    def kind(self) -> Kind:
        if self.code in THROTTLED or self.status == 429:
            return Kind.THROTTLED
        if self.code in (190, 102):
            return Kind.TOKEN
        if self.code in PERMISSIONS:
            return Kind.PERMISSION
        if self.code == 100 and self.subcode == UNKNOWN_OBJECT:
            return Kind.NO_OBJECT
        if self.code == 100 and self.subcode == NO_ACCOUNT:
            return Kind.ACCOUNT
        if self.code == 100 and 2804000 <= self.subcode <= 2804999:
            return Kind.DATA
        if self.transient or self.code == 2 or self.code in WAITING:
            return Kind.AGAIN
        if self.code == 100:
            return Kind.ODD
        return Kind.UNKNOWN

    @property
    def wait(self) -> float:
        """Seconds until it is worth asking again."""
        return self.after if self.after is not None else WAITING.get(self.code, DEFAULT_WAIT)

    def __str__(self) -> str:
        subcode = f"/{self.subcode}" if self.subcode else ""
        return f"code {self.code}{subcode}, HTTP {self.status}{traced(self.trace)}"


def traced(trace: str) -> str:
    """Meta's trace id as messages carry it; support asks for nothing else."""
    return f" [fbtrace_id {trace}]" if trace else ""


def trace_of(body: Any) -> str:
    found = body.get("fbtrace_id") if isinstance(body, Mapping) else None
    return found if isinstance(found, str) and _TRACE.match(found) else ""


def body_of(response: Response) -> Any:
    """The body, whatever its content type says; None for what is no JSON."""
    try:
        return response.json()
    except ValueError:
        return None


def refusal_of(status: int, body: Any, headers: Mapping[str, str]) -> Refusal | None:
    """The error in an answer of any status; None where it has none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    code, subcode = (n if type(n := error.get(k)) is int else 0 for k in ("code", "error_subcode"))
    return Refusal(status, code, subcode, error.get("is_transient") is True, wait_of(headers), trace_of(error))


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds until calls are let through again, the longest that a header says; None where none says any."""
    waits = [60.0 * m for m in _minutes(headers.get("X-Business-Use-Case-Usage", ""))]
    after = headers.get("Retry-After", "").strip()
    waits += [float(after)] if after.isdigit() else []
    return max(waits) if any(waits) else None


def _minutes(usage: str) -> Iterator[float]:
    try:
        found = orjson.loads(usage) if usage else {}
    except ValueError:
        return
    for rows in found.values() if isinstance(found, dict) else ():
        for row in rows if isinstance(rows, list) else ():
            minutes = row.get("estimated_time_to_regain_access") if isinstance(row, dict) else None
            if isinstance(minutes, int | float) and not isinstance(minutes, bool):
                yield float(minutes)


_HINTS = {
    460: "The password behind it was changed; make a new one.",
    463: "It has expired; make one that does not, of a system user.",
    467: "It was withdrawn; make a new one.",
}


def connection_error(refusal: Refusal, what: str) -> StagebridgeError | None:
    """The error that stops a connection, for `what` was asked for; None for what is no matter of credentials."""
    match refusal.kind:
        case Kind.TOKEN:
            return AuthError(
                f"Meta does not accept the token for {what} ({refusal})", code="SB-META-TOKEN",
                hint=_HINTS.get(refusal.subcode, "Copy the token again from the Events Manager or the system user."),
            )  # fmt: skip
        case Kind.PERMISSION:
            return AuthError(
                f"the token may not do this: {what} ({refusal})", code="SB-META-PERMISSION",
                hint="Give the system user the asset and the permission, and make a new token.",
            )  # fmt: skip
        case Kind.NO_OBJECT:
            return AuthError(
                f"Meta knows no {what}, or the token may not see it ({refusal})", code="SB-META-OBJECT",
                hint="Compare the id, and share it with the token's owner; one of another business needs its own token.",
            )  # fmt: skip
        case Kind.ACCOUNT:
            return ConfigError(
                f"{what} has no Instagram account ({refusal})", code="SB-META-ACCOUNT",
                hint="Connect the account to the dataset in its own business; a share from another one is not enough.",
            )  # fmt: skip
        case _:
            return None


__all__ = [
    "DATA", "DEFAULT_WAIT", "Kind", "Refusal", "body_of", "connection_error", "refusal_of", "trace_of", "traced", "wait_of",
]  # fmt: skip
