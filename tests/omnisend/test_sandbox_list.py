"""The Omnisend stand-in's list of contacts: filters, orders, cursors, and what it shows late."""

from __future__ import annotations

from typing import Any

import pytest

from omnisend_http import ADA, BOB, NOW, PHONE, Http, contact, email, event, phone
from stagebridge.sandbox import Sandbox


def crowd(box: Sandbox, how_many: int) -> list[str]:
    """Contacts that were changed a second apart, by id."""
    ids: list[str] = []
    for n in range(how_many):
        ids += box.seed([{"email": f"p{n:03d}@example.com"}])["ids"]
        box.clock(advance=1)
    return ids


def second(n: int) -> str:
    return f"2026-06-01T12:00:{n:02d}.000Z"


def emails(answer: Any) -> list[str]:
    return [c["email"] for c in answer["contacts"]]


def test_pages_are_of_100_newest_first_unless_told(box: Sandbox, http: Http) -> None:
    box.seed([{"email": f"p{n:03d}@example.com"} for n in range(101)])
    first = http.get("/contacts")
    assert (len(first["contacts"]), first["paging"]["limit"], first["paging"]["hasMore"]) == (100, 100, True)
    assert first["contacts"][0]["email"] == "p100@example.com"
    assert first["paging"]["cursors"]["before"] is None
    last = http.get("/contacts", after=first["paging"]["cursors"]["after"])
    assert emails(last) == ["p000@example.com"]
    assert (last["paging"]["cursors"]["after"], last["paging"]["hasMore"]) == (None, False)


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_every_contact_is_met_once_among_equal_times(box: Sandbox, http: Http, direction: str) -> None:
    box.seed([{"email": f"p{n:03d}@example.com"} for n in range(25)])
    seen = [c["email"] for c in http.every(limit=4, sort="updatedAt", direction=direction)]
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == 25


def test_a_page_can_be_turned_back(box: Sandbox, http: Http) -> None:
    crowd(box, 7)
    one = http.get("/contacts", limit=3, direction="asc")
    two = http.get("/contacts", limit=3, after=one["paging"]["cursors"]["after"])
    back = http.get("/contacts", limit=3, before=two["paging"]["cursors"]["before"])
    assert emails(back) == emails(one)
    assert back["paging"]["cursors"]["before"] is None
    assert emails(http.get("/contacts", limit=3, after=back["paging"]["cursors"]["after"])) == emails(two)


def test_changes_are_read_from_a_time_on_inclusive(box: Sandbox, http: Http) -> None:
    ids = crowd(box, 5)
    http.status("PATCH", f"/contacts/{ids[0]}", {"firstName": "Ada"})
    found = http.get("/contacts", updatedAtFrom=second(3), sort="updatedAt", direction="asc")
    assert emails(found) == ["p003@example.com", "p004@example.com", "p000@example.com"]
    newest = http.get("/contacts", updatedAtFrom=second(3))
    assert emails(newest) == ["p004@example.com", "p003@example.com", "p000@example.com"]  # by createdAt, the default


def test_a_contact_that_changes_during_the_walk_comes_again_and_none_is_missed(box: Sandbox, http: Http) -> None:
    ids = crowd(box, 6)
    page = http.get("/contacts", limit=3, sort="updatedAt", direction="asc")
    http.status("PATCH", f"/contacts/{ids[0]}", {"firstName": "Ada"})
    rest = http.get("/contacts", limit=9, after=page["paging"]["cursors"]["after"])
    assert emails(rest) == ["p003@example.com", "p004@example.com", "p005@example.com", "p000@example.com"]


def test_filters_choose(box: Sandbox, http: Http) -> None:
    http.upsert(email(ADA), phone(), tags=["vip"])
    bob = http.upsert(email(BOB, "unsubscribed"))
    box.seed({"segments": {"seg-1": [bob["id"]]}})
    for query, found in (
        ({"email": "ADA@example.com"}, [ADA]), ({"phone": PHONE}, [ADA]), ({"status": "unsubscribed"}, [BOB]),
        ({"tag": "vip"}, [ADA]), ({"segmentID": "seg-1"}, [BOB]), ({"email": "nobody@example.com"}, []),
        ({"segmentID": "seg-2"}, []), ({"updatedAtFrom": second(1)}, []),
    ):  # fmt: skip
        assert emails(http.get("/contacts", **query)) == found
    assert http.get(f"/contacts/{bob['id']}")["segments"] == ["seg-1"]


def test_a_time_goes_with_no_other_filter_and_a_tag_not_with_a_status(http: Http) -> None:
    for name, value in (("email", ADA), ("phone", PHONE), ("status", "subscribed"), ("segmentID", "s"), ("tag", "t")):
        assert http.wrong("GET", "/contacts", updatedAtFrom=NOW, **{name: value}) == {name: "invalid_combination"}
    assert http.wrong("GET", "/contacts", tag="t", status="subscribed") == {"tag": "invalid_combination"}


