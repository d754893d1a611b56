"""link, unlink, stage set, forget."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from stagebridge.cli.console import emit, open_engine, out, table
from stagebridge.sync.decide import Decisions
from stagebridge.sync.undo import Undo, UndoReport

Who = Annotated[str, typer.Argument(help="E-mail or key.")]
Connection = Annotated[str, typer.Argument(help="A connection.")]
Object = Annotated[str, typer.Argument(help="contacts, Contact, Lead …")]
RemoteId = Annotated[str, typer.Argument(help="The record's id there.")]


def register(app: typer.Typer) -> None:
    app.command()(link)
    app.command()(unlink)
    stage = typer.Typer(help="Correct a lifecycle stage by hand.", no_args_is_help=True)
    stage.command("set")(stage_set)
    stage.callback()(lambda: None)
    app.add_typer(stage, name="stage")
    app.command()(undo)
    app.command()(forget)


def link(who: Who, connection: Connection, object: Object, remote_id: RemoteId) -> None:
    """Say that this record is this person's."""
    _, engine, _ = open_engine()
    Decisions(engine).link(who, connection, object, remote_id)
    out.print("linked; the next sync brings it into step")


def unlink(connection: Connection, object: Object, remote_id: RemoteId) -> None:
    """Say that this record is somebody else's."""
    _, engine, _ = open_engine()
    Decisions(engine).unlink(connection, object, remote_id)
    out.print("unlinked; it is a contact of its own now")


def stage_set(
    who: Who,
    stage: Annotated[str, typer.Argument(help="A stage of the lifecycle.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the history.")],
) -> None:
    """Put a contact into a stage, backwards too; the next sync writes it."""
    _, engine, _ = open_engine()
    Decisions(engine).set_stage(who, stage, reason)
    out.print(f"set to {stage}; the next sync writes it everywhere")


def undo(
    run: Annotated[int, typer.Argument(help="The run's number in `stagebridge runs`.")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Carry it out; without, only what it would do is shown.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put back what a run wrote, where the platform still holds it."""
    _, engine, failures = open_engine()
    if failures:
        raise next(iter(failures.values()))
    work = Undo(engine)
    done = work.carry_out(run) if yes else work.plan(run)
    if json_:
        emit(done.to_json())
    else:
        _show_undo(done, carried_out=yes)
    raise typer.Exit(4 if done.failed.total() else 0)


def _show_undo(done: UndoReport, *, carried_out: bool) -> None:
    names = sorted({*done.values, *done.records, *done.left, *done.failed, *done.final})
    rows = [
        {"connection": n, "values_put_back": done.values[n], "records_archived": done.records[n],
         "changed_since": done.left[n], "failed": done.failed[n], "deleted_for_good": done.final[n]}
        for n in names
    ]  # fmt: skip
    columns = ("connection", "values_put_back", "records_archived", "changed_since", "failed", "deleted_for_good")
    table(rows, columns, f"run {done.run} wrote nothing")
    for reason, count in done.reasons.most_common():
        out.print(f"{count}× {reason}", markup=False)
    if rows and not carried_out:
        out.print("Nothing has been written yet: --yes carries it out.")
    elif rows:
        out.print("The systems differ there now, on purpose: `stagebridge conflicts` lists it.")


def forget(
    who: Who,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Erase a person in every connection and in the ledger. Cannot be undone."""
    if not yes:
        typer.confirm("Erase this person everywhere, for good?", abort=True)
    _, engine, _ = open_engine()
    done = Decisions(engine).forget(who)
    rows = [asdict(f) for f in done]
    if json_:
        emit(rows)
    else:
        table(rows, ("connection", "object", "remote_id", "result"), "no records were linked")
        for f in done:
            for what in f.left:
                out.print(f"{f.connection} {f.remote_id} still holds: {what}", markup=False)
    raise typer.Exit(4 if any(f.result.startswith("kept") for f in done) else 0)
