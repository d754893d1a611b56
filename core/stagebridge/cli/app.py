"""The commands and how they end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from stagebridge.cli import accounts, conflicts, decisions, demo, events, hooks, keys, looking, serving, syncing, upkeep
from stagebridge.cli.console import STATE, complain, listen
from stagebridge.errors import ConfigError, StagebridgeError
from stagebridge.heap import share_one_heap

MISUSED: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""A word that the command does not know. Newer versions of typer bring a click of their own: its errors are not those of the
one that is installed."""

app = typer.Typer(
    name="stagebridge", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Keeps contacts and their lifecycle stages the same in all the systems a company uses.",
)  # fmt: skip


@app.callback()
def _options(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = Path("stagebridge.yaml"),
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback where something fails.")] = False,
) -> None:
    STATE.path, STATE.debug = config, debug
    listen()


for module in (accounts, syncing, events, hooks, looking, conflicts, decisions, serving, keys, upkeep, demo):
    module.register(app)


def run() -> None:
    """Exit codes: 0 ok, 1 unexpected error, 2 usage or configuration, 3 credentials, 4 finished with rejected records,
    5 stopped by a guard, 75 busy or try later."""
    share_one_heap()
    try:
        sys.exit(app(standalone_mode=False))  # with what a command ended with: typer returns it
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.Abort:
        sys.exit(130)
    except StagebridgeError as error:
        if STATE.debug:
            raise
        complain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if isinstance(error, MISUSED):
            cast("Any", error).show()
            sys.exit(2)
        if STATE.debug:
            raise
        complain(
            ConfigError(
                f"unexpected: {type(error).__name__}: {error}",
                hint="Run it again with --debug, and report it.",
                code="SB-UNEXPECTED",
            )
        )
        sys.exit(1)
