"""The command. Without the extra `[sync]` it says what to install."""

from __future__ import annotations

import sys
from importlib.util import find_spec

NEEDED = ("alembic", "rich", "sqlalchemy", "typer")


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    missing = next((name for name in NEEDED if find_spec(name) is None), None)  # found, not loaded: that takes time
    if missing is not None:
        print(f"the stagebridge command needs {missing}; `pip install 'stagebridge[sync]'`", file=sys.stderr)
        raise SystemExit(2)
    from stagebridge.cli.app import run

    run()
