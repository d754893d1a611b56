"""The canonical contact: a set of paths, and a typed view of them.

The sync works on paths (`email`, `address.city`, `consent.email`, `custom.plan`); `Contact` is the same thing with
types. A path that is absent says nothing; None says *cleared*. Both survive the way there and back:

    Contact.from_paths({"email": "ada@example.com", "phone": None}).paths()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from stagebridge import normalize
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
    **{f"consent.{c}{part}": f"consent.{c}" for c in CHANNELS for part in ("", ".at", ".source")},
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


def aware(moment: datetime) -> datetime:
    """`moment` in UTC, cut to milliseconds. Raises `ValueError` where it has no time zone."""
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone; give it one")
    return cut(moment)


Text = Annotated[str, AfterValidator(normalize.text)]
Email = Annotated[str, AfterValidator(normalize.email)]
Phone = Annotated[str, AfterValidator(normalize.phone)]
Moment = Annotated[datetime, AfterValidator(aware)]


class _Values(BaseModel):
    """What is said of a person; neither a repr, nor a pretty printer, nor a validation error shows the values."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from ((None, _Word(name)) for name in sorted(self.model_fields_set))

    def __str__(self) -> str:
        return repr(self)


class _Word(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Address(_Values):
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    street: Text | None = None
    city: Text | None = None
    region: Text | None = None
    postal_code: Text | None = None
    country: Annotated[str, AfterValidator(normalize.country)] | None = None


class Consent(_Values):
    """`value` granted or denied, decided `at` (aware), collected through `source`. Silence is absence: "not opted out"
    is nobody's consent."""

    value: Literal["granted", "denied"] | None = None
    at: Moment | None = None
    source: Text | None = None


class Consents(_Values):
    """Consent per channel."""

    email: Consent | None = None
    sms: Consent | None = None
    whatsapp: Consent | None = None
    ads: Consent | None = None


class Contact(_Values):
    """A person, as every platform's mapping reads and writes it.

    Whatever is given is brought into canonical form, and what has none is a `ValidationError` with the reason:
    `email` in lower case, `emails` further ones; `phone`, `mobile` and `phones` E.164 (given with `+`: a national
    number belongs to a connection with a `default_region`); `language` BCP 47, `timezone` IANA, `birthday` a date,
    `gender` f, m or x; `stage` a name of the configured lifecycle, entered at `stage_at`; `owner` the e-mail of the
    person who owns the contact; `external_id` our key where a platform keeps one; `source` where the person came from;
    `click_ids`, `lead_ids` and `chat_ids` opaque texts, case kept. Datetimes are aware, UTC, cut to milliseconds.
    `repr` shows which fields are set and none of their values.
    """

    external_id: str | None = None
    email: Email | None = None
    emails: frozenset[Email] = frozenset()
    phone: Phone | None = None
    mobile: Phone | None = None
    phones: frozenset[Phone] = frozenset()
    first_name: Text | None = None
    last_name: Text | None = None
    name: Text | None = None
    company: Text | None = None
    job_title: Text | None = None
    website: Annotated[str, AfterValidator(normalize.url)] | None = None
    source: Text | None = None
    address: Address = Field(default_factory=Address)
    language: Annotated[str, AfterValidator(normalize.language)] | None = None
    timezone: Annotated[str, AfterValidator(normalize.timezone)] | None = None
    birthday: date | None = None
    gender: Literal["f", "m", "x"] | None = None
    stage: str | None = None
    stage_at: Moment | None = None
    lost_reason: Text | None = None
    consent: Consents = Field(default_factory=Consents)
    tags: frozenset[Text] = frozenset()
    owner: Email | None = None
    click_ids: dict[str, str | None] = Field(default_factory=dict)
    lead_ids: dict[str, str | None] = Field(default_factory=dict)
    chat_ids: dict[str, str | None] = Field(default_factory=dict)
    scores: dict[str, float | None] = Field(default_factory=dict)
    custom: dict[str, Any] = Field(default_factory=dict)
    created_at: Moment | None = None
    updated_at: Moment | None = None

    @field_validator("emails", "phones")
    @classmethod
    def _further(cls, value: frozenset[str], info: ValidationInfo) -> frozenset[str]:
        return value - {info.data.get(str(info.field_name)[:-1])}

    @field_validator("custom")
    @classmethod
    def _cut(cls, value: dict[str, Any]) -> dict[str, Any]:
        return {name: aware(v) if isinstance(v, datetime) else v for name, v in value.items()}

    @classmethod
    def from_paths(cls, values: Mapping[str, Any]) -> Self:
        """Build from {path: value}. Raises `ValueError` for a path that does not exist and for a value without a
        canonical form."""
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
