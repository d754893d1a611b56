"""The properties API: definitions and groups."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox.account import Account, flag
from stagebridge_hubspot.sandbox.properties import FIELD_TYPES, definition
from stagebridge_hubspot.sandbox.values import iso

LARGEST = 100
MOST_UNIQUE = 10
"""Properties with unique values per object."""

CHANGEABLE = (
    "label",
    "type",
    "fieldType",
    "groupName",
    "description",
    "options",
    "displayOrder",
    "hidden",
    "formField",
)


def listing(account: Account, call: Call) -> Answer:
    """All of them; not paged."""
    wanted_archived = flag(call, "archived")
    hidden = account.hidden()
    found = [
        p
        for n, p in account.store.properties.items()
        if n not in hidden and p.get("archived", False) == wanted_archived
    ]
    return Answer(200, {"results": found})


def get(account: Account, call: Call, name: str) -> Answer:
    found = _find(account, name)
    return Answer(200, found) if found is not None else _unknown(account, name)


def create(account: Account, call: Call) -> Answer:
    data = account.body(call)
    return _refused(account, data) or Answer(201, _make(account, data))


def batch_create(account: Account, call: Call) -> Answer:
    inputs = account.inputs(call, LARGEST)
    for data in inputs:
        if (refused := _refused(account, data)) is not None:
            return refused
    return account.complete([_make(account, data) for data in inputs], status=201)


def batch_read(account: Account, call: Call) -> Answer:
    names = [str(i.get("name")) for i in account.inputs(call, LARGEST)]
    found = [p for n in names if (p := _find(account, n)) is not None]
    lost = [n for n in names if _find(account, n) is None]
    error = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": "no such property",
        "context": {"name": lost},
    }
    return account.complete(found, [error] if lost else [])


def batch_archive(account: Account, call: Call) -> Answer:
    for row in account.inputs(call, LARGEST):
        if (found := _find(account, str(row.get("name")))) is not None:
            _archive(account, found)
    return Answer(204)


def change(account: Account, call: Call, name: str) -> Answer:
    found = _find(account, name)
    if found is None:
        return _unknown(account, name)
    found.update({k: v for k, v in account.body(call).items() if k in CHANGEABLE and v is not None})
    found["updatedAt"] = iso(account.now)
    return Answer(200, found)


def archive(account: Account, call: Call, name: str) -> Answer:
    found = _find(account, name)
    if found is None:
        return _unknown(account, name)
    if found.get("hubspotDefined"):
        return account.error(400, "VALIDATION_ERROR", f"{name} is defined by HubSpot and cannot be archived")
    _archive(account, found)
    return Answer(204)


def groups(account: Account, call: Call) -> Answer:
    return Answer(200, {"results": list(account.groups.values())})


def create_group(account: Account, call: Call) -> Answer:
    data = account.body(call)
    name, label = str(data.get("name") or ""), str(data.get("label") or "")
    if not name or not label:
        return account.error(400, "VALIDATION_ERROR", "Some required fields were not set: [name, label]")
    if name in account.groups:
        return account.error(409, "CONFLICT", f"A property group named '{name}' already exists.")
    order = data.get("displayOrder", len(account.groups))
    account.groups[name] = {"name": name, "label": label, "displayOrder": order, "archived": False}
    return Answer(201, account.groups[name])


def _find(account: Account, name: str) -> dict[str, Any] | None:
    return account.store.properties.get(name) if name not in account.hidden() else None


def _unknown(account: Account, name: str) -> Answer:
    return account.error(404, "OBJECT_NOT_FOUND", f'Property "{name}" does not exist')


def _archive(account: Account, found: dict[str, Any]) -> None:
    del account.store.properties[found["name"]]
    account.store.unique.discard(found["name"])


def _refused(account: Account, data: dict[str, Any]) -> Answer | None:
    missing = [k for k in ("name", "label", "type", "fieldType", "groupName") if not data.get(k)]
    if missing:
        return account.error(400, "VALIDATION_ERROR", f"Some required fields were not set: {missing}")
    name = data["name"]
    if name in account.store.properties:
        return account.error(409, "CONFLICT", f"A property named '{name}' already exists.")
    if data["groupName"] not in account.groups:
        return account.error(400, "VALIDATION_ERROR", f"The property group {data['groupName']} does not exist")
    if data["type"] not in FIELD_TYPES:
        return account.error(400, "VALIDATION_ERROR", f"{data['type']} is not one of {list(FIELD_TYPES)}")
    if data.get("hasUniqueValue") and len(account.store.unique) >= MOST_UNIQUE:
        return account.error(400, "VALIDATION_ERROR", f"at most {MOST_UNIQUE} properties can have unique values")
    return None


def _make(account: Account, data: dict[str, Any]) -> dict[str, Any]:
    made = definition(
        data["name"], data["label"], data["type"], unique=bool(data.get("hasUniqueValue")), custom=True,
        group=data["groupName"], field_type=data["fieldType"],
    )  # fmt: skip
    given = data.get("options")
    if given:
        made["options"] = [
            {"label": o["label"], "value": str(o["value"]), "displayOrder": o.get("displayOrder", i),
             "hidden": bool(o.get("hidden")), "description": o.get("description", "")}
            for i, o in enumerate(given)
        ]  # fmt: skip
    made["description"] = data.get("description") or ""
    account.store.define(made)
    return made
