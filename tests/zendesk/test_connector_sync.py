"""Zendesk and HubSpot with the engine between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cli_shell import Shell
from engine_world import World, world
from stagebridge.ledger import schema as t
from stagebridge.sync.decide import Decisions

NOT_IN = "This one is not allowed by the account's own rule"


@contextmanager
def two(folder: Path, people: int = 3, **switches: Any) -> Iterator[World]:
    """People in HubSpot, and an empty Zendesk."""
    with world(folder, crm="hubspot", support=("zendesk", switches)) as w:
        w.boxes["crm"].seed(
            [{"email": f"p{i}@example.com", "firstname": "P", "lastname": str(i)} for i in range(people)]
        )
        yield w


def users(w: World) -> dict[str, dict[str, Any]]:
    return {u["email"]: u for u in w.boxes["support"].state()["users"] if not u["deleted"]}


def links(w: World) -> list[str]:
    c = t.link.c
    return [r[0] for r in w.rows(sa.select(c.remote_id).where(c.connection == "support", c.state == "live"))]


def test_a_completed_job_with_3_failed_of_100_shuffled_rows_links_97_and_lists_3_with_their_text(
    tmp_path: Path,
) -> None:
    with two(tmp_path, 100, shuffle_rows=True) as w:
        w.extra["support"] = {"bulk_import": True}  # nothing is asked before the job, which is the one that fails
        w.boxes["support"].fault(
            "failed_rows", path="*create_many*", rows=[7, 50, 99], error="RecordInvalid", text=NOT_IN
        )
        report = w.sync(wait=130)
        held = users(w)
        assert len(held) == 97
        assert sorted(links(w)) == sorted(str(u["id"]) for u in held.values())
        c = t.outbox.c
        query: Any = sa.select(c.code, c.error).where(c.connection == "support", c.state == "dead")
        dead = w.rows(query)
        assert [code for code, _ in dead] == ["SB-ZENDESK-RecordInvalid"] * 3
        assert all(NOT_IN in said for _, said in dead)
        assert report.dead == 3
        assert w.sync().writes == 0


def test_without_bulk_imports_the_plan_tells_the_hours_before_anything_is_written(tmp_path: Path) -> None:
    with two(tmp_path, 1200, bulk_import=False) as w:
        w.extra["support"] = {"budget": "10%"}
        w.contacts = {"guards": {"max_creates": "off"}}
        w.engine().ledger.close()
        told = Shell(w)("plan")
        assert "1200 to create" in told
        assert "about 3 h 2" in told  # 1200 at six a minute, and their read-backs
        assert "ask Zendesk's customer support to enable bulk imports" in told
        assert users(w) == {}


def test_edits_on_either_side_arrive_on_the_other(tmp_path: Path) -> None:
    with two(tmp_path) as w:
        w.sync()
        id_ = users(w)["p1@example.com"]["id"]
        w.clock.sleep(60)
        w.boxes["support"].seed(
            {"edit": {id_: {"phone": "+442079460001", "user_fields": {"lifecycle_stage": "ls_customer"}}}}
        )
        w.edit_hubspot("crm", "p0@example.com", email="renamed@example.com", lifecyclestage="opportunity")
        w.settle()
        assert w.in_hubspot("crm")["p1@example.com"]["phone"] == "+442079460001"
        assert w.in_hubspot("crm")["p1@example.com"]["lifecyclestage"] == "customer"
        held = users(w)
        assert held.keys() == {"renamed@example.com", "p1@example.com", "p2@example.com"}
        assert held["renamed@example.com"]["user_fields"]["lifecycle_stage"] == "ls_opportunity"
        mine = [
            i["value"]
            for i in w.boxes["support"].state()["identities"]
            if i["user_id"] == held["renamed@example.com"]["id"]
        ]
        assert mine == ["renamed@example.com"]


@pytest.mark.parametrize("merged", [True, False])
def test_a_user_who_was_merged_is_not_deleted_elsewhere_and_one_who_was_deleted_is(
    tmp_path: Path, merged: bool
) -> None:
    with two(tmp_path) as w:
        w.contacts = {
            "deletes": "archive",
            "guards": {"max_creates": "off", "max_changes": "off", "max_deletes": "off"},
        }
        w.sync()
        one, other = (users(w)[f"p{i}@example.com"]["id"] for i in (0, 1))
        w.boxes["support"].seed({"merge": [one, other]} if merged else {"delete": [one]})
        w.sync()
        w.sync()
        assert ("p0@example.com" in w.in_hubspot("crm")) == merged
        assert {"p1@example.com", "p2@example.com"} <= w.in_hubspot("crm").keys()


def test_without_bulk_imports_everybody_is_created_all_the_same(tmp_path: Path) -> None:
    with two(tmp_path, 12, bulk_import=False) as w:
        w.sync()
        assert len(users(w)) == 12
        assert w.boxes["support"].state()["mails_sent"] == []
        assert w.sync().writes == 0


def test_creates_are_not_looked_up_one_by_one_before(tmp_path: Path) -> None:
    with two(tmp_path, 5) as w:
        w.sync()
        assert len(users(w)) == 5
        assert not any("search" in route for route in w.boxes["support"].requests()["by_route"])


def test_an_address_that_somebody_took_a_moment_before_is_his_and_he_is_linked(tmp_path: Path) -> None:
    with two(tmp_path, 2) as w:
        w.sync()
        w.boxes["crm"].seed([{"email": "late@example.com", "firstname": "Late"}])
        w.clock.sleep(130)
        # the export withholds the newest minute: at the create nobody here has heard of him
        [theirs] = w.boxes["support"].seed([{"name": "Late Himself", "email": "late@example.com"}])["ids"]
        w.sync(wait=0)
        w.settle()
        assert users(w)["late@example.com"]["id"] == theirs
        assert str(theirs) in links(w)
        assert len(users(w)) == 3


def test_whoever_is_forgotten_leaves_no_trace_in_zendesk_nor_in_the_ledger(tmp_path: Path) -> None:
    with two(tmp_path) as w:
        w.sync()
        engine = w.engine()
        try:
            Decisions(engine).forget("p1@example.com")
        finally:
            engine.ledger.close()
        assert "p1@example.com" not in str(w.boxes["support"].state()["users"])
        files = [f.read_bytes() for f in tmp_path.rglob("*") if f.is_file() and f.suffix != ".yaml"]
        assert not any(b"p1@example.com" in content for content in files)
