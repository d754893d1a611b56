"""A CRM, an advertising platform that counts, and the engine with its events between them.

The platform is a few lines in this process: it says how often it counts whom, forgets an id after two days, refuses whole
batches, and fails by script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from engine_world import World, world
from stagebridge.clock import ElasticClock
from stagebridge.config import Config, ConnectionConfig, EventsConfig, MoveRule, SendRule
from stagebridge.connector import (
    Capabilities,
    Connector,
    ConnectorSettings,
    Done,
    Draft,
    Events,
    Health,
    Outcome,
    Rejected,
    Retry,
    Unknown,
)
from stagebridge.contact import Contact
from stagebridge.delivery.deliverer import Flush
from stagebridge.delivery.setup import Events as Work
from stagebridge.errors import AuthError, BatchRefused
from stagebridge.event import ConversionEvent
from stagebridge.ledger.store import Ledger
from stagebridge.sync.engine import Engine, RoundReport
from stagebridge.sync.setup import open_sides

BUYS = SendRule(("customer",), "Purchase", value="custom.deal_amount", currency="EUR", to=("ads",))
CUSTOMERS = MoveRule("Purchase", "customer")
DEDUP = 48 * 3600
AGE = timedelta(days=7)


@dataclass
class Counter:
    """The platform's own books. `script` says what becomes of one call after the other: ok, lost (nothing happened), late (it
    happened, and nobody was told), busy, auth, kill."""

    clock: ElasticClock
    events: list[dict[str, Any]] = field(default_factory=list)
    duplicates: int = 0
    calls: int = 0
    bad: set[str] = field(default_factory=set)
    names_bad: bool = False
    script: list[str] = field(default_factory=list)
    seen: dict[str, datetime] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def take(self, batch: Sequence[Draft], dedup: float) -> list[Outcome]:
        self.calls += 1
        self.sizes.append(len(batch))
        word = self.script.pop(0) if self.script else "ok"
        if word == "auth":
            raise AuthError("the ads token was revoked", hint="Make a new one.")
        if word == "busy":
            return [Retry(30, "busy") for _ in batch]
        if word == "lost":
            return [Unknown("no answer") for _ in batch]
        wrong = [i for i, d in enumerate(batch) if d.id in self.bad]
        if wrong:
            raise BatchRefused("a value is wrong", index=wrong[0] if self.names_bad else None, code="SB-ADS-VALUE")
        for draft in batch:
            self.count(draft, dedup)
        if word == "kill":
            raise KeyboardInterrupt
        return [Unknown("no answer") for _ in batch] if word == "late" else [Done(d.id) for d in batch]

    def count(self, draft: Draft, dedup: float) -> None:
        now, before = self.clock.now(), self.seen.get(draft.id)
        if before is not None and (now - before).total_seconds() < dedup:
            self.duplicates += 1
            return
        self.seen[draft.id] = now
        self.events.append(dict(draft.payload))


class Ads(Connector):
    platform = "ads"
    Settings = ConnectorSettings
    capabilities = Capabilities(events=Events(batch=10, flight=2, ads=True, whole=True))
    counter: ClassVar[Counter]
    dedup: ClassVar[float] = DEDUP

    @property
    def default_mapping(self) -> str:
        return str(Path(__file__).parent / "delivery" / "ads.yaml")

    def check(self) -> Health:
        return Health("ads")

    def draft(self, event: ConversionEvent) -> Draft | Rejected:
        payload = self.drafted(event)
        return payload if isinstance(payload, Rejected) else Draft(event.id, payload, "", event.at + AGE, self.dedup)

    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        assert len(batch) <= 10
        return self.counter.take(batch, self.dedup)


class Forgetful(Ads):
    """It counts whatever comes, like messaging ads."""

    dedup = 0.0


@dataclass
class Shop:
    """`sync` is a round and what it sends, as the command does it."""

    w: World
    ads: Counter
    kind: type[Ads] = Ads
    events: EventsConfig = field(default_factory=lambda: EventsConfig((BUYS,), (CUSTOMERS,)))
    ads_consent: Any = "not_denied"
    counts_here: ClassVar[bool] = True

    def config(self) -> Config:
        config = self.w.config()
        if not self.counts_here or "ads" in config.connections:  # stand-ins of real platforms
            return replace(config, events=self.events)
        ads = ConnectionConfig(
            "ads", "ads", connector=self.kind, settings=ConnectorSettings(), ads_consent=self.ads_consent
        )
        return replace(config, connections={**config.connections, "ads": ads}, events=self.events)

    @contextmanager
    def work(self, wait: float = 130.0) -> Iterator[Work]:
        self.w.clock.sleep(wait)
        self.w.engine().ledger.close()  # the accounts have their fields
        config = self.config()
        sides, failures = open_sides(config, self.w.clock)
        assert failures == {}
        ledger = Ledger.open(config.ledger)
        try:
            engine = Engine(config.contacts, ledger, sides, config.lifecycle, self.w.clock, flight=1)
            yield Work(config, engine, self.w.clock)
        finally:
            ledger.close()

    def sync(self, wait: float = 130.0) -> tuple[RoundReport, Flush]:
        with self.work(wait) as work:
            report = work.engine.sync()
            self.collected = work.collect()
            deliverer = work.deliverer()
            deliverer.flush()
            self.failures = work.failures | deliverer.failures
            return report, deliverer.reports["ads"]

    def flush(self, wait: float = 130.0) -> Flush:
        with self.work(wait) as work:
            deliverer = work.deliverer()
            deliverer.flush()
            self.failures = deliverer.failures
            return deliverer.reports["ads"]

    def give(self, *events: ConversionEvent) -> Any:
        with self.work(1) as work:
            return work.arrival.give(events)

    def purchase(self, i: int, *, at: datetime | None = None, **values: Any) -> ConversionEvent:
        given: dict[str, Any] = {"value": "10.00", "currency": "EUR", "channel": "web", **values}
        person = given.pop("contact", Contact(email=f"p{i}@example.com"))
        return ConversionEvent(
            id=f"order-{i}", name=given.pop("name", "Purchase"), at=at or self.w.clock.now(), contact=person, **given
        )

    def customers(self, count: int, stage: str = "customer", first: int = 0) -> list[str]:
        ids: list[str] = self.w.boxes["crm"].seed([
            {"email": f"p{i}@example.com", "lastname": f"Family{i}", "lifecyclestage": stage} for i in range(first, first + count)
        ])["ids"]  # fmt: skip
        return ids

    def move(self, ids: Sequence[str], stage: str = "customer", amount: str = "99.50") -> None:
        self.w.boxes["crm"].seed({"edit": {i: {"lifecyclestage": stage, "deal_amount": amount} for i in ids}})

    def counted(self) -> list[str]:
        return [e["name"] for e in self.ads.events]


@contextmanager
def shop(folder: Path, **options: Any) -> Iterator[Shop]:
    with world(folder, crm="hubspot") as w:
        w.extra = {"crm": {"custom": {"deal_amount": "number"}}}
        w.boxes["crm"].seed({"properties": [{"name": "deal_amount", "label": "Deal amount", "type": "number"}]})
        made = Shop(w, Counter(w.clock), **options)
        made.kind.counter = made.ads
        yield made
