"""status, runs, dead-letters, trace."""

from __future__ import annotations

from typing import Annotated

import typer

from stagebridge.cli.console import STATE, emit, out, table
from stagebridge.delivery import inspect as deliveries
from stagebridge.sync import inspect
from stagebridge.webhooks import letters

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(runs)
    app.command()(trace)
    listing = typer.Typer(help="What a platform would not take: list, retry, discard.", invoke_without_command=True)
    listing.callback()(dead_letters)
    listing.command("retry")(retry)
    listing.command("discard")(discard)
    app.add_typer(listing, name="dead-letters")


def status(json_: Json = False) -> None:
    """What the ledger knows, what is stuck, and how the last run ended."""
    found = inspect.status(STATE.ledger())
    if json_:
        emit(found)
        return
    out.print(f"{found['contacts']} contacts")
    table(found["links"], ("connection", "object", "state", "count"), "no records are linked yet")
    table(found["outbox"], ("connection", "state", "count"), "nothing waits to be written")
    if found["conflicts"]:
        out.print("conflicts: " + ", ".join(f"{n} {k}" for k, n in found["conflicts"].items()))
    last = found["last_run"]
    if last:
        out.print(
            f"last run: {last['command']} {last['state']} at {last['started']}"
            + (f" ({last['error']})" if last["error"] else "")
        )


def runs(limit: Annotated[int, typer.Option("--limit", help="How many.")] = 20, json_: Json = False) -> None:
    """The latest runs."""
    found = inspect.runs(STATE.ledger(), limit)
    if json_:
        emit(found)
    else:
        table(found, ("id", "command", "state", "started", "finished", "error"), "nothing has run yet")


def trace(who: Annotated[str, typer.Argument(help="E-mail or key.")], json_: Json = False) -> None:
    """One contact: links, where each value comes from, changes, stages, events."""
    found = inspect.trace(STATE.ledger(), who)
    found["events"] = deliveries.of_contact(STATE.ledger(), found["key"])
    if json_:
        emit(found)
        return
    out.print(f"contact {found['key']}")
    table([{"path": p, **v} for p, v in found["values"].items()], ("path", "value", "from"), "no values")
    table(found["links"], ("connection", "object", "remote_id", "state", "blocked"), "no links")
    table(found["stages"], ("at", "stage", "from", "verdict", "reason"), "no stage history")
    table(found["events"], ("at", "name", "event", "to", "state", "verdict"), "no events")
    table(found["changes"], ("at", "run", "path", "old", "new", "kind", "rule", "link"), "no changes yet")


def dead_letters(context: typer.Context, json_: Json = False) -> None:
    if context.invoked_subcommand is not None:
        return
    found = letters.dead_letters(STATE.ledger())
    if json_:
        emit(found)
    else:
        table(found, ("id", "connection", "object", "contact", "path", "code", "reason"), "no dead letters")


def retry(which: Annotated[str, typer.Argument(help="The id from the list.")]) -> None:
    """Try a dead letter again in the next sync; a webhook or a message also where `serve` runs."""
    letters.release(STATE.ledger(), which, retry=True)
    out.print(f"{which} is tried again by the next sync")


def discard(which: Annotated[str, typer.Argument(help="The id from the list.")]) -> None:
    """Leave a dead letter untried until the contact changes; a webhook or a message for good."""
    letters.release(STATE.ledger(), which, retry=False)
    out.print(f"{which} stays as it is" + ("" if letters.for_good(which) else " until the contact changes"))
