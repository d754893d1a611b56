"""`stagebridge serve`: the HTTP side and whoever works behind it, in one process.

The port is open at once and says 503 until the ledger is; connections are opened beside it, because a platform that is down
must not keep others' webhooks out.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.errors import StagebridgeError
from stagebridge.serving.app import make_app
from stagebridge.serving.hall import Hall

log = logging.getLogger("stagebridge.webhooks")

SWITCH = 0.0005
"""Seconds after which a thread gives up the interpreter. A commit gives it up at each step, and would wait ten times as long to
have it back while requests are read."""


class _Wire(H11Protocol):
    """A connection on which nothing is asked in time is closed: within `patience` seconds its first headers are there."""

    patience = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(self.patience, self._close_if_silent)

    def _close_if_silent(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._late.cancel()
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    """Opens the hall once the port is open, and closes it once nobody is answered any more."""

    def __init__(self, config: uvicorn.Config, hall: Hall) -> None:
        super().__init__(config)
        self.hall = hall
        self.failure: StagebridgeError | None = None

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self._opening = asyncio.create_task(asyncio.to_thread(self._open))

    def _open(self) -> None:
        try:
            self.hall.open()
            log.info("ready: %s", ", ".join(sorted(self.hall.doors)) or "no connection has webhooks")
        except StagebridgeError as error:
            self.failure = error
            self.should_exit = True

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        await super().shutdown(sockets)
        await asyncio.to_thread(self.hall.close)


def serve(config: Config, host: str, port: int, clock: Clock) -> None:
    """Receive webhooks until SIGTERM or SIGINT. Raises what keeps it from being ready."""
    sys.setswitchinterval(SWITCH)
    hall = Hall(config, clock)
    wire = type("Wire", (_Wire,), {"patience": config.serve.timeout})
    settings = uvicorn.Config(
        make_app(hall), host=host, port=port, http=wire, lifespan="off", access_log=False, log_level="warning",
        server_header=False, limit_concurrency=2000, timeout_keep_alive=75, timeout_graceful_shutdown=10,
        proxy_headers=False,
    )  # fmt: skip
    server = _Server(settings, hall)
    server.run()
    if server.failure is not None:
        raise server.failure


__all__ = ["serve"]
