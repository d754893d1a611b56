"""What programs hand over: checked here, so that whoever asks hears at once what is wrong with it."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import uuid5

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from stagebridge import normalize
from stagebridge.config import ConnectionConfig
from stagebridge.connector import Record
from stagebridge.contact import Contact
from stagebridge.document import nearest
from stagebridge.endpoint import HAPPENINGS
from stagebridge.event import NAMESPACE, ConversionEvent
from stagebridge.lifecycle import Lifecycle
from stagebridge.mapping import Mapping

PEOPLE, EVENTS = "contacts", "events"
"""What a record that was handed over is."""
PATHS = {"country": "address.country", "consent_email": "consent.email", "consent_sms": "consent.sms", "consent_ads": "consent.ads"}  # fmt: skip
"""Of the names here that are not the path's own."""
NAMES = {path: name for name, path in PATHS.items()}


DEEPEST = 16
"""Levels of a body: what is deeper is meant to break whoever reads it."""


class Wrong(Exception):
    """A sentence for whoever handed it over."""


def _no_blank(value: Any) -> Any:
    """Programs send empty texts for what a person left open."""
    return None if isinstance(value, str) and not value.strip() else value


Text = Annotated[Annotated[str, Field(max_length=2000)] | None, BeforeValidator(_no_blank)]
Custom = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]
Agreed = Annotated[Literal["granted", "denied"] | None, BeforeValidator(_no_blank)]
Moment = Annotated[datetime | None, BeforeValidator(_no_blank)]
Money = Annotated[Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None, BeforeValidator(_no_blank)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, body: Any) -> Any:
        """`custom` may be anything that JSON can say, and some of that nobody can write down again."""
        if (why := _unfit(body, DEEPEST)) is not None:
            raise ValueError(why)
        return body


def _unfit(value: Any, levels: int) -> str | None:
    if isinstance(value, dict | list):
        if not levels:
            return f"it is deeper than {DEEPEST} levels"
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        return next((why for part in parts if (why := _unfit(part, levels - 1)) is not None), None)
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        return "a text has half a character in it"
    if isinstance(value, str) and "\x00" in value:  # PostgreSQL has no room for it
        return "a text has a zero character in it"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "a whole number has more than 64 bits; send it as text"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN and Infinity are no numbers"
    return None


class Who(_Body):
    """A person, by his address, his number (E.164, or national where the connection has a `default_region`), or our id of him."""

    email: Text = None
    phone: Text = None
    contact_id: Text = None


class ContactBody(Who):
    """What is said of a person. What is absent, null or empty says nothing: it clears nothing."""

    first_name: Text = None
    last_name: Text = None
    company: Text = None
    job_title: Text = None
    language: Text = None
    country: Text = None
    source: Text = None
    stage: Text = None
    consent_email: Agreed = None
    consent_sms: Agreed = None
    consent_ads: Agreed = None
    tags: list[str] | None = Field(
        default=None, max_length=200, description="All the tags that this program gives him."
    )
    custom: Custom = Field(default_factory=dict, description="Names that the connection's `custom` lists.")


class StageBody(Who):
    """Where a person stands now. A step back is held for a person to decide."""

    stage: str = Field(min_length=1, max_length=100)


class ConversionBody(Who):
    """What a person did. Without an `id` the header Idempotency-Key makes one; without both it is another one each time. `at` is
    now unless it is given, with its zone; `value` and `currency` (ISO 4217) come together."""

    name: str = Field(min_length=1, max_length=200)
    id: Text = Field(default=None, description="Your own id of it: the same id counts once.")
    at: Moment = None
    value: Money = None
    currency: Text = None
    order_id: Text = None
    source_url: Text = None
    custom: Custom = Field(default_factory=dict)


class SubscriptionBody(_Body):
    """`event`: one of contact.changed, contact.stage_changed, conversion.created."""

    target_url: str = Field(min_length=1, max_length=4000)
    event: str

    def checked(self) -> str:
        """The event. Raises `Wrong`."""
        if self.event not in HAPPENINGS:
            raise Wrong(
                f"'{self.event}' is nothing to subscribe to{nearest(self.event, HAPPENINGS)}: {', '.join(HAPPENINGS)}"
            )
        return self.event


# --- into records ---------------------------------------------------------------------------------------------


