"""The command. Without the extra `[sync]` it says what to install."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    try:
        import alembic  # noqa: F401
        import rich  # noqa: F401
        import sqlalchemy  # noqa: F401
        import typer  # noqa: F401
    except ModuleNotFoundError as error:
        print(f"the stagebridge command needs {error.name}; `pip install 'stagebridge[sync]'`", file=sys.stderr)
        raise SystemExit(2) from None
    from stagebridge.cli.app import run

    run()
