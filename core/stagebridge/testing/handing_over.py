"""People and conversions that a platform's users hand over through our API: what they say arrives, and counts once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stagebridge.api import people
from stagebridge.api.bodies import ContactBody, ConversionBody, contact_record, conversion_record
from stagebridge.clock import ElasticClock
from stagebridge.config import Config, ConnectionConfig
from stagebridge.connector import Connector, Record
from stagebridge.contact import Contact
from stagebridge.delivery.setup import Events
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync.engine import Engine
from stagebridge.sync.side import Side, ms
from stagebridge.testing.bench import Bench
from stagebridge.testing.keeping import Checks
from stagebridge.webhooks.doors import Hook
from stagebridge.webhooks.keeper import commit
from stagebridge.webhooks.metrics import Metrics
from stagebridge.webhooks.stored import stored
from stagebridge.webhooks.work import Work

SAID: dict[str, Any] = {
    "email": "zoë@example.com", "phone": "+442079460001", "first_name": "Zoë", "last_name": "O'Brien-Ångström", "company": "Łódź & Söhne",
    "job_title": "Countess", "language": "en", "country": "GB", "source": "fair", "stage": "lead", "consent_email": "granted",
    "consent_sms": "denied", "consent_ads": "granted", "tags": ["vip", "a, b"],
}  # fmt: skip
"""Everything that our API can be told of a person."""


@dataclass
class Inbox:
    """What is behind our API, without HTTP: what comes is committed as it would be, and worked on."""

    config: Config
    side: Side
    engine: Engine
    work: Work

    @property
    def connection(self) -> ConnectionConfig:
        return self.config.connections[self.side.name]

    def person(self, **said: Any) -> Record:
        """As the API makes it of what a program says."""
        body, clock = ContactBody(**said), self.engine.clock
        return contact_record(body, None, self.connection, self.side.mapping, self.config.lifecycle, clock.now())

    def conversion(self, **said: Any) -> Record:
        return conversion_record(ConversionBody(**said), None, self.connection, None, self.engine.clock.now())

    def take(self, record: Record, delivery: str) -> None:
        came = ms(self.engine.clock.now()) or 0
        commit(self.engine.ledger, [Hook(self.side.name, delivery, came, records=stored([record]))])
        self.work.records()

    def asked(self, query: sa.Executable) -> list[Any]:
        with self.engine.ledger.look() as tx:
            return [tuple(row) for row in tx.execute(query)]


class HandingOver(Checks):
    needs = "api"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.api

    @pytest.fixture
    def inbox(self, tmp_path: Path) -> Iterator[Inbox]:
        clock = ElasticClock()
        with self.bench_class(clock, tmp_path) as bench:
            config, side = bench.configuration(), bench.side()
            ledger = Ledger.open(config.ledger)
            engine = Engine(config.contacts, ledger, [side], config.lifecycle, clock)
            yield Inbox(config, side, engine, Work(Events(config, engine, clock), {side.name: side}, Metrics()))
            ledger.close()

    def test_its_mapping_reads_all_that_can_be_said_of_a_person(self, bench: Bench, connector: Connector) -> None:
        assert type(connector).able(connector.settings).api
        connection = bench.connection()
        lifecycle = bench.configuration().lifecycle
        record = contact_record(ContactBody(**SAID), None, connection, bench.mapping, lifecycle, bench.clock.now())
        view = bench.mapping.read(record.data, record.object)
        assert view.problems == {}
        said = Contact.from_paths({p: v for p, v in record.data.items() if p not in ("record", "updated_at")}).paths()
        assert len(said) == len(SAID)
        assert {p: Contact.from_paths({p: view[p]}).paths()[p] if p in view else None for p in said} == said

    def test_a_person_who_is_handed_over_arrives_and_twice_is_once(self, inbox: Inbox) -> None:
        for delivery in ("first", "first", "again"):
            inbox.take(inbox.person(**SAID), delivery)
        assert inbox.asked(sa.select(t.hook.c.state)) == [("done",)] * 2
        assert inbox.asked(sa.select(sa.func.count()).select_from(t.contact)) == [(1,)]
        [found] = people.by_identity(inbox.engine.ledger, email=SAID["email"])
        asked = ("phone", "first_name", "last_name", "company", "job_title", "language", "country", "source", "stage")
        assert {name: found[name] for name in asked} == {name: SAID[name] for name in asked}
        assert found["tags"] == ", ".join(sorted(SAID["tags"]))

    def test_a_conversion_that_is_handed_over_arrives_with_its_person_and_twice_is_once(self, inbox: Inbox) -> None:
        inbox.take(inbox.person(email=SAID["email"]), "person")
        at = inbox.engine.clock.now() - timedelta(hours=1)
        bought = inbox.conversion(
            name="Purchase", id="order-1", email=SAID["email"], value="30.50", currency="eur", at=at
        )
        for delivery in ("first", "first", "again"):
            inbox.take(bought, delivery)
        assert inbox.asked(sa.select(t.hook.c.state)) == [("done",)] * 3
        assert inbox.asked(sa.select(t.event.c.id, t.event.c.at, t.event.c.source, t.contact.c.id).outerjoin(
            t.contact, t.contact.c.id == t.event.c.contact_id)) == [("order-1", ms(at), inbox.side.name, 1)]  # fmt: skip
        assert inbox.asked(sa.select(sa.func.count()).select_from(t.contact)) == [(1,)]
