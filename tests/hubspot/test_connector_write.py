"""Writing to HubSpot: one outcome per record, and what the account holds afterwards."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import orjson
import pytest

from hubspot_kit import CONTACTS, KEY, account, by_email, change, held, new, onto, seed, sent
from stagebridge.clock import ElasticClock
from stagebridge.connector import Conflict, Done, Entry, Gone, Outcome, Rejected, Retry, Unknown
from stagebridge.errors import AuthError, BudgetExhausted, PlatformDown
from stagebridge_hubspot import HubSpot
from stub_http import Reply, Seen, Stub


def kinds(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(type(o).__name__ for o in outcomes)


def against(stub: Stub) -> HubSpot:
    return HubSpot(token="pat-x", base_url=stub.url, clock=ElasticClock(), timeout=0.5)


# --- updates ---------------------------------------------------------------------------------------------------


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    with account() as (hs, box):
        ada, bo = seed(
            box, [{"email": "ada@example.com", "city": "London", "phone": "+44 20 7946 0001"}, {"email": "b@x.test"}]
        )
        [done] = hs.write([change(hs, ada, city="Ockham")])
        assert isinstance(done, Done)
        assert done.record is not None
        assert done.record.data["properties"]["city"] == "Ockham"
        assert done.record.data["properties"]["phone"] == "+44 20 7946 0001"
        assert (held(box)[ada]["city"], held(box)[ada]["phone"]) == ("Ockham", "+44 20 7946 0001")
        assert "city" not in held(box)[bo]


def test_an_empty_text_clears() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com", "city": "London"}])
        [done] = hs.write([change(hs, ada, city="")])
        assert isinstance(done, Done)
        assert done.record is not None
        assert not done.record.data["properties"]["city"]
        assert not held(box)[ada].get("city")


def test_outcomes_come_in_the_order_of_the_entries_although_results_do_not() -> None:
    with account() as (hs, box):
        ids = seed(box, [{"email": f"p{i}@example.com"} for i in range(100)])
        outcomes = hs.write([onto(id_, city=f"City {i}") for i, id_ in enumerate(ids)])
        assert [o.remote_id for o in outcomes if isinstance(o, Done)] == ids
        assert [held(box)[id_]["city"] for id_ in ids] == [f"City {i}" for i in range(100)]


def test_what_the_platform_made_of_a_value_is_in_the_answer() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        entry = change(hs, ada, city="ockham")
        box.fault("normalise", field="city", times=None)
        [done] = hs.write([entry])
        assert isinstance(done, Done)
        assert done.record is not None
        assert done.record.data["properties"]["city"] == held(box)[ada]["city"] != "ockham"


def test_an_id_that_is_no_more_is_gone_and_the_others_are_written() -> None:
    with account() as (hs, box):
        ada, bo = seed(box, [{"email": "ada@example.com"}, {"email": "bo@example.com"}])
        entries = [change(hs, ada, city="Ockham"), change(hs, bo, city="Oslo")]
        seed(box, {"archive": [ada]})
        outcomes = hs.write(entries)
        assert outcomes[0] == Gone()
        assert isinstance(outcomes[1], Done)
        assert held(box)[bo]["city"] == "Oslo"


def test_ids_that_are_no_more_are_read_back_together() -> None:
    with account() as (hs, box):
        ids = seed(box, [{"email": f"p{i}@example.com"} for i in range(6)])
        entries = [change(hs, id_, city="Oslo") for id_ in ids]
        seed(box, {"archive": ids[:5]})
        box.forget_requests()
        assert kinds(hs.write(entries)) == {"Gone": 5, "Done": 1}
        assert box.requests()["by_route"]["POST contacts/batch/read"] == 1


def test_what_was_sent_and_is_not_answered_is_neither_old_nor_new(stub: Stub) -> None:
    stub.will(Reply(200, b'{"results": [{"id": "1", "properties": {"lastname": "L"}}]}'))
    base = {"id": "1", "properties": {"firstname": "Old", "lastname": "L", "phone": "+44 20 7946 0001"}}
    with against(stub) as hs:
        [done] = hs.write([Entry(CONTACTS, {"properties": {"firstname": "New"}}, "1", base)])
    assert isinstance(done, Done)
    assert done.record is not None
    assert done.record.data["properties"] == {"lastname": "L", "phone": "+44 20 7946 0001"}


def test_an_id_that_was_merged_away_says_into_what() -> None:
    with account() as (hs, box):
        ada, twin = seed(box, [{"email": "ada@example.com"}, {"email": "ada.l@example.com"}])
        entry = change(hs, twin, city="Ockham")
        seed(box, {"merge": [ada, twin]})
        assert hs.write([entry]) == [Gone(by_email(box)["ada@example.com"]["id"])]


def test_an_address_that_another_record_holds_is_a_conflict_that_names_it() -> None:
    with account() as (hs, box):
        ada, bo = seed(box, [{"email": "ada@example.com"}, {"email": "bo@example.com"}])
        [outcome] = hs.write([change(hs, bo, email="ada@example.com")])
        assert isinstance(outcome, Conflict)
        assert outcome.existing_id == ada
        assert held(box)[bo]["email"] == "bo@example.com"


# --- creates ---------------------------------------------------------------------------------------------------


def test_a_new_record_carries_our_key_and_a_repeated_create_makes_no_second_one() -> None:
    with account() as (hs, box):
        first = hs.write([new("k-1", email="ada@example.com", firstname="Ada")])
        again = hs.write([new("k-1", email="ada@example.com", firstname="Ada")])
        assert [type(o) for o in first + again] == [Done, Done]
        [ada] = box.state()["contacts"]
        assert (ada[KEY], ada["firstname"]) == ("k-1", "Ada")


def test_the_answer_to_a_create_shows_the_stage_that_the_account_stamped() -> None:
    with account() as (hs, _):
        [done] = hs.write([new("k-1", email="ada@example.com")])
        assert isinstance(done, Done)
        assert done.record is not None
        assert hs.mapping is not None
        assert hs.mapping.read(done.record.data)["stage"] == "lead"


def test_a_repeated_create_does_not_say_that_what_it_does_not_show_is_empty() -> None:
    answer = {"id": "7", "new": False, "properties": {"email": "ada@example.com"}, "objectWriteTraceId": "row-0"}
    with account() as (hs, _):
        record = hs.answered(answer, new("k-1", email="ada@example.com"), new=False)
        assert set(record.data["properties"]) == {"email"}


@pytest.mark.parametrize("spelling", ["ada@example.com", "ADA@Example.COM", "countess@example.com"])
def test_a_create_that_meets_somebody_is_a_conflict_with_his_id_and_writes_nothing(spelling: str) -> None:
    with account() as (hs, box):
        [ada] = seed(
            box, [{"email": "ada@example.com", "hs_additional_emails": "countess@example.com", "firstname": "Ada"}]
        )
        [outcome] = hs.write([new("k-1", email=spelling, firstname="Somebody")])
        assert isinstance(outcome, Conflict)
        assert outcome.existing_id == ada
        assert held(box)[ada]["firstname"] == "Ada"
        assert len(held(box)) == 1


def test_one_address_twice_in_a_batch_makes_one_contact_and_a_conflict() -> None:
    with account() as (hs, box):
        batch = [
            new("k-1", email="ada@example.com"),
            new("k-2", email="bo@example.com"),
            new("k-3", email="Ada@Example.com"),
        ]
        outcomes = hs.write(batch)
        assert [type(o) for o in outcomes] == [Done, Done, Conflict]
        ada = by_email(box)["ada@example.com"]
        assert ada[KEY] == "k-1"
        assert isinstance(outcomes[2], Conflict)
        assert outcomes[2].existing_id == ada["id"]
        assert sorted(by_email(box)) == ["ada@example.com", "bo@example.com"]
        assert [len(body["inputs"]) for body in sent(box, "/batch/upsert")] == [2, 1]


def test_one_record_twice_in_a_batch_goes_in_two_requests() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        outcomes = hs.write([onto(ada, city="Ockham"), onto(ada, city="London")])
        assert kinds(outcomes) == {"Done": 2}
        assert held(box)[ada]["city"] == "London"


def test_without_our_property_a_create_goes_by_address_and_without_an_address_alone() -> None:
    with account(provisioned=False) as (hs, box):
        batch = [
            Entry(CONTACTS, {"properties": {"email": "ada@example.com"}}, key="k-1", email="ada@example.com"),
            Entry(CONTACTS, {"properties": {"firstname": "Nobody"}}, key="k-2"),
        ]
        assert kinds(hs.write(batch)) == {"Done": 2}
        assert sorted(c.get("firstname") or c["email"] for c in held(box).values()) == ["Nobody", "ada@example.com"]
        routes = box.requests()["by_route"]
        assert (routes["POST contacts/batch/upsert"], routes["POST contacts/batch/create"]) == (1, 1)


# --- one bad row -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value", "code"), [
    ("email", "not an address", "INVALID_EMAIL"), ("hs_lead_status", "NO_SUCH_OPTION", "INVALID_OPTION"),
    ("no_such_property", "x", "PROPERTY_DOESNT_EXIST"),
])  # fmt: skip
def test_one_bad_row_among_a_hundred_is_named_and_the_others_arrive(name: str, value: str, code: str) -> None:
    with account() as (hs, box):
        batch = [new(f"k-{i}", email=f"p{i}@example.com") for i in range(100)]
        batch[41] = new("k-41", **({"email": "p41@example.com"} | {name: value}))
        outcomes = hs.write(batch)
        assert kinds(outcomes) == {"Done": 99, "Rejected": 1}
        bad = outcomes[41]
        assert isinstance(bad, Rejected)
        assert bad.fields == (f"properties.{name}",)
        assert bad.code == f"SB-HUBSPOT-{code}"
        assert value not in bad.message or value == "x"
        assert len(held(box)) == 99


def test_a_bad_row_of_an_update_is_named_too() -> None:
    with account() as (hs, box):
        ids = seed(box, [{"email": f"p{i}@example.com"} for i in range(20)])
        batch = [change(hs, id_, city="Oslo") for id_ in ids]
        batch[3] = change(hs, ids[3], city="Oslo", hs_lead_status="NO_SUCH_OPTION")
        outcomes = hs.write(batch)
        assert kinds(outcomes) == {"Done": 19, "Rejected": 1}
        assert isinstance(outcomes[3], Rejected)
        assert outcomes[3].fields == ("properties.hs_lead_status",)
        assert "city" not in held(box)[ids[3]]


def invalid(*rows: dict[str, Any]) -> Reply:
    return Reply(400, orjson.dumps({"status": "error", "category": "VALIDATION_ERROR", "message": "no", "context": {}}))


def test_a_request_that_is_refused_whole_is_narrowed_to_its_bad_row_in_twice_the_halvings() -> None:
    """As HubSpot does without trace ids: one bad record, a 400, and nothing is written."""
    stub = Stub()

    def decide(seen: Seen) -> Reply:
        inputs = orjson.loads(seen.body)["inputs"]
        if any(i["id"] == "77" for i in inputs):
            return invalid()
        results = [{"id": i["id"], "properties": i["properties"]} for i in reversed(inputs)]
        return Reply(200, orjson.dumps({"status": "COMPLETE", "results": results}))

    stub.decide = decide
    with against(stub) as hs:
        outcomes = hs.write([onto(str(i), city="Oslo") for i in range(1, 101)])
    stub.close()
    assert kinds(outcomes) == {"Done": 99, "Rejected": 1}
    assert isinstance(outcomes[76], Rejected)
    assert len(stub.seen) <= 1 + 2 * 7


def test_a_request_that_is_refused_whole_and_names_its_rows_costs_one_more(stub: Stub) -> None:
    body = {
        "status": "error",
        "category": "VALIDATION_ERROR",
        "message": "no",
        "context": {"objectWriteTraceId": ["row-1"]},
    }
    results = [{"id": i, "properties": {"city": "Oslo"}} for i in ("3", "1")]
    stub.will(Reply(400, orjson.dumps(body)), Reply(200, orjson.dumps({"results": results})))
    with against(stub) as hs:
        outcomes = hs.write([onto("1", city="Oslo"), onto("2", city="Oslo"), onto("3", city="Oslo")])
    assert [type(o) for o in outcomes] == [Done, Rejected, Done]
    assert len(stub.seen) == 2


def test_an_error_that_names_no_row_is_narrowed_to_its_row() -> None:
    stub = Stub()

    def decide(seen: Seen) -> Reply:
        inputs = orjson.loads(seen.body)["inputs"]
        if seen.path.endswith("/batch/read"):
            return Reply(200, orjson.dumps({"results": [{"id": i["id"], "properties": {}} for i in inputs]}))
        bad = {"status": "error", "category": "VALIDATION_ERROR", "message": "no", "context": {}}
        # the bad row takes its neighbours with it, as long as it has any
        results = [{"id": i["id"], "properties": i["properties"]} for i in inputs] if "7" not in str(inputs) else []
        return Reply(207, orjson.dumps({"results": results, "errors": [] if results else [bad]}))

    stub.decide = decide
    with against(stub) as hs:
        outcomes = hs.write([onto(str(i), city="Oslo") for i in range(10)])
    stub.close()
    assert [i for i, o in enumerate(outcomes) if not isinstance(o, Done)] == [7]
    assert isinstance(outcomes[7], Rejected)


def test_a_partial_answer_is_never_taken_for_a_whole_one() -> None:
    with account() as (hs, box):
        ids = seed(box, [{"email": f"p{i}@example.com"} for i in range(10)])
        entries = [change(hs, id_, city="Oslo") for id_ in ids]
        box.fault("partial_batch")
        outcomes = hs.write(entries)
        cities = {id_: held(box)[id_].get("city") for id_ in ids}
        assert all(cities[id_] == "Oslo" for id_, o in zip(ids, outcomes, strict=True) if isinstance(o, Done))
        assert all(not isinstance(o, Done) for id_, o in zip(ids, outcomes, strict=True) if cities[id_] is None)


def test_a_row_that_the_answer_leaves_out_is_read_back(stub: Stub) -> None:
    """HubSpot answers the update of an id that is no more with 207 and no word about it."""
    silent = Reply(207, orjson.dumps({"results": [], "errors": []}))
    there = Reply(200, orjson.dumps({"results": [{"id": "1", "properties": {}}]}))
    stub.will(silent, there, Reply(404, b'{"category": "OBJECT_NOT_FOUND"}'))
    with against(stub) as hs:
        outcomes = hs.write([onto("1", city="Oslo"), onto("2", city="Oslo")])
    assert [type(o) for o in outcomes] == [Unknown, Gone]


# --- stages ----------------------------------------------------------------------------------------------------


def test_a_stage_goes_forward_in_one_request() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com", "lifecyclestage": "lead"}])
        entry = change(hs, ada, lifecyclestage="customer")
        box.forget_requests()
        assert kinds(hs.write([entry])) == {"Done": 1}
        assert held(box)[ada]["lifecyclestage"] == "customer"
        assert box.requests()["by_route"]["POST contacts/batch/update"] == 1


def test_a_stage_goes_back_by_clearing_it_first_in_a_request_of_its_own() -> None:
    with account() as (hs, box):
        ada, bo = seed(
            box,
            [
                {"email": "ada@example.com", "lifecyclestage": "customer"},
                {"email": "bo@x.test", "lifecyclestage": "lead"},
            ],
        )
        entries = [
            change(hs, ada, lifecyclestage="marketingqualifiedlead", city="Ockham"),
            change(hs, bo, lifecyclestage="customer"),
        ]
        outcomes = hs.write(entries)
        assert kinds(outcomes) == {"Done": 2}
        assert isinstance(outcomes[0], Done)
        assert outcomes[0].record is not None
        shown = outcomes[0].record.data["properties"]
        assert (shown["lifecyclestage"], shown["city"]) == ("marketingqualifiedlead", "Ockham")
        assert (held(box)[ada]["lifecyclestage"], held(box)[ada]["city"]) == ("marketingqualifiedlead", "Ockham")
        assert held(box)[bo]["lifecyclestage"] == "customer"
        assert box.state()["stage_writes_ignored"] == 0
        assert [len(body["inputs"]) for body in sent(box, "/batch/update")] == [2, 1]


def test_what_went_with_the_clearing_is_in_the_answer_although_the_second_request_says_nothing_of_it() -> None:
    stub = Stub()

    def decide(seen: Seen) -> Reply:
        if "/pipelines/" in seen.path:
            stages = [
                {"id": s, "label": s, "displayOrder": i, "metadata": {}} for i, s in enumerate(("lead", "customer"))
            ]
            now = "2026-11-24T12:00:00Z"
            stages = [{**s, "archived": False, "createdAt": now, "updatedAt": now} for s in stages]
            body = {"id": "p", "label": "p", "displayOrder": 0, "stages": stages, "archived": False}
            return Reply(200, orjson.dumps({**body, "createdAt": now, "updatedAt": now}))
        results = [{"id": i["id"], "properties": i["properties"]} for i in orjson.loads(seen.body)["inputs"]]
        return Reply(200, orjson.dumps({"results": results}))

    stub.decide = decide
    base = {"id": "1", "properties": {"lifecyclestage": "customer", "city": "London"}}
    with against(stub) as hs:
        [done] = hs.write([Entry(CONTACTS, {"properties": {"lifecyclestage": "lead", "city": "Ockham"}}, "1", base)])
    stub.close()
    assert isinstance(done, Done)
    assert done.record is not None
    assert done.record.data["properties"] == {"lifecyclestage": "lead", "city": "Ockham"}


def test_a_record_that_is_refused_keeps_its_stage() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com", "lifecyclestage": "customer"}])
        outcomes = hs.write([change(hs, ada, lifecyclestage="lead", hs_lead_status="NO_SUCH_OPTION")])
        assert kinds(outcomes) == {"Rejected": 1}
        assert held(box)[ada]["lifecyclestage"] == "customer"


def test_what_goes_back_is_said_by_the_accounts_own_order() -> None:
    stages = [["39404120", "Kunde"], ["39404121", "Testphase"], ["lead", "Lead"], ["customer", "Customer"]]
    with account(switches={"stages": stages, "default_stage": ""}) as (hs, box):
        ada, bo = seed(
            box,
            [{"email": "a@x.test", "lifecyclestage": "39404121"}, {"email": "b@x.test", "lifecyclestage": "39404120"}],
        )
        hs.write([change(hs, ada, lifecyclestage="39404120"), change(hs, bo, lifecyclestage="39404121")])
        assert (held(box)[ada]["lifecyclestage"], held(box)[bo]["lifecyclestage"]) == ("39404120", "39404121")
        assert box.state()["stage_writes_ignored"] == 0


def test_a_stage_that_somebody_moved_on_meanwhile_is_answered_as_it_stands() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com", "lifecyclestage": "subscriber"}])
        entry = change(hs, ada, lifecyclestage="lead")
        seed(box, {"edit": {ada: {"lifecyclestage": "customer"}}})
        [done] = hs.write([entry])
        assert isinstance(done, Done)
        assert done.record is not None
        assert hs.mapping is not None
        assert hs.mapping.read(done.record.data)["stage"] == "customer"
        assert held(box)[ada]["lifecyclestage"] == "customer"


def test_an_answer_that_differs_and_cannot_be_judged_alone_is_read_back_by_the_engine() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com", "lifecyclestage": "customer"}])
        assert hs.write([onto(ada, lifecyclestage="lead")]) == [Done(ada)]


def test_when_the_second_step_is_lost_the_outcome_is_unknown() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com", "lifecyclestage": "customer"}])
        entry = change(hs, ada, lifecyclestage="lead")
        box.fault("timeout_after", path="*batch/update", skip=1)
        assert kinds(hs.write([entry])) == {"Unknown": 1}
        assert held(box)[ada]["lifecyclestage"] == "lead"


# --- no answer, not now ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "arrived"), [("timeout_after", 3), ("timeout_before", 0), ("html_502", 0), ("reset_mid_body", 3)]
)
def test_a_lost_answer_is_unknown_and_nothing_is_sent_twice(fault: str, arrived: int) -> None:
    with account() as (hs, box):
        box.fault(fault, path="*batch/upsert")
        outcomes = hs.write([new(f"k-{i}", email=f"p{i}@example.com") for i in range(3)])
        assert kinds(outcomes) == {"Unknown": 3}
        assert len(held(box)) == arrived
        assert box.requests()["count"] == 1


def test_a_lost_answer_of_one_request_leaves_the_outcomes_of_the_others() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        box.fault("timeout_after", path="*batch/upsert")
        outcomes = hs.write([onto(ada, city="Oslo"), new("k-1", email="bo@example.com")])
        assert [type(o) for o in outcomes] == [Done, Unknown]


def test_a_failure_after_a_success_comes_back_as_retry_and_not_as_an_exception() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        box.fault("status", status=503, path="*batch/upsert", times=None)
        outcomes = hs.write([onto(ada, city="Oslo"), new("k-1", email="bo@example.com")])
        assert [type(o) for o in outcomes] == [Done, Retry]
        with pytest.raises(PlatformDown):
            hs.write([new("k-1", email="bo@example.com")])


def test_a_storm_of_refusals_loses_nobody() -> None:
    with account(switches={"per_10_seconds": 7}) as (hs, box):
        ids: list[str] = []
        for i in range(30):
            ids += [o.remote_id for o in hs.write([new(f"k-{i}", email=f"p{i}@example.com")]) if isinstance(o, Done)]
        assert sorted(ids) == sorted(held(box))
        assert len(ids) == 30


def test_locked_records_are_waited_for_at_least_two_seconds() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        entry = change(hs, ada, city="Oslo")
        box.fault("status", status=423)
        began = hs.clock.now()
        assert kinds(hs.write([entry])) == {"Done": 1}
        assert hs.clock.now() - began >= timedelta(seconds=2)


def limited(policy: str, **more: str) -> Reply:
    body = {"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": policy, **more}
    return Reply(429, orjson.dumps(body))


@pytest.mark.parametrize(("policy", "pause"), [("TEN_SECONDLY_ROLLING", 10), ("SECONDLY", 1)])
def test_a_full_window_is_waited_out_by_its_name(stub: Stub, policy: str, pause: float) -> None:
    stub.will(limited(policy), Reply(200, b'{"results": [{"id": "1", "properties": {"city": "Oslo"}}]}'))
    with against(stub) as hs:
        began = hs.clock.now()
        assert kinds(hs.write([onto("1", city="Oslo")])) == {"Done": 1}
        waited = (hs.clock.now() - began).total_seconds()
    assert pause <= waited < pause + 2


def test_a_used_up_day_ends_at_midnight_where_the_account_is(stub: Stub) -> None:
    stub.will(Reply(200, b'{"portalId": 1, "timeZone": "Asia/Tokyo"}'), limited("DAILY"))
    with against(stub) as hs:
        hs.account()
        with pytest.raises(BudgetExhausted) as caught:
            hs.write([onto("1", city="Oslo")])
    assert caught.value.until is not None
    assert caught.value.until.strftime("%H:%M") == "15:00"
    assert len(stub.seen) == 2


def test_our_share_of_the_day_is_not_overdrawn_and_the_answer_in_hand_still_counts(stub: Stub) -> None:
    left = {"X-HubSpot-RateLimit-Daily": "1000", "X-HubSpot-RateLimit-Daily-Remaining": "499"}
    stub.will(Reply(200, b'{"results": [{"id": "1", "properties": {"city": "Oslo"}}]}', left))
    with HubSpot(token="pat-x", base_url=stub.url, clock=ElasticClock(), budget=0.5) as hs:
        assert kinds(hs.write([onto("1", city="Oslo")])) == {"Done": 1}
        with pytest.raises(BudgetExhausted, match="our share"):
            hs.write([onto("1", city="Bergen")])
    assert len(stub.seen) == 1


def test_an_account_that_is_being_moved_is_left_alone_until_it_says(stub: Stub) -> None:
    stub.will(Reply(477, b"{}", {"Retry-After": "7200"}))
    with against(stub) as hs:
        with pytest.raises(PlatformDown) as caught:
            hs.write([onto("1", city="Oslo")])
        assert caught.value.until is not None
        assert abs(caught.value.until - hs.clock.now() - timedelta(hours=2)) < timedelta(seconds=5)


def test_a_missing_scope_is_named(stub: Stub) -> None:
    body = {
        "status": "error",
        "category": "MISSING_SCOPES",
        "context": {"requiredGranularScopes": ["crm.objects.contacts.write"]},
    }
    stub.will(Reply(403, orjson.dumps(body)))
    with against(stub) as hs, pytest.raises(AuthError, match=r"crm\.objects\.contacts\.write"):
        hs.write([onto("1", city="Oslo")])


# --- going for good --------------------------------------------------------------------------------------------


def test_archived_is_in_the_recycle_bin_and_erased_is_nowhere() -> None:
    with account() as (hs, box):
        ada, bo = seed(box, [{"email": "ada@example.com"}, {"email": "bo@example.com"}])
        assert hs.archive(CONTACTS, ada) == Done(ada)
        assert hs.erase(CONTACTS, bo, "bo@example.com") == Done(bo)
        state = box.state()
        assert state["contacts"] == []
        assert state["archived"] == [ada]
        assert state["blocked"] == ["bo@example.com"]
        assert hs.fetch(CONTACTS, [ada, bo]) == {}


def test_an_erasure_without_an_answer_is_unknown() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        box.fault("timeout_after", path="*gdpr-delete")
        assert isinstance(hs.erase(CONTACTS, ada, None), Unknown)


def test_nothing_to_write_costs_nothing() -> None:
    with account() as (hs, box):
        assert hs.write([]) == []
        assert box.requests()["count"] == 0
