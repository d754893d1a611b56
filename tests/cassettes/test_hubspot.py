"""What HubSpot's wire does to those who trust it, one trap each."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cassette_people import ADA, BO, CY, DEE, EVE, FURTHER
from hubspot_stage import CONTACTS, KEY, HubSpotStage, new, onto
from stagebridge.connector import Conflict, Done, Entry, Gone, Record, Rejected, Unknown
from stagebridge.errors import BudgetExhausted
from stagebridge_hubspot import HubSpot, read

pytestmark = pytest.mark.vcr

MINUTE = 60.0
NEVER = 1e10
"""Seconds."""
NEWSLETTER = "99"


def the(hs: HubSpot, id_: str) -> Record:
    return hs.fetch(CONTACTS, [id_])[id_]


def held(hs: HubSpot, id_: str, *names: str) -> tuple[str | None, ...]:
    """What the account holds now."""
    properties = the(hs, id_).data["properties"]
    return tuple(properties[n] for n in names)


# --- reading ---------------------------------------------------------------------------------------------------


def test_changes_are_walked_by_record_id_because_a_search_ends_at_ten_thousand(hubspot: HubSpotStage) -> None:
    """Thousands of records may carry one and the same modification time, and no offset reaches past the cap."""
    hs = hubspot.connector(deletes_every=NEVER)
    ids = hubspot.people(ADA, BO, CY, DEE, EVE)
    hubspot.clock.sleep(2 * MINUTE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "SEARCH_PAGE", 2)
        pages = list(hs.read(CONTACTS, hubspot.clock.now() - timedelta(minutes=3)))
    assert sorted(r.id for p in pages for r in p.records if r.id in ids) == sorted(ids)
    searches = hubspot.sent("/search")
    assert len(searches) >= 3
    assert not any("after" in s for s in searches)
    assert len({str(s["filterGroups"][0]["filters"][:2]) for s in searches}) == 1  # the window stays as it was


def test_the_index_says_who_changed_and_a_read_by_id_says_what(hubspot: HubSpotStage) -> None:
    hubspot.only_stand_in("how far its index is behind is nobody's to say")
    hs = hubspot.connector(deletes_every=NEVER)
    [ada] = hubspot.people(ADA)
    hubspot.clock.sleep(2 * MINUTE)
    hubspot.edit(ada, firstname="Adeline")
    [page] = hs.read(CONTACTS, hubspot.clock.now() - timedelta(minutes=3))
    assert [(r.id, r.data["properties"]["firstname"]) for r in page.records] == [(ada, "Adeline")]


def test_who_was_deleted_is_in_the_list_of_the_archived_and_nowhere_else(hubspot: HubSpotStage) -> None:
    hubspot.only_stand_in("a full pass reads everybody there is")
    hs = hubspot.connector()
    ada, bo = hubspot.people(ADA, BO)
    hubspot.archive(bo)
    records = [r for p in hs.read(CONTACTS) for r in p.records]
    assert [(r.id, r.deleted) for r in records] == [(ada, False), (bo, True)]


# --- writing ---------------------------------------------------------------------------------------------------


def test_one_bad_row_is_named_by_its_trace_id_and_the_others_are_written(hubspot: HubSpotStage) -> None:
    """207, results in no order; without trace ids it were a 400 and nobody written."""
    hs = hubspot.connector()
    outcomes = hs.write([
        new("k-ada", **ADA), new("k-bo", **BO, hs_lead_status="NO_SUCH_OPTION"), new("k-cy", **CY), new("k-dee", **DEE),
    ])  # fmt: skip
    assert [type(o) for o in outcomes] == [Done, Rejected, Done, Done]
    assert isinstance(outcomes[1], Rejected)
    assert (outcomes[1].code, outcomes[1].fields) == ("SB-HUBSPOT-INVALID_OPTION", ("properties.hs_lead_status",))
    assert hubspot.answers() == [207]
    found = {r.data["properties"][KEY]: r.id for r in hs.find(CONTACTS, "external_id", ["k-ada", "k-bo", "k-cy"])}
    done = [o.remote_id for o in outcomes if isinstance(o, Done)]
    assert found == {"k-ada": done[0], "k-cy": done[1]}


def test_one_address_twice_goes_in_two_requests_because_twins_refuse_a_whole_batch(hubspot: HubSpotStage) -> None:
    hs = hubspot.connector()
    shouted = {**ADA, "email": ADA["email"].upper()}
    first, other, second = hs.write([new("k-ada", **ADA), new("k-bo", **BO), new("k-twin", **shouted)])
    assert isinstance(first, Done)
    assert isinstance(other, Done)
    assert isinstance(second, Conflict)
    assert second.existing_id == first.remote_id
    assert [[i["id"] for i in body["inputs"]] for body in hubspot.sent("/upsert")] == [["k-ada", "k-bo"], ["k-twin"]]


def test_a_further_address_is_an_identifier_too_and_creates_nobody(hubspot: HubSpotStage) -> None:
    hs = hubspot.connector()
    [ada] = hubspot.people({**ADA, "hs_additional_emails": FURTHER})
    [outcome] = hs.write([new("k-1", email=FURTHER, firstname="Somebody")])
    assert isinstance(outcome, Conflict)
    assert outcome.existing_id == ada
    assert held(hs, ada, "firstname", "email") == ("Ada", ADA["email"])


def test_an_empty_text_clears_and_the_answer_says_no_more_of_it(hubspot: HubSpotStage) -> None:
    """null would be ignored."""
    hs = hubspot.connector()
    [ada] = hubspot.people({**ADA, "city": "Oslo", "jobtitle": "Analyst"})
    [done] = hs.write([onto(ada, the(hs, ada).data, city="", jobtitle="Head")])
    assert isinstance(done, Done)
    assert done.record is not None
    assert done.record.data["properties"]["city"] is None
    assert hubspot.sent("/batch/update")[0]["inputs"][0]["properties"] == {"city": "", "jobtitle": "Head"}
    assert held(hs, ada, "city", "jobtitle") == (None, "Head")


def test_a_change_of_an_id_that_is_no_more_is_a_207_and_only_a_read_says_what_became_of_it(
    hubspot: HubSpotStage,
) -> None:
    hs = hubspot.connector()
    ada, twin, bo, cy = hubspot.people(ADA, CY, BO, DEE)
    survivor = hubspot.merge(ada, twin)
    hubspot.archive(bo)
    outcomes = hs.write([onto(i, city="Oslo") for i in (twin, bo, cy)])
    assert outcomes[:2] == [Gone(survivor), Gone()]
    assert isinstance(outcomes[2], Done)
    assert hs.fetch(CONTACTS, [ada])[ada].id == survivor  # a merge leaves neither id
    assert held(hs, cy, "city") == ("Oslo",)


# --- stages ----------------------------------------------------------------------------------------------------


def test_a_stage_goes_back_by_being_cleared_and_then_set_in_a_later_request(hubspot: HubSpotStage) -> None:
    hs = hubspot.connector()
    [ada] = hubspot.people({**ADA, "lifecyclestage": "customer"})
    [done] = hs.write([onto(ada, the(hs, ada).data, lifecyclestage="lead", city="Oslo")])
    assert isinstance(done, Done)
    assert [body["inputs"][0]["properties"] for body in hubspot.sent("/batch/update")] == [
        {"lifecyclestage": "", "city": "Oslo"}, {"lifecyclestage": "lead"},
    ]  # fmt: skip
    assert held(hs, ada, "lifecyclestage", "city") == ("lead", "Oslo")


def test_a_stage_that_would_go_back_is_answered_with_200_and_left_alone(hubspot: HubSpotStage) -> None:
    """Nobody had read the record, so nobody knew; the outcome claims nothing that the answer does not show."""
    hs = hubspot.connector()
    [ada] = hubspot.people({**ADA, "lifecyclestage": "customer"})
    assert hs.write([onto(ada, lifecyclestage="lead")]) == [Done(ada, record=None)]
    assert hubspot.answers() == [200]
    assert held(hs, ada, "lifecyclestage") == ("customer",)


# --- limits, credentials, accidents ----------------------------------------------------------------------------


def test_a_full_window_is_waited_out_by_the_name_of_its_policy_because_no_header_says_how_long(
    hubspot: HubSpotStage,
) -> None:
    hs = hubspot.connector()
    [ada] = hubspot.people(ADA)
    hubspot.fault("rate_limit", policy="SECONDLY")
    hubspot.fault("rate_limit", policy="TEN_SECONDLY_ROLLING")
    began = hubspot.clock.now()
    assert held(hs, ada, "firstname") == ("Ada",)
    assert hubspot.answers() == [429, 429, 200]
    assert timedelta(seconds=11) <= hubspot.clock.now() - began < timedelta(seconds=12)


def test_a_used_up_day_is_no_reason_to_wait_and_ends_at_midnight_where_the_account_is(hubspot: HubSpotStage) -> None:
    hs = hubspot.connector()
    hubspot.fault("rate_limit", policy="DAILY", skip=1)
    assert hs.account()["timeZone"] == "US/Eastern"
    with pytest.raises(BudgetExhausted) as caught:
        hs.fetch(CONTACTS, ["1"])
    assert caught.value.until is not None
    assert caught.value.until.isoformat() == "2026-11-25T05:00:00+00:00"
    assert hubspot.answers() == [200, 429]


def test_an_expired_token_is_renewed_once_with_the_secret_in_the_body(hubspot: HubSpotStage) -> None:
    hubspot.only_stand_in("no token expires on request")
    hs = hubspot.connector(oauth=True)
    [ada] = hubspot.people(ADA)
    hubspot.fault("expired_token", path="*batch/read")
    assert held(hs, ada, "firstname") == ("Ada",)
    assert hubspot.answers() == [200, 401, 200, 200]  # login, refused, login, read


def test_a_page_of_an_edge_in_answer_to_a_write_is_no_answer_and_nothing_is_sent_twice(hubspot: HubSpotStage) -> None:
    hs = hubspot.connector()
    hubspot.fault("html_502", path="*batch/upsert")
    [outcome] = hs.write([new("k-ada", **ADA)])
    assert isinstance(outcome, Unknown)
    assert hs.find(CONTACTS, "external_id", ["k-ada"]) == []
    assert hubspot.answers() == [502, 207]


# --- consent ---------------------------------------------------------------------------------------------------


def test_consent_is_a_status_of_an_address_and_what_is_refused_of_it_leaves_the_record_written(
    hubspot: HubSpotStage,
) -> None:
    """Its own end point, its own 207; nobody is opted out of everything."""
    hubspot.switched(resubscribe=False)
    hs = hubspot.connector(email_subscription=NEWSLETTER, legal_basis="CONSENT_WITH_NOTICE")
    ada, bo = hubspot.people(ADA, BO)
    hubspot.decided(BO["email"], "UNSUBSCRIBED")
    found = hs.fetch(CONTACTS, [ada, bo])
    entries = [
        Entry(
            CONTACTS, {"properties": {"city": "Oslo"}, "subscriptions": [{"id": NEWSLETTER, "status": "SUBSCRIBED"}]}, i,
            found[i].data, email=found[i].data["properties"]["email"],
        )
        for i in (ada, bo)
    ]  # fmt: skip
    granted, refused = hs.write(entries)
    assert isinstance(granted, Done)
    assert isinstance(refused, Done)
    assert granted.refused == ()
    assert [r.field for r in refused.refused] == ["subscriptions"]
    after = hs.fetch(CONTACTS, [ada, bo])
    assert [r.data["subscriptions"][0]["status"] for r in after.values()] == ["SUBSCRIBED", "UNSUBSCRIBED"]
    assert [r.data["properties"]["city"] for r in after.values()] == ["Oslo", "Oslo"]
