"""The event section: one of our events as a platform takes it, and a platform's document as our events."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from stagebridge.contact import Contact
from stagebridge.errors import MappingError
from stagebridge.event import ConversionEvent, Item
from stagebridge.mapping import Mapping, load_mapping, steps
from stagebridge.mapping.steps import Beside

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

ADS: dict[str, Any] = {
    "platform": "ads",
    "event": {
        "name_field": "event_name",
        "fields": {
            "id": "event_id",
            "at": {"write": "event_time", "as": "epoch_s"},
            "contact.email": {"write": "user.em()", "as": ["email", "sha256"]},
            "contact.phone": {"write": "user.ph()", "as": ["phone", "digits", "sha256"]},
            "contact.mobile": {"write": "user.ph()", "as": ["phone", "digits", "sha256"]},
            "contact.birthday": {"write": "user.db", "as": ["compact"]},
            "contact.gender": {"write": "user.ge", "as": ["upper"], "values": {"f": "f", "m": "m", "x": {"cannot": "f and m only"}}},
            "value": {"write": "data.value", "as": "decimal"},
            "currency": {"write": "data.currency"},
            "items": {"write": "data.contents", "each": {"id": "id", "quantity": {"field": "quantity", "as": "int"}, "price": {"field": "item_price", "as": "decimal"}}},
        },
        "names": {"Purchase": {"name": "Purchase", "require": ["value", "currency"]}, "StageChanged": "{stage}", "StageChanged/customer": "Converted"},
        "others": "pass",
        "require": ["contact.email | contact.phone"],
        "variants": {
            "web": {"when": {"channel": ["web", "app"]}, "set": {"source": "website", "account": "$account"}},
            "whatsapp": {"when": {"channel": "whatsapp"}, "others": "drop", "names": {"Lead": "LeadSubmitted"}},
            "other": {"set": {"source": "other"}},
        },
    },
}  # fmt: skip


def ads(**settings: str) -> Mapping:
    return load_mapping(ADS, settings=settings)


def event(name: str = "Lead", **values: Any) -> ConversionEvent:
    contact = values.pop("contact", Contact(email="zoe@example.com"))
    return ConversionEvent(**{"id": "e1", "name": name, "at": AT, "channel": "web", "contact": contact, **values})


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_event_is_written_through_its_steps() -> None:
    contact = Contact(
        email="zoe@example.com", phone="+4930123456", mobile="+491511234567", birthday=date(1990, 2, 28), gender="f"
    )
    entry = ads(account="a1").write_event(
        event(
            "Purchase", contact=contact, value=Decimal("12.50"), currency="EUR",
            items=(Item(id="sku", quantity=2, price=Decimal("6.25")),),
        )
    )  # fmt: skip
    assert entry == {
        "event_name": "Purchase", "event_id": "e1", "event_time": 1767323045, "source": "website", "account": "a1",
        "user": {"em": [sha("zoe@example.com")], "ph": [sha("4930123456"), sha("491511234567")], "db": "19900228", "ge": "F"},
        "data": {"value": 12.5, "currency": "EUR", "contents": [{"id": "sku", "quantity": 2, "item_price": 6.25}]},
    }  # fmt: skip
    assert (entry.variant, entry.problems) == ("web", {})


def test_a_value_that_cannot_be_said_is_named_and_the_event_goes_on() -> None:
    entry = ads().write_event(event(contact=Contact(email="zoe@example.com", gender="x")))
    assert entry.problems == {"contact.gender": "f and m only"}
    assert entry["event_name"] == "Lead"
    assert "account" not in entry


@pytest.mark.parametrize(
    ("made", "problems"),
    [
        (event("Purchase"), {"require": "needs value; needs currency"}),
        (event(contact=Contact(first_name="Zoë")), {"require": "needs contact.email or contact.phone"}),
        (event("Review", channel="chat", chat="whatsapp"), {"name": "whatsapp takes no Review"}),
    ],
)
def test_what_the_platform_does_not_take_is_not_written_and_says_why(
    made: ConversionEvent, problems: dict[str, str]
) -> None:
    entry = ads().write_event(made)
    assert (entry, entry.problems) == ({}, problems)


def test_a_stage_names_its_event_and_a_chat_its_variant() -> None:
    m = ads()
    assert m.write_event(event("StageChanged", stage="lead"))["event_name"] == "lead"
    assert m.write_event(event("StageChanged", stage="customer"))["event_name"] == "Converted"
    chat = m.write_event(event(channel="chat", chat="whatsapp"))
    assert (chat.variant, chat["event_name"]) == ("whatsapp", "LeadSubmitted")
    assert m.write_event(event("Custom", channel="phone")).variant == "other"


FORM: dict[str, Any] = {
    "platform": "form",
    "contact": {
        "fields": {"email": {"read": ["form.answers(type=email).email", "form.hidden.email"]}},
        "given": {"consent.email.source": "form"},
    },
    "event": {
        "fields": {"id": {"read": "form.token"}, "at": {"read": "form.at"}, "custom.score": {"read": "form.score", "as": "int"}},
        "given": {"name": "Lead", "channel": "web"},
    },
}  # fmt: skip


def test_a_document_is_read_as_a_contact_and_an_event() -> None:
    raw = {
        "form": {
            "token": "t1",
            "at": "2026-01-02T03:04:05Z",
            "score": 7,
            "answers": [{"type": "email", "email": "ZOE@example.com"}],
        }
    }
    contact, [made] = load_mapping(FORM).read_event(raw)
    assert contact == {"email": "zoe@example.com", "consent.email.source": "form"}
    assert (made.id, made.name, made.at, made.channel, made.custom, made.raw) == (
        "t1",
        "Lead",
        AT,
        "web",
        {"score": 7},
        raw,
    )
    assert made.contact.email == "zoe@example.com"


def test_a_document_without_what_an_event_needs_says_what() -> None:
    contact, events = load_mapping(FORM).read_event({"form": {"hidden": {"email": "n@example.com"}, "at": "soon"}})
    assert contact["email"] == "n@example.com"
    assert events == []
    assert contact.problems == {"event.at": "'soo…' is not a date and time", "event.id": "Field required"}


def test_what_is_wrong_in_the_event_section_is_told_at_once() -> None:
    wrong = {
        "platform": "ads",
        "event": {
            "fields": {"emial": "x", "at": {"write": "t", "as": "epoch"}, "items": {"write": "i", "each": {"sku": "s"}}},
            "require": ["contact.mail"], "others": "keep", "given": {"vale": "1"},
        },
    }  # fmt: skip
    with pytest.raises(MappingError) as refused:
        load_mapping(wrong)
    said = str(refused.value)
    for part in (
        "event.fields.emial: an event has no path emial", "event.fields.at: no codec is called 'epoch' (nearest: epoch_s)",
        "event.fields.items.each.sku: an item has no sku", "event.require: an event has no path contact.mail",
        "event.others: 'keep' is neither pass nor drop", "event.given.vale: an event has no path vale (nearest: value)",
    ):  # fmt: skip
        assert part in said


# --- back again -----------------------------------------------------------------------------------------------

BOTH_WAYS: dict[str, Any] = {
    "platform": "ads",
    "contact": {"fields": {"email": {"read": "form.email"}}, "given": {"stage": "lead"}},
    "event": {
        "name_field": "event_name",
        "fields": {
            "id": "event_id",
            "at": {"field": "event_time", "as": "epoch_s"},
            "contact.email": {"write": "user.em()", "as": ["email", "sha256"]},
            "contact.emails": {"write": "user.em()", "as": ["email", "sha256"]},
            "contact.click_ids.abc": {"write": "user.abc"},
            "click_ids.abc": "user.abc",
            "contact.chat_ids.messenger": "user.psid",
            "value": {"field": "data.value", "as": "decimal"},
            "currency": "data.currency",
            "items": {"field": "data.contents", "each": {"id": "id", "price": {"field": "item_price", "as": "decimal"}}},
            "custom.flag": {"field": "data.flag", "as": "bool"},
        },
        "names": {"Lead": "SubmitForm", "Contact": "SubmitForm", "StageChanged": "stage {stage}", "StageChanged/customer": "Converted"},
        "others": "pass",
        "variants": {
            "crm": {"when": {"channel": "crm"}, "set": {"source": "system", "data.of": "crm", "data.crm": "$crm"}},
            "messenger": {"when": {"channel": "messenger"}, "set": {"source": "messaging", "via": "messenger"}, "others": "drop"},
            "web": {"when": {"channel": ["web", "app"]}, "set": {"source": "web"}},
        },
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "made",
    [
        event("Lead", channel="web", contact=Contact()),
        event("Purchase", value=Decimal("0.10"), currency="EUR", contact=Contact(), items=(Item(id="a", price=Decimal(3)),)),
        event("StageChanged", stage="opportunity", channel="crm", contact=Contact()),
        event("StageChanged", stage="customer", channel="crm", contact=Contact(), custom={"flag": False}),
        event("Lead", channel="chat", chat="messenger", contact=Contact(chat_ids={"messenger": "17"})),
        event("Own name", click_ids={"abc": "X"}, contact=Contact()),
    ],
    ids=lambda e: f"{e.name} {e.channel}",
)  # fmt: skip
def test_an_event_that_is_read_back_is_the_event_that_was_written(made: ConversionEvent) -> None:
    m = load_mapping(BOTH_WAYS, settings={"crm": "Ours"})
    written = m.write_event(made)
    view, [back] = m.read_event(written)
    assert back.model_copy(update={"raw": None}) == made
    assert back.raw == written
    assert view.problems == {}
    assert m.write_event(back) == written


def test_what_is_hashed_is_not_read_back_and_what_the_contact_says_is_the_events_then() -> None:
    m = load_mapping(BOTH_WAYS)
    contact = Contact(
        email="zoe@example.com", emails=frozenset({"b@example.com", "a@example.com"}), click_ids={"abc": "X"}
    )
    written = m.write_event(event(contact=contact))
    assert written["user"] == {
        "em": [sha("zoe@example.com"), sha("a@example.com"), sha("b@example.com")], "abc": "X",
    }  # fmt: skip
    _, [back] = m.read_event(written)
    assert back.contact == Contact()
    assert back.click_ids == {"abc": "X"}


def test_a_variant_is_known_by_its_constants_and_not_by_a_setting() -> None:
    m = load_mapping(BOTH_WAYS, settings={"crm": "Ours"})
    foreign = {"event_name": "x", "event_id": "1", "event_time": 1767323045, "source": "system", "data": {"of": "crm", "crm": "Theirs"}}  # fmt: skip
    view, [back] = m.read_event(foreign)
    assert (view.variant, back.channel, back.name) == ("crm", "crm", "x")
    view, none = m.read_event({**foreign, "source": "elsewhere"})
    assert none == []
    assert view.problems == {"event": "is none of crm, messenger, web"}
    view, none = m.read_event({**foreign, "source": "messaging", "via": "messenger"})
    assert none == []
    assert view.problems["event.name"] == "'x' is in no row of the names"


def test_a_name_that_a_row_names_is_no_stages() -> None:
    names = {"StageChanged": "{stage}", "Signup": "lead", "Other": "lead", "Gone": "drop"}
    m = load_mapping({"platform": "x", "event": {"name_field": "n", "fields": {"id": "i", "at": "t"}, "names": names}})

    def read(name: str) -> tuple[str, str | None]:
        _, [back] = m.read_event({"n": name, "i": "1", "t": "2026-01-02T03:04:05Z"})
        return back.name, back.stage

    assert read("lead") == ("Signup", None)
    assert read("customer") == ("StageChanged", "customer")
    assert m.read_event({"n": "drop", "i": "1", "t": "2026-01-02T03:04:05Z"})[1] == []


def test_an_event_says_nothing_of_the_records_that_the_contact_section_reads() -> None:
    view, [back] = load_mapping(BOTH_WAYS).read_event(
        {"event_name": "SubmitForm", "event_id": "1", "event_time": 5, "source": "web", "user": {"psid": "17"}}
    )
    assert view == {"chat_ids.messenger": "17"}
    assert (back.name, back.contact.stage) == ("Lead", None)
    assert load_mapping(BOTH_WAYS).read({"form": {"email": "a@example.com"}})["stage"] == "lead"
    assert "stage" not in load_mapping(BOTH_WAYS, lifecycle="messaging").read({"form": {"email": "a@example.com"}})


def test_a_connectors_own_step_may_look_at_a_second_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def zip_code(value: str, country: str | None) -> str:
        return value[:5] if country == "US" else value

    own = {"zip": Beside("contact.address.country", zip_code), "shout": str.upper}
    monkeypatch.setattr(steps, "of_connector", lambda platform: own if platform == "nimbus" else None)
    one = {"write": "user.zip", "as": ["nimbus.zip"]}
    two = {"write": "user.zip()", "as": ["lower", "nimbus.zip", "nimbus.shout"], "max": "8"}
    for spec, wanted in ((one, ["12345", "12345-6789"]), (two, [["12345"], None])):
        m = load_mapping(
            {"platform": "nimbus", "event": {"fields": {"contact.address.postal_code": spec}, "others": "pass"}}
        )
        for country, zip_ in zip(("US", "SA"), wanted, strict=True):
            contact = Contact.from_paths({"address.postal_code": "12345-6789", "address.country": country})
            written = m.write_event(event(contact=contact))
            assert written.get("user", {}).get("zip") == zip_
            assert bool(written.problems) == (zip_ is None)
    with pytest.raises(MappingError, match=r"'nimbus\.zip' looks at a second value; only events have such steps"):
        load_mapping({"platform": "nimbus", "contact": {"fields": {"address.postal_code": one}}})
    with pytest.raises(MappingError, match=r"'other\.zip' comes with the connector: pip install stagebridge-other"):
        load_mapping({"platform": "x", "event": {"fields": {"contact.email": {"write": "e", "as": ["other.zip"]}}}})
