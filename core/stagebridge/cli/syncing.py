"""plan, sync, scheduler."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from stagebridge.cli.console import STATE, emit, err, open_all, out, table
from stagebridge.cli.events import collect, deliver, queued, show_collected, show_flush
from stagebridge.cli.hooks import show_told, tell, told_json
from stagebridge.cli.webhooks import show_worked_on, work_on
from stagebridge.clock import spoken
from stagebridge.config import GUARDS
from stagebridge.delivery import inspect as deliveries
from stagebridge.document import nearest
from stagebridge.errors import ConfigError, StagebridgeError
from stagebridge.sync.engine import RoundReport
from stagebridge.sync.plan import Plan

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Contact = Annotated[list[str] | None, typer.Option("--contact", help="Only this person (e-mail); may be repeated.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Only this many people.")]
Full = Annotated[bool, typer.Option("--full-refresh", help="Read everything again.")]


def register(app: typer.Typer) -> None:
    app.command()(plan)
    app.command()(sync)
    app.command()(scheduler)


def plan(
    json_: Json = False,
    out_: Annotated[Path | None, typer.Option("--out", help="Save the plan for `sync --plan`.")] = None,
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help="End with 4 if there is something to do.")
    ] = False,
    contact: Contact = None,
    limit: Limit = None,
    full: Full = False,
) -> None:
    """Show who matches whom and what a sync would change; writes to no platform."""
    opened = open_all(progress=not json_)
    worked_on = work_on(opened)
    made, report = opened.engine.plan(full=full, only=contact or (), limit=limit)
    report.failures |= opened.failures
    waiting = {n: s["queued"] for n, s in deliveries.counts(opened.engine.ledger).items() if s.get("queued")}
    if out_ is not None:
        out_.write_text(json.dumps(made.to_json(), ensure_ascii=False), "utf-8")
    if json_:
        failed = {n: str(e) for n, e in report.failures.items()}
        told = {"events": waiting, "webhooks": worked_on, "failures": failed}
        emit({"match": _match(report), **made.to_json(), **told})
    else:
        show_worked_on(worked_on)
        show_match(report)
        show_plan(made)
        for name, count in waiting.items():
            out.print(f"{name}: {count} events to send  (stagebridge events queue)")
    _end(report, 4 if detailed and not made.is_empty else 0)


def sync(
    job: Annotated[str, typer.Argument(help="The job to run.")] = "contacts",
    plan_: Annotated[Path | None, typer.Option("--plan", help="Only if this saved plan is still true.")] = None,
    contact: Contact = None,
    limit: Limit = None,
    full: Full = False,
    allow: Annotated[list[str] | None, typer.Option("--allow", help="GUARD=N: let this run through a guard.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Never passes a guard.")] = False,
    json_: Json = False,
) -> None:
    """Bring all connections into step, once."""
    if job != "contacts":
        raise ConfigError(f"there is no job '{job}'", hint="The job that exists is 'contacts'.")
    expect = _digest(plan_) if plan_ is not None else None
    opened = open_all(progress=not json_)
    worked_on = work_on(opened)
    report = opened.engine.sync(full=full, only=contact or (), limit=limit, allow=_allowed(allow or []), expect=expect)
    report.failures |= opened.failures
    collected = collect(opened.events, report.failures)
    flushed = deliver(opened.events, report.failures)
    messages = tell(opened)
    if json_:
        failed = {n: str(e) for n, e in report.failures.items()}
        sent = {n: f.to_json() for n, f in flushed.items()}
        told = {"events": sent, "messages": told_json(messages), "webhooks": worked_on, "failures": failed}
        emit(report.to_json() | told | {"collected": {n: queued(q) for n, q in collected.items()}})
    else:
        show_worked_on(worked_on)
        show_report(report)
        show_collected(collected)
        show_flush(flushed)
        show_told(messages)
    _end(report, 4 if report.dead or any(p.parked for p in report.pushed.values()) else 0)


def scheduler(
    rounds: Annotated[int | None, typer.Option("--rounds", help="Stop after this many rounds.")] = None,
) -> None:
    """Run all jobs at their intervals until stopped; SIGTERM finishes the step in hand."""
    from apscheduler.schedulers.blocking import BlockingScheduler

    config = STATE.config()
    if not config.jobs:
        raise ConfigError("the configuration names no jobs", hint="Write `jobs: [{name: contacts, every: 5m}]`.")
    works = BlockingScheduler()
    done = 0

    def stop(*_: Any) -> None:
        err.print("stopping after the step in hand")
        if works.running:
            works.shutdown(wait=False)

    def work() -> None:
        nonlocal done
        try:
            opened = open_all()
            show_worked_on(work_on(opened))
            show_report(opened.engine.sync())
            show_collected(collect(opened.events, opened.failures))
            show_flush(deliver(opened.events, opened.failures))
            show_told(tell(opened))
            opened.outgoing.close()
        except StagebridgeError as error:
            err.print(f"{error.code}: {error}")
        done += 1
        if rounds is not None and done >= rounds:
            stop()

    from datetime import datetime

    for i, job in enumerate(config.jobs):
        works.add_job(
            work,
            "interval",
            seconds=job.every,
            next_run_time=datetime.now(),
            max_instances=1,
            coalesce=True,
            id=f"{job.name}-{i}",
        )
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    works.start()


# --- showing --------------------------------------------------------------------------------------------------


def _match(report: RoundReport) -> dict[str, dict[str, int]]:
    return {n: {"read": p.records, **p.matched} for n, p in report.pulled.items()}


def show_match(report: RoundReport) -> None:
    """The match report: who was recognised by which key."""
    words = {
        "external_id": "by our key", "email": "by e-mail", "phone": "by phone", "none": "known nowhere else yet",
        "duplicate": "a second record of somebody", "ambiguous": "several candidates",
    }  # fmt: skip
    rows = []
    for name, pulled in report.pulled.items():
        how = ", ".join(f"{count} {words.get(kind, kind)}" for kind, count in sorted(pulled.matched.items()))
        problems = ", ".join(f"{path} {count}" for path, count in sorted(pulled.problems.items()))
        rows.append(
            {"connection": name, "new_records": pulled.matched.total(), "matched": how, "unreadable_values": problems}
        )
    table(rows, ("connection", "new_records", "matched", "unreadable_values"), "nothing was read")


def show_plan(made: Plan) -> None:
    if made.is_empty:
        out.print("Everything is in step: nothing to write.")
    for name, side in made.sides.items():
        if not side.changes:
            continue
        calls = ", ".join(f"{n} {kind}" for kind, n in side.calls.items() if n)
        out.print(
            f"\n{name}: {side.creates} to create, {side.updates} to update ({side.links_written} only get our key)"
            + (f", {side.deletes} to delete" if side.deletes else "")
        )
        out.print(
            f"  stages moved {side.stage_moves} (the platform's own workflows will run), cleared {side.clears}, opted out {side.opt_outs}"
        )
        out.print(f"  {sum(side.calls.values())} requests ({calls}), about {spoken(side.seconds)} at this budget")
        if side.slow:
            out.print(f"  {side.slow}", markup=False, highlight=False)
        for path, count in side.paths.most_common():
            out.print(f"  {path} {count}×  " + "  ".join(side.samples.get(path, [])[:2]), markup=False, highlight=False)
    if made.conflicts:
        out.print(
            "\nconflicts: "
            + ", ".join(f"{n} {kind}" for kind, n in sorted(made.conflicts.items()))
            + "  (stagebridge conflicts)"
        )


def show_report(report: RoundReport) -> None:
    rows = [
        {"connection": n, "read": report.pulled[n].records, "created": p.created, "updated": p.updated,
         "deleted": p.deleted, "parked": p.parked, "rejected": p.rejected, "unanswered": p.unknown, "requests": sum(p.calls.values())}
        for n, p in report.pushed.items()
    ]  # fmt: skip
    table(
        rows,
        ("connection", "read", "created", "updated", "deleted", "parked", "rejected", "unanswered", "requests"),
        "no connection was open",
    )
    for name, error in report.failures.items():
        err.print(f"{name} stopped: {error.code}: {error.in_full}", markup=False)
    if report.conflicts:
        out.print("conflicts: " + ", ".join(f"{n} {kind}" for kind, n in sorted(report.conflicts.items())))
    if report.dead:
        out.print(f"dead letters: {report.dead}  (stagebridge dead-letters)")
    if report.waiting:
        out.print(f"still to be written: {report.waiting}")


def _end(report: RoundReport, code: int) -> None:
    if report.failures:
        raise typer.Exit(max(e.exit_code for e in report.failures.values()) if code == 0 else code)
    raise typer.Exit(code)


def _allowed(pairs: list[str]) -> dict[str, int]:
    found = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if name not in GUARDS or not number.isdigit():
            raise ConfigError(f"'{pair}' is no GUARD=N{nearest(name, GUARDS)}", hint=f"Guards are {', '.join(GUARDS)}.")
        found[name] = int(number)
    return found


def _digest(path: Path) -> str:
    try:
        return str(json.loads(path.read_text("utf-8"))["digest"])
    except (OSError, ValueError, KeyError):
        raise ConfigError(f"{path} is no saved plan", hint="`stagebridge plan --out FILE` makes one.") from None
