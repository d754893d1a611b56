"""How long a page takes where a company's whole ledger is behind it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import sqlalchemy as sa

from pages_kit import START, House, Visitor, app_of, fill, insert
from stagebridge.delivery import gate
from stagebridge.ledger import schema as t
from stagebridge.webhooks.metrics import Metrics

PEOPLE = 100_000
MESSAGES = 300_000
SUBSCRIBERS = 300


@pytest.mark.soak
def test_every_page_is_there_at_once_with_a_hundred_thousand_people(tmp_path: Path) -> None:
    house = House(tmp_path)
    fill(house.reading, PEOPLE, ("crm", "sales", "shop"))
    tell(house)
    waits = {"connection": "crm", "object": "contacts", "state": "pending", "attempts": 0, "not_before": 0}
    insert(house.reading, t.outbox, *({**waits, "contact_id": i} for i in range(1, 20_001)))
    doubt = {
        "kind": "duplicate",
        "connection": "crm",
        "object": "contacts",
        "remote_id": "1",
        "path": "",
        "detail": "{}",
        "opened": START,
    }
    insert(house.reading, t.conflict, *({**doubt, "contact_id": i} for i in range(1, 5_001)))
    late = {"connection": "crm", "state": "dead", "dedup": 0, "attempts": 1, "not_before": 0, "code": gate.EXPIRED}
    insert(house.reading, t.delivery, *({**late, "event_id": f"e{i}"} for i in range(20_000)))
    run = {"command": "sync", "started": START, "finished": START, "state": "ok", "counts": "{}", "error": None}
    insert(house.reading, t.run, *[run] * 5_000)
    olga = Visitor(app_of(house)).log_in(house.key())
    took = {path: median(seconds(olga, path) for _ in range(7))
            for path in ("/", "/runs", "/conflicts", "/dead-letters", f"/contacts/{77:032x}", "/receivers",
                         "/receivers/warehouse", f"/receivers/{subscriber(7)}")}  # fmt: skip
    print({path: f"{s * 1000:.0f} ms" for path, s in took.items()})
    assert max(took.values()) < 0.2, took
    began = time.perf_counter()
    Metrics().text(house.reading, house.outlets, START)
    assert time.perf_counter() - began < 0.2
    house.reading.close()


def subscriber(number: int) -> str:
    return f"sub_{number:024x}"


def tell(house: House) -> None:
    """Half of the messages went to the warehouse, which is paused with many that wait; the others to subscribers."""
    for id in range(SUBSCRIBERS):
        insert(house.reading, t.subscription, {
            "id": subscriber(id), "connection": "automations", "url": f"https://hooks.zapier.com/{id}", "key_id": "k",
            "type": "contact.changed", "created": START})  # fmt: skip
    standing = {"state": "active", "failures": 0, "last_sent": START}
    names = ("warehouse", *map(subscriber, range(SUBSCRIBERS)))
    insert(house.reading, t.endpoint, *({**standing, "name": n} for n in names))
    said = {"type": "contact.changed", "at": START, "contact_id": 1, "email_hash": "x" * 32, "data": json.dumps("x" * 600),
            "created": START}  # fmt: skip
    for first in range(0, MESSAGES, 10_000):
        some = range(first, first + 10_000)
        insert(house.reading, t.message, *({**said, "id": i + 1, "uid": f"msg_{i:032x}"} for i in some))
        insert(house.reading, t.post, *(post(i) for i in some))
    with house.reading.begin() as tx:
        paused = {"state": "paused", "failures": 9, "failing_since": START, "reason": "HTTP 503"}
        tx.execute(sa.update(t.endpoint).where(t.endpoint.c.name == "warehouse").values(paused))


def post(number: int) -> dict[str, Any]:
    name = "warehouse" if number % 2 else subscriber(number % SUBSCRIBERS)
    state = "queued" if name == "warehouse" and number > MESSAGES - 60_000 else "dead" if number % 1000 == 0 else "sent"
    return {
        "message_id": number + 1, "endpoint": name, "state": state, "attempts": 1, "not_before": 0, "settled": START, "status": 200,
    }  # fmt: skip


def seconds(visitor: Visitor, path: str) -> float:
    began = time.perf_counter()
    assert visitor.get(path).status_code == 200
    return time.perf_counter() - began
