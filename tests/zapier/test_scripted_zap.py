"""A Zap from its switching on to its switching off, against a running `stagebridge serve`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import standardwebhooks

from api_kit import until
from stagebridge.access import keys
from stagebridge.clock import ElasticClock
from stagebridge_zapier.sandbox import Zap
from zapier_kit import EVENT, SECRET, Connected, zapping


def tag_vip(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return "/v1/contacts", {"email": data["email"], "tags": ["vip"]}


@pytest.fixture
def zap(serve: Connected, clock: ElasticClock) -> Iterator[Zap]:
    with zapping(serve.box, serve.api.url, serve.key, clock, step=tag_vip) as zap:
        zap.switch_on()
        yield zap
        zap.switch_off()


def received(zap: Zap, count: int) -> list[dict[str, Any]]:
    """Its runs, as soon as there are so many."""
    until(lambda: len(zap.runs()) >= count)
    runs = zap.runs()
    assert len(runs) == count
    return runs


def test_switched_on_it_is_subscribed_with_an_address_of_its_own_and_keeps_what_we_answered(
    zap: Zap, serve: Connected
) -> None:
    held = zap.held()
    assert zap.target.startswith(f"{serve.box.url}/hooks/standard/1000001/")
    assert (held["subscribed"]["target_url"], held["subscribed"]["event"]) == (zap.target, EVENT)
    assert (held["on"], held["stopped"]) == (True, "")


def test_each_change_of_one_person_is_a_run_of_its_own_signed_by_the_connections_secret(
    zap: Zap, serve: Connected
) -> None:
    serve.api.post("/contacts", email="ada@example.com", stage="lead")
    serve.api.post("/stages", email="ada@example.com", stage="customer")
    first, second = received(zap, 2)
    assert [r["data"]["stage"] for r in (first, second)] == ["lead", "customer"]
    assert first["data"]["contact_id"] == second["data"]["contact_id"]
    assert first["data"]["id"] != second["data"]["id"]
    assert not second["repeat"]
    assert first["headers"]["webhook-id"] == first["data"]["id"]
    assert first["headers"]["webhook-signature"].startswith("v1,")


def test_what_a_catch_raw_hook_sees_can_be_verified_by_the_reference_library(serve: Connected) -> None:
    serve.box.seed({"zaps": [{"catch": "raw", "raw": True}]})
    target = f"{serve.box.url}/hooks/catch/1000001/raw/"
    given = serve.api.call("POST", "/subscriptions", {"target_url": target, "event": EVENT}, key=serve.key)
    serve.api.post("/contacts", email="raw@example.com", stage="lead")
    until(lambda: any("raw@" in str(r["data"]) for r in serve.box.state()["runs"]))
    [run] = [r for r in serve.box.state()["runs"] if "raw@" in str(r["data"])]
    said = standardwebhooks.Webhook(SECRET).verify(run["data"], run["headers"])
    assert said["email"] == "raw@example.com"
    serve.api.call("DELETE", f"/subscriptions/{given.json()['id']}", key=serve.key)


def test_a_run_calls_us_back_once(zap: Zap, serve: Connected) -> None:
    serve.api.post("/contacts", email="bob@example.com", stage="lead")
    received(zap, 1)
    assert (zap.work(), zap.work()) == (1, 0)
    [contact] = serve.api.get("/contacts?email=bob@example.com")
    assert contact["tags"] == "vip"
    [run] = zap.runs()
    assert (run["status"], run["said"]["id"]) == ("success", contact["id"])


def test_a_conversion_of_a_run_that_is_repeated_counts_once(serve: Connected, clock: ElasticClock) -> None:
    def buy(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        return "/v1/conversions", {"name": "Purchase", "email": data["email"]}

    with zapping(serve.box, serve.api.url, serve.key, clock, step=buy) as zap:
        zap.switch_on()
        serve.api.post("/contacts", email="cy@example.com", stage="lead")
        [run] = received(zap, 1)
        zap.work()
        first = zap.runs()[0]["said"]
        serve.box.seed({"worked": {run["id"]: {"status": "waiting"}}})
        assert zap.work() == 1
        assert zap.runs()[0]["said"] == first
        zap.switch_off()
    samples = serve.api.get("/samples/conversion.created")
    assert [s["conversion_id"] for s in samples if s["email"] == "cy@example.com"] == [first["id"]]


def test_what_we_refuse_is_shown_in_our_words(serve: Connected, clock: ElasticClock) -> None:
    def step(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        return "/v1/stages", {"email": data["email"], "stage": "no such"}

    with zapping(serve.box, serve.api.url, serve.key, clock, step=step) as zap:
        zap.switch_on()
        serve.api.post("/contacts", email="dan@example.com", stage="lead")
        received(zap, 1)
        assert zap.work() == 1
        [run] = zap.runs()
        assert run["status"] == "error"
        assert "'no such' is no stage" in run["said"]
        zap.switch_off()


def test_a_key_that_is_revoked_stops_it_and_what_waits_goes_on_with_a_new_one(
    serve: Connected, clock: ElasticClock
) -> None:
    old = keys.create(serve.api.hall.writing, "old", 1, scope="api", connection="zapier")
    with zapping(serve.box, serve.api.url, old, clock, step=tag_vip) as zap:
        zap.switch_on()
        for name in ("eve", "fay"):
            serve.api.post("/contacts", email=f"{name}@example.com", stage="lead")
        received(zap, 2)
        keys.revoke(serve.api.hall.writing, "old", 2)
        assert zap.work() == 0
        assert zap.held()["stopped"].startswith("the connection has expired: this key opens nothing")
        assert [r["status"] for r in zap.runs()] == ["received", "received"]
        zap.reconnect(serve.key)
        assert (zap.work(), zap.held()["stopped"]) == (2, "")
        zap.switch_off()


def test_samples_are_a_list_of_what_hooks_bring(zap: Zap, serve: Connected) -> None:
    for name in ("gus", "hal"):
        serve.api.post("/contacts", email=f"{name}@example.com", stage="lead")
    runs = received(zap, 2)
    samples = zap.samples(2)
    assert [s["email"] for s in samples] == ["hal@example.com", "gus@example.com"]
    assert all(s.keys() == runs[0]["data"].keys() for s in samples)


def test_switched_off_it_is_unsubscribed_and_told_nothing_more(serve: Connected, clock: ElasticClock) -> None:
    with zapping(serve.box, serve.api.url, serve.key, clock) as zap:
        zap.switch_on()
        zap.switch_off()
        zap.switch_off()
        assert (zap.held()["on"], zap.held()["subscribed"]) == (False, None)
        listed = serve.api.call("GET", "/subscriptions", key=serve.key).json()
        assert zap.target not in [s["target_url"] for s in listed]


def test_one_that_went_without_a_word_says_goodbye_and_is_taken_off_the_list(
    serve: Connected, clock: ElasticClock
) -> None:
    def listed() -> list[str]:
        return [s["target_url"] for s in serve.api.call("GET", "/subscriptions", key=serve.key).json()]

    with zapping(serve.box, serve.api.url, serve.key, clock) as zap:
        zap.switch_on()
        serve.box.seed({"off": [zap.id]})
        assert zap.target in listed()
        serve.api.post("/contacts", email="ian@example.com", stage="lead")
        until(lambda: zap.target not in listed())
        assert zap.runs() == []


def test_one_whose_subscription_is_refused_stays_off_and_says_why(serve: Connected, clock: ElasticClock) -> None:
    with zapping(serve.box, serve.api.url, "sb_2_wrong", clock) as zap:
        zap.switch_on()
        held = zap.held()
        assert (held["on"], held["subscribed"]) == (False, None)
        assert "this key opens nothing" in held["stopped"]
