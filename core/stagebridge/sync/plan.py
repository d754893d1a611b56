"""What a sync would do, counted before anything is written, and the guards that stop it.

A plan is computed from the ledger alone, in pages, so that it costs no request and no memory per contact.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import sqlalchemy as sa

from stagebridge.config import ContactsConfig
from stagebridge.contact import encode, is_blank
from stagebridge.errors import GuardTripped
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.sync.debts import Debts
from stagebridge.sync.desk import Desk
from stagebridge.sync.removals import REMOVAL
from stagebridge.sync.side import KEY, Side

PAGE = 1000
SAMPLES = 5
"""Examples shown per path and kind."""


@dataclass(slots=True)
class SidePlan:
    """What one connection would see. `calls` counts requests of records (look-ups, verification reads, writes,
    read-backs); `seconds` is what they take at the connection's budget."""

    creates: int = 0
    updates: int = 0
    by_object: Counter[str] = field(default_factory=Counter)
    removals: Counter[str] = field(default_factory=Counter)
    addresses: int = 0
    links_written: int = 0
    stage_moves: int = 0
    clears: int = 0
    opt_outs: int = 0
    paths: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def changes(self) -> int:
        return self.creates + self.updates + self.deletes

    @property
    def deletes(self) -> int:
        return self.removals.total()


@dataclass(slots=True)
class Plan:
    sides: dict[str, SidePlan]
    digest: str
    conflicts: Counter[str]

    @property
    def is_empty(self) -> bool:
        return not any(p.changes for p in self.sides.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "digest": self.digest, "conflicts": dict(self.conflicts),
            "connections": {n: plain(p) for n, p in self.sides.items()},
        }  # fmt: skip


def plain(report: Any) -> dict[str, Any]:
    """A report's fields as JSON. (`asdict` makes nonsense of a Counter.)"""
    values = {f.name: getattr(report, f.name) for f in fields(report)}
    return {n: dict(v) if isinstance(v, Counter) else v for n, v in values.items()}


