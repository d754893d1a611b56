"""hooks: who is told what happens here, and what became of the messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stagebridge.cli.console import STATE, Opened, emit, out, table
from stagebridge.document import nearest
from stagebridge.errors import ConfigError
from stagebridge.outgoing import inspect
from stagebridge.outgoing.outlets import Outlets
from stagebridge.outgoing.sender import Sent

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
To = Annotated[list[str] | None, typer.Option("--to", help="A name from `hooks list`; may be repeated.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Messages to others: who is told, what became of them, once more.", no_args_is_help=True)
    group.command("list")(list_)
    for command in (messages, replay, resume):
        group.command()(command)
    app.add_typer(group, name="hooks")


def list_(json_: Json = False) -> None:
    """Who is told what: connections with an address, and whoever subscribed."""
    found = inspect.endpoints(STATE.ledger(), Outlets(STATE.config(), STATE.clock))
    if json_:
        emit(found)
        return
    rows = [{**f, "events": ", ".join(f["events"])} for f in found]
    columns = ("name", "connection", "events", "state", "queued", "sent", "dead", "last_sent", "reason")
    table(rows, columns, "nobody is told anything: give a `type: webhook` connection a `send`")


def messages(
    state: Annotated[str | None, typer.Option("--state", help=f"Only {', '.join(inspect.STATES)}.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Only those to this one.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many.")] = 100,
    json_: Json = False,
) -> None:
    """Messages and what became of them, the newest first."""
    if state is not None and state not in inspect.STATES:
        raise ConfigError(f"'{state}' is no state{nearest(state, inspect.STATES)}", hint=f"{', '.join(inspect.STATES)}")
    ledger = STATE.ledger()
    found = inspect.messages(ledger, state, to, limit)
    if to is not None and not found and inspect.endpoint(ledger, Outlets(STATE.config(), STATE.clock), to) is None:
        raise ConfigError(f"'{to}' is told nothing", hint="`stagebridge hooks list` shows who is.")
    if json_:
        emit(found)
    else:
        table(found, ("id", "type", "at", "to", "state", "tries", "next", "reason"), "no messages yet")


def replay(
    which: Annotated[list[str] | None, typer.Argument(help="Ids from `hooks messages`.")] = None,
    since: Annotated[datetime | None, typer.Option("--since", help="Noted since then, in UTC.")] = None,
    until: Annotated[datetime | None, typer.Option("--until", help="Noted before then, in UTC.")] = None,
    to: To = None,
) -> None:
    """Send messages once more, by id or by time: to whoever had them, or to those named with --to."""
    if not which and since is None:
        raise ConfigError("say which messages", hint="Give their ids, or --since and perhaps --until.")
    count = inspect.replay(
        STATE.ledger(), Outlets(STATE.config(), STATE.clock), ids=which or (), since=_utc(since), until=_utc(until),
        to=to or (),
    )  # fmt: skip
    out.print(f"{count} messages are sent once more, by the next sync or by `stagebridge serve`")


def resume(name: Annotated[str, typer.Argument(help="A name from `hooks list`.")]) -> None:
    """Go on sending to one that was paused; what waits for it is tried at once."""
    count = inspect.resume(STATE.ledger(), name)
    out.print(f"{name}: {count} messages are tried again, by the next sync or by `stagebridge serve`")


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


# --- shared with sync -----------------------------------------------------------------------------------------


def tell(found: Opened) -> Sent | None:
    """Send what is due; None where nobody is ever told anything."""
    if not found.outgoing.outlets:
        return None
    sender = found.outgoing.sender(found.engine.ledger)
    try:
        return sender.flush()
    finally:
        sender.close()


def show_told(told: Sent | None) -> None:
    if told is not None and (told.sent or told.failed or told.dead):
        more = f", {told.failed} are tried again later" if told.failed else ""
        more += f", {told.dead} were refused (stagebridge dead-letters)" if told.dead else ""
        out.print(f"messages: {told.sent} sent{more}")


def told_json(told: Sent | None) -> dict[str, Any]:
    return {"sent": told.sent, "failed": told.failed, "dead": told.dead} if told is not None else {}
