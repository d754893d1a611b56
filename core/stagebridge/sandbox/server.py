"""A stand-in over real HTTP, run by uvicorn: in a thread for a `with` block, or in the foreground."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from stagebridge.clock import Clock
from stagebridge.errors import ConfigError
from stagebridge.sandbox.app import App, Scope
from stagebridge.sandbox.deliver import deliver
from stagebridge.sandbox.faults import nearest
from stagebridge.sandbox.kit import Kit, Platform

GROUP = "stagebridge.sandboxes"
"""Entry points of stand-ins: the name of the platform, and its `Platform` class."""

IDLE = 600
"""Seconds until an idle connection is closed: long, so that no client meets a closing one by chance."""


def platforms() -> dict[str, type[Platform]]:
    """Installed stand-ins by platform."""
    return {e.name: e.load() for e in entry_points(group=GROUP)}


def _platform(name: str) -> type[Platform]:
    found = {e.name: e for e in entry_points(group=GROUP)}
    if name not in found:
        raise ConfigError(
            f"no sandbox is called '{name}'{nearest(name, found)}",
            hint=f"Installed are {', '.join(sorted(found)) or 'none'}.",
        )
    loaded: type[Platform] = found[name].load()
    return loaded


class _Wire(H11Protocol):
    """A connection that can be found again by its two ends, so that it can be cut without an answer."""

    open: dict[tuple[Any, Any], asyncio.Transport] = {}  # noqa: RUF012 - one table for all connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.open[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.pop((self.client, self.server), None)
        super().connection_lost(exc)


def _cut(scope: Scope) -> None:
    transport = _Wire.open.get((scope["client"], scope["server"]))
    if transport is not None:
        transport.abort()


def _config(app: App, host: str, port: int, log_level: str) -> uvicorn.Config:
    # starlette is no part of this: an ASGI callable is all that is needed; h11, because `_Wire` builds on it
    return uvicorn.Config(
        app, host=host, port=port, log_level=log_level, http=_Wire, date_header=False, server_header=False, lifespan="off",
        access_log=False, timeout_keep_alive=IDLE, timeout_graceful_shutdown=1,
    )  # fmt: skip


class _Server(uvicorn.Server):
    """uvicorn, without its two naps of a tenth of a second on the way out."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.sleep(0)

    def stop(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopped.set)


class Sandbox:
    """A stand-in on 127.0.0.1, for as long as the `with` block lasts.

    `switches` set behaviours (`ConfigError` for one that the platform does not have); `clock` is shared with whoever
    talks to it, its own `ElasticClock` if none is given; `seed` makes ids and shuffles repeatable; `name` tells several
    apart. The methods are the side protocol's twins.
    """

    def __init__(
        self, platform: str, *, clock: Clock | None = None, switches: Mapping[str, Any] | None = None, seed: int = 1,
        port: int = 0, name: str = "",
    ) -> None:  # fmt: skip
        made = _platform(platform)
        self.kit = Kit(switches or {}, made.switches, clock, seed, made.faults)
        self.platform = made(self.kit)
        self.name = name or platform
        self.url = ""
        self._app = App(self.platform, _cut)
        self._port = port

    def __repr__(self) -> str:
        return f"<Sandbox {self.name} {self.url or 'not running'}>"

    def __enter__(self) -> Self:
        self._server = _Server(_config(self._app, "127.0.0.1", self._port, "critical"))
        self._thread = threading.Thread(target=self._server.run, daemon=True, name=f"sandbox {self.name}")
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError(f"the {self.name} sandbox did not start on port {self._port}")
            time.sleep(0.002)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._thread.join(timeout=5)
        if self.kit.broken and kind is None:
            raise RuntimeError(f"the {self.name} sandbox broke:\n{self.kit.broken[0]}")

    def _side(self, method: str, verb: str, data: Any) -> Any:
        with self.kit.lock:
            return self._app.side(method, verb, data)

    def reset(self) -> None:
        """Everything as it was at the start; the clock goes on."""
        self._side("POST", "reset", {})

    def seed(self, data: Any) -> Any:
        """Put records in; the form is the platform's, see its class."""
        return self._side("POST", "seed", data)

    def state(self) -> Any:
        """What the platform holds now."""
        return self._side("GET", "state", {})

    def requests(self, *, method: str = "*", path: str = "*", status: int | str = "*") -> dict[str, Any]:
        """What came in: `count`, `by_route`, `by_status`, `by_endpoint` and `records` are exact and of all requests; `last`
        are the remembered ones that match."""
        found: dict[str, Any] = self._side("GET", "requests", {"method": method, "path": path, "status": str(status)})
        return found

    def forget_requests(self) -> None:
        """Count from zero again."""
        with self.kit.lock:
            self.kit.log.clear()

    def fault(self, kind: str, **values: Any) -> None:
        """Arm a fault. Raises `ConfigError` for an unknown kind."""
        self._side("POST", "fault", {"kind": kind, **values})

    def heal(self) -> None:
        """Disarm every fault."""
        self._side("POST", "fault", {"kind": "none"})

    def clock(self, *, advance: float) -> None:
        """Move the sandbox's clock by seconds."""
        self._side("POST", "clock", {"advance": advance})

    def act(self, data: Any) -> Any:
        """Let somebody at the platform do what makes it call others; the form is the platform's, see its class."""
        return self.platform.act(data, self.url)

    def hooks(self, url: str) -> list[dict[str, Any]]:
        """The webhook requests that are due, signed for `url`: `{"method", "url", "headers", "body": bytes}`."""
        with self.kit.lock:
            return self.platform.hooks(url)

    def deliver(self, url: str) -> list[int]:
        """Send the webhook requests that are due to `url`; returns the statuses, 0 where no answer came."""
        sent: list[int] = deliver(self.platform, url)["sent"]
        return sent


def serve(
    platform: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    switches: Mapping[str, Any] | None = None,
    seed: int = 1,
) -> None:
    """Run a stand-in in the foreground until it is interrupted, on the machine's time, which `POST /_sandbox/clock` moves
    on."""
    made = _platform(platform)
    kit = Kit(switches or {}, made.switches, None, seed, made.faults)
    uvicorn.Server(_config(App(made(kit), _cut), host, port, "warning")).run()
