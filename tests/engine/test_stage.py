"""The lifecycle stage: forward however late, backward only with a person's word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine_world import World, world
from stagebridge.ledger import schema as t
from stagebridge.sync.decide import Decisions

ADA = "ada@example.com"
OWN_STAGES = [["39404120", "Trial"], ["lead", "Lead"], ["customer", "Customer"], ["evangelist", "Fan"]]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"email": ADA, "lastname": "Lovelace", "lifecyclestage": "opportunity"}])
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": ADA}]})
        w.settle()
        yield w


def stages(w: World) -> tuple[str, str]:
    return w.in_hubspot("crm")[ADA]["lifecyclestage"], w.in_salesforce("sales")[ADA]["Lifecycle_Stage__c"]


def test_a_step_forward_is_taken_from_either_side(pair: World) -> None:
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="customer")
    pair.settle()
    assert stages(pair) == ("customer", "customer")


def test_a_correction_backwards_waits_for_a_person_and_touches_neither_side(pair: World) -> None:
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="lead")
    pair.settle()
    assert stages(pair) == ("opportunity", "lead")
    assert pair.open_conflicts() == ["stage_backward"]


def test_a_held_correction_can_be_accepted(pair: World) -> None:
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="lead")
    pair.settle()
    number = pair.rows(sa.select(t.conflict.c.id))[0][0]
    Decisions(pair.engine()).resolve(number, keep="sales")
    pair.settle()
    assert stages(pair) == ("lead", "lead")
    assert pair.open_conflicts() == []


def test_a_held_correction_can_be_turned_down(pair: World) -> None:
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="lead")
    pair.settle()
    number = pair.rows(sa.select(t.conflict.c.id))[0][0]
    Decisions(pair.engine()).resolve(number, keep="crm")
    pair.settle()
    assert stages(pair) == ("opportunity", "opportunity")


def test_backward_allow_carries_a_correction_over_in_two_steps_where_hubspot_needs_them(pair: World) -> None:
    pair.contacts = {"backward": "allow"}
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="lead")
    pair.settle()
    assert stages(pair) == ("lead", "lead")
    assert pair.boxes["crm"].state()["stage_writes_ignored"] == 0


def test_backward_revert_puts_it_forward_again(pair: World) -> None:
    pair.contacts = {"backward": "revert"}
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="lead")
    pair.settle()
    assert stages(pair) == ("opportunity", "opportunity")


def test_a_customer_may_become_an_opportunity_again(pair: World) -> None:
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="customer")
    pair.settle()
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="opportunity")
    pair.settle()
    assert stages(pair) == ("opportunity", "opportunity")


def test_losing_and_reactivating_goes_both_ways(pair: World) -> None:
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="unqualified")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["hs_lead_status"] == "UNQUALIFIED"
    pair.edit_salesforce("sales", ADA, Lifecycle_Stage__c="lead")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA].get("hs_lead_status", "") == ""
    assert stages(pair) == ("lead", "lead")


def test_a_stage_that_is_cleared_by_hand_is_put_back(pair: World) -> None:
    pair.edit_hubspot("crm", ADA, lifecyclestage="")
    pair.settle()
    assert stages(pair) == ("opportunity", "opportunity")


def test_the_stage_that_hubspot_stamps_on_a_new_record_is_nobodys_edit(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": ADA}]})
        w.settle()
        assert w.in_hubspot("crm")[ADA]["lifecyclestage"] == "lead"
        assert "Lifecycle_Stage__c" not in w.in_salesforce("sales")[ADA]


def test_an_account_with_its_own_stages_and_numeric_ids_is_understood(tmp_path: Path) -> None:
    overlay = """
extends: hubspot
contact:
  stage:
    values:
      subscriber: {cannot: this account has no such stage}
      lead: lead
      marketing_qualified: <Trial>
      sales_qualified: {cannot: this account has no such stage}
      opportunity: {cannot: this account has no such stage}
      customer: customer
      advocate: evangelist
"""
    (tmp_path / "own.yaml").write_text(overlay, "utf-8")
    with world(tmp_path, crm=("hubspot", {"stages": OWN_STAGES}), sales="salesforce") as w:
        w.extra = {"crm": {"mapping": "own.yaml"}}
        w.boxes["crm"].seed([{"email": ADA, "lastname": "Lovelace", "lifecyclestage": "39404120"}])
        w.settle()
        held = w.in_salesforce("sales") | w.in_salesforce("sales", "Lead")
        assert held[ADA]["Lifecycle_Stage__c"] == "marketing_qualified"


def test_a_stage_set_by_hand_goes_everywhere_backwards_too(pair: World) -> None:
    Decisions(pair.engine()).set_stage(ADA, "lead", "asked for by the sales team")
    pair.settle()
    assert stages(pair) == ("lead", "lead")
