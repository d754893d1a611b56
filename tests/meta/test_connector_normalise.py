"""Every pair of the facts page that Meta publishes, and every input that its two libraries treat differently, with our answer."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import date
from typing import Any

import pytest

from meta_kit import connection, event, payload
from stagebridge.normalize import Invalid
from stagebridge_meta.normalise import NORMALISED, lead_id, user_value

GOLDEN = [
    ("em", "john_smith@gmail.com", None, "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
    ("ph", "(650)555-1212", "US", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
    ("fn", "mary", None, "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
    ("fn", "정", None, "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
    ("fn", "valéry", None, "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
    ("db", "1997-02-16", None, "01acdbf6ec7b4f478a225f1a246e5d6767eeab1a7ffa17f025265b5b94f40f0c"),
    ("country", "US", None, "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
]


@pytest.mark.parametrize(("key", "value", "country", "wanted"), GOLDEN)
def test_what_meta_publishes_is_what_comes_out(key: str, value: str, country: str | None, wanted: str) -> None:
    assert user_value(key, value, country) == wanted


ROWS = [
    # key, value, country, our answer (None: left out), why
    ("em", " John_Smith@Gmail.com ", None, "john_smith@gmail.com", "trimmed, lower case; dots and +tags are not folded"),
    ("em", "j.smith+shop@gmail.com", None, "j.smith+shop@gmail.com", "Meta does not fold what Gmail folds"),
    ("em", "müller@müller.de", None, "müller@müller.de", "a valid address; whether Meta wants punycode is not known"),
    ("em", "\u200bjohn@x.de", None, "john@x.de", "nobody means a character that nobody sees"),
    ("em", "5f4dcc3b5aa765d61d8327deb882cf99", None, None, "MD5: Meta would take it for a person it does not know"),
    ("em", "", None, None, "nothing is left out, never sent as null"),
    ("ph", "0170 1234567", None, None, "without a country it is anybody's number"),
    ("ph", "0170 1234567", "DE", "491701234567", "the person's country, or the connection's default region, says which"),
    ("ph", "+49 (0)170 1234567", None, "491701234567", "the trunk zero in brackets is dialled within the country only"),
    ("ph", "0049 170 1234567", None, "491701234567", "00 is a +"),
    ("ph", "+49 170/1234567", None, "491701234567", "people write slashes"),
    ("ph", "+49.170.1234567", None, "491701234567", "and dots"),
    ("ph", "tel:+491701234567", None, "491701234567", "and links"),
    ("ph", "112", None, None, "nobody's number"),
    ("ph", "+999 123456789", None, None, "no country has that code"),
    ("ph", "+43 1 234", None, "431234", "short numbers exist in Austria"),
    ("ph", "+1 650 555 1212 ext 5", None, "16505551212", "an extension is no part of the number"),
    ("fn", "O'Brien", None, "obrien", "no punctuation"),
    ("fn", "Anna-Lena", None, "annalena", "no punctuation"),
    ("ln", "von der Heide", None, "vonderheide", "no spaces either, as Meta's newer library does"),
    ("fn", unicodedata.normalize("NFD", "Jürgen"), None, "jürgen", "one spelling of an umlaut, or the hash differs"),
    ("ln", "Groß", None, "groß", "no folding"),
    ("ln", "GROSS", None, "gross", "no folding: another name"),
    ("fn", "İpek", None, "i̇pek", "lower case as Unicode has it, which both libraries do"),
    ("fn", "नेहा", None, "नेहा", "a vowel sign is part of the letter"),
    ("ct", "München", None, "münchen", "the documentation says UTF-8; ASCII only would leave out half the world"),
    ("ct", "Łódź", None, "łódź", "the same"),
    ("ct", "東京", None, "東京", "the same"),
    ("ct", "L'Aquila", None, "laquila", "no punctuation"),
    ("ct", "Zürich 8001", None, "zürich8001", "no spaces"),
    ("st", "California", "US", "ca", "a code in the US"),
    ("st", "CA", "US", "ca", "a code already"),
    ("st", "Québec", "CA", "qc", "and in Canada"),
    ("st", "California", None, "california", "elsewhere, and where nobody says where, the name"),
    ("st", "Bayern", "DE", "bayern", "the name: its first two letters are nothing"),
    ("st", "Baden-Württemberg", "DE", "badenwürttemberg", "the name"),
    ("zp", "D-10115", "DE", "d10115", "cut at the dash only in the US"),
    ("zp", "A-1010", "AT", "a1010", "the same"),
    ("zp", "00-950", "PL", "00950", "the same"),
    ("zp", "1000-001", "PT", "1000001", "the same"),
    ("zp", "94025-1234", "US", "94025", "five digits in the US"),
    ("zp", "SW1A 1AA", "GB", "sw1a1aa", "no spaces"),
    ("country", "USA", None, "us", "a table of names"),
    ("country", "Germany", None, "de", "a table of names"),
    ("country", "UK", None, "gb", "the code of the United Kingdom is GB; Meta's library says uk"),
    ("country", "Schweiz", None, "ch", "never the first two letters"),
    ("country", "Österreich", None, "at", "never the first two letters"),
    ("country", "Atlantis", None, None, "what is unknown is left out and nothing raises"),
    ("db", "1997-02-16", None, "19970216", "ISO only; the form is ours"),
    ("db", "16.02.1997", None, None, "day or month first, nobody knows: the source has to say"),
    ("ge", "male", None, "m", "f and m"),
    ("ge", "Herr", None, None, "a form of address is no gender"),
    ("external_id", " CRM-1 ", None, "CRM-1", "trimmed, case kept: an id, and it has to be what the pixel sends"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "country", "wanted", "why"), ROWS, ids=[f"{r[0]} {r[1]!a} {r[2]}" for r in ROWS]
)
def test_each_input_that_the_libraries_disagree_on_has_our_answer(
    key: str, value: str, country: str | None, wanted: str | None, why: str
) -> None:
    assert why
    if wanted is None:
        with pytest.raises(Invalid):
            user_value(key, value, country)
        return
    assert user_value(key, value, country) == hashlib.sha256(wanted.encode()).hexdigest()


@pytest.mark.parametrize("key", sorted(NORMALISED))
def test_nothing_is_hashed_twice_and_no_other_hash_is_taken(key: str) -> None:
    known = hashlib.sha256(b"x").hexdigest()
    assert user_value(key, f" {known.upper()} ", "DE") == known
    for other in (hashlib.md5(b"x").hexdigest(), hashlib.sha1(b"x").hexdigest().upper()):
        with pytest.raises(Invalid):
            user_value(key, other, "DE")


def test_normalising_what_is_normal_changes_nothing() -> None:
    for key, value, country, wanted, _ in ROWS:
        if wanted is not None and key not in ("ph", "db"):
            assert user_value(key, wanted, country) == user_value(key, value, country)


def test_an_event_says_the_same_as_the_single_values() -> None:
    """The mapping's steps are faster than the functions, and say the same."""
    with connection() as meta:
        said: dict[str, Any] = {
            "email": "Ada@Example.com", "emails": {"b@example.com", "a@example.com"}, "phone": "+1 (650) 555-1212",
            "mobile": "+491701234567", "first_name": "Jürgen", "last_name": "O'Brien", "birthday": date(1997, 2, 16), "gender": "f",
            "address.city": "L'Aquila", "address.region": "California", "address.postal_code": "94025-1234",
            "address.country": "US", "external_id": " CRM-1 ",
        }  # fmt: skip
        user = payload(meta, event(contact=said))["user_data"]
    assert user == {
        "em": [user_value("em", x) for x in ("ada@example.com", "a@example.com", "b@example.com")],
        "ph": [user_value("ph", "+16505551212"), user_value("ph", "+491701234567")],
        "fn": [user_value("fn", "jürgen")], "ln": [user_value("ln", "obrien")], "db": [user_value("db", "1997-02-16")],
        "ge": [user_value("ge", "f")], "ct": [user_value("ct", "laquila")], "st": [user_value("st", "ca", "US")],
        "zp": [user_value("zp", "94025")], "country": [user_value("country", "us")],
        "external_id": [user_value("external_id", "CRM-1")],
    }  # fmt: skip


def test_a_hash_that_somebody_else_made_goes_as_it_is_and_md5_is_left_out_with_a_warning() -> None:
    known, md5 = hashlib.sha256(b"ada@example.com").hexdigest(), hashlib.md5(b"ada@example.com").hexdigest()
    with connection() as meta:
        contact = {
            "custom.email_sha256": known.upper(),
            "custom.phone_sha256": md5,
            "first_name": known,
            "last_name": md5,
        }
        made = meta.draft(event(contact=contact))
    assert made.payload["user_data"] == {"em": [known], "fn": [known]}  # type: ignore[union-attr]
    assert len(made.warnings) == 2  # type: ignore[union-attr]
    assert not [w for w in made.warnings if md5 in w]  # type: ignore[union-attr]


@pytest.mark.parametrize("wrong", ["12345678901234", "123456789012345678", "1.2e15", "lead", ""])
def test_a_lead_id_has_fifteen_to_seventeen_digits(wrong: str) -> None:
    with pytest.raises(Invalid):
        lead_id(wrong)
    assert lead_id("99999999999999999") == 99999999999999999
