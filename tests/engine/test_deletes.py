"""A person deleted a record in one system: `deletes: ignore | archive | erase`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engine_world import World, world
from salesforce_sdk import connect
from stagebridge.errors import GuardTripped
from stagebridge.ledger import schema as t
from stagebridge.sync.decide import Decisions

ADA, BOB = "ada@example.com", "bob@example.com"


@contextmanager
def pair(folder: Path, deletes: str, **guards: Any) -> Iterator[World]:
    """Ada and Bob, in step in a HubSpot and a Salesforce."""
    with world(folder, crm="hubspot", sales="salesforce") as w:
        w.extra["crm"] = {"deletes_every": 0}
        w.contacts = {"deletes": deletes, "guards": {"max_deletes": 10, "max_creates": "off", **guards}}
        w.boxes["crm"].seed([{"email": e, "lastname": e[:3], "lifecyclestage": "lead"} for e in (ADA, BOB)])
        w.boxes["sales"].seed({"Contact": [{"LastName": "Ada", "Email": ADA}, {"LastName": "Bob", "Email": BOB}]})
        w.settle()
        w.clock.sleep(60)
        yield w


def delete_in_hubspot(w: World, who: str) -> None:
    w.hubspot("crm").archive(w.in_hubspot("crm")[who]["id"], _request_timeout=(5, 30))


def delete_in_salesforce(w: World, who: str) -> None:
    sf = connect(w.boxes["sales"])
    sf.Contact.delete(sf.query(f"SELECT Id FROM Contact WHERE Email = '{who}'")["records"][0]["Id"])


def who_is_in_salesforce(w: World) -> set[str]:
    return {c["Email"] for c in connect(w.boxes["sales"]).query("SELECT Email FROM Contact")["records"]}


def who_is_in_hubspot(w: World) -> set[str]:
    return {c.properties["email"] for c in w.hubspot("crm").get_page(_request_timeout=(5, 30)).results}


def test_a_deletion_is_ignored_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    with pair(tmp_path, "ignore") as w:
        delete_in_hubspot(w, ADA)
        w.settle()
        assert who_is_in_salesforce(w) == {ADA, BOB}
        assert who_is_in_hubspot(w) == {BOB}  # and she is not created anew


@pytest.mark.parametrize("deletes", ["archive", "erase"])
def test_a_deletion_in_either_system_arrives_in_the_other(tmp_path: Path, deletes: str) -> None:
    with pair(tmp_path, deletes) as w:
        delete_in_hubspot(w, ADA)
        delete_in_salesforce(w, BOB)
        w.sync()
        assert who_is_in_salesforce(w) == who_is_in_hubspot(w) == set()
        assert w.sync().writes == 0


def test_no_person_is_deleted_beyond_the_guard_which_allows_none_by_default(tmp_path: Path) -> None:
    with pair(tmp_path, "archive", max_deletes=0) as w:
        delete_in_hubspot(w, ADA)
        w.edit_hubspot("crm", BOB, jobtitle="Builder")
        with pytest.raises(GuardTripped, match="max_deletes: 1 in sales, 0 allowed"):
            w.sync()
        assert who_is_in_salesforce(w) == {ADA, BOB}
        w.sync(allow={"max_deletes": 1})
        assert who_is_in_salesforce(w) == {BOB}
        assert w.in_salesforce("sales")[BOB]["Title"] == "Builder"


def test_the_plan_counts_deletions_and_their_requests(tmp_path: Path) -> None:
    with pair(tmp_path, "archive") as w:
        delete_in_hubspot(w, ADA)
        w.clock.sleep(130)
        engine = w.engine()
        plan, _ = engine.plan()
        engine.ledger.close()
        assert (plan.sides["sales"].deletes, plan.sides["crm"].deletes) == (1, 0)
        assert plan.sides["sales"].calls == {"verify": 1, "look up": 0, "write": 0, "read back": 0, "delete": 1}
        assert w.sync(expect=plan.digest).pushed["sales"].deleted == 1


def test_whoever_was_worked_on_after_the_deletion_waits_for_a_decision(tmp_path: Path) -> None:
    with pair(tmp_path, "archive") as w:
        delete_in_hubspot(w, ADA)
        w.clock.sleep(60)
        w.edit_salesforce("sales", ADA, Title="Countess")
        w.settle()
        assert who_is_in_salesforce(w) == {ADA, BOB}
        assert w.open_conflicts() == ["deleted_there"]
        number = w.rows(sa.select(t.conflict.c.id))[0][0]
        assert "deleted" in Decisions(w.engine()).resolve(number, keep="crm")
        w.settle()
        assert who_is_in_salesforce(w) == {BOB}


def test_an_edit_seen_at_the_last_look_before_the_deletion_stops_it(tmp_path: Path) -> None:
    with pair(tmp_path, "archive") as w:
        delete_in_hubspot(w, ADA)
        w.clock.sleep(130)
        engine = w.engine()
        engine.plan()
        engine.ledger.close()
        w.edit_salesforce("sales", ADA, Title="Countess")
        w.sync(wait=0)
        assert who_is_in_salesforce(w) == {ADA, BOB}


def test_deleting_one_of_two_records_of_a_person_deletes_nobody(tmp_path: Path) -> None:
    with pair(tmp_path, "archive") as w:
        w.boxes["sales"].seed({"Lead": [{"LastName": "Ada", "Company": "Acme", "Email": ADA}]})
        w.settle()
        delete_in_salesforce(w, ADA)
        w.settle()
        assert who_is_in_hubspot(w) == {ADA, BOB}


def test_a_record_that_is_restored_is_not_deleted_again(tmp_path: Path) -> None:
    with pair(tmp_path, "archive") as w:
        delete_in_hubspot(w, ADA)
        w.settle()
        w.boxes["crm"].seed({"restore": w.boxes["crm"].state()["archived"]})
        w.settle()
        assert who_is_in_hubspot(w) == {ADA, BOB}
        assert who_is_in_salesforce(w) == {BOB}  # what was deleted there stays deleted: nothing is created anew


def test_a_deletion_that_was_never_answered_is_read_back_and_not_taken_for_a_new_one(tmp_path: Path) -> None:
    with pair(tmp_path, "archive") as w:
        delete_in_hubspot(w, ADA)
        w.boxes["sales"].fault("timeout_after", method="DELETE", path="*sobjects/Contact*")
        w.settle()
        assert who_is_in_salesforce(w) == {BOB}
        assert w.rows(sa.select(t.outbox.c.id)) == []


def test_erasure_leaves_nothing_of_the_person_in_the_ledger(tmp_path: Path) -> None:
    with pair(tmp_path, "erase") as w:
        delete_in_salesforce(w, ADA)
        w.settle()
        assert who_is_in_hubspot(w) == {BOB}
        raw = b"".join(p.read_bytes() for p in tmp_path.glob("stagebridge.db*"))
        assert ADA.encode() not in raw
        assert BOB.encode() in raw
