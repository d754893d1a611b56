"""Keys: made once, shown once, found by who has them and by nobody else."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from stagebridge.access import keys
from stagebridge.errors import ConfigError
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger

NOW = 1_767_323_045_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(f"sqlite:///{tmp_path / 'stagebridge.db'}")
    yield opened
    opened.close()


def made(ledger: Ledger, name: str = "shop", connection: str = "zaps") -> str:
    return keys.create(ledger, name, NOW, scope="api", connection=connection)


def used(ledger: Ledger) -> int | None:
    with ledger.look() as tx:
        return tx.scalar(sa.select(t.apikey.c.used))


def test_a_key_is_found_by_what_was_shown_and_says_on_whose_behalf_it_speaks(ledger: Ledger) -> None:
    token = made(ledger)
    assert re.fullmatch(r"sb_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}", token)
    key = keys.find(ledger, token, NOW)
    assert key is not None
    assert (key.name, key.scope, key.connection) == ("shop", "api", "zaps")
    assert token.split("_")[1] == key.id


def test_a_key_for_a_person_speaks_for_no_connection(ledger: Ledger) -> None:
    key = keys.find(ledger, keys.create(ledger, "olga", NOW, scope="pages"), NOW)
    assert key is not None
    assert (key.scope, key.connection) == ("pages", None)


def test_two_keys_have_nothing_in_common(ledger: Ledger) -> None:
    (_, a_id, a), (_, b_id, b) = (made(ledger, name).split("_") for name in ("one", "two"))
    assert a_id != b_id
    assert a != b


def test_the_ledger_never_holds_the_secret(ledger: Ledger, tmp_path: Path) -> None:
    secret = made(ledger).split("_")[2]
    ledger.vacuum()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in files
    assert hashlib.sha256(secret.encode()).hexdigest().encode() in files


def wrong(token: str) -> dict[str, str]:
    _, id, secret = token.split("_")
    other = "b" if secret[-1] == "a" else "a"
    return {
        "another secret": f"sb_{id}_{secret[:-1]}{other}",
        "the same letters in the other case": f"sb_{id}_{secret.swapcase()}",
        "another id": f"sb_{'Z' * 10}_{secret}",
        "a secret cut short": token[:-1],
        "a letter more": token + "a",
        "a line break after it": token + "\n",
        "a space before it": " " + token,
        "another prefix": "xx" + token[2:],
        "the digest instead of the secret": f"sb_{id}_{hashlib.sha256(secret.encode()).hexdigest()}",
        "the digest's beginning": f"sb_{id}_{hashlib.sha256(secret.encode()).hexdigest()[:43]}",
        "digits of another script": f"sb_{id}_{'٣' * 43}",
        "half an emoji": f"sb_{id}_" + "\ud83d" * 43,
        "a zero byte": token[:-1] + "\0",
        "nothing": "",
        "SQL": "sb_' OR 1=1 --_" + secret,
        "no parts": "sb__",
    }


@pytest.mark.parametrize("name", wrong("sb_" + "a" * 10 + "_" + "a" * 43))
def test_what_is_no_key_is_nobodys(ledger: Ledger, name: str) -> None:
    token = made(ledger)
    assert keys.find(ledger, wrong(token)[name], NOW) is None
    assert used(ledger) is None


def test_a_megabyte_is_refused_at_once(ledger: Ledger) -> None:
    token = made(ledger)
    began = time.perf_counter()
    for huge in ("a" * 1_000_000, "_" * 1_000_000, token + "a" * 1_000_000, "sb_" * 330_000):
        assert keys.find(ledger, huge, NOW) is None
        assert keys.claimed(ledger, huge) is None
    assert time.perf_counter() - began < 0.2


def test_a_revoked_key_is_nobodys_and_stays_in_the_list(ledger: Ledger) -> None:
    token, other = made(ledger), made(ledger, "other")
    revoked = keys.revoke(ledger, "shop", NOW + 1000)
    assert revoked.name == "shop"
    assert keys.find(ledger, token, NOW) is None
    assert keys.claimed(ledger, token) is None
    assert not keys.holds(ledger, revoked.id)
    assert keys.find(ledger, other, NOW) is not None
    there = {k["name"]: k["revoked"] for k in keys.list_keys(ledger)}
    assert there == {"shop": "2026-01-02T03:04:06+00:00", "other": None}


def test_revoking_twice_keeps_the_first_time_and_goes_by_id_too(ledger: Ledger) -> None:
    made(ledger)
    key = keys.revoke(ledger, "shop", NOW)
    assert keys.revoke(ledger, key.id, NOW + 60_000) == key
    assert keys.list_keys(ledger)[0]["revoked"] == "2026-01-02T03:04:05+00:00"
    with pytest.raises(ConfigError, match="no key 'nobody'"):
        keys.revoke(ledger, "nobody", NOW)


def test_a_list_of_keys_says_nothing_that_opens_anything(ledger: Ledger) -> None:
    token = made(ledger)
    [row] = keys.list_keys(ledger)
    assert row == {
        "id": token.split("_")[1], "name": "shop", "scope": "api", "connection": "zaps", "used": None, "revoked": None,
        "created": "2026-01-02T03:04:05+00:00",
    }  # fmt: skip


def test_a_name_is_given_once_also_after_it_was_revoked(ledger: Ledger) -> None:
    made(ledger)
    keys.revoke(ledger, "shop", NOW)
    with pytest.raises(ConfigError, match="called 'shop' already"):
        made(ledger)


@pytest.mark.parametrize("name", ["", " ", "a b", "-x", "é", "x" * 65, "a\nb", "<b>", "=1+1"])
def test_a_name_that_would_not_survive_a_terminal_or_a_page_is_none(ledger: Ledger, name: str) -> None:
    with pytest.raises(ConfigError, match="is no name"):
        made(ledger, name)


def test_its_use_is_noted_once_a_minute(ledger: Ledger) -> None:
    token = made(ledger)
    for at, noted in ((0, 0), (59_999, 0), (60_000, 60_000), (61_000, 60_000)):
        keys.find(ledger, token, NOW + at)
        assert used(ledger) == NOW + noted


def test_a_key_is_found_while_somebody_writes_and_its_use_noted_the_next_time(ledger: Ledger) -> None:
    token = made(ledger)
    held, done = threading.Event(), threading.Event()

    def write() -> None:
        other = Ledger.open(ledger.url)
        with other.begin() as tx:
            tx.execute(sa.insert(t.meta).values(name="a", value="b"))
            held.set()
            done.wait(10)
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    held.wait(10)
    began = time.perf_counter()
    assert keys.find(ledger, token, NOW) is not None
    took = time.perf_counter() - began
    done.set()
    writer.join()
    assert took < 0.5
    assert used(ledger) is None
    assert keys.find(ledger, token, NOW + 1) is not None
    assert used(ledger) == NOW + 1
    with ledger.look() as tx:  # whoever waits for a writer still does so on the same connection
        assert tx.exec_driver_sql("PRAGMA busy_timeout").scalar() == 15000
