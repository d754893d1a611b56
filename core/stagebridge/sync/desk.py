"""What one run works with: the ledger, the clock, the run's number, and who is told how it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import orjson
import sqlalchemy as sa

from stagebridge.clock import Clock
from stagebridge.errors import Busy
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.store import Ledger
from stagebridge.sync.side import ms

Progress = Callable[[str, str, int], None]
"""Told (connection, step, count) as a run goes on."""

Notice = Callable[[str], None]
"""Told, before anything is written, what whoever waits should know."""

Watch = Callable[[Book], None]
"""Told of every transaction before it is written, and may add to it."""


MOMENT = 10.0
"""Seconds to wait for the ledger: whoever works on webhooks holds it for moments, another run for longer."""


class Desk:
    """`version` rises with every transaction; a read notes it, and what was applied since is newer than the read."""

    def __init__(
        self, ledger: Ledger, clock: Clock, progress: Progress | None = None, notice: Notice | None = None
    ) -> None:
        self.ledger = ledger
        self.clock = clock
        self.run_id: int | None = None
        self._progress = progress
        self._notice = notice
        self.watches: list[Watch] = []
        self.ending: list[Callable[[sa.Connection], None]] = []
        """Told of the transaction in which a run ends, before it is written."""
        self.version = 0
        self.catch_up()

    def catch_up(self) -> None:
        """Others may have worked on the ledger since: for whoever holds its lock from time to time only."""
        with self.ledger.look() as tx:
            self.version = int(tx.scalar(sa.select(sa.func.max(t.link.c.version))) or 0)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """The ledger's lock, for one run. Raises `Busy` where another run has it, and not only for a moment."""
        waited = 0.0
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(self.ledger.lock())
                    break
                except Busy:
                    if waited >= MOMENT:
                        raise
                self.clock.sleep(0.1)
                waited += 0.1
            self.catch_up()
            yield

    @property
    def now(self) -> int:
        return ms(self.clock.now()) or 0

    @contextmanager
    def book(self) -> Iterator[Book]:
        """One transaction; everything in the book is written at its end."""
        with self.ledger.begin() as tx:
            book = Book(tx, now=self.now, version=self.version + 1, run_id=self.run_id)
            yield book
            for watch in self.watches:
                watch(book)
            book.flush()
        self.version += 1

    def tick(self, connection: str, step: str, count: int) -> None:
        if self._progress is not None:
            self._progress(connection, step, count)

    def say(self, sentence: str) -> None:
        if self._notice is not None:
            self._notice(sentence)

    # --- runs --------------------------------------------------------------------------------------------------

    def start(self, command: str) -> None:
        with self.ledger.begin() as tx:
            row = sa.insert(t.run).values(command=command, started=self.now, state="running", counts="{}")
            self.run_id = tx.execute(row.returning(t.run.c.id)).scalar_one()

    def finish(self, state: str, counts: dict[str, Any], error: str | None = None) -> None:
        with self.ledger.begin() as tx:
            tx.execute(
                sa.update(t.run)
                .where(t.run.c.id == self.run_id)
                .values(finished=self.now, state=state, counts=orjson.dumps(counts).decode(), error=error)
            )
            for end in self.ending:
                end(tx)
