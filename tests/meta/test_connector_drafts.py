"""What an event of ours is for Meta, what it never takes, and what comes back when it is read again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from meta_kit import DATASET, IDS, NOW, connection, drafted, event, payload, refused
from stagebridge.connector import Draft
from stagebridge.contact import Contact
from stagebridge.event import ConversionEvent, Item
from stagebridge.mapping import load_mapping
from stagebridge_meta.normalise import user_value
from stagebridge_meta.settings import MESSAGING_EVENTS

ADA = user_value("em", "ada@example.com")
MONEY = {"value": Decimal("12.50"), "currency": "EUR"}
LEAD = "12345678901234567"


def test_a_purchase_on_a_website_is_what_the_documentation_shows() -> None:
    with connection() as meta:
        made = payload(
            meta,
            event(
                "Purchase", channel="web", source_url="https://shop.example.com/thanks", referrer="https://example.org",
                ip="203.0.113.7", user_agent="Mozilla/5.0", order_id="o-1", click_ids={"fbc": "fb.1.1596403881668.AbC", "fbp": "fb.1.1.2"},
                items=(Item(id="sku", name="Lamp", quantity=2, price=Decimal("6.25"), brand="Lux", category="Light"),), **MONEY,
            ),
        )  # fmt: skip
    assert made == {
        "event_name": "Purchase", "event_id": "e-1", "event_time": int(NOW.timestamp()), "action_source": "website",
        "event_source_url": "https://shop.example.com/thanks", "referrer_url": "https://example.org",
        "user_data": {
            "em": [ADA], "client_ip_address": "203.0.113.7", "client_user_agent": "Mozilla/5.0",
            "fbc": "fb.1.1596403881668.AbC", "fbp": "fb.1.1.2",
        },
        "custom_data": {
            "value": 12.5, "currency": "EUR", "order_id": "o-1",
            "contents": [{"id": "sku", "title": "Lamp", "quantity": 2, "item_price": 6.25, "brand": "Lux", "category": "Light"}],
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "source"),
    [("app", "app"), ("physical_store", "physical_store"), ("chat", "chat"), ("phone", "phone_call"), ("email", "email"), ("other", "other")],
)  # fmt: skip
def test_each_channel_has_its_action_source(channel: Any, source: str) -> None:
    with connection() as meta:
        assert payload(meta, event(channel=channel))["action_source"] == source


def test_a_stage_of_a_lead_is_a_conversion_lead_with_its_number_as_it_is() -> None:
    with connection() as meta:
        for ids in ({"lead_ids": {"meta": LEAD}}, {"contact": {"email": "ada@example.com", "lead_ids.meta": LEAD}}):
            made = payload(meta, event("StageChanged", channel="crm", stage="marketing_qualified", **ids))
            assert made["event_name"] == "marketing_qualified"
            assert made["action_source"] == "system_generated"
            assert made["user_data"] == {"em": [ADA], "lead_id": int(LEAD)}
            assert made["custom_data"] == {"event_source": "crm", "lead_event_source": "Acme CRM"}
        wrong = drafted(meta, event("Own stage", channel="crm", lead_ids={"meta": "123"}))[0]
    assert wrong.payload["user_data"] == {"em": [ADA]}
    assert wrong.payload["event_name"] == "Own stage"
    assert wrong.warnings == ("lead_ids.meta is left out: a lead id of Meta has 15 to 17 digits",)


@pytest.mark.parametrize(
    ("chat", "said", "user"),
    [
        ("whatsapp", {"click_ids": {"ctwa_clid": "Aff"}}, {"ctwa_clid": "Aff", "whatsapp_business_account_id": "200"}),
        ("messenger", {"contact": {"chat_ids.messenger": "17"}}, {"page_scoped_user_id": "17", "page_id": "100"}),
        ("instagram", {"contact": {"chat_ids.instagram": "18"}}, {"ig_sid": "18", "ig_account_id": "300"}),
    ],
)
def test_a_conversation_names_its_account_and_the_person_and_nothing_of_a_browser(
    chat: Any, said: dict[str, Any], user: dict[str, Any]
) -> None:
    with connection() as meta:
        contact = {"email": "ada@example.com", "click_ids.fbp": "fb.1.1.2", **said.pop("contact", {})}
        browser = {"ip": "203.0.113.7", "user_agent": "Mozilla", "source_url": "https://example.com"}
        one = event("Lead", channel="chat", chat=chat, contact=contact, **browser, **said)
        [made] = drafted(meta, one)
    assert made.payload == {
        "event_name": "LeadSubmitted", "event_id": "e-1", "event_time": int(NOW.timestamp()),
        "action_source": "business_messaging", "messaging_channel": chat, "user_data": {"em": [ADA], **user},
    }  # fmt: skip
    assert made.dedup == 0.0


def test_nothing_of_a_browser_is_sent_even_where_a_mapping_of_ones_own_says_so() -> None:
    own = {"extends": "meta", "event": {"variants": {"instagram": {"fields": {"ip": "user_data.client_ip_address"}}}}}
    with connection() as meta:
        meta.use(load_mapping(own, settings=IDS))
        talk = event("Lead", channel="chat", chat="instagram", ip="203.0.113.7", contact={"chat_ids.instagram": "18"})
        assert payload(meta, talk)["user_data"] == {"ig_sid": "18", "ig_account_id": "300"}


def whatsapp(name: str, **more: Any) -> ConversionEvent:
    return event(name, channel="chat", chat="whatsapp", click_ids={"ctwa_clid": "Aff"}, **more)


def test_business_messaging_takes_fourteen_names_and_a_stage_has_one_of_them() -> None:
    with connection() as meta:
        ours = {
            "LeadSubmitted": "Lead",
            "OrderCanceled": "OrderCancelled",
            "ReviewProvided": "Review",
            "QualifiedLead": "LeadQualified",
        }
        names = [payload(meta, whatsapp(ours.get(n, n), **MONEY))["event_name"] for n in MESSAGING_EVENTS]
        assert names == list(MESSAGING_EVENTS)
        assert len(names) == 14
        assert payload(meta, whatsapp("StageChanged", stage="hot_lead"))["event_name"] == "QualifiedLead"
        assert refused(meta, whatsapp("StageChanged", stage="customer")) == "SB-EVENT-DROPPED"
        assert refused(meta, whatsapp("Search")) == "SB-EVENT-DROPPED"
    with connection(messaging_events=["Purchase"]) as meta:
        assert refused(meta, whatsapp("Lead")) == "SB-META-NAME"
        assert payload(meta, whatsapp("Purchase", **MONEY))["event_name"] == "Purchase"


def test_a_conversation_without_its_account_or_person_is_not_sent() -> None:
    with connection(whatsapp_business_account_id=None) as meta:
        assert refused(meta, whatsapp("Lead")) == "SB-META-ACCOUNT-ID"
        assert refused(meta, event("Lead", channel="chat", chat="messenger")) == "SB-EVENT-INCOMPLETE"


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (event("Purchase"), "SB-EVENT-INCOMPLETE"),
        (event("Purchase", value=Decimal(1), currency="XXZ"), "SB-META-CURRENCY"),
        (event(channel="web"), "SB-EVENT-INCOMPLETE"),
        (event(contact={}), "SB-META-PERSON"),
        (
            event(contact={"address.city": "Berlin", "address.country": "DE", "gender": "f"}, user_agent="M"),
            "SB-META-PERSON",
        ),
        (event(contact={"first_name": "Ada", "gender": "f"}), "SB-META-PERSON"),
        (event(contact={"birthday": NOW.date()}, user_agent="M"), "SB-META-PERSON"),
        (event(at=NOW + timedelta(days=2)), "SB-META-FUTURE"),
        (event(custom={"content_ids": ["a", float("nan")]}), "SB-META-NUMBER"),
        (event(channel="app", custom={"app_data": {"x": float("inf")}}), "SB-META-NUMBER"),
    ],
)
def test_what_meta_would_refuse_a_thousand_events_for_is_not_sent(made: ConversionEvent, code: str) -> None:
    with connection() as meta:
        assert refused(meta, made) == code


@pytest.mark.parametrize(
    "contact",
    [
        {"phone": "+16505551212"}, {"external_id": "k"}, {"click_ids.fbp": "fb.1.1.2"},
        {"first_name": "Ada", "last_name": "Lovelace"}, {"first_name": "Ada", "address.city": "Berlin"},
        {"birthday": NOW.date(), "gender": "f"},
    ],
)  # fmt: skip
def test_whoever_is_named_well_enough_is_sent(contact: dict[str, Any]) -> None:
    with connection() as meta:
        assert payload(meta, event(contact=contact))


def test_what_cannot_be_said_of_a_person_is_left_out_with_its_reason() -> None:
    with connection() as meta:
        [made] = drafted(meta, event(contact={"email": "ada@example.com", "gender": "x", "first_name": "!!!"}))
    assert made.payload["user_data"] == {"em": [ADA]}
    assert sorted(made.warnings) == [
        "contact.first_name is left out: has neither letters nor digits", "contact.gender is left out: Meta knows f and m",
    ]  # fmt: skip


def test_a_draft_says_until_when_it_is_taken_and_for_how_long_a_repeat_is_dropped() -> None:
    with connection(dedup=3600) as meta:
        [one, store] = drafted(meta, event(), event(channel="physical_store"))
    assert (one.id, one.group, one.deadline, one.dedup) == ("e-1", DATASET, NOW + timedelta(days=7), 3600.0)
    assert store.deadline == NOW + timedelta(days=62)


def test_a_website_event_without_a_browser_is_sent_with_a_warning() -> None:
    with connection(data_processing_options=["LDU"]) as meta:
        [made] = drafted(
            meta, event("x" * 51, channel="web", source_url="https://example.com", click_ids={"fbc": "AbC"})
        )
        [app] = drafted(meta, event(channel="app", ip="203.0.113.7", custom={"app_data": {"extinfo": ["i2"]}}))
    assert [w.split(" ")[0] for w in made.warnings] == ["a", "limited", "click_ids.fbc", "its"]
    assert app.warnings == ()
    assert app.payload["app_data"] == {"extinfo": ["i2"]}


def test_each_channel_may_have_a_dataset_and_a_token_of_its_own() -> None:
    own = {"instagram": {"id": "77", "token": "EAAinstagram"}, "crm": {"id": "88"}}
    with connection(datasets=own) as meta:
        groups = [
            d.group
            for d in drafted(
                meta, event(), event(channel="crm", contact={"email": "ada@example.com"}),
                event("Lead", channel="chat", chat="instagram", contact={"chat_ids.instagram": "18"}),
            )
        ]  # fmt: skip
        assert groups == [DATASET, "88", "77/instagram"]
        assert [meta.target(g) for g in groups] == [
            (DATASET, "EAAsecret"), ("88", "EAAsecret"), ("77", "EAAinstagram"),
        ]  # fmt: skip
    with connection(dataset=None, datasets=own) as meta:
        assert refused(meta, event()) == "SB-META-NO-DATASET"
        assert isinstance(meta.draft(event(channel="crm")), Draft)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, {}),
        ({"data_processing_options": []}, {"data_processing_options": []}),
        (
            {"data_processing_options": ["LDU"], "opt_out": True},
            {
                "data_processing_options": ["LDU"], "data_processing_options_country": 0,
                "data_processing_options_state": 0, "opt_out": True,
            },
        ),
        (
            {
                "data_processing_options": ["LDU"], "data_processing_options_country": "1",
                "data_processing_options_state": "1000", "opt_out": False,
            },
            {
                "data_processing_options": ["LDU"], "data_processing_options_country": 1,
                "data_processing_options_state": 1000, "opt_out": False,
            },
        ),
    ],
)  # fmt: skip
def test_what_the_law_asks_for_goes_along_with_every_event(settings: dict[str, Any], said: dict[str, Any]) -> None:
    with connection(**settings) as meta:
        made = payload(meta, event())
    assert {k: v for k, v in made.items() if k.startswith(("data_", "opt_"))} == said


@pytest.mark.parametrize(
    "settings",
    [
        {"test_event_code": "TEST1"}, {"data_processing_options_country": 1, "data_processing_options": ["LDU"]},
        {"data_processing_options_country": 1, "data_processing_options_state": 1000}, {"dataset": "my pixel"},
        {"data_processing_options": ["GDPR"]}, {"datasets": {"fax": {"id": "1"}}}, {"api_version": "26"},
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        connection(**settings)


# --- and back ------------------------------------------------------------------------------------------------------

READABLE = [
    event(
        "Purchase", channel="web", source_url="https://example.com", ip="203.0.113.7", user_agent="M", order_id="o",
        click_ids={"fbc": "fb.1.1596403881668.A", "fbp": "fb.1.1.2"}, items=(Item(id="a", quantity=1, price=Decimal("1.5")),),
        custom={"content_name": "Lamps", "num_items": 2, "predicted_ltv": 99.5, "content_ids": ["a", "b"]}, contact={}, **MONEY,
    ),
    event("StageChanged", channel="crm", stage="customer", lead_ids={"meta": LEAD}, contact={}),
    event("Lead", channel="chat", chat="whatsapp", click_ids={"ctwa_clid": "Aff"}, contact={}),
    event("LeadQualified", channel="chat", chat="messenger", contact={"chat_ids.messenger": "17"}),
    event("Purchase", channel="chat", chat="instagram", contact={"chat_ids.instagram": "18"}, **MONEY),
    event("Custom name", channel="app", click_ids={"madid": "6d92078a"}, contact={}),
    *(event(channel=c, contact={}, click_ids={"fbp": "fb.1.1.2"}) for c in ("physical_store", "chat", "phone", "email", "other")),
]  # fmt: skip


@pytest.mark.parametrize("made", READABLE, ids=lambda e: f"{e.name} {e.chat or e.channel}")
def test_an_event_that_is_read_back_is_the_event_that_was_written(made: ConversionEvent) -> None:
    with connection() as meta:
        assert meta.mapping is not None
        written = payload(meta, made)
        view, [back] = meta.mapping.read_event(written)
        assert back.model_copy(update={"raw": None}) == made
        assert view.problems == {}
        assert payload(meta, back) == written


def test_what_is_hashed_is_the_only_thing_that_is_lost() -> None:
    with connection() as meta:
        assert meta.mapping is not None
        whole = Contact.from_paths({"email": "ada@example.com", "phone": "+16505551212", "chat_ids.messenger": "17"})
        written = payload(meta, event("Lead", channel="chat", chat="messenger", contact=whole))
        _, [back] = meta.mapping.read_event(written)
        assert back.contact == Contact(chat_ids={"messenger": "17"})
        assert {**payload(meta, back), "user_data": written["user_data"]} == written
        assert back.raw == written


def test_somebody_elses_payload_becomes_an_event() -> None:
    theirs = {
        "event_name": "Purchase", "event_time": 1795000000, "event_id": "order-9", "action_source": "website",
        "event_source_url": "https://example.com", "opt_out": True,
        "user_data": {"em": [ADA], "fbc": "fb.1.1596403881668.A", "client_user_agent": "M"},
        "custom_data": {"value": 9, "currency": "usd", "contents": [{"id": "a", "quantity": 1, "item_price": 9}], "other": 1},
    }  # fmt: skip
    with connection() as meta:
        assert meta.mapping is not None
        view, [made] = meta.mapping.read_event(theirs)
        assert (made.name, made.id, made.value, made.currency, made.items[0].id, made.channel) == (
            "Purchase", "order-9", Decimal(9), "USD", "a", "web",
        )  # fmt: skip
        assert made.contact.stage is None
        assert view.problems == {}
        again = payload(meta, made)
        assert {k: again[k] for k in ("event_name", "event_time", "event_id", "action_source")} == {
            k: theirs[k] for k in ("event_name", "event_time", "event_id", "action_source")
        }
        for wrong, path in (
            ({**theirs, "event_time": 1795000000000}, "event.at"),
            ({k: v for k, v in theirs.items() if k != "event_id"}, "event.id"),
            ({**theirs, "action_source": "system_generated"}, "event"),
        ):
            view, events = meta.mapping.read_event(wrong)
            assert (list(view.problems), events) == ([path] if path != "event.at" else ["event.at"], [])
