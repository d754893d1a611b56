"""Conversion events: an id for ever, money that adds up, and no person in any repr."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stagebridge.contact import Contact
from stagebridge.event import ConversionEvent, Item, derive_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
words = st.text(st.characters(exclude_categories=["C"]), max_size=8)


def event(**values: Any) -> ConversionEvent:
    return ConversionEvent(**{"id": "order-1", "name": "Purchase", "at": NOON, **values})


def reason(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        event(**values)
    return str(caught.value)


# --- ids ------------------------------------------------------------------------------------------------------


def test_a_derived_id_never_changes() -> None:
    assert str(derive_id("crm", "contacts", "101", "customer", NOON)) == "0c89c47b-f6a9-5b8c-be17-a934eb0d593e"


def test_a_derived_id_is_that_of_the_instant_however_it_is_written() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9))) + timedelta(microseconds=400)
    assert derive_id("crm", "contacts", "101", "customer", elsewhere) == derive_id(
        "crm", "contacts", "101", "customer", NOON
    )


@given(st.lists(st.tuples(words, words, words, words), min_size=2, max_size=2, unique=True))
def test_different_sources_have_different_ids(sources: list[tuple[str, str, str, str]]) -> None:
    one, other = sources
    assert derive_id(*one, NOON) != derive_id(*other, NOON)


def test_a_later_entry_of_the_same_stage_is_another_event() -> None:
    later = NOON + timedelta(milliseconds=1)
    assert derive_id("crm", "contacts", "101", "customer", NOON) != derive_id(
        "crm", "contacts", "101", "customer", later
    )


def test_an_id_is_not_derived_from_a_time_without_a_zone() -> None:
    with pytest.raises(ValueError, match="a datetime without a time zone; give it one"):
        derive_id("crm", "contacts", "101", "customer", datetime(2026, 3, 1))


# --- values ---------------------------------------------------------------------------------------------------


def test_an_event_keeps_what_it_is_given() -> None:
    bought = event(
        value="19.90", currency="EUR", channel="chat", chat="whatsapp", items=[{"id": "sku", "quantity": 2, "price": "9.95"}],
        contact=Contact(email="ada@example.com"), click_ids={"fbc": "fb.1.AbC"}, raw={"anything": [1]},
    )  # fmt: skip
    assert bought.value == Decimal("19.90")
    assert bought.items == (Item(id="sku", quantity=2, price=Decimal("9.95")),)
    assert bought.contact.email == "ada@example.com"
    assert bought.click_ids == {"fbc": "fb.1.AbC"}
    assert bought.raw == {"anything": [1]}


def test_any_name_beside_the_canonical_ones_is_a_custom_event() -> None:
    assert event(name="WebinarAttended").name == "WebinarAttended"


def test_a_moment_is_cut_to_milliseconds_in_utc() -> None:
    at = datetime(2026, 3, 1, 13, 0, 0, 1999, timezone(timedelta(hours=1)))
    assert event(at=at).at == datetime(2026, 3, 1, 12, 0, 0, 1000, UTC)


def test_nothing_may_cost_nothing() -> None:
    assert event(value=0, currency="EUR").value == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"value": 5}, "value and currency come together: give both or neither"),
        ({"currency": "EUR"}, "value and currency come together: give both or neither"),
        ({"value": -1, "currency": "EUR"}, "greater than or equal to 0"),
        ({"value": "NaN", "currency": "EUR"}, "finite number"),
        ({"value": "Infinity", "currency": "EUR"}, "finite number"),
        ({"value": 5, "currency": "eur"}, "match pattern"),
        ({"value": 5, "currency": "EURO"}, "match pattern"),
        ({"at": datetime(2026, 3, 1)}, "a datetime without a time zone; give it one"),
        ({"id": ""}, "at least 1 character"),
        ({"name": ""}, "at least 1 character"),
        ({"channel": "telepathy"}, "Input should be 'web', 'app'"),
        ({"consent_ads": "maybe"}, "Input should be 'granted' or 'denied'"),
        ({"items": [{"price": "-1"}]}, "greater than or equal to 0"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_event_is_refused_with_the_reason(values: dict[str, Any], message: str) -> None:
    assert message in reason(**values)


def test_neither_a_repr_nor_a_refusal_shows_a_person() -> None:
    told = event(contact=Contact(email="ada@example.com"), ip="203.0.113.7", raw={"email": "ada@example.com"}, key="7")
    assert repr(told) == str(told) == "ConversionEvent(id='order-1', name='Purchase', at='2026-03-01T12:00:00+00:00')"
    assert "example" not in reason(contact={"email": "ada at example"}, ip=["example"])
