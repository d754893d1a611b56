"""What runs in one process beside the HTTP side: whoever works on what it took in, the checkpoints of the ledger."""

from __future__ import annotations

import logging
import threading
import time

from stagebridge.access.throttle import Throttle
from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.delivery.setup import Events
from stagebridge.errors import Busy, StagebridgeError
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.setup import Outgoing
from stagebridge.serving.teller import Teller
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_sides
from stagebridge.webhooks.doors import Door, kept_for, open_doors
from stagebridge.webhooks.keeper import Keeper
from stagebridge.webhooks.metrics import Metrics
from stagebridge.webhooks.setup import open_work
from stagebridge.webhooks.work import Work

log = logging.getLogger("stagebridge.webhooks")

REMEMBERED = 7 * 86400.0
"""Seconds that a delivery is remembered at the least."""
NEXT = 0.2
"""Seconds between two looks for work, while webhooks come in; a burst is worked on together."""
IDLE = 5.0
"""Seconds between two looks while none come: another process may have accepted some."""
CHECKPOINT = 1.0
"""Seconds between two checkpoints of the ledger."""
STANDS_ASIDE = 1.0
"""Seconds until the next try while a run holds the ledger."""
MOMENT = 3.0
"""Seconds that the end waits for a piece of work: for what is being written, and not for a platform that does not answer. What is
cut off is worked on by the next one."""
TOLD = 60.0
"""Seconds between two alerts about what could not be worked on."""
AGAIN = 30.0
"""Seconds until a connection that failed is tried again."""


class Hall:
    """Everything that the app works with; see `receive.Hall`."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.metrics = Metrics()
        self.ready = False
        self.doors: dict[str, Door] = {}
        self.throttle = Throttle()
        self.outgoing = Outgoing(config, clock)
        self.outlets = self.outgoing.outlets
        self.wake = threading.Event()
        self._closed = threading.Event()
        self._worker = Worker(self)

    def open(self) -> None:
        """Raises `ConfigError` and `LedgerError`: without a ledger nothing is accepted."""
        self.doors = open_doors(self.config, self.clock)
        self.reading = Ledger.open(self.config.ledger)
        self.writing = Ledger.open(self.config.ledger, durable=True, checkpoints=False)
        self.keeper = Keeper(Ledger.open(self.config.ledger, durable=True, checkpoints=False), self.wake.set)
        self.keeper.start()
        self._worker.start()
        sender = self.outgoing.sender(Ledger.open(self.config.ledger, checkpoints=False), count=self._sent)
        self._teller = Teller(sender)
        if self.outlets:
            self._teller.start()
        threading.Thread(target=self._checkpoints, name="checkpoints", daemon=True).start()
        self.ready = True

    def _sent(self, what: str, connection: str) -> None:
        self.metrics.count(f"messages_{what}", connection)

    def _checkpoints(self) -> None:
        """Beside everything else: whoever waits for an answer does not wait for this."""
        while not self._closed.wait(CHECKPOINT):
            try:
                self.reading.checkpoint()
            except StagebridgeError as error:
                log.error("%s: %s", error.code, error)

    @property
    def heard(self) -> list[str]:
        """Connections that people and conversions come from by themselves."""
        api = [n for n, c in self.config.connections.items() if c.capabilities.api]
        return list(dict.fromkeys([*self.doors, *api]))

    def troubles(self) -> list[str]:
        return list(self._worker.troubles.values())

    def close(self) -> None:
        """What was accepted is committed; what is being worked on is finished, if that takes a moment only."""
        if self.ready:
            self.ready = False
            self._closed.set()
            self.keeper.stop()
            self._worker.stop()
            if self._teller.is_alive():
                self._teller.stop()
            self.outgoing.close()


class Worker(threading.Thread):
    """Works on what waits, now and then, for as long as the process lives."""

    def __init__(self, hall: Hall) -> None:
        super().__init__(name="webhooks at work", daemon=True)
        self.hall = hall
        self.troubles: dict[str, str] = {}
        """{connection: a sentence}"""
        self._work: Work | None = None
        self._due: dict[str, float] = {}
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()
        self.hall.wake.set()
        self.join(MOMENT)

    def run(self) -> None:
        while not self._stopped.is_set():
            self.hall.wake.clear()
            pause = IDLE
            try:
                self._step()
            except Busy:
                pause = STANDS_ASIDE
            except StagebridgeError as error:
                log.error("%s: %s", error.code, error)
                pause = AGAIN
            except Exception:
                log.exception("the work on webhooks failed")
                pause = AGAIN
            if pause == IDLE:
                self.hall.wake.wait(IDLE)
                pause = NEXT
            self._stopped.wait(pause)
        if self._work is not None:
            self._work.tell()

    def _step(self) -> None:
        work = self._work = self._opened()
        work.records()
        for side in work.hinted():
            if time.monotonic() < self._due.get(side.name, 0.0):
                continue
            try:
                work.fetch(side)
                self.troubles.pop(side.name, None)
            except Busy:
                raise
            except StagebridgeError as error:
                self._failed(side.name, error)
        if self._is_due("letters", TOLD):
            work.tell()
        if self._is_due("housekeeping", 3600.0):
            work.tidy(kept_for(self.hall.doors, REMEMBERED))

    def _opened(self) -> Work:
        """Opened again after a while where something could not be."""
        if self._work is not None and not (self.troubles and self._is_due("opening", AGAIN)):
            return self._work
        config, clock = self.hall.config, self.hall.clock
        self._is_due("opening", AGAIN)
        sides, failures = open_sides(config, clock)
        engine = Engine(config.contacts, Ledger.open(config.ledger, checkpoints=False), sides, config.lifecycle, clock)
        events = Events(config, engine, clock)
        self.hall.outgoing.attach(engine.desk)
        work, closed = open_work(
            config, events, clock, self.hall.heard, failures, self.hall.metrics, self.hall.keeper.aside
        )
        self.troubles = {}
        for name, failure in (failures | closed | events.failures).items():
            self._failed(name, failure)
        return work

    def _failed(self, name: str, error: StagebridgeError) -> None:
        self.troubles[name] = f"{name}: {error.code}: {error}"
        self._due[name] = time.monotonic() + AGAIN
        log.warning("%s", self.troubles[name])

    def _is_due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every
        return True


__all__ = ["Hall", "Worker"]
