"""Writing contacts: every answer, whole or in parts, ends in one outcome per record.

A linked record is updated by its id, a new one upserted by our own unique property with a trace id per row, so that
one bad record never takes the others with it. Results come back in any order and are matched by trace id, else by id,
our key or address; a row that no answer names is read back, or sent again in halves. A lifecycle stage only moves
forward: to go back it is cleared in one request and set in a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Conflict, Done, Entry, Gone, Outcome, Refusal, Rejected, Retry, Unknown
from stagebridge.errors import AuthError, NoAnswer, StagebridgeError, TryLater
from stagebridge_hubspot import consent
from stagebridge_hubspot.answers import named, row_outcome

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

STAGE = "lifecyclestage"
DECISIONS = ("SUBSCRIBED", "UNSUBSCRIBED")
"""Statuses that can be set; HubSpot cannot be told to forget what somebody decided."""
HALF = "its stage is cleared and the new one is not set"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry on its way; `at` is its place in the batch, `then` the stage to set once it has been cleared."""

    at: int
    entry: Entry
    verb: str
    input: Mapping[str, Any]
    then: str | None = None

    @property
    def email(self) -> str | None:
        address = self.input["properties"].get("email") or self.entry.email
        return str(address).casefold() if address else None

    @property
    def names(self) -> set[str]:
        """What it is known by, case-folded as HubSpot compares."""
        known = (self.input.get("id"), self.input["objectWriteTraceId"])
        return {str(n).casefold() for n in known if n is not None}


def write(hs: HubSpot, batch: Sequence[Entry]) -> list[Outcome]:
    rows = [_row(hs, i, entry) for i, entry in enumerate(batch)]
    out: dict[int, Outcome] = {r.at: Done(str(r.entry.remote_id)) for r in rows if r.verb == "none"}
    try:
        for verb in ("update", "upsert", "create"):
            for some in _rounds(r for r in rows if r.verb == verb):
                out |= _send(hs, verb, some)
        out |= _second_step(hs, rows, out)
    except StagebridgeError as error:
        if not any(r.at in out for r in rows if r.verb != "none"):
            raise
        # what is written is written: only the rest comes again
        out |= {r.at: Unknown(f"{HALF}: {error}") for r in rows if r.then and isinstance(out.get(r.at), Done)}
        out = {r.at: out.get(r.at, Retry(30.0, f"an earlier request of the batch failed: {error}")) for r in rows}
    return _consent(hs, rows, out)


def _row(hs: HubSpot, at: int, entry: Entry) -> Row:
    props = dict(entry.payload.get("properties") or {})
    input: dict[str, Any] = {"properties": props, "objectWriteTraceId": f"row-{at}"}
    key = hs.key_property()
    if entry.remote_id is not None:
        then = props.get(STAGE) if _goes_back(hs, entry, props.get(STAGE)) else None
        if then is not None:
            # all else goes along with the clearing, so that nothing but the stage itself is left to go wrong
            props[STAGE] = ""
        return Row(at, entry, "update" if props else "none", input | {"id": entry.remote_id}, then)
    if key is not None and entry.key:
        return Row(at, entry, "upsert", input | {"id": entry.key, "idProperty": key})
    if props.get("email"):
        return Row(at, entry, "upsert", input | {"id": props["email"], "idProperty": "email"})
    return Row(at, entry, "create", input)


def _goes_back(hs: HubSpot, entry: Entry, new: str | None) -> bool:
    old = ((entry.base or {}).get("properties") or {}).get(STAGE)
    if not new or not old or new == old:
        return False
    order = hs.stage_order()
    return new in order and old in order and order[new] < order[old]


