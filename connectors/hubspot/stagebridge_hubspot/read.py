"""Reading contacts: the list for a full pass, search for what changed since, batch reads for values.

The search index lags, so its rows are hints: only their ids are used, and the values come from a batch read. Its windows
are frozen and walked by record id, because more records than the search can page through may carry one and the same
modification time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Cursor, Page, Record
from stagebridge_hubspot.answers import moment

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

LIST_PAGE = 100
SEARCH_PAGE = 200
LONGEST_URL = 6000
"""Characters of a `properties=` list that still fit into the URL of a list call; longer ones are answered with 414."""


def full(hs: HubSpot, cursor: Cursor | None) -> Iterator[Page]:
    """Every live contact, then the archived ones. The cursor remembers when the pass began: what changes meanwhile is
    found by the first search after it."""
    state: Cursor = cursor or {"phase": "list", "after": None, "began": _ms(hs.platform_now())}
    names = hs.properties()
    by_id = len(",".join(names)) > LONGEST_URL
    params: dict[str, Any] = {"limit": LIST_PAGE, "archived": "false"}
    if not by_id:
        params["properties"] = ",".join(names)
    while True:
        if state["after"] is not None:
            params["after"] = state["after"]
        body = hs.get(hs.contacts, params)
        rows = body.get("results", [])
        records = list(hs.fetch("contacts", [r["id"] for r in rows]).values()) if by_id else hs.records(rows)
        state = {**state, "after": _next(body)}
        if state["after"] is None:
            break
        yield Page(records, state)
    since = {"phase": "search", "from": state["began"] - int(hs.lag * 1000), "archived": 0}
    yield from _archived(hs, records, since, covered=hs.ours(state["began"]))


def changed(hs: HubSpot, cursor: Cursor) -> Iterator[Page]:
    """What changed since the cursor's window, and now and then what went into the recycle bin."""
    start = int(cursor["from"])
    end = int(cursor.get("to") or _ms(hs.platform_now() - timedelta(seconds=hs.lag)))
    last = str(cursor.get("last") or "0")
    after = {"phase": "search", "from": max(start, end - int(hs.lag * 1000)), "archived": cursor.get("archived", 0)}
    while True:
        ids = _hints(hs, start, end, last) if end > start else []
        records = list(hs.fetch("contacts", ids).values())
        if len(ids) < SEARCH_PAGE:
            break
        last = ids[-1]
        yield Page(records, {**cursor, "to": end, "last": last})
    due = hs.clock.now().timestamp() - float(cursor.get("archived", 0)) >= hs.settings.deletes_every
    covered = hs.ours(end)
    if due:
        yield from _archived(hs, records, after, covered=covered)
    else:
        yield Page(records, after, covered=covered)


def _hints(hs: HubSpot, start: int, end: int, last: str) -> list[str]:
    filters = [
        {"propertyName": "lastmodifieddate", "operator": "BETWEEN", "value": str(start), "highValue": str(end)},
        {"propertyName": "hs_object_id", "operator": "GT", "value": last},
    ]
    body = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["hs_object_id"],
        "limit": SEARCH_PAGE,
    }
    found = hs.post(f"{hs.contacts}/search", body, endpoint="search")
    return [str(r["id"]) for r in found.get("results", [])]


def _archived(hs: HubSpot, records: Sequence[Record], since: Cursor, *, covered: datetime) -> Iterator[Page]:
    """The recycle bin, behind the last page of a pass: search never shows it."""
    params: dict[str, Any] = {"limit": LIST_PAGE, "archived": "true", "properties": "hs_object_id"}
    since = {**since, "archived": int(hs.clock.now().timestamp())}
    while True:
        body = hs.get(hs.contacts, params)
        gone = [Record("contacts", str(r["id"]), deleted=True) for r in body.get("results", [])]
        after = _next(body)
        records = [*records, *gone]
        if after is None:
            yield Page(records, since, covered=covered)
            return
        params["after"] = after


def record(row: dict[str, Any], subscription: dict[str, Any] | None) -> Record:
    """A contact as the platform answered it, with the status of its subscription where one is configured."""
    data: dict[str, Any] = {"id": str(row["id"]), "properties": row.get("properties") or {}}
    changed_at = {}
    if subscription is not None:
        data["subscriptions"] = [subscription]
        stamp = moment(subscription.get("timestamp"))
        if stamp is not None:
            changed_at["consent.email"] = stamp
    return Record(
        "contacts", str(row["id"]), data, moment(data["properties"].get("lastmodifieddate") or row.get("updatedAt")),
        deleted=bool(row.get("archived")), changed_at=changed_at,
    )  # fmt: skip


def merged_ids(row: dict[str, Any]) -> list[str]:
    """Ids that were merged into this record and are not its own."""
    text = (row.get("properties") or {}).get("hs_merged_object_ids") or ""
    return [i for i in text.split(";") if i and i != str(row["id"])]


def _next(body: dict[str, Any]) -> str | None:
    after = ((body.get("paging") or {}).get("next") or {}).get("after")
    return None if after is None else str(after)


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)
