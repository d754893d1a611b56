"""How Make's webhooks answer: what they take, in which form, how much of it, and when they are closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from make_kit import message, signed
from stagebridge.clock import ManualClock
from stagebridge.errors import ConfigError
from stagebridge.sandbox import Sandbox

HOUR = 3600


@contextmanager
def make(**switches: Any) -> Iterator[Sandbox]:
    with Sandbox("make", clock=ManualClock(datetime(2026, 11, 26, 12, tzinfo=UTC)), switches=switches) as made:
        yield made


def hook(box: Sandbox, token: str = "t1", **values: Any) -> str:
    """A custom webhook at the beginning of a scenario, unless told otherwise; its address."""
    box.seed({"hooks": [{"token": token, "scenario": {}, **values}]})
    return f"{box.url}/{token}"


def scenario(box: Sandbox, **values: Any) -> None:
    box.seed({"edit": {"t1": {"scenario": values}}})


def post(url: str, *numbers: int, **more: Any) -> list[tuple[int, str]]:
    out = []
    for number in numbers or (1,):
        answer = requests.post(url, json=message(number=number), timeout=5, **more)
        out.append((answer.status_code, answer.text))
    return out


def worked_on(box: Sandbox) -> list[int]:
    return [b["sequence"] for s in box.state()["scenarios"] for b in s["bundles"]]


# --- what is taken -------------------------------------------------------------------------------------------------


def test_whatever_comes_to_a_webhook_is_accepted_in_plain_text(box: Sandbox) -> None:
    url = hook(box)
    for method in ("POST", "GET", "PUT", "PATCH", "DELETE"):
        answer = requests.request(method, url, timeout=5)
        assert (answer.status_code, answer.text) == (200, "Accepted")
        assert answer.headers["content-type"].startswith("text/plain")
    assert [b["method"] for b in box.state()["bundles"]] == ["POST", "GET", "PUT", "PATCH", "DELETE"]


def test_json_a_form_a_multipart_form_and_a_query_all_become_a_bundle(box: Sandbox) -> None:
    url = hook(box)
    requests.post(url, json={"a": 1, "b": None}, timeout=5)
    requests.post(url, data={"a": "1", "b": ""}, timeout=5)
    requests.post(url, files=[("a", (None, "1")), ("b", ("b.txt", "two"))], timeout=5)
    requests.get(url, params={"a": "1"}, timeout=5)
    requests.post(url, params={"q": "x"}, json={"a": 1}, timeout=5)
    requests.post(url, json=[1, 2], timeout=5)
    requests.post(url, data=b"{no json", timeout=5)
    assert [b["bundle"] for b in box.state()["bundles"]] == [
        {"a": 1, "b": None}, {"a": "1", "b": ""}, {"a": "1", "b": "two"}, {"a": "1"}, {"q": "x", "a": 1}, {"value": [1, 2]},
        {"value": "{no json"},
    ]  # fmt: skip


def test_the_headers_of_a_signature_are_seen_and_not_looked_at(box: Sandbox) -> None:
    url = hook(box)
    headers = signed(b"{}", "msg_1", box.kit.clock)
    requests.post(url, data=b"{}", headers=headers, timeout=5)
    requests.post(url, data=b"{}", headers={**headers, "webhook-signature": "v1,wrong"}, timeout=5)
    held = [b["headers"] for b in box.state()["bundles"]]
    assert [h["webhook-id"] for h in held] == ["msg_1", "msg_1"]
    assert [h["webhook-signature"] for h in held] == [headers["webhook-signature"], "v1,wrong"]


def test_the_first_bundle_teaches_the_names_and_a_later_one_adds_none(box: Sandbox) -> None:
    url = hook(box)
    requests.post(url, json={"email": "a", "stage": None}, timeout=5)
    requests.post(url, json={"email": "a", "stage": None, "plan": "pro"}, timeout=5)
    assert box.state()["hooks"][0]["structure"] == ["email", "stage"]
    assert box.state()["bundles"][1]["bundle"]["plan"] == "pro"


# --- what is not ---------------------------------------------------------------------------------------------------


def test_five_megabytes_are_taken_and_a_byte_more_is_not(box: Sandbox) -> None:
    url = hook(box)
    most = 5 * 1024 * 1024
    assert requests.post(url, data=b"x" * most, timeout=10).status_code == 200
    assert requests.post(url, data=b"x" * (most + 1), timeout=10).status_code == 413
    assert len(box.state()["bundles"]) == 1


def test_three_hundred_in_ten_seconds_are_taken_of_each_webhook_and_no_more(box: Sandbox) -> None:
    url, other = hook(box), hook(box, "t2")
    with requests.Session() as session:
        statuses = [session.get(url, timeout=5).status_code for _ in range(302)]
        assert statuses == [200] * 300 + [429] * 2
        assert session.get(other, timeout=5).status_code == 200
        box.clock(advance=10)
        assert session.get(url, timeout=5).status_code == 200


def test_a_key_that_a_webhook_asks_for_stands_in_its_header(box: Sandbox) -> None:
    url = hook(box, api_key="k-1")
    headers: tuple[dict[str, str], ...] = ({}, {"x-make-apikey": "k-2"}, {"x-make-apikey": "k-1"})
    assert [requests.post(url, headers=h, timeout=5).status_code for h in headers] == [401, 401, 200]
    with make(api_key="k-9", api_key_status=403) as strict:
        assert post(hook(strict))[0][0] == 403
        assert post(hook(strict, "t2"), headers={"x-make-apikey": "k-9"})[0][0] == 200


def test_an_address_that_never_was_is_not_found(box: Sandbox) -> None:
    hook(box)
    assert [s for s, _ in post(f"{box.url}/other")] == [404]
    assert [s for s, _ in post(f"{box.url}/t1/more")] == [404]
    with make(unknown_status=410) as strict:
        assert post(f"{strict.url}/other")[0][0] == 410


# --- queues --------------------------------------------------------------------------------------------------------


def test_a_queue_is_as_long_as_the_plan_and_what_is_beyond_it_is_refused() -> None:
    with make(credits=30) as box:
        url = hook(box, scenario={"on": False})
        assert post(url, 1, 2, 3) == [(200, "Accepted"), (200, "Accepted"), (400, "Queue is full.")]
        assert box.state()["hooks"][0]["queue"] == 2
        scenario(box, on=True, sequential=True)
        assert post(url, 4) == [(200, "Accepted")]
        assert sorted(worked_on(box)) == [1, 2, 4]


@pytest.mark.parametrize(("credits", "room"), [(10_000, 667), (40_000, 2668), (150_000, 10_000), (1_000_000, 10_000)])
def test_a_queue_holds_667_for_every_ten_thousand_credits_and_ten_thousand_at_most(credits: int, room: int) -> None:
    with make(credits=credits) as box:
        assert box.platform.webhooks.room() == room  # type: ignore[attr-defined]


def test_a_scenario_that_fails_is_off_from_then_on_and_what_comes_queues(box: Sandbox) -> None:
    url = hook(box, scenario={"sequential": True, "fails": 1})
    assert [s for s, _ in post(url, 1, 2, 3)] == [200, 200, 200]
    [held] = box.state()["scenarios"]
    assert (held["on"], held["queue"], [e["bundle"]["sequence"] for e in held["errors"]]) == (False, 2, [1])
    assert worked_on(box) == []
    scenario(box, on=True)
    assert worked_on(box) == [2, 3]


def test_a_scenario_may_be_set_to_go_on_after_an_error() -> None:
    with make(stops_at_first_error=False) as box:
        post(hook(box, scenario={"sequential": True, "fails": 1}), 1, 2)
        assert worked_on(box) == [2]


def test_a_sequential_webhook_keeps_the_order_and_any_other_may_not(box: Sandbox) -> None:
    numbers = list(range(1, 21))
    for sequential in (True, False):
        box.reset()
        url = hook(box, scenario={"on": False, "sequential": sequential})
        post(url, *numbers)
        scenario(box, on=True)
        assert sorted(worked_on(box)) == numbers
        assert (worked_on(box) == numbers) == sequential


# --- answers of a scenario's own -------------------------------------------------------------------------------------


def test_a_scenario_with_a_webhook_response_answers_as_it_likes(box: Sandbox) -> None:
    url = hook(box, scenario={"response": {"status": 503, "body": "later", "headers": {"Retry-After": "7"}}})
    answer = requests.post(url, json={}, timeout=5)
    assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (503, "later", "7")
    scenario(box, response={"status": 201, "body": {"id": 1}})
    assert requests.post(url, json={}, timeout=5).json() == {"id": 1}
    assert len(box.state()["bundles"]) == 2
    scenario(box, on=False)
    assert post(url) == [(200, "Accepted")]


# --- closing -------------------------------------------------------------------------------------------------------


def test_a_webhook_without_a_scenario_keeps_what_comes_and_is_closed_after_five_days(box: Sandbox) -> None:
    url = hook(box, scenario=None)
    assert post(url, 1) == [(200, "Accepted")]
    box.clock(advance=120 * HOUR)
    assert post(url, 2)[0][0] == 200
    box.clock(advance=1)
    assert post(url, 3)[0][0] == 410
    assert box.state()["hooks"][0]["enabled"] is False
    scenario(box, sequential=True)
    assert worked_on(box) == [1, 2]
    assert post(url, 4)[0][0] == 410, "a scenario alone does not open it again"


def test_the_five_days_begin_anew_when_a_webhook_is_taken_from_its_scenario(box: Sandbox) -> None:
    url = hook(box)
    box.clock(advance=1000 * HOUR)
    assert post(url)[0][0] == 200
    box.seed({"edit": {"t1": {"scenario": None}}})
    box.clock(advance=119 * HOUR)
    assert post(url)[0][0] == 200
    box.clock(advance=2 * HOUR)
    assert post(url)[0][0] == 410


# --- Make's own API ------------------------------------------------------------------------------------------------

FLAT = {"name": "Orders", "teamId": 7, "typeName": "gateway-webhook"}


def rest(
    box: Sandbox, method: str, path: str = "", body: Any = None, token: str = "sandbox-token"
) -> requests.Response:
    headers = {"Authorization": f"Token {token}"}
    return requests.request(method, f"{box.url}/api/v2/hooks{path}", json=body, headers=headers, timeout=5)


def test_a_webhook_is_made_by_a_flat_body_and_what_is_posted_to_it_arrives(box: Sandbox) -> None:
    made = rest(box, "POST", "?useDefaults=requiredOnly", FLAT).json()["hook"]
    assert (made["name"], made["teamId"], made["typeName"]) == ("Orders", 7, "gateway-webhook")
    assert post(made["url"]) == [(200, "Accepted")]
    assert rest(box, "GET", "?teamId=7&assigned=false").json()["hooks"] == [made]
    assert rest(box, "GET", "?teamId=8").json()["hooks"] == []
    assert rest(box, "GET", f"/{made['id']}").json()["hook"] == made


def test_without_the_defaults_the_three_options_have_to_be_said(box: Sandbox) -> None:
    assert rest(box, "POST", "", FLAT).status_code == 400
    assert rest(box, "POST", "", {**FLAT, "method": False, "headers": False, "stringify": False}).status_code == 200
    assert rest(box, "POST", "", {"data": FLAT}).status_code == 400


def test_a_webhook_is_renamed_switched_off_and_on_and_deleted_only_if_confirmed(box: Sandbox) -> None:
    made = rest(box, "POST", "?useDefaults=requiredOnly", FLAT).json()["hook"]
    path = f"/{made['id']}"
    assert rest(box, "PATCH", path, {"name": "New"}).json()["hook"]["name"] == "New"
    rest(box, "POST", f"{path}/disable")
    assert post(made["url"])[0][0] == 410
    assert rest(box, "GET", f"{path}/ping").json()["gone"] is True
    rest(box, "POST", f"{path}/enable")
    assert post(made["url"])[0][0] == 200
    assert rest(box, "DELETE", path).status_code == 406
    assert rest(box, "DELETE", f"{path}?confirmed=true").status_code == 200
    assert rest(box, "GET", path).status_code == 404
    assert post(made["url"])[0][0] == 404


def test_learning_begins_anew_when_it_is_asked_for(box: Sandbox) -> None:
    made = rest(box, "POST", "?useDefaults=requiredOnly", FLAT).json()["hook"]
    requests.post(made["url"], json={"a": 1}, timeout=5)
    assert rest(box, "POST", f"/{made['id']}/learn-start").ok
    requests.post(made["url"], json={"b": 1}, timeout=5)
    assert box.state()["hooks"][0]["structure"] == ["b"]


def test_only_its_token_opens_makes_own_api(box: Sandbox) -> None:
    for headers in ({}, {"Authorization": "Bearer sandbox-token"}, {"Authorization": "Token other"}):
        assert requests.get(f"{box.url}/api/v2/hooks", headers=headers, timeout=5).status_code == 401


# --- the side protocol ---------------------------------------------------------------------------------------------


def test_a_fault_is_answered_in_makes_words(box: Sandbox) -> None:
    url = hook(box)
    box.fault("rate_limit")
    box.fault("status", status=410)
    assert [s for s, _ in post(url, 1, 2, 3)] == [429, 410, 200]


@pytest.mark.parametrize("seed", [
    {"people": []}, {"hooks": [{"url": "x"}]}, {"hooks": [{"scenario": {"steps": []}}]}, {"edit": {"t9": {}}},
])  # fmt: skip
def test_a_seed_that_makes_no_sense_is_refused(box: Sandbox, seed: Any) -> None:
    answer = requests.post(f"{box.url}/_sandbox/seed", json=seed, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_switch_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="credits"):
        Sandbox("make", switches={"credit": 1})
