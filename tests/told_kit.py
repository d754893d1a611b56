"""Two systems that are kept in step, and somebody who is told: an address that answers by script, on the clock of the test."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_world import SECRETS, World, world
from stagebridge.clock import ElasticClock, ManualClock
from stagebridge.config import load_config
from stagebridge.delivery.setup import Events
from stagebridge.endpoint import Answer
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.poster import NotSent
from stagebridge.outgoing.sender import Sender
from stagebridge.outgoing.setup import Outgoing
from stagebridge.sync.desk import Desk
from stagebridge.sync.engine import Engine, RoundReport

KEYS = [bytes([n]) * 24 for n in (1, 2)]
NEW, OLD = ("whsec_" + base64.b64encode(key).decode() for key in KEYS)
SECRETS.update(NEW=NEW, OLD=OLD)


@dataclass
class Told:
    """One post as it arrived."""

    url: str
    body: bytes
    headers: dict[str, str]
    at: float

    @property
    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """Answers by script, one status per post, the last one for ever; `down` are addresses that nobody listens at."""

    clock: ElasticClock | ManualClock
    script: list[int | Answer] = field(default_factory=lambda: [200])
    down: set[str] = field(default_factory=set)
    tries: list[Told] = field(default_factory=list)
    taken: list[Told] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        told = Told(url, body, dict(headers), self.clock.now().timestamp())
        self.tries.append(told)
        if url in self.down:
            raise NotSent("connection refused")
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        answer = Answer(reply) if isinstance(reply, int) else reply
        if 200 <= answer.status < 300:
            self.taken.append(told)
        return answer

    def types(self) -> list[str]:
        return [t.said["type"] for t in self.taken]


def sends(url: str = "https://told.example.com/in", **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "send": {"url": url, "secret": "${NEW}", **more}}


@dataclass
class Telling:
    """A world whose engine tells."""

    world: World
    receiver: Receiver

    def sync(self, wait: float = 130.0) -> RoundReport:
        """A round, and whatever is due is posted."""
        self.world.clock.sleep(wait)
        engine = self.world.engine()
        outgoing = Outgoing(engine_config(self.world), self.world.clock)
        Events(engine_config(self.world), engine, self.world.clock)
        outgoing.attach(engine.desk)
        sender = outgoing.sender(engine.ledger, self.receiver)
        try:
            report = engine.sync()
            sender.flush()
        finally:
            sender.close()
            outgoing.close()
            engine.ledger.close()
        return report


def engine_config(w: World) -> Any:
    return load_config(w.folder / "stagebridge.yaml", SECRETS)


@contextmanager
def telling(folder: Path, told: Mapping[str, Any], **document: Any) -> Iterator[Telling]:
    """A HubSpot and a Salesforce, each with a few people, in step since a while."""
    with world(folder, crm="hubspot", sales="salesforce") as w:
        w.files = dict(told)
        w.contacts = {"initial": {"prefer": "crm"}, "between": ["crm", "sales"]}
        w.document = document
        w.boxes["crm"].seed([
            {"email": f"{name}@example.com", "firstname": name.title(), "lastname": "L", "lifecyclestage": "lead"}
            for name in ("ada", "bob")
        ])  # fmt: skip
        it = Telling(w, Receiver(w.clock))
        for _ in range(2):
            it.sync()
        yield it


@dataclass
class Queue:
    """A ledger with messages for some connections, and no platform: for what happens on the way out."""

    folder: Path
    clock: ManualClock
    receiver: Receiver
    outgoing: Outgoing
    ledger: Ledger
    desk: Desk

    def sender(self) -> Sender:
        return self.outgoing.sender(self.ledger, self.receiver)

    def send(self) -> None:
        sender = self.sender()
        try:
            sender.flush()
        finally:
            sender.close()


@contextmanager
def queue(folder: Path, clock: ManualClock, told: Mapping[str, Any], **document: Any) -> Iterator[Queue]:
    path = folder / "stagebridge.yaml"
    path.write_text(json.dumps({"version": 1, "connections": dict(told), **document}), "utf-8")
    config = load_config(path, SECRETS)
    ledger = Ledger.open(config.ledger)
    outgoing = Outgoing(config, clock)
    engine = Engine(config.contacts, ledger, [], config.lifecycle, clock)
    Events(config, engine, clock)
    outgoing.attach(engine.desk)
    try:
        yield Queue(folder, clock, Receiver(clock), outgoing, ledger, engine.desk)
    finally:
        outgoing.close()
        ledger.close()


def alert_each(q: Queue, names: Sequence[str]) -> None:
    """A message for whoever wants conflicts told, per name, in this order."""
    from stagebridge.sync import alerts

    for name in names:
        alerts.alert("conflict.opened", connection=name, conflict="duplicate", count=1)
    with q.ledger.begin() as tx:
        q.outgoing.alerts.write(tx)
