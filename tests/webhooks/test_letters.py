"""What came and could not be worked on is shown, goes again once somebody mended why, and is told of; `sync` works on it too."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hooks_kit import SECRETS, SHOP, Inbox, configure, events_in, held, inbox, order, signed
from stagebridge.cli.app import app

MENDED = "extends: webhook\nevent: {fields: {at: {read: [order.paid_at, order.paid_on]}}}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text("extends: webhook\n", "utf-8")
    configure(tmp_path, {"shop": {**SHOP, "mapping": "shop.yaml"}}, jobs=[{"name": "contacts", "every": "1h"}])
    return tmp_path


def stagebridge(folder: Path, *words: str, code: int = 0) -> str:
    """The command, in this process."""
    os.environ.update(SECRETS)
    result = CliRunner().invoke(app, ["-c", str(folder / "stagebridge.yaml"), *words])
    ended = getattr(result.exception, "exit_code", result.exit_code)
    assert ended == code, (words, result.output, result.exception)
    return result.stdout + (str(result.exception) if code else "")


def letters(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stagebridge(folder, "dead-letters", "--json"))
    return found


def post(box: Inbox, number: int, said: dict[str, Any]) -> None:
    body = json.dumps(said).encode()
    box.take("shop", body, signed(body, f"msg_{number}"))


def dated_otherwise(number: int, **customer: Any) -> dict[str, Any]:
    """An order whose time stands where the mapping does not look for it."""
    said = order(number, **customer)
    said["order"]["paid_on"] = said["order"].pop("paid_at")
    return said


def test_what_waits_is_worked_on_by_plan_sync_and_scheduler_before_they_look_elsewhere(shop: Path) -> None:
    for command, number in (("plan", 1), ("sync", 2)):
        with inbox(shop) as box:
            post(box, number, order(number))
        assert json.loads(stagebridge(shop, command, "--json"))["webhooks"] == 1
        assert f"person{number}@example.com" in held(shop)
    with inbox(shop) as box:
        post(box, 3, order(3))
    assert "webhooks worked on: 1" in stagebridge(shop, "scheduler", "--rounds", "1")
    assert "webhooks" not in stagebridge(shop, "sync")
    assert events_in(shop) == ["order-1", "order-2", "order-3"]


def test_an_address_that_cannot_be_read_is_told_and_what_else_was_said_counts(shop: Path) -> None:
    with inbox(shop) as box:
        post(box, 1, order(1, email="nonsense", first_name="Ada"))
        box.work.records()
    [letter] = letters(shop)
    assert (letter["id"], letter["code"]) == ("hook:1", "SB-HOOK-IN-PART")
    assert "email: 'non…' is not an e-mail address" in letter["reason"]
    assert "nonsense" not in letter["reason"]
    assert events_in(shop) == ["order-1"]


def test_a_webhook_that_could_be_read_in_part_only_is_a_dead_letter_and_counts_once_when_it_is_retried(
    shop: Path,
) -> None:
    with inbox(shop) as box:
        post(box, 1, dated_otherwise(1, first_name="Ada"))
        box.work.records()
        later = order(2, id=1, email="person1@example.com", first_name="Augusta")
        post(box, 2, later)
        box.work.records()
    [letter] = letters(shop)
    assert (letter["id"], letter["connection"], letter["code"]) == ("hook:1", "shop", "SB-HOOK-IN-PART")
    assert "event.at" in letter["reason"]
    assert "hook:1" in stagebridge(shop, "dead-letters")
    (shop / "shop.yaml").write_text(MENDED, "utf-8")
    for _ in range(2):
        assert "next sync" in stagebridge(shop, "dead-letters", "retry", "hook:1")
        assert letters(shop) == []
        stagebridge(shop, "sync")
        assert events_in(shop) == ["order-1", "order-2"]
        assert held(shop)["person1@example.com"]["first_name"] == "Augusta"  # the word after it stays the later one
        with inbox(shop) as box:
            break_again(box)


def break_again(box: Inbox) -> None:
    """As if it had failed once more."""
    import sqlalchemy as sa

    from stagebridge.ledger import schema as t

    with box.engine.ledger.begin() as tx:
        tx.execute(sa.update(t.hook).where(t.hook.c.id == 1).values(state="failed", error="SB-UNEXPECTED: KeyError"))


def test_a_webhook_that_could_not_be_worked_on_at_all_says_why_and_can_be_left(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with inbox(shop) as box:
        for number in (1, 2):
            post(box, number, order(number))
        told = box.events.arrival.told

        def breaks(book: Any, side: Any, events: Any) -> Any:
            return told(book, side, events) if "order-1" not in {e.id for e in events} else 1 / 0

        monkeypatch.setattr(box.events.arrival, "told", breaks)
        box.work.records()
    assert list(held(shop)) == ["person2@example.com"]
    [letter] = letters(shop)
    assert (letter["id"], letter["code"], letter["reason"]) == ("hook:1", "SB-UNEXPECTED", "ZeroDivisionError")
    assert stagebridge(shop, "dead-letters", "discard", "hook:1").strip() == "hook:1 stays as it is"
    assert letters(shop) == []
    stagebridge(shop, "sync")
    assert list(held(shop)) == ["person2@example.com"]
    for which in ("hook:1", "hook:7", "hook:", "hook:²", "hook:x"):
        assert "no failed webhook" in stagebridge(shop, "dead-letters", "retry", which, code=2)


def test_new_dead_letters_are_heard_of_once_by_connection_and_without_anybodys_data(
    shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "stagebridge.alerts")
    with inbox(shop) as box:
        for number in (1, 2, 3):
            post(box, number, dated_otherwise(number) if number < 3 else order(number))
        box.work.records()
        box.work.tell()
        box.work.tell()
    heard = [(r.alert, r.facts) for r in caplog.records if r.name == "stagebridge.alerts"]  # type: ignore[attr-defined]
    assert heard == [("dead_letter.added", {"run": None, "connection": "shop", "count": 2})]
    assert "person1@" not in caplog.text
