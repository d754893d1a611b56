"""What the client does with an answer, with none, and with a wrong one."""

from __future__ import annotations

import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from stagebridge.clock import Clock, ElasticClock, ManualClock
from stagebridge.connector import Rate
from stagebridge.errors import NoAnswer, PlatformDown
from stagebridge.http import Again, Client, Lost, Response, RetryPolicy, judge_by_status, retry_after
from stub_http import Reply, Seen, Stub

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECRET = "pat-eu1-very-secret"


class Bearer:
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {SECRET}"}

    def renew(self, refused: object) -> None: ...


def client(stub: Stub, clock: Clock | None = None, *, attempts: int = 3, timeout: float = 0.3) -> Client:
    policy = RetryPolicy(attempts=attempts)
    return Client(stub.url, auth=Bearer(), clock=clock or ManualClock(START), policy=policy, timeout=timeout)


# --- trying again ----------------------------------------------------------------------------------------------


def test_a_refusal_for_now_is_sent_again_after_the_seconds_that_it_asks_for(stub: Stub) -> None:
    clock = ManualClock(START)
    stub.will(Reply(429, headers={"Retry-After": "7"}), Reply(200, b'{"ok": true}'))
    assert client(stub, clock).request("POST", "/things", json={"a": 1}, effect=True).json() == {"ok": True}
    assert (clock.now() - START).total_seconds() == 7
    assert [s.body for s in stub.seen] == [b'{"a":1}', b'{"a":1}']


def test_a_refusal_for_now_pauses_everybody_who_shares_the_window(stub: Stub) -> None:
    clock = ManualClock(START)
    shared = Client(stub.url, clock=clock, windows={"default": [Rate(100, 10)], "search": [Rate(5, 1)]})
    stub.will(Reply(429, headers={"Retry-After": "7"}), Reply())
    shared.request("GET", "/a")
    at = clock.now()
    shared.budgets["search"].acquire()
    assert clock.now() == at
    assert (at - START).total_seconds() >= 7


def test_an_answer_that_took_longer_than_usual_may_mean_that_the_request_arrived_late(stub: Stub) -> None:
    """Otherwise the next one in its place would find it still in the platform's window."""
    naps = [0.0, 0.12]

    def decide(_seen: Seen) -> Reply:
        time.sleep(naps.pop(0))
        return Reply()

    stub.decide = decide
    clock = ManualClock(START)
    limited = Client(stub.url, clock=clock, windows={"default": [Rate(1, 1)]}, timeout=5)
    for _ in range(2):
        limited.request("POST", "/things")
    between = clock.now()
    limited.budgets["default"].acquire()
    assert (clock.now() - between).total_seconds() > 1.1


def test_a_line_of_netrc_for_the_host_does_not_replace_our_credentials(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n", "utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    client(stub).request("GET", "/things")
    assert stub.seen[0].headers["Authorization"] == f"Bearer {SECRET}"


def test_retry_after_may_be_a_date_and_is_measured_on_the_servers_own_clock() -> None:
    theirs = START - timedelta(days=400)
    headers = {"retry-after": format_datetime(theirs + timedelta(seconds=90), usegmt=True)}
    headers["date"] = format_datetime(theirs, usegmt=True)
    assert retry_after(Response(503, headers, b"")) == 90.0


@pytest.mark.parametrize("text", ["", "soon", "-5", "12 apples"])
def test_an_unreadable_retry_after_says_nothing(text: str) -> None:
    assert retry_after(Response(429, {"retry-after": text}, b"")) is None


def test_a_platform_that_never_answers_is_down_and_says_so_without_a_query(stub: Stub) -> None:
    stub.will(Reply(503))
    with pytest.raises(PlatformDown, match=r"GET /contacts in 3 attempts \(HTTP 503\)") as caught:
        client(stub).request("GET", "/contacts", params={"email": "ada@example.com"})
    assert len(stub.seen) == 3
    assert caught.value.exit_code == 75


def test_nobody_listening_is_tried_again_and_then_down() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = Client(
            f"http://127.0.0.1:{held.getsockname()[1]}", clock=ElasticClock(), policy=RetryPolicy(attempts=2)
        )
        with pytest.raises(PlatformDown, match="cannot connect"):
            nobody.request("POST", "/things", json={}, effect=True)
        assert nobody.sent == 2


# --- an effect and no answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [
    Reply(cut=0), Reply(200, b'{"id": "1"}', cut=5), Reply(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}),
    Reply(500), Reply(504), Reply(522),
    Reply(200, b"not gzip at all", {"Content-Encoding": "gzip"}),
], ids=["dropped", "cut short", "502 page", "500", "504", "522", "broken gzip"])  # fmt: skip
def test_a_write_that_may_have_taken_effect_is_never_sent_again(stub: Stub, reply: Reply) -> None:
    stub.will(reply)
    with pytest.raises(NoAnswer, match="POST /contacts"):
        client(stub).request("POST", "/contacts", json={"email": "ada@example.com"}, effect=True)
    assert len(stub.seen) == 1


