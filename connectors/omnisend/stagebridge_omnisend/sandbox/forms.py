"""What a request says of a contact, and everything that is wrong with it: all problems are answered at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from stagebridge_omnisend.sandbox import times

CHANNELS = {"email": "email", "phone": "sms"}
"""The one channel of each type of identifier."""

STATUSES = ("subscribed", "unsubscribed", "nonSubscribed")

FIELDS = (
    "firstName", "lastName", "country", "countryCode", "state", "city", "address", "postalCode", "gender", "birthdate",
)  # fmt: skip

LIMITS = {"emails": 250, "phones": 250, "contactIDs": 250, "tags": 100}

EMAIL = re.compile(r"[^@\s,;<>()\[\]\"]+@[^@\s,;<>()\[\]\".]+(\.[^@\s,;<>()\[\]\".]+)+")
PHONE = re.compile(r"\+[1-9]\d{6,14}")
PROPERTY = re.compile(r"[A-Za-z0-9_]+")
CONSENT_TIME = "createdAt"
CONSENT = ("source", CONSENT_TIME, "ip", "userAgent")


class Errors(list[dict[str, str]]):
    """What is wrong, each as `{"field", "code", "message"}`."""

    def add(self, where: str, code: str, message: str) -> None:
        self.append({"field": where, "code": code, "message": message})

    def kind(self, where: str, value: Any, kind: type, called: str) -> bool:
        """Whether `value` is of this kind; says so if it is not."""
        if isinstance(value, kind) and not (kind is not bool and isinstance(value, bool)):
            return True
        self.add(where, "invalid_type", f"Must be {called}")
        return False

    def time(self, where: str, value: Any) -> int | None:
        """Epoch milliseconds of a time, None where there is none."""
        if value is None:
            return None
        found = times.read(value)
        if found is None:
            self.add(where, "invalid_format", "Must be an RFC3339 timestamp")
        return found

    def texts(self, where: str, value: Any, most: int) -> list[str]:
        """A list of texts."""
        if value is None or not self.kind(where, value, list, "an array"):
            return []
        if len(value) > most:
            self.add(where, "too_many", f"Must have at most {most} items")
        return [v for i, v in enumerate(value) if self.kind(f"{where}.{i}", v, str, "a string")]

    def objects(self, where: str, value: Any) -> list[dict[str, Any]]:
        """A list of objects; None is an empty one."""
        if value is None or not self.kind(where, value, list, "an array"):
            return []
        return [v for i, v in enumerate(value) if self.kind(f"{where}.{i}", v, dict, "an object")]


@dataclass(slots=True)
class Given:
    """One identifier of a request, with the status of its channel; `changed` is epoch milliseconds."""

    type: str
    id: str
    status: str | None = None
    changed: int | None = None
    consent: Mapping[str, Any] | None = None
    welcome: bool = True

    @property
    def channel(self) -> str:
        return CHANNELS[self.type]


@dataclass(slots=True)
class Form:
    identifiers: list[Given] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    tags: list[str] | None = None

    def one(self, type_: str) -> Given | None:
        return next((g for g in self.identifiers if g.type == type_), None)


def read(body: Any, errors: Errors) -> Form:
    """A ContactRequest. Fields that nobody knows do no harm."""
    form = Form()
    if not errors.kind("body", body, dict, "an object"):
        return form
    identifiers = body.get("identifiers") or []
    if errors.kind("identifiers", identifiers, list, "an array"):
        found = [_identifier(one, errors, f"identifiers.{n}") for n, one in enumerate(identifiers)]
        form.identifiers = [one for one in found if one is not None]
    for type_ in CHANNELS:
        if sum(g.type == type_ for g in form.identifiers) > 1:
            errors.add("identifiers", "duplicate", f"Must have at most one identifier of type {type_}")
    plain(body, form, errors)
    if errors.time("createdAt", body.get("createdAt")) is not None:
        form.custom["externalCreated"] = body["createdAt"]
    return form


def plain(body: Mapping[str, Any], form: Form, errors: Errors, where: str = "") -> None:
    """Fields, custom properties and tags. Empty text blanks a field."""
    for name in FIELDS:
        if name in body and errors.kind(where + name, body[name], str, "a string"):
            form.fields[name] = body[name]
    if form.fields.get("gender", "") not in ("", "m", "f"):
        errors.add(f"{where}gender", "invalid_value", "Must be one of: m, f")
    if (born := form.fields.get("birthdate", "")) and not _is_date(born):
        errors.add(f"{where}birthdate", "invalid_format", "Must be in YYYY-MM-DD format")
    if body.get("tags") is not None:
        form.tags = errors.texts(f"{where}tags", body["tags"], LIMITS["tags"])
    custom = body.get("customProperties", {})
    if errors.kind(f"{where}customProperties", custom, dict, "an object"):
        for name, value in custom.items():
            if kind(value) is None:
                errors.add(
                    f"{where}customProperties.{name}", "invalid_type", "Must be text, number, boolean or array of text"
                )
            else:
                form.custom[name] = value


def kind(value: Any) -> str | None:
    """The type of a custom property with this value; None for what no property holds."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if value == int(value) else "number"
    if isinstance(value, str):
        return "string"
    return "string[]" if isinstance(value, list) and all(isinstance(v, str) for v in value) else None


