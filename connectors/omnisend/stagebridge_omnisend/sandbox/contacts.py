"""Writing and reading single contacts: the upsert by e-mail, and changes by id or address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stagebridge.sandbox import Answer, Call, Fault
from stagebridge_omnisend.sandbox import people
from stagebridge_omnisend.sandbox.account import Account
from stagebridge_omnisend.sandbox.forms import CONSENT_TIME, PROPERTY, Errors, Form, Given, fits, read
from stagebridge_omnisend.sandbox.store import Contact
from stagebridge_omnisend.sandbox.times import iso


def create(account: Account, call: Call) -> Answer:
    call.records = 1
    return upsert(account, account.body(call), call.faults, account.now)


def upsert(account: Account, body: Any, faults: Sequence[Fault], at: int) -> Answer:
    """201 for a new contact, 200 for one whose e-mail was known. Identifiers of other contacts are dropped without a word;
    where none remains, nothing is created."""
    errors = Errors()
    form = read(body, errors)
    if isinstance(body, dict) and not body.get("identifiers"):
        errors.add("identifiers", "required", "Must not be empty")
    property_problems(account, form, errors)
    if errors:
        return account.invalid(errors)
    email = form.one("email")
    found = account.store.find("email", email.id) if email else None
    for clash in account.store.clashes(form, found):
        form.identifiers.remove(clash)
        account.store.dropped += 1
    if not form.identifiers:
        return _nothing(account)
    made = found is None
    if found is None:
        found = account.store.add(at)
    else:
        people.first(account, faults, found, at)
    write(account, found, form, at)
    return Answer(201 if made else 200, account.shown(found))


def _nothing(account: Account) -> Answer:
    """All identifiers were another contact's. What is answered is not documented."""
    if account.switches["nothing_created"] == 200:
        return Answer(200, {})
    return account.problem(int(account.switches["nothing_created"]), "The contact was not created.")


def change(account: Account, call: Call, id_: str) -> Answer:
    return _patch(account, call, account.store.contacts.get(id_))


def change_by_email(account: Account, call: Call) -> Answer:
    email = call.query.get("email", "")
    if not email:
        errors = Errors()
        errors.add("email", "required", "Must not be empty")
        return account.invalid(errors)
    return _patch(account, call, account.store.find("email", email))


def get(account: Account, call: Call, id_: str) -> Answer:
    call.records = 1
    found = account.store.contacts.get(id_)
    return account.not_found() if found is None else Answer(200, account.shown(found))


def _patch(account: Account, call: Call, found: Contact | None) -> Answer:
    call.records = 1
    errors = Errors()
    form = read(account.body(call), errors)
    property_problems(account, form, errors)
    if found is None:
        return account.invalid(errors) if errors else account.not_found()
    email = form.one("email")
    store, how = account.store, account.switches["email_change"]
    if email is not None and found.email and store.key("email", email.id) != store.key("email", found.email):
        if how == "refuse":
            errors.add("identifiers", "immutable", "The email of a contact cannot be changed")
        elif how == "ignore":
            form.identifiers.remove(email)
    if errors:
        return account.invalid(errors)
    if store.clashes(form, found):
        return account.problem(409, "Contact identifier already exists.")
    people.first(account, call.faults, found, account.now)
    write(account, found, form, account.now)
    return Answer(200, account.shown(found))


def property_problems(account: Account, form: Form, errors: Errors, where: str = "") -> None:
    """Custom properties that the brand does not take: another type than they have, or no name for one."""
    for name, value in list(form.custom.items()):
        at, type_ = f"{where}customProperties.{name}", account.store.types.get(name)
        if account.switches["strict_property_names"] and not PROPERTY.fullmatch(name):
            errors.add(at, "invalid_format", "A name has letters, digits and underscores only")
        elif type_ is not None and not fits(type_, value):
            if account.switches["type_change"] == "ignore":
                del form.custom[name]
            else:
                errors.add(at, "invalid_type", f"Must be of type {type_}")


def write(account: Account, contact: Contact, form: Form, at: int) -> None:
    """A form without clashes lands on a contact."""
    account.normalise(form)
    for given in form.identifiers:
        one = account.store.identify(contact, given.type, given.id)
        became = given.status is not None and account.store.status(
            contact, one, given.status, at if given.changed is None else given.changed
        )
        if became and given.welcome:
            account.welcome()
        _consent(contact, given, at)
    account.store.values(contact, form, replace_tags=account.switches["tags"] == "replace")
    account.touch(contact, at)


def _consent(contact: Contact, given: Given, at: int) -> None:
    if given.consent is not None:
        consent = {"channel": given.channel, **given.consent}
        consent.setdefault(CONSENT_TIME, iso(at))
        if consent not in contact.consents:
            contact.consents.append(consent)


__all__ = ["change", "change_by_email", "create", "get", "property_problems", "upsert", "write"]
