"""Adding and removing tags of many contacts at once: accepted now, done later."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_omnisend.sandbox.account import Account
from stagebridge_omnisend.sandbox.forms import LIMITS, Errors
from stagebridge_omnisend.sandbox.store import Contact

SELECTORS = ("contactIDs", "emails", "phones")


def add(account: Account, call: Call) -> Answer:
    return _accept(account, call, "add")


def remove(account: Account, call: Call) -> Answer:
    return _accept(account, call, "remove")


def _accept(account: Account, call: Call, how: str) -> Answer:
    body, errors = account.body(call), Errors()
    tags = errors.texts("tags", body.get("tags"), LIMITS["tags"])
    if not body.get("tags"):
        errors.add("tags", "required", "Must have at least 1 item")
    chosen = {name: errors.texts(name, body.get(name), LIMITS[name]) for name in SELECTORS}
    segment = body.get("segmentID")
    if not segment and not any(body.get(name) for name in SELECTORS):
        errors.add("contactIDs", "required", "One of contactIDs, emails, phones or segmentID is required")
    if errors:
        return account.invalid(errors)
    call.records = sum(map(len, chosen.values()))
    delay = int(float(account.switches["tags_seconds"]) * 1000)
    account.later(account.now + delay, lambda at: _run(account, how, tags, chosen, segment, at))
    account.settle()
    return Answer(202)


def _run(account: Account, how: str, tags: list[str], chosen: dict[str, list[str]], segment: Any, at: int) -> None:
    """Whoever is selected twice is tagged once; whoever is not known is passed over without a word."""
    store = account.store
    found: dict[str, Contact] = {}
    unknown = []
    for name, type_ in zip(SELECTORS, ("id", "email", "phone"), strict=True):
        for one in chosen[name]:
            contact = store.contacts.get(one) if type_ == "id" else store.find(type_, one)
            if contact is None:
                unknown.append(one)
            else:
                found[contact.id] = contact
    for id_ in store.segments.get(str(segment), []):
        if id_ in store.contacts:
            found[id_] = store.contacts[id_]
    for contact in found.values():
        before = list(contact.tags)
        if how == "add":
            contact.tags = list(dict.fromkeys([*contact.tags, *tags]))
        else:
            contact.tags = [t for t in contact.tags if t not in tags]
        if contact.tags != before:
            account.touch(contact, at)
    account.tag_operations.append({"how": how, "tags": tags, "contacts": list(found), "unknown": unknown})


__all__ = ["add", "remove"]
