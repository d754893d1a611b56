"""The door of the Omnisend stand-in: keys, versions, limits, and how it refuses."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import requests

from omnisend_http import ADA, BOB, Http, contact, email, event, held
from stagebridge.errors import ConfigError
from stagebridge.sandbox import Sandbox

TAGS = {"emails": [ADA], "tags": ["vip"]}


def test_a_key_or_a_token_comes_in_and_nothing_else(box: Sandbox) -> None:
    for header, status in (
        ("Omnisend-API-Key any", 200), ("Bearer any", 200), ("any", 401), ("Omnisend-API-Key ", 401), ("Basic any", 401),
        (None, 401),
    ):  # fmt: skip
        with Http(box, Authorization=header) as http:
            assert http.status("GET", "/contacts") == status
    with Http(box, Authorization=None, X_API_KEY="any") as http:  # that of v3 and v5
        assert http.status("GET", "/contacts") == 401


def test_one_key_and_one_token_can_be_the_only_ones() -> None:
    with Sandbox("omnisend", switches={"api_key": "k-1", "token": "t-1"}) as box:
        for header, status in (
            ("Omnisend-API-Key k-1", 200), ("Bearer t-1", 200), ("Omnisend-API-Key t-1", 401), ("Bearer k-1", 401),
        ):  # fmt: skip
            with Http(box, Authorization=header) as http:
                assert http.status("GET", "/contacts") == status


def test_a_token_has_scopes_and_a_key_has_all() -> None:
    with Sandbox("omnisend", switches={"scopes": ["contacts.read"]}) as box:
        with Http(box, Authorization="Bearer t") as http:
            assert http.status("GET", "/contacts") == 200
            assert http.status("POST", "/contacts", contact()) == 403
            assert http.status("POST", "/events", event()) == 403
        with Http(box) as http:
            assert http.status("POST", "/contacts", contact()) == 201


def test_a_token_can_be_found_expired_at_once(box: Sandbox, http: Http) -> None:
    box.fault("expired_token")
    assert [http.status("GET", "/contacts") for _ in range(2)] == [401, 200]


def test_the_version_is_required_and_any_other_is_gone(box: Sandbox) -> None:
    for version, status in (("2026-03-15", 200), (None, 400), ("2025-01-01", 410), ("v5", 410)):
        with Http(box, Omnisend_Version=version) as http:
            assert http.status("GET", "/contacts") == status


def test_what_a_missing_version_is_answered_and_which_are_served_are_switches() -> None:
    with Sandbox("omnisend", switches={"missing_version_status": 410, "versions": ["2027-01-01"]}) as box:
        for version, status in ((None, 410), ("2026-03-15", 410), ("2027-01-01", 200)):
            with Http(box, Omnisend_Version=version) as http:
                assert http.status("GET", "/contacts") == status


def test_older_generations_are_not_there(http: Http) -> None:
    for path in ("/v3/contacts", "/v5/contacts", "/contacts", "/api/orders", "/api/contacts/"):
        assert http.session.get(http.box.url + path, timeout=5).status_code == 404
    assert http.status("PUT", "/contacts", contact()) == 405


def test_a_refusal_is_a_problem_of_rfc_9457(http: Http) -> None:
    answer = http.send("GET", "/contacts/1")
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "instance"}
    assert body["status"] == 404
    assert body["type"].startswith("https://problems.omnisend.com/")
    assert re.fullmatch(r"urn:omnisend:request:[0-9a-f-]{36}", body["instance"])


def test_a_body_that_is_no_object_is_refused(http: Http) -> None:
    for data in ("{", "[]", '"text"'):
        answer = http.session.post(f"{http.box.url}/api/contacts", data=data, timeout=5)
        assert (answer.status_code, answer.json()["status"]) == (400, 400)


# --- limits --------------------------------------------------------------------------------------------------------


def test_a_minute_has_400_calls_and_60_of_tags(box: Sandbox) -> None:
    s = box.kit.switches
    assert (s["per_minute"], s["tags_per_minute"], s["minute"], s["limits"]) == (400, 60, 60.0, True)


def test_a_call_too_many_is_refused_and_no_header_tells() -> None:
    with Sandbox("omnisend", switches={"per_minute": 3}) as box, Http(box) as http:
        last = [http.send("GET", "/contacts/1") for _ in range(4)][-1]
        assert last.status_code == 429
        assert last.json()["type"] == "https://problems.omnisend.com/rate-limit-exceeded"
        told = {h.lower() for h in last.headers}
        assert not {h for h in told if "limit" in h or "retry" in h or "remaining" in h}
        assert box.state()["calls"] == {"GET /contacts/{id}": 3}
        assert box.state()["refused"] == {"GET /contacts/{id}": 1}
        box.clock(advance=60)
        assert http.status("GET", "/contacts/1") == 404


def test_every_endpoint_is_limited_by_itself_and_all_keys_share_it() -> None:
    with Sandbox("omnisend", switches={"per_minute": 2}) as box, Http(box) as http:
        assert [http.status("GET", "/contacts") for _ in range(3)] == [200, 200, 429]
        with Http(box, Authorization="Bearer t") as other:
            assert other.status("GET", "/contacts") == 429
        assert http.status("POST", "/contacts", contact()) == 201


def test_tags_have_a_limit_of_their_own() -> None:
    with Sandbox("omnisend", switches={"tags_per_minute": 2}) as box, Http(box) as http:
        assert [http.status("POST", "/contacts/tags", TAGS) for _ in range(3)] == [202, 202, 429]
        assert http.status("DELETE", "/contacts/tags", TAGS) == 202


def test_the_minute_slides() -> None:
    with Sandbox("omnisend", switches={"per_minute": 2}) as box, Http(box) as http:
        http.get("/contacts")
        box.clock(advance=50)
        http.get("/contacts")
        box.clock(advance=11)
        assert [http.status("GET", "/contacts") for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(("how", "said"), [("sometimes", [False, True, False]), ("always", [True] * 3), ("never", [False] * 3)])  # fmt: skip
def test_a_429_says_only_sometimes_when_to_come_back(how: str, said: list[bool]) -> None:
    with Sandbox("omnisend", switches={"per_minute": 0, "retry_after": how}) as box, Http(box) as http:
        assert ["retryAfter" in http.get("/contacts") for _ in range(3)] == said


def test_limits_can_be_scaled_and_counted_on_the_machines_clock() -> None:
    switches = {"per_minute": 3, "minute": 0.2, "limits_in_real_time": True}
    with Sandbox("omnisend", switches=switches) as box, Http(box) as http:
        assert [http.status("GET", "/contacts") for _ in range(4)] == [200, 200, 200, 429]
        box.clock(advance=60)
        assert http.status("GET", "/contacts") == 429
        time.sleep(0.21)
        assert http.status("GET", "/contacts") == 200


def test_they_can_be_switched_off() -> None:
    with Sandbox("omnisend", switches={"per_minute": 1, "limits": False}) as box, Http(box) as http:
        assert {http.status("GET", "/contacts") for _ in range(5)} == {200}
        assert box.state()["calls"] == {"GET /contacts": 5}


# --- bad days ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("armed", [
    {"kind": "rate_limit"}, *({"kind": "status", "status": s} for s in (400, 401, 403, 404, 408, 409, 410, 422, 429, 500, 503)),
])  # fmt: skip
def test_a_failure_is_a_problem_too(box: Sandbox, http: Http, armed: Any) -> None:
    box.fault(**armed)
    answer = http.send("POST", "/contacts", contact())
    assert answer.status_code == answer.json()["status"] == armed.get("status", 429)
    assert box.state()["contacts"] == []


def test_an_edge_in_between_answers_in_html(box: Sandbox, http: Http) -> None:
    box.fault("html_502")
    answer = http.send("POST", "/contacts", contact())
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")


@pytest.mark.parametrize("kind", ["timeout_after", "reset_mid_body"])
def test_a_contact_whose_answer_was_lost_is_there_once(box: Sandbox, http: Http, kind: str) -> None:
    box.fault(kind)
    with pytest.raises(requests.RequestException):
        http.upsert()
    assert list(held(box)) == [ADA]
    assert http.status("POST", "/contacts", contact()) == 200


def test_what_came_in_is_seen_by_route_and_by_number_of_records(box: Sandbox, http: Http) -> None:
    id_ = http.upsert()["id"]
    http.get(f"/contacts/{id_}")
    http.post("/batches", {"method": "POST", "endpoint": "contacts", "items": [contact(), contact(email(BOB))]})
    seen = box.requests()
    assert seen["records"] == {"POST /contacts": 1, "GET /contacts/{id}": 1, "POST /batches": 2}
    assert seen["by_endpoint"] == {"POST /contacts": 1, "GET /contacts/{id}": 1, "POST /batches": 1}


def test_reset_forgets_everything(box: Sandbox, http: Http) -> None:
    http.upsert()
    http.send("POST", "/contacts/tags", TAGS)
    box.reset()
    box.clock(advance=5)
    state = box.state()
    assert (state["contacts"], state["tag_operations"], state["calls"]) == ([], [], {})


def test_a_mistake_in_a_switch_is_named() -> None:
    with pytest.raises(ConfigError, match="'tags' is one of merge, replace, not 'both'"):
        Sandbox("omnisend", switches={"tags": "both"})
