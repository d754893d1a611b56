"""One POST to one endpoint: to an address that the guard has checked, within a time and a size that nobody can stretch.

The socket is the guard's, and what is above it the standard library's `ssl` and `http.client`: no proxy, no `.netrc`, no cookie,
no redirect and no decompression are there to be switched off, nobody reads the URL a second time, and what failed before the
first byte of a request is told from what failed after it by where it failed. Each post has a connection of its own.
"""

from __future__ import annotations

import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from http.client import BadStatusLine, HTTPConnection, HTTPException, UnknownProtocol
from typing import Any, ClassVar, cast

from requests.adapters import DEFAULT_CA_BUNDLE_PATH

from stagebridge.endpoint import Answer
from stagebridge.errors import NoAnswer, StagebridgeError
from stagebridge.http import USER_AGENT
from stagebridge.outgoing.guard import Forbidden, Guard, Target

LARGEST_BODY = 256 * 1024
"""Bytes of a message. Standard Webhooks advises less than 20 kB, and a contact with all its fields has a few: what is larger
is a mistake, and many receivers refuse it."""
LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer's body that are read: it says whether the message was taken, and no more is of use."""
MOST_READ = 256 * 1024
"""Bytes that an answer may be all in all, its head and its framing included."""

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[ -~]*")
OURS = frozenset(
    "accept-encoding connection content-length expect host proxy-authorization te trailer transfer-encoding upgrade "
    "user-agent".split()
)
"""Headers that frame a request or say who calls."""


class NotSent(StagebridgeError):
    """Nothing of the message has left: it may be sent again at any time."""

    default_code: ClassVar[str] = "SB-NOT-SENT"


class Poster:
    """`timeout`: seconds for a whole post, from the name's look-up to the last byte of the answer; `connect_timeout`: those of
    them for look-up and connection. `authorities`: a file of certificates to trust instead of the usual ones."""

    def __init__(
        self, guard: Guard, *, timeout: float = 15.0, connect_timeout: float = 5.0, authorities: str | None = None
    ) -> None:
        self.guard = guard
        self.timeout = timeout
        self.connect_timeout = connect_timeout
        self._tls = ssl.create_default_context(cafile=authorities or DEFAULT_CA_BUNDLE_PATH)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Whatever was answered, a redirect too. Raises `NotSent`, or `NoAnswer` where the message may have arrived; both name
        the host at most."""
        until = time.monotonic() + self.timeout
        try:
            target = self.guard.check(url)
        except Forbidden as error:
            raise NotSent(str(error), hint=error.hint) from error
        wrong = _wrong_with(body, headers)
        if wrong is not None:
            raise NotSent(f"to {target.host}: {wrong}")
        with closing(self._connected(target, until)) as connection:
            return _exchange(target, _Wire(connection, until), body, headers)

    def _connected(self, target: Target, until: float) -> socket.socket:
        try:
            connection = self.guard.connect(target.host, target.port, min(self.connect_timeout, self.timeout))
        except Forbidden as error:
            raise NotSent(str(error), hint=error.hint) from error
        except OSError as error:
            raise NotSent(f"no connection to {target.host}: {_said(error)}") from error
        if not target.tls:
            return connection
        connection.settimeout(max(0.001, until - time.monotonic()))  # of the whole handshake
        try:  # `ssl` takes the socket over, and closes it where it fails
            return self._tls.wrap_socket(connection, server_hostname=target.host)
        except OSError as error:
            raise NotSent(f"no TLS with {target.host}: {_said(error)}") from error


class _Wire(io.RawIOBase):
    """A socket for `http.client` of which every step may take what is left of the post's time, and read what is left of its
    bytes. With a timeout for each step, whoever sends a byte a second could hold us for hours."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self._connection, self._until, self._room = connection, until, MOST_READ

    def _in_time(self) -> socket.socket:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._connection

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._in_time().send(rest) :]

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = self._in_time().recv_into(buffer)
        self._room -= got
        if self._room < 0:
            raise HTTPException("the answer does not come to its end")
        return got

    def close(self) -> None:
        """Nothing: `http.client` lets go of a connection before it has read the answer. Whoever opened it closes it."""


def _exchange(target: Target, wire: _Wire, body: bytes, headers: Mapping[str, str]) -> Answer:
    http = HTTPConnection(target.host, target.port)
    http.sock = cast(socket.socket, wire)
    ours = {"Host": target.authority, "User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close"}
    try:
        http.request("POST", target.path, body, {**ours, **headers})
        response = http.getresponse()
        content = response.read(LARGEST_ANSWER)
    except (OSError, HTTPException, ValueError, OverflowError) as error:  # a chunk may say that it is -5 bytes long
        raise NoAnswer(f"no answer of {target.host}: {_said(error)}") from error
    if len(content) < LARGEST_ANSWER and response.length:
        raise NoAnswer(f"the answer of {target.host} broke off")
    given: dict[str, str] = {}
    for name, value in response.getheaders():
        given[name.lower()] = f"{given[name.lower()]}, {value}" if name.lower() in given else value
    return Answer(response.status, given, content)


def _wrong_with(body: bytes, headers: Mapping[str, str]) -> str | None:
    if len(body) > LARGEST_BODY:
        return f"a message of {len(body)} bytes is too large, {LARGEST_BODY} at most are sent"
    for name, value in headers.items():
        if not TOKEN.fullmatch(name) or name.lower() in OURS:
            return f"{name[:40]!a} cannot be a header of a message"
        if not VALUE.fullmatch(value):
            return f"the header {name} has a line break, a control character or a letter outside ASCII"
    return None


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "not in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    strange = isinstance(error, BadStatusLine | UnknownProtocol) and not isinstance(error, OSError)
    if strange or isinstance(error, ValueError | OverflowError):
        return "it is no HTTP"  # and not what it said instead, which may be what we have told it
    return str(error) or type(error).__name__


__all__ = ["NotSent", "Poster"]
