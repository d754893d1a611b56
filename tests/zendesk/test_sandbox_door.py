"""Who comes in to the Zendesk stand-in, how often, and what it says when something is wrong."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from stagebridge.clock import ManualClock
from stagebridge.errors import ConfigError
from stagebridge.sandbox import Call, Sandbox
from stagebridge_zendesk.sandbox.routes import ROUTES
from zendesk_http import ADA, BO, NOW, STAGE, Http, user

# --- credentials ---------------------------------------------------------------------------------------------------


def test_an_api_token_comes_in_and_may_be_the_only_one() -> None:
    with Sandbox("zendesk", switches={"email": "me@example.com", "token": "right"}) as box:
        for email, token, status in (
            ("me@example.com", "right", 200), ("me@example.com", "wrong", 401), ("you@example.com", "right", 401),
        ):  # fmt: skip
            with Http(box, email, token) as http:
                assert http.send("GET", "/users/me").status_code == status


def test_an_oauth_token_comes_in_until_it_is_revoked(box: Sandbox, http: Http) -> None:
    http.session.auth = None
    http.session.headers["Authorization"] = "Bearer oauth-1"
    assert http.get("/users/me")["user"]["role"] == "admin"
    box.seed({"revoke": ["oauth-1"]})
    refused = http.send("GET", "/users")
    assert (refused.status_code, refused.json()) == (401, {"error": "Couldn't authenticate you"})


def test_a_password_instead_of_a_token_does_not_come_in(box: Sandbox) -> None:
    with Http(box) as http:
        http.session.auth = ("admin@example.com", "password")
        assert http.send("GET", "/users").status_code == 401


@pytest.mark.parametrize("anonymous", [True, False])
def test_without_credentials_users_me_is_nobody_and_everything_else_is_closed(anonymous: bool) -> None:
    with Sandbox("zendesk", switches={"anonymous_me": anonymous}) as box, Http(box, token="") as http:
        answer = http.session.get(f"{box.url}/api/v2/users/me.json", timeout=5)
        assert answer.status_code == (200 if anonymous else 401)
        assert not anonymous or answer.json()["user"]["id"] is None
        assert http.send("GET", "/users").status_code == 401


def test_an_expired_token_is_refused_once(box: Sandbox, http: Http) -> None:
    box.fault("expired_token")
    assert [http.send("GET", "/users").status_code for _ in range(2)] == [401, 200]


def test_an_agent_reads_users_and_is_kept_from_exports_and_from_writing_them() -> None:
    with Sandbox("zendesk", clock=ManualClock(NOW), switches={"role": "agent"}) as box, Http(box) as http:
        box.seed([ADA])
        assert len(http.get("/users")["users"]) == 1
        assert http.send("POST", "/users", {"user": BO}).json()["error"]["title"] == "Forbidden"
        assert http.send("GET", "/incremental/users/cursor", start_time=1).status_code == 403
        assert len(box.state()["users"]) == 1


# --- limits --------------------------------------------------------------------------------------------------------


def limited(**switches: Any) -> Sandbox:
    return Sandbox("zendesk", clock=ManualClock(NOW), switches=switches)


@pytest.mark.parametrize(("switches", "limit"), [
    ({"plan": "support_essential"}, 10), ({"plan": "suite_team", "per_minute": 7}, 7),
])  # fmt: skip
def test_the_account_has_what_its_plan_has_and_says_so_in_both_families_of_headers(
    switches: dict[str, Any], limit: int
) -> None:
    with limited(**switches) as box, Http(box) as http:
        answers = [http.send("GET", "/users") for _ in range(limit + 1)]
        assert [a.status_code for a in answers] == [200] * limit + [429]
        first, last = answers[0].headers, answers[-1].headers
        assert (first["X-Rate-Limit"], first["X-Rate-Limit-Remaining"]) == (str(limit), str(limit - 1))
        assert (first["ratelimit-limit"], first["ratelimit-remaining"]) == (str(limit), str(limit - 1))
        assert (last["ratelimit-remaining"], last["ratelimit-reset"], last["Retry-After"]) == ("0", "60", "60")
        assert (box.state()["refused"], box.state()["calls"]) == ({"account": 1}, {"GET /users": limit})
        box.clock(advance=60)
        assert http.send("GET", "/users").status_code == 200


def test_users_are_written_one_by_one_once_a_second_in_the_whole_account(box: Sandbox, http: Http) -> None:
    ada, _ = box.seed([ADA, BO])["ids"]
    answers = [http.update(ada, notes="1"), http.upsert(**BO), http.send("POST", "/users", {"user": {"name": "New"}})]
    assert [a.status_code for a in answers] == [200, 429, 201]
    assert answers[0].headers["zendesk-ratelimit-create-update-user"] == "total=1; remaining=0; resets=1"
    assert answers[1].headers["Retry-After"] == "1"
    assert box.state()["refused"] == {"create-update-user": 1}
    box.clock(advance=1)
    assert http.upsert(**BO).status_code == 200


def test_one_user_is_written_five_times_a_minute_by_either_call(box: Sandbox, http: Http) -> None:
    ada, bo = box.seed([ADA, BO])["ids"]
    statuses = []
    for n in range(7):
        box.clock(advance=1)
        statuses.append((http.upsert(**ADA, notes=str(n)) if n % 2 else http.update(ada, notes=str(n))).status_code)
    assert statuses == [200] * 5 + [429] * 2
    assert user(box, ada)["notes"] == "4"
    box.clock(advance=1)
    assert http.update(bo, notes="x").status_code == 200
    box.clock(advance=60)
    assert http.update(ada, notes="late").status_code == 200


@pytest.mark.parametrize(("high", "most"), [(False, 10), (True, 30)])
def test_all_exports_together_have_ten_calls_a_minute_or_thirty_with_the_add_on(high: bool, most: int) -> None:
    with limited(high_volume=high) as box, Http(box) as http:
        start = int(NOW.timestamp()) - 100
        paths = ("/incremental/users/cursor", "/incremental/tickets/cursor", "/incremental/users")
        answers = [http.send("GET", paths[n % 3], start_time=start) for n in range(most + 1)]
        assert [a.status_code for a in answers] == [200] * most + [429]
        assert (
            answers[0]
            .headers["zendesk-ratelimit-incremental-exports"]
            .startswith(f"total={most}; remaining={most - 1};")
        )
        assert box.state()["refused"] == {"incremental-exports": 1}


def test_permanent_deletions_have_a_limit_of_their_own() -> None:
    with limited(erasures_per_10_minutes=1) as box, Http(box) as http:
        ids = box.seed([ADA, BO])["ids"]
        box.seed({"delete": ids})
        assert [http.send("DELETE", f"/deleted_users/{i}").status_code for i in ids] == [200, 429]
        box.clock(advance=600)
        assert http.send("DELETE", f"/deleted_users/{ids[1]}").status_code == 200


def test_limits_can_be_scaled_and_counted_in_real_time() -> None:
    switches = {"limits_in_real_time": True, "minute": 0.2, "per_minute": 3, "second": 0.05}
    with limited(**switches) as box, Http(box) as http:
        assert [http.send("GET", "/users").status_code for _ in range(4)] == [200, 200, 200, 429]
        time.sleep(0.25)
        assert http.send("GET", "/users").status_code == 200


def test_limits_can_be_switched_off() -> None:
    with limited(limits=False, plan="support_essential") as box, Http(box) as http:
        (id_,) = box.seed([ADA])["ids"]
        assert {http.update(id_, notes=str(n)).status_code for n in range(20)} == {200}


def test_an_unknown_plan_is_a_mistake_that_is_named() -> None:
    with pytest.raises(ConfigError, match="suite_team"):
        Sandbox("zendesk", switches={"plan": "free"})


# --- errors --------------------------------------------------------------------------------------------------------


def test_errors_are_text_or_objects_by_their_kind(http: Http) -> None:
    assert http.send("GET", "/users/7").json() == {"error": "RecordNotFound", "description": "Not found"}
    assert http.send("GET", "/nowhere").json() == {"error": "InvalidEndpoint", "description": "Not found"}
    assert http.send("PATCH", "/users").status_code == 404
    assert set(http.send("GET", "/users", per_page="x").json()["error"]) == {"title", "message"}


def test_every_error_can_be_an_object() -> None:
    with Sandbox("zendesk", switches={"error_objects": True}) as box, Http(box) as http:
        assert http.send("GET", "/users/7").json() == {"error": {"title": "RecordNotFound", "message": "Not found"}}


@pytest.mark.parametrize(("status", "error"), [
    (400, dict), (401, str), (403, dict), (404, str), (409, str), (422, str), (429, str), (500, str), (503, str),
])  # fmt: skip
def test_a_fault_answers_in_the_platforms_own_words(box: Sandbox, http: Http, status: int, error: type) -> None:
    box.fault("status", status=status)
    answer = http.send("POST", "/users", {"user": ADA})
    assert (answer.status_code, type(answer.json()["error"])) == (status, error)
    assert ("Retry-After" in answer.headers) is (status in (429, 503))
    assert box.state()["users"] == []


def test_a_body_that_is_no_json_is_a_bad_request(box: Sandbox, http: Http) -> None:
    assert http.session.post(f"{box.url}/api/v2/users", data=b"{", timeout=5).status_code == 400


def test_a_person_may_edit_an_instant_before_an_update_lands(box: Sandbox, http: Http) -> None:
    (id_,) = box.seed([ADA])["ids"]
    box.fault("edit_before_write", values={"name": "By Hand", "notes": "by hand"})
    http.update(id_, name="By Program")
    held = user(box, id_)
    assert (held["name"], held["notes"]) == ("By Program", "by hand")


def test_the_platform_may_keep_another_value_than_it_was_given(box: Sandbox, http: Http) -> None:
    box.fault("normalise", field="name", how="upper")
    http.done(http.job("POST", "/users/create_or_update_many", {"users": [BO]}))
    http.create(**ADA)
    assert [u["name"] for u in box.state()["users"]] == ["BO ÇELIK", "ADA ÅNGSTRÖM"]


def test_a_field_may_be_gone_from_answers_and_descriptions(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA)
    box.fault("drop_field", field="lifecycle_stage")
    assert http.get(f"/users/{made['id']}")["user"]["user_fields"] == {}
    assert http.get("/user_fields")["user_fields"] == []


NAMES = ("user", "users", "identity", "user_field", "custom_field_option", "organization", "ticket", "webhook")
INNER: list[Any] = [
    None, [], {}, 7, [7], [{}], {"id": "x"}, {"id": [], "external_id": 7, "email": 7, "name": [], "tags": 7},
]  # fmt: skip
PEOPLE: list[Any] = [
    {"identities": [{}]}, {"identities": [{"type": "email"}]}, {"user_fields": {"lifecycle_stage": []}}, {"organization": {}},
    {"user_fields": {"lifecycle_stage": {"a": 1}}}, {"organization": {"name": 7}}, {"photo": 7}, {"phone": 7}, {"email": ["a"]},
]  # fmt: skip
JUNK: list[Any] = [
    [], "x", 7, None,
    *({name: inner} for name in NAMES for inner in INNER),
    *({"user": {"name": "A", **more}} for more in PEOPLE),
    {"ticket": {"comment": {"body": 7}, "tags": 7, "requester_id": "x"}}, {"ticket": {"comment": "x", "requester": 7}},
    {"ticket": {"comment": {"body": "x"}, "status": [], "priority": {}}}, {"tags": [7]}, {"profile": [], "event": {}},
    {"profile": {"source": "a", "type": "b", "identifiers": [7]}, "event": {"source": "a", "type": "b", "properties": {}}},
    {"user_field": {"key": "k", "title": "K", "type": [], "custom_field_options": {}}},
    {"user_field": {"key": "k", "title": "K", "type": "dropdown", "custom_field_options": [7]}},
    {"webhook": {"name": "a", "endpoint": "b", "http_method": "POST", "request_format": "json", "subscriptions": [7]}},
]  # fmt: skip
"""Bodies that nobody should send."""


def test_whatever_is_sent_is_refused_or_taken_and_breaks_nothing() -> None:
    with limited(limits=False, most_jobs=10_000) as box:
        box.seed(
            {"user_fields": [STAGE], "users": [ADA], "organizations": [{"name": "O"}], "tickets": [{"requester_id": 1}]}
        )
        state = box.state()
        ids = {
            "{identity}": state["identities"][0]["id"], "{field}": state["user_fields"][0]["id"], "{option}": 7, "{profile}": 7,
            "/organizations/{id}": f"/organizations/{state['organizations'][0]['id']}", "/tickets/{id}": "/tickets/1",
            "{id}": state["users"][0]["id"],
        }  # fmt: skip
        for method, template, *_ in ROUTES:
            path = f"/api/v2{template}"
            for name, value in ids.items():
                path = path.replace(name, str(value))
            for body in JUNK if method not in ("GET", "DELETE") else []:
                # without the wire, which would catch what breaks, and take its time
                call = Call(method, path, {}, {"authorization": "Bearer t"}, json.dumps(body).encode())
                assert box.platform.handle(call).status < 500
        box.clock(advance=10)
        assert {j["status"] for j in box.state()["jobs"]} == {"completed"}
