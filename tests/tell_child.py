"""A process that sends what is due and is killed at a given step: `python tell_child.py CONFIG`, then one order a line on standard
input: the commit or post at which it gets SIGKILL. It forks for every order, so that imports are paid once, and answers with the
child's exit status and the number of steps that it took."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine as SqlEngine

from stagebridge.clock import SystemClock
from stagebridge.config import load_config
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing import sender as sending
from stagebridge.outgoing.poster import Poster
from stagebridge.outgoing.setup import Outgoing
from steps import Steps


def send(path: Path, last: int, pipe: int) -> None:
    sending.LEASE = 150  # what a killed process held is free again soon
    config, steps = load_config(path), Steps(last)
    outgoing = Outgoing(config, SystemClock())
    post = Poster.post

    def counted(self: Poster, *args: Any, **kwargs: Any) -> Any:
        steps()
        answer = post(self, *args, **kwargs)
        steps()
        return answer

    Poster.post = counted  # type: ignore[method-assign]
    ledger = Ledger.open(config.ledger)
    event.listen(SqlEngine, "commit", steps)
    sender = outgoing.sender(ledger)
    sender.flush()
    sender.close()
    os.write(pipe, str(steps.taken).encode())


def main() -> None:
    for line in sys.stdin:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                send(Path(sys.argv[1]), int(line), writing)
                os._exit(0)
            finally:
                os._exit(1)
        os.close(writing)
        _, status = os.waitpid(pid, 0)
        taken = os.read(reading, 32).decode() or "0"
        os.close(reading)
        print(os.waitstatus_to_exitcode(status), taken, flush=True)


if __name__ == "__main__":
    main()
