"""Two CRMs that are told of conversions, with the engine between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine_world import World, world
from stagebridge.contact import Contact
from stagebridge.delivery.setup import Events as Work
from stagebridge.event import ConversionEvent
from stagebridge.ledger.store import Ledger
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_sides

OVERLAY = "extends: {}\nevent: {{names: {{Purchase: purchase}}}}\n"


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """People whom both know, and mappings that take purchases."""
    with world(tmp_path, crm="hubspot", sales="salesforce") as made:
        for name, platform in (("crm", "hubspot"), ("sales", "salesforce")):
            (tmp_path / f"{name}.yaml").write_text(OVERLAY.format(platform), "utf-8")
            made.extra[name] = {"mapping": f"{name}.yaml"}
        made.extra["sales"] |= {"conversions": True, "currency": "EUR"}
        made.boxes["crm"].seed([{"email": f"p{i}@example.com", "lastname": f"Family{i}"} for i in range(6)])
        made.boxes["sales"].seed(
            {"Contact": [{"LastName": f"Family{i}", "Email": f"p{i}@example.com"} for i in range(6)]}
        )
        yield made


@contextmanager
def work(w: World) -> Iterator[Work]:
    w.clock.sleep(130)
    w.engine().ledger.close()  # the accounts have their fields
    config = w.config()
    sides, failures = open_sides(config, w.clock)
    assert failures == {}
    ledger = Ledger.open(config.ledger)
    try:
        yield Work(config, Engine(config.contacts, ledger, sides, config.lifecycle, w.clock, flight=1), w.clock)
    finally:
        ledger.close()


def round_(w: World, *events: ConversionEvent) -> dict[str, Any]:
    with work(w) as made:
        made.engine.sync()
        made.collect()
        made.arrival.give(events)
        deliverer = made.deliverer()
        flushed = deliverer.flush()
        assert made.failures | deliverer.failures == {}
        return flushed


def purchase(w: World, i: int) -> ConversionEvent:
    who = Contact(email=f"p{i}@example.com")
    money: dict[str, Any] = {"value": "10.00", "currency": "EUR"}
    return ConversionEvent(id=f"order-{i}", name="Purchase", at=w.clock.now(), contact=who, **money)


def told(w: World) -> tuple[list[str], list[str]]:
    """Whose purchases each of them holds."""
    people = {c["Id"]: c["Email"] for c in w.boxes["sales"].state()["Contact"]}
    return (
        sorted(e["email"] for e in w.boxes["crm"].state()["events"]),
        sorted(people[t["WhoId"]] for t in w.boxes["sales"].state()["Task"]),
    )


def test_purchases_are_logged_in_both_once_whatever_answers_are_lost(w: World) -> None:
    for box in w.boxes.values():
        box.fault("timeout_after", path="*/send/batch")
        box.fault("status", path="*/composite/sobjects/Task/*", script=["503", "500"])
    events = [purchase(w, i) for i in range(6)]
    for _ in range(3):
        round_(w, *events)
    everybody = [f"p{i}@example.com" for i in range(6)]
    assert told(w) == (everybody, everybody)


def test_somebody_whom_the_sync_has_just_created_is_told_of_too(w: World) -> None:
    w.boxes["crm"].seed([{"email": "new@example.com", "lastname": "New", "company": "Acme"}])
    w.boxes["sales"].seed({"Account": [{"Name": "Acme"}]})
    who = Contact(email="new@example.com")
    event = ConversionEvent(id="order-new", name="Purchase", at=w.clock.now(), contact=who)
    round_(w, event)
    assert told(w) == (["new@example.com"], ["new@example.com"])


def test_a_deal_that_one_of_them_recorded_is_told_to_the_other_only(w: World) -> None:
    ids = [c["Id"] for c in w.boxes["sales"].state()["Contact"]]
    row = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-11-20", "Amount": 99.5, "roles": [ids[2]]}
    [deal] = w.boxes["sales"].seed({"Opportunity": [row]})["ids"]["Opportunity"]
    round_(w)
    w.boxes["sales"].seed({"edit": {deal: {"StageName": "Closed Won"}}})
    round_(w)
    round_(w)
    assert told(w) == (["p2@example.com"], [])
    [event] = w.boxes["crm"].state()["events"]
    assert (event["properties"]["value"], event["properties"]["currency"]) == ("99.5", "EUR")
    assert event["properties"]["order_id"] == deal
