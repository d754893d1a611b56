"""Undoing a run: what it wrote is put back where the platform still holds it, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine_world import World, world
from stagebridge.errors import ConfigError
from stagebridge.ledger import schema as t
from stagebridge.sync.decide import Decisions
from stagebridge.sync.undo import Undo, UndoReport

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[World]:
    """Ada and Bob in step, and then a run that wrote Ada's new title and stage from HubSpot over what Salesforce held."""
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([
            {"email": e, "lastname": e[:3], "lifecyclestage": "lead", "jobtitle": "Engineer"} for e in (ADA, BOB)
        ])  # fmt: skip
        w.boxes["sales"].seed({"Contact": [{"LastName": "x", "Email": e} for e in (ADA, BOB)]})
        w.settle()
        w.edit_hubspot("crm", ADA, jobtitle="Oops", lifecyclestage="customer")
        w.sync()
        yield w


def last_run(w: World) -> int:
    return int(w.rows(sa.select(sa.func.max(t.run.c.id)).where(t.run.c.command == "sync"))[0][0])


def undo(w: World, run: int, *, plan: bool = False) -> UndoReport:
    w.clock.sleep(130)
    engine = w.engine()
    work = Undo(engine)
    report = work.plan(run) if plan else work.carry_out(run)
    engine.ledger.close()
    return report


def decide(w: World, path: str, keep: str) -> None:
    c = t.conflict.c
    number = w.rows(sa.select(c.id).where(c.kind == "undone", c.path == path))[0][0]
    engine = w.engine()
    Decisions(engine).resolve(number, keep=keep)
    engine.ledger.close()


def test_what_the_run_wrote_is_put_back_and_stays_so(pair: World) -> None:
    report = undo(pair, last_run(pair))
    held = pair.in_salesforce("sales")[ADA]
    assert (held["Title"], held["Lifecycle_Stage__c"]) == ("Engineer", "lead")
    assert (report.values["sales"], report.failed.total()) == (2, 0)
    assert pair.in_hubspot("crm")[ADA]["jobtitle"] == "Oops"  # the run did not write there
    assert pair.sync().writes == 0
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Engineer"
    assert sorted(pair.open_conflicts()) == ["undone", "undone"]


def test_whoever_decides_makes_either_value_count_everywhere(pair: World) -> None:
    undo(pair, last_run(pair))
    decide(pair, "job_title", "sales")
    decide(pair, "stage", "crm")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["jobtitle"] == pair.in_salesforce("sales")[ADA]["Title"] == "Engineer"
    assert pair.in_salesforce("sales")[ADA]["Lifecycle_Stage__c"] == "customer"


def test_a_later_edit_of_an_undone_value_is_an_edit_like_any_other(pair: World) -> None:
    undo(pair, last_run(pair))
    pair.edit_hubspot("crm", ADA, jobtitle="Countess")
    pair.settle()
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Countess"


def test_the_plan_of_an_undo_counts_the_same_and_writes_nothing(pair: World) -> None:
    pair.boxes["sales"].forget_requests()
    planned = undo(pair, last_run(pair), plan=True)
    assert pair.write_requests("sales") == 0
    assert planned.values == undo(pair, last_run(pair)).values
    assert pair.write_requests("sales") == 1


def test_what_somebody_has_changed_since_is_left_alone(pair: World) -> None:
    run = last_run(pair)
    pair.edit_salesforce("sales", ADA, Title="Countess")
    report = undo(pair, run)
    assert (report.values["sales"], report.left["sales"]) == (1, 1)
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Countess"
    assert pair.in_salesforce("sales")[ADA]["Lifecycle_Stage__c"] == "lead"


def test_records_that_the_run_created_go_to_the_recycle_bin_unless_somebody_worked_on_them(pair: World) -> None:
    pair.boxes["crm"].seed([{"email": f"new{i}@example.com", "lastname": "New"} for i in range(2)])
    pair.sync()
    run = last_run(pair)
    pair.edit_salesforce("sales", "new1@example.com", "Lead", Title="Prospect")
    report = undo(pair, run)
    assert (report.records["sales"], report.left["sales"]) == (1, 1)
    assert set(pair.in_salesforce("sales", "Lead")) == {"new1@example.com"}
    pair.settle()
    assert set(pair.in_salesforce("sales", "Lead")) == {"new1@example.com"}  # not created anew


@pytest.mark.parametrize("kind", ["timeout_after", "timeout_before"])
def test_an_undo_without_an_answer_is_carried_out_by_the_next_one_and_taken_for_nobodys_edit(
    pair: World, kind: str
) -> None:
    run = last_run(pair)
    pair.boxes["sales"].fault(kind, method="PATCH", path="*composite/sobjects*")
    assert undo(pair, run).failed["sales"] == 2
    undo(pair, run)
    pair.settle()
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Engineer"
    assert pair.in_hubspot("crm")[ADA]["jobtitle"] == "Oops"


def test_an_undo_can_be_undone(pair: World) -> None:
    undo(pair, last_run(pair))
    mine = int(pair.rows(sa.select(sa.func.max(t.run.c.id)))[0][0])
    assert undo(pair, mine).values["sales"] == 2
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Oops"


def test_a_run_that_never_was_is_refused(pair: World) -> None:
    with pytest.raises(ConfigError, match="there was no run 4711"):
        undo(pair, 4711)
