"""Whoever guesses keys has to wait, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stagebridge.access import keys, throttle
from stagebridge.access.throttle import Throttle, TooMany
from stagebridge.ledger.store import Ledger

NOW = 1_767_323_045_000
HERE, THERE = "192.0.2.1", "192.0.2.2"


class Watch:
    """A clock in seconds that is moved by hand."""

    def __init__(self) -> None:
        self.at = 5.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(f"sqlite:///{tmp_path / 'stagebridge.db'}")
    yield opened
    opened.close()


def made(ledger: Ledger, name: str = "olga") -> str:
    return keys.create(ledger, name, NOW, scope="pages")


def wrong(token: str, number: int = 0) -> str:
    return token[:-4] + f"{number:04}"


def guess(it: Throttle, ledger: Ledger, token: str, address: str = HERE) -> str:
    """What becomes of a guess: in, out, or wait."""
    try:
        return "out" if it.find(ledger, token, NOW, address) is None else "in"
    except TooMany:
        return "wait"


def test_ten_wrong_ones_are_looked_at_and_then_even_the_right_one_has_to_wait(ledger: Ledger) -> None:
    token, watch = made(ledger), Watch()
    it = Throttle(watch)
    assert [guess(it, ledger, wrong(token, n)) for n in range(12)] == ["out"] * 10 + ["wait"] * 2
    with pytest.raises(TooMany, match="wait 6 s") as told:
        it.find(ledger, token, NOW, HERE)
    assert (told.value.seconds, told.value.code) == (6, "SB-THROTTLED")
    watch.at += 6
    assert guess(it, ledger, token) == "in"


def test_one_more_runs_off_every_six_seconds_and_all_after_a_minute(ledger: Ledger) -> None:
    token, watch = made(ledger), Watch()
    it = Throttle(watch)
    for _ in range(10):
        guess(it, ledger, wrong(token))
    for _ in range(3):
        watch.at += 6
        assert [guess(it, ledger, wrong(token)) for _ in range(2)] == ["out", "wait"]
    watch.at += 60
    assert [guess(it, ledger, wrong(token)) for _ in range(11)] == ["out"] * 10 + ["wait"]


def test_who_is_made_to_wait_is_not_made_to_wait_longer_by_trying(ledger: Ledger) -> None:
    token, watch = made(ledger), Watch()
    it = Throttle(watch)
    for _ in range(1000):
        guess(it, ledger, wrong(token))
    watch.at += 6
    assert guess(it, ledger, token) == "in"


def test_a_good_key_works_beside_somebody_who_guesses_at_the_same_address(ledger: Ledger) -> None:
    attacked, mine = made(ledger), made(ledger, "mine")
    it = Throttle(Watch())
    for _ in range(20):
        guess(it, ledger, wrong(attacked))
        guess(it, ledger, "nonsense")
    assert guess(it, ledger, mine) == "in"
    assert guess(it, ledger, attacked) == "wait"
    assert guess(it, ledger, attacked, THERE) == "in"


def test_a_new_id_for_every_guess_does_not_help(ledger: Ledger) -> None:
    made(ledger)
    it = Throttle(Watch())
    guesses = [f"sb_{n:010}_{'a' * 43}" for n in range(15)]
    assert [guess(it, ledger, g) for g in guesses] == ["out"] * 10 + ["wait"] * 5


def test_a_good_key_that_is_used_a_thousand_times_never_waits(ledger: Ledger) -> None:
    token, it = made(ledger), Throttle(Watch())
    assert {guess(it, ledger, token) for _ in range(1000)} == {"in"}


def test_what_is_remembered_is_bounded_and_the_newest_is_kept(ledger: Ledger) -> None:
    it = Throttle(Watch(), room=100)
    for n in range(500):
        guess(it, ledger, "nonsense", f"10.0.{n // 250}.{n % 250}")
    for _ in range(10):
        guess(it, ledger, "nonsense", HERE)
    assert guess(it, ledger, "nonsense", HERE) == "wait"
    assert len(it._levels) == 100


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("testclient", "x" * 1000, False),
    ],
)
def test_an_ipv6_network_is_one_place(one: str, other: str, same: bool) -> None:
    assert (throttle.place_of(one) == throttle.place_of(other)) is same
    assert len(throttle.place_of(other)) < 70
