from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from omnisend_http import ADA, NOW, PHONE
from stagebridge.clock import ManualClock
from stagebridge.connector import Done, Draft, Rejected, Unknown
from stagebridge.contact import Contact
from stagebridge.event import ConversionEvent
from stagebridge.sandbox import Sandbox
from stagebridge_omnisend import Omnisend


def conversion(clock: ManualClock, id_: str = "order-42", **values: object) -> ConversionEvent:
    given = {"id": id_, "name": "Purchase", "at": clock.now() - timedelta(hours=1), "contact": Contact(email=ADA)}
    return ConversionEvent.model_validate({**given, **values})


def drafted(om: Omnisend, event: ConversionEvent) -> Draft:
    draft = om.draft(event)
    assert isinstance(draft, Draft), draft
    return draft


def test_an_event_has_its_own_time_its_person_and_what_it_says(box: Sandbox, om: Omnisend, clock: ManualClock) -> None:
    event = conversion(clock, value=Decimal("30.50"), currency="EUR", order_id="42", channel="web")
    assert isinstance(om.send([drafted(om, event)])[0], Done)
    [counted] = box.state()["events"]
    assert (counted["eventName"], counted["eventTime"]) == ("Purchase", "2026-06-01T11:00:00.000Z")
    assert counted["properties"] == {"value": 30.5, "currency": "EUR", "order_id": "42", "channel": "web"}
    assert counted["contact"] == box.state()["contacts"][0]["id"]
    assert box.state()["contacts"][0]["email"] == ADA


def test_a_change_of_stage_has_the_name_that_automations_are_made_for(
    box: Sandbox, om: Omnisend, clock: ManualClock
) -> None:
    om.send([drafted(om, conversion(clock, name="StageChanged", stage="customer"))])
    [counted] = box.state()["events"]
    assert (counted["eventName"], counted["properties"]["stage"]) == ("lifecycle stage changed", "customer")


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ("9afca57b-d157-478b-adde-b9506322b16f", True),
        ("order-42", False),
        ("9afca57b-d157-178b-adde-b9506322b16f", False),
    ],
)
def test_an_id_is_a_uuid_that_the_platform_takes_and_always_the_same(
    om: Omnisend, clock: ManualClock, given: str, same: bool
) -> None:
    one, again = (drafted(om, conversion(clock, given)).payload["eventID"] for _ in range(2))
    assert one == again
    assert UUID(one).version in (4, 5, 6, 7)
    assert (one == given) is same


def test_an_event_without_an_answer_is_not_known_to_be_dropped_as_a_second_one(
    box: Sandbox, om: Omnisend, clock: ManualClock
) -> None:
    draft = drafted(om, conversion(clock))
    assert draft.dedup == 0
    box.fault("timeout_after", writes=True)
    assert isinstance(om.send([draft])[0], Unknown)
    om.send([draft])  # what nobody does with a `dedup` of 0: this is why
    assert [e["fired"] for e in box.state()["events"]] == [2]


def test_names_of_the_platforms_own_events_are_refused_before_they_are_sent(om: Omnisend, clock: ManualClock) -> None:
    draft = om.draft(conversion(clock, name="Placed order"))
    assert isinstance(draft, Rejected)
    assert draft.code == "SB-OMNISEND-EVENT"


def test_an_event_needs_an_address_or_a_number(box: Sandbox, om: Omnisend, clock: ManualClock) -> None:
    assert isinstance(om.draft(conversion(clock, contact=Contact())), Rejected)
    om.send([drafted(om, conversion(clock, contact=Contact(phone=PHONE)))])
    assert [c["phone"] for c in box.state()["contacts"]] == [[PHONE]]


def test_an_event_leaves_a_consent_as_it_is(box: Sandbox, om: Omnisend, clock: ManualClock) -> None:
    box.seed([{"email": ADA, "status": "unsubscribed"}])
    om.send([drafted(om, conversion(clock))])
    assert box.state()["contacts"][0]["status"] == "unsubscribed"
    assert box.state()["welcome_mails"] == 0
    assert NOW
