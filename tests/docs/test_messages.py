"""docs/messages.schema.json is what is posted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from jsonschema import Draft202012Validator

from stagebridge.clock import ManualClock
from stagebridge.outgoing.schema import SHIPPED, messages_schema
from told_kit import alert_each, queue, sends, telling


def test_the_shipped_schema_is_the_one_of_the_messages() -> None:
    assert json.loads(SHIPPED.read_text("utf-8")) == messages_schema(), (
        'python -c "from stagebridge.outgoing.schema import write_shipped; write_shipped()"'
    )


def test_every_message_that_is_posted_keeps_to_it(tmp_path: Path) -> None:
    check = Draft202012Validator(json.loads(SHIPPED.read_text("utf-8")))
    rules = [{"when": {"stage": "customer"}, "send": "Purchase", "value": "99.90", "currency": "EUR"}]
    with telling(tmp_path, {"told": sends()}, events=rules) as it:
        it.world.edit_hubspot("crm", "bob@example.com", lifecyclestage="customer", jobtitle="Zoë & Söhne")
        it.sync()
        assert sorted(it.receiver.types()) == ["contact.changed", "contact.stage_changed", "conversion.created"]
        for told in it.receiver.taken:
            check.validate(told.said)
            broken = told.said | {"data": {}}
            assert not check.is_valid(broken)
            assert not check.is_valid(told.said | {"type": "contact.vanished"})


def test_so_does_an_alert(tmp_path: Path) -> None:
    check = Draft202012Validator(json.loads(SHIPPED.read_text("utf-8")))
    told = {"told": sends(events=["conflict.opened"])}
    with queue(tmp_path, ManualClock(datetime(2026, 3, 2, tzinfo=UTC)), told) as q:
        alert_each(q, ["crm"])
        q.send()
        [alert] = q.receiver.taken
        check.validate(alert.said)
        assert alert.said["data"]["facts"] == {"connection": "crm", "conflict": "duplicate", "count": 1}
