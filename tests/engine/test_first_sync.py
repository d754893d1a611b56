"""Two full systems meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine_world import world
from stagebridge.errors import ConfigError


def people(*numbers: int) -> list[dict[str, str]]:
    return [
        {
            "email": f"person{i}@example.com",
            "firstname": f"Given{i}",
            "lastname": f"Family{i}",
            "lifecyclestage": "lead",
        }
        for i in numbers
    ]


def test_creates_are_exactly_those_who_are_missing_on_the_other_side(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed(people(1, 2, 3))
        w.boxes["sales"].seed({"Contact": [{"LastName": "Family3", "Email": "Person3@Example.COM", "Lifecycle_Stage__c": "lead"}],
                               "Lead": [{"LastName": "Family4", "Company": "Vier", "Email": "person4@example.com"}]})  # fmt: skip
        report = w.sync()
        assert {n: p.created for n, p in report.pushed.items()} == {"crm": 1, "sales": 2}
        assert sorted(w.in_hubspot("crm")) == [f"person{i}@example.com" for i in (1, 2, 3, 4)]
        assert sorted([*w.in_salesforce("sales"), *w.in_salesforce("sales", "Lead")]) == sorted(w.in_hubspot("crm"))


def test_the_rounds_after_the_first_write_nothing(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed(people(*range(40)))
        w.boxes["sales"].seed(
            {"Contact": [{"LastName": f"Family{i}", "Email": f"person{i}@example.com"} for i in range(20, 60)]}
        )
        w.sync()
        for box in w.boxes.values():
            box.forget_requests()
        assert [w.sync().writes, w.sync().writes] == [0, 0]
        assert w.write_requests("crm") == w.write_requests("sales") == 0


def test_a_lost_ledger_is_rebuilt_without_creating_anybody(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([*people(1, 2, 3), {"firstname": "Nobody", "lastname": "Mailless"}])
        w.boxes["sales"].seed(
            {"Lead": [{"LastName": "Neu", "Company": "Neu", "Email": "neu@example.com", "Lifecycle_Stage__c": "lead"}]}
        )
        w.settle()
        before = {n: len(w.boxes[n].state()["contacts" if n == "crm" else "Lead"]) for n in w.boxes}
        for file in tmp_path.glob("stagebridge.db*"):
            file.unlink()
        report = w.sync()
        assert sum(p.created for p in report.pushed.values()) == 0
        assert report.writes == 0
        assert {n: len(w.boxes[n].state()["contacts" if n == "crm" else "Lead"]) for n in w.boxes} == before


def test_where_both_hold_a_value_the_preferred_side_is_right_and_the_loser_is_on_record(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"email": "ada@example.com", "lastname": "Lovelace", "jobtitle": "Countess"}])
        w.boxes["sales"].seed(
            {
                "Contact": [
                    {"LastName": "King", "Title": "Engineer", "Email": "ada@example.com", "Phone": "+442079460958"}
                ]
            }
        )
        w.sync()
        assert w.in_salesforce("sales")["ada@example.com"]["LastName"] == "Lovelace"
        assert w.in_salesforce("sales")["ada@example.com"]["Title"] == "Countess"
        assert w.in_hubspot("crm")["ada@example.com"]["phone"] == "+442079460958"
        assert ("overruled", "initial") in w.changes("last_name")


def test_fill_empty_overwrites_nobody(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.contacts = {"initial": "fill_empty", "rules": {"*": "fill_empty"}}
        w.boxes["crm"].seed([{"email": "ada@example.com", "lastname": "Lovelace"}])
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Title": "Engineer", "Email": "ada@example.com"}]})
        w.sync()
        assert w.in_hubspot("crm")["ada@example.com"]["jobtitle"] == "Engineer"


def test_without_a_word_on_who_is_right_nothing_is_written(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.contacts = {"initial": None}
        w.boxes["crm"].seed([{"email": "ada@example.com", "lastname": "Lovelace"}])
        w.boxes["sales"].seed({"Contact": [{"LastName": "King", "Email": "ada@example.com"}]})
        with pytest.raises(ConfigError, match="nothing says who is right about 'last_name'"):
            w.sync()
        assert w.write_requests("crm") == w.write_requests("sales") == 0


def test_a_stage_never_moves_back_because_two_systems_meet(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"email": "ada@example.com", "lifecyclestage": "lead"}])
        w.boxes["sales"].seed(
            {"Contact": [{"LastName": "L", "Email": "ada@example.com", "Lifecycle_Stage__c": "customer"}]}
        )
        w.sync()
        assert w.in_hubspot("crm")["ada@example.com"]["lifecyclestage"] == "customer"
        assert w.in_salesforce("sales")["ada@example.com"]["Lifecycle_Stage__c"] == "customer"


def test_a_lead_and_a_contact_of_one_person_are_both_linked_and_only_the_contact_is_written(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"email": "ada@example.com", "lastname": "Lovelace", "jobtitle": "Countess"}])
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": "ada@example.com"}],
                               "Lead": [{"LastName": "Lovelace", "Company": "Engines", "Email": "ada@example.com"}]})  # fmt: skip
        w.settle()
        assert w.in_salesforce("sales")["ada@example.com"]["Title"] == "Countess"
        assert "Title" not in w.in_salesforce("sales", "Lead")["ada@example.com"]
        assert len(w.in_hubspot("crm")) == 1


def test_a_second_record_of_a_person_is_a_conflict_and_is_never_written(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"email": "ada@example.com", "jobtitle": "Countess"}])
        w.boxes["sales"].seed(
            {
                "Contact": [
                    {"LastName": "One", "Email": "ada@example.com"},
                    {"LastName": "Two", "Email": "ada@example.com"},
                ]
            }
        )
        w.settle()
        titles = [c.get("Title") for c in w.boxes["sales"].state()["Contact"]]
        assert sorted(str(x) for x in titles) == ["Countess", "None"]
        assert w.open_conflicts() == ["duplicate"]


def test_a_newly_mapped_field_arrives_everywhere_without_any_edit(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed(
            {
                "properties": [{"name": "plan", "label": "Plan"}],
                "contacts": [{"email": "ada@example.com", "lastname": "L", "plan": "gold"}],
            }
        )
        w.boxes["sales"].seed({"fields": {"Contact": [{"name": "plan__c", "label": "Plan"}], "Lead": [{"name": "plan__c", "label": "Plan"}]},
                               "Contact": [{"LastName": "L", "Email": "ada@example.com"}]})  # fmt: skip
        w.settle()
        assert "plan__c" not in w.in_salesforce("sales")["ada@example.com"]
        w.extra = {"crm": {"custom": {"plan": "text"}}, "sales": {"custom": {"plan": "text"}}}
        w.settle()
        assert w.in_salesforce("sales")["ada@example.com"]["plan__c"] == "gold"


def test_a_pilot_writes_one_person_only(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed(people(1, 2, 3))
        report = w.sync(only=["person2@example.com"])
        assert report.writes == 2
        assert [*w.in_salesforce("sales"), *w.in_salesforce("sales", "Lead")] == ["person2@example.com"]


def test_plan_writes_nothing_and_its_counts_are_what_sync_then_does(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed(people(*range(130)))
        w.boxes["sales"].seed(
            {"Contact": [{"LastName": f"Family{i}", "Email": f"person{i}@example.com"} for i in range(100, 350)]}
        )
        w.clock.sleep(100)
        plan, _ = w.engine().plan()
        assert w.write_requests("crm") == w.write_requests("sales") == 0
        for box in w.boxes.values():
            box.forget_requests()
        report = w.sync(expect=plan.digest)
        assert {n: (p.created, p.updated) for n, p in report.pushed.items()} == {
            n: (p.creates, p.updates) for n, p in plan.sides.items()
        }
        assert {n: w.write_requests(n) for n in w.boxes} == {n: p.calls["write"] for n, p in plan.sides.items()}
        assert {n: sum(p.calls.values()) for n, p in plan.sides.items()} == {
            n: sum(p.calls.values()) for n, p in report.pushed.items()
        }


def test_a_large_first_load_goes_in_bulk_and_ends_as_any_other(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.extra = {"sales": {"bulk_above": 300}}
        w.boxes["crm"].seed(people(*range(450)))
        report = w.sync()
        assert report.pushed["sales"].created == 450
        assert len(w.boxes["sales"].state()["jobs"]) == 1
        assert len(w.in_salesforce("sales", "Lead")) == 450
        assert w.sync().writes == 0