def _rounds(rows: Iterable[Row]) -> list[list[Row]]:
    """Requests in which no id and no address is there twice: HubSpot refuses a batch with duplicates as a whole."""
    rounds: list[tuple[set[str], list[Row]]] = []
    for row in rows:
        names = {str(n) for n in (str(row.input.get("id", "")).casefold(), row.email) if n}
        taken, some = next(((t, s) for t, s in rounds if not t & names), (set(), []))
        if not some:
            rounds.append((taken, some))
        taken |= names
        some.append(row)
    return [some for _, some in rounds]


def _second_step(hs: HubSpot, rows: Sequence[Row], first: Mapping[int, Outcome]) -> dict[int, Outcome]:
    again: list[Row] = []
    for row in rows:
        done = first.get(row.at)
        if row.then is not None and isinstance(done, Done):
            properties = {STAGE: row.then}
            base = done.record.data if done.record is not None else None
            entry = replace(row.entry, base=base, payload={"properties": properties})
            again.append(replace(row, entry=entry, input={**row.input, "properties": properties}))
    out = _send(hs, "update", again) if again else {}
    return {at: o if isinstance(o, Done) else Unknown(HALF) for at, o in out.items()}


# --- one request ----------------------------------------------------------------------------------------------


def _send(hs: HubSpot, verb: str, rows: Sequence[Row]) -> dict[int, Outcome]:
    try:
        answer = hs.request("POST", f"{hs.contacts}/batch/{verb}", {"inputs": [r.input for r in rows]}, effect=True)
    except NoAnswer as error:
        return {r.at: Unknown(str(error)) for r in rows}
    body = answer.object()
    if answer.status in (200, 201, 207):
        return _answered(hs, verb, rows, body)
    # the whole request was refused and nothing of it written: narrow it to the records at fault
    guilty = [r for r in rows if r.names & named(body)]
    if len(rows) > 1 and len(guilty) in (0, len(rows)):
        return _halves(hs, verb, rows)
    out = {r.at: _refused(hs, r, body) for r in guilty or rows}
    rest = [r for r in rows if r.at not in out]
    return out | (_send(hs, verb, rest) if rest else {})


def _halves(hs: HubSpot, verb: str, rows: Sequence[Row]) -> dict[int, Outcome]:
    middle = len(rows) // 2
    return _send(hs, verb, rows[:middle]) | _send(hs, verb, rows[middle:])


def _answered(hs: HubSpot, verb: str, rows: Sequence[Row], body: dict[str, Any]) -> dict[int, Outcome]:
    out: dict[int, Outcome] = {}
    for result in body.get("results") or []:
        row = _whose(result, [r for r in rows if r.at not in out])
        if row is not None:
            out[row.at] = _done(hs, verb, row, result)
    nameless: list[dict[str, Any]] = []
    for error in body.get("errors") or []:
        guilty = [r for r in rows if r.at not in out and r.names & named(error)]
        nameless += [] if guilty else [error]
        if error.get("category") != "OBJECT_NOT_FOUND":  # those are read back below, all at once
            out |= {r.at: _refused(hs, r, error) for r in guilty}
    missing = [r for r in rows if r.at not in out]
    return out | (_missing(hs, verb, missing, nameless) if missing else {})


def _whose(result: Mapping[str, Any], rows: Sequence[Row]) -> Row | None:
    props = result.get("properties") or {}
    trace, id_, email = result.get("objectWriteTraceId"), str(result["id"]), str(props.get("email") or "").casefold()
    tests: tuple[Callable[[Row], bool], ...] = (
        lambda r: r.input["objectWriteTraceId"] == trace,
        lambda r: r.entry.remote_id == id_,
        lambda r: r.verb == "upsert" and r.input["id"] == props.get(r.input["idProperty"]),
        lambda r: r.entry.remote_id is None and bool(email) and r.email == email,
    )
    return next((r for test in tests for r in rows if test(r)), None)


