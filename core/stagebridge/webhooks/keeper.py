"""Accepted webhooks into the ledger before they are answered, many in one commit.

Every commit waits for the disk. One thread commits whatever has gathered while it waited last time, so that a burst
costs few waits and a single webhook one.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from stagebridge.errors import LedgerError, StagebridgeError, TryLater
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.ledger.tables import chunks
from stagebridge.webhooks.doors import Hook

log = logging.getLogger("stagebridge.webhooks")

AT_ONCE = 250
"""Webhooks in one commit."""
ROOM = 2000
"""Webhooks that wait for their commit; beyond that the platform is asked to come again."""

CROWD = 8
"""Webhooks in one commit from which on there is a burst."""
BURST = 0.1
"""Seconds for which it is taken to last."""
PATIENCE = 0.15
"""Seconds that other work of this process waits while it does, between two pieces of some 20 ms: a burst may last, and what it
brings is not to wait for its end."""

Waiter = tuple[Hook, "asyncio.Future[bool]"]


class Keeper:
    """`ledger` is this thread's alone, and durable. `kept` is called after each commit that brought something new."""

    def __init__(self, ledger: Ledger, kept: Callable[[], None]) -> None:
        self.ledger = ledger
        self.kept = kept
        self._queue: queue.Queue[Waiter | None] = queue.Queue(ROOM)
        self._crowded = 0.0
        self._committing = False
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="webhooks to the ledger", daemon=True)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """For other work on the ledger: it begins when no burst is under way, or after a while, and commits wait for it by a
        lock instead of asking SQLite again and again."""
        end = time.monotonic() + PATIENCE
        while (self._committing or time.monotonic() - self._crowded < BURST) and time.monotonic() < end:
            time.sleep(0.01)
        with self._turn:
            yield

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Commit what is waiting, and end."""
        self._queue.put(None)
        self._thread.join(timeout=30)

    async def keep(self, hook: Hook) -> bool:
        """Return when it is committed; whether it is new. Raises `TryLater` where there is no room, and what the ledger raises."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((hook, future))
        except queue.Full:
            raise TryLater("too many webhooks wait for the ledger") from None
        return await future

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch: list[Waiter] = [first]
            last = False
            while len(batch) < AT_ONCE and not last:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                else:
                    batch.append(more)
            self._keep(batch)
            if last:
                return

    def _keep(self, batch: Sequence[Waiter]) -> None:
        outcome: list[bool] | Exception
        hooks = [hook for hook, _ in batch]
        self._committing = True
        try:
            with self._turn:
                try:
                    outcome = commit(self.ledger, hooks)
                except IntegrityError:  # another process brought one of them in between: now it is seen
                    outcome = commit(self.ledger, hooks)
        except Exception as error:
            code = error.code if isinstance(error, StagebridgeError) else type(error).__name__
            log.error("%d webhooks could not be kept (%s)", len(batch), code)
            outcome = error if isinstance(error, StagebridgeError) else LedgerError("webhooks could not be kept")
        self._committing = False
        if len(batch) >= CROWD:
            self._crowded = time.monotonic()
        if isinstance(outcome, list) and any(outcome):
            self.kept()
        try:
            batch[0][1].get_loop().call_soon_threadsafe(_tell, [f for _, f in batch], outcome)
        except RuntimeError:  # the server is gone, and with it everybody who waited
            return


def _tell(futures: Sequence[asyncio.Future[bool]], outcome: Sequence[bool] | Exception) -> None:
    for i, future in enumerate(futures):
        if future.done():  # nobody waits any more
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome[i])


def commit(ledger: Ledger, hooks: Sequence[Hook]) -> list[bool]:
    """Put webhooks into the ledger, in one transaction; for each whether it was not there yet. Raises `IntegrityError` where
    somebody else puts one in at the same time."""
    with ledger.begin() as tx:
        there = _there(tx, hooks)
        fresh: list[bool] = []
        for hook in hooks:
            fresh.append((hook.connection, hook.delivery) not in there)
            there.add((hook.connection, hook.delivery))
        new = [h for h, is_new in zip(hooks, fresh, strict=True) if is_new]
        rows = [
            {"connection": h.connection, "delivery": h.delivery, "received": h.received, "records": h.records,
             "state": "done" if h.records is None else "waiting"}
            for h in new
        ]  # fmt: skip
        if rows:
            # with RETURNING it is one statement: each of many would give up the interpreter, and wait to have it back
            tx.execute(sa.insert(t.hook).returning(t.hook.c.id), rows).all()
        _mark(tx, new)
    return fresh


def _there(tx: sa.Connection, hooks: Sequence[Hook]) -> set[tuple[str, str]]:
    c = t.hook.c
    found: set[tuple[str, str]] = set()
    for connection in {h.connection for h in hooks}:
        for part in chunks(h.delivery for h in hooks if h.connection == connection):
            query = sa.select(c.delivery).where(c.connection == connection, c.delivery.in_(part))
            found.update((connection, d) for d in tx.execute(query).scalars())
    return found


def _mark(tx: sa.Connection, hooks: Sequence[Hook]) -> None:
    """Note the records to fetch. A mark that is there already moves, so that a run which has fetched the record before does
    not take it away (S9)."""
    marks = {(h.connection, hint.object, hint.remote_id): h.received for h in hooks for hint in h.hints}
    c = t.hint.c
    there: set[tuple[str, str, str]] = set()
    for connection, object in {(k[0], k[1]) for k in marks}:
        now = max(at for k, at in marks.items() if k[:2] == (connection, object))
        for part in chunks(k[2] for k in marks if k[:2] == (connection, object)):
            where = (c.connection == connection) & (c.object == object) & c.remote_id.in_(part)
            there.update((connection, object, i) for i in tx.execute(sa.select(c.remote_id).where(where)).scalars())
            later = sa.case((c.at >= now, c.at + 1), else_=now)
            tx.execute(sa.update(t.hint).where(where).values(at=later))
    new = [
        {"connection": k[0], "object": k[1], "remote_id": k[2], "at": at} for k, at in marks.items() if k not in there
    ]
    if new:
        tx.execute(sa.insert(t.hint), new)


__all__ = ["Keeper", "commit"]
