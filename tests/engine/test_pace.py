"""An account that lets new records in slowly only: what that costs is told before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_shell import Shell
from engine_world import World, world
from stagebridge.clock import spoken
from stagebridge.connector import Pace, Rate
from stagebridge.errors import PlatformDown
from stagebridge_hubspot import HubSpot

WHY = "New records go one by one here; ask the vendor to enable bulk writes."
PEOPLE = 300


def crowd(w: World) -> None:
    w.boxes["sales"].seed({"Contact": [{"LastName": f"N{i}", "Email": f"p{i}@example.com"} for i in range(PEOPLE)]})


def test_the_plan_counts_one_call_for_each_new_record_and_says_the_time_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HubSpot, "pace", lambda self: Pace(1, Rate(60, 60.0), WHY))
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        crowd(w)
        made, _ = w.engine().plan()
        crm = made.sides["crm"]
        assert crm.calls["write"] == PEOPLE
        assert PEOPLE <= crm.seconds <= PEOPLE + 5
        assert [(n, p.slow) for n, p in made.sides.items() if p.slow] == [("crm", WHY)]


def test_a_sync_says_it_before_its_first_write_and_a_plan_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HubSpot, "pace", lambda self: Pace(1, Rate(60, 60.0), WHY))
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        crowd(w)
        held: list[tuple[str, int]] = []
        w.notice = lambda sentence: held.append((sentence, len(w.in_hubspot("crm"))))
        shown = Shell(w)("plan")
        assert "about 5 min at this budget" in shown
        assert WHY in shown
        w.sync()
        assert held == [(f"crm: this takes about 5 min. {WHY}", 0)]
        assert len(w.in_hubspot("crm")) == PEOPLE


def test_an_account_that_cannot_be_asked_has_the_usual_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(self: HubSpot) -> Pace:
        raise PlatformDown("HubSpot does not answer")

    monkeypatch.setattr(HubSpot, "pace", down)
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        crowd(w)
        made, _ = w.engine().plan()
        assert (made.sides["crm"].calls["write"], made.sides["crm"].slow) == (PEOPLE / 100, "")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (3599, "1 h 0 min"), (10_020, "2 h 47 min")]
)
def test_a_span_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert spoken(seconds) == said
