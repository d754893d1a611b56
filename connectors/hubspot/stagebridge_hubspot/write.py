"""Writing contacts: batches in, one outcome per record out, whatever HubSpot's answer looks like.

Results come in any order, a row may be missing from them, and one bad row can take the whole request with it. Every
row therefore carries a trace id of its own, and what no answer names is read back or sent again in halves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stagebridge.connector import Conflict, Done, Entry, Gone, Outcome, Refusal, Rejected, Retry, Unknown
from stagebridge.errors import AuthError, NoAnswer, StagebridgeError, TryLater
from stagebridge_hubspot.consent import SAYS, Consent
from stagebridge_hubspot.errors import Fault
from stagebridge_hubspot.read import Reader
from stagebridge_hubspot.wire import Wire

STAGE = "lifecyclestage"
PASSING = ("RATE_LIMITS", "INTERNAL_ERROR", "LOCKED")
"""Categories of a row's error that are not the row's fault."""


@dataclass(slots=True)
class Row:
    """One entry on its way. `then` is the stage to set once it has been cleared."""

    at: int
    entry: Entry
    action: str
    input: dict[str, Any]
    then: str | None = None

    @property
    def trace(self) -> str:
        return str(self.input["objectWriteTraceId"])

    @property
    def names(self) -> set[str]:
        """What must not be twice in one request, case-folded: HubSpot compares addresses that way."""
        return {str(n).casefold() for n in (self.input.get("id"), self.email) if n}

    @property
    def email(self) -> str | None:
        return self.input["properties"].get("email") or self.entry.email


class Writer:
    def __init__(self, wire: Wire, reader: Reader, consent: Consent, stages: Callable[[], Sequence[str]]) -> None:
        self._wire = wire
        self._reader = reader
        self._consent = consent
        self._stages = stages

    def write(self, object: str, batch: Sequence[Entry], key: str | None) -> list[Outcome]:
        """`key` is our unique property, if the account has it."""
        rows = [self._row(i, e, key) for i, e in enumerate(batch)]
        out: dict[int, Outcome] = {}
        try:
            for action in ("update", "upsert", "create"):
                for wave in _waves(r for r in rows if r.action == action):
                    out |= self._send(object, action, wave)
            out |= self._second_step(object, [r for r in rows if r.then and isinstance(out.get(r.at), Done)])
        except StagebridgeError as error:
            if not out:
                raise
            # some are written: their outcomes count, the rest was not taken
            half = {r.at for r in rows if r.then and isinstance(out.get(r.at), Done)}
            out |= {i: Unknown(f"its stage is cleared and not yet set: {error}") for i in half}
        out |= {r.at: Done(r.entry.remote_id or "") for r in rows if r.action == "none"}
        late = Retry(30.0, "the request before it in the same batch failed")
        outcomes = [out.get(r.at, late) for r in rows]
        return self._consents(rows, outcomes)

    # --- what to send ------------------------------------------------------------------------------------------

    def _row(self, at: int, entry: Entry, key: str | None) -> Row:
        properties = dict(entry.payload.get("properties") or {})
        made: dict[str, Any] = {"properties": properties, "objectWriteTraceId": f"row-{at}"}
        if entry.remote_id is not None:
            row = Row(at, entry, "update" if properties else "none", made | {"id": entry.remote_id})
            wanted = properties.get(STAGE)
            if wanted and self._goes_back(entry.base, str(wanted)):
                # a backward move is answered 200 and ignored unless the stage was cleared by an earlier request; all
                # else goes with the clearing, so that nothing but the stage itself is left to fail
                properties[STAGE], row.then = "", str(wanted)
            return row
        if key is not None and entry.key:
            return Row(at, entry, "upsert", made | {"id": entry.key, "idProperty": key})
        if properties.get("email"):
            return Row(at, entry, "upsert", made | {"id": properties["email"], "idProperty": "email"})
        return Row(at, entry, "create", made)

    def _goes_back(self, base: Mapping[str, Any] | None, wanted: str) -> bool:
        now = ((base or {}).get("properties") or {}).get(STAGE)
        if not now or now == wanted:
            return False
        order = list(self._stages())
        return now in order and wanted in order and order.index(wanted) < order.index(now)

    def _second_step(self, object: str, rows: Sequence[Row]) -> dict[int, Outcome]:
        again = [
            replace(r, input={**r.input, "properties": {STAGE: r.then}}, then=None)
            for r in rows
        ]  # fmt: skip
        out = self._send(object, "update", again) if again else {}
        return {
            at: o if isinstance(o, Done) else Unknown("its stage is cleared and the new one was not taken")
            for at, o in out.items()
        }

    # --- what came back ----------------------------------------------------------------------------------------

    def _send(self, object: str, action: str, rows: Sequence[Row]) -> dict[int, Outcome]:
        try:
            response = self._wire.send(
                "POST",
                self._wire.objects(object, f"/batch/{action}"),
                json={"inputs": [r.input for r in rows]},
                effect=True,
            )
        except NoAnswer as error:
            return {r.at: Unknown(str(error)) for r in rows}
        body = response.json() if response.is_json else None
        if response.status < 300:
            return self._answered(object, action, rows, body or {})
        fault = Fault.of(body, response.status)
        named = [r for r in rows if fault.rows & {r.trace, str(r.input.get("id"))}]
        if len(rows) == 1 or (named and len(named) < len(rows)):
            named = named or list(rows)
            rest = [r for r in rows if r not in named]
            out = {r.at: self._refused(object, r, fault) for r in named}
            return out | (self._send(object, action, rest) if rest else {})
        return self._halves(object, action, rows)

    def _halves(self, object: str, action: str, rows: Sequence[Row]) -> dict[int, Outcome]:
        """Nothing was written and nobody is named: a bad row is found in as many steps as the batch can be halved."""
        middle = len(rows) // 2
        return self._send(object, action, rows[:middle]) | self._send(object, action, rows[middle:])

    def _answered(self, object: str, action: str, rows: Sequence[Row], body: Mapping[str, Any]) -> dict[int, Outcome]:
        out: dict[int, Outcome] = {}
        for result in body.get("results") or ():
            row = _whose(result, rows)
            if row is not None:
                out[row.at] = self._done(object, row, result)
        nameless: list[Fault] = []
        for fault in map(Fault.of, body.get("errors") or ()):
            named = [r for r in rows if r.at not in out and fault.rows & {r.trace, str(r.input.get("id"))}]
            nameless += [] if named else [fault]
            if fault.category != "OBJECT_NOT_FOUND":  # those are read back below, all at once
                out |= {r.at: self._refused(object, r, fault) for r in named}
        rest = [r for r in rows if r.at not in out]
        return out | (self._missing(object, action, rest, nameless) if rest else {})

    def _missing(self, object: str, action: str, rows: list[Row], faults: Sequence[Fault]) -> dict[int, Outcome]:
        """Rows that the answer does not have: an update of an id that is no more is a 207 that says nothing of it."""
        out: dict[int, Outcome] = {}
        ids = [r.entry.remote_id for r in rows if r.entry.remote_id]
        found = self._reader.fetch(object, ids) if ids else {}
        for row in list(rows):
            id = row.entry.remote_id
            if id and (id not in found or found[id].id != id):
                out[row.at] = Gone(found[id].id if id in found else None)
                rows.remove(row)
        if len(rows) == 1 and faults:
            out[rows[0].at] = self._refused(object, rows[0], faults[0])
        elif rows and faults:
            out |= self._halves(object, action, rows)
        else:
            out |= {r.at: Unknown("HubSpot answered without this record") for r in rows}
        return out

    def _done(self, object: str, row: Row, result: dict[str, Any]) -> Outcome:
        id, entry = str(result["id"]), row.entry
        if entry.remote_id not in (None, id):
            return Gone(merged_into=id)  # it was merged away a moment ago and the survivor took the values
        said = result.get("properties") or {}
        base = (entry.base or {}).get("properties") or {}
        if entry.remote_id and not base and any(said.get(k, v) != v for k, v in row.input["properties"].items()):
            return Done(id)  # kept its own value of something, and the answer alone is too little to read that by
        # an update's answer has little more than what was sent; the rest stands as it was read a moment ago
        return Done(id, self._reader.record(object, {**result, "properties": {**base, **said}}, {}))

    def _refused(self, object: str, row: Row, fault: Fault) -> Outcome:
        if fault.category == "OBJECT_NOT_FOUND" or (fault.status == 404 and row.entry.remote_id):
            found = self._reader.fetch(object, [row.entry.remote_id]) if row.entry.remote_id else {}
            return Gone(next((r.id for r in found.values() if r.id != row.entry.remote_id), None))
        if fault.existing_id or fault.category == "CONFLICT":
            existing = fault.existing_id or self._holder(object, row)
            if existing is not None:
                return Conflict(existing, f"a contact with this address exists: {existing}")
        if fault.category in PASSING:
            return Retry(10.0, fault.sentence)
        return Rejected(fault.code, fault.sentence, tuple(f"properties.{n}" for n in fault.fields))

    def _holder(self, object: str, row: Row) -> str | None:
        """HubSpot does not always say whose address it is."""
        found = self._reader.find(object, "email", [row.email]) if row.email else []
        return next((r.id for r in found if r.id != row.entry.remote_id), None)

    # --- consent -----------------------------------------------------------------------------------------------

    def _consents(self, rows: Sequence[Row], outcomes: list[Outcome]) -> list[Outcome]:
        wanted: dict[str, tuple[str, list[Row]]] = {}
        for row in rows:
            outcome, status = outcomes[row.at], self._status(row.entry)
            if status is None or not isinstance(outcome, Done):
                continue
            email = _address(row, outcome)
            if status not in SAYS or email is None:
                why = "has no address" if email is None else f"cannot be set to {status}"
                outcomes[row.at] = _unsaid(outcome, "CANNOT", f"the e-mail consent {why}")
            else:
                wanted.setdefault(email, (status, []))[1].append(row)
        if not wanted:
            return outcomes
        try:
            came = self._consent.write({email: status for email, (status, _) in wanted.items()})
        except AuthError as error:
            came = dict.fromkeys(wanted, Fault(category="MISSING_SCOPES", message=str(error)))
        except (NoAnswer, TryLater) as error:
            return [Unknown(str(error)) if any(r.at == i for _, rs in wanted.values() for r in rs) else o
                    for i, o in enumerate(outcomes)]  # fmt: skip
        for email, (_, some) in wanted.items():
            for row in some:
                outcome, answer = outcomes[row.at], came[email]
                assert isinstance(outcome, Done)
                if isinstance(answer, Fault):
                    outcomes[row.at] = _unsaid(outcome, answer.code, answer.sentence)
                elif outcome.record is not None:
                    data = {**outcome.record.data, "subscriptions": [answer]}
                    outcomes[row.at] = replace(outcome, record=replace(outcome.record, data=data))
        return outcomes

    def _status(self, entry: Entry) -> str | None:
        """The consent to write, if it differs from what stands there."""

        def of(data: Mapping[str, Any] | None) -> str | None:
            mine = [e for e in (data or {}).get("subscriptions") or () if str(e.get("id")) == self._consent.type_id]
            return str(mine[0].get("status")) if mine else None

        wanted = of(entry.payload)
        return None if wanted == of(entry.base) else wanted


def _waves(rows: Iterable[Row]) -> list[list[Row]]:
    """Requests in which nobody is named twice: HubSpot refuses all of one in which somebody is."""
    waves: list[tuple[set[str], list[Row]]] = []
    for row in rows:
        taken, wave = next(((t, w) for t, w in waves if not t & row.names), (set(), []))
        if not wave:
            waves.append((taken, wave))
        taken |= row.names
        wave.append(row)
    return [w for _, w in waves]


def _whose(result: Mapping[str, Any], rows: Sequence[Row]) -> Row | None:
    """Results are in no order: by trace id, else by record id or our key, else by address."""
    properties = result.get("properties") or {}
    trace, id = result.get("objectWriteTraceId"), str(result.get("id"))
    email = str(properties.get("email") or "").lower()
    tests: tuple[Callable[[Row], bool], ...] = (
        lambda r: r.trace == trace,
        lambda r: r.entry.remote_id == id,
        lambda r: r.action == "upsert" and r.input["id"] == properties.get(r.input["idProperty"]),
        lambda r: r.entry.remote_id is None and bool(email) and str(r.email or "").lower() == email,
    )
    return next((r for test in tests for r in rows if test(r)), None)


def _address(row: Row, outcome: Done) -> str | None:
    data: Mapping[str, Any] = outcome.record.data if outcome.record is not None else row.entry.base or {}
    email = (data.get("properties") or {}).get("email") or row.email
    return str(email).lower() if email else None


def _unsaid(outcome: Done, code: str, message: str) -> Done:
    return replace(outcome, refused=(*outcome.refused, Refusal("subscriptions", code, message)))
