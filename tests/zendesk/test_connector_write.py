"""Writing: what Zendesk ends up holding, who was not to be touched, and addresses that move."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stagebridge.connector import Conflict, Done, Entry, Gone, Pace, Rejected, Retry, Unknown
from stagebridge_zendesk import Zendesk
from zendesk_kit import CONTACTS, account, asked, change, emails, held, new, seed

ADA = {"name": "Ada Ångström", "email": "ada@example.com", "external_id": "k-ada"}
BO = {"name": "Bo Çelik", "email": "bo@example.com", "external_id": "k-bo"}
AGENT = {"name": "Agnes Agent", "email": "agnes@example.com", "role": "agent"}


def test_a_new_person_gets_no_mail_and_is_an_end_user() -> None:
    with account() as (zd, box):
        person = {"email": "new@example.com", "name": "New Person", "stage": "lead", "tags": frozenset({"vip"})}
        [done] = zd.write([new(zd, "k-1", **person, **{"consent.email": "granted"})])
        assert isinstance(done, Done)
        user = held(box)[done.remote_id]
        assert (user["role"], user["external_id"], user["verified"]) == ("end-user", "k-1", True)
        assert user["user_fields"]["lifecycle_stage"] == "ls_lead"
        assert user["user_fields"]["consent_email"] == "ce_granted"
        assert box.state()["mails_sent"] == []
        assert zd.mapping is not None
        view = zd.mapping.read(zd.fetch(CONTACTS, [done.remote_id])[done.remote_id].data)
        assert (view["tags"], view["stage"]) == (frozenset({"vip"}), "lead"), "tags of dropdowns are nobody's tags"


def test_a_stage_and_a_tag_that_change_together_leave_no_tag_of_the_old_stage() -> None:
    with account() as (zd, box):
        [ada] = seed(box, {**ADA, "tags": ["vip"], "user_fields": {"lifecycle_stage": "ls_lead"}})
        [done] = zd.write([change(zd, ada, stage="customer", tags=frozenset({"vip", "beta"}))])
        assert isinstance(done, Done)
        assert held(box)[ada]["user_fields"]["lifecycle_stage"] == "ls_customer"
        assert set(held(box)[ada]["tags"]) == {"vip", "beta", "ls_customer"}


# --- addresses ------------------------------------------------------------------------------------------------------


def test_a_changed_address_is_the_only_one_and_the_primary_one() -> None:
    with account() as (zd, box):
        [ada] = seed(box, ADA)
        [done] = zd.write([change(zd, ada, email="countess@example.com", name="Countess")])
        assert isinstance(done, Done)
        assert not done.refused
        assert emails(box, ada) == {"countess@example.com": True}
        assert (held(box)[ada]["email"], held(box)[ada]["name"]) == ("countess@example.com", "Countess")
        assert box.state()["mails_sent"] == []


def test_an_address_that_is_there_as_a_further_one_is_made_primary_and_not_added_again() -> None:
    with account() as (zd, box):
        identities = [{"type": "email", "value": "second@example.com"}, {"type": "email", "value": "third@example.com"}]
        [ada] = seed(box, {**ADA, "identities": identities})
        assert len(emails(box, ada)) == 3
        [done] = zd.write([change(zd, ada, email="second@example.com")])
        assert isinstance(done, Done)
        assert emails(box, ada) == {"second@example.com": True, "third@example.com": False}


def test_an_address_of_somebody_else_is_refused_and_the_rest_is_written() -> None:
    with account() as (zd, box):
        ada, bo = seed(box, ADA, BO)
        [done] = zd.write([change(zd, ada, email="bo@example.com", name="Countess")])
        assert isinstance(done, Done)
        [refusal] = done.refused
        assert (refusal.field, refusal.code) == ("email", "SB-ZENDESK-ADDRESS")
        assert "example.com" not in refusal.message
        assert held(box)[ada]["name"] == "Countess"
        assert emails(box, ada) == {"ada@example.com": True}
        assert emails(box, bo) == {"bo@example.com": True}


def test_an_address_is_never_taken_away() -> None:
    with account() as (zd, box):
        [ada] = seed(box, ADA)
        [done] = zd.write([change(zd, ada, email=None)])
        assert isinstance(done, Done)
        assert [r.code for r in done.refused] == ["SB-ZENDESK-NO-ADDRESS"]
        assert emails(box, ada) == {"ada@example.com": True}


def test_an_address_whose_change_was_not_answered_is_found_when_it_is_sent_again() -> None:
    with account() as (zd, box):
        [ada] = seed(box, ADA)
        entry = change(zd, ada, email="countess@example.com")
        box.fault("timeout_after", path="*/identities", method="POST")
        assert isinstance(zd.write([entry])[0], Unknown)
        assert emails(box, ada) == {"ada@example.com": True, "countess@example.com": False}
        assert isinstance(zd.write([entry])[0], Done)
        assert emails(box, ada) == {"countess@example.com": True}


# --- whose it is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bulk", [True, False])
def test_a_create_takes_over_nobody(bulk: bool) -> None:
    with account(switches={"bulk_import": bulk}) as (zd, box):
        bo, agnes = seed(box, BO, AGENT)
        before = held(box)
        entries = [new(zd, f"k-{i}", email=u["email"], name="Taken Over") for i, u in enumerate([BO, AGENT])]
        conflict, refused = zd.write(entries)
        assert isinstance(conflict, Conflict)
        assert conflict.existing_id == bo
        assert isinstance(refused, Rejected)
        assert refused.code == "SB-ZENDESK-AGENT"
        assert held(box) == before
        assert held(box)[agnes]["role"] == "agent"


@pytest.mark.parametrize("known", [True, False])
def test_an_address_that_somebody_holds_as_a_further_one_is_in_the_way(known: bool) -> None:
    with account(switches={"search_by_any_address": known}) as (zd, box):
        identity = {"type": "email", "value": "second@example.com"}
        [ada] = seed(box, {**ADA, "identities": [identity]})
        [outcome] = zd.write([new(zd, "k-1", email="second@example.com", name="Second")])
        assert outcome == (Conflict(ada, "another user holds the address") if known else outcome)
        assert known or isinstance(outcome, Retry)
        assert len(held(box)) == 1


def test_keys_are_the_same_in_any_case() -> None:
    with account() as (zd, box):
        [ada] = seed(box, {**ADA, "external_id": "K-ADA"})
        [done] = zd.write([new(zd, "k-ada", email="ada@example.com", name="Ada Again")])
        assert isinstance(done, Done)
        assert done.remote_id == ada
        assert held(box)[ada]["external_id"] == "K-ADA"
        assert held(box)[ada]["name"] == "Ada Again"


def test_whoever_became_an_agent_is_no_contact_any_more() -> None:
    with account() as (zd, box):
        [ada] = seed(box, ADA)
        entry = change(zd, ada, name="Countess")
        box.seed({"edit": {ada: {"role": "agent"}}})
        assert zd.fetch(CONTACTS, [ada]) == {}
        assert zd.find(CONTACTS, "email", ["ada@example.com"]) == []
        for outcome in (zd.archive(CONTACTS, ada), zd.erase(CONTACTS, ada, "ada@example.com")):
            assert isinstance(outcome, Rejected)
        assert not held(box)[ada]["deleted"]
        assert entry.base is not None


def test_a_suspended_user_is_written_like_anybody() -> None:
    with account() as (zd, box):
        [ada] = seed(box, ADA)
        box.seed({"suspend": [ada]})
        assert isinstance(zd.write([change(zd, ada, name="Countess")])[0], Done)
        assert (held(box)[ada]["name"], held(box)[ada]["suspended"]) == ("Countess", True)


# --- jobs that go wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switches", [{}, {"bogus_ids": True, "shuffle_rows": True}, {"details_as": "dict"}])
def test_the_rows_that_failed_fail_and_no_others(switches: dict[str, Any]) -> None:
    with account(switches=switches) as (zd, box):
        people = [{"email": f"p{i}@example.com", "name": f"P {i}"} for i in range(6)]
        entries = [new(zd, f"k-{i}", **p) for i, p in enumerate(people)]
        for i in (2, 4):
            entries[i] = Entry(CONTACTS, {**entries[i].payload, "phone": "no number"}, key=f"k-{i}")
        outcomes = zd.write(entries)
        assert [type(o) for o in outcomes] == [Done, Done, Rejected, Done, Rejected, Done]
        assert [o.fields for o in outcomes if isinstance(o, Rejected)] == [("phone",)] * 2
        by_key = {u["external_id"]: i for i, u in held(box).items()}
        assert {f"k-{i}": o.remote_id for i, o in enumerate(outcomes) if isinstance(o, Done)} == by_key


@pytest.mark.parametrize("status", ["killed", "failed"])
def test_a_job_that_was_killed_leaves_its_rows_unknown_and_they_can_be_found(status: str) -> None:
    with account() as (zd, box):
        box.fault("killed_job", path="*_many*", status=status, done=2)
        entries = [new(zd, f"k-{i}", email=f"p{i}@example.com", name=f"P {i}") for i in range(4)]
        assert [type(o) for o in zd.write(entries)] == [Unknown] * 4
        assert len(zd.find(CONTACTS, "external_id", [f"k-{i}" for i in range(4)])) == len(held(box)) == 2
        assert [type(o) for o in zd.write(entries)] == [Done] * 4
        assert len(held(box)) == 4


def test_a_job_that_is_stuck_is_given_up_and_looked_up_later() -> None:
    with account(job_wait=60) as (zd, box):
        box.fault("stuck_job", path="*_many*", seconds=500)
        assert isinstance(zd.write([new(zd, "k-1", email="new@example.com", name="New")])[0], Unknown)
        zd.clock.sleep(600)
        assert len(zd.find(CONTACTS, "external_id", ["k-1"])) == 1


def test_an_update_of_whoever_is_no_more_is_gone() -> None:
    with account() as (zd, box):
        ada, bo = seed(box, ADA, BO)
        entries = [change(zd, i, name="N") for i in (ada, bo)]
        box.seed({"delete": [ada]})
        assert zd.write(entries)[0] == Gone()
        box.seed({"erase": [bo]})
        assert zd.write(entries) == [Gone(), Gone()]


# --- without bulk imports -------------------------------------------------------------------------------------------


def test_without_bulk_imports_it_is_said_beforehand_and_nobody_is_created_by_asking() -> None:
    with account(switches={"bulk_import": False}) as (zd, box):
        pace = zd.pace()
        assert isinstance(pace, Pace)
        assert (pace.batch, pace.rate.calls, pace.rate.per) == (1, 60, 60.0)
        assert "customer support" in pace.why
        assert zd.check().warnings == (pace.why,)
        assert zd.pace() == pace
        assert len(asked(box, "*create_many")) == 1
        assert held(box) == {}
        assert box.state()["jobs"] == []
    with account() as (zd, box):
        assert zd.pace() is None
        assert (held(box), box.state()["jobs"]) == ({}, [])


def test_a_setting_is_believed_without_asking() -> None:
    with account(switches={"bulk_import": False}, bulk_import=False) as (zd, box):
        assert zd.pace() is not None
        assert asked(box, "*create_many") == []


def test_bulk_imports_that_are_refused_in_the_middle_are_made_one_by_one_at_one_a_second() -> None:
    with account(switches={"bulk_import": False}) as (zd, box):
        began = zd.clock.now()
        outcomes = zd.write([new(zd, f"k-{i}", email=f"p{i}@example.com", name=f"P {i}") for i in range(20)])
        assert [type(o) for o in outcomes] == [Done] * 20
        assert len(held(box)) == 20
        assert (zd.clock.now() - began).total_seconds() >= 19
        assert box.requests()["by_status"].get("429") is None
        assert zd.pace() is not None
        [ada] = seed(box, ADA)
        assert isinstance(zd.write([change(zd, ada, name="Countess")])[0], Done), "updates go in bulk all the same"


# --- organisations --------------------------------------------------------------------------------------------------


def test_an_organisation_arrives_as_the_company() -> None:
    with account() as (zd, box):
        [acme] = box.seed({"organizations": [{"name": "Blue Heron Ltd"}]})["organizations"]
        ada, bo = seed(box, {**ADA, "organization_id": acme}, BO)
        zd.clock.sleep(130)
        assert zd.mapping is not None
        views = {r.id: zd.mapping.read(r.data) for p in zd.read(CONTACTS) for r in p.records}
        assert views[ada]["company"] == "Blue Heron Ltd"
        assert views[bo]["company"] is None
        found = zd.fetch(CONTACTS, [ada])[ada]
        assert zd.mapping.read(found.data)["company"] == "Blue Heron Ltd"
        assert zd.mapping.write({"company": "Else"}, onto=found.data).problems == {"company": "is read only here"}


def test_a_company_is_written_as_the_organisation_of_that_name() -> None:
    with account(organizations="match") as (zd, box):
        [heron] = box.seed({"organizations": [{"name": "Blue Heron Ltd"}]})["organizations"]
        [ada] = seed(box, ADA)
        [done] = zd.write([change(zd, ada, company="blue heron ltd")])
        assert isinstance(done, Done)
        assert held(box)[ada]["organization_id"] == heron
        [done] = zd.write([change(zd, ada, company="Granat s.r.o.", name="Countess")])
        assert isinstance(done, Done)
        assert [(r.field, r.code) for r in done.refused] == [("organization.name", "SB-ZENDESK-ORGANIZATION")]
        assert (held(box)[ada]["organization_id"], held(box)[ada]["name"]) == (heron, "Countess")
        [done] = zd.write([change(zd, ada, company=None)])
        assert held(box)[ada]["organization_id"] is None


def test_an_organisation_is_created_once_where_that_is_set() -> None:
    with account(organizations="create") as (zd, box):
        people = [new(zd, f"k-{i}", email=f"p{i}@example.com", name="P", company="Granat s.r.o.") for i in range(3)]
        assert [type(o) for o in zd.write(people)] == [Done] * 3
        [made] = box.state()["organizations"]
        assert {u["organization_id"] for u in held(box).values()} == {made["id"]}


# --- deleting, settings ---------------------------------------------------------------------------------------------


def test_an_erased_user_is_deleted_for_good_and_an_archived_one_can_be_seen() -> None:
    with account() as (zd, box):
        ada, bo = seed(box, ADA, BO)
        assert isinstance(zd.erase(CONTACTS, ada, "ada@example.com"), Done)
        assert isinstance(zd.archive(CONTACTS, bo), Done)
        assert (held(box)[ada]["erased"], held(box)[bo]["erased"], held(box)[bo]["deleted"]) == (True, False, True)
        assert "ada@example.com" not in str(box.state()["users"])
        assert isinstance(zd.erase(CONTACTS, bo, "bo@example.com"), Done), "and one who was deleted before"
        assert held(box)[bo]["erased"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"subdomain": "acme"}, "give either"),
        ({"subdomain": "acme", "email": "a@example.com"}, "give both"),
        ({"oauth_token": "t"}, "give `subdomain`"),
        ({"subdomain": "acme", "oauth_token": "t", "api_token": "t", "email": "a@example.com"}, "give either"),
        ({"subdomain": "https://acme.zendesk.com", "oauth_token": "t"}, "subdomain"),
        ({"subdomain": "acme", "oauth_token": "t", "event_source": "zendesk"}, "reserved"),
    ],
)
def test_a_setting_that_cannot_be_says_so(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Zendesk(**given)


def test_an_oauth_token_is_a_bearer_and_an_api_token_goes_with_the_address() -> None:
    with account(switches={"oauth_token": "o-1", "token": "a-1", "email": "admin@example.com"}, api_token="a-1") as (
        zd,
        box,
    ):
        assert zd.check().problems == ()
        with Zendesk(base_url=box.url, oauth_token="o-1", clock=zd.clock) as other:
            assert other.check().problems == ()
