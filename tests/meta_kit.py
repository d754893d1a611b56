"""Events and connections for the tests of the Meta connector."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from stagebridge.clock import Clock, ManualClock
from stagebridge.connector import Draft, Rejected
from stagebridge.contact import Contact
from stagebridge.event import ConversionEvent
from stagebridge.mapping import Mapping, load_mapping
from stagebridge_meta import Meta

DATASET = "1234567890"
TOKEN = "EAAsecret"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
IDS = {
    "crm_name": "Acme CRM", "page_id": "100", "whatsapp_business_account_id": "200", "ig_account_id": "300",
}  # fmt: skip


def connection(url: str | None = None, clock: Clock | None = None, **values: Any) -> Meta:
    """A connection with its mapping, as the engine would have it."""
    given = {"dataset": DATASET, "token": TOKEN, "base_url": url or "http://127.0.0.1:9", **IDS, **values}
    meta = Meta(clock=clock or ManualClock(NOW), **given)
    meta.use(mapping(*(getattr(meta.settings, name) for name in IDS)))
    return meta


@cache
def mapping(*ids: str | None) -> Mapping:
    """Loading one takes a tenth of a second."""
    return load_mapping("meta", settings=dict(zip(IDS, ids, strict=True)))


def event(name: str = "Contact", **values: Any) -> ConversionEvent:
    """One that nothing is wrong with."""
    values.setdefault("contact", {"email": "ada@example.com"})
    if not isinstance(values["contact"], Contact):
        values["contact"] = Contact.from_paths(values["contact"])
    return ConversionEvent(**{"id": "e-1", "name": name, "at": NOW, "channel": "other", **values})


def drafted(meta: Meta, *events: ConversionEvent) -> list[Draft]:
    drafts = [meta.draft(e) for e in events]
    assert not [d for d in drafts if isinstance(d, Rejected)], drafts
    return [d for d in drafts if isinstance(d, Draft)]


def payload(meta: Meta, one: ConversionEvent) -> dict[str, Any]:
    [draft] = drafted(meta, one)
    return dict(draft.payload)


def refused(meta: Meta, one: ConversionEvent) -> str:
    """The code for which an event is not even sent."""
    found = meta.draft(one)
    assert isinstance(found, Rejected), found
    return found.code
