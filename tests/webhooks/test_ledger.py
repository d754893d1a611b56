"""What webhooks leave in the ledger: marks that no run takes away too early, and nothing of who is forgotten."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from engine_world import world
from hooks_kit import SHOP, asked, configure, inbox, order, signed
from stagebridge.clock import ManualClock, SystemClock
from stagebridge.connector import Hint, Record
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync.decide import Decisions
from stagebridge.webhooks.doors import Hook, kept_for
from stagebridge.webhooks.keeper import commit
from stagebridge.webhooks.stored import restored, stored


def hints(connection: str, *ids: str, at: int = 1000, delivery: str = "d") -> Hook:
    return Hook(connection, delivery, at, tuple(Hint("contacts", i) for i in ids))


def test_a_webhook_that_comes_while_its_record_is_being_fetched_is_not_taken_for_settled(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"email": "ada@example.com", "firstname": "Ada", "lastname": "L"}])
        w.settle()
        [ada] = w.boxes["crm"].state()["contacts"]
        engine = w.engine()
        commit(engine.ledger, [hints("crm", ada["id"])])
        side = next(s for s in engine.sides if s.name == "crm")
        fetch = side.connector.fetch

        def interrupted(object: str, ids: list[str]) -> dict[str, Record]:
            found = fetch(object, ids)
            commit(engine.ledger, [hints("crm", ada["id"], delivery="later")])  # the same millisecond, and a later edit
            return found

        side.connector.fetch = interrupted  # type: ignore[method-assign, assignment]
        engine.sync()
        with engine.ledger.look() as tx:
            assert list(tx.execute(sa.select(t.hint.c.remote_id)).scalars()) == [ada["id"]]
        side.connector.fetch = fetch  # type: ignore[method-assign]
        w.engine().sync()
        with engine.ledger.look() as tx:
            assert tx.execute(sa.select(t.hint.c.remote_id)).all() == []


def test_whoever_is_forgotten_is_gone_from_what_came_too_also_where_it_could_not_be_worked_on(tmp_path: Path) -> None:
    configure(tmp_path, {"shop": SHOP})
    bad = order(1)
    bad["order"]["paid_at"] = "never"
    renamed = {"customer": {"id": 1, "first_name": "Somebody"}}  # says no address, and is his all the same
    with inbox(tmp_path) as box:
        for number, said in enumerate((order(1), bad, renamed, order(2))):
            body = json.dumps(said).encode()
            box.take("shop", body, signed(body, f"msg_{number}"))
        assert box.work.records() == 4
        Decisions(box.engine).forget("person1@example.com")
    left = [text for text in asked(tmp_path, sa.select(t.hook.c.records)) if text is not None]
    assert len(left) == 1
    assert "person2@example.com" in left[0]
    assert b"person1@" not in (tmp_path / "stagebridge.db").read_bytes()
    assert b"Somebody" not in (tmp_path / "stagebridge.db").read_bytes()


def test_a_delivery_is_remembered_longer_than_any_platform_tries_again(tmp_path: Path) -> None:
    configure(tmp_path, {"shop": SHOP})
    clock = ManualClock(SystemClock().now())
    with inbox(tmp_path, clock) as box:
        kept = kept_for(box.doors, 7 * 86400)
        assert kept >= 2 * box.doors["shop"].webhooks.horizon
        commit(box.engine.ledger, [hints("shop", "1", at=box.engine.desk.now)])
        for days, there in ((3, 1), (8, 0)):
            clock.advance(days * 86400)
            box.work.tidy(kept)
            assert len(asked(tmp_path, sa.select(t.hook.c.id))) == there


def test_a_ledger_of_before_is_brought_up_to_date(tmp_path: Path) -> None:
    from alembic import command

    ledger = Ledger(f"sqlite:///{tmp_path / 'old.db'}")
    config = ledger._alembic()
    with ledger.engine.begin() as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "0002")
    ledger.upgrade()
    again = Ledger.open(ledger.url)
    commit(again, [hints("shop", "1")])
    with again.look() as tx:
        made = {c["name"] for c in sa.inspect(tx).get_columns("hook")}
        indexes = {i["name"] for i in sa.inspect(tx).get_indexes("hook")}
    assert made == {c.name for c in t.hook.c}
    assert {i.name for i in t.hook.indexes} <= indexes


def test_a_record_comes_out_of_the_ledger_as_it_went_in() -> None:
    now = SystemClock().now()
    record = Record("leads", "7", {"id": 2**80, "x": [1.5, None, "Zoë"]}, now, True, "8", {"email": now - timedelta(1)})
    assert restored(stored([record])) == [record]
