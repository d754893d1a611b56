"""Tickets over HTTP: asked for once, however often the request comes."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_zendesk.sandbox.account import Account
from stagebridge_zendesk.sandbox.answers import Invalid, Refusal, host, page, wrong
from stagebridge_zendesk.sandbox.door import Door
from stagebridge_zendesk.sandbox.tickets import KEY_LIVES, STATUSES, Remembered, Ticket

LONGEST_KEY = 255
PRIORITIES = (None, "urgent", "high", "normal", "low")


def listing(account: Account, door: Door, call: Call) -> Answer:
    external = call.query.get("external_id")
    found = [t for t in account.tickets.held.values() if external in (None, t.values.get("external_id"))]
    return page(account.errors, call, "tickets", found, lambda t: t.shown(host(call)))


def get(account: Account, door: Door, call: Call, id_: str) -> Answer:
    return Answer(200, {"ticket": _ticket(account, id_).shown(host(call))})


def create(account: Account, door: Door, call: Call) -> Answer:
    """A key that is known answers as it did the first time, for two hours."""
    call.records = 1
    key, keys = call.headers.get("idempotency-key", ""), account.tickets.keys
    if len(key) > LONGEST_KEY:
        raise Refusal(account.errors.attribute("Idempotency-Key"))
    now = account.kit.now().timestamp()
    known = keys.get(key)
    if known is not None and now - known.at < KEY_LIVES:
        if known.body != call.body:
            description = "Request parameters don't match the given idempotency key"
            raise Refusal(account.errors.text(400, "IdempotentRequestError", description))
        return Answer(known.status, known.answer, {**known.headers, "x-idempotency-lookup": "hit"})
    answer = _create(account, call)
    if key:
        keys[key] = Remembered(now, call.body, answer.status, answer.body, dict(answer.headers))
        answer.headers["x-idempotency-lookup"] = "miss"
    return answer


def _create(account: Account, call: Call) -> Answer:
    given = account.body(call, "ticket")
    comment = given.get("comment")
    text = (comment.get("body") or comment.get("html_body")) if isinstance(comment, dict) else given.get("description")
    if not text:
        raise Invalid(wrong("base", "BlankValue", "Description: cannot be blank"))
    _check(account, given)
    requester = _requester(account, given)
    subject = str(given.get("subject") or text)
    made = account.tickets.add(requester, subject, str(text), account.now, submitter_id=account.agent)
    account.tickets.write(made, given, account.now)
    location = {"Location": f"{host(call)}/api/v2/tickets/{made.id}.json"}
    return Answer(201, {"ticket": made.shown(host(call))}, location)


def _requester(account: Account, given: dict[str, Any]) -> int:
    """Whom it is for: an id, or somebody who is made if nobody has his address."""
    if (id_ := given.get("requester_id")) is not None:
        if account.people.get(id_) is None:
            raise Invalid(wrong("requester", "InvalidValue", "Requester: is invalid"))
        return int(id_)
    asked = given.get("requester")
    if not isinstance(asked, dict) or not asked.get("email"):
        return account.agent
    known = account.people.addressed(str(asked["email"]))
    if known is None:
        known = account.people.create({"name": asked["email"], **asked}, account.now)
    return known.id


def change(account: Account, door: Door, call: Call, id_: str) -> Answer:
    call.records = 1
    found, given = _ticket(account, id_), account.body(call, "ticket")
    if found.status == "closed":
        raise Invalid(wrong("status", "InvalidValue", "Status: closed prevents ticket update"))
    _check(account, given)
    account.tickets.write(found, given, account.now)
    return Answer(200, {"ticket": found.shown(host(call))})


def _check(account: Account, given: dict[str, Any]) -> None:
    if not isinstance(given.get("tags", []), list):
        raise Refusal(account.errors.attribute("tags"))
    if given.get("status") not in (None, *STATUSES):
        raise Invalid(wrong("status", "InvalidValue", f"Status: {given['status']} is invalid"))
    if given.get("priority") not in PRIORITIES:
        raise Invalid(wrong("priority", "InvalidValue", f"Priority: {given['priority']} is invalid"))


def _ticket(account: Account, id_: str) -> Ticket:
    found = account.tickets.held.get(int(id_)) if id_.isdigit() else None
    if found is None:
        raise Refusal(account.errors.not_found())
    return found
