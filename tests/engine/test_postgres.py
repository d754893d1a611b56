"""A ledger in PostgreSQL is another URL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from delivery_world import shop
from engine_world import world
from outside import postgres
from stagebridge.delivery import inspect
from stagebridge.errors import Busy
from stagebridge.ledger.store import Ledger


@pytest.fixture
def url() -> Iterator[str]:
    """Of an empty database, which is empty again afterwards."""
    found = postgres()
    database = sa.create_engine(found)
    with database.begin() as tx:
        assert not sa.inspect(tx).get_table_names(), "the database is not empty"
    try:
        yield found
    finally:
        with database.begin() as tx:
            metadata = sa.MetaData()
            metadata.reflect(tx)
            metadata.drop_all(tx)
        database.dispose()


def test_a_sync_with_its_ledger_in_postgresql_converges_and_holds_the_lock(tmp_path: Path, url: str) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.ledger = url
        w.boxes["crm"].seed([{"email": f"p{i}@example.com", "lastname": f"L{i}"} for i in range(130)])
        w.boxes["sales"].seed({"Contact": [{"LastName": "x", "Email": f"P{i}@example.com"} for i in range(100, 150)]})
        assert {n: p.created for n, p in w.sync().pushed.items()} == {"crm": 20, "sales": 100}
        assert w.sync().writes == 0
        another = Ledger.open(url)
        with another.lock(), pytest.raises(Busy):
            w.sync()
        another.close()


def test_events_queued_in_postgresql_are_sent_once_and_their_verdicts_kept(tmp_path: Path, url: str) -> None:
    with shop(tmp_path) as s:
        s.w.ledger = url
        ids = s.customers(3, "lead")
        s.sync()
        s.move(ids)
        old = s.w.clock.now() - timedelta(days=8)
        s.give(s.purchase(10), s.purchase(11, consent_ads="denied"), s.purchase(12, at=old))
        s.ads.script = ["late"]
        s.sync()
        s.sync()
        assert sorted(s.counted()) == ["Purchase"] * 4
        ledger = Ledger.open(url)
        assert inspect.counts(ledger) == {"ads": {"sent": 4, "dead": 2}}
        assert len(inspect.deliveries(ledger, "dead")) == 2
        ledger.close()
