"""Associations of contacts with other records. Records of other types are not kept: any of their ids will do."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox.account import Account, Refusal

DEFAULT_TYPES = {"companies": 279, "deals": 4, "tickets": 15}
PAGE = 500
MOST_CREATED, MOST_READ, MOST_ARCHIVED = 2000, 1000, 100
CATEGORIES = ("HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED")


def _contact(account: Account, id_: str) -> str:
    found = account.store.get(id_)
    if found is None:
        raise Refusal(account.error(404, "OBJECT_NOT_FOUND", f"No contact with id {id_}"))
    return found.id


def _held(account: Account, id_: str, to: str) -> dict[str, dict[int, str]]:
    return {o: t for (i, kind, o), t in account.associations.items() if (i, kind) == (id_, to)}


def _row(other: str, types: dict[int, str]) -> dict[str, Any]:
    return {
        "toObjectId": other,
        "associationTypes": [{"category": c, "typeId": t, "label": None} for t, c in types.items()],
    }


def _default(account: Account, to: str) -> dict[int, str]:
    if to not in DEFAULT_TYPES:
        raise Refusal(account.error(400, "VALIDATION_ERROR", f"There is no default association of contacts with {to}"))
    return {DEFAULT_TYPES[to]: "HUBSPOT_DEFINED"}


def _labels(account: Account, given: Any) -> dict[int, str]:
    try:
        types = {int(t["associationTypeId"]): str(t["associationCategory"]) for t in given}
    except (KeyError, TypeError, ValueError):
        types = {}
    if not types or any(c not in CATEGORIES for c in types.values()):
        raise Refusal(account.error(400, "VALIDATION_ERROR", "associationCategory and associationTypeId are required"))
    return types


def listing(account: Account, call: Call, id_: str, to: str) -> Answer:
    limit = account.number(call.query.get("limit"), PAGE, "limit", PAGE)
    after = account.number(call.query.get("after"), 0, "after")
    rows = [_row(o, t) for o, t in _held(account, _contact(account, id_), to).items()]
    body: dict[str, Any] = {"results": rows[after : after + limit]}
    if after + limit < len(rows):
        body["paging"] = {"next": {"after": str(after + limit)}}
    return Answer(200, body)


def put_default(account: Account, call: Call, id_: str, to: str, other: str) -> Answer:
    account.associations.setdefault((_contact(account, id_), to, other), {}).update(_default(account, to))
    return account.complete([_pair(id_, to, other)])


def put(account: Account, call: Call, id_: str, to: str, other: str) -> Answer:
    types = _labels(account, call.json())
    account.associations.setdefault((_contact(account, id_), to, other), {}).update(types)
    out = {"fromObjectTypeId": "0-1", "fromObjectId": int(id_), "toObjectTypeId": to, "toObjectId": other, "labels": []}
    return Answer(201, out)


def delete(account: Account, call: Call, id_: str, to: str, other: str) -> Answer:
    account.associations.pop((_contact(account, id_), to, other), None)
    return Answer(204)


def batch_read(account: Account, call: Call, to: str) -> Answer:
    results, errors = [], []
    for row in account.inputs(call, MOST_READ):
        id_ = str(row.get("id"))
        held = _held(account, id_, to)
        if account.store.get(id_) is None or not held:
            message = f"No {to} is associated with contacts {id_}."
            errors.append({
                "status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                "message": message, "context": {"fromObjectId": [id_]},
            })  # fmt: skip
        else:
            results.append({"from": {"id": id_}, "to": [_row(o, t) for o, t in held.items()]})
    return account.complete(results, errors)


def batch_create(account: Account, call: Call, to: str) -> Answer:
    inputs = account.inputs(call, MOST_CREATED)
    for row in inputs:
        one, other = _contact(account, str(row["from"]["id"])), str(row["to"]["id"])
        account.associations.setdefault((one, to, other), {}).update(_labels(account, row.get("types")))
    return account.complete([_pair(str(r["from"]["id"]), to, str(r["to"]["id"])) for r in inputs], status=201)


def batch_default(account: Account, call: Call, to: str) -> Answer:
    inputs = account.inputs(call, MOST_CREATED)
    for row in inputs:
        one, other = _contact(account, str(row["from"]["id"])), str(row["to"]["id"])
        account.associations.setdefault((one, to, other), {}).update(_default(account, to))
    return account.complete([_pair(str(r["from"]["id"]), to, str(r["to"]["id"])) for r in inputs])


def batch_archive(account: Account, call: Call, to: str) -> Answer:
    for row in account.inputs(call, MOST_ARCHIVED):
        for other in row["to"]:
            account.associations.pop((str(row["from"]["id"]), to, str(other["id"])), None)
    return Answer(204)


def _pair(one: str, to: str, other: str) -> dict[str, Any]:
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": DEFAULT_TYPES.get(to, 0)}
    return {"from": {"id": one}, "to": {"id": other}, "associationSpec": spec}
