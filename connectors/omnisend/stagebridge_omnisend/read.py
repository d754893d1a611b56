"""Reading contacts in the order in which they changed: everybody, or on from a watermark minus an overlap.

Omnisend tells of no deletion, and keeps no list of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from stagebridge.connector import Cursor, Page, Record
from stagebridge.errors import StagebridgeError
from stagebridge_omnisend import identifiers
from stagebridge_omnisend.answers import moment

if TYPE_CHECKING:
    from stagebridge_omnisend.connector import Omnisend

PAGE = 250
REFUSED = "SB-OMNISEND-REQUEST"
REMEMBERED = 500
"""Records of the overlap whose place in time a cursor remembers, so that they do not come again with every read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a read stands: its cursor. Times are RFC 3339 text, Omnisend's clock unless it says otherwise.

    The pass under way reads what changed since `since` (None: everybody) and began at `began` (our clock; None: the next
    one, not begun); `after` is where its next page is. `top` is the latest change seen, and `seen` the ids that changed in
    the overlap before it, with the time of their change.
    """

    since: str | None = None
    began: str | None = None
    after: str = ""
    top: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)


def pages(om: Omnisend, since: Cursor | datetime | None) -> Iterator[Page]:
    """A pass, or the rest of one."""
    if isinstance(since, dict):
        place = Place(**since)
    else:
        place = Place(text(since + timedelta(seconds=om.skew - om.settings.overlap)) if since is not None else None)
    whole = place.since is None and not place.after
    if whole:
        om.roll.begin()
    if place.began is None:
        place = replace(place, began=text(om.clock.now()))
    over = False
    while not over:
        rows, after = _page(om, place)
        place, records = _take(om, place, rows)
        om.roll.add(str(r.get("email") or identifiers.of(r, "email").get("id") or "") for r in rows)
        place, over = replace(place, after=after), not after
        if not over:
            yield Page(records, asdict(place))
            continue
        covered = datetime.fromisoformat(place.began or "") - timedelta(seconds=om.lag)
        cursor = asdict(_next(om, place))
        if whole:
            om.roll.complete(covered, cursor)
        yield Page(records, cursor, covered)


def _page(om: Omnisend, place: Place) -> tuple[list[dict[str, Any]], str]:
    """The rows of a page, and where the next one is. A cursor that Omnisend does not know any more begins the pass again."""
    query: dict[str, Any] = {"limit": PAGE, "sort": "updatedAt", "direction": "asc"}
    if place.since is not None:
        query["updatedAtFrom"] = place.since
    try:
        return om.listed(query | ({"after": place.after} if place.after else {}))
    except StagebridgeError as error:
        if not place.after or error.code != REFUSED:
            raise
        return om.listed(query)


def _take(om: Omnisend, place: Place, rows: list[dict[str, Any]]) -> tuple[Place, list[Record]]:
    """The page's records that are new, and the latest change."""
    top, seen, records = place.top, dict(place.seen), []
    for row in rows:
        id_, changed = str(row["id"]), str(row.get("updatedAt") or "")
        top = max(top, changed, key=_time)
        if changed and seen.get(id_) == changed:
            continue
        seen[id_] = changed
        records.append(record(row))
    return replace(place, top=top, seen=_recent(om, seen, top)), records


def _recent(om: Omnisend, seen: Mapping[str, str], top: str) -> dict[str, str]:
    """Those of the overlap; the latest of them, where there are many."""
    edge = _time(top) - timedelta(seconds=om.settings.overlap)
    kept = sorted((i for i in seen.items() if _time(i[1]) >= edge), key=lambda i: _time(i[1]))
    return dict(kept[-REMEMBERED:])


def _next(om: Omnisend, place: Place) -> Place:
    """Where the next pass begins; where there was nobody, it is a whole one again."""
    if not place.top:
        return Place(place.since)
    return Place(text(_time(place.top) - timedelta(seconds=om.settings.overlap)), top=place.top, seen=place.seen)


def following(body: Mapping[str, Any]) -> str:
    """The cursor of the next page; older versions give it within an address."""
    paging = body.get("paging") or {}
    cursors = paging.get("cursors") or {}
    found = str(cursors.get("after") or paging.get("after") or paging.get("next") or "")
    return parse_qs(urlsplit(found).query).get("after", [""])[0] if found.startswith("http") else found


def record(row: Mapping[str, Any]) -> Record:
    """A contact as Omnisend answered it. The time of a status that nobody decided is nobody's."""
    changed_at = {}
    for type_, channel in identifiers.CHANNEL.items():
        said, when = identifiers.status(identifiers.of(row, type_))
        if when is not None and said in ("subscribed", "unsubscribed"):
            changed_at[f"consent.{channel}"] = when
    return Record("contacts", str(row["id"]), dict(row), moment(row.get("updatedAt")), changed_at=changed_at)


def text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(text_: str) -> datetime:
    return moment(text_) or identifiers.BEGINNING
