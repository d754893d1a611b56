"""What a user may be: checked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stagebridge_zendesk.sandbox.answers import Details, Invalid, wrong
from stagebridge_zendesk.sandbox.user import FLAGS, NUMBERS, TEXTS, WRITABLE, User

if TYPE_CHECKING:
    from stagebridge_zendesk.sandbox.people import People

EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+\Z")
E164 = re.compile(r"\+[1-9]\d{6,14}\Z")
ROLES = ("end-user", "agent", "admin")


class WrongType(Exception):
    """An attribute has a value of a kind that it cannot have: a bad request rather than an invalid record."""


def check(people: People, given: Mapping[str, Any], user: User | None) -> None:
    """Raises `WrongType`, and `Invalid` with all that is wrong."""
    for name, value in given.items():
        _check_type(people, name, value)
    bad: Details = {}
    if ("name" in given or user is None) and not str(given.get("name") or "").strip():
        bad |= wrong("name", "BlankValue", "Name: cannot be blank")
    if email := given.get("email"):
        bad |= _address(people, email, user)
    if given.get("external_id") and people.external(given["external_id"]) not in (None, user):
        bad |= wrong("external_id", "DuplicateValue", "External ID has already been taken")
    phone = given.get("phone")
    if phone and people.switches["e164_only"] and not E164.match(phone):
        bad |= wrong("phone", "InvalidFormat", f"Phone {phone} is not properly formatted")
    if given.get("role") not in (None, *ROLES):
        bad |= wrong("role", "InvalidValue", f"Role: {given['role']} is invalid")
    if given.get("organization_id") is not None and people.organization(given["organization_id"]) is None:
        bad |= wrong("organization_id", "InvalidValue", "Organization: is invalid")
    for identity in given.get("identities") or []:
        if identity.get("type") == "email" and identity.get("value") != email:
            bad |= _address(people, identity.get("value"), user)
    for key, value in (given.get("user_fields") or {}).items():
        if (field := people.fields.by_key(key)) is not None:
            try:
                field.stored(value)
            except (ValueError, TypeError):
                bad |= wrong(f"user_fields.{key}", "InvalidValue", f"{field.title}: {value} is invalid")
    if bad:
        raise Invalid(bad)


def _check_type(people: People, name: str, value: Any) -> None:
    if name not in WRITABLE:
        people.ignored[name] += 1
    good = (
        (value is None and name not in ("id", "email", "role"))
        or (name in TEXTS and isinstance(value, str))
        or (name in FLAGS and isinstance(value, bool))
        or (name in (*NUMBERS, "id") and isinstance(value, int) and not isinstance(value, bool))
        or (name == "tags" and isinstance(value, list) and all(isinstance(t, str) for t in value))
        or (name in ("user_fields", "organization") and isinstance(value, dict))
        or (name == "identities" and isinstance(value, list) and all(map(_is_identity, value)))
        or name not in WRITABLE or name in ("organization_ids", "password")
    )  # fmt: skip
    if not good:
        raise WrongType(name)


def _is_identity(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(k), str) and value[k] for k in ("type", "value"))


def _address(people: People, email: Any, user: User | None) -> Details:
    if not isinstance(email, str) or not EMAIL.match(email.strip()):
        return wrong("email", "InvalidFormat", f"Email: {email} is not properly formatted")
    other = people.addressed(email)
    if other is not None and other is not user:
        return wrong("email", "DuplicateValue", f"Email: {email} is already being used by another user")
    return {}


__all__ = ["EMAIL", "WrongType", "check"]
