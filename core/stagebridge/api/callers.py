"""Who asks, and what he is told when it goes wrong: always `{"message": …, "code": …}`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stagebridge.access.keys import Key
from stagebridge.access.throttle import Throttle, TooMany
from stagebridge.api import people
from stagebridge.api.bodies import Wrong
from stagebridge.clock import Clock
from stagebridge.config import Config, ConnectionConfig
from stagebridge.errors import StagebridgeError, TryLater
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.outlets import Outlets
from stagebridge.sync.side import ms
from stagebridge.webhooks.body import MOST
from stagebridge.webhooks.keeper import Keeper
from stagebridge.webhooks.receive import AGAIN, PLAIN

BEARER = HTTPBearer(auto_error=False, description="A key that `stagebridge keys create NAME --for CONNECTION` made.")


class Hall(Protocol):
    """What the API works with. Nothing else of it is used before `ready`."""

    ready: bool
    clock: Clock
    config: Config
    keeper: Keeper
    reading: Ledger
    writing: Ledger
    outlets: Outlets
    throttle: Throttle


class Problem(BaseModel):
    """What went wrong, in a sentence for a person."""

    message: str
    code: str


class Refusal(Exception):
    """An answer that is none of what was asked for."""

    def __init__(self, status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Caller:
    """A program, and the connection on whose behalf it asks."""

    key: Key
    connection: ConnectionConfig

    @property
    def name(self) -> str:
        return self.connection.name


def asking(hall: Hall) -> Any:
    """The dependency that makes sure of whoever asks."""

    def caller(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)] = None
    ) -> Caller:
        if not hall.ready:
            raise Refusal(503, "stagebridge is starting", "SB-LATER", {"retry-after": AGAIN})
        address = request.client.host if request.client is not None else ""
        token = given.credentials if given is not None else ""
        try:
            key = hall.throttle.find(hall.reading, token, ms(hall.clock.now()) or 0, address)
        except TooMany as error:
            raise Refusal(429, str(error), error.code, {"retry-after": str(error.seconds)}) from None
        if key is None:
            wrong = "this key opens nothing: it is wrong, or was revoked"
            none = "there is no key: send it as `Authorization: Bearer sb_…`"
            raise Refusal(401, wrong if token else none, "SB-API-KEY", {"www-authenticate": "Bearer"})
        connection = hall.config.connections.get(key.connection or "")
        if key.scope != "api" or connection is None or not connection.capabilities.api:
            raise Refusal(403, "this key is not for the API, or its connection is no longer there", "SB-API-KEY")
        return Caller(key, connection)

    return caller


def add_answers(app: FastAPI) -> None:
    """What is said of every failure; a defect says nothing of itself."""

    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> Response:
        return problem(error.status, str(error), error.code, error.headers)

    @app.exception_handler(people.NotOne)
    @app.exception_handler(Wrong)
    async def wrong(_: Request, error: Exception) -> Response:
        return problem(422, str(error), "SB-API-BODY")

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        parts = (
            SAID.get(one["type"], "{where}: {msg}").format(where=_where(one["loc"]), msg=_msg(one))
            for one in error.errors()
        )
        return problem(422, "; ".join(dict.fromkeys(parts)), "SB-API-BODY")

    @app.exception_handler(StagebridgeError)
    async def failed(_: Request, error: StagebridgeError) -> Response:
        if isinstance(error, TryLater):
            return problem(503, str(error), error.code, {"retry-after": AGAIN})
        return problem(500, "stagebridge cannot do this now; its log says why", error.code)

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> Response:
        if error.status_code == 400:
            return problem(422, "the body is no JSON that can be read", "SB-API-BODY")
        return problem(error.status_code, str(error.detail), "SB-API", dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def defect(_: Request, error: Exception) -> Response:
        return problem(500, "stagebridge failed; its log says more", "SB-UNEXPECTED")


SAID = {
    "missing": "{where}: this is missing",
    "extra_forbidden": "{where}: there is no such field; /v1/openapi.json has those that there are",
    "json_invalid": "the body is no JSON that can be read",
    "model_attributes_type": "the body has to be a JSON object, sent with Content-Type: application/json",
}
"""What is said of a body where the checking library's own words would not tell the remedy, by its names of errors."""


def _msg(one: Any) -> str:
    return str(one["msg"]).removeprefix("Value error, ")


def _where(loc: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in loc if part not in ("body", "query")) or "body"


def problem(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"message": message, "code": code}, status, {**PLAIN, **(headers or {})})


class Bounded:
    """No body is longer than a webhook's, and none takes longer to come than it may."""

    def __init__(self, app: ASGIApp, patience: float) -> None:
        self.app = app
        self.patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, more, until = b"", True, time.monotonic() + self.patience
        while more:
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                await problem(408, "the request did not come in time", "SB-API", {"connection": "close"})(
                    scope, receive, send
                )
                return
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MOST:
                await problem(413, f"the body has more than {MOST} bytes", "SB-API", {"connection": "close"})(
                    scope, receive, send
                )
                return
        told = False

        async def whole() -> Message:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, whole, send)


__all__ = ["Bounded", "Caller", "Hall", "Problem", "Refusal", "add_answers", "asking"]
