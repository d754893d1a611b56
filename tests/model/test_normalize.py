"""Canonical forms: what people write, what it becomes, and why some of it becomes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagebridge import normalize
from stagebridge.countries import NAMES
from stagebridge.normalize import Invalid

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202c\u2066\u2069"
messy = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from(INVISIBLE + " .-@_/:%+0\t\u0301İ")), max_size=30
)
emails = st.builds("{}@{}.{}".format, messy, messy, messy)
urls = st.builds("{}{}.{}{}".format, st.sampled_from(["", "HTTPS://", "ftp://", "Ada:Pw@"]), messy, messy, messy)
tags = st.from_regex(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8}){0,4}", fullmatch=True)


def reason(form: Callable[..., str], *args: object) -> str:
    with pytest.raises(Invalid) as caught:
        form(*args)
    return str(caught.value)


# --- text -----------------------------------------------------------------------------------------------------


def test_a_text_is_trimmed_and_composed_and_keeps_its_case() -> None:
    assert normalize.text("\u00a0 Zoe\u0308 O'Brien\t") == "Zoë O'Brien"


def test_characters_that_nobody_sees_leave_a_text() -> None:
    assert normalize.text("\ufeffA\u200bd\u00ada\u2060") == "Ada"


def test_the_joiner_inside_a_persian_name_is_spelling_and_stays() -> None:
    assert normalize.text("\u200fعلی\u200cرضا\u200e ") == "علی\u200cرضا"


def test_a_text_of_invisible_characters_only_is_blank() -> None:
    assert normalize.text(" \u200d\u200e\u200b\n") == ""


# --- e-mail ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        (" ada@example.com\u200b", "ada@example.com"),
        ("\u202aada@exam\u200cple.com\u202c", "ada@example.com"),
        ("MAILTO: ada@example.com", "ada@example.com"),
        ("o'brien+news@sub.example.com", "o'brien+news@sub.example.com"),
        ("ZOE\u0308@example.com", "zoë@example.com"),
        ("müller@bücher.example", "müller@bücher.example"),
        ("taro.@example.com", "taro.@example.com"),  # Japanese carriers have given these out
    ],
)
def test_an_email_has_one_spelling(written: str, canonical: str) -> None:
    assert normalize.email(written) == canonical


@pytest.mark.parametrize(
    "written",
    [
        "", "ada", "ada@", "@example.com", "ada@example", "ada@@example.com", "ada@.com", "ada@example..com",
        "ada@example.com.", "ada b@example.com", "ada@exam ple.com", "Ada <ada@example.com>",
        "ada@example.com, bob@example.com", "ada@example.com;bob@example.com", "ada\x00@example.com",
        "a" * 250 + "@example.com",
    ],
)  # fmt: skip
def test_what_cannot_be_an_email_is_refused(written: str) -> None:
    assert reason(normalize.email, written).endswith("is not an e-mail address")


# --- country, language, time zone, web address ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("de", "DE"), ("Germany", "DE"), ("Deutschland", "DE"), ("USA", "US"), ("United States", "US"),
        ("the united states of america", "US"), ("UK", "GB"), ("United Kingdom", "GB"), ("Cote d'Ivoire", "CI"),
        ("CÔTE D’IVOIRE", "CI"), ("Österreich", "AT"), ("Osterreich", "AT"), ("Türkiye", "TR"), ("Ελλάδα", "GR"),
        ("South Korea", "KR"), ("Trinidad & Tobago", "TT"), ("Kosovo", "XK"),
        ("St. Lucia", "LC"), ("Bahamas, The", "BS"),
    ],
)  # fmt: skip
def test_a_country_is_understood_by_its_code_name_and_usual_alias(written: str, code: str) -> None:
    assert normalize.country(written) == code


@pytest.mark.parametrize("written", ["", "!!", "日本国", "Россия", "Atlantis", "ZZ", "Germany and France"])
def test_an_unknown_country_is_no_country(written: str) -> None:
    assert reason(normalize.country, written).endswith("is not a country")


@pytest.mark.parametrize("code", sorted(NAMES))
def test_every_country_comes_back_from_its_name(code: str) -> None:
    assert normalize.country(normalize.country_name(code)) == code
    assert normalize.country_name(normalize.country(NAMES[code])) == NAMES[code]


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("DE", "de"), ("pt_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("EN_us", "en-US"),
        ("en-US-u-CA-gregory", "en-US-u-ca-gregory"),
    ],
)  # fmt: skip
def test_a_language_is_a_tag_in_its_usual_case(written: str, tag: str) -> None:
    assert normalize.language(written) == tag


@pytest.mark.parametrize("written", ["", "German", "d", "de-", "12", "de DE"])
def test_a_language_that_is_no_tag_is_refused(written: str) -> None:
    assert reason(normalize.language, written).endswith("is not a language tag")


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("america_slash_port_hyphen_au_hyphen_prince", "America/Port-au-Prince"),
    ],
)
def test_a_time_zone_is_an_iana_name(written: str, zone: str) -> None:
    assert normalize.timezone(written) == zone


def test_a_time_zone_that_iana_does_not_know_is_refused() -> None:
    assert reason(normalize.timezone, "Berlin") == "'Ber…' is not an IANA time zone"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("HTTPS://Www.Example.COM/A?B=C#D", "https://www.example.com/A?B=C#D"),
        ("Example.com", "example.com"),
        ("Example.com?Ref=Ada", "example.com?Ref=Ada"),
        ("http://Ada:Pw@Example.com:8080/", "http://Ada:Pw@example.com:8080/"),
        (" bücher.example ", "bücher.example"),
    ],
)
def test_a_web_address_keeps_the_case_of_everything_but_its_scheme_and_host(written: str, address: str) -> None:
    assert normalize.url(written) == address


@pytest.mark.parametrize(
    "written", ["", "n/a", "none", "http://", "http://[bad", "two words.com", "shop/page.html", "."]
)
def test_what_cannot_be_a_web_address_is_refused(written: str) -> None:
    assert reason(normalize.url, written).endswith("is not a web address")


# --- all of them ----------------------------------------------------------------------------------------------

FORMS: dict[Callable[[str], str], st.SearchStrategy[str]] = {
    normalize.text: messy,
    normalize.email: emails,
    normalize.country: st.one_of(messy, st.sampled_from([*NAMES, *NAMES.values()])),
    normalize.language: tags,
    normalize.timezone: st.sampled_from(["UTC", "europe/berlin", "Etc/GMT+1", "asia_slash_tokyo", "Factory"]),
    normalize.url: urls,
}


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
@given(data=st.data())
def test_a_canonical_form_is_its_own_canonical_form(form: Callable[[str], str], data: st.DataObject) -> None:
    try:
        once = form(data.draw(FORMS[form]))
    except Invalid:
        return
    assert form(once) == once


@pytest.mark.parametrize("form", [normalize.email, normalize.country, normalize.language, normalize.timezone,
                                  normalize.url, normalize.phone], ids=lambda f: f.__name__)  # fmt: skip
@given(value=messy)
def test_nothing_but_invalid_is_ever_raised_and_it_never_shows_a_value(form: Callable[[str], str], value: str) -> None:
    secret = "Grüße " + value + " an Ada"
    message = ""
    try:
        form(secret)
    except Invalid as error:
        message = str(error)
    assert "grü…" in message.lower()
    assert "Ada" not in message


def test_a_short_value_is_masked_whole() -> None:
    assert normalize.masked("Ada") == "…"
    assert normalize.masked("Adam") == "Ada…"
