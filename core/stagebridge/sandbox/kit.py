"""What every stand-in is made of: calls and answers, switches, and the platform's behaviour itself."""

from __future__ import annotations

import json
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

import orjson

from stagebridge.clock import Clock, ElasticClock, SystemClock
from stagebridge.errors import ConfigError
from stagebridge.sandbox.faults import Fault, Faults, nearest
from stagebridge.sandbox.log import RequestLog


@dataclass(frozen=True, slots=True)
class Switch:
    """A behaviour that can be set: because a weak source says so, or because accounts differ.

    A default of None takes any value; else a value must be of the default's type. Text is read as JSON where the default
    is not text, so that a command line can set every switch.
    """

    default: Any
    doc: str

    def typed(self, name: str, value: Any) -> Any:
        """`value` as this switch takes it. Raises `ConfigError`."""
        if isinstance(value, str) and not isinstance(self.default, str):
            try:
                value = json.loads(value)
            except ValueError:
                if self.default is not None:
                    raise ConfigError(f"the switch '{name}' cannot be '{value}': {self.doc}") from None
        if self.default is None or value is None:
            return value
        kind = type(self.default)
        if kind is float and type(value) is int:
            return float(value)
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise ConfigError(f"the switch '{name}' takes a {kind.__name__}, not {value!r}: {self.doc}")
        return value


@dataclass(slots=True)
class Call:
    """One request. The platform sets `route`, the path with its ids taken out, `endpoint`, the class of endpoints that
    it is limited with, and `records`, how many it carries."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    route: str = ""
    records: int = 0
    faults: list[Fault] = field(default_factory=list)
    endpoint: str = ""

    def json(self) -> Any:
        return orjson.loads(self.body) if self.body else {}

    def form(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    def listed(self, name: str) -> list[str]:
        """The values of a query parameter that may be repeated (`a=x&a=y`), separated by commas, or both."""
        return [part for part in self.query.get(name, "").split(",") if part]

    @property
    def segments(self) -> list[str]:
        return [unquote(s) for s in self.path.strip("/").split("/")]


@dataclass(slots=True)
class Answer:
    """`body` is JSON unless it is bytes; None is empty."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        if self.body is None:
            return b"", dict(self.headers)
        if isinstance(self.body, bytes):
            return self.body, {"Content-Type": "text/plain;charset=UTF-8", **self.headers}
        return orjson.dumps(self.body), {"Content-Type": "application/json;charset=utf-8", **self.headers}


class Kit:
    """One stand-in's surroundings: clock, switches, chance, faults, log. `lock` is held for every request."""

    def __init__(
        self, switches: Mapping[str, Any], known: Mapping[str, Switch], clock: Clock | None, seed: int,
        faults: tuple[str, ...],
    ) -> None:  # fmt: skip
        for name in switches:
            if name not in known:
                raise ConfigError(f"this sandbox has no switch '{name}'{nearest(name, known)}")
        self.switches = {n: s.typed(n, switches[n]) if n in switches else s.default for n, s in known.items()}
        self.clock: Clock = clock or ElasticClock()
        self.seed = seed
        self.random = random.Random(seed)
        self.faults = Faults(faults, self.clock, seed)
        self.log = RequestLog()
        self.lock = threading.RLock()
        self.broken: list[str] = []
        """Tracebacks of the stand-in's own mistakes, which must never pass for the platform's answers."""

    def now(self) -> datetime:
        """The platform's own clock."""
        return self.clock.now() + timedelta(seconds=float(self.switches.get("skew", 0)))

    def advance(self, seconds: float) -> None:
        """Move the clock. Raises `ConfigError` where it is the machine's."""
        if isinstance(self.clock, SystemClock):
            raise ConfigError("this sandbox runs on the machine's clock, which cannot be moved")
        self.clock.sleep(seconds)

    def reset(self) -> None:
        self.faults.reset()
        self.log.clear()
        self.random.seed(self.seed)

    def standing(self, kind: str) -> list[Fault]:
        """Faults that are a condition of the platform rather than of one request."""
        return self.faults.standing(kind)


class Platform(ABC):
    """One platform's behaviour: data where it can be, `handle` for the rest. Every method runs under the kit's lock."""

    name: ClassVar[str]
    switches: ClassVar[Mapping[str, Switch]] = {}
    faults: ClassVar[tuple[str, ...]] = ()
    """Kinds of fault that the platform carries out itself."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.reset()

    @abstractmethod
    def reset(self) -> None: ...

    @abstractmethod
    def seed(self, data: Any) -> Any: ...

    @abstractmethod
    def state(self) -> Any: ...

    @abstractmethod
    def handle(self, call: Call) -> Answer: ...

    @abstractmethod
    def failure(self, status: int, call: Call) -> Answer:
        """This platform's own body for a status that a fault asks for; 400 for a body that is no JSON."""

    def is_write(self, call: Call) -> bool:
        """Whether this request changes records."""
        return call.method not in ("GET", "HEAD")

    def hooks(self, url: str) -> list[dict[str, Any]]:
        """The webhook requests that are due, `{"method", "url", "headers", "body": bytes}`, signed for `url`; they count
        as sent."""
        return []

    def act(self, data: Any, here: str) -> Any:
        """Let somebody there do what makes the platform call others, and say what came of it. `here` is the URL under which
        it is reached itself. Runs without the kit's lock, which is for looking at the platform and changing it only: whoever
        is called may well call back before he answers."""
        raise NotImplementedError(f"{self.name} calls nobody")

    def undelivered(self, request: dict[str, Any]) -> None:
        """One of `hooks` was not accepted: it is due again when the platform would try again."""
        raise NotImplementedError(f"{self.name} sends no webhooks")
