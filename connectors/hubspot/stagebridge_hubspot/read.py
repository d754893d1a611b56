"""Reading contacts: the list for a full pass, search for what changed since, the recycle bin, batch reads for values.

The search index lags, so its rows are hints: only their ids are used, and the values come from a batch read. Its
windows are frozen and walked by record id, because more records than the search can page through may carry one and
the same modification time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from stagebridge.connector import Cursor, Page, Record
from stagebridge_hubspot.answers import moment

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

LIST_PAGE = 100
SEARCH_PAGE = 200
LONGEST_URL = 6000
"""Characters of a `properties=` list that still fit into the URL of a list call; longer ones are answered with 414."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a read stands: its cursor. Times are milliseconds, on HubSpot's clock unless it says otherwise.

    `start` and `end` bound the window under way (no `end`: the next one, not begun), `after` is where its next page
    begins. `swept` is when the recycle bin was last looked through and `covered` what the pass covers, on our clock.
    """

    phase: Literal["list", "search", "bin"]
    start: int
    end: int | None = None
    after: str = ""
    swept: int = 0
    covered: int = 0


Step = tuple[list[Record], Place, bool]
"""A page's records, the place after them, and whether the pass is over."""


def pages(hs: HubSpot, since: Cursor | datetime | None) -> Iterator[Page]:
    """A full pass (the list, then the bin), what changed since a time, or on from a cursor."""
    place = Place(**since) if isinstance(since, dict) else _begin(hs, since)
    steps = {"list": _listed, "search": _changed, "bin": _archived}
    over = False
    while not over:
        records, place, over = steps[place.phase](hs, place)
        yield Page(records, asdict(place), datetime.fromtimestamp(place.covered / 1000, UTC) if over else None)


def _begin(hs: HubSpot, since: datetime | None) -> Place:
    theirs, ours, lag = to_ms(hs.platform_now()), to_ms(hs.clock.now()), int(hs.lag * 1000)
    if since is None:  # what changes during the pass is found by the first search after it
        return Place("list", start=theirs - lag, swept=ours, covered=ours)
    return Place("search", start=to_ms(since) + theirs - ours - lag)


def _listed(hs: HubSpot, place: Place) -> Step:
    names = ",".join(hs.properties())
    query: dict[str, Any] = {"limit": LIST_PAGE, "archived": "false"} | ({"after": place.after} if place.after else {})
    by_id = len(names) + 2 * names.count(",") > LONGEST_URL  # a comma takes three characters there
    body = hs.get(hs.contacts, query | {"properties": "hs_object_id" if by_id else names})
    rows = body.get("results") or []
    if by_id:
        rows = hs.batch_read([str(r["id"]) for r in rows])
    after = _next(body)
    onward = replace(place, after=after) if after else replace(place, phase="bin", after="")
    return _with_aliases(hs, rows), onward, False


def _archived(hs: HubSpot, place: Place) -> Step:
    """The recycle bin: neither the list nor the search shows what is in it."""
    query: dict[str, Any] = {"limit": LIST_PAGE, "archived": "true", "properties": "hs_object_id"}
    body = hs.get(hs.contacts, query | ({"after": place.after} if place.after else {}))
    gone = [
        Record("contacts", str(r["id"]), modified_at=moment(r.get("archivedAt") or r.get("updatedAt")), deleted=True)
        for r in body.get("results") or []
    ]
    after = _next(body)
    if after:
        return gone, replace(place, after=after), False
    return gone, replace(place, phase="search", after=""), True


def _changed(hs: HubSpot, place: Place) -> Step:
    ours, lag = to_ms(hs.clock.now()), int(hs.lag * 1000)
    if place.end is None:
        end = to_ms(hs.platform_now()) - lag
        place = replace(place, end=max(end, place.start), covered=ours - lag)
    ids, more = _hints(hs, place)
    records = _with_aliases(hs, hs.batch_read(ids))
    if more:
        return records, replace(place, after=ids[-1]), False
    # the next window begins a lag before the end of this one, in case the index was slower than we believe
    onward = replace(place, start=max(place.start, (place.end or 0) - lag), end=None, after="")
    if ours - place.swept >= hs.settings.deletes_every * 1000:
        return records, replace(onward, phase="bin", swept=ours), False
    return records, onward, True


def _hints(hs: HubSpot, place: Place) -> tuple[list[str], bool]:
    """The ids of a page of the window, rising, and whether it has more."""
    if place.end is None or place.end <= place.start:
        return [], False
    changed, id_ = "lastmodifieddate", "hs_object_id"
    filters = [
        {"propertyName": changed, "operator": "GTE", "value": str(place.start)},
        {"propertyName": changed, "operator": "LT", "value": str(place.end)},
        {"propertyName": id_, "operator": "GT", "value": place.after or "0"},
    ]
    body = {
        "filterGroups": [{"filters": filters}], "properties": [id_], "limit": SEARCH_PAGE,
        "sorts": [{"propertyName": id_, "direction": "ASCENDING"}],
    }  # fmt: skip
    found = hs.post(f"{hs.contacts}/search", body, endpoint="search")
    ids = sorted((str(r["id"]) for r in found.get("results") or []), key=int)
    return ids, bool(ids and _next(found))


def _with_aliases(hs: HubSpot, rows: Sequence[dict[str, Any]]) -> list[Record]:
    """The rows' records, and before them what was merged into each: else the survivor would look like a newcomer."""
    aliases = [Record("contacts", old, deleted=True, merged_into=str(r["id"])) for r in rows for old in merged_ids(r)]
    return [*aliases, *hs.records(rows)]


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


def _next(body: dict[str, Any]) -> str:
    return str(((body.get("paging") or {}).get("next") or {}).get("after") or "")


def to_ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)
