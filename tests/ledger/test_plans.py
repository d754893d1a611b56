"""What is looked at often is found by an index, however much there is that is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from stagebridge.clock import ManualClock
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing import inspect
from stagebridge.webhooks import letters
from told_kit import alert_each, queue, sends


@contextmanager
def steps_of(ledger: Ledger) -> Iterator[Callable[[], list[str]]]:
    """How SQLite goes about whatever is read meanwhile."""
    said: list[tuple[str, Any]] = []

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def note(_c: sa.Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    def steps() -> list[str]:
        asked = [s for s in said if s[0].startswith("SELECT")]
        with ledger.look() as tx:
            return [row[3] for s, p in asked for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p)]

    yield steps


def test_dead_letters_are_found_without_reading_every_record(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'stagebridge.db'}")
    with steps_of(ledger) as steps:
        letters.dead_letters(ledger, 10)
        found = steps()
    ledger.close()
    assert "SCAN link USING INDEX ix_link_blocked" in found
    assert "SCAN delivery USING INDEX ix_delivery_dead" in found
    assert "SCAN post USING INDEX ix_post_dead" in found


def test_what_is_due_and_what_receivers_have_is_found_without_reading_every_message(tmp_path: Path) -> None:
    told = {"here": sends(events=["conflict.opened"])}
    with queue(tmp_path, ManualClock(datetime(2026, 3, 2, tzinfo=UTC)), told) as q, steps_of(q.ledger) as steps:
        alert_each(q, ["a"])
        q.send()
        inspect.standing(q.ledger, q.outgoing.outlets)
        inspect.endpoints(q.ledger, q.outgoing.outlets)
        inspect.messages(q.ledger, endpoint="here")
        found = {s for s in steps() if " post" in s}
    assert "SCAN post USING INDEX ix_post_queued" in found
    assert {s for s in found if s.startswith("SCAN")} == {"SCAN post USING INDEX ix_post_queued"}
    assert any("endpoint=? AND state=?" in s for s in found)
