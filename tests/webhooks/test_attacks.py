"""Whoever is not who he says he is gets nowhere, and learns nothing on the way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from contextlib import suppress
from typing import Any

import pytest

from hooks_kit import KEY, Served, accepted_in, message, raw, signed

BODY, HEADERS = message(1)
REFUSED = (401, '{"detail":"refused"}')


def told(served: Served, path: str, body: bytes, headers: dict[str, Any]) -> tuple[int, str]:
    response = served.post(path, body, headers)
    return response.status_code, response.text


def changed(**headers: str | None) -> dict[str, str]:
    named = {f"webhook-{k}": v for k, v in headers.items()}
    return {k: v for k, v in {**HEADERS, **named}.items() if v is not None}


SIGNATURE = HEADERS["webhook-signature"]
FORGED = {
    "no signature": changed(signature=None),
    "an empty signature": changed(signature=""),
    "a wrong signature": changed(signature="v1," + base64.b64encode(b"\0" * 32).decode()),
    "a truncated signature": changed(signature=SIGNATURE[:-6]),
    "a prefix of it": changed(signature="v1,"),
    "no base64": changed(signature="v1,%%%"),
    "another version": changed(signature=SIGNATURE.replace("v1,", "v1a,")),
    "bytes that are no text": changed(signature="v1,\xff\xfe"),
    "no time": changed(timestamp=None),
    "a time in words": changed(timestamp="yesterday"),
    "a time of digits that are none": changed(timestamp="²³"),
    "a time with 4,000 digits": changed(timestamp="9" * 4000),
    "no id": changed(id=None),
    "another id": changed(id="msg_2"),
    "another's key": signed(BODY, "msg_1", key=b"x" * 24),
    "ten minutes ago": signed(BODY, "msg_1", at=time.time() - 600),
    "in ten minutes": signed(BODY, "msg_1", at=time.time() + 600),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_signature_that_is_not_right_is_refused_in_always_the_same_words(served: Served, name: str) -> None:
    assert told(served, "/hooks/shop", BODY, FORGED[name]) == REFUSED


def test_a_body_that_was_touched_is_refused(served: Served) -> None:
    for body in (b"", BODY[:-1], BODY + b" ", BODY.replace(b"3050", b"3051"), b"\xff\xfe" + BODY):
        assert told(served, "/hooks/shop", body, HEADERS) == REFUSED


def test_two_signatures_in_two_headers_are_none(served: Served) -> None:
    head = f"POST /hooks/shop HTTP/1.1\nHost: x\nConnection: close\nContent-Length: {len(BODY)}\n"
    names = "".join(f"{k}: {v}\n" for k, v in HEADERS.items()) + "Webhook-Signature: v1,AAAA\n\n"
    assert b" 401 " in raw(served, head + names, BODY).split(b"\r\n")[0]


BOMBS = {
    "a hundred thousand brackets": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "a number of half a million digits": b'{"customer": {"id": ' + b"9" * 500_000 + b"}}",
    "infinity": b'{"customer": Infinity}',
    "half an emoji": b'{"customer": "\\ud83d"}'[:-3],
    "no UTF-8": b'{"customer": "\xff\xfe"}',
    "a text": b'"customer"',
    "nothing": b"",
    "null": b"null",
    "a list of numbers": b"[1, 2, 3]",
    "too many records": b"[" + b",".join([b"{}"] * 1001) + b"]",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_genuine_body_that_is_a_bomb_is_refused_like_any_other(served: Served, name: str) -> None:
    body = BOMBS[name]
    assert told(served, "/hooks/shop", body, signed(body, name.replace(" ", "_"))) == REFUSED
    assert served.get("/healthz").status_code == 200


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_under_a_platforms_own_signature_is_no_defect_of_ours(served: Served, name: str) -> None:
    body = BOMBS[name]
    digest = hmac.new(b"sandbox-secret", body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={digest}", "x-open-signature": digest}
    for connection in ("ads", "leads"):
        assert served.post(f"/hooks/{connection}", body, headers).status_code in (200, 401)
    assert served.metric('refused_total{reason="settings"}') == 0


def test_a_connection_that_is_not_there_is_told_from_one_without_webhooks_by_nobody(served: Served) -> None:
    answers = [served.post(path, BODY, HEADERS) for path in ("/hooks/nobody", "/hooks/sales", "/hooks/nobody/at/all")]
    assert {(a.status_code, a.text) for a in answers} == {(404, '{"detail":"not found"}')}
    shapes = {tuple(sorted(a.headers)) for a in answers}
    assert shapes == {tuple(sorted(served.post("/hooks/shop", BODY, {}).headers))}


def test_a_hundred_megabytes_are_refused_before_they_are_sent(served: Served) -> None:
    head = "POST /hooks/shop HTTP/1.1\nHost: x\nContent-Length: 104857600\nExpect: 100-continue\n\n"
    began = time.monotonic()
    back = raw(served, head)
    assert back.startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - began < 3


def test_a_hundred_megabytes_of_unknown_length_are_cut_off(served: Served) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    sent, back = 0, b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=15) as wire:
        wire.sendall(b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(1600):
                wire.sendall(chunk)
                sent += 65536
        except OSError:
            pass
        with suppress(OSError):
            back = wire.recv(100)
    assert sent < 20_000_000
    assert not back or back.startswith(b"HTTP/1.1 413 ")
    assert served.metric('refused_total{reason="too_large"}') >= 1


def test_lengths_that_contradict_each_other_reach_nobody(served: Served) -> None:
    for lengths in (
        "Content-Length: 5\nContent-Length: 6",
        "Content-Length: -1",
        "Content-Length: 5\nTransfer-Encoding: x",
    ):
        back = raw(served, f"POST /hooks/shop HTTP/1.1\nHost: x\nConnection: close\n{lengths}\n\n", b"abcde", seconds=5)
        assert back.split(b" ")[1:2] in ([b"400"], [b"401"], [b"413"], [b"501"], []), back


def test_a_slow_body_is_not_waited_for(served: Served) -> None:
    began = time.monotonic()
    back = raw(served, "POST /hooks/shop HTTP/1.1\nHost: x\nContent-Length: 100\n\n", b"{", seconds=20)
    assert back.startswith(b"HTTP/1.1 408 ")
    assert 0.8 < time.monotonic() - began < 8


def test_who_never_ends_his_headers_is_hung_up_on(served: Served) -> None:
    began = time.monotonic()
    assert raw(served, "POST /hooks/shop HTTP/1.1\nHost: x\nX-A", seconds=20) == b""
    assert 0.8 < time.monotonic() - began < 8


def test_nothing_that_a_stranger_sends_gets_into_a_header_or_the_log(served: Served) -> None:
    wicked = "/hooks/x%0d%0aSet-Cookie:%20a=b/%0aFAKE%20LINE?token=very-secret-query"
    head = f"POST {wicked} HTTP/1.1\nHost: evil.example.com\nConnection: close\nContent-Length: 0\nX-B: very-secret-header\n\n"
    back = raw(served, head)
    assert back.startswith(b"HTTP/1.1 404 ")
    assert b"Set-Cookie" not in back
    assert b"evil" not in back
    served.post("/hooks/secretive/" + "k" * 32, b"{}")
    served.post("/hooks/secretive/wrong-secret-path", b"{}")
    text = served.log()
    for word in ("FAKE", "Set-Cookie", "very-secret", "k" * 32, "wrong-secret-path", "sandbox-secret"):
        assert word not in text
    assert "POST /hooks/secretive/… 200" in text
    assert "POST /hooks/secretive/… 401" in text


def test_a_challenge_is_answered_to_who_knows_the_token_only_and_as_plain_text(served: Served) -> None:
    ask = "/hooks/ads?hub.mode=subscribe&hub.challenge=%3Cscript%3E%0d%0aX:1&hub.verify_token="
    right = served.get(ask + "sandbox-secret")
    assert (right.status_code, right.text) == (200, "<script>\r\nX:1")
    assert right.headers["content-type"].startswith("text/plain")
    assert right.headers["x-content-type-options"] == "nosniff"
    for wrong in ("", "sandbox-secre", "sandbox-secret1", "%ff%fe"):
        refused = served.get(ask + wrong)
        assert (refused.status_code, refused.text) == (403, '{"detail":"refused"}')
    assert served.get("/hooks/shop").status_code == 405


def test_a_connection_that_cannot_verify_yet_asks_to_come_again(served: Served) -> None:
    response = served.post("/hooks/bare", BODY, {"x-hub-signature-256": "sha256=00"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "10")


def test_a_replay_is_answered_like_the_first_time_and_kept_once(served: Served) -> None:
    body, headers = message(4711)
    before = accepted_in(served.folder)
    answers = [served.post("/hooks/shop", body, headers) for _ in range(3)]
    assert [(a.status_code, a.text) for a in answers] == [(200, "")] * 3
    renewed = signed(body, headers["webhook-id"], at=time.time() + 1)  # a sender signs anew when he tries again
    assert served.post("/hooks/shop", body, renewed).status_code == 200
    assert accepted_in(served.folder) == before + 1


def test_an_old_request_under_the_id_of_a_coming_one_does_not_keep_that_out(served: Served) -> None:
    """Where the id is not signed, a stranger may put any."""
    first, second = (json.dumps({"entry": [], "n": n}).encode() for n in (1, 2))
    before = accepted_in(served.folder)
    for body in (first, second):
        digest = hmac.new(b"sandbox-secret", body, hashlib.sha256).hexdigest()
        headers = {"x-hub-signature-256": f"sha256={digest}", "x-delivery": "coming"}
        assert served.post("/hooks/ads", body, headers).status_code == 200
    assert accepted_in(served.folder) == before + 2


def test_what_is_signed_is_the_url_that_the_platform_called(served: Served) -> None:
    body = b'[{"subscriptionType":"contact.creation","objectId":7,"occurredAt":1767323045000}]'
    stamp = str(int(time.time() * 1000))

    def sent(url: str) -> int:
        source = b"POST" + url.encode() + body + stamp.encode()
        signature = base64.b64encode(hmac.new(b"sandbox-secret", source, hashlib.sha256).digest()).decode()
        headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}
        return served.post("/hooks/crm?a=%20b", body, headers).status_code

    assert sent(f"{served.url}/hooks/crm?a=%20b") == 401
    assert sent("https://hooks.example.com/hooks/crm?a=%20b") == 200
    stamp = "²"
    assert sent("https://hooks.example.com/hooks/crm?a=%20b") == 401


def test_readiness_and_health_are_told_and_nothing_else_is_there(served: Served) -> None:
    assert served.get("/healthz").json() == {"status": "ok"}
    ready = served.get("/readyz").json()
    assert ready["connections"] == ["ads", "bare", "crm", "leads", "secretive", "shop"]
    for path in ("/docs", "/openapi.json", "/redoc", "/hooks/", "/hooks", "/admin", "/v1", "/v1/", "/v1/admin"):
        answer = served.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_a_load_balancer_may_ask_for_the_head_alone(served: Served, path: str) -> None:
    answer = served.session.head(served.url + path, timeout=15)
    assert (answer.status_code, answer.content) == (200, b"")
    refused = served.session.delete(served.url + path, timeout=15)
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


def test_the_key_of_the_tests_is_the_one_that_is_configured() -> None:
    assert len(KEY) == 24
