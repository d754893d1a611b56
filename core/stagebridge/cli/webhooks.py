"""What webhooks brought while no `serve` was there to work on it, for commands that bring in what changed."""

from __future__ import annotations

from stagebridge.cli.console import STATE, Opened, out
from stagebridge.webhooks.setup import open_work, waiting


def work_on(opened: Opened) -> int:
    """Work on everything that waits; how many webhooks that were. Connections that could not be opened are added to the
    failures, and theirs go on waiting."""
    names = waiting(opened.engine.ledger)
    if not names:
        return 0
    work, failures = open_work(opened.config, opened.events, STATE.clock, names, opened.failures)
    opened.failures.update(failures)
    done = 0
    with opened.engine.desk.hold():
        while some := work.some():
            done += some
    work.tell()
    return done


def show_worked_on(count: int) -> None:
    if count:
        out.print(f"webhooks worked on: {count}")
