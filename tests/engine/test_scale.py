"""The hour that decides: two systems full of overlapping people, spelt differently, with duplicates of their own."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from engine_world import World, world


def fill(w: World, scale: int) -> dict[str, int]:
    """In units of `scale`: 50 HubSpot contacts (2 without e-mail, 3 with further addresses), 30 Contacts and 10 Leads with
    35 people in common, one person as Lead and Contact, half a pair of duplicates."""
    chance = random.Random(5)
    crm: list[dict[str, str]] = []
    for i in range(48 * scale):
        person = {
            "email": f"person{i}@example.com",
            "firstname": f"Given{i}",
            "lastname": f"Family{i}",
            "phone": f"+4420794{i % 100000:05d}",
        }
        if i < 3 * scale:
            person["hs_additional_emails"] = f"second{i}@example.com"
        crm.append(person)
    crm += [{"firstname": f"No{i}", "lastname": "Mail"} for i in range(2 * scale)]
    common = 35 * scale
    contacts: list[dict[str, Any]] = []
    leads: list[dict[str, Any]] = []

    def spelt(text: str) -> str:
        return chance.choice((text, text.upper(), text.title()))

    for i in range(common):
        # of those with two addresses the other system knows the second one
        email = f"second{i}@example.com" if i < scale else f"person{i}@example.com"
        row = {"Email": spelt(email), "FirstName": f"Given{i}", "LastName": f"Family{i}"}
        if i < 28 * scale + scale // 2:
            contacts.append(row)
        else:
            leads.append({**row, "Company": "Company"})
    for i in range(scale):  # a Lead beside the Contact
        n = 5 * scale + i
        leads.append({"Email": f"PERSON{n}@example.com", "LastName": f"Family{n}", "Company": "Company"})
    for i in range(scale // 2):  # pairs of duplicates
        n = 10 * scale + i
        contacts.append({"Email": f"person{n}@EXAMPLE.com", "LastName": f"Family{n}"})
    while len(contacts) < 30 * scale:
        n = len(contacts)
        contacts.append({"Email": f"only{n}@example.com", "LastName": f"Only{n}"})
    while len(leads) < 10 * scale:
        n = len(leads)
        leads.append({"Email": f"lead{n}@example.com", "LastName": f"Lead{n}", "Company": "Company"})
    w.boxes["crm"].seed(crm)
    w.boxes["sales"].seed({"Contact": contacts, "Lead": leads})
    new_there = sum(1 for r in (*contacts, *leads) if r["Email"].lower().startswith(("only", "lead")))
    return {"crm": new_there, "sales": 48 * scale + 2 * scale - common, "duplicates": scale // 2}


@pytest.mark.parametrize("scale", [10, pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_two_full_systems_meet_and_creates_are_exactly_the_unmatched(tmp_path: Path, scale: int) -> None:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        expected = fill(w, scale)
        w.clock.sleep(100)
        plan, _ = w.engine().plan()
        assert {n: p.creates for n, p in plan.sides.items()} == {n: expected[n] for n in w.boxes}
        assert plan.conflicts["duplicate"] == expected["duplicates"]
        for box in w.boxes.values():
            box.forget_requests()
        first = w.sync(expect=plan.digest)
        assert {n: p.created for n, p in first.pushed.items()} == {n: expected[n] for n in w.boxes}
        assert {n: p.updated for n, p in first.pushed.items()} == {n: p.updates for n, p in plan.sides.items()}
        assert {n: w.write_requests(n) for n in w.boxes} == {n: p.calls["write"] for n, p in plan.sides.items()}
        assert [w.sync().writes, w.sync().writes] == [0, 0]
        counts = {
            n: len([c for o in ("contacts", "Contact", "Lead") for c in w.boxes[n].state().get(o, [])]) for n in w.boxes
        }
        for file in tmp_path.glob("stagebridge.db*"):
            file.unlink()
        again = w.sync()
        assert sum(p.created for p in again.pushed.values()) == 0
        assert counts == {
            n: len([c for o in ("contacts", "Contact", "Lead") for c in w.boxes[n].state().get(o, [])]) for n in w.boxes
        }
