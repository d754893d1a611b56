"""TikTok's events read back: an event of ours that was written, and one that somebody else did."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from stagebridge.contact import Contact
from stagebridge.event import ConversionEvent, Item
from stagebridge.mapping import Mapping, load_mapping
from tiktok_http import LEAD, NOW, sha

AT = datetime.fromtimestamp(NOW, UTC)
STANDARD = (
    "AddPaymentInfo", "AddToCart", "CompleteRegistration", "Contact", "InitiateCheckout", "Lead", "Purchase", "Schedule",
    "Search", "StartTrial", "SubmitApplication", "Subscribe", "ViewContent",
)  # fmt: skip


@pytest.fixture(scope="module", params=["tiktok", "tiktok_matching"])
def m(request: pytest.FixtureRequest) -> Mapping:
    return load_mapping(request.param, settings={"crm_name": "HubSpot"})


def made_up(draw: random.Random) -> ConversionEvent:
    """An event of any source, of which some is known and some not; of the person only what is not hashed."""

    def some(**values: Any) -> dict[str, Any]:
        return {k: v for k, v in values.items() if draw.random() < 0.6}

    channel = draw.choice(("web", "app", "crm", "physical_store"))
    own = {
        "web": ("Our own", "LeadQualified"),
        "app": ("Our own",),
        "crm": ("LeadQualified", "StageChanged"),
        "physical_store": (),
    }
    name = draw.choice((*STANDARD, *own[channel]))
    click = {"ttclid": "E.C.P"} | (some(ttp="94e2") if channel == "web" else {})
    there = some(ip="192.0.2.1", user_agent="Mozilla/5.0") if channel in ("web", "app") else {}
    if channel == "web":
        there |= {"source_url": "https://shop.example/x", **some(referrer="https://shop.example/")}
    items = (Item(id="sku1", quantity=2, price=Decimal("15.25")), Item(name="Vase", category="home", brand="Acme"))
    money = {"value": Decimal("30.5"), "currency": "EUR"} if draw.random() < 0.6 else {}
    return ConversionEvent(
        id=f"e{draw.randrange(10**6)}", name=name, at=AT, channel=channel, click_ids=click, **money, **there,
        **some(order_id="42", items=items), contact=Contact(**some(language="pt-BR")),
        lead_ids={"tiktok": LEAD} if channel == "crm" else {}, stage="customer" if name == "StageChanged" else None,
        custom=some(idfa="AEBE52E7", att_status="DENIED") if channel == "app" else {},
    )  # fmt: skip


def test_an_event_that_is_read_back_is_the_event_that_was_written(m: Mapping) -> None:
    draw = random.Random(1)
    for _ in range(300):
        made = made_up(draw)
        written = m.write_event(made)
        view, [back] = m.read_event(written)
        assert view.problems == {}
        assert back.model_copy(update={"raw": None}) == made
        assert back.raw == written
        assert m.write_event(back) == written


def test_what_is_hashed_is_written_and_never_read(m: Mapping) -> None:
    person = {"email": "a@example.com", "emails": frozenset({"b@example.com"}), "phone": "+442079460001",
              "phones": frozenset({"+442079460002"}), "external_id": "k-1", "first_name": "Ada"}  # fmt: skip
    event = ConversionEvent(
        id="1",
        name="Lead",
        at=AT,
        channel="web",
        source_url="https://shop.example/",
        contact=Contact.from_paths(person),
    )
    written = m.write_event(event)
    assert written["user"]["email"] == [sha("a@example.com"), sha("b@example.com")]
    assert written["user"]["phone"] == [sha("+442079460001"), sha("+442079460002")]
    view, [back] = m.read_event(written)
    assert (view, back.contact) == ({}, Contact())


@pytest.mark.parametrize(("source", "theirs", "ours", "channel"), [
    ("web", "Purchase", "Purchase", "web"), ("offline", "Lead", "Lead", "physical_store"), ("crm", "Qualified", "LeadQualified", "crm"),
    ("app", "Level Up", "Level Up", "app"), ("crm", "customer", "StageChanged", "crm"),
])  # fmt: skip
def test_somebody_elses_event_is_read_by_its_source_and_under_our_name(
    m: Mapping, source: str, theirs: str, ours: str, channel: str
) -> None:
    entry = {
        "event_source": source, "event": theirs, "event_time": NOW, "event_id": "x", "user": {"email": sha("a@example.com")},
        "lead": {"lead_id": LEAD, "lead_event_source": "Another CRM"}, "properties": {"value": 1.5, "currency": "USD"},
    }  # fmt: skip
    view, [back] = m.read_event(entry)
    assert view.problems == {}
    assert (back.name, back.channel, back.value) == (ours, channel, Decimal("1.5"))
    assert back.lead_ids == ({"tiktok": LEAD} if source == "crm" else {})
    assert back.contact.stage is None


@pytest.mark.parametrize("theirs", ["CompletePayment", "SubmitForm"])
def test_an_old_name_is_a_current_one(m: Mapping, theirs: str) -> None:
    entry = {
        "event_source": "web",
        "event": theirs,
        "event_time": NOW,
        "event_id": "x",
        "page": {"url": "https://x.example/"},
    }
    _, [back] = m.read_event(entry)
    rewritten = m.write_event(back.model_copy(update={"click_ids": {"ttclid": "c"}}))
    assert rewritten["event"] == {"CompletePayment": "Purchase", "SubmitForm": "Lead"}[theirs]


def test_an_entry_without_a_source_is_nobodys(m: Mapping) -> None:
    view, events = m.read_event({"event": "Lead", "event_time": NOW, "event_id": "x"})
    assert (list(view.problems), events) == (["event"], [])
