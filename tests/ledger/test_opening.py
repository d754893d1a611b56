"""Opening a ledger that is up to date takes no migrations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.exc import IntegrityError

from stagebridge.ledger import schema
from stagebridge.ledger.store import Ledger


def test_the_version_in_the_schema_is_the_newest_migration() -> None:
    migrations = Path(schema.__file__).parent / "migrations"
    assert ScriptDirectory(str(migrations)).get_current_head() == schema.VERSION


def test_a_ledger_of_this_version_is_opened_without_loading_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'stagebridge.db'}"
    Ledger.open(url).close()
    code = (
        "import sys; from stagebridge.ledger.store import Ledger; "
        f"Ledger.open({url!r}); print('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_opening_a_ledger_twice_in_a_process_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    """Otherwise another process, when it ends, takes itself for the last one and the write-ahead log away: what is committed
    after that is lost."""
    url = f"sqlite:///{tmp_path / 'stagebridge.db'}"
    first, second = Ledger.open(url), Ledger.open(url)
    look = (
        "import sqlalchemy as sa; from stagebridge.ledger.store import Ledger; from stagebridge.ledger.schema import meta; "
        f"ledger = Ledger.open({url!r})\nwith ledger.begin() as tx: print(tx.scalar(sa.select(meta.c.value)))\nledger.close()"
    )
    subprocess.run([sys.executable, "-c", look], check=True)
    with first.begin() as tx:
        tx.execute(sa.insert(schema.meta).values(name="kept", value="yes"))
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True).stdout.strip() == "yes"
    first.close()
    second.close()


def test_no_error_of_the_database_says_what_was_to_be_written(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'l.db'}")
    row = {
        "uid": "msg_1",
        "type": "contact.changed",
        "at": 1,
        "email_hash": "",
        "data": "ada@example.com",
        "created": 1,
    }
    with ledger.begin() as tx:
        tx.execute(sa.insert(schema.message).values(row))
    with pytest.raises(IntegrityError) as failed, ledger.begin() as tx:
        tx.execute(sa.insert(schema.message).values(row))
    assert "ada" not in str(failed.value)
    ledger.close()
