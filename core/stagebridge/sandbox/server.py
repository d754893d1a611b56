"""A stand-in over real HTTP: one ASGI app, run by uvicorn in a thread or in the foreground."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.utils import format_datetime
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import orjson
import uvicorn

from stagebridge.clock import Clock
from stagebridge.errors import ConfigError, StagebridgeError
from stagebridge.sandbox.kit import Answer, Call, Kit, Platform

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LONGEST_HANG = 2.0
"""Seconds of real time that a `slow` answer takes at most."""


def platforms() -> dict[str, type[Platform]]:
    """Installed stand-ins by platform."""
    return {e.name: e.load() for e in entry_points(group="stagebridge.sandboxes")}


def _platform(name: str) -> type[Platform]:
    found = {e.name: e for e in entry_points(group="stagebridge.sandboxes")}
    if name not in found:
        raise ConfigError(f"no sandbox is called '{name}'", hint=f"Installed are {', '.join(sorted(found)) or 'none'}.")
    loaded: type[Platform] = found[name].load()
    return loaded


class App:
    """The ASGI application of one platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.kit = platform.kit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query: dict[str, str] = {}
        for name, value in parse_qsl(scope["query_string"].decode(), keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value  # a list is repeated, or has commas
        call = Call(scope["method"], scope.get("raw_path", b"").decode().split("?")[0], query, headers, body)
        if call.path.startswith("/_sandbox/"):
            await self._send(send, self._side(call))
            return
        await self._platform_call(send, call)

    async def _platform_call(self, send: Send, call: Call) -> None:
        with self.kit.lock:
            call.faults = self.kit.strike(call)
            kinds = {f.kind: f for f in call.faults}
            if "slow" in kinds:
                self.kit.clock.sleep(float(kinds["slow"].values.get("seconds", 1)))
            if "timeout_before" in kinds:
                answer = None
            elif "html_502" in kinds:
                page = b"<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
                answer = Answer(502, page, {"Content-Type": "text/html"})
            elif "status" in kinds:
                answer = self.platform.failure(int(kinds["status"].values["status"]), call)
            else:
                answer = self._handle(call)
            self.kit.log(call, answer.status if answer is not None else 0)
        if "slow" in kinds and kinds["slow"].values.get("real"):
            await asyncio.sleep(min(LONGEST_HANG, float(kinds["slow"].values["real"])))
        if answer is None or "timeout_after" in kinds:
            await self._drop(send, b"")
        elif "reset_mid_body" in kinds:
            await self._drop(send, answer.encoded()[0][:20])
        else:
            await self._send(send, answer)

    def _handle(self, call: Call) -> Answer:
        try:
            return self.platform.handle(call)
        except orjson.JSONDecodeError:
            return self.platform.failure(400, call)

    def _side(self, call: Call) -> Answer:
        verb = call.path.removeprefix("/_sandbox/")
        try:
            with self.kit.lock:
                return Answer(200, self._side_verb(call.method, verb, call.json()))
        except StagebridgeError as error:
            return Answer(400, {"error": str(error)})
        except (ValueError, KeyError, TypeError) as error:
            return Answer(400, {"error": f"{type(error).__name__}: {error}"})

    def _side_verb(self, method: str, verb: str, data: Any) -> Any:
        match (method, verb):
            case ("POST", "reset"):
                self.kit.faults.clear()
                self.kit.clear_log()
                self.kit.random.seed(self.kit.seed)
                self.platform.reset()
                return {}
            case ("POST", "seed"):
                return self.platform.seed(data)
            case ("POST", "fault"):
                if data.get("kind") == "none":
                    self.kit.faults.clear()
                else:
                    self.kit.arm(data)
                return {"armed": len(self.kit.faults)}
            case ("POST", "clock"):
                self.kit.clock.sleep(float(data.get("advance", 0)))
                return {"now": self.kit.now().isoformat()}
            case ("GET", "state"):
                return {"now": self.kit.now().isoformat(), **self.platform.state()}
            case ("GET", "requests"):
                return {
                    "count": self.kit.count,
                    "by_route": dict(self.kit.by_route),
                    "records": dict(self.kit.records),
                    "last": list(self.kit.last),
                }
        raise ConfigError(f"no /_sandbox/{verb} with {method}")

    async def _send(self, send: Send, answer: Answer) -> None:
        body, headers = answer.encoded()
        headers = {"Date": format_datetime(self.kit.now(), usegmt=True), **headers}
        if answer.status != 204:
            headers["Content-Length"] = str(len(body))
        raw = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if answer.status == 204 else body})

    async def _drop(self, send: Send, some: bytes) -> None:
        """Promise an answer and close the connection instead."""
        raw = [(b"content-length", b"100000"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": some, "more_body": False})


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        return None


class Sandbox:
    """A stand-in on 127.0.0.1, for as long as the `with` block lasts.

    `switches` set behaviours (unknown names raise `ConfigError`); `clock` is shared with whoever talks to it; `seed`
    makes ids and shuffles repeatable.
    """

    def __init__(
        self, platform: str, *, clock: Clock | None = None, switches: Mapping[str, Any] | None = None, seed: int = 1,
        port: int = 0,
    ) -> None:  # fmt: skip
        made = _platform(platform)
        self.kit = Kit(switches or {}, made.switches, clock, seed, made.faults)
        self.platform = made(self.kit)
        self._app = App(self.platform)
        self._port = port
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Self:
        config = uvicorn.Config(
            self._app, host="127.0.0.1", port=self._port, log_level="critical", date_header=False, server_header=False,
            lifespan="off", access_log=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True, name=f"sandbox-{self.platform.name}")
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError(f"the {self.platform.name} sandbox did not start")
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = self._server.force_exit = True
        if self._thread is not None:
            self._thread.join(timeout=5)

    # --- the side protocol's twin ------------------------------------------------------------------------------

    def _side(self, method: str, verb: str, data: Any = None) -> Any:
        with self.kit.lock:
            return self._app._side_verb(method, verb, data if data is not None else {})

    def reset(self) -> None:
        self._side("POST", "reset")

    def seed(self, data: Any) -> Any:
        return self._side("POST", "seed", data)

    def state(self) -> Any:
        return self._side("GET", "state")

    def requests(self) -> dict[str, Any]:
        found: dict[str, Any] = self._side("GET", "requests")
        return found

    def forget_requests(self) -> None:
        """Count from zero again."""
        with self.kit.lock:
            self.kit.clear_log()

    def fault(self, kind: str, **values: Any) -> None:
        self._side("POST", "fault", {"kind": kind, **values})

    def heal(self) -> None:
        """Disarm every fault."""
        self._side("POST", "fault", {"kind": "none"})


def serve(
    platform: str, *, host: str = "127.0.0.1", port: int = 8000, switches: Mapping[str, Any] | None = None
) -> None:
    """Run a stand-in in the foreground, on the machine's clock, until it is interrupted."""
    made = _platform(platform)
    kit = Kit(switches or {}, made.switches, None, 1, made.faults)
    uvicorn.run(
        App(made(kit)),
        host=host,
        port=port,
        log_level="warning",
        date_header=False,
        server_header=False,
        lifespan="off",
    )