def contact_record(
    body: ContactBody | StageBody, key: str | None, connection: ConnectionConfig, form: Mapping, lifecycle: Lifecycle,
    now: datetime,
) -> Record:  # fmt: skip
    """`key` is our id of the person, where it is known, `form` the connection's mapping. Raises `Wrong`."""
    values = _paths(body, connection)
    if body.stage is not None and body.stage not in lifecycle.names:
        names = ", ".join(s.name for s in (*lifecycle.stages, *lifecycle.lost))
        raise Wrong(f"stage: '{body.stage}' is no stage{nearest(body.stage, lifecycle.names)}: {names}")
    contact = _contact(values)
    data = {path: sorted(v) if isinstance(v, frozenset) else v for path, v in contact.paths().items()}
    record = contact.email or key or contact.phone
    if record is None:
        raise Wrong("say who it is: email, phone or contact_id")
    known = {"id": key} if key is not None else {}
    data |= {**known, "record": record, "updated_at": now.isoformat()}
    if problems := form.read(data).problems:
        raise Wrong("; ".join(f"{NAMES.get(path, path)}: {why}" for path, why in problems.items()))
    return Record(PEOPLE, record, data, now)


def conversion_record(
    body: ConversionBody, key: str | None, connection: ConnectionConfig, once: str | None, now: datetime
) -> Record:
    """`key` is our id of whoever did it, where it is known, `once` the request's Idempotency-Key. Raises `Wrong`."""
    if body.at is not None and body.at.tzinfo is None:
        raise Wrong("at: a time without a zone; write for example 2026-01-15T09:30:00Z")
    try:
        at = (body.at or now).astimezone(UTC)
    except OverflowError:
        raise Wrong("at: no calendar has this time in UTC") from None
    id_ = body.id or (str(uuid5(NAMESPACE, f"{connection.name}\x1f{once}")) if once else str(uuid.uuid4()))
    given = {"email": body.email, "phone": number(body, connection)}
    currency = body.currency.upper() if body.currency is not None else None
    try:
        event = ConversionEvent(
            id=id_, name=body.name, at=at, key=key, contact=_contact({p: v for p, v in given.items() if v is not None}),
            value=body.value, currency=currency, order_id=body.order_id, source_url=body.source_url, custom=body.custom,
        )  # fmt: skip
    except ValidationError as error:
        raise Wrong(said(error)) from None
    return Record(EVENTS, id_, event.model_dump(mode="json", exclude_unset=True), now)


def _paths(body: ContactBody | StageBody, connection: ConnectionConfig) -> dict[str, Any]:
    said = body.model_dump(exclude_none=True, exclude={"custom", "contact_id", "phone", "tags"})
    values = {PATHS.get(name, name): value for name, value in said.items()}
    if body.phone is not None:
        values["phone"] = number(body, connection)
    if isinstance(body, ContactBody):
        if body.tags is not None:
            values["tags"] = frozenset(tag for tag in body.tags if tag.strip())
        for name, value in body.custom.items():
            if name not in connection.custom:
                near = nearest(name, connection.custom)
                raise Wrong(
                    f"custom.{name}: the connection {connection.name} has no such field{near}; list it under `custom`"
                )
            values[f"custom.{name}"] = value
    return values


def number(body: Who, connection: ConnectionConfig) -> str | None:
    """The phone number in E.164. Raises `Wrong`."""
    if body.phone is None:
        return None
    try:
        return normalize.phone(body.phone, connection.default_region)
    except normalize.Invalid as why:
        raise Wrong(f"phone: {why}") from None


def _contact(values: dict[str, Any]) -> Contact:
    try:
        return Contact.from_paths(values)
    except ValidationError as error:
        raise Wrong(said(error)) from None


def said(error: ValidationError) -> str:
    """Every fault in one sentence, without the values."""
    return "; ".join(
        f"{_name(one['loc'])}: {one['msg'].removeprefix('Value error, ')}".removeprefix(": ")
        for one in error.errors(include_url=False, include_input=False)
    )


def _name(loc: tuple[int | str, ...]) -> str:
    """A field as whoever handed it over calls it."""
    path = ".".join(map(str, loc))
    return NAMES.get(path, path)


def utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


__all__ = [
    "EVENTS", "PEOPLE", "ContactBody", "ConversionBody", "StageBody", "SubscriptionBody", "Who", "Wrong", "contact_record",
    "conversion_record", "number", "said", "utc",
]  # fmt: skip
