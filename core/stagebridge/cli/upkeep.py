"""mappings, state, ledger, sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from stagebridge.cli.console import STATE, emit, out, table
from stagebridge.config import load_config
from stagebridge.document import Table
from stagebridge.errors import ConfigError
from stagebridge.ledger.store import Ledger
from stagebridge.mapping import load_mapping
from stagebridge.mapping.overlay import effective
from stagebridge.sync import inspect

Source = Annotated[str, typer.Argument(help="A shipped mapping's name, or a .yaml file.")]
Life = Annotated[str, typer.Option("--lifecycle", help="Which lifecycle to check it with.")]


def register(app: typer.Typer) -> None:
    mappings = typer.Typer(help="The mapping language from the shell.", no_args_is_help=True)
    mappings.command("show")(show)
    mappings.command("check")(check)
    mappings.command("try")(try_)
    app.add_typer(mappings, name="mappings")
    state = typer.Typer(help="How far each connection has been read.", no_args_is_help=True)
    state.command("list")(state_list)
    state.command("reset")(state_reset)
    app.add_typer(state, name="state")
    ledger = typer.Typer(help="The ledger itself.", no_args_is_help=True)
    ledger.command("upgrade")(upgrade)
    ledger.command("backup")(backup)
    app.add_typer(ledger, name="ledger")
    app.command()(sandbox)


def show(source: Source) -> None:
    """The effective mapping, each entry with the file and line that it comes from."""
    _lines(effective(source), "")


def _lines(document: Table, indent: str) -> None:
    for key, value in document.items():
        where = document.where(key)
        if isinstance(value, Table):
            out.print(f"{indent}{key}:", markup=False, highlight=False)
            _lines(value, indent + "  ")
        else:
            out.print(f"{indent}{key}: {'~' if value is None else value}    # {where}", markup=False, highlight=False)


def check(source: Source, lifecycle: Life = "default") -> None:
    """Whether a mapping is right, as far as can be said without the account."""
    m = load_mapping(source, lifecycle=lifecycle, offline=True)
    out.print(f"{m.platform}: {', '.join(m.objects)}; nothing is wrong with it")


def try_(
    source: Source, record: Annotated[Path, typer.Argument(help="A JSON file with one remote record.")], lifecycle: Life = "default",
    connection: Annotated[str | None, typer.Option("--connection", help="Resolve it against this account.")] = None,
) -> None:  # fmt: skip
    """Show a record's way through a mapping and back."""
    try:
        data: Any = orjson.loads(record.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigError(f"{record}: {error}", hint="Give a file with one record as JSON.") from None
    facts: dict[str, Any] = {"fields": {}, "options": {}, "owners": {}}
    if connection is not None:
        facts = dict(load_config(STATE.path).connections[connection].connect().discover().facts)
    m = load_mapping(source, lifecycle=lifecycle, facts=facts, lenient=True)
    view = m.read(data)
    emit({"object": view.variant, "reads_as": dict(view), "problems": view.problems,
          "written_as_new": dict(m.write(view)), "left_out": m.unresolved})  # fmt: skip


def state_list(json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """The cursors."""
    found = inspect.cursors(STATE.ledger())
    if json_:
        emit(found)
    else:
        table(found, ("connection", "object", "complete", "covered"), "nothing has been read yet")


def state_reset(connection: Annotated[str, typer.Argument(help="A connection.")]) -> None:
    """Have the next run read a connection from the start."""
    if connection not in STATE.config().connections:
        raise ConfigError(f"no connection is called '{connection}'")
    inspect.reset_cursor(STATE.ledger(), connection)
    out.print(f"{connection} is read from the start by the next run")


def upgrade() -> None:
    """Bring the ledger to this version's schema; it is copied first."""
    ledger = Ledger(STATE.config().ledger)
    if ledger.path is not None and ledger.path.stat().st_size:
        copy = ledger.path.with_name(ledger.path.name + ".before-upgrade")
        copy.unlink(missing_ok=True)
        ledger.backup(copy)
        out.print(f"copied to {copy}")
    ledger.upgrade()
    out.print("the ledger is up to date")


def backup(target: Annotated[Path, typer.Argument(help="A file that does not exist yet.")]) -> None:
    """Copy the ledger, also while a run is under way."""
    STATE.ledger().backup(target)
    out.print(f"copied to {target}")


def sandbox(
    platform: Annotated[str, typer.Argument(help="One of `stagebridge connectors`.")],
    port: Annotated[int, typer.Option("--port", help="On 127.0.0.1.")] = 8000,
    switch: Annotated[list[str] | None, typer.Option("--switch", help="NAME=VALUE; may be repeated.")] = None,
    switches: Annotated[bool, typer.Option("--switches", help="List this stand-in's switches.")] = False,
) -> None:
    """Run a stand-in of a platform, until interrupted."""
    try:
        from stagebridge.sandbox import platforms, serve
    except ModuleNotFoundError:
        raise ConfigError("sandboxes need `pip install 'stagebridge[sandbox]'`") from None
    if switches:
        known = platforms().get(platform)
        rows = [
            {"switch": n, "default": s.default, "what": s.doc} for n, s in (known.switches if known else {}).items()
        ]
        table(rows, ("switch", "default", "what"), f"no sandbox is called '{platform}'")
        return
    if platform not in platforms():
        raise ConfigError(f"no sandbox is called '{platform}'", hint=f"Installed are {', '.join(sorted(platforms()))}.")
    given = {}
    for pair in switch or []:
        name, sign, value = pair.partition("=")
        if not sign:
            raise ConfigError(f"'{pair}' is no NAME=VALUE")
        try:
            given[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            given[name] = value
    out.print(f"{platform} at http://127.0.0.1:{port}")
    out.file.flush()  # into a file or a pipe it would come when the stand-in ends
    serve(platform, port=port, switches=given)