def fits(type_: str, value: Any) -> bool:
    """Whether a property of this type takes the value."""
    found = kind(value)
    return found == type_ or (type_ == "number" and found == "integer")


def _identifier(given: Any, errors: Errors, at: str) -> Given | None:
    before = len(errors)
    if not errors.kind(at, given, dict, "an object"):
        return None
    type_, id_ = given.get("type"), given.get("id")
    if not isinstance(type_, str) or type_ not in CHANNELS:
        errors.add(f"{at}.type", "invalid_value" if type_ else "required", "Must be one of: email, phone")
        return None
    if not id_:
        errors.add(f"{at}.id", "required", "Must not be empty")
    elif errors.kind(f"{at}.id", id_, str, "a string"):
        identity(type_, id_, errors, f"{at}.id")
    made = Given(type_, str(id_))
    _channel(made, given.get("channels"), errors, f"{at}.channels")
    if given.get("consent") is not None and errors.kind(f"{at}.consent", given["consent"], dict, "an object"):
        made.consent = {n: given["consent"][n] for n in CONSENT if n in given["consent"]}
        errors.time(f"{at}.consent.createdAt", made.consent.get("createdAt"))
    if given.get("sendWelcomeMessage") is not None:
        errors.kind(f"{at}.sendWelcomeMessage", given["sendWelcomeMessage"], bool, "a boolean")
        made.welcome = given["sendWelcomeMessage"] is not False
    return made if len(errors) == before else None


def _channel(made: Given, channels: Any, errors: Errors, at: str) -> None:
    if not channels:
        errors.add(at, "required", "Must not be empty")
        return
    if not errors.kind(at, channels, dict, "an object"):
        return
    for name in channels.keys() - {made.channel}:
        errors.add(f"{at}.{name}", "invalid_value", f"An identifier of type {made.type} has the channel {made.channel}")
    channel = channels.get(made.channel)
    if channel is None or not errors.kind(f"{at}.{made.channel}", channel, dict, "an object"):
        return
    made.status = channel.get("status")
    if made.status not in STATUSES:
        code = "required" if not made.status else "invalid_value"
        errors.add(f"{at}.{made.channel}.status", code, f"Must be one of: {', '.join(STATUSES)}")
    made.changed = errors.time(f"{at}.{made.channel}.statusChangedAt", channel.get("statusChangedAt"))


def identity(type_: str, id_: str, errors: Errors, at: str) -> None:
    """Says so if `id_` is no address, or no number."""
    if type_ == "email" and not EMAIL.fullmatch(id_):
        errors.add(at, "invalid_format", "Must be a valid email address")
    if type_ == "phone" and not PHONE.fullmatch(id_):
        errors.add(at, "invalid_format", "Must be a phone number in E.164 format")


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


__all__ = ["CHANNELS", "CONSENT_TIME", "FIELDS", "LIMITS", "PROPERTY", "STATUSES", "Errors", "Form", "Given", "fits", "identity", "kind", "plain", "read"]  # fmt: skip
