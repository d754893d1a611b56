"""Things that go wrong on purpose, as data."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from stagebridge.clock import Clock
from stagebridge.errors import ConfigError

if TYPE_CHECKING:
    from stagebridge.sandbox.kit import Call

STRIKES: Mapping[str, frozenset[str]] = {
    "status": frozenset({"status"}),
    "rate_limit": frozenset({"policy"}),
    "html_502": frozenset(),
    "timeout_before": frozenset({"hang"}),
    "timeout_after": frozenset({"hang"}),
    "reset_mid_body": frozenset(),
    "slow": frozenset({"seconds", "real"}),
}
"""What the kit carries out itself, each with the values it understands. All but `slow` end the request."""

CONDITIONS = frozenset({
    "normalise", "drop_field", "index_lag", "late_commit", "duplicate_hooks", "reorder_hooks",
})  # fmt: skip
"""States of the platform rather than of one request: they last until healed, or for `lasts` seconds."""

WRITES_ONLY = frozenset({"edit_before_write", "partial_batch"})
"""Kinds that would be wasted on a request that writes nothing."""

OWN_FIELDS = ("method", "path", "writes", "times", "script", "probability", "skip", "lasts")


@dataclass(slots=True)
class Fault:
    """One armed fault.

    `method` and `path` are globs over the request; `writes` lets those pass that change no record. `times`: how often it strikes (None: until healed). `script`: one word
    per matching request, a status, "ok" or the name of a fault. `probability` is drawn with the sandbox's seed. `skip`:
    matching requests to let pass first. `until`: when it ends by itself. `values` are the fault's own: a status, seconds,
    a field; `id` restricts it to requests that mention this text in path or body.
    """

    kind: str
    method: str = "*"
    path: str = "*"
    writes: bool = False
    times: int | None = 1
    script: list[str] = field(default_factory=list)
    probability: float = 1.0
    skip: int = 0
    until: datetime | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def fits(self, call: Call) -> bool:
        wanted = str(self.values.get("id", ""))
        return (
            fnmatchcase(call.method, self.method)
            and fnmatchcase(call.path, self.path)
            and (not wanted or wanted in call.path or wanted.encode() in call.body)
        )


class Faults:
    """The armed faults of one sandbox. `own` are the kinds that its platform carries out."""

    def __init__(self, own: Collection[str], clock: Clock, seed: int) -> None:
        self.known = (*STRIKES, *own)
        self.armed: list[Fault] = []
        self._clock = clock
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        self.armed.clear()
        self._chance = random.Random(f"faults {self._seed}")

    def arm(self, data: Mapping[str, Any]) -> None:
        """Arm a fault given as data. Raises `ConfigError` for an unknown kind or value."""
        values = dict(data)
        kind = str(values.pop("kind", ""))
        if kind not in self.known:
            raise ConfigError(f"no fault of this sandbox is called '{kind}'{nearest(kind, self.known)}")
        own = {k: values.pop(k) for k in OWN_FIELDS if k in values}
        allowed = STRIKES.get(kind)
        if allowed is not None and (strange := sorted(values.keys() - allowed - {"id"})):
            raise ConfigError(
                f"the fault '{kind}' has no value '{strange[0]}'{nearest(strange[0], [*allowed, *OWN_FIELDS])}"
            )
        if kind == "status" and "status" not in values and not own.get("script"):
            raise ConfigError("the fault 'status' needs a `status` or a `script`")
        script = own["script"] = [str(word) for word in own.get("script", [])]
        for word in script:
            if word != "ok" and not word.isdigit() and word not in STRIKES:
                raise ConfigError(f"a script has no word '{word}'{nearest(word, ['ok', *STRIKES])}")
        if script:
            own["times"] = len(script)
        lasts = own.pop("lasts", None)
        if lasts is not None:
            own["until"] = self._clock.now() + timedelta(seconds=float(lasts))
        if lasts is not None or kind in CONDITIONS:
            own.setdefault("times", None)
        self.armed.append(Fault(kind, **own, values=values))

    def strike(self, call: Call, *, writes: bool) -> list[Fault]:
        """The faults that strike this request, used up by it. At most one of them ends it."""
        self._expire()
        struck: list[Fault] = []
        for fault in list(self.armed):
            if fault.kind in CONDITIONS or not fault.fits(call):
                continue
            if not writes and (fault.writes or fault.kind in WRITES_ONLY):
                continue
            ends = fault.kind in STRIKES and fault.kind != "slow"
            if ends and any(f.kind in STRIKES and f.kind != "slow" for f in struck):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1 and self._chance.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.armed.remove(fault)
            struck += self._spoken(fault) if fault.script else [fault]
        return struck

    def standing(self, kind: str) -> list[Fault]:
        """Conditions of this kind that hold now."""
        self._expire()
        return [f for f in self.armed if f.kind == kind]

    def _spoken(self, fault: Fault) -> list[Fault]:
        word = fault.script.pop(0)
        if word == "ok":
            return []
        return [Fault("status", values={"status": int(word)}) if word.isdigit() else Fault(word, values=fault.values)]

    def _expire(self) -> None:
        if any(f.until is not None for f in self.armed):
            now = self._clock.now()
            self.armed = [f for f in self.armed if f.until is None or f.until > now]


def normalised(fault: Fault, value: str) -> str:
    """What a platform stores of `value` under a `normalise` fault: `how` is upper, lower, title, strip or truncate
    (to `length` characters, 10 unless told)."""
    match str(fault.values.get("how", "upper")):
        case "upper":
            return value.upper()
        case "lower":
            return value.lower()
        case "title":
            return value.title()
        case "strip":
            return value.strip()
        case "truncate":
            return value[: int(fault.values.get("length", 10))]
        case how:
            raise ConfigError(
                f"normalise has no '{how}'{nearest(how, ['upper', 'lower', 'title', 'strip', 'truncate'])}"
            )


def nearest(word: str, known: Collection[str]) -> str:
    """` (nearest: …)`, or nothing if nothing is near."""
    near = get_close_matches(word, known, 1)
    return f" (nearest: {near[0]})" if near else ""
