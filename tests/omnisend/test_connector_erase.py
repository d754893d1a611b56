from __future__ import annotations

import orjson

from omnisend_connected import connected, held, seeded, switched
from omnisend_http import ADA, BOB, PHONE, email, phone
from stagebridge.clock import ManualClock
from stagebridge.connector import Done, Unknown
from stagebridge.sandbox import Sandbox
from stagebridge_omnisend import Omnisend

WHOLE = {
    "identifiers": [email(at="2026-01-01T00:00:00.000Z"), phone(status="subscribed")], "firstName": "Ada", "lastName": "Byron",
    "city": "London", "birthdate": "1990-12-10", "gender": "f", "tags": ["vip", "stage: customer"],
    "customProperties": {"lifecycle_stage": "customer", "stagebridge_id": "key-ada", "visits": 7, "likes": ["maths"]},
}  # fmt: skip


def test_a_person_is_unsubscribed_emptied_and_marked_and_what_stays_is_said(box: Sandbox, om: Omnisend) -> None:
    ada, _ = seeded(box, WHOLE, {"email": BOB, "firstName": "Bob", "tags": ["vip"]})
    outcome = om.erase("contacts", ada, ADA)
    assert isinstance(outcome, Done)
    now = held(box)[ADA]
    assert {i["channels"][c]["status"] for i in now["identifiers"] for c in i["channels"]} == {"unsubscribed"}
    assert now["tags"] == ["stagebridge-forgotten"]
    text = orjson.dumps(now).decode()
    assert [
        v for v in ("Ada", "Byron", "London", "1990", "customer", "key-ada", "maths", '"visits":7') if v in text
    ] == []
    first, second = outcome.left
    assert "e-mail address and phone number" in first
    assert "delete it there" in first
    assert "events" in second
    assert held(box)[BOB]["firstName"] == "Bob"
    assert [s for s in outcome.left if ADA in s or PHONE in s] == []


def test_one_property_that_cannot_be_emptied_keeps_no_other(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, WHOLE)
    box.fault("status", method="PATCH", status=400, skip=1)
    assert isinstance(om.erase("contacts", ada, ADA), Done)
    assert held(box)[ADA]["customProperties"] == {"lifecycle_stage": "", "stagebridge_id": "", "visits": 0, "likes": []}
    assert held(box)[ADA]["firstName"] == ""


def test_what_the_platform_did_not_empty_is_named_because_it_was_read_back(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, WHOLE)
    box.fault("status", method="PATCH", status=400, skip=1, times=None)
    outcome = om.erase("contacts", ada, ADA)
    assert isinstance(outcome, Done)
    [fields] = [s for s in outcome.left if "did not empty" in s]
    assert {"firstName", "city", "customProperties.lifecycle_stage"} <= set(fields.replace(",", "").split())
    assert "Byron" not in fields


@switched(tags_seconds=60.0)
def test_tags_that_are_still_there_are_said(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, WHOLE)
    outcome = om.erase("contacts", ada, ADA)
    assert isinstance(outcome, Done)
    assert any("2 of its tags" in s for s in outcome.left)
    assert any("no tag stagebridge-forgotten" in s for s in outcome.left)


def test_whoever_is_gone_is_erased(om: Omnisend) -> None:
    assert om.erase("contacts", "60a6170920d91c215e949b5c", ADA) == Done("60a6170920d91c215e949b5c")


def test_an_erasure_without_an_answer_is_unknown_and_can_be_repeated(box: Sandbox, clock: ManualClock) -> None:
    [ada] = seeded(box, WHOLE)
    with connected(box, clock, forgotten_tag="gone") as om:
        box.fault("timeout_after", writes=True)
        assert isinstance(om.erase("contacts", ada, ADA), Unknown)
        assert isinstance(om.erase("contacts", ada, ADA), Done)
    assert held(box)[ADA]["tags"] == ["gone"]
