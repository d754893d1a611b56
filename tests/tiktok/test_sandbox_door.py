"""How the TikTok stand-in answers: the envelope, tokens, limits, and its bad days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from stagebridge.clock import ManualClock
from stagebridge.errors import ConfigError
from stagebridge.sandbox import Sandbox
from tiktok_http import API, CRM, NOW, PIXEL, TRACK, Http, counted, crm_event, event, source


@contextmanager
def account(**switches: Any) -> Iterator[tuple[Sandbox, Http]]:
    clock = ManualClock(datetime.fromtimestamp(NOW, UTC))
    with Sandbox("tiktok", clock=clock, switches=switches) as box, Http(box) as http:
        yield box, http


# --- the envelope --------------------------------------------------------------------------------------------------


def test_an_event_is_taken_with_code_0_and_a_request_id_that_begins_with_the_day(http: Http) -> None:
    answer = http.track(event())
    assert (answer["code"], answer["message"], answer["data"]) == (0, "OK", {})
    assert re.fullmatch(r"20261118\d{6}[0-9A-F]{20}", answer["request_id"])


def test_http_is_200_even_where_the_code_says_no(http: Http) -> None:
    answer = http.send("POST", TRACK, {"event_source": "web", "event_source_id": PIXEL, "data": [{}]})
    assert (answer.status_code, answer.json()["code"]) == (200, 40002)


@pytest.mark.parametrize(("token", "body", "status"), [
    ("", {}, 401), ("token-1", {"event_source": "web", "event_source_id": "other", "data": []}, 401), ("token-1", {}, 400),
])  # fmt: skip
def test_http_may_follow_the_code_as_third_parties_saw_it(token: str, body: Any, status: int) -> None:
    with Sandbox("tiktok", switches={"http_statuses": True}) as box, Http(box, token) as http:
        assert http.send("POST", TRACK, body).status_code == status
        assert Http(box).send("POST", TRACK, {"event_source": "web", "event_source_id": PIXEL, "data": [event()]}).ok


@pytest.mark.parametrize("path", [
    TRACK.rstrip("/"), "/open_api/v1.2/event/track/", f"{API}pixel/track/", f"{API}event/track/more", "/",
])  # fmt: skip
def test_a_path_without_its_last_slash_or_that_was_never_there_is_a_plain_404(
    box: Sandbox, http: Http, path: str
) -> None:
    answer = http.send("POST", path, {"event_source": "web", "event_source_id": PIXEL, "data": [event()]})
    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert counted(box) == []


def test_a_body_that_is_no_json_or_no_object_is_40002(box: Sandbox, http: Http) -> None:
    for body in (b"{", b"", b"[]", b"\xff"):
        answer = http.session.post(box.url + TRACK, data=body, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (200, 40002)


# --- tokens --------------------------------------------------------------------------------------------------------


def test_a_token_stands_in_its_own_header_and_has_no_prefix(box: Sandbox) -> None:
    for header, code in (
        ({}, 40105), ({"Authorization": "Bearer token-1"}, 40105), ({"Access-Token": "Bearer token-1"}, 40105),
        ({"Access-Token": "token-1"}, 0),
    ):  # fmt: skip
        body = {"event_source": "web", "event_source_id": PIXEL, "data": [event()]}
        answer = requests.post(box.url + TRACK, json=body, headers=header, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (200, code), header
    assert counted(box) == [("Purchase", "ord-1")]


def test_a_missing_token_may_be_40104() -> None:
    with account(missing_token_code=40104) as (box, _), Http(box, "") as nobody:
        assert nobody.code(event()) == 40104


def test_only_the_given_token_may_be_accepted() -> None:
    with account(token="right") as (box, wrong), Http(box, "right") as right:
        assert (wrong.code(event()), right.code(event())) == (40105, 0)


def test_a_token_reports_to_its_own_sources_only(box: Sandbox) -> None:
    box.seed({"tokens": {"of-the-pixel": [PIXEL]}})
    with Http(box, "of-the-pixel") as http, Http(box, "of-nobody") as stranger:
        assert http.code(event()) == 0
        answer = http.track(crm_event(), kind="crm")
        assert (answer["code"], answer["message"]) == (40001, f"No permission to operate event source id: {CRM}")
        assert stranger.code(event()) == 40105
    assert counted(box, CRM) == []


def test_a_source_is_refused_before_anything_else_is_read(http: Http) -> None:
    assert http.code({}, source="CNOBODY") == 40001
    assert http.code({}, source=PIXEL) == 40002


def test_a_source_of_another_kind_is_refused(http: Http) -> None:
    assert http.code(crm_event(), kind="crm", source=PIXEL) == 40001


def test_a_revoked_token_and_an_expired_one_have_codes_of_their_own(box: Sandbox) -> None:
    box.seed({"revoke": ["one"], "expire": ["two"]})
    for token, code in (("one", 40105), ("two", 40102), ("three", 0)):
        with Http(box, token) as http:
            assert http.code(event()) == code


def test_a_token_can_be_found_expired_at_once(box: Sandbox, http: Http) -> None:
    box.fault("expired_token")
    assert [http.code(event()) for _ in range(2)] == [40102, 0]


def test_an_app_is_known_only_when_it_is_on_the_allow_list(box: Sandbox, http: Http) -> None:
    in_the_app = event(page=None, app={"app_id": "1"}, ad={"callback": "c"})
    assert http.code(in_the_app, kind="app", source="7300000000000000001") == 40001
    box.seed({"sources": [{"id": "7300000000000000001", "event_source": "app"}]})
    assert http.code(in_the_app, kind="app", source="7300000000000000001") == 0


# --- limits --------------------------------------------------------------------------------------------------------


def test_no_limit_is_documented_and_none_is_the_default(http: Http) -> None:
    assert {http.code(event(f"e{i}")) for i in range(60)} == {0}


def test_a_limit_by_the_second_rolls() -> None:
    with account(per_second=3) as (box, http):
        assert [http.code(event(f"e{i}")) for i in range(5)] == [0, 0, 0, 40100, 40100]
        box.clock(advance=1)
        assert http.code(event("e9")) == 0
        assert len(counted(box)) == 4


def test_a_limit_by_the_day_ends_at_midnight_and_may_have_another_code() -> None:
    with account(per_day=2, limit_code=40133) as (box, http):
        assert [http.code(event(f"e{i}")) for i in range(3)] == [0, 0, 40133]
        box.clock(advance=86_400)
        assert http.code(event("e9", event_time=NOW + 86_400)) == 0


def test_a_limit_can_be_counted_on_the_machines_clock() -> None:
    with account(per_second=1, limits_in_real_time=True) as (box, http):
        assert http.code(event("a")) == 0
        box.clock(advance=10)
        assert http.code(event("b")) == 40100


# --- bad days ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("armed", "code"), [
    ({"kind": "rate_limit"}, 40100), ({"kind": "rate_limit", "policy": 40132}, 40132),
    ({"kind": "status", "status": 429}, 40100), ({"kind": "status", "status": 401}, 40105),
    ({"kind": "status", "status": 403}, 40001), ({"kind": "status", "status": 500}, 50000),
    ({"kind": "status", "status": 400}, 40002), ({"kind": "status", "status": 51065}, 51065),
    ({"kind": "status", "status": 49999}, 49999),
])  # fmt: skip
def test_a_failure_has_the_platforms_own_code_and_http_200(box: Sandbox, http: Http, armed: Any, code: int) -> None:
    box.fault(**armed)
    answer = http.send("POST", TRACK, {"event_source": "web", "event_source_id": PIXEL, "data": [event()]})
    assert (answer.status_code, answer.json()["code"]) == (200, code)
    assert set(answer.json()) == {"code", "message", "request_id", "data"}
    assert counted(box) == []


def test_a_script_speaks_in_codes(box: Sandbox, http: Http) -> None:
    box.fault("status", script=["40100", "50002", "ok"])
    assert [http.code(event()) for _ in range(3)] == [40100, 50002, 0]


def test_nginx_answers_in_html_when_nobody_is_behind_it(box: Sandbox, http: Http) -> None:
    for kind, values in (("status", {"status": 502}), ("status", {"status": 504}), ("html_502", {})):
        box.fault(kind, **values)
        answer = http.send("POST", TRACK, {"event_source": "web", "event_source_id": PIXEL, "data": [event()]})
        assert answer.status_code == values.get("status", 502)
        assert answer.headers["Content-Type"] == "text/html"
    assert counted(box) == []


def test_an_empty_200_may_have_done_its_work(box: Sandbox, http: Http) -> None:
    box.fault("empty_body")
    answer = http.send("POST", TRACK, {"event_source": "web", "event_source_id": PIXEL, "data": [event()]})
    assert (answer.status_code, answer.content) == (200, b"")
    assert counted(box) == [("Purchase", "ord-1")]


def test_partial_success_is_20001_and_does_not_say_which_events_are_lost(box: Sandbox, http: Http) -> None:
    box.fault("partial_batch")
    answer = http.track(*(event(f"e{i}") for i in range(4)))
    assert (answer["code"], answer["data"]) == (20001, {})
    assert "e1" not in answer["message"]
    assert counted(box) == [("Purchase", "e0"), ("Purchase", "e2")]
    assert [(e["event_id"], e["why"]) for e in source(box)["dropped"]] == [
        ("e1", "partial success"), ("e3", "partial success"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["timeout_after", "reset_mid_body"])
def test_an_event_whose_answer_was_lost_is_counted_once_when_it_is_sent_again(
    box: Sandbox, http: Http, kind: str
) -> None:
    box.fault(kind)
    with pytest.raises(requests.RequestException):
        http.track(event())
    assert http.code(event()) == 0
    assert counted(box) == [("Purchase", "ord-1")]


def test_what_came_in_is_seen_by_route_and_by_number_of_events(box: Sandbox, http: Http) -> None:
    http.track(event("a"), event("b"))
    http.send("POST", TRACK.rstrip("/"), {})
    seen = box.requests()
    assert seen["records"]["POST event/track/"] == 2
    assert seen["by_route"] == {"POST event/track/": 1, f"POST {TRACK.rstrip('/')}": 1}


def test_reset_forgets_everything(box: Sandbox, http: Http) -> None:
    box.seed({"tokens": {"of-the-pixel": [PIXEL]}, "leads": [{"answers": {"email": "ada@example.com"}}]})
    box.reset()
    assert http.code(event()) == 0
    assert box.state()["leads"] == []


def test_a_mistake_in_a_switch_or_a_seed_is_named(box: Sandbox) -> None:
    with pytest.raises(ConfigError, match="hook_signature"):
        Sandbox("tiktok", switches={"hook_signature": "v3"})
    with pytest.raises(ValueError, match="a seed has no 'pixels'"):
        box.seed({"pixels": []})
    with pytest.raises(ValueError, match="messaging"):
        box.seed({"sources": [{"id": "1", "event_source": "messaging"}]})