def _done(hs: HubSpot, verb: str, row: Row, result: dict[str, Any]) -> Outcome:
    id_, entry = str(result["id"]), row.entry
    if entry.remote_id not in (None, id_):
        return Gone(id_)  # merged away a moment ago; what was sent went into the survivor and is read from there
    props = result.get("properties") or {}
    if entry.remote_id and entry.base is None and any(props.get(n, v) != v for n, v in row.input["properties"].items()):
        return Done(id_)  # HubSpot kept a value of its own, and this answer alone is too little to judge it by
    return Done(id_, hs.answered(result, entry, new=verb == "create" or result.get("new") is True))


def _missing(hs: HubSpot, verb: str, rows: Sequence[Row], errors: Sequence[dict[str, Any]]) -> dict[int, Outcome]:
    """Rows that the answer is silent about; so is a 207 about the update of an id that is no more."""
    out: dict[int, Outcome] = {}
    ids = [r.entry.remote_id for r in rows if r.entry.remote_id is not None]
    found = hs.fetch("contacts", ids) if ids else {}
    for row in rows:
        there = found.get(row.entry.remote_id or "")
        if row.entry.remote_id is not None and (there is None or there.id != row.entry.remote_id):
            out[row.at] = Gone(there.id if there is not None else None)
    rest = [r for r in rows if r.at not in out]
    if errors and len(rest) == 1:
        return out | {rest[0].at: _refused(hs, rest[0], errors[0])}
    if errors and rest:
        return out | _halves(hs, verb, rest)
    return out | {r.at: Unknown("HubSpot's answer did not mention this record") for r in rest}


def _refused(hs: HubSpot, row: Row, error: dict[str, Any]) -> Outcome:
    outcome = row_outcome(error)
    if isinstance(outcome, Gone) and row.entry.remote_id is not None:
        return _missing(hs, row.verb, [row], []).get(row.at, outcome)
    if isinstance(outcome, Conflict) and not outcome.existing_id:
        held = hs.find("contacts", "email", [row.email]) if row.email else []
        others = [r.id for r in held if r.id != row.entry.remote_id]
        if not others:
            return Rejected("SB-HUBSPOT-CONFLICT", outcome.reason)
        return Conflict(others[0], outcome.reason)
    return outcome


# --- consent --------------------------------------------------------------------------------------------------


def _consent(hs: HubSpot, rows: Sequence[Row], out: dict[int, Outcome]) -> list[Outcome]:
    """The status of the subscription has an end point of its own, by address; it is written after the record."""
    wanted: dict[str, str] = {}
    mine: dict[int, str] = {}
    for row in rows:
        done, status = out[row.at], _status(hs, row.entry)
        if status is None or not isinstance(done, Done):
            continue
        if row.email is None or status not in DECISIONS:
            out[row.at] = _unsaid(done, "the contact has no address" if row.email is None else f"cannot be {status}")
        else:
            wanted[row.email] = status
            mine[row.at] = row.email
    if wanted:
        try:
            statuses, reasons = consent.write(hs, wanted)
        except AuthError as error:
            statuses, reasons = {}, dict.fromkeys(wanted, f"{error}. {error.hint}")
        except (NoAnswer, TryLater) as error:
            out |= {at: Unknown(f"consent: {error}") for at in mine}
            return [out[r.at] for r in rows]
        for at, email in mine.items():
            done = out[at]
            assert isinstance(done, Done)
            if email in reasons:
                out[at] = _unsaid(done, reasons[email])
            elif done.record is not None:
                data = {**done.record.data, "subscriptions": [statuses[email]]}
                out[at] = replace(done, record=replace(done.record, data=data))
    return [out[r.at] for r in rows]


def _status(hs: HubSpot, entry: Entry) -> str | None:
    of = hs.settings.email_subscription
    listed = entry.payload.get("subscriptions") or []
    return next((str(s.get("status")) for s in listed if of is not None and str(s.get("id")) == of), None)


def _unsaid(done: Done, reason: str) -> Done:
    return replace(done, refused=(*done.refused, Refusal("subscriptions", "SB-HUBSPOT-CONSENT", reason)))
