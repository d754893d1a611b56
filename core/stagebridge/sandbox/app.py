"""One stand-in as an ASGI application: the side protocol, transport faults, and the platform behind them."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from stagebridge.clock import SystemClock
from stagebridge.errors import ConfigError, StagebridgeError
from stagebridge.sandbox.deliver import deliver
from stagebridge.sandbox.faults import Fault
from stagebridge.sandbox.kit import Answer, Call, Platform

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Cut = Callable[[Scope], None]

LONGEST_HANG = 2.0
"""Seconds of real time that a request is held at most, whatever a fault asks for."""


class App:
    """`cut` closes the connection of a request without another byte; without it a cut request is answered 500."""

    def __init__(self, platform: Platform, cut: Cut = lambda scope: None) -> None:
        self.platform = platform
        self.kit = platform.kit
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        chunks = []
        while True:
            message = await receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query: dict[str, str] = {}
        for name, value in parse_qsl(scope["query_string"].decode(), keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value  # a list is repeated, or has commas
        path = scope.get("raw_path", b"").decode().split("?")[0]
        call = Call(scope["method"], path, query, headers, b"".join(chunks))
        if path == "/_sandbox/deliver" and call.method == "POST":
            # outside the lock and the loop: the receiver may well ask us something before it answers
            await self._send(send, await asyncio.to_thread(self._deliver, call))
        elif path == "/_sandbox/act" and call.method == "POST":
            await self._send(send, await asyncio.to_thread(self._act, call))
        elif path.startswith("/_sandbox/"):
            await self._send(send, self._side(call))
        else:
            await self._platform_call(scope, send, call)

    # --- the platform ------------------------------------------------------------------------------------------

    async def _platform_call(self, scope: Scope, send: Send, call: Call) -> None:
        with self.kit.lock:
            call.faults = self.kit.faults.strike(call, writes=self.platform.is_write(call))
            kinds = {f.kind: f for f in call.faults}
            wait = self._slow(kinds["slow"]) if "slow" in kinds else 0.0
            answer = None if "timeout_before" in kinds else self._answer(call, kinds)
            lost = answer is None or "timeout_after" in kinds
            self.kit.log.add(call, 0 if lost or answer is None else answer.status, self.kit.now())
        if wait:
            await asyncio.sleep(wait)
        if answer is None or lost:
            held = kinds.get("timeout_before") or kinds.get("timeout_after")
            await asyncio.sleep(min(LONGEST_HANG, float(held.values.get("hang", 0)) if held else 0))
        elif "reset_mid_body" in kinds:
            body, headers = answer.encoded()
            await self._start(send, answer.status, {**headers, "Content-Length": str(len(body) + 1)})
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        else:
            await self._send(send, answer)
            return
        self._cut(scope)
        await asyncio.sleep(0)

    def _answer(self, call: Call, kinds: dict[str, Fault]) -> Answer:
        if "html_502" in kinds:
            page = b"<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
            return Answer(502, page, {"Content-Type": "text/html"})
        if "rate_limit" in kinds:
            return self.platform.failure(429, call)
        if "status" in kinds:
            return self.platform.failure(int(kinds["status"].values["status"]), call)
        try:
            return self.platform.handle(call)
        except orjson.JSONDecodeError:
            return self.platform.failure(400, call)
        except Exception:
            self.kit.broken.append(traceback.format_exc())
            return Answer(500, f"the stand-in itself is broken:\n{self.kit.broken[-1]}".encode())

    def _slow(self, fault: Fault) -> float:
        """Let a slow answer's time pass on the sandbox's clock; returns the seconds to wait in real time."""
        seconds = float(fault.values.get("seconds", 1))
        if isinstance(self.kit.clock, SystemClock):
            return min(LONGEST_HANG, seconds)
        self.kit.clock.sleep(seconds)
        return min(LONGEST_HANG, float(fault.values.get("real", 0)))

    # --- the side protocol -------------------------------------------------------------------------------------

    def _side(self, call: Call) -> Answer:
        try:
            with self.kit.lock:
                data = call.json() if call.method == "POST" else call.query
                return Answer(200, self.side(call.method, call.path.removeprefix("/_sandbox/"), data))
        except StagebridgeError as error:
            return Answer(400, {"error": str(error)})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Answer(400, {"error": f"{type(error).__name__}: {error}"})

    def _deliver(self, call: Call) -> Answer:
        try:
            return Answer(200, deliver(self.platform, str(call.json()["url"])))
        except (ValueError, KeyError, TypeError) as error:
            return Answer(400, {"error": f"{type(error).__name__}: {error}"})

    def _act(self, call: Call) -> Answer:
        try:
            return Answer(200, self.platform.act(call.json(), f"http://{call.headers.get('host', '')}"))
        except StagebridgeError as error:
            return Answer(400, {"error": str(error)})
        except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError) as error:
            return Answer(400, {"error": f"{type(error).__name__}: {error}"})

    def side(self, method: str, verb: str, data: Any) -> Any:
        """One verb of the side protocol. Raises `ConfigError`."""
        kit = self.kit
        match (method, verb):
            case ("POST", "reset"):
                kit.reset()
                self.platform.reset()
                return {}
            case ("POST", "seed"):
                return self.platform.seed(data)
            case ("POST", "fault"):
                if data.get("kind") == "none":
                    kit.faults.armed.clear()
                else:
                    kit.faults.arm(data)
                return {"armed": len(kit.faults.armed)}
            case ("POST", "clock"):
                kit.advance(float(data.get("advance", 0)))
                return {"now": kit.now().isoformat()}
            case ("GET", "state"):
                return {"now": kit.now().isoformat(), **self.platform.state()}
            case ("GET", "requests"):
                return kit.log.shown(**data)
            case ("GET", "hooks"):
                return {"hooks": [{**h, "body": h["body"].decode()} for h in self.platform.hooks(str(data["url"]))]}
        raise ConfigError(f"there is no {method} /_sandbox/{verb}")

    # --- answering ---------------------------------------------------------------------------------------------

    async def _start(self, send: Send, status: int, headers: dict[str, str]) -> None:
        headers = {"Date": format_datetime(self.kit.now(), usegmt=True), **headers}
        raw = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})

    async def _send(self, send: Send, answer: Answer) -> None:
        body, headers = answer.encoded()
        if answer.status != 204:
            headers["Content-Length"] = str(len(body))
        await self._start(send, answer.status, headers)
        await send({"type": "http.response.body", "body": b"" if answer.status == 204 else body})
