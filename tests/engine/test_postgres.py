"""A ledger in PostgreSQL is another URL."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from engine_world import world
from outside import postgres
from stagebridge.errors import Busy
from stagebridge.ledger.store import Ledger


def test_a_sync_with_its_ledger_in_postgresql_converges_and_holds_the_lock(tmp_path: Path) -> None:
    url = postgres()
    database = sa.create_engine(url)
    with database.begin() as tx:
        assert not sa.inspect(tx).get_table_names(), "the database is not empty"
    try:
        with world(tmp_path, crm="hubspot", sales="salesforce") as w:
            w.ledger = url
            w.boxes["crm"].seed([{"email": f"p{i}@example.com", "lastname": f"L{i}"} for i in range(130)])
            w.boxes["sales"].seed(
                {"Contact": [{"LastName": "x", "Email": f"P{i}@example.com"} for i in range(100, 150)]}
            )
            assert {n: p.created for n, p in w.sync().pushed.items()} == {"crm": 20, "sales": 100}
            assert w.sync().writes == 0
            another = Ledger.open(url)
            with another.lock(), pytest.raises(Busy):
                w.sync()
            another.close()
    finally:
        with database.begin() as tx:
            metadata = sa.MetaData()
            metadata.reflect(tx)
            metadata.drop_all(tx)
        database.dispose()