def test_a_write_that_times_out_is_never_sent_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        waiting = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", clock=ManualClock(START), timeout=0.05)
        with pytest.raises(NoAnswer, match="ReadTimeout"):
            waiting.request("POST", "/contacts", json={}, effect=True)
        assert waiting.sent == 1
        waiting.close()


@pytest.mark.parametrize("reply", [Reply(cut=0), Reply(502), Reply(200, b'{"id": "1"}', cut=5)])
def test_a_read_that_got_no_answer_is_simply_sent_again(stub: Stub, reply: Reply) -> None:
    stub.will(reply, Reply(200, b'{"ok": true}'))
    assert client(stub).request("POST", "/search", json={}).json() == {"ok": True}
    assert len(stub.seen) == 2


# --- where credentials go --------------------------------------------------------------------------------------


def test_a_redirect_is_never_followed(stub: Stub) -> None:
    stub.will(Reply(302, headers={"Location": f"{stub.url}/elsewhere"}), Reply(200, b'{"stolen": true}'))
    assert client(stub).request("GET", "/contacts").status == 302
    assert [s.path for s in stub.seen] == ["/contacts"]


def test_credentials_do_not_go_to_another_host(stub: Stub) -> None:
    with pytest.raises(ValueError, match=r"not sent to 127\.0\.0\.1:9"):
        client(stub).request("GET", "http://127.0.0.1:9/next-page")
    assert stub.seen == []


def test_a_login_goes_without_the_credentials_that_it_is_to_replace(stub: Stub) -> None:
    client(stub).request("POST", "/token", data={"grant_type": "refresh_token"}, auth=False)
    assert "Authorization" not in stub.seen[0].headers
    assert stub.seen[0].body == b"grant_type=refresh_token"


def test_no_secret_and_nobodys_address_gets_into_logs_messages_or_reprs(
    stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="stagebridge")
    person = "ada.lovelace@example.com"
    stub.will(Reply(200, f'{{"email": "{person}"}}'.encode()), Reply(502), Reply(502))
    ours = client(stub, attempts=1)
    answer = ours.request("GET", f"/statuses/{person}", params={"email": person})
    with pytest.raises(PlatformDown) as down:
        ours.request("GET", f"/statuses/{person.replace('@', '%40')}")
    with pytest.raises(NoAnswer) as lost:
        ours.request("POST", f"/statuses/{person}", json={"email": person}, effect=True)
    said = "\n".join(
        [repr(answer), repr(ours), str(down.value), str(lost.value), *(r.getMessage() for r in caplog.records)]
    )
    assert "GET /statuses/… -> 200" in said
    assert person.split("@", maxsplit=1)[0] not in said
    assert SECRET not in said


# --- time ------------------------------------------------------------------------------------------------------


def test_the_platforms_clock_is_learnt_from_its_answers(stub: Stub) -> None:
    stub.will(Reply(headers={"Date": format_datetime(START + timedelta(seconds=90), usegmt=True)}))
    ours = client(stub)
    ours.request("GET", "/")
    assert ours.skew == 90.0


def test_a_second_or_two_are_the_headers_rounding_and_no_skew(stub: Stub) -> None:
    stub.will(Reply(headers={"Date": format_datetime(START + timedelta(seconds=2), usegmt=True)}))
    ours = client(stub)
    ours.request("GET", "/")
    assert ours.skew == 0.0


# --- the judge -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "verdict"), [
    (200, type(None)), (207, type(None)), (400, type(None)), (404, type(None)), (409, type(None)),
    (429, Again), (503, Again), (500, Lost), (502, Lost), (504, Lost), (520, Lost), (526, Lost),
])  # fmt: skip
def test_what_a_status_says_about_sending_again(status: int, verdict: type) -> None:
    assert isinstance(judge_by_status(Response(status, {}, b"")), verdict)


def test_a_body_is_json_or_an_error_and_an_empty_one_is_nothing() -> None:
    assert Response(204, {}, b"").json() is None
    with pytest.raises(ValueError, match="unexpected"):
        Response(200, {}, b"<html>").json()
