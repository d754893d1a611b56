"""Writing by sObject Collections: updates by Id, creates as upserts by our external id; results by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Done, Entry, Outcome, Refusal, Rejected, Unknown
from stagebridge.errors import NoAnswer
from stagebridge_salesforce import bulk
from stagebridge_salesforce.answers import OWNER_TROUBLE, first_error, row_outcome

if TYPE_CHECKING:
    from stagebridge_salesforce.connector import Salesforce

BATCH = 200
"""Records of one Collections call."""

NO_KEY = Rejected(
    "SB-SALESFORCE-NO-KEY",
    "without the field stagebridge_id__c no people are created here, because a repeated create would double them; deploy it "
    "with `stagebridge provision --write DIR`",
)
NO_ACCOUNT = Rejected(
    "SB-SALESFORCE-NO-ACCOUNT", "no Account has this company's name, and the account rule says to skip such people", ()
)


def load(sf: Salesforce, batch: Sequence[Entry]) -> list[Outcome]:
    """New records by Bulk API 2.0."""
    outcomes = _creates(sf, batch, range(len(batch)), in_bulk=True)
    return [outcomes.get(i, Unknown("no job mentioned this record")) for i in range(len(batch))]


def write(sf: Salesforce, batch: Sequence[Entry]) -> list[Outcome]:
    updates = [i for i, e in enumerate(batch) if e.remote_id is not None]
    creates = [i for i, e in enumerate(batch) if e.remote_id is None]
    outcomes: dict[int, Outcome] = {}
    outcomes |= _updates(sf, batch, updates)
    outcomes |= _creates(sf, batch, creates)
    return [outcomes.get(i, Unknown("Salesforce's answer did not mention this record")) for i in range(len(batch))]


def _updates(sf: Salesforce, batch: Sequence[Entry], rows: Sequence[int]) -> dict[int, Outcome]:
    if not rows:
        return {}
    records = {i: {**_typed(batch[i].object, batch[i].payload), "Id": batch[i].remote_id} for i in rows}
    out = send(sf, "PATCH", "composite/sobjects", records)
    again = {i: o for i, o in out.items() if isinstance(o, Rejected) and _owner_only(o, records[i])}
    for i in again:
        del records[i]["OwnerId"]
    retried = {i: records[i] for i in again if set(records[i]) - {"attributes", "Id"}}
    second = send(sf, "PATCH", "composite/sobjects", retried) if retried else {}
    for i, refused in again.items():
        outcome = second.get(i, Done(str(batch[i].remote_id)))
        if isinstance(outcome, Done):
            outcome = Done(outcome.remote_id, refused=(Refusal("OwnerId", refused.code, refused.message),))
        out[i] = outcome
    return out


def _creates(
    sf: Salesforce, batch: Sequence[Entry], rows: Sequence[int], *, in_bulk: bool = False
) -> dict[int, Outcome]:
    out: dict[int, Outcome] = {}
    by_object: dict[str, dict[int, dict[str, Any]]] = {}
    accounts = sf.accounts.of(
        [str(batch[i].context.get("company") or "") for i in rows if batch[i].object == "Contact"]
    )
    for i in rows:
        entry = batch[i]
        object, record = entry.object, _typed(entry.object, entry.payload)
        if object == "Contact":
            account = accounts.get(str(entry.context.get("company") or "").casefold(), sf.accounts.otherwise)
            if account == "skip":
                out[i] = NO_ACCOUNT
                continue
            if account == "lead":
                object, record = "Lead", _typed("Lead", sf.as_lead(entry.context))
            else:
                record["AccountId"] = account
        by_object.setdefault(object, {})[i] = record
    for object, records in by_object.items():
        key = sf.key_field(object)
        if key is None:
            out |= dict.fromkeys(records, NO_KEY)
            continue
        for i, record in records.items():
            record[key] = batch[i].key
        if in_bulk:
            answered = bulk.upsert(sf, object, key, records)
        else:
            answered = send(sf, "PATCH", f"composite/sobjects/{object}/{key}", records)
        again = {i for i, o in answered.items() if isinstance(o, Rejected) and _owner_only(o, records[i])}
        for i in again:
            del records[i]["OwnerId"]
        for start in range(0, len(again), BATCH):
            some = {i: records[i] for i in sorted(again)[start : start + BATCH]}
            answered |= send(sf, "PATCH", f"composite/sobjects/{object}/{key}", some)
        for i, outcome in answered.items():
            out[i] = replace(outcome, object=object) if isinstance(outcome, Done) else outcome
    return out


def _owner_only(outcome: Rejected, record: Mapping[str, Any]) -> bool:
    """Whether an inactive or unknown owner is what is wrong: then the field is dropped, not the record."""
    code = outcome.code.removeprefix("SB-SALESFORCE-")
    return "OwnerId" in record and code in OWNER_TROUBLE and outcome.fields in ((), ("OwnerId",))


def _typed(object: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"attributes": {"type": object}, **{k: v for k, v in payload.items() if k != "attributes"}}


def send(sf: Salesforce, method: str, path: str, records: Mapping[int, dict[str, Any]]) -> dict[int, Outcome]:
    """One Collections call; HTTP 200 even if every row failed."""
    order = list(records)
    body = {"allOrNone": False, "records": [records[i] for i in order]}
    try:
        answer = sf.request(method, path, body, effect=True)
    except NoAnswer as error:
        return dict.fromkeys(order, Unknown(str(error)))
    if answer.status != 200:
        why = first_error(answer)
        if len(order) > 1 and answer.status == 400:  # malformed as a whole: find the record that is
            middle = len(order) // 2
            return send(sf, method, path, {i: records[i] for i in order[:middle]}) | send(
                sf, method, path, {i: records[i] for i in order[middle:]}
            )
        return dict.fromkeys(order, row_outcome([why] if why else []))
    rows = answer.json()
    if not isinstance(rows, list) or len(rows) != len(order):
        return dict.fromkeys(order, Unknown("Salesforce answered another number of rows than were sent"))
    return {i: _row(row) for i, row in zip(order, rows, strict=True)}


def _row(row: dict[str, Any]) -> Outcome:
    if row.get("success"):
        return Done(str(row["id"]))
    return row_outcome(row.get("errors") or [])


__all__ = ["BATCH", "load", "send", "write"]
