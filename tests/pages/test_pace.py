"""How long a page takes where a company's whole ledger is behind it."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import pytest

from pages_kit import CONNECTIONS, START, House, Visitor, app_of, fill, insert
from stagebridge.delivery import gate
from stagebridge.ledger import schema as t

PEOPLE = 100_000


@pytest.mark.soak
def test_every_page_is_there_at_once_with_a_hundred_thousand_people(tmp_path: Path) -> None:
    house = House(tmp_path)
    fill(house.reading, PEOPLE, tuple(CONNECTIONS))
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
            for path in ("/", "/runs", "/conflicts", "/dead-letters", f"/contacts/{77:032x}")}  # fmt: skip
    print({path: f"{s * 1000:.0f} ms" for path, s in took.items()})
    assert max(took.values()) < 0.2, took
    house.reading.close()


def seconds(visitor: Visitor, path: str) -> float:
    began = time.perf_counter()
    assert visitor.get(path).status_code == 200
    return time.perf_counter() - began
