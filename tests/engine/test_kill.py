"""SIGKILL at any instant, then the same command again: nobody is doubled, no change is lost, nothing goes back (G4)."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine_world import World, world

NUMBERS = range(12)
PARTS = 4
"""In how many tests all steps are taken, so that several cores share them."""


def prepare(w: World) -> None:
    """Both full, overlapping, with something to create, to update and to move on both sides."""
    for box in w.boxes.values():
        box.reset()
    for file in w.folder.glob("stagebridge.db*"):
        file.unlink()
    w.provisioned = w.keep_open = True
    own = [
        {"name": "stagebridge_id", "label": "stagebridge id", "unique": True},
        {"name": "lost_reason", "label": "Lost reason"},
    ]
    w.boxes["crm"].seed({"properties": own})
    w.boxes["crm"].seed(
        [
            {
                "email": f"p{i}@example.com",
                "firstname": f"G{i}",
                "lastname": f"L{i}",
                "lifecyclestage": "customer" if i % 2 else "lead",
            }
            for i in NUMBERS
            if i % 4 != 3
        ]
    )
    w.boxes["sales"].seed(
        {
            "Contact": [{"LastName": f"L{i}", "Email": f"P{i}@example.com", "Title": f"T{i}", "Lifecycle_Stage__c": "opportunity"} for i in NUMBERS if i % 4 == 3 or i % 3 == 0],
            "Lead": [{"LastName": f"L{i}", "Company": "C", "Email": f"p{i}@example.com"} for i in NUMBERS if i % 6 == 1],
        }
    )  # fmt: skip
    w.engine()


def check(w: World) -> None:
    """What must be there, person by person, whatever happened."""
    crm = w.boxes["crm"].state()["contacts"]
    sales = [*w.boxes["sales"].state()["Contact"], *w.boxes["sales"].state()["Lead"]]
    assert sorted(c["email"] for c in crm) == sorted(f"p{i}@example.com" for i in NUMBERS)
    assert sorted({c["Email"].lower() for c in sales}) == sorted(f"p{i}@example.com" for i in NUMBERS)
    twice = {f"p{i}@example.com" for i in NUMBERS if i % 6 == 1 and (i % 4 == 3 or i % 3 == 0)}
    assert len(sales) == len(NUMBERS) + len(twice)
    by_email = {c["Email"].lower(): c for c in reversed(sales)}
    for i in NUMBERS:
        there, here = next(c for c in crm if c["email"] == f"p{i}@example.com"), by_email[f"p{i}@example.com"]
        assert there["lastname"] == here["LastName"] == f"L{i}"
        stage = {"lead": "lead", "customer": "customer", "opportunity": "opportunity"}[there["lifecyclestage"]]
        assert here.get("Lifecycle_Stage__c") == stage
        if i % 4 == 3 or i % 3 == 0:
            assert there["jobtitle"] == f"T{i}"
            assert stage in ("opportunity", "customer")
        assert there["stagebridge_id"] == here["stagebridge_id__c"]


@contextmanager
def killer(w: World) -> Iterator[subprocess.Popen[str]]:
    w.config()
    script = Path(__file__).parents[1] / "kill_child.py"
    command = [sys.executable, str(script), str(w.folder / "stagebridge.yaml"), w.boxes["crm"].url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        yield child
        child.kill()


def order(child: subprocess.Popen[str], text: str) -> tuple[int, int]:
    """(exit code, steps taken) of one forked run."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(text + "\n")
    child.stdin.flush()
    code, taken = child.stdout.readline().split()
    return int(code), int(taken)


def heal(w: World) -> None:
    for _ in range(4):
        if w.sync().writes == 0:
            break
    check(w)
    assert w.sync().writes == 0


@pytest.mark.timeout(280)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_commit_and_every_send_a_rerun_ends_in_the_same_state(tmp_path: Path, part: int) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w, killer(w) as child:
        prepare(w)
        w.clock.sleep(100)
        code, steps = order(child, "step 1000000")
        assert code == 0
        heal(w)
        assert steps > 40
        for step in range(1 + part, steps + 1, PARTS):
            prepare(w)
            w.clock.sleep(100)
            code, _ = order(child, f"step {step}")
            assert code == -9, f"step {step} of {steps} was not reached"
            heal(w)


@pytest.mark.parametrize("count", [20, pytest.param(500, marks=[pytest.mark.soak, pytest.mark.timeout(3000)])])
def test_killed_at_random_instants_a_rerun_ends_in_the_same_state(tmp_path: Path, count: int) -> None:
    chance = random.Random(count)
    with world(tmp_path, crm="hubspot", sales="salesforce") as w, killer(w) as child:
        for _ in range(count):
            prepare(w)
            w.clock.sleep(100)
            order(child, f"after {chance.uniform(0.0, 0.4):.3f}")
            heal(w)
