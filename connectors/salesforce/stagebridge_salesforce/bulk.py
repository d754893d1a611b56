"""First loads by Bulk API 2.0: one CSV per object, results matched by our external id, in whatever order they come.

A job that says it is complete has not succeeded: its rows say whether they have.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Done, Outcome, Rejected, Retry, Unknown
from stagebridge.errors import NoAnswer
from stagebridge_salesforce.answers import first_error, row_outcome

if TYPE_CHECKING:
    from stagebridge_salesforce.connector import Salesforce

LARGEST = 100 * 1024 * 1024
"""Bytes of CSV in one job (Bulk API 2.0 guide)."""
CLEAR = "#N/A"
"""What sets a field to null; an empty cell leaves it alone."""
FINAL = ("JobComplete", "Failed", "Aborted")
LOOKS = 400
"""Polls before a job is left to itself; with growing waits that is more than an hour."""


def upsert(sf: Salesforce, object: str, key: str, records: Mapping[int, dict[str, Any]]) -> dict[int, Outcome]:
    """Upsert records by their external id; one outcome per record."""
    out: dict[int, Outcome] = {}
    for part in _parts(records):
        out |= _job(sf, object, key, part)
    return out


def _parts(records: Mapping[int, dict[str, Any]]) -> Iterator[dict[int, dict[str, Any]]]:
    """Jobs of a size that Salesforce takes."""
    part: dict[int, dict[str, Any]] = {}
    size = 0
    for i, record in records.items():
        cells = sum(len(str(v).encode()) + 3 for v in record.values())
        if part and size + cells > LARGEST * 0.9:
            yield part
            part, size = {}, 0
        part[i] = record
        size += cells
    if part:
        yield part


def _job(sf: Salesforce, object: str, key: str, records: Mapping[int, dict[str, Any]]) -> dict[int, Outcome]:
    body = {
        "object": object, "operation": "upsert", "externalIdFieldName": key, "contentType": "CSV", "lineEnding": "LF",
    }  # fmt: skip
    opened = sf.request("POST", "jobs/ingest", body)
    if opened.status != 200:
        error = first_error(opened)
        return dict.fromkeys(records, row_outcome([error] if error else []))
    id_ = opened.json()["id"]
    headers = {"Content-Type": "text/csv; charset=UTF-8"}
    try:
        sf.request("PUT", f"jobs/ingest/{id_}/batches", data=_csv(records.values()), headers=headers, effect=True)
        sf.request("PATCH", f"jobs/ingest/{id_}", {"state": "UploadComplete"}, effect=True)
    except NoAnswer as error:
        return dict.fromkeys(records, Unknown(str(error)))
    if not _finished(sf, id_):
        return dict.fromkeys(records, Unknown(f"job {id_} is still at work"))
    by_key = {str(r[key]).casefold(): i for i, r in records.items()}
    out: dict[int, Outcome] = {}
    for name, read in (("successfulResults", _done), ("failedResults", _failed), ("unprocessedrecords", _later)):
        for row in _rows(sf, f"jobs/ingest/{id_}/{name}"):
            index = by_key.get(str(row.get(key, "")).casefold())
            if index is not None:
                out[index] = read(row)
    return {i: out.get(i, Unknown(f"job {id_} did not mention this record")) for i in records}


def _finished(sf: Salesforce, id_: str) -> bool:
    wait = 1.0
    for _ in range(LOOKS):
        if sf.request("GET", f"jobs/ingest/{id_}").json()["state"] in FINAL:
            return True
        sf.clock.sleep(wait)
        wait = min(wait * 1.5, 20.0)
    return False


def _csv(records: Collection[dict[str, Any]]) -> bytes:
    columns = list(dict.fromkeys(name for record in records for name in record if name != "attributes"))
    out = io.BytesIO()
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(r[name]) if name in r else "" for name in columns] for r in records)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return CLEAR
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _rows(sf: Salesforce, path: str) -> Iterator[dict[str, str]]:
    text = sf.request("GET", path).content.decode("utf-8")  # not what the header says, which may say nothing
    yield from csv.DictReader(io.StringIO(text, newline=""))


def _done(row: Mapping[str, str]) -> Outcome:
    return Done(row["sf__Id"])


def _failed(row: Mapping[str, str]) -> Outcome:
    """`CODE:sentence:Field,Field --`: the code before the first colon, the fields after the last."""
    code, _, rest = row["sf__Error"].partition(":")
    fields = rest.rpartition(":")[2].removesuffix("--").strip()
    named = [f.strip() for f in fields.split(",") if f.strip()]
    outcome = row_outcome([{"statusCode": code, "fields": named}])
    return outcome if not isinstance(outcome, Rejected) or named else Rejected(outcome.code, outcome.message)


def _later(_row: Mapping[str, str]) -> Outcome:
    return Retry(60.0, "Salesforce did not get to this record")
