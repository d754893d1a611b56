"""What people do in the account: they edit contacts, and click the links in their mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stagebridge.sandbox import Fault
from stagebridge_omnisend.sandbox.account import Account
from stagebridge_omnisend.sandbox.forms import CHANNELS, FIELDS, Errors, read
from stagebridge_omnisend.sandbox.store import Contact

EDITED = {*FIELDS, "identifiers", "customProperties", "tags", *CHANNELS}


def first(account: Account, faults: Sequence[Fault], contact: Contact, at: int) -> None:
    """`edit_before_write`: somebody edits the contact an instant before our write lands."""
    for fault in faults:
        if fault.kind == "edit_before_write" and fault.values.get("id") in (None, contact.id, contact.email):
            edit(account, contact, fault.values["values"], at)


def edit(account: Account, contact: Contact, values: Mapping[str, Any], at: int) -> None:
    """A merge patch onto the form of answers: null removes, tags and addresses are replaced, and another address keeps the
    status of the one before unless `identifiers` says otherwise. Raises `ValueError`."""
    if strange := sorted(values.keys() - EDITED):
        raise ValueError(f"a person cannot edit '{strange[0]}' of a contact")
    custom = dict(values.get("customProperties") or {})
    gone = [n for n, v in custom.items() if v is None]
    plain = {n: "" if values[n] is None else values[n] for n in FIELDS if n in values}
    body = {**plain, "customProperties": {n: v for n, v in custom.items() if v is not None}}
    form = read(body | {n: values[n] for n in ("tags", "identifiers") if n in values}, errors := Errors())
    refuse(errors)
    for type_ in CHANNELS:
        if type_ in values:
            _address(account, contact, type_, shortened(values[type_]))
    for given in form.identifiers:
        one = _address(account, contact, given.type, given.id)
        if one is not None and given.status is not None:
            account.store.status(contact, one, given.status, at if given.changed is None else given.changed)
    for name in gone:
        contact.custom.pop(name, None)
    account.store.values(contact, form, replace_tags=True)
    account.touch(contact, at)


def click(account: Account, contact: Contact, status: str, at: int) -> None:
    """A person's own click: it counts as of its time, and the contact was changed now."""
    account.store.status(contact, contact.identifiers["email"], status, at)
    account.touch(contact, account.now)


def shortened(value: Any) -> str:
    """The one address of text, a list with one text, or null."""
    return str((value[0] if isinstance(value, list) and value else value) or "")


def refuse(errors: Errors) -> None:
    """Raises `ValueError` with the first problem, if there is one."""
    if errors:
        raise ValueError(f"{errors[0]['field']}: {errors[0]['message']}")


def _address(account: Account, contact: Contact, type_: str, id_: str) -> Any:
    store, old = account.store, contact.identifiers.get(type_)
    if not id_:
        store.forget(contact, type_)
        return None
    other = store.find(type_, id_)
    if other is not None and other is not contact:
        raise ValueError(f"contact {other.id} has that {type_} already")
    made = store.identify(contact, type_, id_)
    if old is not None:
        made.status, made.changed = old.status, old.changed
    return made


__all__ = ["click", "edit", "first", "refuse", "shortened"]
