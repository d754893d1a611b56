"""A ledger in PostgreSQL is another URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from api_kit import serving_api, until
from delivery_world import shop
from engine_world import world
from outside import empty_database
from stagebridge.delivery import inspect
from stagebridge.errors import Busy
from stagebridge.ledger.store import Ledger
from stub_http import Stub


@pytest.fixture
def url() -> Iterator[str]:
    with empty_database() as found:
        yield found


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


def test_programs_are_served_and_told_from_a_ledger_in_postgresql(tmp_path: Path, url: str) -> None:
    stub = Stub()
    with serving_api(tmp_path, ledger=url, outgoing={"allow": [stub.url.removeprefix("http://")]}) as api:
        api.post("/subscriptions", target_url=f"{stub.url}/in", event="contact.stage_changed")
        ada = api.post("/contacts", email="ada@example.com", stage="lead", once="one")
        assert api.post("/contacts", email="ada@example.com", stage="lead", once="one")["id"] == ada["id"]
        assert api.post("/stages", contact_id=ada["id"], stage="customer")["stage"] == "customer"
        until(lambda: len(stub.seen) == 2)
        assert [json.loads(s.body)["stage"] for s in stub.seen] == ["lead", "customer"]
        assert [c["id"] for c in api.get("/contacts?changed_since=2020-01-01T00:00:00Z")] == [ada["id"]]
    stub.close()
