"""Posts to receivers that behave as badly as one can: what they were told, and what it cost us."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import pytest
import trustme
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outgoing_kit import OK, At443, Receiver, Resolver, answers, drips, floods, heard, listening, reached
from stagebridge.endpoint import Answer
from stagebridge.errors import NoAnswer
from stagebridge.outgoing.guard import Guard
from stagebridge.outgoing.poster import LARGEST_ANSWER, LARGEST_BODY, MOST_READ, NotSent, Poster

HOST = "hooks.example.com"
BODY = b'{"type": "contact.changed"}'
QUICK = 0.25
"""Seconds for a whole post, where it is to run out."""
GRACE = 2.0
"""Seconds that a busy machine may be late; without a bound, it would be many more."""


@contextmanager
def receiving(
    behave: Callable[[Receiver, socket.socket], None], tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> Iterator[Receiver]:
    with closing(Receiver(behave, tls, address)) as receiver:
        yield receiver


@cache  # to read the usual authorities takes longer than to post
def poster(timeout: float = 15.0) -> Poster:
    return Poster(Guard(["127.0.0.1"]), timeout=timeout)


def url(receiver: Receiver) -> str:
    return f"http://127.0.0.1:{receiver.port}/SECRET?a=b"


def post(
    receiver: Receiver, headers: Mapping[str, str] | None = None, timeout: float = 15.0, body: bytes = BODY
) -> Answer:
    return poster(timeout).post(url(receiver), body, headers or {})


# --- what is sent, and what comes back ------------------------------------------------------------------------


def test_a_message_arrives_byte_by_byte_with_who_sends_it() -> None:
    with receiving(answers(OK.replace(b"200 OK\r\n", b"202 Accepted\r\nX-A: 1\r\nx-a: 2\r\n"))) as receiver:
        answer = post(receiver, {"Content-Type": "application/json", "webhook-id": "msg_1"})
    assert answer == Answer(202, {"x-a": "1, 2", "content-length": "2"}, b"ok")
    head, _, body = receiver.heard[0].partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    assert first == "POST /SECRET?a=b HTTP/1.1"
    sent = dict(line.split(": ", 1) for line in rest)
    assert sent.pop("User-Agent").startswith("stagebridge/0.1.0 ")
    assert sent == {
        "Host": f"127.0.0.1:{receiver.port}", "Content-Length": str(len(BODY)), "Content-Type": "application/json",
        "webhook-id": "msg_1", "Accept-Encoding": "identity", "Connection": "close",
    }  # fmt: skip
    assert body == BODY


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_nobody_follows_it(status: int) -> None:
    with listening("127.0.0.1") as [elsewhere]:
        to = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"
        reply = f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
        with receiving(answers(reply)) as receiver:
            assert (post(receiver).status, len(receiver.heard)) == (status, 1)
        assert reached(elsewhere) == 0


def test_nothing_of_one_post_is_kept_for_the_next() -> None:
    with receiving(answers(OK.replace(b"OK\r\n", b"OK\r\nSet-Cookie: a=b; Path=/\r\n"))) as receiver:
        us = poster()
        for _ in range(2):
            us.post(url(receiver), BODY, {})
    first, second = receiver.heard
    assert first == second
    assert b"ookie" not in second


def test_no_proxy_and_no_password_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with listening("127.0.0.1") as [proxy], receiving(answers(OK)) as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert post(receiver).status == 200
        assert reached(proxy) == 0
    assert b"uthorization" not in receiver.heard[0]


# --- what is not sent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"X-A": "a\r\nX-B: b"}, "line break"),
        ({"X-A": "a\nX-B: b"}, "line break"),
        ({"X-A": "a\rb"}, "line break"),
        ({"X-A": "a\x00"}, "control character"),
        ({"X-A": "a\x7f"}, "control character"),
        ({"X-A": "ä"}, "ASCII"),
        ({"X-A: b\r\nX-C": "d"}, "cannot be a header"),
        ({"": "d"}, "cannot be a header"),
        ({"host": "169.254.169.254"}, "cannot be a header"),
        ({"Content-Length": "1"}, "cannot be a header"),
        ({"Transfer-Encoding": "chunked"}, "cannot be a header"),
    ],
)
def test_a_header_that_would_be_more_than_a_header_sends_nothing(headers: dict[str, str], says: str) -> None:
    with listening("127.0.0.1") as [listener]:
        with pytest.raises(NotSent, match=says) as caught:
            poster().post(f"http://127.0.0.1:{listener.getsockname()[1]}/SECRET", BODY, headers)
        assert reached(listener) == 0
    assert "SECRET" not in str(caught.value)


def test_the_largest_message_arrives_and_a_larger_one_is_not_sent() -> None:
    with receiving(answers(OK)) as receiver:
        assert post(receiver, body=b"x" * LARGEST_BODY).status == 200
        with pytest.raises(NotSent, match="too large"):
            post(receiver, body=b"x" * (LARGEST_BODY + 1))
    assert [len(raw.partition(b"\r\n\r\n")[2]) for raw in receiver.heard] == [LARGEST_BODY]


def test_what_is_forbidden_or_out_of_reach_was_not_sent() -> None:
    with listening("127.0.0.1") as [listener]:
        port = listener.getsockname()[1]
        for address in (f"http://127.0.0.1:{port}/", "https://good.example@127.0.0.1/", "http://2130706433/"):
            with pytest.raises(NotSent):
                Poster(Guard()).post(address, BODY, {})
        guard = Guard(resolve=Resolver(["169.254.169.254"]))
        with pytest.raises(NotSent, match=r"has 169\.254\.169\.254, which is no public address"):
            Poster(guard).post("https://metadata.example.com/latest/meta-data/", BODY, {})
        assert reached(listener) == 0
    with pytest.raises(NotSent, match="Connection refused"):  # nobody listens there any more
        poster().post(f"http://127.0.0.1:{port}/", BODY, {})

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(NotSent, match=r"hooks\.example\.com: Name or service not known"):
        Poster(Guard(resolve=unknown)).post("https://hooks.example.com/SECRET", BODY, {})


# --- answers without an end -----------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\n"


def falls_silent(receiver: Receiver, connection: socket.socket) -> None:
    receiver.heard.append(heard(connection))
    receiver.gone.wait(10)


def never_reads(receiver: Receiver, connection: socket.socket) -> None:
    receiver.gone.wait(10)


@pytest.mark.parametrize(
    "behave",
    [
        drips(b"", b"H"),
        drips(HEAD, b"x"),
        drips(HEAD, b"X-A: 1\r\n"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drips(HEAD + b"\r\n", b"x"),
        drips(HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
        drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        falls_silent,
        never_reads,
    ],
    ids="status head lines continue body length chunks chunk-head silence never-reads".split(),
)
def test_whoever_answers_a_byte_at_a_time_has_the_time_of_one_post(
    behave: Callable[[Receiver, socket.socket], None],
) -> None:
    with receiving(behave) as receiver:
        began = time.monotonic()
        with pytest.raises(NoAnswer, match="not in time") as caught:
            post(receiver, timeout=QUICK, body=b"x" * LARGEST_BODY)
        assert QUICK - 0.05 < time.monotonic() - began < QUICK + GRACE
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "flood",
    [
        (HEAD + b"\r\n", b"x" * 65536),
        (HEAD + b"Content-Length: 104857600\r\n\r\n", b"x" * 65536),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    ],
    ids=["endless", "100 MB", "chunks"],
)
def test_a_large_answer_is_read_as_far_as_it_may_be_of_use(flood: tuple[bytes, bytes]) -> None:
    with receiving(floods(*flood)) as receiver:
        tracemalloc.start()
        began = time.monotonic()
        answer = post(receiver)
        took, (_, most) = time.monotonic() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (answer.status, answer.body) == (200, b"x" * LARGEST_ANSWER)
    assert took < GRACE
    assert most < MOST_READ


@pytest.mark.parametrize(
    "flood",
    [
        (b"", b"H" * 65536),
        (HEAD, b"X-A: " + b"x" * 60000 + b"\r\n"),
        (HEAD, b"X-A: 1\r\n" * 8192),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", (b"1;" + b"x" * 60000 + b"\r\nx\r\n")),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: 1\r\n" * 8192),
    ],
    ids="status long-lines many-lines continue chunk-heads trailers".split(),
)
def test_a_head_without_an_end_is_not_read_for_long(flood: tuple[bytes, bytes]) -> None:
    with receiving(floods(*flood)) as receiver:
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            post(receiver)
        took, (_, most) = time.monotonic() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert took < GRACE
    assert most < 8 * MOST_READ


def test_a_compressed_answer_stays_as_small_as_it_came() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with receiving(answers(reply + bomb)) as receiver:
        assert post(receiver).body == bomb[:LARGEST_ANSWER]


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        HEAD + b"Content-Length: 3\r\n\r\nab",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab",
    ],
)
def test_an_answer_that_is_none_or_breaks_off_may_have_been_a_yes(reply: bytes) -> None:
    with receiving(answers(reply)) as receiver, pytest.raises(NoAnswer, match=r"127\.0\.0\.1"):
        post(receiver)
    assert len(receiver.heard) == 1


def test_what_is_no_answer_is_not_repeated_in_what_is_said_of_it() -> None:
    echo = b"ada@example.com \x1b[31m" * 1000 + b"\r\n\r\n"
    with receiving(answers(echo)) as receiver, pytest.raises(NoAnswer) as said:
        post(receiver)
    assert len(str(said.value)) < 200
    assert "ada" not in str(said.value)


def test_a_connection_that_is_reset_after_the_message_may_have_taken_it() -> None:
    def resets(receiver: Receiver, connection: socket.socket) -> None:
        receiver.heard.append(heard(connection))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with receiving(resets) as receiver, pytest.raises(NoAnswer, match="reset"):
        post(receiver)
    assert len(receiver.heard) == 1


@pytest.fixture(scope="module")
def parrot() -> Iterator[tuple[Receiver, list[bytes]]]:
    """Answers with the last of its list."""
    says = [b""]

    def repeats(_: Receiver, connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(says[-1])

    with receiving(repeats) as receiver:
        yield receiver, says


NOISE = st.binary(max_size=300) | st.lists(
    st.sampled_from([b"HTTP/1.1 ", b"200", b"100", b"204", b" OK", b"\r\n", b"\r\n\r\n", b"Content-Length: ", b"-1", b"5", b"abc",
                     b"Transfer-Encoding: chunked", b"Connection: keep-alive", b":", b" ", b"\x00", b"\xff", b"ffffffffffff"]),
    max_size=20,
).map(b"".join)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(NOISE)
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffffffff\r\n")
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n")
@example(b"HTTP/1.1 204 OK\r\nContent-Length: 5\r\n\r\n")
def test_whatever_comes_back_is_an_answer_or_none(parrot: tuple[Receiver, list[bytes]], noise: bytes) -> None:
    receiver, says = parrot
    says.append(noise)
    try:
        answer = post(receiver)
    except NoAnswer:
        return
    assert 100 < answer.status < 1000
    assert noise.decode("latin-1").split()[0].startswith("HTTP/1.")  # what is before it is white space, at the most


# --- TLS ------------------------------------------------------------------------------------------------------


class Secure:
    """An authority of the tests, whose file our poster trusts, and a certificate for one host."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.file = str(folder / "authorities.pem")
        self.authority.cert_pem.write_to_path(self.file)
        self.names: list[str | None] = []

    def context(self, host: str = HOST) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(host).configure_cert(context)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self.names.clear()
        return context

    def poster(self, receiver: Receiver, *said: list[str], timeout: float = 15.0, trusting: bool = True) -> Poster:
        """127.0.0.2 stands for the internet, and what it says at its port for what it says at 443."""
        guard = At443(resolve=Resolver(*said), public=lambda a: str(a) == "127.0.0.2")
        guard.port = receiver.port
        return Poster(guard, timeout=timeout, authorities=self.file if trusting else None)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Secure:
    return Secure(tmp_path_factory.mktemp("authority"))


