"""The canonical conversion event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stagebridge.contact import Contact, Moment, aware
from stagebridge.values import is_blank

NAMESPACE = UUID("6f0c1d0e-8a1f-5d7b-9c55-0d5f7a3b1e42")
"""Of every id that is derived. Never change it: the ids are stable for ever."""

NAMES = frozenset(
    [
        "Lead",
        "LeadQualified",
        "Contact",
        "Schedule",
        "AddToCart",
        "InitiateCheckout",
        "AddPaymentInfo",
        "Purchase",
        "Subscribe",
        "StartTrial",
        "CompleteRegistration",
        "SubmitApplication",
        "ViewContent",
        "Search",
        "CartAbandoned",
        "OrderCancelled",
        "Refunded",
        "Review",
        "Referral",
        "SurveyCompleted",
        "TicketCreated",
        "TicketSolved",
        "MessageReceived",
        "MessageReplied",
        "StageChanged",
    ]
)
"""The canonical names; any other name is a custom event."""

Channel = Literal["web", "app", "physical_store", "crm", "chat", "phone", "email", "other"]


def derive_id(connection: str, object: str, remote_id: str, stage: str, entered_at: datetime) -> UUID:
    """An event's id from what its source knows, so that merging, folding, restoring or rebuilding a ledger never
    changes it. Raises `ValueError` for a time without a zone, which would mean another instant on another machine."""
    moment = aware(entered_at).isoformat(timespec="milliseconds")
    return uuid5(NAMESPACE, "\x1f".join((connection, object, remote_id, stage, moment)))


def snapshot(values: Mapping[str, Any]) -> dict[str, Any]:
    """What an event says of the person with these canonical values, as it is then."""
    said = {p: v for p, v in values.items() if not is_blank(v)}

    def under(prefix: str) -> dict[str, str]:
        return {p.removeprefix(prefix): str(v) for p, v in said.items() if p.startswith(prefix)}

    return {
        "contact": Contact.from_paths(said), "click_ids": under("click_ids."), "lead_ids": under("lead_ids."),
        "consent_ads": said.get("consent.ads"),
    }  # fmt: skip


class Item(BaseModel):
    """One line of an order; `price` is per piece, in the event's currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    name: str | None = None
    quantity: int | None = Field(default=None, ge=0)
    price: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    category: str | None = None
    brand: str | None = None


class ConversionEvent(BaseModel):
    """Something that a person did, once, at a time.

    `id` is stable for ever; `name` canonical or custom; `at` aware; `value` is a Decimal ≥ 0 with an ISO 4217
    `currency`, both or neither; `contact` the snapshot of the person's data at that time; `chat` names the messenger of
    channel chat; `raw` the original payload of an inbound event. `repr` shows id, name and time only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    at: Moment
    key: str | None = None
    contact: Contact = Field(default_factory=Contact)
    value: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    order_id: str | None = None
    items: tuple[Item, ...] = ()
    channel: Channel = "other"
    chat: Literal["messenger", "instagram", "whatsapp", "tiktok"] | None = None
    source_url: str | None = None
    referrer: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    click_ids: dict[str, str] = Field(default_factory=dict)
    lead_ids: dict[str, str] = Field(default_factory=dict)
    stage: str | None = None
    consent_ads: Literal["granted", "denied"] | None = None
    custom: dict[str, Any] = Field(default_factory=dict)
    raw: Any = None

    @model_validator(mode="after")
    def _money(self) -> ConversionEvent:
        if (self.value is None) != (self.currency is None):
            raise ValueError("value and currency come together: give both or neither")
        return self

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from (("id", self.id), ("name", self.name), ("at", self.at.isoformat()))

    def __str__(self) -> str:
        return repr(self)
