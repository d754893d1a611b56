"""The TikTok connector on its stand-in: a connection with every source, events of ours, and what came of them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from stagebridge.connector import Draft
from stagebridge.contact import Contact
from stagebridge.event import ConversionEvent, Item
from stagebridge.mapping import Mapping, load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_tiktok import TikTok
from tiktok_http import CRM, LEAD, NOW, OFFLINE, PIXEL

AT = datetime.fromtimestamp(NOW, UTC)
ALICE: dict[str, Any] = {"email": "alice_abc@gmail.com", "phone": "+12133734253", "external_id": "user_123"}
"""Of TikTok's own examples of hashing."""


@cache
def _mapping(name: str, crm_name: str | None, *custom: tuple[str, str]) -> Mapping:
    return load_mapping(name, settings={"crm_name": crm_name}, custom=dict(custom))


def tiktok(box: Sandbox, mapping: str = "tiktok", custom: dict[str, str] | None = None, **settings: Any) -> TikTok:
    """A connection to the stand-in, on its clock, with every source unless told otherwise."""
    given = {
        "base_url": box.url, "token": "token-1", "pixel": PIXEL, "offline_set": OFFLINE, "crm_set": CRM, "crm_name": "HubSpot",
    } | settings  # fmt: skip
    made = TikTok(clock=box.kit.clock, **given)
    made.use(_mapping(mapping, made.settings.crm_name, *(custom or {}).items()))
    return made


def purchase(id: str = "ord-1", person: dict[str, Any] | None = None, **more: Any) -> ConversionEvent:
    """A purchase on the web unless told otherwise."""
    given: dict[str, Any] = {
        "name": "Purchase", "at": AT, "channel": "web", "value": Decimal("30.50"), "currency": "EUR", "order_id": "42",
        "contact": Contact.from_paths(ALICE if person is None else person), "source_url": "https://shop.example/thanks",
    } | more  # fmt: skip
    return ConversionEvent(id=id, **given)


def stage(id: str = "crm-1", name: str = "StageChanged", **more: Any) -> ConversionEvent:
    """A person of a TikTok form has become a customer of ours, or the like."""
    plain = {
        "value": None,
        "currency": None,
        "order_id": None,
        "source_url": None,
        "channel": "crm",
        "stage": "customer",
    }
    return purchase(id, **{**plain, "name": name, "lead_ids": {"tiktok": LEAD}, **more})


def item(id: str = "sku1", **more: Any) -> Item:
    return Item(id=id, **{"quantity": 2, "price": Decimal("15.25"), **more})


def drafted(connector: TikTok, event: ConversionEvent) -> Draft:
    """The draft of an event that TikTok takes."""
    made = connector.draft(event)
    assert isinstance(made, Draft), made
    return made


def drafts(connector: TikTok, *events: ConversionEvent) -> list[Draft]:
    return [drafted(connector, event) for event in events]
