"""A process that syncs and is killed at a given step: `python kill_child.py CONFIG SANDBOX`, then one order a line on
standard input, `step N` (SIGKILL at the Nth commit or send), or `after SECONDS`. It forks for every order, so that imports
and a look at the accounts are paid once, and answers with the child's exit status and the number of steps that it took."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine as SqlEngine

from stagebridge.config import Config, load_config
from stagebridge.http import Client
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import RemoteClock
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_sides
from stagebridge.sync.side import Side
from steps import Steps


def sync(config: Config, clock: RemoteClock, sides: list[Side], steps: Steps) -> None:
    clock.read()
    for side in sides:
        side.connector.close()  # this process has connections of its own
    engine = Engine(config.contacts, Ledger.open(config.ledger), sides, config.lifecycle, clock, flight=1)
    event.listen(SqlEngine, "commit", steps)
    send = Client._send

    def counted(self: Client, *args: Any, **kwargs: Any) -> Any:
        steps()
        answer = send(self, *args, **kwargs)
        steps()
        return answer

    Client._send = counted  # type: ignore[method-assign]
    engine.sync()


def child(order: str, config: Config, clock: RemoteClock, sides: list[Side], pipe: int) -> None:
    kind, _, number = order.partition(" ")
    steps = Steps(int(number) if kind == "step" else 10**9)
    if kind == "after":
        threading.Timer(float(number), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    sync(config, clock, sides, steps)
    os.write(pipe, str(steps.taken).encode())
    os._exit(0)


def main() -> None:
    config_path, url = sys.argv[1:]
    sides: list[Side] = []
    for line in sys.stdin:
        if not sides:
            config = load_config(Path(config_path), {"TOKEN": "pat-test", "SECRET": "sandbox-secret"})
            clock = RemoteClock(url)
            sides, _ = open_sides(config, clock)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                child(line.strip(), config, clock, sides, writer)
            finally:
                os._exit(1)
        os.close(writer)
        taken = os.read(reader, 100).decode() or "0"
        os.close(reader)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), taken, flush=True)


if __name__ == "__main__":
    main()
