"""What somebody should hear of at once is a log event, without anything of a person in it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engine_world import World, world
from stagebridge.errors import AuthError, GuardTripped, PlatformDown
from stagebridge.ledger import schema as t
from stagebridge.sync.setup import open_sides

ADA = "ada@example.com"


def heard(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    return [(r.alert, r.facts) for r in caplog.records if r.name == "stagebridge.alerts"]  # type: ignore[attr-defined]


@pytest.fixture
def pair(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.WARNING, "stagebridge.alerts")
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed([{"email": ADA, "lastname": "Lovelace"}])
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": ADA}]})
        yield w


def last_run(w: World) -> Any:
    return w.rows(sa.select(t.run).order_by(t.run.c.id.desc()).limit(1))[0]


def test_a_run_without_trouble_is_silent(pair: World, caplog: pytest.LogCaptureFixture) -> None:
    pair.settle()
    assert heard(caplog) == []
    assert last_run(pair).state == "ok"


def test_a_guard_that_stops_a_run_is_heard_of(pair: World, caplog: pytest.LogCaptureFixture) -> None:
    pair.contacts = {"guards": {"max_creates": 0}}
    pair.boxes["crm"].seed([{"email": "bob@example.com", "lastname": "Bob"}])
    with pytest.raises(GuardTripped):
        pair.sync()
    [(kind, facts)] = heard(caplog)
    assert (kind, facts["code"], facts["run"]) == ("guard.tripped", "SB-GUARD", last_run(pair).id)
    assert last_run(pair).state == "guarded"


def test_refused_credentials_and_a_platform_that_is_down_are_told_apart(
    pair: World, caplog: pytest.LogCaptureFixture
) -> None:
    pair.boxes["crm"].fault("status", status=503, times=None)
    pair.boxes["sales"].fault("expired_token", times=None)
    _, failures = open_sides(pair.config(), pair.clock)
    assert [type(e) for e in failures.values()] == [PlatformDown, AuthError]
    assert [(k, f["connection"]) for k, f in heard(caplog)] == [("run.failed", "crm"), ("auth.failed", "sales")]


def test_new_conflicts_are_heard_of_once_and_without_anybodys_data(
    pair: World, caplog: pytest.LogCaptureFixture
) -> None:
    pair.boxes["sales"].seed({"Contact": [{"LastName": "Double", "Email": ADA}]})
    pair.settle()
    [(kind, facts)] = heard(caplog)
    assert (kind, facts["conflict"], facts["connection"], facts["count"]) == (
        "conflict.opened",
        "duplicate",
        "sales",
        1,
    )
    assert ADA not in caplog.text


def test_new_dead_letters_are_heard_of_once(pair: World, caplog: pytest.LogCaptureFixture) -> None:
    pair.boxes["crm"].seed([{"firstname": "", "jobtitle": "Nobody at all"}])
    pair.boxes["sales"].seed({"Lead": [{"LastName": "[unknown]", "Company": "Ghost"}]})
    pair.settle()
    pair.sync()
    added = [f for k, f in heard(caplog) if k == "dead_letter.added"]
    assert [(f["connection"], f["count"]) for f in added] == [("crm", 1)]
    assert added[0]["run"] in [r.id for r in pair.rows(sa.select(t.run))]


def test_a_run_that_ends_in_a_defect_of_ours_does_not_stay_open_in_the_ledger(
    pair: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.settle()
    engine = pair.engine()
    monkeypatch.setattr(engine.planner, "plan", lambda only: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine.sync()
    engine.ledger.close()
    assert (last_run(pair).state, last_run(pair).error) == ("failed", "division by zero")
