"""Writing contacts: every answer, whole or in parts, ends in one outcome per record.

A linked record is updated by its id, a new one upserted by our own unique property with a trace id per row, so that one bad
record never takes the others with it. Results come back in any order and are matched by trace id, else by id. A
lifecycle stage only moves forward: to go back it is cleared in one request and set in a later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Done, Entry, Gone, Outcome, Refusal, Rejected, Unknown
from stagebridge.errors import NoAnswer
from stagebridge.http import Response
from stagebridge_hubspot import consent
from stagebridge_hubspot.answers import body_of, row_outcome

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

STAGE = "lifecyclestage"


def write(hs: HubSpot, batch: Sequence[Entry]) -> list[Outcome]:
    outcomes: list[Outcome | None] = [None] * len(batch)
    cleared = _clear_stages(hs, batch)
    for verb, rows in _requests(hs, batch):
        for i, outcome in _send(hs, verb, batch, rows).items():
            outcomes[i] = outcome
    for i, failure in cleared.items():
        outcomes[i] = failure
    final = [o if o is not None else Unknown("HubSpot's answer did not mention this record") for o in outcomes]
    return _consent(hs, batch, final)


def _requests(hs: HubSpot, batch: Sequence[Entry]) -> list[tuple[str, list[tuple[int, dict[str, Any]]]]]:
    """(verb, rows) per request: updates, upserts by key, upserts by e-mail, plain creates; a key that is there twice goes
    into a second request, because HubSpot refuses a batch with duplicate ids as a whole."""
    by_verb: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    key_name = hs.key_property()
    for i, entry in enumerate(batch):
        props = dict(entry.payload.get("properties") or {})
        row: dict[str, Any] = {"properties": props, "objectWriteTraceId": str(i)}
        if entry.remote_id is not None:
            verb, row["id"] = "update", entry.remote_id
        elif key_name is not None and entry.key:
            verb, row["id"], row["idProperty"] = "upsert", entry.key, key_name
        elif props.get("email"):
            verb, row["id"], row["idProperty"] = "upsert", props["email"], "email"
        else:
            verb = "create"
        if entry.remote_id is not None and not props:
            continue  # only consent is to be written
        by_verb.setdefault(verb, []).append((i, row))
    out = []
    for verb, rows in by_verb.items():
        rounds: list[list[tuple[int, dict[str, Any]]]] = []
        for i, row in rows:
            name = str(row.get("id", i)).casefold()
            fitting = next((r for r in rounds if all(str(x.get("id", j)).casefold() != name for j, x in r)), None)
            if fitting is None:
                rounds.append([(i, row)])
            else:
                fitting.append((i, row))
        out += [(verb, r) for r in rounds]
    return out


def _send(
    hs: HubSpot, verb: str, batch: Sequence[Entry], rows: Sequence[tuple[int, dict[str, Any]]]
) -> dict[int, Outcome]:
    try:
        answer = hs.request("POST", f"{hs.contacts}/batch/{verb}", {"inputs": [r for _, r in rows]}, effect=True)
    except NoAnswer as error:
        return dict.fromkeys((i for i, _ in rows), Unknown(str(error)))
    if answer.status in (200, 201, 207):
        return _rows(hs, batch, rows, answer)
    return _whole(hs, verb, batch, rows, answer)


def _rows(
    hs: HubSpot, batch: Sequence[Entry], rows: Sequence[tuple[int, dict[str, Any]]], answer: Response
) -> dict[int, Outcome]:
    body = body_of(answer)
    by_trace = {str(r["objectWriteTraceId"]): i for i, r in rows}
    by_id = {str(r.get("id", "")).casefold(): i for i, r in rows}
    out: dict[int, Outcome] = {}
    for result in body.get("results") or []:
        names = [by_trace.get(str(result.get("objectWriteTraceId")))]
        names.append(by_id.get(str(result["id"])))
        names.append(by_id.get(str((result.get("properties") or {}).get("email") or "").casefold()))
        index = next((n for n in names if n is not None and n not in out), None)
        if index is None:
            continue
        asked = batch[index].remote_id
        if asked is not None and asked != str(result["id"]):
            out[index] = Gone(str(result["id"]))
        else:
            out[index] = Done(str(result["id"]), hs.answered(result, batch[index]))
    for error in body.get("errors") or []:
        context = error.get("context") or {}
        traces = [by_trace.get(str(t)) for t in context.get("objectWriteTraceId") or []]
        ids = [by_id.get(str(t).casefold()) for t in context.get("ids") or []]
        for index in [n for n in (*traces, *ids) if n is not None and n not in out]:
            out[index] = row_outcome(error)
    missing = [i for i, r in rows if i not in out and "id" in r and batch[i].remote_id is not None]
    if missing:
        # an unknown id is answered with 207 and no word about it: ask what became of it
        found = hs.fetch("contacts", [str(batch[i].remote_id) for i in missing])
        for i in missing:
            record = found.get(str(batch[i].remote_id))
            if record is None:
                out[i] = Gone()
            elif record.id != batch[i].remote_id:
                out[i] = Gone(record.id)
    return out


def _whole(
    hs: HubSpot, verb: str, batch: Sequence[Entry], rows: Sequence[tuple[int, dict[str, Any]]], answer: Response
) -> dict[int, Outcome]:
    """The whole request was refused and nothing of it written: narrow it to the records at fault."""
    if len(rows) == 1:
        body = body_of(answer)
        outcome = row_outcome(body) if body else Rejected("SB-HUBSPOT-HTTP", f"HubSpot answered {answer.status}")
        return {rows[0][0]: outcome}
    middle = len(rows) // 2
    return _send(hs, verb, batch, rows[:middle]) | _send(hs, verb, batch, rows[middle:])


# --- the stage ------------------------------------------------------------------------------------------------


def _clear_stages(hs: HubSpot, batch: Sequence[Entry]) -> dict[int, Outcome]:
    """Step one of going back: clear. Setting follows with the rest of the record. A row whose clearing failed is not
    written."""
    order = hs.stage_order()
    rows = []
    for i, entry in enumerate(batch):
        new = (entry.payload.get("properties") or {}).get(STAGE)
        old = ((entry.base or {}).get("properties") or {}).get(STAGE)
        if entry.remote_id and new and old and order.get(new, 0) < order.get(old, 0):
            rows.append((i, {"id": entry.remote_id, "properties": {STAGE: ""}, "objectWriteTraceId": str(i)}))
    if not rows:
        return {}
    return {i: o for i, o in _send(hs, "update", batch, rows).items() if not isinstance(o, Done)}


# --- consent --------------------------------------------------------------------------------------------------


def _consent(hs: HubSpot, batch: Sequence[Entry], outcomes: list[Outcome]) -> list[Outcome]:
    """The status of the subscription has an end point of its own; it is written after the record."""
    wanted: dict[int, tuple[str, str]] = {}
    for i, entry in enumerate(batch):
        status = next((s.get("status") for s in entry.payload.get("subscriptions") or []), None)
        only = entry.remote_id is not None and not entry.payload.get("properties")
        if status and entry.email and (only or isinstance(outcomes[i], Done)):
            wanted[i] = (entry.email, status)
            if only:
                outcomes[i] = Done(str(entry.remote_id))
    if not wanted:
        return outcomes
    refused = consent.write(hs, wanted)
    for i, (_, status) in wanted.items():
        done = outcomes[i]
        if not isinstance(done, Done):
            continue
        if i in refused:
            outcomes[i] = Done(done.remote_id, done.record, (Refusal("subscriptions", *refused[i]),))
        elif done.record is not None:
            held = {"id": str(hs.settings.email_subscription), "status": status, "timestamp": None}
            data = {**done.record.data, "subscriptions": [held]}
            outcomes[i] = Done(
                done.remote_id, type(done.record)("contacts", done.record.id, data, done.record.modified_at)
            )
    return outcomes


__all__ = ["write"]
