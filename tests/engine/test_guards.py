"""Guards stop a run before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine_world import world
from stagebridge.errors import Busy, ConfigError, GuardTripped, LedgerError, TryLater
from stagebridge.ledger.store import Ledger


def crowd(count: int) -> list[dict[str, str]]:
    return [
        {
            "email": f"p{i}@example.com",
            "lastname": f"L{i}",
            "phone": f"+4420794600{i % 100:02d}",
            "lifecyclestage": "lead",
        }
        for i in range(count)
    ]


def test_five_hundred_sudden_clears_stop_the_run_and_nothing_is_cleared(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales=("hubspot", {"portal_id": 5})) as w:
        w.contacts = {"guards": {"max_creates": "off"}}
        w.boxes["crm"].seed(crowd(500))
        w.settle()
        w.boxes["crm"].seed({"edit": {c["id"]: {"phone": ""} for c in w.boxes["crm"].state()["contacts"]}})
        with pytest.raises(GuardTripped, match="max_clears: 500 in sales, 20 allowed"):
            w.sync()
        assert all(c["phone"] for c in w.boxes["sales"].state()["contacts"])
        w.sync(allow={"max_clears": 500, "max_changes": 500})
        assert not any(c.get("phone") for c in w.boxes["sales"].state()["contacts"])


def test_more_creates_than_allowed_stop_the_run(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.contacts = {"guards": {"max_creates": 5}}
        w.boxes["crm"].seed(crowd(6))
        with pytest.raises(GuardTripped, match="max_creates: 6 in sales, 5 allowed") as caught:
            w.sync()
        assert caught.value.exit_code == 5
        assert "--allow max_creates=6" in caught.value.hint
        assert w.boxes["sales"].state()["Lead"] == []


def test_nobody_is_opted_out_unless_the_guard_is_raised(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"email": "p0@example.com", "lastname": "L0", "hs_email_optout": "true"}])
        w.boxes["sales"].seed({"Contact": [{"LastName": "L0", "Email": "p0@example.com"}]})
        with pytest.raises(GuardTripped, match="max_opt_outs: 1 in sales, 0 allowed"):
            w.sync()
        assert w.in_salesforce("sales")["p0@example.com"]["HasOptedOutOfEmail"] is False


def test_a_stale_plan_is_not_carried_out(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed(crowd(3))
        w.clock.sleep(100)
        plan, _ = w.engine().plan()
        w.boxes["crm"].seed([{"email": "late@example.com", "lastname": "Late"}])
        with pytest.raises(TryLater, match="the plan is stale"):
            w.sync(expect=plan.digest)
        assert w.boxes["sales"].state()["Lead"] == []


def test_a_run_stands_aside_while_another_holds_the_ledger(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        engine = w.engine()
        other = Ledger.open(w.config().ledger)
        with other.lock(), pytest.raises(Busy) as caught:
            engine.sync()
        assert caught.value.exit_code == 75


def test_include_keeps_people_out_until_they_get_there(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.contacts = {"include": {"stage": ">= lead"}}
        w.boxes["crm"].seed(
            [
                {"email": "a@example.com", "lastname": "A", "lifecyclestage": "subscriber"},
                {"email": "b@example.com", "lastname": "B", "lifecyclestage": "lead"},
            ]
        )
        w.settle()
        assert list(w.in_salesforce("sales", "Lead")) == ["b@example.com"]
        w.edit_hubspot("crm", "a@example.com", lifecyclestage="customer")
        w.settle()
        assert sorted(w.in_salesforce("sales", "Lead")) == ["a@example.com", "b@example.com"]


def test_create_false_and_create_as_lead_and_mode_read_are_obeyed(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.contacts = {"create": {"crm": False, "sales": "lead"}}
        w.boxes["sales"].seed(
            {"Account": [{"Name": "Known"}], "Contact": [{"LastName": "Only", "Email": "only@example.com"}]}
        )
        w.boxes["crm"].seed([{"email": "b@example.com", "lastname": "B", "company": "Known"}])
        w.settle()
        assert list(w.in_hubspot("crm")) == ["b@example.com"]
        assert list(w.in_salesforce("sales", "Lead")) == ["b@example.com"]
        w.extra = {"sales": {"mode": "read"}}
        w.edit_hubspot("crm", "b@example.com", jobtitle="Boss")
        w.settle()
        assert "Title" not in w.in_salesforce("sales", "Lead")["b@example.com"]


def test_creating_as_an_object_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.contacts = {"create": {"sales": "leed"}}
        w.boxes["crm"].seed(crowd(1))
        with pytest.raises(ConfigError, match=r"contacts.create.sales: there is no object 'leed' there"):
            w.sync()


def test_a_ledger_without_room_says_so_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed(crowd(400))
        engine = w.engine()
        with engine.ledger.engine.connect() as raw:
            cursor = raw.connection.cursor()
            cursor.execute("PRAGMA max_page_count = 60")
        w.clock.sleep(130)
        with pytest.raises(LedgerError, match="no room left for the ledger"):
            engine.sync()
        engine.ledger.close()
        w.settle()
        assert len(w.in_salesforce("sales", "Lead")) == 400


def test_the_change_log_is_kept_as_long_as_the_file_says(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="hubspot") as w:
        w.contacts = {"keep_changes": "1d"}
        w.boxes["crm"].seed(crowd(1))
        w.settle()
        w.edit_hubspot("crm", "p0@example.com", jobtitle="Engineer")
        w.settle()
        assert ("written", "sync") in w.changes("job_title")
        w.sync(wait=86400)
        assert w.changes("job_title") == []
