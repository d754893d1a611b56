"""The list of contacts: filters, and cursors that carry their filters with them."""

from __future__ import annotations

import base64
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from stagebridge.sandbox import Answer, Call
from stagebridge_omnisend.sandbox import times
from stagebridge_omnisend.sandbox.account import Account
from stagebridge_omnisend.sandbox.forms import STATUSES, Errors

FILTERS = ("email", "phone", "status", "segmentID", "tag", "updatedAtFrom")
CHOICES = {"sort": ("createdAt", "updatedAt"), "direction": ("desc", "asc")}
"""The first is the default."""

PAGE, LARGEST = 100, 250

Row = tuple[int, str]


def listing(account: Account, call: Call) -> Answer:
    errors = Errors()
    limit = number(call, "limit", PAGE, LARGEST, errors)
    asked = {n: v for n in (*FILTERS, *CHOICES) if (v := call.query.get(n))}
    for name, words in CHOICES.items():
        if asked.get(name, words[0]) not in words:
            errors.add(name, "invalid_value", f"Must be one of: {', '.join(words)}")
    _filters(account, asked, errors)
    after, back = call.query.get("after"), call.query.get("before")
    if after and back:
        errors.add("before", "invalid_combination", "Cannot be combined with after")
    cursor, where = None, "after" if after else "before"
    if token := after or back:
        cursor = _read(token, where, errors)
    if cursor is not None and any(cursor["asked"].get(n) != v for n, v in asked.items()):
        errors.add(where, "cursor_mismatch", "The cursor belongs to other filters")
    if errors:
        return account.invalid(errors)
    if cursor is not None:
        asked = cursor["asked"]
    asked = {name: words[0] for name, words in CHOICES.items()} | asked
    page, more = _page(account, asked, cursor["at"] if cursor else None, limit, backwards=bool(back))
    call.records = len(page)
    ends = (page[0][0], page[-1][0]) if page else (None, None)
    start = ends[0] if cursor and (more or not back) else None
    end = ends[1] if more or back else None
    cursors = {"after": end and _token(asked, end), "before": start and _token(asked, start)}
    paging = {"cursors": cursors, "hasMore": more, "limit": limit}
    return Answer(200, {"contacts": [account.without_lost(dict(s)) for _, s in page], "paging": paging})


def _filters(account: Account, asked: Mapping[str, str], errors: Errors) -> None:
    named = [n for n in FILTERS if n in asked]
    if "updatedAtFrom" in named:
        errors.time("updatedAtFrom", asked["updatedAtFrom"])
        for name in named[:-1]:
            errors.add(name, "invalid_combination", "Cannot be combined with updatedAtFrom")
    elif "tag" in named and "status" in named:
        errors.add("tag", "invalid_combination", "Cannot be combined with status")
    elif len(named) > 1 and account.switches["one_filter"]:
        errors.add(named[1], "invalid_combination", f"Cannot be combined with {named[0]}")
    if asked.get("status", STATUSES[0]) not in STATUSES:
        errors.add("status", "invalid_value", f"Must be one of: {', '.join(STATUSES)}")


def _page(
    account: Account, asked: Mapping[str, str], at: Row | None, limit: int, *, backwards: bool
) -> tuple[list[tuple[Row, Mapping[str, Any]]], bool]:
    """The rows from a cursor on, in the order that was asked for, and whether there are more that way."""
    rows, past = _rows(account, asked)
    if asked["sort"] == "updatedAt" and (since := times.read(asked.get("updatedAtFrom"))) is not None:
        rows = rows[bisect_left(rows, (since, "")) :]
    forward = (asked["direction"] == "asc") != backwards
    if forward:
        walk = range(bisect_right(rows, at) if at else 0, len(rows))
    else:
        walk = range((bisect_left(rows, at) if at else len(rows)) - 1, -1, -1)
    store, fits = account.store, _test(account, asked)
    out: list[tuple[Row, Mapping[str, Any]]] = []
    for n in walk:
        id_ = rows[n][1]
        shown = store.shown(store.contacts[id_]) if past is None else past[id_]
        if fits(shown):
            out.append((rows[n], shown))
            if len(out) > limit:
                break
    more = len(out) > limit
    out = out[:limit]
    return (out[::-1] if backwards else out), more


def _rows(account: Account, asked: Mapping[str, str]) -> tuple[list[Row], dict[str, Mapping[str, Any]] | None]:
    """The places of the contacts that may fit, ascending, and what is shown of each where that is the past."""
    store, now, sort = account.store, account.now, asked["sort"]
    lag = float(account.switches["index_lag"]) + sum(
        float(f.values.get("seconds", 0)) for f in account.kit.standing("index_lag")
    )
    if lag or store.late_until > now:
        past = list(store.as_of(now - int(lag * 1000)))
        rows = sorted((updated if sort == "updatedAt" else c.created, c.id) for c, updated, _ in past)
        return rows, {c.id: shown for c, _, shown in past}
    for type_ in ("email", "phone"):
        if type_ in asked:
            found = store.find(type_, asked[type_])
            return [] if found is None else [(found.updated if sort == "updatedAt" else found.created, found.id)], None
    return store.ordered(sort), None


def _test(account: Account, asked: Mapping[str, str]) -> Callable[[Mapping[str, Any]], bool]:
    since = times.read(asked.get("updatedAtFrom"))
    members = account.store.segments.get(asked.get("segmentID", ""), [])
    key = account.store.key

    def fits(c: Mapping[str, Any]) -> bool:
        return (
            ("email" not in asked or key("email", c.get("email", "")) == key("email", asked["email"]))
            and ("phone" not in asked or asked["phone"] in c["phone"])
            and ("status" not in asked or c.get("status") == asked["status"])
            and ("segmentID" not in asked or c["id"] in members)
            and ("tag" not in asked or asked["tag"] in c["tags"])
            and (since is None or (times.read(c["updatedAt"]) or 0) >= since)
        )

    return fits


def _token(asked: Mapping[str, str], at: Row) -> str:
    return base64.urlsafe_b64encode(orjson.dumps({"asked": asked, "at": at})).decode().rstrip("=")


def _read(token: str, where: str, errors: Errors) -> dict[str, Any] | None:
    try:
        data = orjson.loads(base64.urlsafe_b64decode(f"{token}==="))
        return {"asked": dict(data["asked"]), "at": (int(data["at"][0]), str(data["at"][1]))}
    except (ValueError, KeyError, TypeError):
        errors.add(where, "invalid_format", "Must be a cursor of an earlier answer")
        return None


def number(call: Call, name: str, otherwise: int, most: int | None, errors: Errors) -> int:
    """A whole number of the query, from 1 (0 where there is no `most`)."""
    text, least = call.query.get(name, ""), 0 if most is None else 1
    value = int(text) if text.isascii() and text.isdigit() else otherwise if text == "" else -1
    if value < least or (most is not None and value > most):
        errors.add(name, "out_of_range", f"Must be at least {least}" if most is None else f"Must be {least} to {most}")
    return value


__all__ = ["listing", "number"]