def test_the_certificate_is_checked_for_the_name_and_the_call_goes_to_the_checked_address(secure: Secure) -> None:
    with receiving(answers(OK), secure.context(), "127.0.0.2") as receiver:
        assert secure.poster(receiver, ["127.0.0.2"]).post(f"https://{HOST}/SECRET", BODY, {}).status == 200
    assert secure.names == [HOST]
    assert f"Host: {HOST}\r\n".encode() in receiver.heard[0]


def test_a_name_that_comes_to_mean_this_machine_between_two_posts_reaches_nothing(secure: Secure) -> None:
    with (
        receiving(answers(OK), secure.context(), "127.0.0.2") as receiver,
        closing(socket.create_server(("127.0.0.1", receiver.port))) as ours,
    ):
        ours.setblocking(False)
        us = secure.poster(receiver, ["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2", "127.0.0.1"])
        assert us.post(f"https://{HOST}/", BODY, {}).status == 200
        for _ in range(2):
            with pytest.raises(NotSent, match="no public address"):
                us.post(f"https://{HOST}/", BODY, {})
        assert reached(ours) == 0
    assert len(receiver.heard) == 1


@pytest.mark.parametrize("host", ["other.example.com", "127.0.0.2", "example.com", "*.hooks.example.com"])
def test_a_certificate_for_another_name_is_told_nothing(host: str, secure: Secure) -> None:
    with (
        receiving(answers(OK), secure.context(host), "127.0.0.2") as receiver,
        pytest.raises(NotSent, match=f"no TLS with {HOST}: .*(mismatch|not valid for)"),
    ):
        secure.poster(receiver, ["127.0.0.2"]).post(f"https://{HOST}/SECRET", BODY, {})
    assert receiver.heard == []


