"""events: send, queue, flush, backfill."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from stagebridge.cli.console import STATE, Opened, emit, err, open_all, out, table
from stagebridge.cli.hooks import show_told, tell, told_json
from stagebridge.connector import Rejected
from stagebridge.delivery import inspect
from stagebridge.delivery.deliverer import Flush
from stagebridge.delivery.files import Wrong, events_in
from stagebridge.delivery.queue import Queued
from stagebridge.delivery.setup import Events
from stagebridge.document import nearest
from stagebridge.errors import ConfigError, StagebridgeError
from stagebridge.event import ConversionEvent

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LIMIT = 500
"""Events that a backfill sends without being told how many: a day's, not a database's."""


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Conversion events: send, queue, flush, backfill.", no_args_is_help=True)
    for command in (send, queue, flush, backfill):
        group.command()(command)
    app.add_typer(group, name="events")


def send(
    file: Annotated[Path, typer.Argument(help="JSONL or CSV: id, name, at, contact.email, value, currency …")],
    to: Annotated[
        list[str] | None, typer.Option("--to", help="A connection; may be repeated. All that take events.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", help="Of national phone numbers, for example GB.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the exact JSON per connection; nothing is kept.")
    ] = False,
    json_: Json = False,
) -> None:
    """Queue the events of a file, each id once, and send what is due."""
    found = opened(to or ())
    work, failures = found.events, found.failures
    wrong: list[Wrong] = []

    def good() -> Iterator[ConversionEvent]:
        for one in events_in(file, region):
            if isinstance(one, Wrong):
                wrong.append(one)
            else:
                yield one

    events = list(good())
    report = Queued()
    if dry_run:
        emit([shown(work, e, to or tuple(work.targets)) for e in events])
    else:
        report = work.arrival.give(events, to or ())
        flushed, told = deliver(work, failures), tell(found)
        if json_:
            sent = {n: f.to_json() for n, f in flushed.items()}
            emit({**queued(report), "sent": sent, "messages": told_json(told), "wrong_rows": len(wrong)})
        else:
            show_queued(report)
            show_flush(flushed)
            show_told(told)
    for one in wrong:
        err.print(f"{file}:{one.line}: {one.why}", markup=False, highlight=False)
    for id_ in report.clashes:
        err.print(f"{file}: another event is known under the id {id_}: this one was not taken", markup=False)
    end(failures, 4 if wrong or report.clashes or report.dead else 0)


def shown(work: Events, event: ConversionEvent, to: Any) -> dict[str, Any]:
    """An event as every connection would get it."""
    out: dict[str, Any] = {"id": event.id, "name": event.name}
    for name in to:
        side = work.targets[name]
        draft = side.connector.draft(event) if side is not None else Rejected("SB-DOWN", "could not be opened")
        if isinstance(draft, Rejected):
            out[name] = {"refused": draft.code, "why": draft.message}
        else:
            out[name] = {"payload": dict(draft.payload), "until": draft.deadline, "warnings": list(draft.warnings)}
    return out


def queue(
    state: Annotated[str | None, typer.Option("--state", help=f"Only {', '.join(inspect.STATES)}.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many.")] = 100,
    json_: Json = False,
) -> None:
    """Events and what became of them: what waits comes first."""
    if state is not None and state not in inspect.STATES:
        raise ConfigError(f"'{state}' is no state{nearest(state, inspect.STATES)}", hint=f"{', '.join(inspect.STATES)}")
    found = inspect.deliveries(STATE.ledger(), state, limit)
    if json_:
        emit(found)
        return
    table(found, ("id", "event", "name", "at", "to", "state", "verdict"), "no events yet")
    for name, states in inspect.counts(STATE.ledger()).items():
        out.print(f"{name}: " + ", ".join(f"{n} {s}" for s, n in states.items()))


def flush(json_: Json = False) -> None:
    """Send what is due."""
    found = opened()
    flushed, told = deliver(found.events, found.failures), tell(found)
    if json_:
        emit({n: f.to_json() for n, f in flushed.items()})
    else:
        show_flush(flushed)
        show_told(told)
    end(found.failures)


def backfill(
    since: Annotated[datetime, typer.Option("--since", help="Stages reached since then, in UTC.")],
    allow: Annotated[int, typer.Option("--allow", help="How many events at the most.")] = LIMIT,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Carry it out; without, only their number is shown.")
    ] = False,
) -> None:
    """Send what the rules would have sent for stages of the past, a first sync's among them. Each event once."""
    found = opened()
    work, failures = found.events, found.failures
    moment = since.replace(tzinfo=UTC) if since.tzinfo is None else since
    count = work.arrival.backfill(moment, dry_run=True)
    assert isinstance(count, int)
    if not yes:
        out.print(f"{count} events since {moment.isoformat()}; --yes queues and sends those that are not known yet")
        return
    if count > allow:
        raise ConfigError(f"{count} events are more than {allow}", hint=f"If that is right: --allow {count}")
    report = work.arrival.backfill(moment, dry_run=False)
    assert isinstance(report, Queued)
    show_queued(report)
    show_flush(deliver(work, failures))
    show_told(tell(found))
    end(failures)


# --- shared with sync -----------------------------------------------------------------------------------------


def opened(to: Collection[str] = ()) -> Opened:
    """The events of the configuration. Raises `ConfigError` for a connection that takes none."""
    found = open_all()
    if not found.events.targets and not found.outgoing.outlets:
        raise ConfigError("no connection takes events", hint="Add one, for example `type: meta`.")
    for name in to:
        if name not in found.events.targets:
            raise ConfigError(f"'{name}' takes no events{nearest(name, found.events.targets)}")
    return found


def collect(work: Events, failures: dict[str, StagebridgeError]) -> dict[str, Queued]:
    """Take in what platforms have recorded; connections that stopped are added to the failures."""
    collected = work.collect()
    failures |= work.failures
    return collected


def deliver(work: Events, failures: dict[str, StagebridgeError]) -> dict[str, Flush]:
    """Send what is due; connections that stopped are added to the failures."""
    if not work.targets:
        return {}
    deliverer = work.deliverer()
    flushed = deliverer.flush()
    failures |= deliverer.failures
    return flushed


def show_queued(report: Queued) -> None:
    dead = "".join(f", {n} refused as {code}" for code, n in report.dead.items())
    out.print(f"{report.queued} queued, {report.known} known already{dead}")


def show_collected(collected: dict[str, Queued]) -> None:
    for name, report in collected.items():
        if report.queued or report.dead:
            out.print(f"conversions from {name}: ", end="")
            show_queued(report)


def show_flush(flushed: dict[str, Flush]) -> None:
    rows = [
        {"connection": n, "sent": f.sent, "waiting": f.waiting, "unanswered": f.unanswered, "requests": f.requests,
         "not_sent": ", ".join(f"{count} {code}" for code, count in f.verdicts.items())}
        for n, f in flushed.items()
    ]  # fmt: skip
    if rows:
        table(rows, ("connection", "sent", "waiting", "unanswered", "requests", "not_sent"), "")


def end(failures: dict[str, StagebridgeError], code: int = 0) -> None:
    for name, error in failures.items():
        err.print(f"{name} stopped: {error.code}: {error.in_full}", markup=False)
    raise typer.Exit(code or max((e.exit_code for e in failures.values()), default=0))


def queued(report: Queued) -> dict[str, Any]:
    return {"queued": report.queued, "known": report.known, "refused": report.dead, "clashes": report.clashes}
