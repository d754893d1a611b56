"""Reading contacts: the whole list, what changed since, the recycle bin, by id, by key.

HubSpot's search lags, stops at 10,000 results, and its own bulk jobs stamp more records than that with one and the
same time. So a search only says *which* records changed: inside a frozen window `[start, end)` that ends before the
lag begins, paged by record id and never by offset; the values come from a batch read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from stagebridge.connector import Cursor, Page, Record
from stagebridge_hubspot.consent import Consent, decided_at
from stagebridge_hubspot.wire import Wire

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

LIST, SEARCH, BATCH = 100, 200, 100
LONGEST_URL = 6000
"""Characters of a list request's query; HubSpot answers 414 somewhere near 8,000."""
LONGEST_VALUES = 2500
"""Characters of e-mail addresses in one search, whose whole body may have 3,000."""
ALWAYS = ("email", "hs_additional_emails", "lastmodifieddate", "hs_merged_object_ids")
USUAL = ("firstname", "lastname", "phone", "company", "lifecyclestage", "hs_lead_status")
"""What is asked for without a mapping."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a read stands: a cursor. Times are milliseconds, on HubSpot's clock unless said.

    `start` and `end` bound the window under way (no `end`: not begun), `after` is where its next page begins, `swept`
    is when the recycle bin was last looked through and `covered` what the pass will have covered, both on our clock.
    """

    phase: Literal["list", "changes", "bin"]
    start: int
    end: int | None = None
    after: str = ""
    swept: int = 0
    covered: int = 0


