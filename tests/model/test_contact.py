"""The contact: paths and the typed view of them say the same, and neither ever shows a person."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import rich
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rich.console import Console

from stagebridge import normalize
from stagebridge.contact import (
    ADDRESS,
    GROUP_OF,
    METADATA,
    OPEN,
    PATHS,
    Consent,
    Contact,
    full_name,
    kind_of,
    same,
    split_name,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8).map(normalize.text)
OF_KIND: dict[str, st.SearchStrategy[Any]] = {
    "text": names,
    "opaque": names,
    "stage": st.sampled_from(["lead", "customer"]),
    "email": st.sampled_from(["ada@example.com", "bob@example.com"]),
    "phone": st.sampled_from(["+491701234567", "+442079460000"]),
    "emails": st.frozensets(st.sampled_from(["carla@example.com", "dora@example.com"])),
    "phones": st.frozensets(st.just("+390669820000")),
    "set": st.frozensets(names),
    "country": st.sampled_from(["DE", "KE"]),
    "language": st.sampled_from(["de", "pt-BR"]),
    "timezone": st.just("Europe/Berlin"),
    "url": st.just("https://example.com/A"),
    "date": st.dates(),
    "datetime": st.integers(0, 10**12).map(lambda ms: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)),
    "consent": st.sampled_from(["granted", "denied"]),
    "gender": st.sampled_from("fmx"),
    "number": st.integers(0, 100),
    "any": st.one_of(names, st.integers(), st.booleans(), st.dates()),
}
paths = st.one_of(st.sampled_from(sorted(PATHS)), st.builds("{}{}".format, st.sampled_from(sorted(OPEN)), names))


@st.composite
def contacts(draw: st.DrawFn) -> dict[str, Any]:
    chosen = draw(st.lists(paths, unique=True, max_size=12))
    return {p: draw(st.one_of(st.none(), OF_KIND[str(kind_of(p))])) for p in chosen}


def reasons(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Contact(**values)
    return str(caught.value)


@given(contacts())
def test_paths_survive_the_way_into_the_typed_view_and_back(values: dict[str, Any]) -> None:
    back = Contact.from_paths(values).paths()
    assert set(back) == set(values)
    assert all(same(back[p], values[p]) for p in values)


def test_an_absent_path_says_nothing_and_none_says_cleared() -> None:
    contact = Contact.from_paths({"phone": None, "consent.email": None, "address.city": None, "custom.plan": None})
    assert contact.paths() == {"phone": None, "consent.email": None, "address.city": None, "custom.plan": None}
    assert Contact().paths() == {}


def test_the_typed_view_has_the_values_of_the_paths() -> None:
    contact = Contact.from_paths({
        "email": "ada@example.com", "address.country": "DE", "consent.email": "denied", "consent.email.at": NOON,
        "custom.plan.name": "gold", "birthday": date(1990, 2, 28),
    })  # fmt: skip
    assert contact.email == "ada@example.com"
    assert contact.address.country == "DE"
    assert contact.consent.email == Consent(value="denied", at=NOON)
    assert contact.custom == {"plan.name": "gold"}
    assert contact.birthday == date(1990, 2, 28)


def test_what_people_write_is_brought_into_canonical_form() -> None:
    contact = Contact(
        email=" ADA@Example.com", phone="+44 (0)20 7946 0000", first_name=" Zoe\u0308 ", language="pt_br",
        emails=frozenset({"Ada@example.com", "B@example.com"}), website="HTTPS://Example.com/A",
    )  # fmt: skip
    assert contact.paths() == {
        "email": "ada@example.com", "emails": frozenset({"b@example.com"}), "phone": "+442079460000",
        "first_name": "Zoë", "language": "pt-BR", "website": "https://example.com/A",
    }  # fmt: skip


def test_the_first_address_is_not_among_the_further_ones() -> None:
    number = "+442079460000"
    assert Contact(phone=number, phones=frozenset({number, "+390669820000"})).phones == {"+390669820000"}


@pytest.mark.parametrize("field", ["stage_at", "created_at", "updated_at"])
def test_moments_are_utc_and_cut_to_milliseconds(field: str) -> None:
    given_at = datetime(2026, 3, 1, 13, 0, 0, 123999, timezone(timedelta(hours=1)))
    assert Contact.from_paths({field: given_at}).paths() == {field: datetime(2026, 3, 1, 12, 0, 0, 123000, UTC)}


@pytest.mark.parametrize("path", ["stage_at", "consent.sms.at", "custom.renewal"])
def test_a_moment_without_a_time_zone_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="a datetime without a time zone; give it one"):
        Contact.from_paths({path: datetime(2026, 3, 1)})


def test_a_value_without_a_canonical_form_is_refused_with_the_reason_and_not_shown() -> None:
    message = reasons(email="ada at example.com", phone="0170 1234567", gender="woman")
    assert "'ada…' is not an e-mail address" in message
    assert "a national number and no default_region is set ('017…')" in message
    assert "Input should be 'f', 'm' or 'x'" in message
    assert not any(part in message for part in ("example.com", "1234567", "woman"))


@pytest.mark.parametrize("path", ["adress.city", "consent.fax", "custom.", "address", "Email"])
def test_a_path_that_does_not_exist_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=f"a contact has no path '{path}'"):
        Contact.from_paths({path: "x"})


def test_a_contact_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Contact().email = "ada@example.com"  # type: ignore[misc]


def test_no_way_of_printing_a_contact_shows_the_person() -> None:
    contact = Contact.from_paths({"email": "ada@example.com", "custom.plan": "gold", "address.city": "Nairobi"})
    console = Console(record=True, width=200)
    with console.capture() as pretty:
        console.print(contact)
        console.print(rich.pretty.Pretty(contact))
    for shown in (repr(contact), str(contact), f"{contact}", f"{[contact]}", pretty.get(), repr(contact.address)):
        assert not any(secret in shown for secret in ("ada@", "gold", "Nairobi"))
    assert repr(contact) == "Contact(address, custom, email)"


# --- what is known of paths -----------------------------------------------------------------------------------


def test_every_fixed_path_is_a_field_of_the_contact() -> None:
    cleared = Contact.from_paths(dict.fromkeys(PATHS))
    assert set(cleared.paths()) == set(PATHS)


def test_open_paths_have_the_kind_of_their_prefix() -> None:
    assert {p: kind_of(p) for p in ("custom.a", "scores.fit", "click_ids.fbc", "lead_ids.meta", "chat_ids.x")} == {
        "custom.a": "any", "scores.fit": "number", "click_ids.fbc": "opaque", "lead_ids.meta": "opaque",
        "chat_ids.x": "opaque",
    }  # fmt: skip
    assert kind_of("scores.") is None


def test_a_decision_and_what_dates_it_are_one_group() -> None:
    assert GROUP_OF["consent.email.at"] == GROUP_OF["consent.email.source"] == GROUP_OF["consent.email"]
    assert GROUP_OF["consent.sms"] != GROUP_OF["consent.email"]
    assert GROUP_OF["stage_at"] == GROUP_OF["lost_reason"] == GROUP_OF["stage"]
    assert {GROUP_OF[p] for p in ADDRESS} == {"address"}
    assert "email" not in GROUP_OF


def test_what_describes_another_path_is_never_owed() -> None:
    assert {"stage_at", "consent.ads.at", "consent.ads.source", "created_at", "updated_at"} <= METADATA
    assert not METADATA & {"stage", "consent.ads", "source", "lost_reason"}


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [("Ada", "Okafor", "Ada Okafor"), ("Ada", None, "Ada"), (None, "Okafor", "Okafor"), (None, None, None)],
)
def test_one_name_is_made_of_first_and_last(first: str | None, last: str | None, name: str | None) -> None:
    assert full_name(first, last) == name


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Ada Okafor", "Ada", "Okafor"), ("José María Pérez", "José María", "Pérez"), ("Björk", None, "Björk")],
)
def test_the_last_word_of_one_name_is_the_last_name(name: str, first: str | None, last: str) -> None:
    assert split_name(name) == (first, last)
    assert full_name(*split_name(name)) == name
