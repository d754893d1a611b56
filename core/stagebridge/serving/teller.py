"""Messages out, for as long as the process lives, beside everything else."""

from __future__ import annotations

import logging
import threading

from stagebridge.errors import StagebridgeError
from stagebridge.outgoing.sender import Sender

log = logging.getLogger("stagebridge.outgoing")

LOOK = 0.5
"""Seconds between two looks for messages: a command may have noted some too."""
AGAIN = 30.0
"""Seconds until the next look where the ledger could not be read."""


class Teller(threading.Thread):
    def __init__(self, sender: Sender) -> None:
        super().__init__(name="messages out", daemon=True)
        self.sender = sender
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self._step()):
            pass

    def _step(self) -> float:
        """Seconds until the next look."""
        try:
            self.sender.begin()
        except StagebridgeError as error:
            log.error("%s: %s", error.code, error)
            return AGAIN
        except Exception:
            log.exception("the work on messages failed")
            return AGAIN
        return LOOK

    def stop(self) -> None:
        """Posts that are under way are finished; they end within seconds."""
        self._stopped.set()
        self.join(timeout=5)
        self.sender.close()


__all__ = ["Teller"]
