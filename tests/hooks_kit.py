"""A real `stagebridge serve` on 127.0.0.1, what is behind it without HTTP, and senders that sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from stagebridge.clock import Clock, SystemClock
from stagebridge.config import Config, load_config
from stagebridge.connector import HookRequest
from stagebridge.contact import decode
from stagebridge.delivery.setup import Events
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_sides
from stagebridge.webhooks.doors import open_doors
from stagebridge.webhooks.keeper import commit
from stagebridge.webhooks.metrics import Metrics
from stagebridge.webhooks.work import Work

ROOT = Path(__file__).parents[1]
KEY = bytes(range(24))
SECRETS = {
    "TOKEN": "pat-test", "SECRET": "sandbox-secret", "SHOP": "whsec_" + base64.b64encode(KEY).decode(), "LONG": "k" * 32,
}  # fmt: skip
SHOP: Mapping[str, Any] = {
    "type": "webhook",
    "scheme": "standard",
    "secret": "${SHOP}",
    "mapping": "webhook",
    "mode": "read",
}


def order(number: int, **customer: Any) -> dict[str, Any]:
    """What the shop of mappings/webhook.yaml posts: an order of an invented customer."""
    who = {"id": number, "email": f"person{number}@example.com", "first_name": f"Given{number}", **customer}
    paid = datetime.fromtimestamp(1_767_323_045 + number, UTC).isoformat()
    return {
        "customer": who,
        "order": {"id": f"order-{number}", "number": str(number), "paid_at": paid, "total_cents": 3050, "currency": "EUR"},
    }  # fmt: skip


def signed(body: bytes, id: str = "msg_1", *, at: float | None = None, key: bytes = KEY) -> dict[str, str]:
    """Headers of Standard Webhooks, written from its text and not with our verifier."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        "content-type": "application/json",
    }  # fmt: skip


def message(number: int, **customer: Any) -> tuple[bytes, dict[str, str]]:
    """An order's body and its headers."""
    body = json.dumps(order(number, **customer)).encode()
    return body, signed(body, f"msg_{number}")


@dataclass
class Served:
    """A running `stagebridge serve`."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> requests.Response:
        return self.session.post(self.url + path, data=body, headers=dict(headers or {}), timeout=15)

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, timeout=15)

    def metric(self, name: str) -> float:
        """One line of /metrics, its prefix left out; 0 where it is not there."""
        found = re.search(rf"^stagebridge_webhooks_{re.escape(name)} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def worked_on(self, seconds: float = 30) -> None:
        """Wait until nothing waits."""
        until(lambda: self.metric("waiting") == 0, seconds, "records still wait")

    def log(self) -> str:
        return (self.folder / "serve.log").read_text("utf-8")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def until(holds: Any, seconds: float, otherwise: str) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)


def configure(folder: Path, connections: Mapping[str, Any], **sections: Any) -> Path:
    path = folder / "stagebridge.yaml"
    path.write_text(json.dumps({"version": 1, "connections": connections, **sections}), "utf-8")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(folder: Path, *, ready: bool = True, extra: Sequence[str] = ()) -> Iterator[Served]:
    """`stagebridge serve` of the configuration in a folder, as a process of its own."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "stagebridge",
        "-c",
        str(folder / "stagebridge.yaml"),
        "serve",
        "--port",
        str(port),
    ]
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen([*command, *extra], env={**os.environ, **SECRETS}, cwd=ROOT, stdout=log, stderr=log)
    served = Served(folder, process, port)
    try:
        if ready:
            until(lambda: process.poll() is not None or _ready(served), 60, "it did not become ready")
            assert process.poll() is None, served.log()
        yield served
    finally:
        served.session.close()
        if process.poll() is None:
            process.terminate()
            process.wait(40)


def _ready(served: Served) -> bool:
    try:
        return served.get("/readyz").status_code == 200
    except requests.ConnectionError:
        return False


class Inbox:
    """Doors, the ledger and the work of `stagebridge serve` in this process, without HTTP: what comes is committed as it would
    be, and worked on when a test says so."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.config = config_in(folder)
        self.clock = clock or SystemClock()
        self.doors = open_doors(self.config, self.clock)
        sides, failures = open_sides(self.config, self.clock)
        assert not failures, failures
        ledger = Ledger.open(self.config.ledger)
        self.engine = Engine(self.config.contacts, ledger, sides, self.config.lifecycle, self.clock)
        self.events = Events(self.config, self.engine, self.clock)
        self.metrics = Metrics()
        self.work = Work(self.events, {s.name: s for s in sides}, self.metrics)

    def take(self, name: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises `Refused`."""
        request = HookRequest("POST", f"https://hooks.example.com/hooks/{name}", dict(headers), body)
        commit(self.engine.ledger, [self.doors[name].receive(request)])

    def close(self) -> None:
        self.engine.ledger.close()


@contextmanager
def inbox(folder: Path, clock: Clock | None = None) -> Iterator[Inbox]:
    opened = Inbox(folder, clock)
    try:
        yield opened
    finally:
        opened.close()


def config_in(folder: Path) -> Config:
    return load_config(folder / "stagebridge.yaml", SECRETS)


def asked(folder: Path, query: sa.Select[Any]) -> list[Any]:
    """What the ledger of a folder answers."""
    ledger = Ledger.open(config_in(folder).ledger)
    try:
        with ledger.look() as tx:
            return list(tx.execute(query).scalars())
    finally:
        ledger.close()


def held(folder: Path) -> dict[str, dict[str, Any]]:
    """{address: values} of the contacts in the ledger."""
    rows = asked(folder, sa.select(t.contact.c.data).where(t.contact.c.merged_into.is_(None)))
    return {values["email"]: values for values in map(decode, rows)}


def events_in(folder: Path) -> list[str]:
    """The ids of the events in the ledger."""
    return sorted(asked(folder, sa.select(t.event.c.id)))


def accepted_in(folder: Path) -> int:
    """Deliveries in the ledger."""
    return len(asked(folder, sa.select(t.hook.c.id)))


def raw(served: Served, head: str, body: bytes = b"", *, seconds: float = 20) -> bytes:
    """What comes back for bytes that no client would send."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=seconds) as wire:
        wire.sendall(head.replace("\n", "\r\n").encode("latin-1") + body)
        back = b""
        try:
            while part := wire.recv(65536):
                back += part
        except (TimeoutError, ConnectionResetError):
            pass
        return back
