"""Reading HubSpot: nobody is missed, nobody is made up."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from hubspot_kit import CONTACTS, account, by_email, change, living, records, seed, sent
from stagebridge.clock import ElasticClock
from stagebridge.errors import AuthError, PlatformDown
from stagebridge_hubspot import HubSpot
from stub_http import Reply, Stub

MINUTE = 60.0


def people(count: int, **more: str) -> list[dict[str, str]]:
    return [{"email": f"p{i}@example.com", "firstname": f"Pat {i}", **more} for i in range(count)]


# --- a full pass -----------------------------------------------------------------------------------------------


def test_a_full_pass_brings_everybody_in_pages_of_a_hundred_and_covers_its_start() -> None:
    with account() as (hs, box):
        ids = seed(box, people(250))
        began = hs.clock.now()
        pages = list(hs.read(CONTACTS))
        assert living(pages) == ids
        assert [len(p.records) for p in pages] == [100, 100, 50, 0]
        assert [p.covered is not None for p in pages] == [False, False, False, True]
        assert pages[-1].covered is not None
        assert abs(pages[-1].covered - began) < timedelta(seconds=1)


def test_a_property_that_is_empty_is_null_and_one_that_the_token_cannot_see_is_absent() -> None:
    with account() as (hs, box):
        seed(box, people(1))
        box.fault("drop_field", field="phone", times=None)
        [record] = [r for r in records(list(hs.read(CONTACTS))) if not r.deleted]
        assert record.data["properties"]["mobilephone"] is None
        assert "phone" not in record.data["properties"]
        assert hs.mapping is not None
        assert "phone" not in hs.mapping.read(record.data)


def test_deleted_people_are_told_at_the_end_of_a_full_pass() -> None:
    with account() as (hs, box):
        ids = seed(box, people(3))
        seed(box, {"archive": [ids[1]]})
        pages = list(hs.read(CONTACTS))
        assert living(pages) == [ids[0], ids[2]]
        [gone] = [r for r in records(pages) if r.deleted]
        assert gone.id == ids[1]
        assert gone.modified_at is not None
        assert abs(gone.modified_at - hs.clock.now()) < timedelta(seconds=60)  # when it was deleted


def test_a_full_pass_goes_on_after_any_page() -> None:
    with account() as (hs, box):
        ids = seed(box, people(210))
        seed(box, {"archive": ids[:120]})
        whole = list(hs.read(CONTACTS))
        assert len(whole) == 3
        for stop, page in enumerate(whole[:-1], 1):
            cursor = orjson.loads(orjson.dumps(page.cursor))
            rest = list(hs.read(CONTACTS, cursor))
            assert [r.id for r in records(rest)] == [r.id for r in records(whole[stop:])]
            assert rest[-1].covered == whole[-1].covered


def test_what_changes_during_a_full_pass_is_read_by_the_next() -> None:
    with account() as (hs, box):
        ids = seed(box, people(150))
        pages = hs.read(CONTACTS)
        seen = [next(pages)]
        hs.clock.sleep(5)
        seed(box, {"edit": {ids[0]: {"firstname": "Renamed"}}})
        seen += list(pages)
        hs.clock.sleep(2 * MINUTE)
        changed = {r.id: r.data["properties"]["firstname"] for r in records(list(hs.read(CONTACTS, seen[-1].cursor)))}
        assert changed[ids[0]] == "Renamed"


def test_a_mapping_too_wide_for_a_url_is_read_by_id() -> None:
    with account() as (hs, box):
        ids = seed(box, people(120))
        assert hs.mapping is not None
        narrow = records(list(hs.read(CONTACTS)))
        wide = [f"properties.an_account_specific_property_with_a_long_name_{i}" for i in range(200)]
        usual = hs.mapping.remote_fields(CONTACTS)
        hs.mapping.remote_fields = lambda object=None: (*usual, *wide)  # type: ignore[method-assign]
        pages = list(hs.read(CONTACTS))
        assert sorted(living(pages)) == ids
        assert {r.id: r.data["properties"] for r in records(pages)} == {r.id: r.data["properties"] for r in narrow}
        assert max(len(str(r["query"])) for r in box.requests()["last"]) < 6000


# --- what changed ----------------------------------------------------------------------------------------------


def test_after_a_full_pass_only_what_changed_comes() -> None:
    with account() as (hs, box):
        ids = seed(box, people(30))
        hs.clock.sleep(10 * MINUTE)
        cursor = list(hs.read(CONTACTS))[-1].cursor
        hs.clock.sleep(10 * MINUTE)
        seed(box, {"edit": {ids[7]: {"firstname": "Seven"}}})
        hs.clock.sleep(2 * MINUTE)
        [page] = hs.read(CONTACTS, cursor)
        assert [(r.id, r.data["properties"]["firstname"]) for r in page.records] == [(ids[7], "Seven")]
        assert page.covered is not None
        assert hs.clock.now() - page.covered >= timedelta(seconds=hs.lag)


def test_a_quiet_account_costs_one_request_a_round() -> None:
    with account() as (hs, box):
        seed(box, people(30))
        hs.clock.sleep(10 * MINUTE)
        cursor = list(hs.read(CONTACTS))[-1].cursor
        box.forget_requests()
        hs.clock.sleep(2 * MINUTE)
        [page] = hs.read(CONTACTS, cursor)
        assert page.records == []
        assert box.requests()["count"] == 1


@pytest.mark.parametrize("index_lag", [5, 55, 100])
def test_a_change_is_read_however_unluckily_the_rounds_fall_on_the_lag_of_the_index(index_lag: float) -> None:
    """Even where the index is slower than the sixty seconds that we allow it."""
    with account(switches={"index_lag": index_lag}) as (hs, box):
        ids = seed(box, people(12))
        hs.clock.sleep(5 * MINUTE)
        cursor = list(hs.read(CONTACTS))[-1].cursor
        seen: dict[str, str] = {}
        for i in range(40):
            if i < 12:
                seed(box, {"edit": {ids[i]: {"firstname": f"New {i}"}}})
            hs.clock.sleep(13)
            for page in hs.read(CONTACTS, cursor):
                seen |= {r.id: r.data["properties"]["firstname"] for r in page.records if not r.deleted}
                cursor = page.cursor
        assert seen == {id_: f"New {i}" for i, id_ in enumerate(ids)}


def test_the_index_says_who_changed_and_never_what() -> None:
    with account(switches={"index_lag": 20}) as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com", "firstname": "Ada"}])
        cursor = list(hs.read(CONTACTS))[-1].cursor
        seed(box, {"edit": {ada: {"firstname": "Augusta"}}})
        hs.clock.sleep(65)
        seed(box, {"edit": {ada: {"firstname": "Countess"}}})
        named = {r.data["properties"]["firstname"] for r in records(list(hs.read(CONTACTS, cursor)))}
        assert named <= {"Countess"}


@pytest.mark.parametrize("skew", [-300.0, 300.0])
def test_a_clock_that_is_wrong_by_minutes_loses_nothing(skew: float) -> None:
    with account(switches={"skew": skew}) as (hs, box):
        fresh = HubSpot(token="pat-x", base_url=box.url, clock=hs.clock)
        assert hs.mapping is not None
        fresh.use(hs.mapping)
        ids = seed(box, people(3))
        cursor = list(fresh.read(CONTACTS))[-1].cursor
        assert abs(fresh.skew - skew) <= 2
        hs.clock.sleep(2)
        seed(box, {"edit": {ids[0]: {"firstname": "Just after"}}})
        hs.clock.sleep(2 * MINUTE)
        pages = list(fresh.read(CONTACTS, cursor))
        assert ids[0] in living(pages)
        covered = pages[-1].covered
        assert covered is not None
        assert timedelta(seconds=55) < hs.clock.now() - covered < timedelta(seconds=70)
        fresh.close()


def test_a_change_right_after_the_start_is_not_lost_to_a_clock_that_is_wrong_by_less_than_can_be_measured() -> None:
    with account(switches={"skew": -0.9}) as (hs, box):
        ids = seed(box, people(3))
        pages = hs.read(CONTACTS)
        next(pages)
        seed(box, {"edit": {ids[0]: {"firstname": "Right after"}}})
        cursor = list(pages)[-1].cursor
        hs.clock.sleep(2 * MINUTE)
        assert ids[0] in living(list(hs.read(CONTACTS, cursor)))


@pytest.mark.parametrize("skew", [-300.0, 0.0, 300.0])
def test_changes_since_a_time_are_those_since_that_time_of_our_clock(skew: float) -> None:
    with account(switches={"skew": skew}) as (hs, box):
        ids = seed(box, people(3))
        hs.clock.sleep(10 * MINUTE)
        since = hs.clock.now()
        seed(box, {"edit": {ids[1]: {"firstname": "Since then"}}})
        hs.clock.sleep(2 * MINUTE)
        assert living(list(hs.read(CONTACTS, since))) == [ids[1]]


def test_more_than_ten_thousand_records_with_one_timestamp_are_all_read_and_the_search_is_never_paged_by_offset() -> (
    None
):
    with account(switches={"limits": False}) as (hs, box):
        stamp = hs.clock.now().isoformat()
        ids = seed(box, [{"updated_at": stamp, "firstname": "Bulk"} for _ in range(10_150)])
        hs.clock.sleep(10 * MINUTE)
        since = hs.clock.now() - timedelta(minutes=20)
        pages = list(hs.read(CONTACTS, since))
        assert sorted(living(pages)) == ids
        assert max(len(p.records) for p in pages) == 200
        assert not any("after" in body for body in sent(box, "/search"))


def test_reading_changes_goes_on_after_any_page() -> None:
    with account() as (hs, box):
        ids = seed(box, people(450))
        hs.clock.sleep(10 * MINUTE)
        since = hs.clock.now() - timedelta(minutes=20)
        whole = list(hs.read(CONTACTS, since))
        for stop, page in enumerate(whole[:-1], 1):
            rest = list(hs.read(CONTACTS, orjson.loads(orjson.dumps(page.cursor))))
            assert sorted(living(whole[:stop]) + living(rest)) == ids
            assert rest[-1].covered == whole[-1].covered


def test_an_edit_under_way_of_a_window_is_read_by_the_next_window() -> None:
    with account() as (hs, box):
        ids = seed(box, people(300))
        hs.clock.sleep(10 * MINUTE)
        pages = hs.read(CONTACTS, hs.clock.now() - timedelta(minutes=20))
        first = next(pages)
        seed(box, {"edit": {ids[250]: {"firstname": "Edited"}}})
        last = list(pages)[-1]
        assert ids[250] not in [r.id for r in first.records]
        hs.clock.sleep(2 * MINUTE)
        after = {r.id: r.data["properties"]["firstname"] for r in records(list(hs.read(CONTACTS, last.cursor)))}
        assert after[ids[250]] == "Edited"


def test_the_recycle_bin_is_looked_through_every_hour_and_not_more_often() -> None:
    with account() as (hs, box):
        ids = seed(box, people(2))
        cursor = list(hs.read(CONTACTS))[-1].cursor
        seed(box, {"archive": [ids[0]]})
        found = []
        for _ in range(8):
            hs.clock.sleep(10 * MINUTE)
            for page in hs.read(CONTACTS, cursor):
                cursor = page.cursor
                found += [(r.id, r.deleted) for r in page.records if r.deleted]
        assert found == [(ids[0], True)]


# --- merges ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeps", [False, True])
def test_a_merge_is_told_before_the_record_that_came_out_of_it(keeps: bool) -> None:
    with account(switches={"merge_keeps_id": keeps}) as (hs, box):
        ada, twin = seed(box, [{"email": "ada@example.com"}, {"email": "ada.l@example.com"}])
        cursor = list(hs.read(CONTACTS))[-1].cursor
        seed(box, {"merge": [ada, twin]})
        [survivor] = held_ids = list(by_email(box).values())
        hs.clock.sleep(2 * MINUTE)
        [*aliases, record] = [r for p in hs.read(CONTACTS, cursor) for r in p.records]
        assert record.id == survivor["id"] == held_ids[0]["id"]
        assert {(r.id, r.merged_into) for r in aliases} == {
            (old, survivor["id"]) for old in (ada, twin) if old != survivor["id"]
        }


def test_the_id_of_a_merged_record_is_answered_with_the_one_that_replaced_it() -> None:
    with account() as (hs, box):
        ada, twin, bo = seed(
            box, [{"email": "ada@example.com"}, {"email": "ada.l@example.com"}, {"email": "bo@example.com"}]
        )
        seed(box, {"merge": [ada, twin]})
        found = hs.fetch(CONTACTS, [twin, bo, "999999", ada])
        survivor = by_email(box)["ada@example.com"]["id"]
        assert {asked: record.id for asked, record in found.items()} == {twin: survivor, ada: survivor, bo: bo}


def test_an_id_that_only_a_single_read_can_follow_is_followed(stub: Stub) -> None:
    row = {"id": "30", "properties": {"email": "ada@example.com"}}
    missing = Reply(207, b'{"results": [], "errors": [{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["10"]}}]}')
    stub.will(missing, Reply(200, orjson.dumps(row)), Reply(200, orjson.dumps({"results": [row]})))
    with HubSpot(token="pat-x", base_url=stub.url, clock=ElasticClock()) as hs:
        assert {asked: r.id for asked, r in hs.fetch(CONTACTS, ["10"]).items()} == {"10": "30"}


# --- finding ---------------------------------------------------------------------------------------------------


def test_somebody_is_found_by_any_address_in_any_case_and_by_our_key() -> None:
    with account() as (hs, box):
        ada, _ = seed(box, [
            {"email": "ada@example.com", "hs_additional_emails": "countess@example.com", "stagebridge_id": "k-ada"},
            {"email": "bo@example.com"},
        ])  # fmt: skip
        assert [r.id for r in hs.find(CONTACTS, "email", ["ADA@Example.com"])] == [ada]
        assert [r.id for r in hs.find(CONTACTS, "email", ["countess@example.com", "ada@example.com"])] == [ada]
        assert [r.id for r in hs.find(CONTACTS, "external_id", ["k-ada", "k-nobody"])] == [ada]
        assert hs.find(CONTACTS, "email", ["nobody@example.com"]) == []
        assert hs.find(CONTACTS, "external_id", []) == []


def test_somebody_is_found_the_moment_that_he_is_there() -> None:
    with account(switches={"index_lag": 600}) as (hs, box):
        [id_] = seed(box, people(1))
        assert [r.id for r in hs.find(CONTACTS, "email", ["p0@example.com"])] == [id_]


def test_a_write_is_found_by_our_key_at_once() -> None:
    with account() as (hs, box):
        [id_] = seed(box, people(1))
        hs.write([change(hs, id_, stagebridge_id="k-0")])
        assert [r.id for r in hs.find(CONTACTS, "external_id", ["k-0"])] == [id_]


# --- what is no answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [
    Reply(200, b"<html>Please log in to the airport's network</html>", {"Content-Type": "text/html"}),
    Reply(302, b"", {"Location": "https://proxy.example.com/"}),
    Reply(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}),
])  # fmt: skip
def test_a_page_that_is_not_hubspots_is_no_empty_account(stub: Stub, reply: Reply) -> None:
    stub.will(reply)
    with (
        HubSpot(token="pat-x", base_url=stub.url, clock=ElasticClock()) as hs,
        pytest.raises(PlatformDown, match="gave no usable answer"),
    ):
        list(hs.read(CONTACTS))


def test_a_wrong_token_stops_the_connection_without_a_second_try() -> None:
    with account(switches={"token": "pat-right"}, token="pat-right") as (hs, box):
        wrong = HubSpot(token="pat-wrong", base_url=box.url, clock=hs.clock)
        with pytest.raises(AuthError) as caught:
            list(wrong.read(CONTACTS))
        assert caught.value.exit_code == 3
        assert "pat-wrong" not in str(caught.value) + repr(wrong)
        wrong.close()
