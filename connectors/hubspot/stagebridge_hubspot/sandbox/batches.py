"""Contacts a hundred at a time.

Without trace ids one bad row fails the whole request and nothing is written. With a trace id of its own on every row, good
rows are written and bad ones named in `errors[].context.objectWriteTraceId`. Results come in any order.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox import contacts
from stagebridge_hubspot.sandbox.account import Account, flag
from stagebridge_hubspot.sandbox.store import Contact

LARGEST = 100

Error = dict[str, Any]


def read(account: Account, call: Call) -> Answer:
    """`idProperty` stands beside the inputs here. Ids that lead nowhere make it a 207; its text is from memory."""
    inputs = account.inputs(call, LARGEST)
    data = account.body(call)
    archived, id_property = flag(call, "archived"), data.get("idProperty")
    names, history = data.get("properties") or [], data.get("propertiesWithHistory") or []
    results: dict[str, Any] = {}
    lost = []
    for row in inputs:
        id_ = str(row.get("id"))
        store = account.store
        found = store.get(id_, archived=True) if archived else store.find(id_, id_property)
        if found is None:
            lost.append(id_)
        else:
            results[found.id] = account.record(found, names, history=history)
    errors = []
    if lost:
        message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
        errors.append({"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": lost}})
    return account.complete(list(results.values()), errors)


def archive(account: Account, call: Call) -> Answer:
    inputs = account.inputs(call, LARGEST)
    if (twice := _twice(account, inputs)) is not None:
        return twice
    for row in inputs:
        found = account.store.get(str(row.get("id")))
        if found is not None:
            account.store.archive(found, account.now)
    return Answer(204)


def create(account: Account, call: Call) -> Answer:
    return _write(account, call, "create", account.inputs(call, LARGEST))


def update(account: Account, call: Call) -> Answer:
    """By record id only. An id that leads nowhere is a 207 even without trace ids, and nothing else happens."""
    inputs = account.inputs(call, LARGEST)
    return _twice(account, inputs) or _write(account, call, "update", inputs)


def upsert(account: Account, call: Call) -> Answer:
    """`idProperty` stands in every input here."""
    inputs = account.inputs(call, LARGEST)
    return _twice(account, inputs) or _write(account, call, "upsert", inputs)


def _twice(account: Account, inputs: list[Any]) -> Answer | None:
    counts = Counter(str(i.get("id", "")).lower() for i in inputs)
    twice = [i for i, n in counts.items() if n > 1]
    if not twice:
        return None
    message = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
    return account.error(400, "VALIDATION_ERROR", message, context={"ids": twice})


def _write(account: Account, call: Call, verb: str, inputs: list[Any]) -> Answer:
    partial = any(f.kind == "partial_batch" for f in call.faults)
    rows: list[tuple[Any, dict[str, str], Contact | None, Error | None]] = []
    emails: set[str] = set()
    for number, row in enumerate(inputs):
        props = contacts.properties(account, row.get("properties") or {})
        found, error = _target(account, call, verb, row, props)
        if error is None and partial and number % 2:
            error = {"category": "INTERNAL_ERROR", "message": "internal error", "errors": []}
        email = props.get("email", "").strip().lower()
        if error is None and found is None and email:
            if email in emails:
                error = {"category": "CONFLICT", "message": "Contact already exists"}
            emails.add(email)
        rows.append((row, props, found, error))
    failed = [e for *_, e in rows if e is not None]
    if any(e["category"] != "OBJECT_NOT_FOUND" for e in failed) and not _traced(account, verb, inputs):
        return _refused(account, failed)
    results, errors = [], []
    for row, props, found, error in rows:
        trace = row.get("objectWriteTraceId")
        if error is not None:
            context = error.get("context", {}) | ({"objectWriteTraceId": [str(trace)]} if trace else {})
            errors.append({"status": "error", **_shown(error), "context": context})
            continue
        new = found is None
        if found is None:
            found = account.store.create(props, account.now)
        else:
            account.person_first(call, found)
            account.store.update(found, props, account.now)
        record = account.written(found, found.props if new else props)
        if verb == "upsert":
            record["new"] = new
        if trace:
            record["objectWriteTraceId"] = str(trace)
        results.append(record)
    return account.complete(results, errors, status=201 if verb == "create" else 200)


def _traced(account: Account, verb: str, inputs: list[Any]) -> bool:
    """Whether rows can fail one by one: each has a trace id of its own. The documentation says that upserts by e-mail
    cannot be partial; a probe of the real platform says they can."""
    traces = {i.get("objectWriteTraceId") for i in inputs}
    by_email = verb == "upsert" and any(i.get("idProperty") == "email" for i in inputs)
    return (
        len(traces) == len(inputs)
        and None not in traces
        and (bool(account.kit.switches["partial_email_upsert"]) or not by_email)
    )


def _refused(account: Account, errors: list[Error]) -> Answer:
    """The whole request fails: with all wrong values together, or else with the first error."""
    wrong = [entry for e in errors for entry in e.get("wrong", ())]
    if wrong:
        return contacts.whole(account, 400, contacts.invalid(wrong))
    first = next(e for e in errors if e["category"] != "OBJECT_NOT_FOUND")
    status = {"CONFLICT": 409, "INTERNAL_ERROR": 500}.get(first["category"], 400)
    if status == 409 and not account.kit.switches["conflict_names_id"]:
        return account.error(409, "CONFLICT", "Contact already exists")
    return contacts.whole(account, status, _shown(first))


def _shown(error: Error) -> Error:
    return {k: v for k, v in error.items() if k not in ("context", "wrong")}


def _target(
    account: Account, call: Call, verb: str, row: Any, props: dict[str, str]
) -> tuple[Contact | None, Error | None]:
    """The record that a row means, None for a new one; or what is wrong with the row."""
    id_, id_property = str(row.get("id", "")), row.get("idProperty")
    store = account.store
    found: Contact | None = None
    if verb == "upsert" and id_property in ("email", *store.unique):
        props.setdefault(id_property, id_)
    if wrong := contacts.problems(account, props):
        return None, {**contacts.invalid(wrong), "wrong": wrong}
    if verb == "update" and id_property not in (None, "", "hs_object_id"):
        return None, _bad("Unable to perform update/upsert by non-unique 0-1 property")
    if verb == "upsert" and id_property not in (None, "", "hs_object_id", "email", *store.unique):
        return None, _bad(f"Unable to perform update/upsert by non-unique 0-1 property: {id_property}")
    if verb != "create":
        found = store.find(id_, id_property)
        if found is None and id_property in (None, "", "hs_object_id"):
            return None, {
                "category": "OBJECT_NOT_FOUND", "message": f"No contact with id {id_}", "context": {"ids": [id_]},
            }  # fmt: skip
    if found is None and (why := contacts.lacking(account, call, props)):
        return None, _bad(why)
    other = store.clash(props, found)
    if other is not None:
        message = f"Contact already exists. Existing ID: {other.id}"
        return None, {"category": "CONFLICT", "message": message, "context": {"existingId": [other.id]}}
    return found, None


def _bad(message: str) -> Error:
    return {"category": "VALIDATION_ERROR", "message": message, "errors": []}
