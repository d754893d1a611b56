"""The canonical contact: a set of paths, and a typed view of them.

The sync works on paths (`email`, `address.city`, `consent.email`, `custom.plan`); `Contact` is the same thing with
types. A path that is absent says nothing; None says *cleared*. Both survive the way there and back:

    Contact.from_paths({"email": "ada@example.com", "phone": None}).paths()
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stagebridge.clock import cut
from stagebridge.values import decode, encode, is_blank, same

Kind = Literal[
    "text", "email", "phone", "country", "language", "timezone", "url", "date", "datetime", "set", "emails", "phones",
    "stage", "consent", "gender", "number", "opaque", "any",
]  # fmt: skip

CHANNELS = ("email", "sms", "whatsapp", "ads")

PATHS: Mapping[str, Kind] = {
    "external_id": "opaque",
    "email": "email",
    "emails": "emails",
    "phone": "phone",
    "mobile": "phone",
    "phones": "phones",
    "first_name": "text",
    "last_name": "text",
    "name": "text",
    "company": "text",
    "job_title": "text",
    "website": "url",
    "source": "text",
    "address.street": "text",
    "address.city": "text",
    "address.region": "text",
    "address.postal_code": "text",
    "address.country": "country",
    "language": "language",
    "timezone": "timezone",
    "birthday": "date",
    "gender": "gender",
    "stage": "stage",
    "stage_at": "datetime",
    "lost_reason": "text",
    **dict.fromkeys((f"consent.{c}" for c in CHANNELS), "consent"),
    **dict.fromkeys((f"consent.{c}.at" for c in CHANNELS), "datetime"),
    **dict.fromkeys((f"consent.{c}.source" for c in CHANNELS), "text"),
    "tags": "set",
    "owner": "email",
    "created_at": "datetime",
    "updated_at": "datetime",
}
"""Every fixed path and its kind; `kind_of` knows the open ones too."""

OPEN: Mapping[str, Kind] = {
    "custom.": "any",
    "scores.": "number",
    "click_ids.": "opaque",
    "lead_ids.": "opaque",
    "chat_ids.": "opaque",
}
"""Prefixes under which any name may stand."""

ADDRESS = ("address.street", "address.city", "address.region", "address.postal_code", "address.country")

GROUP_OF: Mapping[str, str] = {
    **dict.fromkeys(ADDRESS, "address"),
    **dict.fromkeys(("stage", "stage_at", "lost_reason"), "stage"),
    **{
        f"consent.{c}{part}": f"consent.{c}"
        for c in CHANNELS
        for part in ("", ".at", ".source")
    },
}
"""Paths that are decided together, or the winner of one would date another's decision."""

METADATA = frozenset({"stage_at", "created_at", "updated_at", *(p for p in PATHS if p.endswith((".at", ".source")))})
"""What describes another path: carried along, never compared, never owed."""


def kind_of(path: str) -> Kind | None:
    """The kind of a path, None if there is no such path."""
    if path in PATHS:
        return PATHS[path]
    return next((k for prefix, k in OPEN.items() if path.startswith(prefix) and len(path) > len(prefix)), None)


def full_name(first: str | None, last: str | None) -> str | None:
    """The one name of a platform that has one field, while first or last name are known."""
    return " ".join(x for x in (first, last) if x) or None


def split_name(name: str) -> tuple[str | None, str]:
    """First and last name out of one field: the last word is the last name."""
    first, _, last = name.strip().rpartition(" ")
    return (first.strip() or None, last)


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(sorted(self.model_fields_set))})"

    __str__ = __repr__


class Address(_Values):
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    street: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Consent(_Values):
    """`value` granted or denied, decided `at` (aware), collected through `source`. Silence is absence: "not opted out"
    is nobody's consent."""

    value: Literal["granted", "denied"] | None = None
    at: datetime | None = None
    source: str | None = None


class Consents(_Values):
    """Consent per channel."""

    email: Consent | None = None
    sms: Consent | None = None
    whatsapp: Consent | None = None
    ads: Consent | None = None


class Contact(_Values):
    """A person, as every platform's mapping reads and writes it.

    `external_id` is our key where a platform keeps one. `email` is lower case, `emails` are further ones; `phone`,
    `mobile` and `phones` are E.164 with `+`; `language` BCP 47, `timezone` IANA, `birthday` a date, `gender` f, m or x;
    `stage` a name of the configured lifecycle, entered at `stage_at`; `owner` the e-mail of the person who owns the
    contact; `click_ids`, `lead_ids` and `chat_ids` are opaque texts, case kept. Datetimes are aware, UTC, cut to
    milliseconds. `repr` shows which fields are set and none of their values.
    """

    external_id: str | None = None
    email: str | None = None
    emails: frozenset[str] = frozenset()
    phone: str | None = None
    mobile: str | None = None
    phones: frozenset[str] = frozenset()
    first_name: str | None = None
    last_name: str | None = None
    name: str | None = None
    company: str | None = None
    job_title: str | None = None
    website: str | None = None
    source: str | None = None
    address: Address = Field(default_factory=Address)
    language: str | None = None
    timezone: str | None = None
    birthday: date | None = None
    gender: Literal["f", "m", "x"] | None = None
    stage: str | None = None
    stage_at: datetime | None = None
    lost_reason: str | None = None
    consent: Consents = Field(default_factory=Consents)
    tags: frozenset[str] = frozenset()
    owner: str | None = None
    click_ids: dict[str, str | None] = Field(default_factory=dict)
    lead_ids: dict[str, str | None] = Field(default_factory=dict)
    chat_ids: dict[str, str | None] = Field(default_factory=dict)
    scores: dict[str, float | None] = Field(default_factory=dict)
    custom: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @field_validator("stage_at", "created_at", "updated_at")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime without a time zone; give it one")
        return None if value is None else cut(value)

    @classmethod
    def from_paths(cls, values: Mapping[str, Any]) -> Self:
        """Build from {path: value}. Raises `ValueError` for a path that does not exist."""
        fields: dict[str, Any] = {}
        for path, value in values.items():
            if kind_of(path) is None:
                raise ValueError(f"a contact has no path '{path}'")
            head, _, rest = path.partition(".")
            if head == "consent":
                channel, _, part = rest.partition(".")
                fields.setdefault("consent", {}).setdefault(channel, {})[part or "value"] = value
            elif rest:
                fields.setdefault(head, {})[rest] = value
            else:
                fields[head] = frozenset() if value is None and head in ("emails", "phones", "tags") else value
        return cls.model_validate(fields)

    def paths(self) -> dict[str, Any]:
        """{path: value} of what is set; None for what is cleared."""
        out: dict[str, Any] = {}
        for name in sorted(self.model_fields_set):
            value = getattr(self, name)
            if isinstance(value, Address):
                out.update({f"address.{n}": getattr(value, n) for n in value.model_fields_set})
            elif isinstance(value, Consents):
                for channel in value.model_fields_set:
                    consent = getattr(value, channel) or Consent(value=None)
                    out.update(
                        {
                            f"consent.{channel}" + ("" if n == "value" else f".{n}"): getattr(consent, n)
                            for n in consent.model_fields_set
                        }
                    )
            elif isinstance(value, dict):
                out.update({f"{name}.{n}": v for n, v in value.items()})
            else:
                out[name] = value
        return out


__all__ = [
    "ADDRESS", "GROUP_OF", "METADATA", "OPEN", "PATHS", "Address", "Consent", "Consents", "Contact", "Kind", "decode",
    "encode", "full_name", "is_blank", "kind_of", "same", "split_name",
]  # fmt: skip
