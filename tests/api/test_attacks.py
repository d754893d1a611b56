"""Whoever attacks the API: with what he sends, with addresses that are not his, and with keys that he guesses."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from api_kit import Api, serving_api, until
from stagebridge.access import keys
from stagebridge.ledger import schema as t
from stagebridge.sandbox import Sandbox
from stub_http import Reply, Stub

INSIDE = (
    "http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "http://127.0.0.1:8080/hooks/crm", "https://10.0.0.1/x",
    "http://metadata.google.internal/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_", "https://hooks.zapier.com@127.0.0.1/",
    "https://hooks.zapier.com.evil.example/hooks/standard/1/2/", "https://evilzapier.com/hooks/standard/1/2/",
    "https://hook.eu1.make.com.evil.example/abc", "https://hooks.zapier.com:8443/hooks/standard/1/2/",
    "https://hooks.zapier.com/hooks/standard/1/2/\r\nX-Injected: 1", "https://hooks.zapier.com\\@127.0.0.1/", "", " ", "//",
)  # fmt: skip


@pytest.fixture(scope="module")
def listener() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, listener: Stub) -> Iterator[Api]:
    accounts = {"zapier": {"type": "zapier"}, "make": {"type": "make"}}
    serve = {"timeout": "1s"}
    with serving_api(tmp_path_factory.mktemp("served"), accounts, serve=serve) as running:
        yield running


@pytest.mark.parametrize("platform", ["zapier", "make"])
def test_nobody_subscribes_with_an_address_inside_or_of_somebody_else(api: Api, platform: str) -> None:
    key = keys.create(api.hall.writing, f"{platform}-attacker", 1, scope="api", connection=platform)
    for url in INSIDE:
        body = {"target_url": url, "event": "contact.changed"}
        answer = api.call("POST", "/subscriptions", body, key=key)
        assert answer.status_code == 422, url
    assert api.call("GET", "/subscriptions", key=key).json() == []


def test_an_address_that_is_subscribed_and_leads_inside_is_never_called(api: Api, listener: Stub) -> None:
    """The automation's own rule lets every address of this machine pass; what keeps the message in is the way out."""
    sub = api.post("/subscriptions", target_url=f"{listener.url}/inside", event="contact.changed")
    api.post("/contacts", email="ada@example.com", first_name="Ada")

    def tried() -> str | None:
        with api.hall.reading.look() as tx:
            return tx.scalar(sa.select(t.post.c.reason).where(t.post.c.endpoint == sub["id"]))

    until(lambda: tried() is not None)
    assert "127.0.0.1" in str(tried())
    assert listener.seen == []
    api.call("DELETE", f"/subscriptions/{sub['id']}")


def test_a_subscription_of_another_connection_is_neither_seen_nor_ended(api: Api, listener: Stub) -> None:
    sub = api.post("/subscriptions", target_url=f"{listener.url}/mine", event="contact.changed")
    other = keys.create(api.hall.writing, "other", 1, scope="api", connection="make")
    assert api.call("GET", "/subscriptions", key=other).json() == []
    assert api.call("DELETE", f"/subscriptions/{sub['id']}", key=other).status_code == 204
    assert [s["id"] for s in api.get("/subscriptions")] == [sub["id"]]
    api.call("DELETE", f"/subscriptions/{sub['id']}")


def test_a_hundred_megabytes_are_not_read(api: Api) -> None:
    with socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2])), timeout=10) as wire:
        head = f"POST /v1/contacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\nContent-Type: application/json\r\n"
        wire.sendall(f"{head}Content-Length: 104857600\r\n\r\n".encode())
        sent = 0
        try:
            while sent < 104857600:
                sent += wire.send(b" " * 65536)
        except OSError:
            pass
        assert sent < 20_000_000
    assert api.call("GET", "/me").status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(api: Api) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2])), timeout=10) as wire:
        head = f"POST /v1/contacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
        wire.sendall(f"{head}Content-Length: 10\r\n\r\n{{".encode())
        assert b" 408 " in wire.recv(4096)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"email":' * 50_000, b"\xff\xfe", b'{"email": NaN}', b'{"email": "a\\u0000@example.com"}', b"null",
     b'{"custom": {"plan": ' + b"9" * 5000 + b"}}"],
    ids=["deep", "open", "bytes", "nan", "zero", "null", "digits"],
)  # fmt: skip
def test_a_bomb_in_json_is_refused_and_nothing_is_kept(api: Api, body: bytes) -> None:
    headers = {"authorization": f"Bearer {api.key}", "content-type": "application/json"}
    with api.hall.reading.look() as tx:
        before = tx.scalar(sa.select(sa.func.count()).select_from(t.hook))
    answer = api.session.post(f"{api.url}/v1/contacts", data=body, headers=headers, timeout=10)
    assert answer.status_code == 422, answer.text
    assert set(answer.json()) == {"message", "code"}
    with api.hall.reading.look() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(t.hook)) == before


def test_what_is_odd_in_a_header_or_a_path_is_no_defect(api: Api) -> None:
    for key in ("ü" * 10, "x" * 20_000, "sb_" + "0" * 10 + "_" + "z" * 43):
        answer = api.session.get(f"{api.url}/v1/me", headers={"authorization": f"Bearer {key}".encode()}, timeout=5)
        assert answer.status_code in (400, 401, 429, 431), key[:5]
    long = api.call("POST", "/conversions", {"name": "Purchase"}, once="k" * 300)
    assert long.status_code == 422
    for path in ("/contacts?limit=0", "/contacts?changed_since=yesterday", "/samples/nothing", "/contacts", "/nothing"):
        answer = api.call("GET", path)
        assert answer.status_code in (404, 422)
        assert set(answer.json()) == {"message", "code"}, path
    assert api.call("PUT", "/contacts").status_code == 405


def test_without_a_key_nothing_of_a_person_is_told(api: Api) -> None:
    api.post("/contacts", email="secret.person@example.com", first_name="Secret")
    for path in ("/contacts?email=secret.person@example.com", "/samples/contact.changed", "/subscriptions", "/stages"):
        answer = api.call("GET", path, key="")
        assert answer.status_code in (401, 429)
        assert "secret" not in answer.text.lower()


def test_a_redirect_of_a_receiver_is_not_followed(tmp_path_factory: pytest.TempPathFactory, listener: Stub) -> None:
    with Sandbox("zapier") as box:
        inner = Stub()
        allow = [listener.url.removeprefix("http://")]
        with serving_api(tmp_path_factory.mktemp("redirected"), outgoing={"allow": allow}) as api:
            listener.will(Reply(302, headers={"Location": f"{inner.url}/inside"}))
            api.post("/subscriptions", target_url=f"{listener.url}/out", event="contact.changed")
            api.post("/contacts", email="ada@example.com")
            until(lambda: any(s.path == "/out" for s in listener.seen))
            time.sleep(0.2)
            assert inner.seen == []
            assert box.requests()["count"] == 0
        inner.close()
