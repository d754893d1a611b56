"""What Salesforce's wire does to those who trust it, one trap each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cassette_people import ADA, BO, COMPANIES, CY, DEE, EVE, as_salesforce
from salesforce_stage import SalesforceStage, change, create
from stagebridge.connector import Conflict, Done, Entry, Gone, Rejected
from stagebridge.errors import AuthError, BudgetExhausted
from stagebridge_salesforce import Salesforce

pytestmark = pytest.mark.vcr

ENGINES, ONEILL = COMPANIES


def held(sf: Salesforce, object: str, id_: str, *names: str) -> tuple[Any, ...]:
    """What the organisation holds now."""
    data = sf.fetch(object, [id_])[id_].data
    return tuple(data[n] for n in names)


# --- reading ---------------------------------------------------------------------------------------------------


def test_a_locator_that_has_expired_goes_on_from_the_last_row_by_stamp_and_id(salesforce: SalesforceStage) -> None:
    salesforce.switched(page_rows=2, short_pages=False)
    sf = salesforce.connector()
    ids = salesforce.rows("Lead", *(as_salesforce(p, Company=ENGINES) for p in (ADA, BO, CY, DEE, EVE)))
    salesforce.fault("bad_locator", path="*/query/*", skip=1)
    records = [r for p in sf.read("Lead") for r in p.records]
    assert [r.id for r in records] == ids
    assert salesforce.answers() == [200, 200, 400, 200]


def test_only_queryall_tells_of_the_deleted_and_into_whom_somebody_was_merged(salesforce: SalesforceStage) -> None:
    sf = salesforce.connector()
    ada, twin, bo = salesforce.rows("Contact", as_salesforce(ADA), as_salesforce(CY), as_salesforce(BO))
    salesforce.merge("Contact", ada, twin)
    salesforce.delete("Contact", bo)
    found = {r.id: (r.deleted, r.merged_into) for p in sf.read("Contact") for r in p.records}
    assert found == {ada: (False, None), twin: (True, ada), bo: (True, None)}
    assert sf.fetch("Contact", [twin])[twin].id == ada


def test_a_converted_lead_is_still_a_row_and_the_person_is_a_contact_now(salesforce: SalesforceStage) -> None:
    sf = salesforce.connector()
    [lead] = salesforce.rows("Lead", as_salesforce(ADA, Company=ENGINES))
    contact = salesforce.convert(lead)
    [record] = [r for p in sf.read("Lead") for r in p.records]
    assert (record.deleted, record.merged_into) == (True, f"Contact:{contact}")
    [refused] = sf.write([change(lead, "Lead", Title="Head")])
    assert isinstance(refused, Rejected)
    assert refused.code == "SB-SALESFORCE-CANNOT_UPDATE_CONVERTED_LEAD"


def test_a_row_is_committed_after_the_time_that_it_carries_and_the_overlap_finds_it(
    salesforce: SalesforceStage,
) -> None:
    salesforce.only_stand_in("how late a row is committed is nobody's to say")
    sf = salesforce.connector(account={"on_missing": "lead"})
    salesforce.fault("late_commit", seconds=240, times=None)
    [done] = sf.write([create(sf, "k-ada", email=ADA["email"], last_name="Almond", company=ENGINES)])
    assert isinstance(done, Done)
    salesforce.clock.sleep(60)
    *_, page = sf.read("Lead")
    assert page.records == []
    salesforce.clock.sleep(300)
    [page] = sf.read("Lead", page.cursor)
    assert [r.id for r in page.records] == [done.remote_id]


# --- writing ---------------------------------------------------------------------------------------------------


def test_a_call_is_answered_with_200_and_every_row_has_its_own_error_in_the_order_sent(
    salesforce: SalesforceStage,
) -> None:
    sf = salesforce.connector()
    ada, bo, cy = salesforce.rows("Contact", as_salesforce(ADA), as_salesforce(BO), as_salesforce(CY))
    salesforce.delete("Contact", cy)
    outcomes = sf.write([change(ada, Title="Head"), change(bo, Email="no address"), change(cy, Title="Head")])
    assert outcomes[0] == Done(ada)
    assert isinstance(outcomes[1], Rejected)
    assert (outcomes[1].code, outcomes[1].fields) == ("SB-SALESFORCE-INVALID_EMAIL_ADDRESS", ("Email",))
    assert outcomes[2] == Gone()
    assert salesforce.answers() == [200]
    assert held(sf, "Contact", ada, "Title") == ("Head",)


def test_null_clears_a_field_and_one_that_is_left_out_stays(salesforce: SalesforceStage) -> None:
    sf = salesforce.connector()
    [ada] = salesforce.rows("Contact", as_salesforce(ADA, Title="Head", Phone="+442079460001"))
    assert sf.write([change(ada, Title=None)]) == [Done(ada)]
    [record] = salesforce.sent("/composite/sobjects")[0]["records"]
    assert record == {"attributes": {"type": "Contact"}, "Title": None, "Id": ada}
    assert held(sf, "Contact", ada, "Title", "Phone") == (None, "+442079460001")


def test_a_create_is_an_upsert_by_our_own_key_so_repeating_it_doubles_nobody(salesforce: SalesforceStage) -> None:
    sf = salesforce.connector()
    salesforce.rows("Account", {"Name": ONEILL})
    entry = create(sf, "k-ada", email=ADA["email"], last_name="Almond", company=ONEILL.upper())
    [first], [second] = sf.write([entry]), sf.write([entry])
    assert isinstance(first, Done)
    assert first == second
    assert [r.id for r in sf.find("Contact", "email", [ADA["email"]])] == [first.remote_id]
    assert all("Id" not in r for body in salesforce.sent("/stagebridge_id__c") for r in body["records"])


def test_a_contact_without_an_account_would_be_hidden_so_it_becomes_a_lead(salesforce: SalesforceStage) -> None:
    sf = salesforce.connector()
    [done] = sf.write([create(sf, "k-ada", email=ADA["email"], last_name="Almond", company=ENGINES)])
    assert isinstance(done, Done)
    assert done.object == "Lead"
    assert held(sf, "Lead", done.remote_id, "Company", "stagebridge_id__c") == (ENGINES, "k-ada")


def test_a_duplicate_rule_refuses_a_new_row_and_names_the_one_that_is_there(salesforce: SalesforceStage) -> None:
    salesforce.switched(duplicate_rule=True)
    sf = salesforce.connector()
    salesforce.rows("Account", {"Name": ENGINES})
    [ada] = salesforce.rows("Contact", as_salesforce(ADA))
    [outcome] = sf.write([create(sf, "k-1", email=ADA["email"], last_name="Almond", company=ENGINES)])
    assert outcome == Conflict(ada, "a duplicate rule of the organisation found this person")


def test_an_owner_who_has_left_costs_the_field_and_not_the_record(salesforce: SalesforceStage) -> None:
    salesforce.only_stand_in("no user is made inactive for a test")
    sf = salesforce.connector()
    [ada] = salesforce.rows("Contact", as_salesforce(ADA))
    [gone] = salesforce.rows("User", {"Name": "Dee Damson", "Email": DEE["email"], "IsActive": False})
    [done] = sf.write([change(ada, Title="Head", OwnerId=gone)])
    assert isinstance(done, Done)
    assert [r.field for r in done.refused] == ["OwnerId"]
    assert held(sf, "Contact", ada, "Title") == ("Head",)


def test_a_bulk_job_that_is_complete_has_still_refused_a_row_and_tells_the_others_in_any_order(
    salesforce: SalesforceStage,
) -> None:
    """Its CSV: an empty cell leaves alone, #N/A clears, names hold quotes and line ends."""
    sf = salesforce.connector()
    salesforce.rows("Account", {"Name": ENGINES})
    entries = [
        create(sf, f"k-{p['firstname']}", email=p["email"], first_name=p["firstname"], last_name=p["lastname"], company=ENGINES)
        for p in (ADA, BO, CY, EVE)
    ]  # fmt: skip
    entries[0] = _with(entries[0], Title='Head of "Engines",\nOslo')
    entries[1] = _with(entries[1], Email="no address")
    entries[2] = _with(entries[2], Title=None)
    outcomes = sf.load(entries)
    assert [type(o) for o in outcomes] == [Done, Rejected, Done, Done]
    assert isinstance(outcomes[1], Rejected)
    assert outcomes[1].fields == ("Email",)
    by_key = {r.data["stagebridge_id__c"]: r for r in sf.find("Contact", "external_id", ["k-Ada", "k-Cy", "k-Eve"])}
    assert [by_key[k].id for k in ("k-Ada", "k-Cy", "k-Eve")] == [o.remote_id for o in outcomes if isinstance(o, Done)]
    assert by_key["k-Ada"].data["Title"] == 'Head of "Engines",\nOslo'


