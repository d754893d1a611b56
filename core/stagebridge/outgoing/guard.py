"""Where a message may go. Whoever may name an endpoint could name one of ours: a database, a cloud's metadata, the next
machine. So a name is resolved once, every address of it has to be public, and what was checked is what is dialled.

    target = guard.check(url)
    connection = guard.connect(target.host, target.port, timeout=5.0)
"""

from __future__ import annotations

import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

from stagebridge.errors import ConfigError
from stagebridge.outgoing.addresses import Address, is_public

LONGEST_URL = 8000
"""Characters that every recipient of a URL should support (RFC 9110, 4.1); none needs more."""
TRIED = 4
"""Addresses of one name that are dialled before it counts as out of reach; all are checked."""

PLAIN = re.compile(r"[!-\[\]-~]+")
"""ASCII without spaces, control characters and the backslash, which is a slash for some who read URLs."""
NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*")
NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
"""A host whose last part is a number is an IPv4 address for some resolver: 2130706433, 0x7f.1 and 127.1 are 127.0.0.1."""


class Forbidden(ConfigError):
    """Nothing is sent to this endpoint. The sentence names its host at most: its path may be a secret."""

    default_code: ClassVar[str] = "SB-ENDPOINT-FORBIDDEN"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, read once: nobody reads it again and differently. `path` has the query with it."""

    host: str
    port: int
    tls: bool
    path: str = field(repr=False)

    @property
    def authority(self) -> str:
        """The `Host` of a request."""
        return self.host if self.port == (443 if self.tls else 80) else f"{self.host}:{self.port}"


class Guard:
    """`allow` lists hosts (`host`, or `host:port`) that the owner of the configuration names: for exactly these, as they stand in
    the URL, plain http, other ports and addresses that are not public will do. Raises `ConfigError` for anything else in it."""

    def __init__(
        self,
        allow: Collection[str] = (),
        resolve: Callable[..., Any] = socket.getaddrinfo,
        public: Callable[[Address], bool] = is_public,
    ) -> None:
        self._allow = frozenset(_entry(one) for one in allow)
        self._resolve = resolve
        self._public = public

    def check(self, url: str) -> Target:
        """What to call, as far as the URL alone can tell. Raises `Forbidden`."""
        if len(url) > LONGEST_URL:
            raise Forbidden(f"the address of an endpoint is longer than {LONGEST_URL} characters")
        if not PLAIN.fullmatch(url):
            raise Forbidden(
                "the address of an endpoint has a space, a control character, a backslash or a letter outside ASCII",
                hint="Write the host in its ASCII form (xn--…), and everything behind it percent-encoded.",
            )
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise Forbidden("the address of an endpoint is no URL", hint="Write https://, a host and a path.") from None
        if "[" in parts.netloc:
            raise Forbidden("an endpoint has an IPv6 address in place of a host", hint="Write its host's name.")
        if not NAME.fullmatch(host) or parts.netloc.endswith(":"):
            raise Forbidden(
                "the address of an endpoint has no host, or none that can be one",
                hint="Write https://, the host's full name without a dot at its end, and a path.",
            )
        if "@" in parts.netloc:
            raise Forbidden(
                f"the address of an endpoint at {host} has a user or a password in it",
                hint="Leave out what stands before the @; messages are signed, and may carry headers.",
            )
        if "#" in url:
            raise Forbidden(
                f"the address of an endpoint at {host} has a fragment, which is never sent",
                hint="Leave out the # and what follows it.",
            )
        tls = parts.scheme == "https"
        if not tls and parts.scheme != "http":
            raise Forbidden(f"the endpoint at {host} is not called by https", hint="Write https:// before the host.")
        target = Target(
            host, (443 if tls else 80) if port is None else port, tls,
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        )  # fmt: skip
        self._check_host(target)
        return target

    def _check_host(self, target: Target) -> None:
        host, literal = target.host, None
        if NUMBER.fullmatch(host):
            try:
                literal = IPv4Address(host)
            except ValueError:
                raise Forbidden(
                    f"the endpoint's host {host} is a number that can be read as an IPv4 address",
                    hint="Write the host's name, or the address as four decimal numbers.",
                ) from None
        if self._allows(host, target.port):
            return
        name_it = f"If it is one of yours, name it in the configuration: `outgoing: {{allow: [{host}:{target.port}]}}`."
        if not target.tls or target.port != 443:
            raise Forbidden(
                f"the endpoint at {host} is not called by https at port 443",
                hint=f"Write https:// and no port. {name_it}",
            )
        if literal is None and "." not in host:
            raise Forbidden(f"the endpoint's host {host} is no full name", hint=f"Write its full name. {name_it}")
        if literal is not None and not self._public(literal):
            raise Forbidden(f"the endpoint's host {host} is no public address", hint=name_it)

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connection to one of the host's addresses, in `timeout` seconds, the resolver's included. The resolver is asked
        once. Raises `Forbidden` where any of its addresses is not public, and `OSError`."""
        until = time.monotonic() + timeout
        addresses = self._addresses(host, port, timeout)
        for address in addresses:
            self._check_address(host, port, address)
        tried = addresses[:TRIED]
        failure = OSError("it has no address")
        for n, address in enumerate(tried):
            # the ones still to come have their share of the time: the first may be of a network that we are not in
            share = max(0.001, (until - time.monotonic()) / (len(tried) - n))
            try:
                return self._dial(host, port, address, share)
            except OSError as error:
                failure = error
        raise failure

    def _dial(self, host: str, port: int, address: Address, timeout: float) -> socket.socket:
        connection = socket.create_connection((str(address), port), timeout)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = ip_address(connection.getpeername()[0])
            if peer != address:
                raise Forbidden(f"the endpoint at {host} was called at {address}, and {peer} answered")
            self._check_address(host, port, peer)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_address(self, host: str, port: int, address: Address) -> None:
        if not self._allows(host, port) and not self._public(address):
            raise Forbidden(
                f"the endpoint's host {host} has {address}, which is no public address",
                hint=f"If it is one of yours, name it in the configuration: `outgoing: {{allow: [{host}:{port}]}}`.",
            )

    def _addresses(self, host: str, port: int, timeout: float) -> list[Address]:
        """What the resolver says. It knows no timeout, so it is left alone with a question that takes it longer."""
        said: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def ask() -> None:
            try:
                found = self._resolve(host, port, type=socket.SOCK_STREAM)
                said.put(list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found)))
            except Exception as error:
                said.put(error)

        threading.Thread(target=ask, daemon=True, name=f"resolve {host}").start()
        try:
            found = said.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError("its name did not resolve in time") from None
        if isinstance(found, Exception):
            raise found if isinstance(found, OSError) else OSError("its name does not resolve") from found
        return cast(list[Address], found)

    def _allows(self, host: str, port: int) -> bool:
        return host in self._allow or f"{host}:{port}" in self._allow


def _entry(text: str) -> str:
    host, colon, port = text.lower().partition(":")
    if not NAME.fullmatch(host) or (colon and not (re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) < 65536)):
        raise ConfigError(
            f"'{text}' cannot be allowed: it is no host and no host:port", hint="Write hooks.example.com."
        )
    return host + colon + port


__all__ = ["Forbidden", "Guard", "Target"]
