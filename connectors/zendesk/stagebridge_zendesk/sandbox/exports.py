"""Incremental exports: everything that changed since a time, oldest first, without the newest minute."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from stagebridge.sandbox import Answer, Call
from stagebridge_zendesk.sandbox.account import Account
from stagebridge_zendesk.sandbox.answers import Refusal, cursor, host, opened, whole
from stagebridge_zendesk.sandbox.door import Door
from stagebridge_zendesk.sandbox.users import sideloads

LARGEST = 1000
WITHHELD = 60
"""Seconds that an export stays behind."""


class Dated(Protocol):
    id: int
    updated: int


D = TypeVar("D", bound=Dated)


def users(account: Account, door: Door, call: Call) -> Answer:
    return _by_cursor(account, door, call, "users", _users(account), lambda u: account.shown(u, call))


def users_by_time(account: Account, door: Door, call: Call) -> Answer:
    return _by_time(account, door, call, "users", _users(account), lambda u: account.shown(u, call))


def tickets(account: Account, door: Door, call: Call) -> Answer:
    return _by_cursor(account, door, call, "tickets", account.tickets.held.values(), lambda t: t.shown(host(call)))


def organizations_by_time(account: Account, door: Door, call: Call) -> Answer:
    held = account.organizations.held.values()
    return _by_time(account, door, call, "organizations", held, lambda o: o.shown(host(call)))


def _users(account: Account) -> list[Any]:
    """Deleted ones too; those that were erased are gone, unless a switch says that their number stays."""
    erased, now = account.switches["erased_in_export"], account.now
    return [u for u in account.people.held.values() if (erased or not u.erased) and u.shows_from <= now]


def _by_cursor(
    account: Account, door: Door, call: Call, name: str, held: Iterable[D], shown: Callable[[D], Any]
) -> Answer:
    if (refused := door.count("incremental-exports")) is not None:
        return refused
    errors, size = account.errors, _size(account, call)
    given = call.query.get("cursor")
    if given is not None:
        try:
            time, _, id_ = opened(given)[:3]
            since, last = int(float(time)), int(id_)
        except ValueError:
            raise Refusal(errors.attribute("cursor")) from None
    else:
        since, last = _start(account, call), 0
    rows, more = _next(account, held, (since, last), size)
    if rows:
        since, last = rows[-1].updated, rows[-1].id
    # a time, an empty part, an id: the documented sample reads `1576613539.0||467|`
    after = cursor(f"{since}.0", "", last, "")
    sized = f"&per_page={size}" if call.query.get("per_page") else ""
    body: dict[str, Any] = {
        name: [shown(r) for r in rows], "after_url": f"{host(call)}{call.path}?cursor={quote(after, safe='')}{sized}",
        "before_url": None, "after_cursor": after, "before_cursor": None, "end_of_stream": not more,
    }  # fmt: skip
    if name == "users":
        body |= sideloads(account, call, [account.people.held[r.id] for r in rows])
    return Answer(200, body)


def _by_time(
    account: Account, door: Door, call: Call, name: str, held: Iterable[D], shown: Callable[[D], Any]
) -> Answer:
    """All records of the last second come along, however many; the next page begins with them again."""
    if (refused := door.count("incremental-exports")) is not None:
        return refused
    since, size = _start(account, call), _size(account, call)
    rows, more = _next(account, held, (since, 0), size)
    if rows and more:
        last = (rows[-1].updated, rows[-1].id)
        together = [r for r in held if r.updated == rows[-1].updated and (r.updated, r.id) > last]
        rows += sorted(together, key=lambda r: r.id)
        _, more = _next(account, held, (rows[-1].updated, rows[-1].id), 1)
        more = more or bool(_next(account, held, (rows[-1].updated, rows[-1].id), 1)[0])
    end = rows[-1].updated if rows else since
    return Answer(200, {
        name: [shown(r) for r in rows], "count": len(rows), "end_time": end, "end_of_stream": not more,
        "next_page": f"{host(call)}{call.path}?per_page={size}&start_time={end}",
    })  # fmt: skip


def _next(account: Account, held: Iterable[D], after: tuple[int, int], size: int) -> tuple[list[D], bool]:
    """The next records, and whether there are more."""
    newest = account.now - WITHHELD
    due = ((r.updated, r.id, r) for r in held if after < (r.updated, r.id) and r.updated <= newest)
    found = [r for _, _, r in heapq.nsmallest(size + 1, due, key=lambda x: x[:2])]
    return found[:size], len(found) > size


def _start(account: Account, call: Call) -> int:
    text = call.query.get("start_time", "")
    if not text:
        raise Refusal(account.errors.missing("start_time"))
    start = whole(account.errors, call, "start_time", 0)
    if start > account.now - WITHHELD:
        status = int(account.switches["recent_start_status"])
        raise Refusal(account.errors.text(status, "StartTimeTooRecent", "start_time must be more than a minute ago"))
    return start


def _size(account: Account, call: Call) -> int:
    return min(LARGEST, whole(account.errors, call, "per_page", LARGEST)) or LARGEST