def _with(entry: Entry, **fields: Any) -> Entry:
    return Entry(entry.object, {**entry.payload, **fields}, key=entry.key, email=entry.email, context=entry.context)


# --- credentials and limits ------------------------------------------------------------------------------------


def test_a_session_expires_without_notice_and_the_request_logs_in_once(salesforce: SalesforceStage) -> None:
    sf = salesforce.connector(login=True)
    [ada] = salesforce.rows("Contact", as_salesforce(ADA))
    salesforce.fault("expired_token", path="*composite*")
    assert sf.write([change(ada, Title="Head")]) == [Done(ada)]
    assert salesforce.answers() == [200, 401, 200, 200]  # login, refused, login, written


def test_a_refused_login_is_told_in_another_form_than_every_other_error(salesforce: SalesforceStage) -> None:
    salesforce.only_stand_in("nobody's wrong password is counted against a real account")
    sf = salesforce.connector(login=True, domain="elsewhere.my")
    with pytest.raises(AuthError) as caught:
        sf.archive("Contact", "003000000000001AAA")
    assert caught.value.code == "SB-SALESFORCE-LOGIN"
    assert "scrubbed" not in str(caught.value)
    assert salesforce.answers() == [400]


def test_both_limits_are_a_403_and_one_is_over_in_seconds_the_other_in_hours(salesforce: SalesforceStage) -> None:
    """The header on every answer says how much of the day is used before it is."""
    sf = salesforce.connector()
    [ada] = salesforce.rows("Contact", as_salesforce(ADA))
    salesforce.fault("concurrent_limit", path="*queryAll")
    began = salesforce.clock.now()
    assert held(sf, "Contact", ada, "LastName") == ("Almond",)
    assert timedelta(seconds=5) <= salesforce.clock.now() - began < timedelta(seconds=6)
    salesforce.fault("daily_limit", path="*queryAll")
    with pytest.raises(BudgetExhausted) as caught:
        sf.fetch("Contact", [ada])
    assert caught.value.until == salesforce.clock.now() + timedelta(hours=1)
    assert salesforce.answers() == [403, 200, 403]


def test_our_share_of_the_day_ends_by_a_header_before_anything_is_refused(salesforce: SalesforceStage) -> None:
    salesforce.switched(daily_requests=4)
    sf = salesforce.connector(budget=0.5)
    [ada] = salesforce.rows("Contact", as_salesforce(ADA))
    sf.fetch("Contact", [ada])
    sf.fetch("Contact", [ada])
    with pytest.raises(BudgetExhausted, match="our share"):
        sf.fetch("Contact", [ada])
    assert salesforce.answers() == [200, 200]
