"""Reading Contacts and Leads by `SystemModstamp, Id`, deleted, merged and converted ones included.

Rows are committed later than their stamp says, so every pass starts a good while before the end of the last one. A page
may have any length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Cursor, Page, Record
from stagebridge.errors import PlatformDown

if TYPE_CHECKING:
    from stagebridge_salesforce.connector import Salesforce

KEPT = 400
"""Values in one IN (…), far below the URI's 16,384 characters."""
IN_URI = 12_000
PART = 500
"""Records handed on at once: an answer has 2,000, and what they are merged with takes many times their own memory."""


def pages(sf: Salesforce, object: str, cursor: Cursor | None) -> Iterator[Page]:
    """From the cursor on; a broken query locator goes on from the last row that was seen."""
    began = sf.clock.now() + timedelta(seconds=sf.skew)
    if cursor is not None and "began" in cursor:
        began = datetime.fromisoformat(cursor["began"])
    stamp, last = (cursor or {}).get("stamp"), (cursor or {}).get("id", "")
    where = _since(stamp, last)
    fields = sf.fields(object)
    url: str | None = None
    while True:
        body = sf.query(_select(object, fields, where)) if url is None else sf.more(url)
        if body is None:  # the locator is too old: keyset goes on
            where, url = _since(stamp, last), None
            continue
        rows, done = body["records"], body.get("done", True)
        url = None if done else body["nextRecordsUrl"]
        del body  # the next one is as large
        while len(rows) > PART or (rows and not done):
            some, rows = rows[:PART], rows[PART:]
            stamp, last = some[-1]["SystemModstamp"], some[-1]["Id"]
            yield Page([record(object, r) for r in some], {"stamp": stamp, "id": last, "began": began.isoformat()})
        if done:
            again = began - timedelta(seconds=sf.settings.overlap)
            covered = began - timedelta(seconds=sf.skew + sf.lag)
            yield Page([record(object, r) for r in rows], {"stamp": soql_time(again), "id": ""}, covered=covered)
            return


def _since(stamp: str | None, last: str) -> str:
    if stamp is None:
        return ""
    at = soql_time(datetime.fromisoformat(stamp))
    if not last:
        return f"WHERE SystemModstamp >= {at}"
    return f"WHERE (SystemModstamp = {at} AND Id > '{last}') OR SystemModstamp > {at}"


def _select(object: str, fields: Sequence[str], where: str) -> str:
    return " ".join(f"SELECT {', '.join(fields)} FROM {object} {where} ORDER BY SystemModstamp, Id".split())


def by_ids(sf: Salesforce, object: str, ids: Sequence[str]) -> dict[str, Record]:
    """By id, with what was deleted, merged or converted: only `queryAll` shows those."""
    out: dict[str, Record] = {}
    for start in range(0, len(ids), KEPT):
        some = ids[start : start + KEPT]
        listed = ", ".join(f"'{i}'" for i in some)
        for row in every(sf, f"SELECT {', '.join(sf.fields(object))} FROM {object} WHERE Id IN ({listed})"):
            found = record(object, row)
            out[found.id] = found
    merged = {i: r.merged_into for i, r in out.items() if r.merged_into and ":" not in r.merged_into}
    if merged:
        winners = by_ids(sf, object, sorted(set(merged.values()) - out.keys()))
        for id_, into in merged.items():
            winner = winners.get(into) or out.get(into)
            if winner is not None:
                out[id_] = winner
    return out


def by_value(sf: Salesforce, object: str, field: str, values: Sequence[str]) -> list[Record]:
    """Records that hold one of these values in a field."""
    from simple_salesforce.format import format_soql

    head = f"SELECT {', '.join(sf.fields(object))} FROM {object} WHERE {field} IN "
    out: list[Record] = []
    some: list[str] = []
    for value in (*values, None):
        if some and (value is None or len(head) + len(format_soql("{}", [*some, value])) > IN_URI):
            out += [record(object, r) for r in every(sf, head + format_soql("{}", some), deleted=False)]
            some = []
        if value is not None:
            some.append(value)
    return out


def every(sf: Salesforce, soql: str, *, deleted: bool = True) -> Iterator[dict[str, Any]]:
    """All rows of a query, page by page."""
    body = sf.query(soql, deleted=deleted)
    while body is not None:
        yield from body["records"]
        if body.get("done", True):
            return
        body = sf.more(body["nextRecordsUrl"])
    raise PlatformDown("Salesforce lost the rest of a query's answer", hint="Run the same command again.")


def record(object: str, row: dict[str, Any]) -> Record:
    """A row as a record. A converted Lead is no person any more: it went into its Contact."""
    stamp, data = row.get("SystemModstamp"), dict(row)
    gone, into = bool(data.pop("IsDeleted", False)), data.pop("MasterRecordId", None)
    converted, contact = data.pop("IsConverted", False), data.pop("ConvertedContactId", None)
    if converted and contact:
        into = f"Contact:{contact}"
    at = datetime.fromisoformat(stamp) if stamp else None
    return Record(object, str(row["Id"]), data, at, deleted=gone or bool(into), merged_into=into)


def soql_time(moment: datetime) -> str:
    """As SOQL wants it: no quotes, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


__all__ = ["by_ids", "by_value", "every", "pages", "record", "soql_time"]