class Reader:
    def __init__(self, hub: HubSpot, wire: Wire, consent: Consent) -> None:
        self._hub = hub
        self._wire = wire
        self._consent = consent
        self._long = False

    # --- passes ------------------------------------------------------------------------------------------------

    def pages(self, object: str, since: Cursor | datetime | None) -> Iterator[Page]:
        place = self._begin(since)
        step = {"list": self._list, "changes": self._changes, "bin": self._bin}
        while True:
            records, place, last = step[place.phase](object, place)
            covered = datetime.fromtimestamp(place.covered / 1000, UTC) if last else None
            yield Page(records, asdict(place), covered)
            if last:
                return

    def _begin(self, since: Cursor | datetime | None) -> Place:
        if isinstance(since, dict):
            return Place(**since)
        now, ours = _ms(self._wire.now()), _ms(self._hub.clock.now())
        if since is None:
            return Place("list", start=now - self._lag, swept=ours, covered=ours)
        return Place("changes", start=_ms(since) + (now - ours) - self._lag)

    @property
    def _lag(self) -> int:
        return int(self._hub.lag * 1000)

    def _list(self, object: str, place: Place) -> tuple[list[Record], Place, bool]:
        names = self._names()
        query = {"limit": LIST, "archived": "false"} | ({"after": place.after} if place.after else {})
        long = self._long or len(urlencode({"properties": ",".join(names)})) > LONGEST_URL
        asked = "hs_object_id" if long else ",".join(names)
        response = self._wire.send("GET", self._wire.objects(object), params={**query, "properties": asked})
        if response.status == 414 and not long:
            self._long = True
            return self._list(object, place)
        answer = response.json()
        rows = answer.get("results") or []
        if long:
            rows = self._batch(object, [str(r["id"]) for r in rows])
        after = _after(answer)
        onward = replace(place, after=after) if after else replace(place, phase="bin", after="")
        return self.records(object, rows), onward, False

    def _bin(self, object: str, place: Place) -> tuple[list[Record], Place, bool]:
        query = {"limit": LIST, "archived": "true", "properties": "hs_object_id"}
        answer = self._wire.ask(
            "GET", self._wire.objects(object), params=query | ({"after": place.after} if place.after else {})
        )
        records = [Record(object, str(r["id"]), deleted=True) for r in answer.get("results") or []]
        after = _after(answer)
        if after:
            return records, replace(place, after=after), False
        return records, replace(place, phase="changes", after=""), True

    def _changes(self, object: str, place: Place) -> tuple[list[Record], Place, bool]:
        ours = _ms(self._hub.clock.now())
        if place.end is None:
            end = _ms(self._wire.now()) - self._lag
            place = replace(place, end=max(end, place.start), covered=ours - self._lag)
        records: list[Record] = []
        more = False
        if place.end is not None and place.end > place.start:
            modified = "lastmodifieddate" if object == "contacts" else "hs_lastmodifieddate"
            filters = [
                {"propertyName": modified, "operator": "GTE", "value": str(place.start)},
                {"propertyName": modified, "operator": "LT", "value": str(place.end)},
            ]
            if place.after:
                filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": place.after})
            ids, more = self._search(object, filters)
            records = self.records(object, self._batch(object, ids)) if ids else []
            if more:
                return records, replace(place, after=ids[-1]), False
        # the next window begins a lag earlier than this one ended, in case the index was slower than we believe
        start = max(place.start, (place.end or place.start) - self._lag)
        onward = replace(place, start=start, end=None, after="")
        if ours - place.swept >= self._hub.settings.deletes_every * 1000:
            return records, replace(onward, phase="bin", swept=ours), False
        return records, onward, True

    def _search(self, object: str, filters: Sequence[dict[str, Any]]) -> tuple[list[str], bool]:
        """Ids in rising order, and whether there are more."""
        answer = self._wire.ask(
            "POST", self._wire.objects(object, "/search"), endpoint="search",
            json={
                "filterGroups": [{"filters": list(filters)}], "properties": ["hs_object_id"], "limit": SEARCH,
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            },
        )  # fmt: skip
        ids = sorted((str(r["id"]) for r in answer.get("results") or []), key=int)
        return ids, bool(ids and _after(answer))

    # --- by id, by key -----------------------------------------------------------------------------------------

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        found = self._by_asked(object, self._batch(object, ids), ids)
        elsewhere: dict[str, str] = {}
        for lost in (i for i in ids if i not in found):
            # a batch read is silent about an id that was merged away; a single read answers with the survivor
            response = self._wire.send(
                "GET", self._wire.objects(object, f"/{lost}"), params={"properties": "hs_object_id"}
            )
            if response.status == 200:
                elsewhere[lost] = str(response.json()["id"])
        if elsewhere:
            survivors = self._by_asked(object, self._batch(object, sorted(set(elsewhere.values()))), ())
            found |= {lost: survivors[now] for lost, now in elsewhere.items() if now in survivors}
        return {i: found[i] for i in ids if i in found}

    def find(self, object: str, name: str, values: Sequence[str]) -> list[Record]:
        """Records by a unique property. Addresses are looked for among the secondary ones too, by search: one that was
        added within the lag is not found."""
        wanted = list(dict.fromkeys(v.lower() if name == "email" else v for v in values if v))
        rows = self._batch(object, wanted, name)
        if name == "email":
            have = {a for r in rows for a in _addresses(r)}
            ids = self._by_secondary(object, [e for e in wanted if e not in have])
            rows += self._batch(object, ids) if ids else []
        return self.records(object, list({r["id"]: r for r in rows}.values()), aliases=False)

    def _by_secondary(self, object: str, emails: list[str]) -> list[str]:
        ids: list[str] = []
        while emails:
            some = [emails.pop()]
            while emails and len(some) < BATCH and sum(len(e) + 3 for e in [*some, emails[-1]]) < LONGEST_VALUES:
                some.append(emails.pop())
            ids += self._search(object, [{"propertyName": "hs_additional_emails", "operator": "IN", "values": some}])[0]
        return list(dict.fromkeys(ids))

    def _batch(self, object: str, ids: Sequence[str], by: str | None = None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for start in range(0, len(ids), BATCH):
            asked = {"properties": self._names(), "inputs": [{"id": i} for i in ids[start : start + BATCH]]}
            path = self._wire.objects(object, "/batch/read")
            rows += self._wire.ask("POST", path, json=asked | ({"idProperty": by} if by else {})).get("results") or []
        return rows

    def _names(self) -> list[str]:
        mapping = self._hub.mapping
        fields = mapping.remote_fields() if mapping is not None else [f"properties.{n}" for n in USUAL]
        return list(
            dict.fromkeys([*ALWAYS, *(f.removeprefix("properties.") for f in fields if f.startswith("properties."))])
        )

    # --- records -----------------------------------------------------------------------------------------------

    def records(self, object: str, rows: Sequence[dict[str, Any]], *, aliases: bool = True) -> list[Record]:
        """Records of rows; before each, what was merged into it."""
        statuses: dict[str, list[dict[str, Any]]] = {}
        if self._consent.type_id is not None:
            statuses = self._consent.read([e for r in rows if (e := r["properties"].get("email"))])
        out: list[Record] = []
        for row in rows:
            id = str(row["id"])
            if aliases:
                out += [Record(object, old, deleted=True, merged_into=id) for old in _merged(row)]
            out.append(self.record(object, row, statuses))
        return out

    def record(self, object: str, row: dict[str, Any], statuses: dict[str, list[dict[str, Any]]]) -> Record:
        """One row as HubSpot answered it; a property that it left out stays out."""
        properties = row.get("properties") or {}
        data: dict[str, Any] = {"id": str(row["id"]), "properties": properties}
        changed_at: dict[str, datetime] = {}
        if self._consent.type_id is not None and "email" in properties:
            email = str(properties["email"] or "").lower()
            elements = statuses.get(email) if email else []
            if elements is not None:
                data["subscriptions"] = elements
                at = decided_at(elements)
                changed_at = {"consent.email": at} if at else {}
        stamp = properties.get("lastmodifieddate") or properties.get("hs_lastmodifieddate") or row.get("updatedAt")
        return Record(object, data["id"], data, _moment(stamp), bool(row.get("archived")), changed_at=changed_at)

    def _by_asked(self, object: str, rows: Sequence[dict[str, Any]], ids: Iterable[str]) -> dict[str, Record]:
        by_id = {r.id: r for r in self.records(object, rows, aliases=False)}
        wanted = set(ids)
        aliases = {old: by_id[str(r["id"])] for r in rows for old in _merged(r) if old in wanted}
        return aliases | by_id


def _merged(row: dict[str, Any]) -> list[str]:
    ids = str((row.get("properties") or {}).get("hs_merged_object_ids") or "").split(";")
    return [i for i in ids if i and i != str(row["id"])]


def _addresses(row: dict[str, Any]) -> list[str]:
    properties = row["properties"]
    both = f"{properties.get('email') or ''};{properties.get('hs_additional_emails') or ''}"
    return [e for e in both.lower().split(";") if e]


def _after(answer: dict[str, Any]) -> str:
    following = (answer.get("paging") or {}).get("next") or {}
    return str(following.get("after") or "")


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None