def test_an_authority_that_nobody_trusts_is_told_nothing(secure: Secure) -> None:
    with (
        receiving(answers(OK), secure.context(), "127.0.0.2") as receiver,
        pytest.raises(NotSent, match=r"no TLS with .*certificate"),
    ):
        secure.poster(receiver, ["127.0.0.2"], trusting=False).post(f"https://{HOST}/", BODY, {})
    assert receiver.heard == []


def test_a_receiver_that_only_speaks_an_old_tls_is_told_nothing(secure: Secure) -> None:
    context = secure.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with receiving(answers(OK), context, "127.0.0.2") as receiver:
        us = secure.poster(receiver, ["127.0.0.2"])
        with pytest.raises(NotSent, match="no TLS"):
            us.post(f"https://{HOST}/", BODY, {})
        us._tls.set_ciphers("ALL:@SECLEVEL=0")  # so that it is the version, and not its ciphers, that we refuse
        with pytest.raises(NotSent, match="no TLS"):
            us.post(f"https://{HOST}/", BODY, {})
    assert receiver.heard == []


def test_a_handshake_a_byte_at_a_time_has_the_time_of_one_post(secure: Secure) -> None:
    def greets(receiver: Receiver, connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while not receiver.gone.wait(0.02):
            connection.sendall(b"\x02")

    with receiving(greets, address="127.0.0.2") as receiver:
        began = time.monotonic()
        with pytest.raises(NotSent, match=r"no TLS with .*not in time"):
            secure.poster(receiver, ["127.0.0.2"], timeout=QUICK).post(f"https://{HOST}/", BODY, {})
        assert QUICK - 0.05 < time.monotonic() - began < QUICK + GRACE


def test_an_answer_over_tls_a_byte_at_a_time_has_the_time_of_one_post(secure: Secure) -> None:
    with receiving(drips(HEAD, b"x"), secure.context(), "127.0.0.2") as receiver:
        began = time.monotonic()
        with pytest.raises(NoAnswer, match="not in time"):
            secure.poster(receiver, ["127.0.0.2"], timeout=QUICK).post(f"https://{HOST}/", BODY, {})
        assert QUICK - 0.05 < time.monotonic() - began < QUICK + GRACE
