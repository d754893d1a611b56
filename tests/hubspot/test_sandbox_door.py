"""Whom the stand-in lets in, and how often: tokens, scopes, rolling and daily limits, and the platform's bad days."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from hubspot_sdk import CONTACTS, Http
from stagebridge.clock import ManualClock, SystemClock
from stagebridge.errors import ConfigError
from stagebridge.sandbox import Sandbox

TOKEN = "/oauth/2026-03/token"
SEARCH = f"{CONTACTS}/search"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    # a clock that stands still: how long a test takes has no part in what a window holds
    with Sandbox("hubspot", clock=ManualClock(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))) as made:
        yield made


@pytest.fixture
def http(box: Sandbox) -> Iterator[Http]:
    with Http(box) as made:
        yield made


def grant(box: Sandbox, path: str = TOKEN, **form: str) -> requests.Response:
    form = {
        "grant_type": "refresh_token",
        "client_id": "c",
        "client_secret": "sandbox-secret",
        "refresh_token": "r",
    } | form
    return requests.post(box.url + path, data=form, timeout=5)


# --- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "something", "oauth-made-up"])
def test_a_wrong_token_is_a_401_of_its_own_kind(box: Sandbox, token: str) -> None:
    with Http(box, token) as http:
        answer = http.send("GET", CONTACTS)
        assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_only_the_given_private_app_token_may_be_accepted() -> None:
    with Sandbox("hubspot", switches={"token": "pat-eu1-right"}) as box, Http(box, "pat-eu1-wrong") as wrong:
        assert wrong.send("GET", CONTACTS).status_code == 401
        with Http(box, "pat-eu1-right") as right:
            assert right.send("GET", CONTACTS).status_code == 200


def test_an_oauth_token_lives_for_half_an_hour(box: Sandbox) -> None:
    granted = grant(box).json()
    assert (granted["expires_in"], granted["token_type"], granted["hub_id"]) == (1800, "bearer", 12345678)
    assert 200 < len(granted["access_token"]) <= 300
    with Http(box, granted["access_token"]) as http:
        assert http.send("GET", CONTACTS).status_code == 200
        box.clock(advance=1875)
        answer = http.send("GET", CONTACTS)
        assert (answer.status_code, answer.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
        assert "expired 75 second(s) ago" in answer.json()["message"]
        assert "expire time" in answer.json()["context"]


@pytest.mark.parametrize("path", ["/oauth/v3/token", "/oauth/2026-03/token", "/oauth/2026-09/token"])
def test_tokens_are_granted_on_every_current_path(box: Sandbox, path: str) -> None:
    assert grant(box, path).status_code == 200


def test_the_path_that_ends_is_gone_already(box: Sandbox) -> None:
    assert grant(box, "/oauth/v1/token").status_code == 404


def test_a_bad_refresh_token_is_a_400_that_says_so() -> None:
    with Sandbox("hubspot", switches={"refresh_token": "right"}) as box:
        answer = grant(box, refresh_token="wrong")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert answer.json()["status"] == "BAD_REFRESH_TOKEN"
        assert grant(box, refresh_token="right").status_code == 200
        requests.post(f"{box.url}{TOKEN}/revoke", data={"token": "right"}, timeout=5)
        assert grant(box, refresh_token="right").json()["status"] == "BAD_REFRESH_TOKEN"


def test_an_expired_token_can_be_had_at_once(box: Sandbox, http: Http) -> None:
    box.fault("expired_token")
    assert [http.send("GET", CONTACTS).status_code for _ in range(2)] == [401, 200]


def test_a_scope_that_is_missing_is_named() -> None:
    with Sandbox("hubspot", switches={"scopes": ["crm.objects.contacts.read"]}) as box, Http(box) as http:
        assert http.send("GET", CONTACTS).status_code == 200
        assert http.search()[0] == 200
        status, body = http.post(CONTACTS, {"properties": {"email": "a@example.com"}})
        assert (status, body["category"]) == (403, "MISSING_SCOPES")
        assert body["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]


# --- limits --------------------------------------------------------------------------------------------------------


def test_ten_seconds_roll_and_say_what_is_left(box: Sandbox, http: Http) -> None:
    left = [http.send("GET", CONTACTS).headers["X-HubSpot-RateLimit-Remaining"] for _ in range(190)]
    assert (left[0], left[-1]) == ("189", "0")
    refused = http.send("GET", CONTACTS)
    assert (refused.status_code, refused.json()["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert refused.json()["message"] == "You have reached your ten_secondly_rolling limit."
    assert "Retry-After" not in refused.headers
    box.clock(advance=9.9)
    assert http.send("GET", CONTACTS).status_code == 429
    box.clock(advance=0.1)
    assert http.send("GET", CONTACTS).status_code == 200


def test_search_has_a_limit_of_its_own_and_says_nothing_about_it(box: Sandbox, http: Http) -> None:
    answers = [http.send("POST", SEARCH, {}) for _ in range(6)]
    assert [a.status_code for a in answers] == [200] * 5 + [429]
    assert answers[-1].json()["policyName"] == "SECONDLY"
    assert not [h for a in answers for h in a.headers if "ratelimit" in h.lower()]
    assert http.send("GET", CONTACTS).headers["X-HubSpot-RateLimit-Remaining"] == "189"
    box.clock(advance=1)
    assert http.send("POST", SEARCH, {}).status_code == 200


def test_a_day_ends_at_midnight_of_the_account() -> None:
    clock = ManualClock(datetime(2026, 11, 21, 3, 0, tzinfo=UTC))  # ten in the evening in New York
    with Sandbox("hubspot", clock=clock, switches={"per_day": 3}) as box, Http(box) as http:
        assert http.send("GET", CONTACTS).headers["X-HubSpot-RateLimit-Daily-Remaining"] == "2"
        usage = http.get("/account-info/v3/api-usage/daily/private-apps")["results"][0]
        assert (usage["currentUsage"], usage["usageLimit"], usage["resetsAt"]) == (2, 3, "2026-11-21T05:00:00.000Z")
        http.search()
        refused = http.send("GET", CONTACTS)
        assert (refused.status_code, refused.json()["policyName"]) == (429, "DAILY")
        box.clock(advance=2 * 3600 - 1)
        assert http.send("GET", CONTACTS).status_code == 429
        box.clock(advance=1)
        assert http.send("GET", CONTACTS).status_code == 200


def test_an_oauth_app_has_fewer_calls_and_learns_nothing_about_the_day(box: Sandbox) -> None:
    with Http(box, grant(box).json()["access_token"]) as http:
        headers = http.send("GET", CONTACTS).headers
        assert headers["X-HubSpot-RateLimit-Max"] == "110"
        assert "X-HubSpot-RateLimit-Daily" not in headers
        assert [http.send("GET", CONTACTS).status_code for _ in range(110)] == [200] * 109 + [429]


def test_limits_are_proven_in_real_time_with_scaled_numbers() -> None:
    switches = {"limits_in_real_time": True, "search_per_second": 3}
    with Sandbox("hubspot", switches=switches) as box, Http(box) as http:
        began = time.monotonic()
        statuses = [http.send("POST", SEARCH, {}).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429] or time.monotonic() - began > 0.9
        box.clock(advance=60)  # the sandbox's clock has no part in it
        assert http.send("POST", SEARCH, {}).status_code == 429 or time.monotonic() - began > 0.9


def test_the_ten_seconds_can_be_scaled_and_the_headers_say_so() -> None:
    switches = {"per_10_seconds": 2, "ten_seconds": 1}
    with Sandbox("hubspot", switches=switches) as box, Http(box) as http:
        answers = [http.send("GET", CONTACTS) for _ in range(3)]
        assert [a.status_code for a in answers] == [200, 200, 429]
        assert answers[0].headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "1000"
        box.clock(advance=1.01)
        assert http.send("GET", CONTACTS).status_code == 200


def test_the_server_counts_what_came_in_by_route_and_class(box: Sandbox, http: Http) -> None:
    http.upsert({"email": "a@example.com"}, {"email": "b@example.com"})
    http.search()
    http.get(f"{CONTACTS}/12345678001")
    seen = box.requests()
    assert seen["by_route"] == {"POST contacts/batch/upsert": 1, "POST contacts/search": 1, "GET contacts/{id}": 1}
    assert seen["records"]["POST contacts/batch/upsert"] == 2
    assert seen["by_endpoint"] == {"default": 2, "search": 1}


# --- bad days ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "says"),
    [(423, {"category": "LOCKED"}), (477, {"message": "This account is being migrated"}),
     (500, {"category": "INTERNAL_ERROR"}), (403, {"category": "MISSING_SCOPES"}), (404, {"category": "OBJECT_NOT_FOUND"}),
     (401, {"category": "EXPIRED_AUTHENTICATION"}), (429, {"policyName": "TEN_SECONDLY_ROLLING"})],
)  # fmt: skip
def test_a_fault_answers_in_the_platforms_own_words(
    box: Sandbox, http: Http, status: int, says: dict[str, Any]
) -> None:
    box.fault("status", status=status)
    answer = http.send("GET", CONTACTS)
    assert answer.status_code == status
    assert answer.json() | says == answer.json()
    assert ("Retry-After" in answer.headers) == (status == 477)


def test_an_edge_in_between_answers_with_a_page(box: Sandbox, http: Http) -> None:
    box.fault("html_502")
    answer = http.send("GET", CONTACTS)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


def test_a_storm_says_which_limit_it_is(box: Sandbox, http: Http) -> None:
    box.fault("rate_limit", policy="DAILY")
    box.fault("rate_limit", path="*search")
    assert http.send("GET", CONTACTS).json()["policyName"] == "DAILY"
    assert http.search()[1]["policyName"] == "SECONDLY"


def test_an_answer_can_be_lost_after_the_write(box: Sandbox, http: Http) -> None:
    box.fault("timeout_after", method="POST", path="*batch/upsert")
    with pytest.raises(requests.ConnectionError):
        http.upsert({"email": "a@example.com"})
    assert [c["email"] for c in box.state()["contacts"]] == ["a@example.com"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"inputs": 3}', b'{"inputs": []}'])
def test_a_body_that_makes_no_sense_is_a_400(box: Sandbox, http: Http, body: bytes) -> None:
    answer = http.session.post(f"{box.url}{CONTACTS}/batch/upsert", data=body, timeout=5)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_a_time_zone_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match="Mars/Olympus"):
        Sandbox("hubspot", clock=SystemClock(), switches={"time_zone": "Mars/Olympus"})
