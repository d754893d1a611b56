"""Phone numbers: E.164 or a reason, and never a guess."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagebridge import normalize
from stagebridge.normalize import Invalid, phone


def reason(value: str, region: str | None = None) -> str:
    with pytest.raises(Invalid) as caught:
        phone(value, region)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("+49 170 1234567", "+491701234567"),
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("+39 06 6982 0000", "+390669820000"),  # Italy keeps its zero
        ("0049 170 1234567", "+491701234567"),
        ("(+1) 202-555-0143", "+12025550143"),
        ("+1-800-FLOWERS", "+18003569377"),
        ("\u202a+49 170 1234567\u202c", "+491701234567"),  # as an address book copies it
        ("＋４９ １７０ １２３４５６７", "+491701234567"),
        ("tel:+49-170-1234567", "+491701234567"),
        ("+49 30 123456 ext. 12", "+4930123456"),
        ("+225 07 07 07 07 07", "+2250707070707"),
    ],
)
def test_an_international_number_needs_nobodys_region(written: str, e164: str) -> None:
    assert phone(written) == e164


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("0170 1234567", "DE", "+491701234567"),
        ("0170 1234567", "de", "+491701234567"),
        ("(202) 555-0143", "US", "+12025550143"),
        ("020 7946 0000", "GB", "+442079460000"),
        ("06 6982 0000", "IT", "+390669820000"),
        ("+49 170 1234567", "US", "+491701234567"),
        ("0011 49 170 1234567", "AU", "+491701234567"),  # dialled as one dials abroad from there
        ("010 49 170 1234567", "JP", "+491701234567"),
        ("0049 170 1234567", "US", "+491701234567"),
    ],
)
def test_a_national_number_is_read_as_one_of_the_default_region(written: str, region: str, e164: str) -> None:
    assert phone(written, region) == e164


def test_a_national_number_without_a_region_is_refused_and_never_guessed() -> None:
    assert reason("0170 1234567") == "a national number and no default_region is set ('017…')"


@pytest.mark.parametrize("written", ["", "-", "unknown", "12"])
def test_what_has_no_country_has_no_number_either(written: str) -> None:
    assert reason(written).startswith("a national number and no default_region is set")


@pytest.mark.parametrize("written", ["+", "+49", "+999 123456", "+1 555", "+49 170 1234567 8901234", "+49 / +43"])
def test_an_impossible_number_is_refused(written: str) -> None:
    assert reason(written).endswith("is not a possible phone number")


def test_a_local_number_is_not_completed_with_an_area_code_that_nobody_gave() -> None:
    assert reason("555-0143", "US") == "'555…' is not a possible phone number in US"


def test_a_number_with_one_trunk_prefix_too_many_is_nobodys_number() -> None:
    assert reason("+49 00 30 123456") == "'+49…' is not a possible phone number"


def test_two_numbers_in_one_field_are_not_one_number() -> None:
    assert reason("+49 170 1234567, +49 170 7654321") == "'+49…' is not a possible phone number"


@given(
    country=st.sampled_from([1, 7, 20, 33, 39, 44, 49, 52, 54, 55, 61, 81, 86, 91, 225, 353, 358, 593, 598, 971, 972]),
    digits=st.text("0123456789", min_size=3, max_size=13),
    form=st.sampled_from(["+{}{}", "00{}{}", "+{} (0){}", "(+{}) {}", "+{}-{} ext 7"]),
)
def test_a_canonical_number_is_its_own_canonical_number_in_every_region(country: int, digits: str, form: str) -> None:
    try:
        once = phone(form.format(country, digits))
    except Invalid:
        return
    assert [phone(once, region) for region in (None, "DE", "US", "AU", "BR")] == [once] * 5


# --- the short way and phonenumbers ---------------------------------------------------------------------------

SEPARATORS = (*" -." * 12, "  ", " (", ") ", ")(", " - ", "/", "\u00a0", "x")


def forms(count: int, seed: int) -> list[str]:
    """International numbers as people type them, right and wrong, of every country code in turn."""
    draw = random.Random(seed)
    codes = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
    out = []
    for i in range(count):
        code = codes[i % len(codes)]
        region = phonenumbers.region_code_for_country_code(code)
        example = phonenumbers.example_number_for_type(region, draw.choice(list(range(5))))
        digits = "".join(draw.choices("0123456789", k=draw.randint(3, 13)))
        if example is not None and draw.random() < 0.8:
            digits = phonenumbers.national_significant_number(example)
            digits = digits[:-4] + "".join(draw.choices("0123456789", k=draw.choice([3, 4, 4, 4, 4, 5])))
        lead = draw.choice([*[""] * 20, "0", "(0)", "(0) ", "1", "8", "00", str(code), "15", "9"])
        rest, national = lead, digits
        while national:
            size = draw.randint(1, 5)
            rest, national = rest + draw.choice(SEPARATORS) * draw.randint(0, 1) + national[:size], national[size:]
        out.append(
            draw.choice([*"+" * 20, "+ ", "(+", "++", "+(", "00"])
            + str(code)
            + draw.choice(["", " ", "-", ") "])
            + rest
        )
    return out


def differences(values: list[str]) -> list[tuple[str, str | None, str | None]]:
    """Where the short way says something else than phonenumbers."""
    return [
        (v, short, full)
        for v in values
        if (short := normalize._written_out(v)) and short != (full := normalize._e164(v, None))
    ]


def test_the_short_way_says_what_phonenumbers_says() -> None:
    values = forms(5_000, seed=1)
    assert differences(values) == []
    assert sum(normalize._written_out(v) is not None for v in values) > len(values) * 0.35  # it is taken, and often


def test_the_proof_sees_a_short_way_that_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalize, "_written_out", lambda v: "+" + "".join(c for c in v if c.isdigit()))
    assert len(differences(forms(200, seed=1))) > 10


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 8))
def test_the_short_way_says_what_phonenumbers_says_of_all_countries(seed: int) -> None:
    assert len(phonenumbers.COUNTRY_CODE_TO_REGION_CODE) > 200
    values = forms(100_000, seed)
    assert differences(values) == []
    assert sum(normalize._written_out(v) is not None for v in values) > 35_000