def test_whether_other_filters_go_together_is_a_switch(http: Http) -> None:
    assert http.wrong("GET", "/contacts", email=ADA, status="subscribed") == {"status": "invalid_combination"}
    with Sandbox("omnisend", switches={"one_filter": False}) as box, Http(box) as other:
        other.upsert()
        assert emails(other.get("/contacts", email=ADA, status="subscribed")) == [ADA]
        assert emails(other.get("/contacts", email=ADA, status="unsubscribed")) == []


def test_bad_parameters_are_named_together(http: Http) -> None:
    query = {"limit": 251, "sort": "name", "direction": "up", "status": "gone", "after": "a", "before": "b"}
    assert http.wrong("GET", "/contacts", **query) == {
        "limit": "out_of_range", "sort": "invalid_value", "direction": "invalid_value", "status": "invalid_value",
        "before": "invalid_combination", "after": "invalid_format",
    }  # fmt: skip
    assert http.wrong("GET", "/contacts", limit=0, updatedAtFrom="2026-06-01") == {
        "limit": "out_of_range", "updatedAtFrom": "invalid_format",
    }  # fmt: skip


def test_a_cursor_carries_its_filters_and_refuses_others(box: Sandbox, http: Http) -> None:
    for n in range(3):
        http.upsert(email(f"p{n}@example.com", "unsubscribed"))
    http.upsert()
    after = http.get("/contacts", limit=2, status="unsubscribed")["paging"]["cursors"]["after"]
    assert emails(http.get("/contacts", after=after)) == ["p0@example.com"]
    assert emails(http.get("/contacts", after=after, status="unsubscribed", limit=1)) == ["p0@example.com"]
    for changed in ({"status": "subscribed"}, {"tag": "vip"}, {"direction": "asc"}, {"sort": "updatedAt"}):
        assert "cursor_mismatch" in http.wrong("GET", "/contacts", after=after, **changed).values()


# --- what it shows late --------------------------------------------------------------------------------------------


def test_a_write_is_in_the_list_at_once(http: Http) -> None:
    http.upsert()
    assert emails(http.get("/contacts")) == [ADA]


def test_the_list_can_lag_behind_the_contact_itself() -> None:
    with Sandbox("omnisend", switches={"index_lag": 20.0}) as box, Http(box) as http:
        id_ = http.upsert(firstName="Ada")["id"]
        assert http.get("/contacts")["contacts"] == []
        box.clock(advance=21)
        http.upsert(firstName="Augusta")
        assert http.get("/contacts")["contacts"][0]["firstName"] == "Ada"
        assert http.get(f"/contacts/{id_}")["firstName"] == "Augusta"
        box.fault("index_lag", seconds=300)
        assert http.get("/contacts")["contacts"] == []


def test_a_write_can_show_late_under_its_earlier_time(box: Sandbox, http: Http) -> None:
    box.fault("late_commit", seconds=10)
    http.upsert()
    box.heal()
    box.clock(advance=1)
    http.upsert(email(BOB))
    assert emails(http.get("/contacts")) == [BOB]
    box.clock(advance=9)
    assert [(c["email"], c["updatedAt"]) for c in http.get("/contacts")["contacts"]] == [
        (BOB, second(1)),
        (ADA, second(0)),
    ]


# --- faults on records ---------------------------------------------------------------------------------------------


def test_a_person_can_edit_an_instant_before_our_write(box: Sandbox, http: Http) -> None:
    id_ = http.upsert(firstName="Ada", city="Rome")["id"]
    box.fault("edit_before_write", values={"firstName": "Augusta", "city": "Turin"}, id=ADA)
    ada = http.send("PATCH", f"/contacts/{id_}", contact(firstName="Ada")).json()
    assert (ada["firstName"], ada["city"]) == ("Ada", "Turin")


def test_a_field_can_be_stored_otherwise_or_vanish_from_answers(box: Sandbox, http: Http) -> None:
    box.fault("normalise", field="firstName", how="upper")
    box.fault("drop_field", field="stage")
    ada = http.upsert(firstName="Ada", customProperties={"stage": "lead", "key": "1"})
    assert (ada["firstName"], ada["customProperties"]) == ("ADA", {"key": "1"})
    assert http.get("/contacts")["contacts"][0]["customProperties"] == {"key": "1"}
    box.heal()
    assert http.get(f"/contacts/{ada['id']}")["customProperties"] == {"stage": "lead", "key": "1"}


def test_a_fault_can_strike_writes_only(box: Sandbox, http: Http) -> None:
    box.fault("status", status=500, writes=True, times=None)
    assert http.status("GET", "/contacts") == 200
    for method, path, body in (
        ("POST", "/contacts", contact()),
        ("POST", "/events", event()),
        ("PATCH", "/contacts/1", {}),
    ):
        assert http.status(method, path, body) == 500
    assert (box.state()["contacts"], box.state()["events"]) == ([], [])
