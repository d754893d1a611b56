"""conflicts: list, resolve; many at once through a CSV file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from stagebridge.cli.console import STATE, emit, open_engine, out, table
from stagebridge.errors import ConfigError
from stagebridge.sync import inspect
from stagebridge.sync.decide import Decisions

COLUMNS: tuple[str, ...] = ("id", "kind", "contact", "connection", "object", "remote_id", "path", "opened", "detail")
DECISION = "keep"
IGNORE = "ignore"
# a spreadsheet program would carry these out
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def register(app: typer.Typer) -> None:
    listing = typer.Typer(help="What a person must decide: list, resolve.", invoke_without_command=True)
    listing.callback()(conflicts)
    listing.command("resolve")(resolve)
    app.add_typer(listing, name="conflicts")


def conflicts(
    context: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv_: Annotated[
        Path | None, typer.Option("--csv", help="Write them to a file, to fill in 'keep' and hand to resolve --from.")
    ] = None,
) -> None:
    if context.invoked_subcommand is not None:
        return
    found = inspect.conflicts(STATE.ledger())
    if json_:
        emit(found)
        return
    rows = [{**r, "detail": ", ".join(f"{k}: {v}" for k, v in r.items() if k not in COLUMNS)} for r in found]
    if csv_ is not None:
        _write(csv_, rows)
        out.print(f"{len(rows)} conflicts in {csv_}: write a connection or '{IGNORE}' into the column '{DECISION}'")
        return
    table(rows, ("id", "kind", "connection", "object", "remote_id", "path", "detail"), "no conflicts")


def resolve(
    which: Annotated[int | None, typer.Argument(help="The id from the list.")] = None,
    keep: Annotated[str | None, typer.Option("--keep", help="The connection that is right.")] = None,
    ignore: Annotated[bool, typer.Option("--ignore", help="Leave everything as it is.")] = False,
    from_: Annotated[
        Path | None, typer.Option("--from", help="A file that `conflicts --csv` wrote, with 'keep' filled in.")
    ] = None,
) -> None:
    """Settle a conflict, or all those that a file decides."""
    if (from_ is None) == (which is None) or (from_ is None and (keep is None) == (not ignore)):
        raise ConfigError("say which conflict and --keep CONNECTION or --ignore, or --from FILE.csv")
    wanted = _read(from_) if from_ is not None else [(which or 0, keep)]
    _, engine, _ = open_engine()
    work = Decisions(engine)
    work.check([(number, one) for number, one in wanted])
    for number, one in wanted:
        out.print(f"{number}: {work.resolve(number, keep=one)}", markup=False)


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Values of people may be in it: nobody else on this machine reads it."""
    if path.exists():
        raise ConfigError(f"{path} exists already", hint="Name another file, or move it away.")
    with open(
        os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8-sig", newline=""
    ) as file:
        sheet = csv.DictWriter(file, (*COLUMNS, DECISION), restval="", extrasaction="ignore")
        sheet.writeheader()
        for row in rows:
            sheet.writerow({k: f"'{v}" if str(v).startswith(FORMULA) else v for k, v in row.items()})


def _read(path: Path) -> list[tuple[int, str | None]]:
    """The decisions in a file; rows without one are left open."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="Save it as CSV in UTF-8.") from None
    head = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    if not {"id", DECISION} <= set(rows.fieldnames or ()):
        raise ConfigError(
            f"{path} lacks the columns id and {DECISION}", hint="`stagebridge conflicts --csv` writes them."
        )
    found: list[tuple[int, str | None]] = []
    for row in rows:
        said = (row[DECISION] or "").strip()
        if not said:
            continue
        if not (row["id"] or "").strip().isdigit():
            raise ConfigError(f"{path}:{rows.line_num}: '{row['id']}' is no id of a conflict; nothing was settled")
        found.append((int(row["id"]), None if said.lower() == IGNORE else said))
    return found
