"""Where messages may go. What counts is which machine was really called: real listeners, and what reached them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgoing_kit import Resolver, listening, reached
from stagebridge.errors import ConfigError
from stagebridge.outgoing.addresses import Address, is_public
from stagebridge.outgoing.guard import TRIED, Forbidden, Guard, Target

PUBLIC, PRIVATE = "127.0.0.2", "127.0.0.1"
HOST = "hooks.example.com"


def second(address: Address) -> bool:
    """For tests in which 127.0.0.2 stands for the internet, and all else is ours."""
    return str(address) == PUBLIC


@pytest.fixture(scope="module")
def listeners() -> Iterator[tuple[socket.socket, socket.socket]]:
    with listening(PUBLIC, PRIVATE) as (public, private):
        yield public, private


def called(guard: Guard, port: int) -> str | None:
    """Whom the guard connected to; None where it forbade that."""
    try:
        with guard.connect(HOST, port, 1.0) as connection:
            found: str = connection.getpeername()[0]
            return found
    except Forbidden:
        return None


# --- the URL --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://hooks.example.com/SECRET", "https"),
        ("https://hooks.example.com:8443/SECRET", "443"),
        ("https://hooks.example.com:0/SECRET", "443"),
        ("https://hooks.example.com:99999/SECRET", "no URL"),
        ("https://hooks.example.com:/SECRET", "no host"),
        ("ftp://hooks.example.com/SECRET", "https"),
        ("//hooks.example.com/SECRET", "https"),
        ("https:/hooks.example.com/SECRET", "no host"),
        ("hooks.example.com/SECRET", "no host"),
        ("", "space"),
        ("https:///SECRET", "no host"),
        ("https://hooks.example.com/SECRET#x", "fragment"),
        ("https://hooks.example.com/SECRET#", "fragment"),
        ("https://good.example@127.0.0.1/SECRET", "user or a password"),
        ("https://me:pass@hooks.example.com/SECRET", "user or a password"),
        ("https://@hooks.example.com/SECRET", "user or a password"),
        ("https://good.example\\@127.0.0.1/SECRET", "backslash"),
        ("https://hooks.example.com\\SECRET", "backslash"),
        ("https://hooks.example.com /SECRET", "space"),
        (" https://hooks.example.com/SECRET", "space"),
        ("https://hooks.exa\tmple.com/SECRET", "space"),
        ("https://hooks.example.com/SECRET\r\nHost: 127.0.0.1", "control character"),
        ("https://hooks.example.com/SECRET\n", "control character"),
        ("https://hooks.example.com\x00/SECRET", "control character"),
        ("https://höoks.example.com/SECRET", "ASCII"),
        ("https://１２７.0.0.1/SECRET", "ASCII"),
        ("https://hooks。example。com/SECRET", "ASCII"),
        ("https://hooks.example.com/SECRET/ä", "ASCII"),
        ("https://hooks.example.com./SECRET", "no host"),
        ("https://127.0.0.1./SECRET", "no host"),
        ("https://hooks..example.com/SECRET", "no host"),
        ("https://.example.com/SECRET", "no host"),
        ("https://-hooks.example.com/SECRET", "no host"),
        ("https://hooks%2eexample.com/SECRET", "no host"),
        ("https://127.0.0.1%00.example.com/SECRET", "no host"),
        (f"https://{'a' * 64}.example.com/SECRET", "no host"),
        (f"https://{'a.' * 130}com/SECRET", "no host"),
        (f"https://hooks.example.com/{'SECRET' * 1400}", "longer"),
        ("https://2130706433/SECRET", "number"),
        ("https://0x7f000001/SECRET", "number"),
        ("https://0x7f.1/SECRET", "number"),
        ("https://0X7F.1/SECRET", "number"),
        ("https://127.1/SECRET", "number"),
        ("https://0177.0.0.1/SECRET", "number"),
        ("https://127.0.0.01/SECRET", "number"),
        ("https://127.0.0.0x1/SECRET", "number"),
        ("https://1.2.3.4.5/SECRET", "number"),
        ("https://256.256.256.256/SECRET", "number"),
        ("https://hooks.example.0x/SECRET", "number"),
        ("https://127.0.0.1/SECRET", "no public address"),
        ("https://10.0.0.1/SECRET", "no public address"),
        ("https://169.254.169.254/SECRET", "no public address"),
        ("http://169.254.169.254/SECRET", "https"),
        ("https://0.0.0.0/SECRET", "no public address"),
        ("https://[::1]/SECRET", "IPv6"),
        ("https://[2606:4700::1111]/SECRET", "IPv6"),
        ("https://[::ffff:127.0.0.1]/SECRET", "IPv6"),
        ("https://[fe80::1%25eth0]/SECRET", r"IPv6|no URL"),
        ("https://[::1/SECRET", "no URL"),
        ("https://localhost/SECRET", "no full name"),
        ("https://intranet/SECRET", "no full name"),
    ],
)
def test_a_url_that_could_mean_one_of_us_is_forbidden_and_its_path_is_never_said(url: str, says: str) -> None:
    resolver = Resolver([PRIVATE])
    with pytest.raises(Forbidden, match=says) as caught:
        Guard(resolve=resolver).check(url)
    assert caught.value.code == "SB-ENDPOINT-FORBIDDEN"
    assert "SECRET" not in f"{caught.value} {caught.value.hint} {caught.value!r}"
    assert "pass" not in str(caught.value).replace("password", "")
    assert resolver.asked == 0


@pytest.mark.parametrize("url", ["http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://[::1]:8080/"])
def test_odd_spellings_of_an_address_cannot_be_allowed_either(url: str) -> None:
    with pytest.raises(Forbidden):
        Guard(["2130706433", "0x7f.1", "127.1", "127.0.0.1", "localhost"]).check(url)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.com/a/b?c=d&e", Target("hooks.example.com", 443, True, "/a/b?c=d&e")),
        ("HTTPS://Hooks.Example.COM:443", Target("hooks.example.com", 443, True, "/")),
        ("https://xn--mller-kva.example?x", Target("xn--mller-kva.example", 443, True, "/?x")),
        ("https://my_hooks.example.com//a/../b;p", Target("my_hooks.example.com", 443, True, "//a/../b;p")),
        ("https://8.8.8.8/@a:b", Target("8.8.8.8", 443, True, "/@a:b")),
    ],
)
def test_an_endpoint_on_the_internet_is_read_once_as_it_stands(url: str, target: Target) -> None:
    assert Guard().check(url) == target
    assert target.authority == target.host
    assert target.path == "/" or target.path not in repr(target)


def test_what_the_owner_names_may_be_plain_at_any_port_and_here_and_only_that() -> None:
    guard = Guard(["LocalHost:8080", "127.0.0.1", "receiver.internal"])
    assert guard.check("http://localhost:8080/a") == Target("localhost", 8080, False, "/a")
    assert guard.check("http://localhost:8080/a").authority == "localhost:8080"
    assert guard.check("http://127.0.0.1/").authority == "127.0.0.1"
    assert guard.check("https://127.0.0.1:80/").authority == "127.0.0.1:80"
    assert guard.check("https://RECEIVER.internal:9/").port == 9
    for url in (
        "http://localhost:8081/",
        "http://localhost/",
        "http://127.0.0.2/",
        "http://x.receiver.internal/",
        "http://receiver.internal.example.com/",
        "http://127.0.0.1@10.0.0.1/",
    ):
        with pytest.raises(Forbidden):
            guard.check(url)


@pytest.mark.parametrize("entry", ["", "https://a.example", "a.example/x", "a b", "*.example.com", "a:0", "a:b", "a:1:2",
                                   "a:99999", "a:", "[::1]", "a.example\n"])  # fmt: skip
def test_what_cannot_be_allowed_is_said(entry: str) -> None:
    with pytest.raises(ConfigError, match="cannot be allowed"):
        Guard([entry])


# --- the machine ----------------------------------------------------------------------------------------------


def test_what_was_checked_is_what_is_called(listeners: tuple[socket.socket, socket.socket]) -> None:
    public, private = listeners
    assert called(Guard(resolve=Resolver([PUBLIC]), public=second), public.getsockname()[1]) == PUBLIC
    assert (reached(public), reached(private)) == (1, 0)


def test_a_name_that_answers_otherwise_the_second_time_is_asked_once_and_then_forbidden(
    listeners: tuple[socket.socket, socket.socket],
) -> None:
    public, private = listeners
    resolver = Resolver([PUBLIC], [PRIVATE])
    guard = Guard(resolve=resolver, public=second)
    assert called(guard, public.getsockname()[1]) == PUBLIC
    assert resolver.asked == 1
    assert called(guard, public.getsockname()[1]) is None
    assert resolver.asked == 2
    assert (reached(public), reached(private)) == (1, 0)


@pytest.mark.parametrize(
    "answers", [[PRIVATE], [PUBLIC, PRIVATE], [PRIVATE, PUBLIC], [PUBLIC] * 9 + [PRIVATE], ["::ffff:127.0.0.2"],
                [PUBLIC, "::1"]],
)  # fmt: skip
def test_one_address_of_ours_among_those_of_a_name_is_enough_to_call_none(
    answers: list[str], listeners: tuple[socket.socket, socket.socket]
) -> None:
    public, private = listeners
    port = public.getsockname()[1]
    assert called(Guard(resolve=Resolver(answers), public=second), port) is None
    assert (reached(public), reached(private)) == (0, 0)


@pytest.mark.parametrize("answer", [PRIVATE, "::ffff:127.0.0.1", "0.0.0.0"])
def test_a_name_that_means_this_machine_is_called_if_the_owner_names_it_and_not_otherwise(
    answer: str, listeners: tuple[socket.socket, socket.socket]
) -> None:
    _, private = listeners
    port = private.getsockname()[1]
    for allow in ((), ("other.example.com",), (f"{HOST}:1",)):
        assert called(Guard(allow, Resolver([answer])), port) is None
    assert reached(private) == 0
    if answer == PRIVATE:
        assert called(Guard([HOST], Resolver([answer])), port) == PRIVATE
        assert called(Guard([f"{HOST}:{port}"], Resolver([answer])), port) == PRIVATE
        assert reached(private) == 2


@pytest.mark.parametrize(
    "answer", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"]
)
def test_a_name_that_means_a_clouds_metadata_is_never_dialled(answer: str, dialled: list[str]) -> None:
    with pytest.raises(Forbidden, match="no public address") as caught:
        Guard(resolve=Resolver([answer])).connect("metadata.example.com", 443, 1.0)
    assert "metadata.example.com" in str(caught.value)
    assert "allow: [metadata.example.com:443]" in caught.value.hint
    assert dialled == []


def test_an_answer_from_somebody_else_than_was_called_ends_the_connection(
    listeners: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, private = listeners
    port = private.getsockname()[1]
    connect, made = socket.create_connection, []

    def astray(_: object, timeout: float) -> socket.socket:
        made.append(connect((PRIVATE, port), timeout))
        return made[-1]

    monkeypatch.setattr(socket, "create_connection", astray)
    with pytest.raises(Forbidden, match=f"called at {PUBLIC}, and {PRIVATE} answered"):
        Guard(resolve=Resolver([PUBLIC]), public=second).connect(HOST, port, 1.0)
    assert made[0].fileno() == -1
    reached(private)


def test_the_next_address_is_tried_where_the_first_refuses(listeners: tuple[socket.socket, socket.socket]) -> None:
    public, _ = listeners
    guard = Guard(resolve=Resolver(["127.0.0.3", PUBLIC]), public=lambda a: str(a) in ("127.0.0.3", PUBLIC))
    assert called(guard, public.getsockname()[1]) == PUBLIC
    assert reached(public) == 1


def test_a_name_with_very_many_addresses_costs_few_attempts_each_with_its_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares: dict[str, float] = {}

    def dial(address: tuple[str, int], timeout: float) -> socket.socket:
        shares[address[0]] = timeout
        raise TimeoutError("nothing leaves")

    monkeypatch.setattr(socket, "create_connection", dial)
    many = [f"8.8.{n}.8" for n in range(100)]
    with pytest.raises(TimeoutError, match="nothing leaves"):
        Guard(resolve=Resolver(many)).connect(HOST, 443, TRIED * 10)
    assert list(shares) == many[:TRIED]
    assert 5 < shares[many[0]] <= 10
    assert TRIED * 5 < shares[many[TRIED - 1]] <= TRIED * 10  # what the others did not need


def test_a_resolver_that_never_answers_holds_nobody_up() -> None:
    asked = threading.Event()
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="did not resolve in time"):
        Guard(resolve=lambda *_, **__: asked.wait(10)).connect(HOST, 443, 0.1)
    assert time.monotonic() - began < 1
    asked.set()


@pytest.mark.parametrize("wrong", [UnicodeError("label too long"), KeyError("odd"), socket.gaierror(-2, "unknown")])
def test_whatever_goes_wrong_in_the_resolver_is_no_connection(wrong: Exception) -> None:
    def resolve(*_: object, **__: object) -> Any:
        raise wrong

    with pytest.raises(OSError, match=r"resolve|unknown"):
        Guard(resolve=resolve).connect(HOST, 443, 1.0)


# --- all addresses --------------------------------------------------------------------------------------------

SPECIAL = [
    ip_network(net)
    for net in """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24
    192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32 168.63.129.16/32
    ::/3 4000::/2 8000::/1 2001::/23 2001:db8::/32 2002::/16 3fff::/20
    """.split()
]
"""From the registries of special addresses (RFC 6890 and after), written down apart from what is tested."""


def special(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address in ip_network("64:ff9b::/96"):
        return special(IPv4Address(int(address) % 2**32))
    return any(address in net for net in SPECIAL)


ADDRESSES = st.one_of(
    st.ip_addresses(),
    st.one_of([st.ip_addresses(network=str(net)) for net in SPECIAL]),
    st.ip_addresses(network="64:ff9b::/96"),
    st.ip_addresses(v=4).map(lambda a: IPv6Address(b"\x00\x64\xff\x9b" + bytes(8) + a.packed)),
    st.ip_addresses(v=4).map(lambda a: IPv6Address(bytes(10) + b"\xff\xff" + a.packed)),
    st.ip_addresses(v=4).map(lambda a: IPv6Address(b"\x20\x02" + a.packed + bytes(10))),
)


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 10.1.2.3 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1 100.127.255.255 0.0.0.0 0.1.2.3 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255 192.0.0.8 192.0.0.9 192.0.2.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 ff0e::1
    2001:0:7f00:1:: 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1 100::1 64:ff9b::127.0.0.1
    64:ff9b::169.254.169.254 64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8""".split(),
)
def test_an_address_that_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 198.20.0.1 2606:4700::1111 2a00:1450::1 64:ff9b::8.8.8.8".split()
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Every address that anybody dials, and no packet leaves."""
    made: list[str] = []

    def dial(address: tuple[str, int], timeout: float) -> socket.socket:
        made.append(address[0])
        raise OSError("nothing leaves")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket, "create_connection", dial)
        yield made


@pytest.fixture
def dialled() -> Iterator[list[str]]:
    with recorded() as made:
        yield made


@settings(max_examples=1500, deadline=None)
@given(ADDRESSES)
def test_what_is_public_agrees_with_the_registries(address: Address) -> None:
    assert is_public(address) == (not special(address))


@settings(max_examples=300, deadline=None)
@given(st.lists(ADDRESSES, min_size=1, max_size=6))
def test_no_address_that_is_not_public_is_ever_dialled(answers: list[Address]) -> None:
    with recorded() as made, pytest.raises((Forbidden, OSError)):
        Guard(resolve=Resolver([str(a) for a in answers])).connect(HOST, 443, 5.0)
    assert not any(special(ip_address(a)) for a in made)
    assert bool(made) == (not any(special(a) for a in answers))


FOUR = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(FOUR), min_size=1, max_size=5), st.sets(st.sampled_from(FOUR)))
def test_no_listener_that_is_not_public_is_ever_reached(answers: list[str], public: set[str]) -> None:
    with listening(*FOUR) as each:
        port = each[0].getsockname()[1]
        found = called(Guard(resolve=Resolver(answers), public=lambda a: str(a) in public), port)
        counts = {address: reached(one) for address, one in zip(FOUR, each, strict=True)}
    assert found == (answers[0] if set(answers) <= public else None)
    assert counts == {address: int(address == found) for address in FOUR}
