"""One Zapier account: its Zaps, and the runs that requests started."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from stagebridge.sandbox import Kit

STATUSES = ("received", "waiting", "success", "error")


@dataclass(slots=True)
class Zap:
    """`path` is what comes after /hooks/: `catch/USER/HOOK` or `standard/USER/ID`. `child` picks off one key of what was caught,
    `raw` takes it unparsed. `event` and `subscribed` are of a Zap that subscribes."""

    id: str
    path: str
    on: bool = True
    raw: bool = False
    child: str = ""
    event: str | None = None
    subscribed: Any = None
    stopped: str = ""
    """Why its steps are not run any more."""
    seen: set[str] = field(default_factory=set)
    """The ids of what started it."""

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id, "path": f"/hooks/{self.path}/", "on": self.on, "event": self.event, "subscribed": self.subscribed,
            "stopped": self.stopped, "seen": len(self.seen),
        }  # fmt: skip


@dataclass(slots=True)
class Run:
    """One run of a Zap: what it was given, and what became of its step. `repeat`: the Zap had one with this id before. `due` is
    when it begins, or goes on."""

    id: str
    zap: str
    data: Any
    headers: dict[str, str]
    at: datetime
    due: datetime
    repeat: bool = False
    status: str = "received"
    said: Any = None

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id, "zap": self.zap, "data": self.data, "headers": self.headers, "at": self.at.isoformat(),
            "due": self.due.isoformat(), "repeat": self.repeat, "status": self.status, "said": self.said,
        }  # fmt: skip


class Account:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.user = str(kit.switches["user"])
        self.zaps: dict[str, Zap] = {}
        self.runs: dict[str, Run] = {}
        self.lost = 0
        """What was answered with success and started nothing."""
        self.throttled = 0

    def id(self) -> str:
        return f"{self.kit.random.getrandbits(48):012x}"

    def add(self, zap: Zap) -> Zap:
        self.zaps[zap.id] = zap
        return zap

    def at(self, path: str) -> Zap | None:
        return next((z for z in self.zaps.values() if z.path == path), None)

    def start(self, zap: Zap, data: Any, headers: dict[str, str]) -> None:
        """A run of `data`, unless the Zap drops what it knows by its id."""
        known = str(data["id"]) if isinstance(data, dict) and data.get("id") is not None else None
        repeat = known is not None and known in zap.seen
        if repeat and self.kit.switches["dedupe_hooks"]:
            return
        if known is not None:
            zap.seen.add(known)
        now = self.kit.now()
        due = now + timedelta(seconds=self.kit.switches["delay"])
        run = Run(self.id(), zap.id, data, headers, now, due, repeat)
        self.runs[run.id] = run

    def begun(self) -> list[Run]:
        """The runs that have begun by now."""
        return [r for r in self.runs.values() if r.at + timedelta(seconds=self.kit.switches["delay"]) <= self.kit.now()]


__all__ = ["STATUSES", "Account", "Run", "Zap"]
