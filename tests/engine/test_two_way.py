"""What happens after the first sync: edits on both sides, deletions, merges, second addresses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine_world import World, world
from stagebridge.contact import decode
from stagebridge.ledger import schema as t

ADA = "ada@example.com"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[World]:
    """Ada, in step in a HubSpot and a Salesforce."""
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed(
            [
                {
                    "email": ADA,
                    "firstname": "Ada",
                    "lastname": "Lovelace",
                    "lifecyclestage": "lead",
                    "phone": "+442079460001",
                }
            ]
        )
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": ADA}]})
        w.settle()
        yield w


def test_an_edit_on_either_side_arrives_on_the_other(pair: World) -> None:
    pair.edit_hubspot("crm", ADA, jobtitle="Countess")
    pair.edit_salesforce("sales", ADA, MobilePhone="+44 20 7946 0002")
    pair.settle()
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Countess"
    assert pair.in_hubspot("crm")[ADA]["mobilephone"] == "+442079460002"


def test_a_value_that_only_differs_in_spelling_is_left_as_the_person_wrote_it(pair: World) -> None:
    pair.edit_salesforce("sales", ADA, Phone="(020) 7946 0001")
    pair.settle()
    assert pair.in_salesforce("sales")[ADA]["Phone"] == "(020) 7946 0001"
    assert pair.in_hubspot("crm")[ADA]["phone"] == "+442079460001"


def test_of_two_edits_of_one_field_the_later_one_wins_and_the_other_is_on_record(pair: World) -> None:
    pair.edit_hubspot("crm", ADA, jobtitle="Countess")
    pair.clock.sleep(30)
    pair.edit_salesforce("sales", ADA, Title="Engineer")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["jobtitle"] == "Engineer"
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Engineer"
    assert ("overruled", "latest") in pair.changes("job_title")


def test_two_edits_of_different_fields_of_one_person_both_survive(pair: World) -> None:
    pair.edit_hubspot("crm", ADA, firstname="Augusta")
    pair.edit_salesforce("sales", ADA, LastName="King")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["lastname"] == "King"
    assert pair.in_salesforce("sales")[ADA]["FirstName"] == "Augusta"


def test_a_cleared_value_is_cleared_on_the_other_side(pair: World) -> None:
    pair.edit_hubspot("crm", ADA, phone="")
    pair.settle()
    assert "Phone" not in pair.in_salesforce("sales")[ADA]


def test_a_field_that_is_hidden_all_of_a_sudden_is_not_taken_for_cleared(pair: World) -> None:
    pair.boxes["sales"].fault("drop_field", field="Phone", times=None)
    pair.edit_salesforce("sales", ADA, Title="Engineer")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["phone"] == "+442079460001"
    assert pair.in_hubspot("crm")[ADA]["jobtitle"] == "Engineer"


def test_an_edit_made_an_instant_before_our_write_survives_where_it_is_of_another_field(pair: World) -> None:
    pair.boxes["crm"].fault(
        "edit_before_write", path="*batch/update*", values={"jobtitle": "Countess"}, properties={"jobtitle": "Countess"}
    )
    pair.edit_salesforce("sales", ADA, FirstName="Augusta")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["firstname"] == "Augusta"
    assert pair.in_hubspot("crm")[ADA]["jobtitle"] == "Countess"
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Countess"


def test_a_platform_that_stores_another_spelling_neither_loops_nor_overwrites(pair: World) -> None:
    pair.boxes["crm"].fault("normalise", field="jobtitle", how="upper", times=None)
    pair.edit_salesforce("sales", ADA, Title="Engineer")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["jobtitle"] == "ENGINEER"
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Engineer"


def test_a_deleted_record_is_not_made_again_and_the_other_side_keeps_its_own(pair: World) -> None:
    id_ = pair.in_hubspot("crm")[ADA]["id"]
    pair.hubspot("crm").archive(id_, _request_timeout=(5, 30))
    pair.clock.sleep(4000)  # the recycle bin is looked into once an hour
    pair.settle()
    pair.edit_salesforce("sales", ADA, Title="Engineer")
    pair.settle()
    assert pair.in_hubspot("crm") == {}
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Engineer"


def test_two_records_merged_there_become_one_contact_here(pair: World) -> None:
    pair.boxes["crm"].seed([{"email": "ada.king@example.com", "firstname": "Ada", "jobtitle": "Countess"}])
    pair.settle()
    assert len(pair.boxes["crm"].state()["contacts"]) == 2
    ids = [c["id"] for c in pair.boxes["crm"].state()["contacts"]]
    pair.boxes["crm"].seed({"merge": ids})
    pair.settle()
    assert len(pair.boxes["crm"].state()["contacts"]) == 1
    assert pair.in_salesforce("sales")[ADA]["Title"] == "Countess"


def test_a_lead_that_is_converted_goes_on_as_its_contact(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"email": ADA, "lastname": "Lovelace", "lifecyclestage": "lead"}])
        lead = w.boxes["sales"].seed({"Lead": [{"LastName": "Lovelace", "Company": "Engines", "Email": ADA}]})["ids"][
            "Lead"
        ][0]
        w.settle()
        w.boxes["sales"].seed({"convert": [lead]})
        w.settle()
        w.edit_hubspot("crm", ADA, jobtitle="Countess")
        w.settle()
        assert w.in_salesforce("sales")[ADA]["Title"] == "Countess"
        assert "Title" not in w.in_salesforce("sales", "Lead")[ADA]
        assert len(w.in_hubspot("crm")) == 1


def test_a_changed_address_is_the_same_person(pair: World) -> None:
    pair.edit_hubspot("crm", ADA, email="ada.king@example.com")
    pair.settle()
    assert list(pair.in_salesforce("sales")) == ["ada.king@example.com"]
    assert len(pair.in_hubspot("crm")) == 1


def test_an_address_given_to_somebody_new_makes_a_new_person(pair: World) -> None:
    pair.edit_hubspot("crm", ADA, email="ada.king@example.com")
    pair.boxes["crm"].seed([{"email": ADA, "firstname": "Another", "lastname": "Ada"}])
    pair.settle()
    held = pair.in_salesforce("sales") | pair.in_salesforce("sales", "Lead")
    assert set(held) == {ADA, "ada.king@example.com"}
    assert held["ada.king@example.com"]["LastName"] == "Lovelace"
    assert held[ADA]["FirstName"] == "Another"


def test_two_platforms_that_fight_through_us_are_stopped_after_a_while(pair: World) -> None:
    """Each has a workflow of its own that puts its title back."""
    for _ in range(12):
        pair.edit_hubspot("crm", ADA, jobtitle="Set by a workflow here")
        pair.sync()
        pair.edit_salesforce("sales", ADA, Title="Set by a workflow there")
        pair.sync()
    assert "flapping" in pair.open_conflicts()
    pair.edit_salesforce("sales", ADA, Title="Set by a workflow there", Phone="+442079460003")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["phone"] == "+442079460003"


def test_by_policy_the_newest_of_two_records_is_kept_in_step(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.contacts = {"ambiguous": "newest"}
        w.boxes["crm"].seed([{"email": ADA, "jobtitle": "Countess"}])
        old = w.boxes["sales"].seed({"Contact": [{"LastName": "Old", "Email": ADA}]})["ids"]["Contact"][0]
        w.clock.sleep(60)
        w.boxes["sales"].seed({"Contact": [{"LastName": "New", "Email": ADA}]})
        w.settle()
        titles = {c["Id"] == old: c.get("Title") for c in w.boxes["sales"].state()["Contact"]}
        assert titles == {True: None, False: "Countess"}
        assert w.open_conflicts() == []


@pytest.mark.soak
def test_more_records_with_one_modification_time_than_a_search_can_page_through_all_arrive(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales=("hubspot", {"portal_id": 5})) as w:
        w.boxes["crm"].seed([{"email": ADA}])
        w.settle()
        w.boxes["crm"].seed([{"email": f"p{i}@example.com"} for i in range(10_050)])
        w.settle()
        assert len(w.boxes["sales"].state()["contacts"]) == 10_051


def test_consent_denied_anywhere_is_denied_everywhere_whatever_else_was_edited_later(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.extra = {"crm": {"email_subscription": "99", "legal_basis": "CONSENT_WITH_NOTICE"}}
        w.contacts = {
            "rules": {"consent.*": "most_restrictive", "*": "latest"},
            "guards": {"max_opt_outs": "5", "max_creates": "off"},
        }
        w.boxes["crm"].seed({"contacts": [{"email": ADA, "lastname": "Lovelace"}], "statuses": {ADA: "SUBSCRIBED"}})
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": ADA}]})
        w.settle()
        w.edit_salesforce("sales", ADA, HasOptedOutOfEmail=True)
        w.edit_hubspot("crm", ADA, jobtitle="Countess")
        w.settle()
        statuses = w.boxes["crm"].state()["statuses"]
        assert [s["status"] for s in statuses] == ["UNSUBSCRIBED"]
        assert w.boxes["crm"].state()["unsubscribed_from_all"] == []
        assert w.in_salesforce("sales")[ADA]["HasOptedOutOfEmail"] is True


def test_a_decision_of_which_no_time_is_known_does_not_get_the_time_of_the_one_before(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.extra = {"crm": {"email_subscription": "99", "legal_basis": "CONSENT_WITH_NOTICE", "mode": "read"}}
        w.contacts = {"rules": {"consent.*": "most_restrictive"}, "guards": {"max_opt_outs": "5", "max_creates": "off"}}
        w.boxes["crm"].seed({"contacts": [{"email": ADA, "lastname": "Lovelace"}], "statuses": {ADA: "SUBSCRIBED"}})
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": ADA}]})
        w.settle()
        [before] = w.rows(sa.select(t.contact.c.data))
        assert "consent.email.at" in decode(before.data)
        w.edit_salesforce("sales", ADA, HasOptedOutOfEmail=True)
        w.settle()
        [after] = w.rows(sa.select(t.contact.c.data))
        assert decode(after.data)["consent.email"] == "denied"
        assert "consent.email.at" not in decode(after.data)


def test_without_verification_only_what_is_owed_is_written(pair: World) -> None:
    pair.contacts = {"verify": "off"}
    pair.edit_hubspot("crm", ADA, jobtitle="Countess")
    pair.edit_salesforce("sales", ADA, LastName="King")
    pair.settle()
    held = pair.in_salesforce("sales")[ADA]
    assert (held["LastName"], held["Title"]) == ("King", "Countess")
    assert pair.in_hubspot("crm")[ADA]["lastname"] == "King"


def test_a_connection_that_is_only_written_has_no_say(pair: World) -> None:
    pair.extra = {"sales": {"mode": "write"}}
    pair.edit_salesforce("sales", ADA, Title="Engineer", LastName="King")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["lastname"] == "Lovelace"
    assert "jobtitle" not in pair.in_hubspot("crm")[ADA]
    assert pair.in_salesforce("sales")[ADA]["LastName"] == "Lovelace"


def test_write_all_keeps_the_lead_beside_the_contact_in_step_too(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.contacts = {"write": "all"}
        w.boxes["crm"].seed([{"email": ADA, "lastname": "Lovelace", "jobtitle": "Countess"}])
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": ADA}],
                               "Lead": [{"LastName": "Lovelace", "Company": "Engines", "Email": ADA}]})  # fmt: skip
        w.settle()
        assert w.in_salesforce("sales", "Lead")[ADA]["Title"] == "Countess"
        assert w.in_salesforce("sales")[ADA]["Title"] == "Countess"


@pytest.mark.parametrize(("verify", "stays"), [("always", "Engineer"), ("changed", "Engineer"), ("off", "Countess")])
def test_an_edit_between_our_read_and_our_write_survives_as_far_as_we_look_again(
    pair: World, verify: str, stays: str
) -> None:
    pair.contacts = {"verify": verify}
    pair.edit_hubspot("crm", ADA, jobtitle="Countess")
    pair.clock.sleep(130)
    engine = pair.engine()
    edited: list[str] = []

    def somebody_edits(connection: str, step: str, count: int) -> None:
        if (connection, step) == ("sales", "read") and not edited:
            edited.append("once")
            pair.edit_salesforce("sales", ADA, Title="Engineer")

    engine.desk._progress = somebody_edits
    engine.sync()
    engine.ledger.close()
    assert edited
    assert pair.in_salesforce("sales")[ADA]["Title"] == stays
