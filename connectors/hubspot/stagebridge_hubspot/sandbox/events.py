"""Custom events: sent without any word back about a row, told apart by `uuid` for a year, read back as occurrences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox.values import iso, to_ms

if TYPE_CHECKING:
    from stagebridge_hubspot.sandbox.account import Account

LARGEST = 500
MOST_PROPERTIES = 50
LONGEST_VALUE, LONGEST_URL, LONGEST_NAME = 256, 1024, 50
URLS = ("hs_url", "hs_referrer")
REMEMBERED_MS = 365 * 86_400_000
NAME = re.compile(r"pe(\d+)_([a-z][a-z0-9_-]*)\Z")


class Events:
    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        """Occurrences by uuid."""
        self.accepted: dict[str, int] = {}
        """When a uuid was first accepted."""
        self.refused = 0


def send(account: Account, call: Call) -> Answer:
    call.records = 1
    return _take(account, [account.body(call)])


def send_batch(account: Account, call: Call) -> Answer:
    return _take(account, account.inputs(call, LARGEST))


def occurrences(account: Account, call: Call) -> Answer:
    """By contact (`objectId`, or `objectProperty.email`), type and time; oldest first."""
    query = call.query
    wanted = query.get("objectId")
    if email := query.get("objectProperty.email") or query.get("objectProperty[email]"):
        found = account.store.find(email, "email")
        wanted = found.id if found is not None else ""
    limit = account.number(query.get("limit"), 20, "limit")
    after = account.number(query.get("after"), 0, "after")
    first, last = to_ms(query.get("occurredAfter") or "0"), to_ms(query.get("occurredBefore") or "9999999999999")
    hits = [
        e
        for e in account.events.held.values()
        if wanted in (None, e["objectId"])
        and query.get("eventType") in (None, e["eventType"])
        and first <= to_ms(e["occurredAt"]) <= last
    ]
    hits.sort(key=lambda e: e["occurredAt"])
    body: dict[str, Any] = {"results": hits[after : after + limit]}
    if after + limit < len(hits):
        body["paging"] = {"next": {"after": str(after + limit)}}
    return Answer(200, body)


def _take(account: Account, inputs: list[Any]) -> Answer:
    for event in inputs:
        if wrong := _problem(account, event):
            return account.error(400, "VALIDATION_ERROR", wrong)
    events, now = account.events, account.now
    for event in inputs:
        uuid = str(event.get("uuid") or account.uuid())
        if now - events.accepted.get(uuid, -REMEMBERED_MS - 1) <= REMEMBERED_MS:
            events.refused += 1
            continue
        events.accepted[uuid] = now
        # who is meant: an object id outranks an e-mail
        by_id, email = event.get("objectId"), event.get("email")
        found = account.store.get(str(by_id)) if by_id else account.store.find(str(email or ""), "email")
        at = event.get("occurredAt")
        events.held[uuid] = {
            "id": uuid, "eventType": event["eventName"], "objectType": "CONTACT", "objectId": found.id if found else None,
            "occurredAt": iso(to_ms(str(at)) if at else now), "properties": event.get("properties") or {}, "email": email,
        }  # fmt: skip
    return Answer(204)


def types(account: Account, call: Call) -> Answer:
    """Names of event types: the account's own, if `events` says which those are, and of whatever has occurred."""
    portal = account.kit.switches["portal_id"]
    defined = [f"pe{portal}_{name}" for name in account.kit.switches["events"] or ()]
    occurred = [e["eventType"] for e in account.events.held.values()]
    return Answer(200, {"eventTypes": sorted({"e_visited_page", *defined, *occurred})})


def _problem(account: Account, event: Any) -> str:
    switches = account.kit.switches
    found = NAME.match(str(event.get("eventName"))) if isinstance(event, dict) else None
    if found is None:
        return "eventName must be pe{HubID}_{name}, in lower case"
    if found[1] != str(switches["portal_id"]) or found[2] not in (switches["events"] or [found[2]]):
        return f"there is no event {found[0]} in this account"
    if not any(event.get(k) for k in ("email", "objectId", "utk", "customMatchingId")):
        return "one of email, objectId or utk is required"
    properties = event.get("properties") or {}
    if len(properties) > MOST_PROPERTIES or any(len(n) > LONGEST_NAME for n in properties):
        return f"at most {MOST_PROPERTIES} properties, with names of at most {LONGEST_NAME} characters"
    if any(len(str(v)) > (LONGEST_URL if n in URLS else LONGEST_VALUE) for n, v in properties.items()):
        return f"a property's value has at most {LONGEST_VALUE} characters, an address {LONGEST_URL}"
    try:
        to_ms(str(event.get("occurredAt") or 0))
    except ValueError:
        return "occurredAt is neither ISO 8601 nor epoch milliseconds"
    return ""
