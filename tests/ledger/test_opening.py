"""Opening a ledger that is up to date takes no migrations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic.script import ScriptDirectory

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
