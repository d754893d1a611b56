"""Opening a ledger: one database file or URL, its schema, its lock and its transactions.

    ledger = Ledger.open("sqlite:///stagebridge.db")
    with ledger.lock(), ledger.begin() as tx:
        …

One ledger is one tenant. SQLite (WAL) is the default; any other database that SQLAlchemy speaks is another URL.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from stagebridge.errors import Busy, LedgerError
from stagebridge.ledger import schema

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

ADVISORY_LOCK = 0x57A6E  # any number, the same in every worker


class Ledger:
    """`durable`: what was committed outlives a loss of power too, and not only of the process; for whoever promises
    somebody else that it is kept. Every commit then waits for the disk. `checkpoints`: some commits also move SQLite's
    write-ahead log into the file, which takes ten times as long; without it somebody calls `checkpoint`."""

    def __init__(self, url: str | URL, *, durable: bool = False, checkpoints: bool = True) -> None:
        self.durable = durable
        self.checkpoints = checkpoints
        try:
            self.url = make_url(url)
        except ArgumentError as error:
            raise LedgerError(
                f"'{url}' is no database URL", hint="Write for example sqlite:///stagebridge.db"
            ) from error
        self._thread_lock = threading.Lock()
        self.engine = self._engine()

    @classmethod
    def open(cls, url: str | URL, *, durable: bool = False, checkpoints: bool = True) -> Ledger:
        """Open, and create where nothing is there yet.

        Raises `LedgerError` for a file that is no ledger, one that a newer version wrote, or one that needs
        `stagebridge ledger upgrade`; `Busy` where it is locked.
        """
        ledger = cls(url, durable=durable, checkpoints=checkpoints)
        ledger._prepare()
        return ledger

    @property
    def path(self) -> Path | None:
        """The database file, for SQLite."""
        name = self.url.database
        return Path(name) if self.url.get_backend_name() == "sqlite" and name and name != ":memory:" else None

    # --- opening -----------------------------------------------------------------------------------------------

    def _engine(self) -> sa.Engine:
        # parameters are people's data: no error says them, and so no log does
        if self.url.get_backend_name() != "sqlite":
            return sa.create_engine(self.url, pool_pre_ping=True, hide_parameters=True)
        if self.path is not None:
            if not self.path.parent.is_dir():
                raise LedgerError(f"the folder of the ledger {self.path} does not exist", hint="Create it first.")
            # personal data: nobody else on this machine reads it. A file that is there is not opened: closing it would drop
            # the locks that this process has on it through another ledger, and then any other process takes itself for the
            # last one, and the write-ahead log away
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        # few statements are kept: every length of an IN (…) is one of its own
        options = {"timeout": 15, "check_same_thread": False, "cached_statements": 32}
        engine = sa.create_engine(self.url, connect_args=options, hide_parameters=True)

        @event.listens_for(engine, "connect")
        def _connect(raw: Any, _record: object) -> None:
            raw.isolation_level = None  # we begin transactions ourselves, below
            raw.execute("PRAGMA busy_timeout = 15000")
            raw.execute("PRAGMA secure_delete = ON")  # what is forgotten leaves the file's bytes
            raw.execute("PRAGMA journal_mode = WAL")
            raw.execute(f"PRAGMA synchronous = {'FULL' if self.durable else 'NORMAL'}")
            if not self.checkpoints:
                raw.execute("PRAGMA wal_autocheckpoint = 0")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            kind = connection.get_execution_options().get("kind")
            if kind == "at once":
                connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            try:
                connection.exec_driver_sql("BEGIN" if kind == "look" else "BEGIN IMMEDIATE")
            finally:
                if kind == "at once":
                    connection.exec_driver_sql("PRAGMA busy_timeout = 15000")

        return engine

    def _prepare(self) -> None:
        with self._errors(), self.engine.begin() as tx:
            tables = sa.inspect(tx).get_table_names()
            held = sa.text("SELECT version_num FROM alembic_version")
            current = tx.scalar(held) if "alembic_version" in tables else None
        if current == schema.VERSION:
            return
        if current is None and tables:
            raise LedgerError(
                f"{self._name} is a database, but no stagebridge ledger", hint="Name another file or database."
            )
        if current is None:
            self.upgrade()
        elif current in self._versions():
            raise LedgerError(
                f"{self._name} was written by an older stagebridge (schema {current})",
                hint="Run `stagebridge ledger upgrade`; it copies the ledger first.",
            )
        else:
            raise LedgerError(
                f"{self._name} was written by a newer stagebridge (schema {current})",
                hint="Upgrade stagebridge; nothing was changed.",
            )

    @property
    def _name(self) -> str:
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)

    def _alembic(self) -> AlembicConfig:
        from alembic.config import Config as AlembicConfig  # 9 MB, and needed only where the schema is another one

        config = AlembicConfig()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        return config

    def _versions(self) -> set[str]:
        """Of all schemas that there have been."""
        from alembic.script import ScriptDirectory

        return {s.revision for s in ScriptDirectory.from_config(self._alembic()).walk_revisions()}

    def upgrade(self) -> None:
        """Bring the schema to this version's."""
        from alembic import command

        config = self._alembic()
        with self._errors(), self.engine.begin() as tx:
            config.attributes["connection"] = tx
            command.upgrade(config, "head")

    def backup(self, target: Path) -> None:
        """Copy a SQLite ledger into `target`, consistent also while a run is under way."""
        if self.path is None:
            raise LedgerError("only a SQLite ledger is copied by stagebridge", hint="Use the database's own backup.")
        if target.exists():
            raise LedgerError(f"{target} exists already", hint="Name a file that does not exist.")
        import sqlite3

        os.close(os.open(target, os.O_CREAT | os.O_RDWR, 0o600))
        with self._errors():
            source, copy = sqlite3.connect(self.path), sqlite3.connect(target)
            try:
                source.backup(copy)
            finally:
                source.close()
                copy.close()

    def vacuum(self) -> None:
        """Leave nothing of what was deleted in the file or its write-ahead log."""
        if self.path is not None:
            with self._errors(), self.engine.connect() as raw:
                cursor = raw.connection.cursor()
                cursor.execute("VACUUM")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def checkpoint(self) -> None:
        """Move SQLite's write-ahead log into the file, while others go on writing."""
        if self.path is not None:
            with self._errors(), self.engine.connect() as raw:
                raw.connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        self.engine.dispose()

    # --- transactions and the lock -----------------------------------------------------------------------------

    @contextmanager
    def begin(self, *, wait: bool = True) -> Iterator[Connection]:
        """One transaction: everything in it, or nothing. Without `wait`, `Busy` is raised where another one is writing."""
        kind = "write" if wait else "at once"
        with self._errors(), self.engine.connect().execution_options(kind=kind) as tx, tx.begin():
            yield tx

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A transaction that only reads, and waits for no writer."""
        with self._errors(), self.engine.connect().execution_options(kind="look") as tx, tx.begin():
            yield tx

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the ledger for one run. Raises `Busy` at once where another run holds it. A killed run holds nothing:
        the lock belongs to the process (SQLite) or the session (PostgreSQL)."""
        busy = Busy(
            f"another stagebridge run is at work on {self._name}", hint="Wait for it; nothing was changed by this one."
        )
        if not self._thread_lock.acquire(blocking=False):
            raise busy
        try:
            if self.path is not None:
                with self._file_lock(self.path.with_name(self.path.name + ".lock"), busy):
                    yield
            elif self.url.get_backend_name() == "postgresql":
                with self.engine.connect() as session:
                    if not session.scalar(sa.select(sa.func.pg_try_advisory_lock(ADVISORY_LOCK))):
                        raise busy
                    session.commit()
                    try:
                        yield
                    finally:
                        session.execute(sa.select(sa.func.pg_advisory_unlock(ADVISORY_LOCK)))
            else:
                yield
        finally:
            self._thread_lock.release()

    @contextmanager
    def _file_lock(self, path: Path, busy: Busy) -> Iterator[None]:
        import fcntl

        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy from None
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, DatabaseError) as error:
            text = str(error.orig if error.orig is not None else error)
            if "locked" in text:
                raise Busy(f"the ledger {self._name} is locked by another program", hint="Close it there.") from error
            if "full" in text:
                raise LedgerError(f"no room left for the ledger {self._name}", hint="Free some disk space.") from error
            if "not a database" in text or "malformed" in text:
                raise LedgerError(
                    f"{self._name} is not a stagebridge ledger ({text})", hint="Name another file, or restore a backup."
                ) from error
            if isinstance(error, OperationalError):
                raise LedgerError(f"the ledger {self._name} cannot be used: {text}") from error
            raise


__all__ = ["Ledger", "schema"]
