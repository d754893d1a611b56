"""The forms in which Zendesk answers: errors with text or an object in `error`, records under their name, pages."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from stagebridge.sandbox import Answer, Call

API = "/api/v2"
PAGE = 100
"""Records of a page at most, and without `per_page` or `page[size]`."""

DEEPEST = 10_000
"""Records that pages by number reach: the lists say nothing of what comes after them."""

Details = dict[str, list[dict[str, str]]]
"""What is wrong, by attribute."""


class Refusal(Exception):
    """This request ends here, with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Invalid(Exception):
    """A record cannot be as it is asked to be."""

    def __init__(self, details: Details) -> None:
        super().__init__("; ".join(d["description"] for each in details.values() for d in each))
        self.details = details


def wrong(attribute: str, error: str, description: str) -> Details:
    return {attribute: [{"description": description, "error": error}]}


class Errors:
    """`objects`: every error is an object with title and message, as only some are by default."""

    def __init__(self, *, objects: bool, details_as: str) -> None:
        self.objects = objects
        self.details_as = details_as

    def text(self, status: int, error: str, description: str = "", **more: Any) -> Answer:
        if self.objects:
            return self.titled(status, error, description or error)
        body: dict[str, Any] = {"error": error}
        if description:
            body["description"] = description
        return Answer(status, body | more)

    def titled(self, status: int, title: str, message: str) -> Answer:
        return Answer(status, {"error": {"title": title, "message": message}})

    def not_found(self) -> Answer:
        return self.text(404, "RecordNotFound", "Not found")

    def no_such_route(self) -> Answer:
        """A route that is wrong, or that the plan does not have."""
        return self.text(404, "InvalidEndpoint", "Not found")

    def forbidden(self) -> Answer:
        message = "You do not have access to this page. Please contact the account owner for further help."
        return self.titled(403, "Forbidden", message)

    def attribute(self, name: str) -> Answer:
        message = f"You passed an invalid value for the {name} attribute. Invalid parameter: {name}"
        return self.titled(400, "Invalid attribute", message)

    def missing(self, name: str) -> Answer:
        return self.text(400, "ParameterMissing", f"Parameter {name} is required")

    def record(self, details: Details) -> Answer:
        """Recorded with lists; a third party saw an object."""
        shown: Any = details if self.details_as == "list" else {k: v[0] for k, v in details.items()}
        return Answer(422, {"error": "RecordInvalid", "description": "Record validation errors", "details": shown})


# --- values --------------------------------------------------------------------------------------------------------


def iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(value: Any) -> int:
    """Epoch seconds of a number, or of ISO 8601 text, in UTC unless it says otherwise. Raises `ValueError`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    moment = datetime.fromisoformat(str(value))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def cursor(*parts: object) -> str:
    """Opaque, in the form of the documented sample: a time and an id."""
    return base64.b64encode("|".join(str(p) for p in parts).encode()).decode()


def opened(text: str) -> list[str]:
    """The parts of a cursor. Raises `ValueError`."""
    return base64.b64decode(text.encode(), validate=True).decode().split("|")


def host(call: Call) -> str:
    """Where links of an answer lead: here, so that a client may follow them."""
    return f"http://{call.headers.get('host', 'localhost')}"


# --- pages ---------------------------------------------------------------------------------------------------------


def whole(errors: Errors, call: Call, name: str, otherwise: int) -> int:
    text = call.query.get(name, "")
    try:
        value = int(text) if text else otherwise
    except ValueError:
        raise Refusal(errors.attribute(name)) from None
    if value < 0:
        raise Refusal(errors.attribute(name))
    return value


def page(
    errors: Errors, call: Call, name: str, found: Sequence[Any], shown: Callable[[Any], Any], *, offset_only: bool = False,
    most: int = PAGE,
) -> Answer:  # fmt: skip
    """One page of `found`, by cursor where `page[…]` asks for it and by number elsewhere."""
    if not offset_only and any(k.startswith("page[") for k in call.query):
        return _by_cursor(errors, call, name, found, shown, most)
    size, number = (
        min(most, whole(errors, call, "per_page", most)) or most,
        max(1, whole(errors, call, "page", 1)),
    )
    if (number - 1) * size >= DEEPEST:
        raise Refusal(errors.text(400, "InvalidPaginationDepth", f"Pagination stops at {DEEPEST} records"))
    end = min(number * size, DEEPEST)
    return Answer(200, {
        name: [shown(r) for r in found[(number - 1) * size : end]], "count": len(found),
        "next_page": _numbered(call, number + 1) if end < min(len(found), DEEPEST) else None,
        "previous_page": _numbered(call, number - 1) if number > 1 else None,
    })  # fmt: skip


def _by_cursor(
    errors: Errors, call: Call, name: str, found: Sequence[Any], shown: Callable[[Any], Any], most: int
) -> Answer:
    size = min(most, whole(errors, call, "page[size]", most)) or most
    start = 0
    if after := call.query.get("page[after]"):
        try:
            start = int(opened(after)[0])
        except ValueError:
            raise Refusal(errors.attribute("page[after]")) from None
    rows = found[start : start + size]
    more = start + size < len(found)
    next_ = cursor(start + len(rows), "after") if rows else None
    before = cursor(start, "before") if rows else None
    base = f"{host(call)}{call.path}?page%5Bsize%5D={size}&page%5B"
    return Answer(200, {
        name: [shown(r) for r in rows], "meta": {"has_more": more, "after_cursor": next_, "before_cursor": before},
        "links": {
            "next": f"{base}after%5D={quote(next_)}" if more and next_ else None,
            "prev": f"{base}before%5D={quote(before)}" if start and before else None,
        },
    })  # fmt: skip


def _numbered(call: Call, number: int) -> str:
    return f"{host(call)}{call.path}?{queried(call.query | {'page': str(number)})}"


def queried(query: Mapping[str, str]) -> str:
    return "&".join(f"{quote(k)}={quote(v, safe='')}" for k, v in query.items())
