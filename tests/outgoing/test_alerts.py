"""Whatever needs a person can be told to an address or a chat, once while it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stagebridge.clock import ManualClock
from stagebridge.endpoint import ALERTS
from stagebridge.errors import AuthError, GuardTripped, LedgerError
from stagebridge.sync import alerts
from told_kit import Queue, queue, sends, telling

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def write(q: Queue) -> None:
    with q.ledger.begin() as tx:
        q.outgoing.alerts.write(tx)
    q.send()


def test_every_alert_that_there_is_arrives_under_its_name_and_as_a_line_of_a_chat(tmp_path: Path) -> None:
    told = {
        "pager": sends("https://pager.example.com/in", events=list(ALERTS)),
        "chat": sends("https://chat.example.com/in", events=list(ALERTS), shape="chat"),
    }
    with queue(tmp_path, ManualClock(START), told) as q:
        alerts.of_error(LedgerError("no room left"), 7)
        alerts.of_error(GuardTripped("51 creates are more than 50"), 7)
        alerts.of_error(AuthError("the token was refused"), 7, "crm")
        alerts.alert("deadline.near", run=7, connection="ads", count=3)
        alerts.alert("conflict.opened", run=7, connection="crm", conflict="duplicate", count=2)
        alerts.of_dead_letters({"sales": 4}, 7)
        alerts.alert("endpoint.failing", connection="told", endpoint="told", state="failing", reason="HTTP 500")
        write(q)
        arrived = [t.said for t in q.receiver.taken if "pager" in t.url]
        lines = [t.said for t in q.receiver.taken if "chat" in t.url]
        assert sorted(a["type"] for a in arrived) == sorted(ALERTS)
        assert all(set(line) == {"text"} for line in lines)
        assert [line["text"] for line in lines] == [a["data"]["text"] for a in arrived]
        [auth] = [a["data"]["facts"] for a in arrived if a["type"] == "auth.failed"]
        assert (auth["connection"], auth["code"], auth["run"]) == ("crm", "SB-AUTH", 7)


def test_a_job_that_meets_the_same_trouble_every_minute_tells_of_it_once_an_hour(tmp_path: Path) -> None:
    told = {"pager": sends(events=["auth.failed", "conflict.opened"])}
    with queue(tmp_path, ManualClock(START), told) as q:
        for minute in range(90):
            alerts.of_error(AuthError("the token was refused"), minute, "crm")
            write(q)
            q.clock.advance(60)
        assert q.receiver.types() == ["auth.failed"] * 2
        alerts.of_error(AuthError("the token was refused"), 91, "sales")  # somebody else's
        for _ in range(2):  # each of these is another one
            alerts.alert("conflict.opened", run=91, connection="crm", conflict="duplicate", count=1)
        write(q)
        assert q.receiver.types()[2:] == ["auth.failed", "conflict.opened", "conflict.opened"]


def test_what_a_run_meets_is_told_with_the_run(tmp_path: Path) -> None:
    with telling(tmp_path, {"told": sends(events=["conflict.opened"])}) as it:
        it.world.boxes["sales"].seed({"Lead": [{"LastName": "L", "Company": "Example", "Email": "ada@example.com"}]})
        it.sync()
        [told] = it.receiver.taken
        assert told.said["data"]["facts"]["conflict"] == "duplicate"
        assert told.said["data"]["facts"]["run"] >= 1


def test_a_receiver_that_takes_nothing_is_an_alert_for_another_and_its_dead_letter_too(tmp_path: Path) -> None:
    told = {
        "broken": sends("https://broken.example.com/in", events=["conflict.opened"]),
        "pager": sends("https://pager.example.com/in", events=["endpoint.failing", "dead_letter.added"]),
    }
    with queue(tmp_path, ManualClock(START), told) as q:
        q.receiver.down = {"https://broken.example.com/in"}
        alerts.alert("conflict.opened", run=1, connection="crm", conflict="duplicate", count=1)
        write(q)
        for _ in range(170):
            q.clock.advance(1800)
            q.send()
            q.send()
        said = [(t.said["type"], t.said["data"]["facts"].get("state")) for t in q.receiver.taken]
        assert said == [("endpoint.failing", "failing"), ("endpoint.failing", "paused"), ("dead_letter.added", None)]


def test_an_alert_that_the_ledger_does_not_take_is_told_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with queue(tmp_path, ManualClock(START), {"told": sends(events=["run.failed"])}) as q:
        begin = q.ledger.begin

        @contextmanager
        def full(**more: Any) -> Iterator[sa.Connection]:
            with begin(**more) as tx:
                yield tx
                raise LedgerError("no room left")

        alerts.alert("run.failed", code="SB-TEST")
        monkeypatch.setattr(q.ledger, "begin", full)
        with pytest.raises(LedgerError):
            q.send()
        monkeypatch.setattr(q.ledger, "begin", begin)
        q.send()
        assert q.receiver.types() == ["run.failed"]


def test_an_alert_that_is_raised_at_the_very_end_is_told_by_the_next_one(tmp_path: Path) -> None:
    with queue(tmp_path, ManualClock(START), {"told": sends(events=["run.failed"])}) as q:
        sender = q.sender()
        sender.flush()
        alerts.alert("run.failed", code="SB-TEST")
        sender.close()
        q.outgoing.alerts._waiting.clear()  # its process is gone
        q.send()
        assert q.receiver.types() == ["run.failed"]
