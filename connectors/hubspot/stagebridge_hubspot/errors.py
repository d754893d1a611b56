"""What HubSpot says when it refuses, in all the forms that it has for it.

The same facts come as `errors[]` with a context, as JSON inside the message, or as a sentence; every field may be
missing. Messages quote values, so a person's data could get into a log: sentences are therefore made here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

_EMBEDDED = re.compile(r"\[\s*\{.*\}\s*\]", re.DOTALL)
_EXISTING = re.compile(r"Existing ID: (\d+)")
_OPTIONS = re.compile(r"allowed options: (\[.*\])", re.DOTALL)
_ADDRESS = re.compile(r"[^\s\[\]\"',:]+@[^\s\[\]\"',:]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One refusal: of a request, or of a row in a 207. `fields` maps a property at fault to HubSpot's code for it,
    `rows` are the trace ids and record ids that it names."""

    status: int = 0
    category: str = ""
    message: str = ""
    policy: str = ""
    correlation: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    rows: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    existing_id: str | None = None

    @classmethod
    def of(cls, body: Any, status: int = 0) -> Fault:
        """Of any body, an HTML page's None included."""
        if not isinstance(body, dict):
            return cls(status, message="an answer that is not HubSpot's")
        message = str(body.get("message") or "")
        contexts = [body.get("context") or {}, *((e.get("context") or {}) for e in body.get("errors") or ())]
        existing = _first(contexts, "existingId") or next(iter(_EXISTING.findall(message)), None)
        return cls(
            status, str(body.get("category") or body.get("errorType") or ""), message, str(body.get("policyName") or ""),
            str(body.get("correlationId") or ""), _fields(body, message),
            frozenset(str(x) for key in ("objectWriteTraceId", "ids", "id") for x in _all(contexts[:1], key)),
            tuple(dict.fromkeys(_all(contexts, "requiredGranularScopes") + _all(contexts, "requiredScopes"))),
            existing,
        )  # fmt: skip

    @property
    def code(self) -> str:
        return next(iter(self.fields.values()), None) or self.category or f"HTTP_{self.status}"

    @property
    def sentence(self) -> str:
        """For a person at the terminal; without anybody's data."""
        if self.fields:
            named = ", ".join(f"properties.{n} ({c})" for n, c in self.fields.items())
            said = f"HubSpot does not take the value of {named}"
            options = _OPTIONS.search(self.message)
            said += f"; the account's options are {options[1][:300]}" if options else ""
        else:
            said = f"HubSpot refused it ({self.code}): {_ADDRESS.sub('…', self.message)[:300]}"
        return said + (f" [correlation id {self.correlation}]" if self.correlation else "")


def _fields(body: dict[str, Any], message: str) -> dict[str, str]:
    found: dict[str, str] = {}
    embedded = _EMBEDDED.search(message)
    if embedded:
        try:
            for one in orjson.loads(embedded[0]):
                if isinstance(one, dict) and one.get("name"):
                    found.setdefault(str(one["name"]), str(one.get("error") or "INVALID"))
        except orjson.JSONDecodeError:
            pass
    for error in (body, *(body.get("errors") or ())):
        for name in _all([error.get("context") or {}], "propertyName"):
            found.setdefault(name, str(error.get("code") or error.get("category") or "INVALID"))
    return found


def _all(contexts: list[dict[str, Any]], key: str) -> list[str]:
    values = [c.get(key) for c in contexts if isinstance(c, dict)]
    return [str(x) for v in values if v for x in (v if isinstance(v, list) else [v])]


def _first(contexts: list[dict[str, Any]], key: str) -> str | None:
    return next(iter(_all(contexts, key)), None)
