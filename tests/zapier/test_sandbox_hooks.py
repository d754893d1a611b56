"""How the stand-in of hooks.zapier.com answers, and which runs a request starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from stagebridge.clock import ManualClock
from stagebridge.endpoint import Answer, Closed, Later, Taken
from stagebridge.sandbox import Sandbox
from stagebridge_zapier import Zapier

CATCH = "/hooks/catch/1000001/abc123/"
ADA = {"id": "msg_1", "type": "contact.stage_changed", "email": "ada@example.com", "stage": "mql", "company": None}


@contextmanager
def account(**switches: Any) -> Iterator[Sandbox]:
    with Sandbox("zapier", clock=ManualClock(datetime(2026, 11, 26, tzinfo=UTC)), switches=switches) as box:
        yield box


def send(box: Sandbox, path: str = CATCH, body: Any = None, method: str = "POST", **more: Any) -> requests.Response:
    given = {"data": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
    return requests.request(method, box.url + path, timeout=5, allow_redirects=False, **given, **more)


def caught(box: Sandbox) -> list[Any]:
    return [r["data"] for r in box.state()["runs"]]


def subscriber(box: Sandbox) -> dict[str, str]:
    [made] = box.seed({"zaps": [{"event": "contact.stage_changed"}]})["zaps"]
    return dict(made)


# --- catch hooks ---------------------------------------------------------------------------------------------------


def test_a_flat_message_starts_one_run_with_every_key_the_empty_ones_too(box: Sandbox) -> None:
    answer = send(box, body=ADA)
    assert (answer.status_code, answer.json()["status"]) == (200, "success")
    assert answer.json().keys() == {"attempt", "id", "request_id", "status"}
    assert caught(box) == [ADA]


def test_a_list_starts_a_run_for_each_of_its_elements(box: Sandbox) -> None:
    send(box, body=[ADA, {**ADA, "id": "msg_2"}])
    assert [d["id"] for d in caught(box)] == ["msg_1", "msg_2"]
    send(box, body=[])
    assert len(caught(box)) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_a_query_starts_a_run_by_any_of_its_three_methods(box: Sandbox, method: str) -> None:
    assert send(box, method=method, params={"email": "ada@example.com"}).status_code == 200
    assert caught(box) == [{"email": "ada@example.com"}]


def test_no_other_method_starts_one(box: Sandbox) -> None:
    assert send(box, method="DELETE").status_code == 405
    assert caught(box) == []


def test_a_form_and_xml_are_read_as_well(box: Sandbox) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    send(box, body=b"email=ada%40example.com&tags=", headers=form)
    xml = b"<contact><email>ada@example.com</email><tag>a</tag><tag>b</tag></contact>"
    send(box, body=xml, headers={"Content-Type": "application/xml"})
    assert caught(box) == [
        {"email": "ada@example.com", "tags": ""}, {"contact": {"email": "ada@example.com", "tag": ["a", "b"]}},
    ]  # fmt: skip


def test_a_body_that_does_not_say_what_it_is_is_tried_as_each(box: Sandbox) -> None:
    for body in (b'{"a": 1}', b"<a>1</a>", b"a=1", b"what?"):
        send(box, body=body)
    assert caught(box) == [{"a": 1}, {"a": "1"}, {"a": "1"}, {"raw_body": "what?"}]


def test_xml_that_expands_is_kept_as_text(box: Sandbox) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'
    send(box, body=bomb, headers={"Content-Type": "text/xml"})
    assert caught(box) == [{"raw_body": bomb.decode()}]


@pytest.mark.parametrize(("headers", "custom"), [
    ({}, {"plan": "pro", "seats": {"n": 3}}), ({"X-Recurse-Parse": "false"}, '{"plan": "pro", "seats": "{\\"n\\": 3}"}'),
])  # fmt: skip
def test_json_in_a_text_is_taken_apart_too_unless_the_sender_says_no(
    box: Sandbox, headers: dict[str, str], custom: Any
) -> None:
    send(box, body={"custom": json.dumps({"plan": "pro", "seats": '{"n": 3}'})}, headers=headers)
    assert caught(box) == [{"custom": custom}]


def test_text_that_only_looks_like_json_or_xml_stays_text(box: Sandbox) -> None:
    texts = {"a": "{ no", "b": "<3", "c": "[x", "d": "  "}
    send(box, body=texts)
    assert caught(box) == [texts]


def test_json_that_is_nested_without_end_breaks_nothing(box: Sandbox) -> None:
    text = "1"
    for _ in range(15):
        text = json.dumps({"a": text}) if len(text) < 100_000 else text
    assert send(box, body={"deep": text}).status_code == 200
    assert send(box, body=b"[" * 5000 + b"]" * 5000).status_code == 200


def test_a_child_key_is_picked_off(box: Sandbox) -> None:
    box.seed({"zaps": [{"catch": "child", "child": "people"}]})
    send(box, "/hooks/catch/1000001/child/", {"people": [{"id": 1}, {"id": 2}], "other": 3})
    send(box, "/hooks/catch/1000001/child/", {"other": 3})
    assert caught(box) == [{"id": 1}, {"id": 2}]


def test_a_raw_hook_keeps_the_text_and_the_headers_and_no_other_catch_hook_does(box: Sandbox) -> None:
    box.seed({"zaps": [{"catch": "raw", "raw": True}]})
    signed = {"webhook-id": "msg_1", "webhook-signature": "v1,abc"}
    send(box, "/hooks/catch/1000001/raw/", ADA, headers=signed)
    send(box, body=ADA, headers=signed)
    raw, parsed = box.state()["runs"]
    assert json.loads(raw["data"]) == ADA
    assert raw["headers"]["webhook-signature"] == "v1,abc"
    assert parsed["headers"] == {}


def test_a_silent_hook_does_the_same_and_says_nothing(box: Sandbox) -> None:
    answer = send(box, f"{CATCH}silent/", ADA)
    assert (answer.status_code, answer.content) == (200, b"")
    assert caught(box) == [ADA]


def test_an_address_without_its_last_slash_is_not_there(box: Sandbox) -> None:
    for path in (CATCH.rstrip("/"), "/hooks/catch/", "/hooks/catch/1/2/3/", "/hooks/", "/hooks/standard/1000001/"):
        assert send(box, path, ADA).status_code == 404, path
    assert caught(box) == []


def test_success_says_nothing_about_a_zap_that_is_off_or_was_never_there() -> None:
    with account(paused=True) as box:
        off, nobody = send(box, body=ADA), send(box, "/hooks/catch/1/never/", ADA)
        assert [a.json()["status"] for a in (off, nobody)] == ["success", "success"]
        assert (caught(box), box.state()["lost"]) == ([], 2)
        assert Zapier().verdict(Answer(off.status_code)) == Taken()
        assert Zapier.capabilities.posts is not None
        assert not Zapier.capabilities.posts.confirms


def test_a_zap_can_be_switched_off_and_on_while_messages_come(box: Sandbox) -> None:
    box.seed({"off": ["zap-0"]})
    send(box, body=ADA)
    box.seed({"on": {"zap-0": None}})
    send(box, body={**ADA, "id": "msg_2"})
    assert [d["id"] for d in caught(box)] == ["msg_2"]


def test_success_may_have_an_empty_body() -> None:
    with account(debug_json=False) as box:
        assert send(box, body=ADA).content == b""
        assert caught(box) == [ADA]


def test_a_success_may_come_minutes_before_its_run() -> None:
    with account(delay=180.0) as box:
        assert send(box, body=ADA).status_code == 200
        assert caught(box) == []
        box.clock(advance=180)
        assert caught(box) == [ADA]


def test_answers_may_be_slow() -> None:
    with account(slow=12.0) as box:
        before = datetime.fromisoformat(box.state()["now"])
        send(box, body=ADA)
        assert (datetime.fromisoformat(box.state()["now"]) - before).total_seconds() == 12


# --- limits --------------------------------------------------------------------------------------------------------


def test_a_hook_takes_30_requests_a_second_and_others_go_on(box: Sandbox) -> None:
    assert [send(box, body=ADA).status_code for _ in range(31)] == [200] * 30 + [429]
    assert box.state()["throttled"] == 1
    box.seed({"zaps": [{"catch": "other"}]})
    assert send(box, "/hooks/catch/1000001/other/", ADA).status_code == 200
    box.clock(advance=1)
    assert send(box, body=ADA).status_code == 200


def test_a_user_has_a_limit_of_five_minutes_over_all_hooks() -> None:
    with account(per_five_minutes=3) as box:
        box.seed({"zaps": [{"catch": "other"}]})
        paths = [CATCH, "/hooks/catch/1000001/other/", subscriber(box)["path"], CATCH]
        assert [send(box, p, ADA).status_code for p in paths] == [200, 200, 200, 429]
        box.clock(advance=300)
        assert send(box, body=ADA).status_code == 200


def test_a_catch_hook_without_a_user_in_its_address_has_one_of_its_own() -> None:
    with account(legacy_per_five_minutes=2) as box:
        box.seed({"zaps": [{"catch": "old", "legacy": True}]})
        assert [send(box, "/hooks/catch/old/", ADA).status_code for _ in range(3)] == [200, 200, 429]
        assert send(box, body=ADA).status_code == 200
        assert [r["zap"] for r in box.state()["runs"]] == ["zap-1", "zap-1", "zap-0"]


@pytest.mark.parametrize(("switches", "header", "body"), [
    ({}, None, b""), ({"retry_after": 9, "limit_body": "slow down"}, "9", b"slow down"),
])  # fmt: skip
def test_what_a_429_says_besides_is_a_switch(switches: dict[str, Any], header: str | None, body: bytes) -> None:
    with account(per_second=1, **switches) as box:
        send(box, body=ADA)
        answer = send(box, body=ADA)
        assert (answer.status_code, answer.headers.get("retry-after"), answer.content) == (429, header, body)
        read = Answer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()})
        assert Zapier().verdict(read) == Later("HTTP 429", float(header or 0))


@pytest.mark.parametrize(("hook", "size", "status"), [
    ("abc123", 10_000_000, 200), ("abc123", 10_000_001, 413), ("raw", 2_000_000, 200), ("raw", 2_000_001, 413),
])  # fmt: skip
def test_a_body_has_a_largest_size(box: Sandbox, hook: str, size: int, status: int) -> None:
    box.seed({"zaps": [{"catch": "raw", "raw": True}]})
    answer = send(box, f"/hooks/catch/1000001/{hook}/", b" " * (size - 2) + b"{}")
    assert answer.status_code == status
    assert len(caught(box)) == (status == 200)


def test_a_fault_is_answered_as_the_platform_would(box: Sandbox) -> None:
    box.fault("rate_limit")
    box.fault("status", status=500)
    assert [send(box, body=ADA).status_code for _ in range(3)] == [429, 500, 200]
    assert len(caught(box)) == 1


# --- hooks of subscribers ------------------------------------------------------------------------------------------


def test_a_subscribers_hook_takes_messages_until_its_zap_is_off_and_then_says_goodbye(box: Sandbox) -> None:
    zap = subscriber(box)
    assert send(box, zap["path"], ADA, headers={"webhook-id": "msg_1"}).status_code == 200
    box.seed({"off": [zap["id"]]})
    answer = send(box, zap["path"], {**ADA, "id": "msg_2"})
    assert answer.status_code == 410
    assert isinstance(Zapier().verdict(Answer(answer.status_code)), Closed)
    [run] = box.state()["runs"]
    assert (run["data"], run["headers"]["webhook-id"]) == (ADA, "msg_1")


def test_what_a_hook_answers_that_was_never_there_is_a_switch() -> None:
    with account(gone_status=404) as box:
        assert send(box, "/hooks/standard/1000001/never/", ADA).status_code == 404


def test_a_list_starts_a_run_for_each_element_there_too_and_text_is_left_as_it_is(box: Sandbox) -> None:
    zap = subscriber(box)
    send(box, zap["path"], [{**ADA, "custom": '{"a": 1}'}, {**ADA, "id": "msg_2"}])
    assert [(d["id"], d.get("custom")) for d in caught(box)] == [("msg_1", '{"a": 1}'), ("msg_2", None)]


def test_only_posts_are_taken_there_and_only_json(box: Sandbox) -> None:
    zap = subscriber(box)
    assert send(box, zap["path"], ADA, method="PUT").status_code == 405
    assert send(box, zap["path"], b"{").status_code == 400
    assert caught(box) == []


def test_a_message_that_comes_twice_runs_twice_and_is_marked(box: Sandbox) -> None:
    zap = subscriber(box)
    for message in (ADA, ADA, {**ADA, "id": "msg_2"}):
        send(box, zap["path"], message)
    assert [(r["data"]["id"], r["repeat"]) for r in box.state()["runs"]] == [
        ("msg_1", False), ("msg_1", True), ("msg_2", False),
    ]  # fmt: skip


def test_or_once_where_zapier_drops_what_it_knows() -> None:
    with account(dedupe_hooks=True) as box:
        zap = subscriber(box)
        for message in (ADA, ADA, {**ADA, "id": "msg_2"}):
            send(box, zap["path"], message)
        assert [d["id"] for d in caught(box)] == ["msg_1", "msg_2"]


def test_everything_is_as_at_the_start_after_a_reset(box: Sandbox) -> None:
    subscriber(box)
    send(box, body=ADA)
    box.reset()
    state = box.state()
    assert ([z["id"] for z in state["zaps"]], state["runs"], state["lost"]) == (["zap-0"], [], 0)
