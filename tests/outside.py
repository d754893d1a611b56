"""What a machine may lack: a test that needs it is skipped with the reason, or fails where `STAGEBRIDGE_REQUIRE` names it
(`STAGEBRIDGE_REQUIRE=recordings,postgres,node`)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa

TURN = 0x7E57
"""Any number but the ledger's: who holds this lock has the database."""


def lacking(what: str, reason: str) -> NoReturn:
    """Skip, or fail if it was required."""
    if what in os.environ.get("STAGEBRIDGE_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required here, but {reason}")
    pytest.skip(reason)


def recordings_of(platform: str) -> Path:
    """The folder of one platform's recorded answers: an optional folder beside the project, never part of it."""
    root = Path(os.environ.get("STAGEBRIDGE_RECORDINGS", Path(__file__).parents[2] / "shared" / "recordings"))
    folder = root / platform
    if not folder.is_dir():
        lacking("recordings", f"there are no recordings of {platform}; set STAGEBRIDGE_RECORDINGS to their folder")
    return folder


def specs_of(platform: str) -> Path:
    """The folder of one platform's published specification: an optional folder beside the project, never part of it."""
    root = Path(os.environ.get("STAGEBRIDGE_SPECS", Path(__file__).parents[2] / "shared" / "specs"))
    folder = root / platform
    if not folder.is_dir():
        lacking("specs", f"there is no specification of {platform}; set STAGEBRIDGE_SPECS to its folder")
    return folder


@contextmanager
def empty_database() -> Iterator[str]:
    """The URL of an empty PostgreSQL database, from `STAGEBRIDGE_POSTGRES`; it is empty again afterwards, and one test has it at
    a time, whichever process runs it."""
    url = os.environ.get("STAGEBRIDGE_POSTGRES", "")
    if not url:
        lacking("postgres", "no database is given; set STAGEBRIDGE_POSTGRES to the URL of an empty one")
    database = sa.create_engine(url)
    with database.connect() as turn:
        turn.execute(sa.select(sa.func.pg_advisory_lock(TURN)))
        turn.commit()
        with database.begin() as tx:
            assert not sa.inspect(tx).get_table_names(), "the database is not empty"
        try:
            yield url
        finally:
            with database.begin() as tx:
                metadata = sa.MetaData()
                metadata.reflect(tx)
                metadata.drop_all(tx)
            turn.execute(sa.select(sa.func.pg_advisory_unlock(TURN)))
    database.dispose()


def node_modules(package: Path, cache: Path) -> tuple[str, Path]:
    """The command of Node, and a folder with what the `package.json` asks for: fetched once, kept in `cache` and never in the
    project."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        lacking("node", "there is no node, or no npm, on the PATH")
    home = cache / hashlib.sha256(package.read_bytes()).hexdigest()[:16]
    if not home.is_dir():
        fetching = Path(tempfile.mkdtemp(dir=cache))
        shutil.copy(package, fetching / "package.json")
        quiet = "--no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=0 --fetch-timeout=30000".split()
        command = [npm, "install", *quiet, "--cache", str(cache / "npm")]
        done = subprocess.run(command, cwd=fetching, capture_output=True, text=True, timeout=200)
        if done.returncode != 0:
            shutil.rmtree(fetching)
            lacking(
                "node", f"npm could not fetch what {package.name} asks for: {done.stderr.strip().partition(chr(10))[0]}"
            )
        try:
            fetching.rename(home)
        except OSError:  # another process was faster
            shutil.rmtree(fetching)
    return node, home / "node_modules"


def chromium() -> tuple[str, str]:
    """The paths of a browser and its driver, of the same version, as Debian's `chromium` and `chromium-driver` bring them."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        lacking("chromium", "there is no chromium with its chromedriver on the PATH")
    return browser, driver
