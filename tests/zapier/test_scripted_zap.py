"""A Zap from its switching on to its switching off, against our API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from stagebridge_zapier.sandbox import Zap
from zapier_api import FIELDS, KEY, FakeApi

EVENT = "contact.stage_changed"
ADA = {"id": "8b1f", **dict.fromkeys(FIELDS), "email": "ada@example.com", "stage": "mql"}


def tag_vip(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return "/v1/contacts", {"email": data["email"], "tags": ["vip"]}


@contextmanager
def made(box: Sandbox, api: FakeApi, clock: ManualClock, key: str = KEY, **more: Any) -> Iterator[Zap]:
    zap = Zap(box.url, api.url, key, EVENT, clock=clock, **{"step": tag_vip, **more})
    try:
        yield zap
    finally:
        zap.close()


@pytest.fixture
def zap(box: Sandbox, api: FakeApi, clock: ManualClock) -> Iterator[Zap]:
    with made(box, api, clock) as zap:
        yield zap


def test_switched_on_it_is_subscribed_with_an_address_of_its_own_and_keeps_what_we_answered(
    zap: Zap, box: Sandbox, api: FakeApi
) -> None:
    zap.switch_on()
    [held] = api.subscriptions.values()
    assert (held["target_url"], held["event"]) == (zap.target, EVENT)
    assert zap.target.startswith(f"{box.url}/hooks/standard/1000001/")
    assert (zap.held()["subscribed"], zap.held()["on"]) == (held, True)
    _, _, headers, _ = api.seen[-1]
    assert headers["user-agent"] == "Zapier"


def test_each_change_of_one_person_is_a_run_of_its_own(zap: Zap, api: FakeApi) -> None:
    zap.switch_on()
    for _ in range(2):
        assert api.post(api.message(EVENT, ADA)) == [200]
    assert [(r["data"]["id"], r["data"]["email"], r["repeat"]) for r in zap.runs()] == [
        ("msg_0001", "ada@example.com", False), ("msg_0002", "ada@example.com", False),
    ]  # fmt: skip


def test_a_run_calls_us_back_once(zap: Zap, api: FakeApi) -> None:
    zap.switch_on()
    api.post(api.message(EVENT, ADA))
    assert (zap.work(), zap.work()) == (1, 0)
    [contact] = api.contacts
    assert (contact["email"], contact["tags"]) == ("ada@example.com", "vip")
    [run] = zap.runs()
    assert (run["status"], run["said"]["id"]) == ("success", contact["id"])


def test_a_throttled_step_is_put_back_for_as_long_as_we_ask(zap: Zap, api: FakeApi, clock: ManualClock) -> None:
    zap.switch_on()
    api.post(api.message(EVENT, ADA))
    for status in (429, 503):
        api.will = [status]
        assert zap.work() == 0
        [run] = zap.runs()
        assert (run["status"], run["said"]) == ("waiting", f"not now ({status})")
        clock.sleep(6)
        assert zap.work() == 0
        clock.sleep(1)
    assert (zap.work(), len(api.contacts)) == (1, 1)


def test_a_key_that_is_refused_stops_it_and_what_waits_goes_on_with_a_new_one(zap: Zap, api: FakeApi) -> None:
    zap.switch_on()
    for _ in range(2):
        api.post(api.message(EVENT, ADA))
    api.keys.clear()
    asked = len(api.seen)
    assert zap.work() == 0
    assert len(api.seen) == asked + 1
    assert zap.held()["stopped"] == "the connection has expired: this key is unknown or was revoked"
    assert [r["status"] for r in zap.runs()] == ["received", "received"]
    api.keys.add(KEY)
    zap.switch_on()
    assert (zap.work(), zap.held()["stopped"]) == (2, "")


def test_what_we_refuse_is_shown_in_our_words(box: Sandbox, api: FakeApi, clock: ManualClock) -> None:
    def step(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        return "/v1/stages", {"email": data["email"], "stage": "no such"}

    with made(box, api, clock, step=step) as zap:
        zap.switch_on()
        api.post(api.message(EVENT, ADA))
        assert zap.work() == 1
        [run] = zap.runs()
        assert (run["status"], run["said"]) == ("error", "nobody is known under this address")


def test_a_run_that_is_repeated_asks_for_the_same_under_the_same_key(zap: Zap, box: Sandbox, api: FakeApi) -> None:
    zap.switch_on()
    api.post(api.message(EVENT, ADA))
    zap.work()
    box.seed({"worked": {zap.runs()[0]["id"]: {"status": "waiting"}}})
    assert zap.work() == 1
    first, second = [h["idempotency-key"] for _, path, h, _ in api.seen if path == "/v1/contacts"]
    assert (first, len(api.contacts)) == (second, 1)


def test_samples_are_a_list_of_what_hooks_bring(zap: Zap, api: FakeApi) -> None:
    zap.switch_on()
    api.post(api.message(EVENT, ADA))
    samples = zap.samples()
    assert len(samples) == 3
    assert all(s.keys() == zap.runs()[0]["data"].keys() for s in samples)


def test_switched_off_it_is_unsubscribed_and_its_hook_says_goodbye(zap: Zap, api: FakeApi) -> None:
    zap.switch_on()
    [left] = list(api.subscriptions.values())
    zap.switch_off()
    assert (api.subscriptions, zap.held()["on"], zap.held()["subscribed"]) == ({}, False, None)
    zap.switch_off()
    api.subscriptions[left["id"]] = left  # as if we had missed it
    assert api.post(api.message(EVENT, ADA)) == [410]
    assert (api.subscriptions, zap.runs()) == ({}, [])


@pytest.mark.parametrize(("status", "on", "said"), [(404, False, ""), (410, False, ""), (500, True, "not now (500)")])
def test_a_subscription_that_is_gone_is_as_good_as_ended_and_one_that_is_not_ended_is_said(
    zap: Zap, api: FakeApi, status: int, on: bool, said: str
) -> None:
    zap.switch_on()
    api.will = [status]
    zap.switch_off()
    assert (zap.held()["on"], zap.held()["stopped"]) == (on, said)


def test_one_whose_subscription_is_refused_stays_off_and_says_why(
    box: Sandbox, api: FakeApi, clock: ManualClock
) -> None:
    with made(box, api, clock, key="sb_2_wrong") as zap:
        zap.switch_on()
        assert (zap.held()["on"], zap.held()["stopped"]) == (False, "this key is unknown or was revoked")
        assert api.subscriptions == {}


def test_one_that_reaches_nobody_says_so(box: Sandbox, api: FakeApi, clock: ManualClock) -> None:
    with FakeApi() as gone:
        url = gone.url
    zap = Zap(box.url, url, KEY, EVENT, clock=clock)
    zap.switch_on()
    assert "no answer" in zap.held()["stopped"]
    with pytest.raises(ValueError, match="no list of samples"):
        zap.samples()
    zap.close()
