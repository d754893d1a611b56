"""One round: bring in what changed everywhere, count what is owed, check the guards, pay.

with Engine(config, ledger, sides, clock) as engine:
    plan = engine.plan()
    report = engine.sync()
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from stagebridge.clock import Clock, SystemClock
from stagebridge.config import ContactsConfig
from stagebridge.connector import Hint, HookRequest, Record
from stagebridge.errors import ConfigError, GuardTripped, StagebridgeError, TryLater
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.store import Ledger
from stagebridge.lifecycle import Lifecycle
from stagebridge.sync import alerts
from stagebridge.sync.debts import Debts
from stagebridge.sync.desk import Desk, Notice, Progress
from stagebridge.sync.identify import Identifier
from stagebridge.sync.intake import Intake, mark_hint
from stagebridge.sync.landing import Landing
from stagebridge.sync.letters import Letters
from stagebridge.sync.merge import Merger
from stagebridge.sync.plan import Plan, Planner, plain
from stagebridge.sync.pull import Puller
from stagebridge.sync.push import Pusher
from stagebridge.sync.removals import (
    addresses,
    erased_everywhere,
    forget_events_before,
    forget_hooks_before,
    forget_messages_before,
    remove_from_ledger,
)
from stagebridge.sync.reports import PullReport, PushReport
from stagebridge.sync.settle import Settler
from stagebridge.sync.side import Side
from stagebridge.sync.unanswered import Unanswered

PATIENCE = 150.0
"""Seconds that one run waits for what will be possible soon: a search index that lags, an unanswered write."""
SWEEPS = 6
"""How often one run goes over all sides: what one side answers may put another out of step."""


@dataclass(slots=True)
class RoundReport:
    """What a round did, per connection. `failures` are connections that stopped, with the error."""

    pulled: dict[str, PullReport] = field(default_factory=dict)
    pushed: dict[str, PushReport] = field(default_factory=dict)
    failures: dict[str, StagebridgeError] = field(default_factory=dict)
    plan: Plan | None = None
    conflicts: Counter[str] = field(default_factory=Counter)
    dead: int = 0
    waiting: int = 0
    seconds: float = 0.0

    @property
    def writes(self) -> int:
        return sum(p.created + p.updated + p.deleted for p in self.pushed.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "connections": {
                n: {
                    "read": plain(p),
                    "written": plain(self.pushed[n]),
                    "failure": str(self.failures[n]) if n in self.failures else None,
                }
                for n, p in self.pulled.items()
            },
            "conflicts": dict(self.conflicts), "dead_letters": self.dead, "waiting": self.waiting,
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


class Engine:
    """Keeps the contacts of some connections in step through one ledger."""

    def __init__(
        self,
        config: ContactsConfig,
        ledger: Ledger,
        sides: Sequence[Side],
        lifecycle: Lifecycle,
        clock: Clock | None = None,
        *,
        flight: int | None = None,
        progress: Progress | None = None,
        notice: Notice | None = None,
    ) -> None:
        self.config = config
        self.ledger = ledger
        self.sides = list(sides)
        self.lifecycle = lifecycle
        self.clock = clock or SystemClock()
        self.desk = Desk(ledger, self.clock, progress, notice)
        self.debts = Debts(self.sides, config, lifecycle)
        self.merger = Merger(self.debts, config, lifecycle)
        self.intake = Intake(self.debts, self.merger, Identifier(config), config)
        self.puller = Puller(self.desk, self.intake)
        self.landing = Landing(self.intake)
        self.settler = Settler(self.desk, self.debts, self.intake, self.landing)
        self.unanswered = Unanswered(self.desk, self.puller, self.landing)
        self.planner = Planner(self.desk, self.debts, config)
        self.flight = flight

    # --- the two public verbs ----------------------------------------------------------------------------------

    def plan(
        self, *, full: bool = False, only: Sequence[str] = (), limit: int | None = None
    ) -> tuple[Plan, RoundReport]:
        """Bring in what changed and count what a sync would do. Writes to no platform.

        Raises `Busy`; a connection that fails is in `report.failures`.
        """
        with self.desk.hold(), self.run("plan") as report:
            self.pull(report, full=full)
            self._look_again(report)
            report.plan = self.planner.plan(self._pilot(only, limit))
        return report.plan, report

    def sync(
        self,
        *,
        full: bool = False,
        only: Sequence[str] = (),
        limit: int | None = None,
        allow: dict[str, int] | None = None,
        expect: str | None = None,
    ) -> RoundReport:
        """One round. `only` (e-mails) and `limit` (contacts) pilot it; `expect` is the digest of the plan that must
        still be true.

        Raises `Busy`, `GuardTripped`, `TryLater` for a stale plan; a connection that fails stops alone and is in
        `report.failures`.
        """
        with self.desk.hold(), self.run("sync") as report:
            self.pull(report, full=full)
            self._look_again(report)
            pilot = self._pilot(only, limit)
            report.plan = self.planner.plan(pilot)
            if expect is not None and report.plan.digest != expect:
                raise TryLater(
                    "the plan is stale: what would be written has changed since", hint="Make a new plan.",
                    code="SB-STALE-PLAN",
                )  # fmt: skip
            self.planner.guard(report.plan, allow)
            for sentence in report.plan.warnings:
                self.desk.say(sentence)
            self._push(report, pilot)
            self._bury()
        return report

    def receive(self, connection: str, request: HookRequest) -> int:
        """Take in a webhook: records to fetch are noted for the next round, and where the webhook is the only source its
        record is taken as it is. Returns how many records it was about.

        Raises `AuthError` for a wrong or stale signature, `Busy` while a run is at work: the platform sends it again.
        """
        side = next(s for s in self.sides if s.name == connection)
        told = side.connector.receive(request)
        with self.desk.hold(), self.desk.book() as book:
            for hint in told:
                if isinstance(hint, Hint):
                    mark_hint(book, side, hint.object, hint.remote_id)
            records = [r for r in told if isinstance(r, Record)]
            self.intake.take(book, side, records, noted=self.desk.version, baseline=False)
        return len(told)

    # --- steps -------------------------------------------------------------------------------------------------

    @contextmanager
    def run(self, command: str) -> Iterator[RoundReport]:
        """A run, under the ledger's lock: it stands in the ledger with what it did and how it ended, whatever ends it."""
        began, since, letters = time.monotonic(), self.desk.now, Letters(self.ledger, self.desk.now)
        self.desk.start(command)
        report = RoundReport({s.name: PullReport() for s in self.sides}, {s.name: PushReport() for s in self.sides})
        state, error = "failed", "stopped"
        try:
            self._recount_where_configuration_changed()
            yield report
            state, error = ("failed" if report.failures else "ok"), ""
        except Exception as stop:
            state, error = ("guarded" if isinstance(stop, GuardTripped) else "failed"), str(stop)
            if isinstance(stop, StagebridgeError):
                alerts.of_error(stop, self.desk.run_id)
            raise
        finally:
            alerts.of_failures(report.failures, self.desk.run_id)
            self._sum_up(report, since, letters)
            report.seconds = time.monotonic() - began
            self.desk.finish(state, report.to_json(), error or None)

    def _sum_up(self, report: RoundReport, since: int, letters: Letters) -> None:
        """What is open at the end of a run."""
        with self.ledger.begin() as tx:
            oldest = self.desk.now - int(self.config.keep_changes * 1000)
            tx.execute(sa.delete(t.change).where(t.change.c.at < oldest))
            forget_events_before(tx, oldest)
            forget_hooks_before(tx, oldest)
            forget_messages_before(tx, oldest)
            alerts.of_conflicts(tx, since, self.desk.run_id)
            letters.tell(tx, self.desk.run_id)
            c = t.conflict.c
            query = sa.select(c.kind, sa.func.count()).where(c.closed.is_(None)).group_by(c.kind)
            report.conflicts = Counter({r[0]: r[1] for r in tx.execute(query)})
            states = sa.select(t.outbox.c.state, sa.func.count()).group_by(t.outbox.c.state)
            by_state = {r[0]: r[1] for r in tx.execute(states)}
        report.dead = by_state.get("dead", 0)
        report.waiting = by_state.get("pending", 0) + by_state.get("sending", 0)

    def pull(self, report: RoundReport, *, full: bool = False) -> None:
        """Bring in what changed everywhere; a connection that fails is in `report.failures`."""
        for side in self.sides:
            if self._settle_unknown(side, report) and side.name not in report.failures:
                self._guarded(
                    side, report, lambda side=side: self.puller.pull(side, report.pulled[side.name], full=full)
                )

    def _settle_unknown(self, side: Side, report: RoundReport) -> bool:
        """Writes of an earlier run that were never answered come first."""
        if side.writes:
            pushed = report.pushed[side.name]
            self._guarded(side, report, lambda: self.unanswered.resolve(side, pushed))
        return side.name not in report.failures

    def _look_again(self, report: RoundReport) -> None:
        """Creates wait until their target has been read past the moment that the person was first seen (rule I3): read
        it once more, after its lag, in the same run."""
        for side in self.sides:
            if side.name in report.failures or not side.writes:
                continue
            with self.ledger.begin() as tx:
                newest = tx.scalar(
                    sa.select(sa.func.max(t.contact.c.first_seen))
                    .join(t.outbox, t.outbox.c.contact_id == t.contact.c.id)
                    .where(
                        t.outbox.c.connection == side.name, t.outbox.c.link_id.is_(None), t.outbox.c.state == "pending"
                    )
                )
                covered = self.puller.covered(tx, side)
            if newest is None or covered > newest:
                continue
            wait = (newest - self.desk.now) / 1000 + side.connector.lag + 1
            if wait > PATIENCE:
                continue
            self.clock.sleep(wait)
            self._guarded(side, report, lambda side=side: self.puller.pull(side, report.pulled[side.name]))

    def _push(self, report: RoundReport, pilot: set[int] | None) -> None:
        pusher = Pusher(self.desk, self.debts, self.intake, self.puller, self.settler, self.config, flight=self.flight)
        pusher.only = pilot
        waited = 0.0
        for _ in range(SWEEPS):
            progress = 0
            for side in self.sides:
                if side.writes and side.name not in report.failures:
                    progress += (
                        self._guarded(side, report, lambda side=side: pusher.push(side, report.pushed[side.name])) or 0
                    )
            if progress:
                continue
            wait = self._next_due()
            if wait is None or waited + wait > PATIENCE:
                return
            waited += wait
            self.clock.sleep(wait)
            for side in self.sides:
                if side.name not in report.failures:
                    self._settle_unknown(side, report)

    def _bury(self) -> None:
        """People whose erasure has arrived everywhere leave the ledger too."""
        if self.config.deletes != "erase":
            return
        with self.ledger.begin() as tx:
            ids = erased_everywhere(tx)
            book = Book(tx, now=self.desk.now, version=self.desk.version)
            book.load_contacts(ids)
            for i in ids:
                contact = book.contacts[i]
                links = book.links_of(contact)
                remotes = [(x.connection, x.object, x.remote_id) for x in links]
                remove_from_ledger(tx, self.desk.now, i, remotes, addresses(contact, links))
        if ids:
            self.ledger.vacuum()

    def _next_due(self) -> float | None:
        """Seconds until something that waits for time alone can go on; None if nothing does."""
        with self.ledger.begin() as tx:
            c = t.outbox.c
            names = [s.name for s in self.sides]
            lease = tx.scalar(sa.select(sa.func.min(c.lease)).where(c.state == "sending", c.connection.in_(names)))
            later = tx.scalar(
                sa.select(sa.func.min(c.not_before)).where(
                    c.state == "pending", c.not_before > self.desk.now, c.connection.in_(names)
                )
            )
        times = [x for x in (lease, later) if x is not None]
        return max(0.0, (min(times) - self.desk.now) / 1000) + 0.01 if times else None

    def _guarded(self, side: Side, report: RoundReport, step: Any) -> Any:
        """One connection's failure stops that connection and no other (promise G7)."""
        try:
            return step()
        except ConfigError:
            raise
        except StagebridgeError as error:
            report.failures[side.name] = error
            return None

    def _pilot(self, only: Sequence[str], limit: int | None) -> set[int] | None:
        if not only and limit is None:
            return None
        with self.ledger.begin() as tx:
            if only:
                book = Book(tx, now=self.desk.now, version=self.desk.version)
                return {c.id for e in only for c in book.holders("email", e.strip().casefold())}
            query = sa.select(t.outbox.c.contact_id).where(t.outbox.c.state == "pending").distinct()
            return set(tx.execute(query.order_by(t.outbox.c.contact_id).limit(limit)).scalars())

    def _recount_where_configuration_changed(self) -> None:
        """What is owed depends on mappings, rules and `include`: where one of them changed, count everything anew."""
        parts = [s.name + s.mapping.hash + s.config.mode for s in self.sides]
        mark = "|".join(parts) + self.config.fingerprint()
        with self.ledger.begin() as tx:
            held = tx.scalar(sa.select(t.meta.c.value).where(t.meta.c.name == "configuration"))
            if held == mark:
                return
            last = int(tx.scalar(sa.select(sa.func.max(t.contact.c.id))) or 0)
        for start in range(0, last, 1000):
            with self.desk.book() as book:
                c = t.contact.c
                ids = list(
                    book.tx.execute(
                        sa.select(c.id).where(c.id > start, c.id <= start + 1000, c.merged_into.is_(None))
                    ).scalars()
                )
                book.load_contacts(ids)
                book.touched.update(ids)
                self.intake.count_debts(book)
        with self.ledger.begin() as tx:
            tx.execute(sa.delete(t.meta).where(t.meta.c.name == "configuration"))
            tx.execute(sa.insert(t.meta).values(name="configuration", value=mark))
