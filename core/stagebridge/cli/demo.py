"""The whole thing at once, on a laptop: full systems that meet, the real engine, real HTTP, lags and limits on."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from stagebridge.cli.console import emit, out
from stagebridge.cli.demo_automations import Automations
from stagebridge.cli.demo_events import Conversions, rules
from stagebridge.clock import ElasticClock
from stagebridge.config import Config, load_config
from stagebridge.contact import full_name
from stagebridge.delivery.setup import Events
from stagebridge.errors import ConfigError
from stagebridge.ledger.store import Ledger
from stagebridge.lifecycle import Lifecycle
from stagebridge.outgoing.setup import Outgoing
from stagebridge.sync.engine import Engine, RoundReport
from stagebridge.sync.setup import open_side, open_sides

PATHS = ("name", "first_name", "last_name", "stage", "job_title")
"""What is compared at the end, each between the platforms that have it."""
EDITED = ("job_title", "first_name", "name")
"""What people edit: the first of these that their platform has."""


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    json_: Annotated[bool, typer.Option("--json", help="Print only the figures, as JSON.")] = False,
    contacts: Annotated[int, typer.Option("--contacts", help="How many invented people.", min=20, max=20000)] = 400,
) -> None:
    """Full systems meet, people edit in all of them, platforms break and heal. No account needed."""
    try:
        from stagebridge.sandbox.demo import accounts
    except ModuleNotFoundError:
        raise ConfigError("the demo needs `pip install 'stagebridge[sandbox]'`") from None
    if len(accounts()) < 2:
        raise ConfigError("the demo needs two connectors", hint="pip install 'stagebridge[all]'")
    with tempfile.TemporaryDirectory() as folder:
        figures = Demo(Path(folder), contacts, quiet=json_).play()
    if json_:
        emit(figures)
    events = figures.get("events", {})
    good = (
        figures["agree"]
        and events.get("sent") == events.get("counted")
        and all(a["acted"] for n, a in figures.get("automations", {}).items() if n != "person")
        and not (figures["third_round_writes"] or figures["duplicates"] or figures["stage_regressions"])
    )
    raise typer.Exit(0 if good else 1)


@dataclass
class Demo:
    folder: Path
    count: int
    quiet: bool = False
    figures: dict[str, Any] = field(default_factory=dict)

    def say(self, text: str) -> None:
        if not self.quiet:
            out.print(text, highlight=False)

    def play(self) -> dict[str, Any]:
        """Run the story; returns its figures."""
        from stagebridge.sandbox import Sandbox
        from stagebridge.sandbox.demo import accounts, audiences, automations, people

        began = time.monotonic()
        with ExitStack() as stack:
            self.clock = clock = ElasticClock()
            self.accounts = accounts()
            self.boxes = {n: stack.enter_context(Sandbox(n, clock=clock)) for n in self.accounts}
            self.audiences = audiences()
            self.ads = {n: stack.enter_context(Sandbox(n, clock=clock)) for n in self.audiences}
            self.services = automations() if find_spec("fastapi") else {}
            self.hooks = {n: stack.enter_context(Sandbox(n, clock=clock)) for n in self.services}
            for name, audience in self.audiences.items():
                if (data := audience.seed()) is not None:
                    self.ads[name].seed(data)
            crowd = people(self.count, len(self.accounts))
            for i, (name, account) in enumerate(self.accounts.items()):
                self.boxes[name].seed(account.seed([p for p in crowd if i in p.known_to]))
            self.witnesses = {n: a.witness(self.boxes[n].url) for n, a in self.accounts.items()}
            config = load_config(
                self._configuration(), {"DEMO_SECRET": "pat-demo-secret", "DEMO_CLIENT_SECRET": "sandbox-secret"}
            )
            self.say(
                f"[bold]{len(self.boxes)} full systems[/] on 127.0.0.1: "
                + ", ".join(f"{n} with {len(self._records(n))} records" for n in self.boxes)
            )
            for name in self.accounts:
                side = open_side(config.connections[name], config.lifecycle, clock)
                if side.connector.capabilities.provision == "api" and side.mapping.missing():
                    for line in side.connector.provision(side.mapping.missing(), dry_run=False):
                        self.say(f"  {name}: created {line}")
            sides, failures = open_sides(config, clock)
            if failures:
                raise next(iter(failures.values()))
            ledger = Ledger.open(config.ledger)
            self.engine = Engine(config.contacts, ledger, sides, config.lifecycle, clock)
            self.events = Events(config, self.engine, clock)
            self._story(config.lifecycle)
            self._conversions()
            self._automations(config)
            ledger.close()
        self.figures["seconds"] = round(time.monotonic() - began, 1)
        self.say(
            f"\n{self.figures['seconds']} seconds. Next: `stagebridge init`, and docs/ for the first sync of two real systems."
        )
        return self.figures

    def _configuration(self) -> Path:
        names = list(self.accounts)
        document = {
            "version": 1,
            "connections": {n: a.connection(self.boxes[n].url) for n, a in self.accounts.items()}
            | {n: {**a.connection(self.ads[n].url), "ads_consent": "not_denied"} for n, a in self.audiences.items()}
            | {n: a.connection(self.hooks[n].url) for n, a in self.services.items()},
            "events": rules(self.audiences),
            "contacts": {
                "between": [*names, *self.services], "initial": {"prefer": names[0]}, "rules": {"consent.*": "most_restrictive", "*": "latest"},
                "guards": {"max_creates": "off", "max_stage_moves": "off", "max_changes": "off"},
            },
        }  # fmt: skip
        path = self.folder / "stagebridge.yaml"
        path.write_text(json.dumps(document), "utf-8")
        return path

    # --- the story ---------------------------------------------------------------------------------------------

    def _story(self, lifecycle: Lifecycle) -> None:
        from stagebridge.cli.syncing import show_match, show_plan

        seeded = {n: self._copies(n) for n in self.boxes}
        before = self._stages()
        plan, report = self.engine.plan()
        matched = sum(p.matched[k] for p in report.pulled.values() for k in ("external_id", "email", "phone"))
        self.say("\n[bold]Who is who[/] (nothing is written yet)")
        if not self.quiet:
            show_match(report)
            show_plan(plan)
        first, calls = self._round()
        regressions = self._regressions(before, lifecycle)
        creates = sum(p.created for p in first.pushed.values())
        updates = sum(p.updated for p in first.pushed.values())
        self.say(f"\n[bold]First sync[/]: {creates} created, {updates} updated, {calls} requests")
        before = self._stages()
        edits = self._edit()
        self.say(f"[bold]{edits} edits[/] by people, made through the platforms' own clients; then one platform breaks")
        self._break()
        second, calls = self._round()
        writes = second.writes
        self.say(
            f"  with {sum(p.unknown for p in second.pushed.values())} unanswered writes read back: {writes} writes in {calls} requests"
        )
        for box in self.boxes.values():
            box.heal()
        second, _ = self._round()
        writes += second.writes
        regressions += self._regressions(before, lifecycle)
        third, _ = self._round()
        agree, compared, apart = self._agree()
        more = sum(max(0, n - seeded[name].get(e, 1)) for name in self.boxes for e, n in self._copies(name).items())
        self.figures |= {
            "contacts": self.count, "matched": matched, "ambiguous": sum(plan.conflicts.values()),
            "first_sync": {"creates": creates, "updates": updates, "api_calls": sum(sum(p.calls.values()) for p in first.pushed.values())},
            "edits_made": edits, "second_round": {"writes": writes}, "third_round_writes": third.writes, "duplicates": more,
            "stage_regressions": regressions, "agree": agree,
        }  # fmt: skip
        self.say(f"[bold]Healed[/]: one more round wrote {third.writes} times.")
        self.say("\n[bold]What the platforms hold[/], read by their own clients")
        for name in self.boxes:
            records = self._records(name)
            stages = Counter(h["stage"] for h in records)
            self.say(
                f"  {name}: {len(records)} records; "
                + ", ".join(f"{n} {s or 'no stage'}" for s, n in stages.most_common(4))
            )
        word = "they agree on every mapped value" if agree else f"{apart} differ"
        self.say(f"  {compared} people in all of them: {word}; {more} doubled, {regressions} stages moved backwards,")
        self.say(
            f"  {sum(plan.conflicts.values())} records that were there twice before wait for a person (stagebridge conflicts)"
        )

    def _conversions(self) -> None:
        if not self.ads:
            return
        told = Conversions(self.events, self.ads, self.audiences).play(self.clock.now())
        self.figures["events"] = told
        self.say(
            f"\n[bold]Conversions[/] to {' and '.join(self.ads)}: {told['sent']} sent, although the first answer of each was lost and "
            "all were handed over twice;"
        )
        self.say(
            f"  the platforms counted {told['counted']} and dropped {told['duplicates']} that they knew; {told['expired']} came too late, "
            f"{told['refused']} were not agreed to"
        )

    def _automations(self, config: Config) -> None:
        if not self.services:
            return
        Outgoing(config, self.clock).attach(self.engine.desk)
        told = Automations(config, self.clock, self.hooks, self.services, self._promote).play()
        self.figures["automations"] = told
        self.say("\n[bold]Automations[/] that subscribed at the API of `stagebridge serve`, as they heard of it:")
        for name, service in self.services.items():
            self.say(f"  {name}: {told['person']} is {told[name]['stage']}, was {told[name]['was']}; {service.does}")

    def _promote(self) -> str:
        """Somebody moves a person on, and everybody else hears of it."""
        name, witness = next(iter(self.witnesses.items()))
        email = max(h["email"] for h in self._records(name) if h["stage"] == "lead" and h["email"])
        witness.edit(email, {"stage": "advocate"})
        self._round()
        return email

    def _round(self) -> tuple[RoundReport, int]:
        """A sync, a minute or two after the last one."""
        self.clock.sleep(120)
        for box in self.boxes.values():
            box.forget_requests()
        report = self.engine.sync()
        for error in report.failures.values():
            self.say(f"  {error}")
        return report, sum(box.requests()["count"] for box in self.boxes.values())

    def _edit(self) -> int:
        """People change titles, or names, in every system, and move stages forward."""
        names = list(self.witnesses)
        records = {n: self._records(n) for n in names}
        has = {n: next(p for p in EDITED if p in held[0]) for n, held in records.items()}
        copies = [_copies(held) for held in records.values()]
        once = sorted(e for e in set.intersection(*(set(c) for c in copies)) if all(c[e] == 1 for c in copies))
        for i, email in enumerate(once[:40]):
            self.clock.sleep(1)
            name = names[i % len(names)]
            values = {has[name]: f"Head of {('Sales', 'Support', 'Growth', 'Data')[i % 4]} {i}"}
            if i // len(names) % 4 == 0:
                values["stage"] = "advocate"
            self.witnesses[name].edit(email, values)
        return min(40, len(once))

    def _break(self) -> None:
        """Answers get lost after the write took effect, and every platform has bad moments."""
        for name, box in self.boxes.items():
            box.fault("status", path="*", script=["503", "ok", "500" if name == min(self.boxes) else "503"])
            box.fault("timeout_after", writes=True, times=1)

    # --- what the witnesses say --------------------------------------------------------------------------------

    def _records(self, name: str) -> list[dict[str, str]]:
        self.clock.sleep(10)  # the witness has no budget of its own, and the platform counts its calls too
        return self.witnesses[name].holds()

    def _copies(self, name: str) -> Mapping[str, int]:
        return _copies(self._records(name))

    def _people(self, name: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for held in self._records(name):
            if held["email"]:
                whole = full_name(held.get("first_name"), held.get("last_name"))
                found.setdefault(held["email"], {"name": whole or "", **held})
        return found

    def _stages(self) -> dict[str, dict[str, str]]:
        return {n: {e: h["stage"] for e, h in self._people(n).items()} for n in self.boxes}

    def _regressions(self, before: dict[str, dict[str, str]], lifecycle: Lifecycle) -> int:
        after = self._stages()
        return sum(
            1 for n in self.boxes for e, old in before[n].items()
            if old in lifecycle.names and lifecycle.rank(after[n].get(e, old)) < lifecycle.rank(old)
        )  # fmt: skip

    def _agree(self) -> tuple[bool, int, int]:
        held = {n: self._people(n) for n in self.boxes}
        everyone = set.union(*(set(h) for h in held.values()))
        apart = sum(1 for e in everyone if any(len(self._said(held, e, p)) > 1 for p in PATHS))
        return apart == 0, len(everyone), apart

    @staticmethod
    def _said(held: Mapping[str, Mapping[str, Mapping[str, str]]], email: str, path: str) -> set[str | None]:
        """What the platforms say that have this path; one that lacks the person says None."""
        return {h[email].get(path) if email in h else None for h in held.values() if path in h.get(email, PATHS)}


def _copies(records: Sequence[Mapping[str, str]]) -> Mapping[str, int]:
    """How often each address is there."""
    return Counter(r["email"] for r in records if r["email"])
