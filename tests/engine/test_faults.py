"""Things that go wrong, and that nothing is lost, doubled or held up by them."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from engine_world import World, world
from stagebridge.errors import AuthError, PlatformDown
from stagebridge.ledger import schema as t

ADA = "ada@example.com"


def seeded(w: World, count: int = 150) -> None:
    w.boxes["crm"].seed(
        [
            {"email": f"p{i}@example.com", "firstname": f"G{i}", "lastname": f"L{i}", "lifecyclestage": "lead"}
            for i in range(count)
        ]
    )


def everybody(w: World) -> list[str]:
    return sorted(
        [
            *(c["Email"] for c in w.boxes["sales"].state()["Contact"]),
            *(c["Email"] for c in w.boxes["sales"].state()["Lead"]),
        ]
    )


@pytest.mark.parametrize("kind", ["timeout_after", "timeout_before", "reset_mid_body", "html_502"])
def test_a_create_without_an_answer_is_read_back_and_never_doubled(tmp_path: Path, kind: str) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        seeded(w)
        engine = w.engine()
        w.boxes["sales"].fault(kind, method="PATCH", path="*composite/sobjects*", times=1)
        w.clock.sleep(100)
        engine.sync()
        w.settle()
        assert everybody(w) == sorted(f"p{i}@example.com" for i in range(150))


@pytest.mark.parametrize("kind", ["timeout_after", "timeout_before", "reset_mid_body", "html_502"])
def test_an_update_without_an_answer_ends_in_the_same_state(tmp_path: Path, kind: str) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        seeded(w, 20)
        w.settle()
        for i in range(20):
            w.edit_salesforce("sales", f"p{i}@example.com", "Lead", Title=f"Title {i}")
        w.boxes["crm"].fault(kind, method="POST", path="*batch/update*", times=1)
        w.settle()
        assert {c["email"]: c["jobtitle"] for c in w.boxes["crm"].state()["contacts"]} == {
            f"p{i}@example.com": f"Title {i}" for i in range(20)
        }


def test_an_edit_during_an_unanswered_write_is_not_taken_back(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        seeded(w, 2)
        w.settle()
        w.edit_salesforce("sales", "p0@example.com", "Lead", Title="From sales")
        w.boxes["crm"].fault("timeout_after", method="POST", path="*batch/update*", times=1)
        engine = w.engine()
        w.clock.sleep(130)
        original = engine.clock.sleep

        def edit_while_waiting(seconds: float) -> None:
            original(seconds)
            if seconds > 20:
                w.edit_hubspot("crm", "p0@example.com", firstname="Edited")

        w.clock.sleep = edit_while_waiting  # type: ignore[method-assign]
        engine.sync()
        w.clock.sleep = original  # type: ignore[method-assign]
        w.settle()
        held = w.in_hubspot("crm")["p0@example.com"]
        assert (held["firstname"], held["jobtitle"]) == ("Edited", "From sales")
        assert w.in_salesforce("sales", "Lead")["p0@example.com"]["FirstName"] == "Edited"


def test_a_storm_of_refusals_loses_nothing(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        seeded(w)
        w.engine()
        w.boxes["crm"].fault("status", path="*", script=["429", "429", "423", "ok", "429"])
        w.boxes["sales"].fault("concurrent_limit", path="*", times=3)
        w.settle()
        assert everybody(w) == sorted(f"p{i}@example.com" for i in range(150))


def test_an_expired_session_is_renewed_once_and_the_run_goes_on(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        seeded(w, 5)
        engine = w.engine()
        w.boxes["sales"].forget_requests()
        w.boxes["sales"].fault("expired_token", path="*queryAll*", times=1)
        w.clock.sleep(100)
        assert engine.sync().failures == {}
        assert w.boxes["sales"].requests()["by_route"].get("POST token", 0) == 1
        assert len(everybody(w)) == 5


def test_a_platform_that_is_down_does_not_hold_up_the_other(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce", more=("hubspot", {"portal_id": 9})) as w:
        seeded(w, 5)
        engine = w.engine()
        w.boxes["sales"].fault("status", path="*", status=503, times=None)
        w.clock.sleep(100)
        report = engine.sync()
        assert isinstance(report.failures["sales"], PlatformDown)
        assert len(w.boxes["more"].state()["contacts"]) == 5
        w.boxes["sales"].heal()
        w.settle()
        assert len(everybody(w)) == 5


def test_a_rejected_picklist_value_is_parked_and_the_other_fields_arrive(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        fields = [
            {
                "name": "Lifecycle_Stage__c",
                "type": "picklist",
                "label": "Lifecycle Stage",
                "values": ["lead", "customer"],
            }
        ]
        w.boxes["sales"].seed(
            {"fields": {"Contact": fields, "Lead": fields}, "Contact": [{"LastName": "L", "Email": ADA}]}
        )
        w.boxes["crm"].seed([{"email": ADA, "lastname": "Lovelace", "jobtitle": "Countess", "lifecyclestage": "opportunity"},
                             {"email": "new@example.com", "lastname": "New", "lifecyclestage": "opportunity"}])  # fmt: skip
        w.settle()
        held = w.in_salesforce("sales")[ADA]
        assert (held["LastName"], held["Title"], held.get("Lifecycle_Stage__c")) == ("Lovelace", "Countess", None)
        assert w.in_salesforce("sales", "Lead")["new@example.com"]["LastName"] == "New"
        w.edit_hubspot("crm", ADA, lifecyclestage="customer")
        w.settle()
        assert w.in_salesforce("sales")[ADA]["Lifecycle_Stage__c"] == "customer"


def test_one_record_that_is_refused_as_a_whole_is_a_dead_letter_and_the_others_go(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"firstname": "", "jobtitle": "Nobody at all"}, {"email": ADA, "lastname": "L"}])
        w.boxes["sales"].seed({"Lead": [{"LastName": "[unknown]", "Company": "Ghost"}]})
        w.sync()
        w.sync()
        assert w.rows(sa.select(t.outbox.c.connection).where(t.outbox.c.state == "dead")) == [("crm",)]
        assert ADA in [c.get("Email") for c in w.boxes["sales"].state()["Lead"]]


def test_wrong_credentials_stop_with_a_sentence_and_exit_code_3(tmp_path: Path) -> None:
    with (
        world(tmp_path, crm=("hubspot", {"token": "pat-other"}), sales="salesforce") as w,
        pytest.raises(AuthError) as caught,
    ):
        w.engine()
    assert caught.value.exit_code == 3
    assert "pat-" not in str(caught.value)


def test_a_missing_scope_is_named(tmp_path: Path) -> None:
    scopes = ["crm.schemas.contacts.read", "crm.objects.owners.read"]
    with world(tmp_path, crm=("hubspot", {"scopes": scopes}), sales="salesforce") as w:
        w.provisioned = True
        w.clock.sleep(100)
        report = w.engine().sync()
        assert "crm.objects.contacts.read" in str(report.failures["crm"])


def test_a_mode_without_our_field_matches_by_address_and_creates_nobody(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales=("salesforce", {"deployed": False})) as w:
        w.boxes["crm"].seed(
            [
                {"email": ADA, "lastname": "Lovelace", "jobtitle": "Countess"},
                {"email": "new@example.com", "lastname": "New"},
            ]
        )
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": ADA}]})
        w.sync()
        assert w.in_salesforce("sales")[ADA]["Title"] == "Countess"
        assert w.boxes["sales"].state()["Lead"] == []
        assert w.rows(sa.select(t.outbox.c.code).where(t.outbox.c.state == "dead")) == [("SB-SALESFORCE-NO-KEY",)]
