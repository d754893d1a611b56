"""What is told to others. Version 1; `docs/messages.schema.json` is made of these classes.

Within a version fields are only added. A message is told at least once: `id` is the same however often it is posted, and
`sequence` rises in the order in which things happened here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from stagebridge.contact import METADATA, Contact, Moment
from stagebridge.event import ConversionEvent, Item
from stagebridge.values import is_blank, same

VERSION = 1

Amount = Annotated[Decimal, PlainSerializer(str, return_type=str)]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Person(_Told):
    """A contact as it stood then. `id` is our key, the same in all messages about one person and never reused; a field that
    nobody ever told is absent."""

    id: str
    contact: Contact


class ContactChanged(_Told):
    """`changed` are the paths that differ from before, `is_new` says that the person was not known here before."""

    person: Person
    changed: tuple[str, ...]
    is_new: bool = False


class StageChanged(_Told):
    """A person came to a stage at `entered_at`, as the connection `source` told; null where it was done by hand or an event led
    to it."""

    person: Person
    stage: str
    previous_stage: str | None = None
    entered_at: Moment
    source: str | None = None


class Conversion(_Told):
    """What a person did. `id` is the event's own, stable for ever; `value` is a decimal number as text, with its `currency`."""

    id: str
    name: str
    at: Moment
    value: Amount | None = None
    currency: str | None = None
    order_id: str | None = None
    items: tuple[Item, ...] = ()
    channel: str = "other"
    source_url: str | None = None
    stage: str | None = None
    custom: dict[str, Any] = Field(default_factory=dict)


class ConversionCreated(_Told):
    """A conversion was recorded. `person` is null where it is nobody's whom the ledger knows; `contact` is what came with it."""

    conversion: Conversion
    person: Person | None = None
    contact: Contact = Field(default_factory=Contact)
    source: str | None = None


class AlertRaised(_Told):
    """Something needs a person. `facts` are codes, counts and names of connections, nobody's data."""

    text: str
    facts: dict[str, Any] = Field(default_factory=dict)


Data = ContactChanged | StageChanged | ConversionCreated | AlertRaised


class Message(_Told):
    """The body of a post, in its full form; `type` and `data` say what happened (`schema`)."""

    id: str
    version: Literal[1] = 1
    timestamp: datetime
    sequence: int


def person_of(key: str, values: Mapping[str, Any]) -> Person:
    """From a contact's canonical values."""
    said = {p: v for p, v in values.items() if not is_blank(v) and p != "external_id"}
    return Person(id=key, contact=Contact.from_paths(said))


def conversion_of(event: ConversionEvent) -> Conversion:
    kept = {name: getattr(event, name) for name in Conversion.model_fields}
    return Conversion(**kept)


def changed_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths that say something else than before; what only dates another path is none."""
    paths = sorted({*before, *after} - METADATA - {"external_id"})
    return tuple(p for p in paths if not same(before.get(p), after.get(p)))


def dumped(data: Data) -> str:
    """As it stands in the ledger."""
    return data.model_dump_json(exclude_unset=True)


__all__ = [
    "VERSION", "AlertRaised", "ContactChanged", "Conversion", "ConversionCreated", "Data", "Message", "Person", "StageChanged",
    "changed_paths", "conversion_of", "dumped", "person_of",
]  # fmt: skip
