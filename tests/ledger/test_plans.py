"""What is looked at often is found by an index, however much there is that is well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from stagebridge.ledger.store import Ledger
from stagebridge.webhooks import letters


def test_dead_letters_are_found_without_reading_every_record(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'stagebridge.db'}")
    said: list[tuple[str, Any]] = []

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def note(_c: sa.Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    letters.dead_letters(ledger, 10)
    with ledger.look() as tx:
        asked = [s for s in said if s[0].startswith("SELECT")]
        steps = [row[3] for s, p in asked for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p)]
    ledger.close()
    assert "SCAN link USING INDEX ix_link_blocked" in steps
    assert "SCAN delivery USING INDEX ix_delivery_dead" in steps
