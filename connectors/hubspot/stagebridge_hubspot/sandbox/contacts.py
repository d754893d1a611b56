"""Contacts one at a time: list, get, create, change, delete, merge, erase."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox.account import Account, Refusal, flag
from stagebridge_hubspot.sandbox.store import MOST_MERGES, Contact
from stagebridge_hubspot.sandbox.values import problem, text

PAGE, PAGE_WITH_HISTORY = 100, 50
LONGEST_URL = 16_000


# --- checks, shared with the batches -------------------------------------------------------------------------------


def properties(account: Account, raw: Any) -> dict[str, str]:
    """The properties of a write as text; null says nothing."""
    if not isinstance(raw, dict):
        raise Refusal(account.error(400, "VALIDATION_ERROR", "Invalid input JSON: properties must be an object"))
    try:
        values = {str(n): t for n, v in raw.items() if (t := text(v)) is not None}
    except ValueError as error:
        raise Refusal(account.error(400, "VALIDATION_ERROR", f"Invalid input JSON: {error}")) from None
    return account.changed_on_the_way(values)


def problems(account: Account, props: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is wrong with these values, one entry each."""
    hidden = account.hidden()
    found = (
        problem(account.store.properties.get(n) if n not in hidden else None, n, v, account.owners)
        for n, v in props.items()
    )
    return [p for p in found if p]


def invalid(wrong: list[dict[str, Any]]) -> dict[str, Any]:
    """A validation error of one row, or of a whole request."""
    return {
        "category": "VALIDATION_ERROR",
        "message": f"Property values were not valid: {json.dumps(wrong, separators=(',', ':'))}",
        "errors": [
            {"message": w["message"], "code": w["error"], "context": {"propertyName": [w["name"]]}} for w in wrong
        ],
    }  # fmt: skip


def lacking(account: Account, call: Call, props: Mapping[str, str]) -> str:
    """Why these are too few to create a contact of; empty if they are not."""
    if not any(props.get(n) for n in ("email", "firstname", "lastname")):
        return "one of email, firstname or lastname is required to create a contact"
    missing = [n for n in account.kit.switches["required_properties"] if not props.get(n)]
    if missing and "/2026-09/" in call.path:
        return f"required properties are missing: {missing}"
    return ""


def exists(account: Account, other: Contact) -> str:
    known = f". Existing ID: {other.id}" if account.kit.switches["conflict_names_id"] else ""
    return f"Contact already exists{known}"


def whole(account: Account, status: int, error: Mapping[str, Any]) -> Answer:
    return account.error(status, **error)


# --- endpoints -----------------------------------------------------------------------------------------------------


def listing(account: Account, call: Call) -> Answer:
    """By id, `after` being the id of the next record. Too long a list of properties does not fit into the URL."""
    if len(call.path) + sum(len(k) + len(v) + 2 for k, v in call.query.items()) > LONGEST_URL:
        return Answer(414, b"<html><body>414 Request-URI Too Large</body></html>", {"Content-Type": "text/html"})
    history = call.listed("propertiesWithHistory")
    limit = account.number(call.query.get("limit"), 10, "limit", PAGE_WITH_HISTORY if history else PAGE)
    after = account.number(call.query.get("after"), 0, "after")
    found = account.store.page(after, limit + 1, archived=flag(call, "archived"))
    names = call.listed("properties")
    body: dict[str, Any] = {"results": [account.record(c, names, history=history) for c in found[:limit]]}
    call.records = len(body["results"])
    if len(found) > limit:
        link = f"https://api.hubapi.com{call.path}?limit={limit}&after={found[limit].id}"
        body["paging"] = {"next": {"after": found[limit].id, "link": link}}
    return Answer(200, body)


def _one(account: Account, call: Call, id_: str) -> Contact:
    id_property = call.query.get("idProperty")
    if id_property not in (None, "", "hs_object_id", "email", *account.store.unique):
        raise Refusal(account.error(400, "VALIDATION_ERROR", f"{id_property} is not a unique property"))
    if flag(call, "archived"):
        found = account.store.get(id_, archived=True)
    else:
        found = account.store.find(id_, id_property)
    if found is None:
        raise Refusal(account.error(404, "OBJECT_NOT_FOUND", "Object not found. objectId are usually numeric."))
    call.records = 1
    return found


def get(account: Account, call: Call, id_: str) -> Answer:
    found = _one(account, call, id_)
    return Answer(200, account.record(found, call.listed("properties"), history=call.listed("propertiesWithHistory")))


def create(account: Account, call: Call) -> Answer:
    props = properties(account, account.body(call).get("properties", {}))
    if wrong := problems(account, props):
        return whole(account, 400, invalid(wrong))
    if why := lacking(account, call, props):
        return account.error(400, "VALIDATION_ERROR", why)
    if (other := account.store.clash(props, None)) is not None:
        return account.error(409, "CONFLICT", exists(account, other))
    call.records = 1
    made = account.store.create(props, account.now)
    return Answer(201, account.written(made, made.props))


def change(account: Account, call: Call, id_: str) -> Answer:
    found = _one(account, call, id_)
    props = properties(account, account.body(call).get("properties", {}))
    if wrong := problems(account, props):
        return whole(account, 400, invalid(wrong))
    if (other := account.store.clash(props, found)) is not None:
        return account.error(409, "CONFLICT", exists(account, other))
    account.person_first(call, found)
    account.store.update(found, props, account.now)
    return Answer(200, account.written(found, props))


def delete(account: Account, call: Call, id_: str) -> Answer:
    account.store.archive(_one(account, call, id_), account.now)
    return Answer(204)


def merge(account: Account, call: Call) -> Answer:
    data = account.body(call)
    primary = account.store.get(str(data.get("primaryObjectId")))
    other = account.store.get(str(data.get("objectIdToMerge")))
    if primary is None or other is None or primary is other:
        return account.error(400, "VALIDATION_ERROR", "both records of a merge must exist, and differ")
    merged = sum(c.props.get("hs_merged_object_ids", "").count(";") for c in (primary, other))
    if merged >= MOST_MERGES:
        return account.error(400, "VALIDATION_ERROR", f"a record takes at most {MOST_MERGES} merges")
    keep = bool(account.kit.switches["merge_keeps_id"])
    return Answer(200, account.written(account.store.merge(primary, other, account.now, keep_id=keep), ()))


def erase(account: Account, call: Call) -> Answer:
    """gdpr-delete. An unknown e-mail goes onto the block list, which is kept and shown; what a create with a blocked
    address is answered is not known, so nothing is made of it."""
    data = account.body(call)
    id_property = data.get("idProperty")
    found = account.store.find(str(data.get("objectId")), id_property)
    if found is not None:
        account.store.blocked.update(a for a in [found.props.get("email", "")] if a)
        account.store.purge(found, account.now)
    elif id_property == "email":
        account.store.blocked.add(str(data.get("objectId")).lower())
    else:
        return account.error(404, "OBJECT_NOT_FOUND", "no such contact")
    return Answer(204)
