"""Custom events: the history keeps each once, automations run every time."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from stagebridge.sandbox import Answer, Call
from stagebridge_omnisend.sandbox import contacts, forms, times
from stagebridge_omnisend.sandbox.account import Account
from stagebridge_omnisend.sandbox.forms import Errors, Form, Given
from stagebridge_omnisend.sandbox.store import Contact

RECOMMENDED = frozenset((
    "added product to cart", "started checkout", "placed order", "paid for order", "ordered product", "order fulfilled",
    "order refunded", "order canceled", "viewed product",
))  # fmt: skip
"""Names that Omnisend knows; each needs an `eventVersion`."""

VERSIONS = (4, 5, 6, 7)
"""Of the UUIDs that an `eventID` may be."""

OPTED = {"optIns": "subscribed", "optOuts": "unsubscribed"}


def create(account: Account, call: Call) -> Answer:
    call.records = 1
    return accept(account, account.body(call), account.now)


def accept(account: Account, body: Any, at: int) -> Answer:
    """202 and nothing else. What is wrong with an event that was accepted is never told."""
    errors = Errors()
    if not errors.kind("body", body, dict, "an object"):
        return account.invalid(errors)
    name, id_ = body.get("eventName"), body.get("eventID") or account.uuid()
    if not name:
        errors.add("eventName", "required", "Must not be empty")
    elif errors.kind("eventName", name, str, "a string") and name in RECOMMENDED and not body.get("eventVersion"):
        errors.add("eventVersion", "required", "A recommended event needs its version")
    if not _is_uuid(id_):
        errors.add("eventID", "invalid_format", "Must be a UUID of version 4, 5, 6 or 7")
    happened = errors.time("eventTime", body.get("eventTime") or None)
    properties = body.get("properties") or {}
    errors.kind("properties", properties, dict, "an object")
    person = body.get("contact") or {}
    form, found = Form(), None
    if errors.kind("contact", person, dict, "an object"):
        form = _form(person, errors)
        contacts.property_problems(account, form, errors, "contact.")
        if not any(person.get(n) for n in ("id", "email", "phone")):
            errors.add("contact", "required", "One of id, email or phone is required")
    if errors:
        return account.invalid(errors)
    found = _contact(account, person, form, at)
    happened = at if happened is None else happened
    event = {
        "eventID": id_, "eventName": name, "eventTime": times.iso(happened), "properties": properties,
        "origin": body.get("origin"), "contact": found.id if found else None, "fired": 0,
    }  # fmt: skip
    account.events.setdefault((id_, happened), event)["fired"] += 1
    return Answer(202)


def _form(person: dict[str, Any], errors: Errors) -> Form:
    """The contact of an event has its own form: flat, with opt-ins and opt-outs per channel. Nothing in it holds
    back a welcome message."""
    form = Form()
    forms.plain(person, form, errors, "contact.")
    for type_, channel in forms.CHANNELS.items():
        if not person.get(type_) or not errors.kind(f"contact.{type_}", person[type_], str, "a string"):
            continue
        forms.identity(type_, person[type_], errors, f"contact.{type_}")
        given = Given(type_, person[type_])
        for name, status in OPTED.items():
            for opted in errors.objects(f"contact.{name}", person.get(name)):
                if opted.get("channel") == channel:
                    given.status, given.changed = (
                        status,
                        errors.time(f"contact.{name}.createdAt", opted.get("createdAt")),
                    )
        for consent in errors.objects("contact.consents", person.get("consents")):
            if consent.get("channel") == channel:
                given.consent = {n: v for n, v in consent.items() if n != "channel"}
        form.identifiers.append(given)
    return form


def _contact(account: Account, person: dict[str, Any], form: Form, at: int) -> Contact | None:
    """Whom an event is about, created or updated from it; identifiers of others are dropped. None for an id that leads to
    nobody."""
    store = account.store
    if person.get("id"):
        found = store.contacts.get(str(person["id"]))
        if found is None:
            return None
    else:
        given = form.one("email") or form.one("phone")
        found = store.find(given.type, given.id) if given else None
    for clash in store.clashes(form, found):
        form.identifiers.remove(clash)
        store.dropped += 1
    found = store.add(at) if found is None else found
    contacts.write(account, found, form, at)
    return found


def _is_uuid(text: Any) -> bool:
    try:
        return isinstance(text, str) and UUID(text).version in VERSIONS
    except ValueError:
        return False


__all__ = ["accept", "create"]
