"""The HTTP side: `/hooks/{connection}`.

What is wrong with a request is never told: whoever guesses signatures learns nothing, and one answer fits all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from stagebridge.config import Config
from stagebridge.connector import HookRequest
from stagebridge.errors import StagebridgeError
from stagebridge.webhooks.body import TooLarge, TooSlow, asked, body_of
from stagebridge.webhooks.doors import Door, Refused, waste_time
from stagebridge.webhooks.keeper import Keeper
from stagebridge.webhooks.metrics import Metrics

access = logging.getLogger("stagebridge.access")

IN_TIME = 4.0
"""Seconds within which a webhook is committed or the platform asked to come again: some wait for 5."""
AGAIN = "10"
"""Seconds after which to come again while we are not ready: some platforms try again only if it is less than a minute."""
PLAIN = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
CLOSE = {"connection": "close"}


class Hall(Protocol):
    """What the endpoint works with. Nothing else of it is used before `ready`."""

    ready: bool
    config: Config
    metrics: Metrics
    doors: dict[str, Door]
    keeper: Keeper


def add_hooks(app: FastAPI, hall: Hall) -> None:
    hooks = Hooks(hall)
    for path in ("/hooks/{connection}", "/hooks/{connection}/{rest:path}"):
        app.add_api_route(path, hooks.answer, methods=["GET", "POST"], response_model=None, include_in_schema=False)


class Hooks:
    """One endpoint for all connections."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall

    async def answer(self, request: Request, connection: str) -> Response:
        began = time.perf_counter()
        response = await self._answer(request, connection)
        level = logging.INFO if response.status_code >= 400 else logging.DEBUG
        if access.isEnabledFor(level):
            # neither the path's further parts nor its query, which may be secrets, nor a name that a stranger made up
            known = self.hall.ready and connection in self.hall.doors
            more = "/…" if "rest" in request.path_params else ""
            name = f"{connection if known else '?'}{more}"
            took = (time.perf_counter() - began) * 1000
            access.log(level, "%s /hooks/%s %d %.0f ms", request.method, name, response.status_code, took)
        return response

    async def _answer(self, request: Request, connection: str) -> Response:
        if not self.hall.ready:  # never 404 while we come up: some platforms take that for a farewell
            return self._refuse("not_ready", 503, "not ready", {"retry-after": AGAIN, **CLOSE})
        try:
            body = await body_of(request, self.hall.config.serve.timeout)
        except TooLarge:
            return self._refuse("too_large", 413, "too large", CLOSE)
        except TooSlow:
            return self._refuse("too_slow", 408, "too slow", CLOSE)
        except ClientDisconnect:
            return self._refuse("gone", 400, "gone", CLOSE)
        asks = asked(request, body, self.hall.config.serve.public_url)
        door = self.hall.doors.get(connection)
        if door is None:
            waste_time(asks)
            return self._refuse("unknown", 404, "not found")
        try:
            return await self._taken(door, asks)
        except Refused as why:
            if why.reason == "settings":
                return self._refuse(why.reason, 503, "not ready", {"retry-after": str(door.webhooks.retry_after)})
            if why.reason == "handshake":
                return self._refuse(why.reason, 403, "refused")
            return self._refuse(why.reason, 401, "refused")
        except (StagebridgeError, TimeoutError):
            return self._refuse("busy", 503, "not now", {"retry-after": str(door.webhooks.retry_after)})

    async def _taken(self, door: Door, request: HookRequest) -> Response:
        greeting = door.handshake(request)
        if greeting is not None:
            return PlainTextResponse(greeting, 200, PLAIN)
        if request.method != "POST":
            return self._refuse("method", 405, "not allowed", {"allow": "POST"})
        hook = door.receive(request)
        # whoever stops waiting is told to come again; if it is kept after all, that is a repetition
        async with asyncio.timeout(IN_TIME):
            new = await self.hall.keeper.keep(hook)
        self.hall.metrics.count("webhooks_accepted" if new else "webhooks_duplicates", door.name)
        return Response(b"", door.webhooks.status, PLAIN)

    def _refuse(self, reason: str, status: int, text: str, headers: dict[str, str] | None = None) -> Response:
        self.hall.metrics.count("webhooks_refused", reason)
        return said(status, text, headers)


def said(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"detail": text}, status, {**PLAIN, **(headers or {})})


__all__ = ["AGAIN", "PLAIN", "Hall", "add_hooks", "said"]
