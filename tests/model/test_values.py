"""Canonical values: when two are the same, and that none changes by being stored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagebridge.clock import cut
from stagebridge.values import decode, encode, is_blank, same

texts = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])).map(cut),
    texts,
    st.frozensets(texts),
)


@given(st.dictionaries(texts, VALUES))
def test_what_is_stored_comes_back_with_value_and_type(values: dict[str, Any]) -> None:
    back = decode(encode(values))
    assert back == values
    assert {p: type(v) for p, v in back.items()} == {p: type(v) for p, v in values.items()}


@given(st.dictionaries(texts, VALUES, min_size=2))
def test_the_order_of_paths_and_of_a_set_does_not_show(values: dict[str, Any]) -> None:
    turned = {p: frozenset(sorted(v, reverse=True)) if isinstance(v, frozenset) else v for p, v in values.items()}
    assert encode(dict(reversed(turned.items()))) == encode(values)


def test_text_is_stored_as_it_is() -> None:
    assert encode({"email": "ada@example.com", "seats": 5, "vip": True, "phone": None}) == (
        '{"email":"ada@example.com","phone":null,"seats":5,"vip":true}'
    )


def test_a_moment_is_stored_in_utc_to_the_millisecond() -> None:
    at = datetime(2026, 3, 1, 13, 0, 0, 123456, timezone(timedelta(hours=1)))
    assert decode(encode({"stage_at": at})) == {"stage_at": datetime(2026, 3, 1, 12, 0, 0, 123000, UTC)}


def test_a_whole_number_of_any_length_is_stored() -> None:
    assert decode(encode({"custom.account": 12345678901234567890123})) == {"custom.account": 12345678901234567890123}


def test_what_is_no_canonical_value_is_refused() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode({"custom.x": 1j})


BLANK: list[Any] = [None, "", frozenset()]


@pytest.mark.parametrize("one", BLANK)
@pytest.mark.parametrize("other", BLANK)
def test_absent_cleared_and_empty_are_the_same(one: Any, other: Any) -> None:
    assert same(one, other)


@pytest.mark.parametrize("value", [0, False, 0.0, Decimal(0), " ", date(2026, 1, 1), frozenset({""})])
def test_a_value_is_never_the_same_as_none(value: Any) -> None:
    assert not is_blank(value)
    assert not same(value, None)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1.0, True),
        (Decimal("1.50"), 1.5, True),
        (True, 1, False),
        (False, 0, False),
        (True, True, True),
        ("1", 1, False),
        ("Ada", "ada", False),
        (frozenset("ab"), frozenset("ba"), True),
        (date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC), False),
        (datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 3, 1, 12, tzinfo=UTC), True),
    ],
)
def test_values_are_compared_by_what_they_mean(one: Any, other: Any, expected: bool) -> None:
    assert same(one, other) is expected
    assert same(other, one) is expected


@given(VALUES, VALUES)
def test_stored_values_are_the_same_exactly_when_the_values_are(one: Any, other: Any) -> None:
    assert same(decode(encode({"p": one}))["p"], other) == same(one, other)