class Planner:
    def __init__(self, desk: Desk, debts: Debts, config: ContactsConfig) -> None:
        self.desk = desk
        self.debts = debts
        self.config = config

    def plan(self, only: set[int] | None = None) -> Plan:
        """Count everything that is owed now."""
        plans = {s.name: SidePlan() for s in self.debts.sides}
        whole = hashlib.sha256()
        sides = {s.name: s for s in self.debts.sides}
        for side, contact, link, parked, removed in self._owed(sides, only):
            plan = plans[side.name]
            if removed and link is not None:
                plan.removals[link.object] += 1
                whole.update(f"{side.name}|{link.object}|{contact.key}|{REMOVAL}\n".encode())
                continue
            if link is None:
                object = self.debts.create_object(side)
                owed = {p: v for p, v in self.debts.image(side, contact, object).items() if p not in parked}
                plan.creates += 1
                plan.addresses += len({contact.values.get("email"), *(contact.values.get("emails") or ())} - {None})
            else:
                object = link.object
                owed = self.debts.owed(side, contact, link)
                if not owed:
                    continue
                plan.updates += 1
                plan.by_object[object] += 1
            self._count(plan, contact, link, owed)
            mark = {p: encode({"": v}) for p, v in sorted(owed.items())}
            whole.update(f"{side.name}|{object}|{contact.key}|{mark}\n".encode())
        for side in self.debts.sides:
            self._cost(side, plans[side.name])
        with self.desk.ledger.begin() as tx:
            c = t.conflict.c
            query = sa.select(c.kind, sa.func.count()).where(c.closed.is_(None)).group_by(c.kind)
            conflicts = Counter({r[0]: r[1] for r in tx.execute(query)})
        return Plan(plans, whole.hexdigest(), conflicts)

    def _owed(
        self, sides: dict[str, Side], only: set[int] | None
    ) -> Iterator[tuple[Side, ContactRow, LinkRow | None, Sequence[str], bool]]:
        last = 0
        while True:
            with self.desk.ledger.begin() as tx:
                book = Book(tx, now=self.desk.now, version=self.desk.version)
                c = t.outbox.c
                query = sa.select(t.outbox).where(c.id > last, c.state == "pending").order_by(c.id).limit(PAGE)
                rows = book.outbox_rows(query)
            if not rows:
                return
            for row in rows:
                if row.connection in sides and (only is None or row.contact_id in only):
                    link = book.links.get(row.link_id) if row.link_id is not None else None
                    contact = book.contacts[row.contact_id]
                    yield sides[row.connection], contact, link, list(row.parked), self.debts.removed(book, contact)
            last = rows[-1].id

    def _count(self, plan: SidePlan, contact: ContactRow, link: LinkRow | None, owed: dict[str, Any]) -> None:
        if link is not None and set(owed) == {KEY}:
            plan.links_written += 1
        for path, value in owed.items():
            plan.paths[path] += 1
            before = link.sent.get(path) if link is not None else None
            if link is not None and path == "stage":
                plan.stage_moves += 1
            if link is not None and is_blank(value) and not is_blank(before):
                plan.clears += 1
            if path.startswith("consent.") and value == "denied" and before != "denied":
                plan.opt_outs += 1
            samples = plan.samples.setdefault(path, [])
            if len(samples) < SAMPLES:
                samples.append(f"{contact.key[:8]}: {_masked(path, before)} → {_masked(path, value)}")

    def _cost(self, side: Side, plan: SidePlan) -> None:
        """Requests by batch size: a verification read and a write per batch of updates of one object; a look-up per batch
        of addresses and object, unless the platform refuses doubles by itself, and a write per batch of creates; a
        read-back where the platform's answer holds no record; one call for each record to delete. A bulk load counts as
        one write. A platform that spreads creates over several objects may need one more."""
        write = side.connector.capabilities.write
        if write is None:
            return
        updates = sum(math.ceil(n / side.batch) for n in plan.by_object.values())
        again = sum(math.ceil(n / side.batch) for n in (plan.by_object + plan.removals).values())
        in_bulk = bool(write.load) and plan.creates > side.connector.load_above
        creates = math.ceil(plan.creates / (write.load if in_bulk else side.batch))
        plan.calls = {
            "verify": again if self.config.verify == "always" else 0,
            "look up": 0 if write.refuses_doubles else math.ceil(plan.addresses / side.batch) * len(side.objects),
            "write": updates + creates,
            "read back": 0 if write.returns_record else updates + math.ceil(plan.creates / side.batch),
            "delete": plan.deletes,
        }
        total = sum(plan.calls.values())
        rates = side.connector.budgets.get("default")
        if rates is not None:
            plan.seconds = total * rates.per / (rates.calls * side.connector.settings.budget)

    # --- guards ------------------------------------------------------------------------------------------------

    def guard(self, plan: Plan, allow: dict[str, int] | None = None) -> None:
        """Raise `GuardTripped` where the plan changes more than a guard allows; `allow` raises one for this run."""
        allow = allow or {}
        with self.desk.ledger.begin() as tx:
            c = t.link.c
            query = sa.select(c.connection, sa.func.count()).where(c.state == "live").group_by(c.connection)
            linked = {r[0]: r[1] for r in tx.execute(query)}
        trips = []
        for name, side in plan.sides.items():
            counts = {
                "max_creates": side.creates, "max_changes": side.updates - side.links_written,
                "max_stage_moves": side.stage_moves, "max_clears": side.clears, "max_deletes": side.deletes,
                "max_opt_outs": side.opt_outs,
            }  # fmt: skip
            for guard, count in counts.items():
                limit = allow.get(guard, self.config.guards.limit(guard, linked.get(name, 0)))
                if limit is not None and count > limit:
                    trips.append((guard, name, count, limit))
        if trips:
            lines = [f"{guard}: {count} in {name}, {limit} allowed" for guard, name, count, limit in trips]
            raise GuardTripped(
                "this run would change more than its guards allow, so nothing was written: " + "; ".join(lines),
                hint=" ".join(f"--allow {guard}={count}" for guard, _, count, _ in trips)
                + " lets this one run through, once you have looked at the plan.",
            )


def _masked(path: str, value: Any) -> str:
    """Enough to recognise a kind of change, never a person."""
    if is_blank(value):
        return "∅"
    if path.startswith(("stage", "consent", "source", "address.country", "language", "timezone")):
        return str(value)
    text = str(value) if not isinstance(value, frozenset) else f"{len(value)} of them"
    return text[:1] + "…" if not isinstance(value, frozenset) else text
