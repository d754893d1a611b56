"""What TikTok's answers mean for the events of a call: the body's code decides."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from stagebridge.clock import ManualClock
from stagebridge.connector import Done, Draft, Rejected, Unknown
from stagebridge.errors import AuthError, BatchRefused, ConfigError, PlatformDown, StagebridgeError, TryLater
from stagebridge.sandbox import Sandbox
from stagebridge_tiktok import TikTok
from stub_http import Reply, Stub
from tiktok_http import NOW, PIXEL, counted, sha
from tiktok_kit import ALICE, drafts, purchase, tiktok

HTTP_STATUSES = pytest.mark.parametrize("http_statuses", [False, True], ids=["http 200", "http 4xx"])
"""TikTok documents HTTP 200 for every code; several people have seen 401 and 400."""


@contextmanager
def account(**switches: Any) -> Iterator[tuple[Sandbox, TikTok]]:
    clock = ManualClock(datetime.fromtimestamp(NOW, UTC))
    with Sandbox("tiktok", clock=clock, switches=switches) as box:
        connector = tiktok(box)
        yield box, connector
        connector.close()


def bad(id: str = "bad") -> Draft:
    """An event that TikTok does not take: its e-mail is not hashed."""
    payload = {
        "event": "Lead", "event_id": id, "event_time": NOW, "user": {"email": ["alice_abc@gmail.com"]},
        "page": {"url": "https://shop.example/"},
    }  # fmt: skip
    return Draft(id, payload, f"web:{PIXEL}")


def envelope(code: Any, message: str = "no", **more: Any) -> Reply:
    body = {"code": code, "message": message, "request_id": "20261118110640ABCDEF", "data": {}} | more
    return Reply(200, json.dumps(body).encode())


def told(stub: Stub, box: Sandbox, *replies: Reply, events: int = 2) -> Any:
    """The outcomes of a call that is answered so, or the error."""
    stub.will(*replies)
    connector = tiktok(box, base_url=stub.url)
    try:
        return connector.send(drafts(connector, *(purchase(f"e{i}") for i in range(events))))
    except StagebridgeError as error:
        return error


# --- one wrong event -----------------------------------------------------------------------------------------------


@HTTP_STATUSES
def test_an_event_that_tiktok_does_not_take_is_named_by_its_place_and_nothing_counts(http_statuses: bool) -> None:
    with account(http_statuses=http_statuses) as (box, connector):
        good = drafts(connector, purchase("a"), purchase("b"))
        with pytest.raises(BatchRefused) as refusal:
            connector.send([*good, bad()])
        assert (refusal.value.index, refusal.value.code) == (2, "SB-TIKTOK-40002")
        assert "user.email.0" in str(refusal.value)
        assert "alice" not in f"{refusal.value!r}"
        assert counted(box) == []
        assert connector.send(good) == [Done("a"), Done("b")]
        assert box.requests()["count"] == 2


@HTTP_STATUSES
def test_where_tiktok_names_no_event_the_refusal_has_no_index(http_statuses: bool) -> None:
    with account(http_statuses=http_statuses, names_the_event=False) as (_, connector):
        with pytest.raises(BatchRefused) as refusal:
            connector.send([bad("a"), bad("b")])
        assert (refusal.value.index, refusal.value.code) == (None, "SB-TIKTOK-40002")


@pytest.mark.parametrize(("message", "index"), [
    ("Batch.1.properties.contents.0.content_id: Not a valid string", 1), ("Batch.0: Not a valid object", 0),
    ("Batch.2.event: Missing", None), ("Batch.x.event: Missing", None), ("", None), ("Invalid email a@example.com", None),
    ("Batch.1.a@example.com: no", 1),
])  # fmt: skip
def test_a_place_is_believed_only_within_the_batch_and_no_value_is_repeated(
    stub: Stub, box: Sandbox, message: str, index: int | None
) -> None:
    error = told(stub, box, envelope(40002, message))
    assert isinstance(error, BatchRefused)
    assert error.index == index
    assert "example.com" not in str(error)
    assert "[request 20261118110640ABCDEF]" in str(error)


@pytest.mark.parametrize("field", ["event_source", "event_source_id", "test_event_code", "partner_name"])
def test_a_fault_of_the_call_itself_is_no_events(stub: Stub, box: Sandbox, field: str) -> None:
    error = told(stub, box, envelope(40002, f"{field}: Not a valid string"))
    assert type(error) is StagebridgeError
    assert (error.code, field in str(error), bool(error.hint)) == ("SB-TIKTOK-REQUEST", True, True)


# --- taken ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 400, 500])
def test_code_0_is_taken_whatever_http_says(stub: Stub, box: Sandbox, status: int) -> None:
    reply = Reply(status, envelope(0, "OK").body)
    assert told(stub, box, reply) == [Done("e0"), Done("e1")]


def test_partial_success_is_taken_and_logged_in_our_words(box: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    box.fault("partial_batch")
    connector = tiktok(box)
    with caplog.at_level(logging.WARNING, "stagebridge"):
        outcomes = connector.send(drafts(connector, purchase("a"), purchase("b")))
    assert outcomes == [Done("a"), Done("b")]
    [line] = [r.getMessage() for r in caplog.records]
    assert "2 events" in line
    assert PIXEL in line
    assert "[request " in line


# --- not taken -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [40100, 40016, 40132, 40133])
def test_a_limit_is_waited_out_and_the_events_count_once(box: Sandbox, code: int) -> None:
    box.fault("rate_limit", policy=code, times=3)
    connector = tiktok(box)
    before = box.kit.clock.now()
    assert connector.send(drafts(connector, purchase())) == [Done("ord-1")]
    assert counted(box) == [("Purchase", "ord-1")]
    assert box.requests()["count"] == 4
    assert box.kit.clock.now() > before


def test_a_limit_that_does_not_end_says_to_try_later(box: Sandbox) -> None:
    box.fault("rate_limit", times=None)
    connector = tiktok(box)
    with pytest.raises(TryLater, match="40100"):
        connector.send(drafts(connector, purchase()))
    assert counted(box) == []


@HTTP_STATUSES
@pytest.mark.parametrize(("code", "kind", "ours"), [
    (40102, AuthError, "SB-TIKTOK-TOKEN"), (40104, AuthError, "SB-TIKTOK-TOKEN"), (40105, AuthError, "SB-TIKTOK-TOKEN"),
    (40101, AuthError, "SB-TIKTOK-TOKEN"), (40107, AuthError, "SB-TIKTOK-TOKEN"), (40110, AuthError, "SB-TIKTOK-TOKEN"),
    (40001, AuthError, "SB-TIKTOK-PERMISSION"), (40007, AuthError, "SB-TIKTOK-SOURCE"),
])  # fmt: skip
def test_credentials_and_sources_that_are_refused_stop_the_connection_at_once(
    stub: Stub, box: Sandbox, code: int, kind: type[StagebridgeError], ours: str, http_statuses: bool
) -> None:
    reply = Reply(401 if http_statuses else 200, envelope(code, "token-1 of a@example.com").body)
    error = told(stub, box, reply)
    assert type(error) is kind
    assert (error.code, bool(error.hint), len(stub.seen)) == (ours, True, 1)
    assert str(code) in str(error)
    assert "token-1" not in str(error)
    assert "example.com" not in str(error)


def test_a_source_that_is_refused_is_named(stub: Stub, box: Sandbox) -> None:
    assert f"pixel {PIXEL}" in str(told(stub, box, envelope(40001)))


@HTTP_STATUSES
def test_a_token_that_was_revoked_sends_nothing_more(http_statuses: bool) -> None:
    with account(http_statuses=http_statuses) as (box, connector):
        box.seed({"revoke": ["token-1"]})
        with pytest.raises(AuthError):
            connector.send(drafts(connector, purchase()))
        assert box.requests()["count"] == 1


@pytest.mark.parametrize("code", [40003, 40999, 49999])
def test_an_unknown_code_that_begins_with_4_is_for_good(stub: Stub, box: Sandbox, code: int) -> None:
    outcomes = told(stub, box, envelope(code, "a@example.com"))
    assert [(type(o), o.code) for o in outcomes] == [(Rejected, f"SB-TIKTOK-{code}")] * 2
    assert "[request 20261118110640ABCDEF]" in outcomes[0].message
    assert "example.com" not in outcomes[0].message
    assert len(stub.seen) == 1


# --- anybody's guess -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [50000, 50002, 51065, 59999])
def test_an_error_of_tiktoks_own_is_tried_again_and_the_events_count_once(box: Sandbox, code: int) -> None:
    box.fault("status", status=code, times=2)
    connector = tiktok(box)
    assert connector.send(drafts(connector, purchase())) == [Done("ord-1")]
    assert counted(box) == [("Purchase", "ord-1")]


def test_an_error_of_tiktoks_own_that_does_not_end_leaves_it_unknown(box: Sandbox) -> None:
    box.fault("status", status=50000, times=None)
    connector = tiktok(box)
    [outcome] = connector.send(drafts(connector, purchase()))
    assert isinstance(outcome, Unknown)
    assert "50000" in outcome.reason


@pytest.mark.parametrize(("kind", "done"), [
    ("empty_body", True), ("timeout_after", True), ("reset_mid_body", True), ("timeout_before", False), ("html_502", False),
])  # fmt: skip
def test_without_an_answer_it_is_unknown_and_sending_again_counts_once(box: Sandbox, kind: str, done: bool) -> None:
    connector = tiktok(box)
    batch = drafts(connector, purchase("a"), purchase("b"))
    box.fault(kind)
    assert [type(o) for o in connector.send(batch)] == [Unknown, Unknown]
    assert box.requests()["count"] == 1
    assert bool(counted(box)) == done
    assert connector.send(batch) == [Done("a"), Done("b")]
    assert counted(box) == [("Purchase", "a"), ("Purchase", "b")]


@pytest.mark.parametrize("reply", [
    Reply(200, b""), Reply(200, b"<html>"), Reply(200, b"[]"), Reply(200, b"{}"), Reply(200, b'{"code":"no"}'),
    Reply(200, b'{"code":true}'), Reply(302, b""), Reply(200, b'{"code":20002}'), Reply(200, b'{"code":-1}'),
])  # fmt: skip
def test_what_says_neither_yes_nor_no_is_unknown(stub: Stub, box: Sandbox, reply: Reply) -> None:
    assert [type(o) for o in told(stub, box, reply)] == [Unknown, Unknown]
    assert len(stub.seen) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_an_error_page_that_is_not_tiktoks_keeps_the_events_for_later(stub: Stub, box: Sandbox, status: int) -> None:
    error = told(stub, box, Reply(status, b"404 page not found", {"Content-Type": "text/plain"}))
    assert isinstance(error, PlatformDown)
    assert (error.code, bool(error.hint)) == ("SB-TIKTOK-ANSWER", True)


def test_what_cannot_be_reached_is_down_and_not_unknown(box: Sandbox) -> None:
    connector = tiktok(box, base_url="http://127.0.0.1:9")
    with pytest.raises(PlatformDown):
        connector.send(drafts(connector, purchase()))


# --- what is refused before anything is sent -----------------------------------------------------------------------


def test_more_than_a_thousand_events_or_two_sources_are_not_sent(box: Sandbox) -> None:
    connector = tiktok(box)
    [draft] = drafts(connector, purchase())
    with pytest.raises(ConfigError, match="1000"):
        connector.send([draft] * 1001)
    with pytest.raises(ConfigError, match="one source"):
        connector.send(drafts(connector, purchase(), purchase(channel="phone")))
    assert connector.send([]) == []
    assert box.requests()["count"] == 0


def test_at_most_ten_calls_a_second_are_made(box: Sandbox) -> None:
    connector = tiktok(box)
    before = box.kit.clock.now()
    for i in range(21):
        connector.send(drafts(connector, purchase(f"e{i}")))
    assert (box.kit.clock.now() - before).total_seconds() >= 2


def test_no_persons_value_is_logged(box: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    connector = tiktok(box)
    with caplog.at_level(logging.DEBUG):
        connector.send(drafts(connector, purchase()))
        with pytest.raises(BatchRefused):
            connector.send([bad()])
    assert "token-1" not in caplog.text
    for value in (*ALICE.values(), sha(ALICE["email"])):
        assert value not in caplog.text
