"""What every stand-in is made of: calls and answers, switches, faults as data, rolling limits, a log of requests."""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

import orjson

from stagebridge.clock import Clock, ElasticClock
from stagebridge.errors import ConfigError

REMEMBERED = 500
"""Requests whose details are kept; the counts are of all."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A behaviour that can be set: because a weak source says so, or because accounts differ."""

    default: Any
    doc: str


@dataclass(slots=True)
class Call:
    """One request. `route` is the path with its ids taken out, set by the platform; `records` how many it carries."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    route: str = ""
    records: int = 0
    faults: list[Fault] = field(default_factory=list)

    def json(self) -> Any:
        return orjson.loads(self.body) if self.body else {}

    def form(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.body.decode(), keep_blank_values=True).items()}

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


TRANSPORT = ("status", "html_502", "timeout_before", "timeout_after", "reset_mid_body", "slow")


@dataclass(slots=True)
class Fault:
    """Something that goes wrong on purpose.

    `method` and `path` are globs over the request; `times` how often it strikes (None: always); `script` a list of
    "ok" or a status, one per matching request; `probability` with the sandbox's seed. `values` are the fault's own
    (a status, seconds, a field).
    """

    kind: str
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    script: list[str] = field(default_factory=list)
    probability: float = 1.0
    skip: int = 0
    values: dict[str, Any] = field(default_factory=dict)

    def fits(self, call: Call) -> bool:
        return fnmatchcase(call.method, self.method) and fnmatchcase(call.path, self.path)


class Kit:
    """One stand-in's surroundings: clock, switches, chance, faults, log."""

    def __init__(
        self,
        switches: Mapping[str, Any],
        known: Mapping[str, Switch],
        clock: Clock | None,
        seed: int,
        faults: tuple[str, ...],
    ) -> None:
        for name in switches:
            if name not in known:
                near = get_close_matches(name, known, 1)
                raise ConfigError(f"this sandbox has no switch '{name}'" + (f" (nearest: {near[0]})" if near else ""))
        self.switches = {n: switches.get(n, s.default) for n, s in known.items()}
        self.clock: Clock = clock or ElasticClock()
        self.seed = seed
        self.random = random.Random(seed)
        self.known_faults = (*TRANSPORT, *faults)
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self.clear_log()

    def now(self) -> datetime:
        """The platform's own clock."""
        return self.clock.now() + timedelta(seconds=float(self.switches.get("skew", 0)))

    def clear_log(self) -> None:
        self.count = 0
        self.by_route: Counter[str] = Counter()
        self.records: Counter[str] = Counter()
        self.last: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)

    def arm(self, data: Mapping[str, Any]) -> None:
        """Arm a fault given as data. Raises `ConfigError` for an unknown kind."""
        values = dict(data)
        kind = values.pop("kind", "")
        if kind not in self.known_faults:
            near = get_close_matches(str(kind), self.known_faults, 1)
            raise ConfigError(f"no fault is called '{kind}'" + (f" (nearest: {near[0]})" if near else ""))
        own = {k: values.pop(k) for k in ("method", "path", "times", "script", "probability", "skip") if k in values}
        if own.get("script"):
            own["times"] = len(own["script"])
        self.faults.append(Fault(kind, **own, values=values))

    def strike(self, call: Call) -> list[Fault]:
        """The faults that strike this call, used up by it."""
        struck = []
        for fault in list(self.faults):
            if not fault.fits(call):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1 and self.random.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
            if fault.script:
                word = fault.script.pop(0)
                if word == "ok":
                    continue
                fault = Fault("status", values={"status": int(word)})
            struck.append(fault)
        return struck

    def standing(self, kind: str) -> list[Fault]:
        """Faults that are a condition of the platform rather than of one request."""
        return [f for f in self.faults if f.kind == kind]

    def log(self, call: Call, status: int) -> None:
        self.count += 1
        route = f"{call.method} {call.route or call.path}"
        self.by_route[route] += 1
        self.records[route] += call.records
        self.last.append(
            {
                "method": call.method,
                "path": call.path,
                "query": call.query,
                "status": status,
                "records": call.records,
                "at": self.now().isoformat(),
                "body": call.body[:4000].decode("utf-8", "replace"),
            }
        )


class Platform(ABC):
    """One platform's behaviour. `handle` runs under the kit's lock."""

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
        """This platform's own body for a status that a fault asks for."""


class Windows:
    """Rolling windows that count and refuse, on the sandbox's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, deque[datetime]] = {}

    def take(self, name: str, limit: int, per: float) -> int | None:
        """Take one call; returns how many remain, None if it is refused."""
        calls = self._calls.setdefault(name, deque())
        now = self._clock.now()
        while calls and calls[0] <= now - timedelta(seconds=per):
            calls.popleft()
        if len(calls) >= limit:
            return None
        calls.append(now)
        return limit - len(calls)
