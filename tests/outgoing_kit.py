"""Receivers of messages that behave as badly as one can, and resolvers that say what a test wants."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from stagebridge.outgoing.guard import Guard

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Resolver:
    """Says the next of its answers, the last one for ever, and counts how often it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int, *, type: int) -> list[tuple[Any, ...]]:
        self.asked += 1
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            (socket.AF_INET6, type, 6, "", (a, port, 0, 0)) if ":" in a else (socket.AF_INET, type, 6, "", (a, port))
            for a in said
        ]


class At443(Guard):
    """Nobody here may listen at port 443, so what is called there is called at `port`. All else is as it is."""

    port = 0

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        return super().connect(host, self.port if port == 443 else port, timeout)


@contextmanager
def listening(*addresses: str) -> Iterator[list[socket.socket]]:
    """Listeners that never answer, all at one port of different addresses of this machine."""
    listeners: list[socket.socket] = []
    try:
        port = 0
        for address in addresses:
            listeners.append(socket.create_server((address, port)))
            listeners[-1].setblocking(False)
            port = listeners[-1].getsockname()[1]
        yield listeners
    finally:
        for one in listeners:
            one.close()


def reached(listener: socket.socket) -> int:
    """Connections that somebody has made to it since it was last asked. On one machine, they are there as soon as made."""
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def heard(connection: socket.socket) -> bytes:
    """One request, as it came."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        more = connection.recv(65536)
        if not more:
            return raw
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    [length] = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


class Receiver:
    """Hands each connection to `behave`, one after the other; whatever goes wrong there is its own affair."""

    def __init__(
        self,
        behave: Callable[[Receiver, socket.socket], None],
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.behave, self.tls = behave, tls
        self.heard: list[bytes] = []
        self.gone = threading.Event()
        """Nobody waits for this receiver any more."""
        self._server = socket.create_server((address, 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._server.accept()[0]
            except OSError:
                return
            try:
                with closing(connection):
                    if self.tls is None:
                        self.behave(self, connection)
                    else:
                        with self.tls.wrap_socket(connection, server_side=True) as wrapped:
                            self.behave(self, wrapped)
            except OSError:
                pass

    def close(self) -> None:
        self.gone.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


def answers(reply: bytes) -> Callable[[Receiver, socket.socket], None]:
    def behave(receiver: Receiver, connection: socket.socket) -> None:
        receiver.heard.append(heard(connection))
        connection.sendall(reply)

    return behave


def drips(first: bytes, drop: bytes) -> Callable[[Receiver, socket.socket], None]:
    """Something at once, and then a byte now and then until the other side has gone: each well within any timeout of a step."""

    def behave(receiver: Receiver, connection: socket.socket) -> None:
        receiver.heard.append(heard(connection))
        connection.sendall(first)
        while not receiver.gone.wait(0.02):
            connection.sendall(drop)

    return behave


def floods(first: bytes, flood: bytes) -> Callable[[Receiver, socket.socket], None]:
    """Something at once, and then the same for ever, as fast as it is taken."""

    def behave(receiver: Receiver, connection: socket.socket) -> None:
        receiver.heard.append(heard(connection))
        connection.sendall(first)
        while not receiver.gone.is_set():
            connection.sendall(flood)

    return behave
