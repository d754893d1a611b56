"""How the command talks: tables for people, JSON for programs, one sentence and a hint for what went wrong."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from stagebridge.clock import Clock, SystemClock
from stagebridge.config import Config, load_config
from stagebridge.delivery.setup import Events
from stagebridge.errors import StagebridgeError
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.setup import Outgoing
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_sides
from stagebridge.sync.side import Side


@dataclass
class State:
    """What the options before the command said."""

    path: Path = Path("stagebridge.yaml")
    debug: bool = False
    clock: Clock = field(default_factory=SystemClock)

    def config(self) -> Config:
        return load_config(self.path)

    def ledger(self) -> Ledger:
        return Ledger.open(self.config().ledger)


STATE = State()
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


class _Alerts(logging.Handler):
    """Alerts on standard error, one line each, for whoever reads a scheduled job's output."""

    def emit(self, record: logging.LogRecord) -> None:
        err.print(f"alert {record.getMessage()}", markup=False, highlight=False)


def listen() -> None:
    log = logging.getLogger("stagebridge.alerts")
    log.handlers, log.propagate = [_Alerts()], False


def emit(data: Any) -> None:
    """JSON on standard output."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
    """Rows as a table; a sentence where there are none."""
    listed = list(rows)
    if not listed:
        out.print(empty)
        return
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.replace("_", " "), overflow="fold")
    for row in listed:
        made.add_row(*("" if row.get(c) is None else str(row.get(c)) for c in columns))
    if out.is_terminal:
        out.print(made)
        return
    whole = Measurement.get(out, out.options.update(max_width=100_000), made).maximum
    Console(file=out.file, width=max(out.width, whole)).print(made)  # a row is a line, for `grep`


def complain(error: StagebridgeError) -> None:
    err.print(f"[bold red]error[/] {error.code}: ", end="")
    err.print(str(error), markup=False, highlight=False)
    if error.hint:
        err.print(f"  {error.hint}", markup=False, highlight=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a command works with. `failures` are connections that could not be opened, with the error."""

    config: Config
    engine: Engine
    events: Events
    outgoing: Outgoing
    failures: dict[str, StagebridgeError]


def open_all(*, progress: bool = False) -> Opened:
    """Every connection that can be opened, with an engine between them, and events on both ends."""
    config = STATE.config()
    ledger = Ledger.open(config.ledger)
    outgoing = Outgoing(config, STATE.clock)
    sides, failures = open_sides(config, STATE.clock)
    if failures and not sides:
        raise next(iter(failures.values()))
    show = _progress if progress else None
    engine = Engine(config.contacts, ledger, sides, config.lifecycle, STATE.clock, progress=show, notice=_notice)
    events = Events(config, engine, STATE.clock)
    outgoing.attach(engine.desk)
    return Opened(config, engine, events, outgoing, failures | events.failures)


def open_engine() -> tuple[Config, Engine, dict[str, StagebridgeError]]:
    """For commands that send no events themselves; those that they cause are queued."""
    opened = open_all()
    return opened.config, opened.engine, opened.failures


def side_of(name: str) -> Side:
    """One connection, opened. Raises `ConfigError` for a name that is not there."""
    from stagebridge.document import nearest
    from stagebridge.errors import ConfigError
    from stagebridge.sync.setup import open_side

    config = STATE.config()
    if name not in config.connections:
        raise ConfigError(f"no connection is called '{name}'{nearest(name, config.connections)}")
    return open_side(config.connections[name], config.lifecycle, STATE.clock)


def _notice(sentence: str) -> None:
    err.print(sentence, markup=False, highlight=False)


def _progress(connection: str, step: str, count: int) -> None:
    if err.is_terminal:
        err.print(f"{connection}: {step} {count}", end="\r")
    elif count % 5000 < 200:
        err.print(f"{connection}: {step} {count}")
