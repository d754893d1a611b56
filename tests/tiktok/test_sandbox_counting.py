"""What the TikTok stand-in would count: each event once, what is too old not at all, tests apart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from tiktok_http import CRM, NOW, OFFLINE, PIXEL, Http, counted, crm_event, event, sha, source

HOUR, DAY = 3600, 86_400


def seen(id_: str | None = "ord-1", **more: Any) -> dict[str, Any]:
    """What the browser reported."""
    return {"event_source_id": PIXEL, "event": "Purchase", "event_id": id_, **more}


def test_an_event_is_counted_with_its_time_value_currency_and_person(box: Sandbox, http: Http) -> None:
    http.track(event(properties={"value": 30.5, "currency": "EUR", "order_id": "42"}), partner_name="OurSuite")
    [held] = source(box)["counted"]
    assert held == {
        "event": "Purchase", "event_id": "ord-1", "event_time": NOW, "value": 30.5, "currency": "EUR",
        "user": {"email": sha("ada@example.com")}, "properties": {"value": 30.5, "currency": "EUR", "order_id": "42"},
        "page": {"url": "https://shop.example/thanks"}, "lead_id": None, "limited_data_use": None, "by": ["api"],
    }  # fmt: skip
    assert source(box)["partner_names"] == ["OurSuite"]


# --- once ----------------------------------------------------------------------------------------------------------


def test_the_same_event_counts_once_in_48_hours_and_the_answer_does_not_tell(box: Sandbox, http: Http) -> None:
    assert http.code(event(), event()) == 0
    box.clock(advance=48 * HOUR - 1)
    assert http.code(event()) == 0
    assert counted(box) == [("Purchase", "ord-1")]
    assert [d["event_id"] for d in source(box)["duplicates"]] == ["ord-1", "ord-1"]
    box.clock(advance=1)
    assert http.code(event()) == 0
    assert counted(box) == [("Purchase", "ord-1"), ("Purchase", "ord-1")]


def test_a_repetition_does_not_prolong_the_48_hours(box: Sandbox, http: Http) -> None:
    for hours in (0, 40, 8):
        box.clock(advance=hours * HOUR)
        http.track(event())
    assert len(counted(box)) == 2


def test_the_first_report_is_the_one_that_counts(box: Sandbox, http: Http) -> None:
    http.track(event(properties={"value": 10, "currency": "EUR"}))
    http.track(event(properties={"value": 99, "currency": "USD"}, user={"phone": sha("+1")}))
    [held] = source(box)["counted"]
    assert (held["value"], held["currency"], held["user"]) == (10, "EUR", {"email": sha("ada@example.com")})


def test_source_name_and_id_tell_events_apart(box: Sandbox, http: Http) -> None:
    http.track(event("x", "Lead"), event("x", "Purchase"), event("y", "Lead"))
    http.track(event("x", "Lead"), kind="offline")
    assert counted(box) == [("Lead", "x"), ("Purchase", "x"), ("Lead", "y")]
    assert counted(box, OFFLINE) == [("Lead", "x")]


def test_an_old_name_and_its_current_one_are_the_same_event(box: Sandbox, http: Http) -> None:
    http.track(event(name="CompletePayment"), event(name="Purchase"))
    assert counted(box) == [("Purchase", "ord-1")]


def test_events_without_an_id_always_count(box: Sandbox, http: Http) -> None:
    http.track(event(None), event(None))
    assert len(counted(box)) == 2


# --- browser and server --------------------------------------------------------------------------------------------


def test_what_the_browser_reported_within_five_minutes_is_combined(box: Sandbox, http: Http) -> None:
    box.seed({"seen": [seen(user={"ttp": "cookie"}, properties={"value": 10})]})
    box.clock(advance=300)
    http.track(event())
    [held] = source(box)["counted"]
    assert held["by"] == ["pixel", "api"]
    assert held["user"] == {"ttp": "cookie", "email": sha("ada@example.com")}
    assert held["properties"] == {"value": 10, "currency": "EUR"}  # what the first one said stays
    assert source(box)["duplicates"] == []


def test_after_five_minutes_the_second_report_is_dropped(box: Sandbox, http: Http) -> None:
    box.seed({"seen": [seen(user={"ttp": "cookie"})]})
    box.clock(advance=301)
    http.track(event())
    [held] = source(box)["counted"]
    assert (held["by"], held["user"]) == (["pixel"], {"ttp": "cookie"})
    assert source(box)["duplicates"][0]["by"] == "api"


def test_after_48_hours_both_count(box: Sandbox, http: Http) -> None:
    box.seed({"seen": [seen(at="2026-11-16T11:06:40")]})
    http.track(event())
    assert len(counted(box)) == 2


def test_two_reports_of_the_browser_count_once_too(box: Sandbox) -> None:
    box.seed({"seen": [seen(), seen()]})
    assert counted(box) == [("Purchase", "ord-1")]


def test_an_upload_is_a_channel_as_well(box: Sandbox, http: Http) -> None:
    box.seed({"seen": [{**seen(by="csv"), "event_source_id": OFFLINE}]})
    box.clock(advance=HOUR)
    http.track(event(), kind="offline")
    assert counted(box, OFFLINE) == [("Purchase", "ord-1")]


def test_the_browsers_cookie_stands_in_for_a_missing_id(box: Sandbox, http: Http) -> None:
    box.seed({"seen": [seen("b-1", user={"ttp": "cookie"}), seen("b-2", user={"ttp": "other"})]})
    http.track(event(None, user={"ttp": "cookie"}))
    assert [e["by"] for e in source(box)["counted"]] == [["pixel", "api"], ["pixel"]]


def test_the_cookie_does_not_join_events_that_have_ids_nor_two_of_one_channel(box: Sandbox, http: Http) -> None:
    cookie = {"ttp": "cookie"}
    box.seed({"seen": [seen("b-1", user=cookie)]})
    http.track(event("s-1", user=cookie), event(None, "Lead", user=cookie), event(None, "Lead", user=cookie))
    assert counted(box) == [("Purchase", "b-1"), ("Purchase", "s-1"), ("Lead", None), ("Lead", None)]


# --- in time -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "days"), [("web", 7), ("offline", 28), ("crm", 28)])
def test_an_event_that_is_too_old_is_accepted_and_lost(box: Sandbox, http: Http, kind: str, days: int) -> None:
    make = crm_event if kind == "crm" else event
    old, just = (make(i, event_time=NOW - days * DAY - more) for i, more in (("old", 1), ("just", 0)))
    assert http.code(old, just, kind=kind) == 0
    held = source(box, {"web": PIXEL, "offline": OFFLINE, "crm": CRM}[kind])
    assert [e["event_id"] for e in held["counted"]] == ["just"]
    assert [(e["event_id"], e["why"]) for e in held["dropped"]] == [("old", f"Older than {days} days")]


def test_milliseconds_are_in_the_future(box: Sandbox, http: Http) -> None:
    assert http.code(event("ms", event_time=NOW * 1000), event("soon", event_time=NOW + DAY)) == 0
    assert counted(box) == [("Purchase", "soon")]
    assert source(box)["dropped"][0]["why"] == "In the future"


def test_events_out_of_time_may_be_refused_or_counted_instead() -> None:
    clock = ManualClock(datetime.fromtimestamp(NOW, UTC))
    old = event("old", event_time=NOW - 3 * DAY)
    for switch, code, how_many in (("refuse", 40002, 0), ("count", 0, 1)):
        with (
            Sandbox("tiktok", clock=clock, switches={"untimely_events": switch, "oldest_web_days": 2}) as box,
            Http(box) as http,
        ):
            answer = http.track(event("new"), old)
            assert answer["code"] == code
            assert counted(box).count(("Purchase", "old")) == how_many
            if code:
                assert answer["message"] == "Batch.1.event_time: Older than 2 days"


def test_an_event_that_was_lost_does_not_stand_in_the_way_of_a_later_one(box: Sandbox, http: Http) -> None:
    http.track(event(event_time=NOW - 30 * DAY))
    http.track(event())
    assert counted(box) == [("Purchase", "ord-1")]


# --- tests ---------------------------------------------------------------------------------------------------------


def test_events_with_a_test_code_are_kept_apart_and_never_counted(box: Sandbox, http: Http) -> None:
    assert http.code(event(), test_event_code="TEST123") == 0
    assert source(box)["test_events"] == [
        {"event": "Purchase", "event_id": "ord-1", "event_time": NOW, "test_event_code": "TEST123"}
    ]
    assert counted(box) == []
    http.track(event())
    assert counted(box) == [("Purchase", "ord-1")]


def test_a_test_code_within_an_event_does_nothing_and_the_event_counts(box: Sandbox, http: Http) -> None:
    http.track(event(test_event_code="TEST123"))
    assert (counted(box), source(box)["test_events"]) == ([("Purchase", "ord-1")], [])
