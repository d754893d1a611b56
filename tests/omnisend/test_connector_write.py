from __future__ import annotations

from typing import Any

import pytest

from omnisend_connected import calls, change, connected, held, new, seeded, switched
from omnisend_http import ADA, BOB, OTHER_PHONE, PHONE
from stagebridge.clock import ManualClock
from stagebridge.connector import Conflict, Done, Entry, Outcome, Rejected, Retry, Unknown
from stagebridge.errors import AuthError, ConfigError
from stagebridge.sandbox import Sandbox
from stagebridge_omnisend import Omnisend


def crowd(count: int, **values: Any) -> list[Entry]:
    return [new({"email": f"p{i}@example.com", "first_name": f"P{i}", **values}, key=f"key-{i}") for i in range(count)]


def refused(outcome: Outcome) -> dict[str, str]:
    """{remote field: code} of what was not taken."""
    assert isinstance(outcome, Done), outcome
    return {r.field: r.code for r in outcome.refused}


# --- new contacts ----------------------------------------------------------------------------------------------


def test_whoever_is_subscribed_gets_no_welcome_message_alone_or_in_a_batch(box: Sandbox, om: Omnisend) -> None:
    granted = {"consent.email": "granted"}
    om.write([new(granted)])
    om.write(crowd(20, **granted))
    om.write([change(om, held(box)[ADA]["id"], {"phone": PHONE, "consent.sms": "granted"})])
    assert {c["status"] for c in held(box).values()} == {"subscribed"}
    assert box.state()["welcome_mails"] == 0


def test_a_welcome_message_is_sent_where_somebody_asked_for_it(box: Sandbox, clock: ManualClock) -> None:
    with connected(box, clock, welcome_messages=True) as om:
        om.write([new({"consent.email": "granted"})])
        assert om.check().warnings
    assert box.state()["welcome_mails"] == 1


def test_a_hundred_new_contacts_take_one_batch_and_each_has_an_outcome_of_its_own(box: Sandbox, om: Omnisend) -> None:
    seeded(box, {"email": "p3@example.com", "firstName": "Old"}, {"email": BOB, "phone": PHONE})
    entries = crowd(100)
    entries[7] = Entry("contacts", {**entries[7].payload, "birthdate": "never"}, key="key-7")
    entries[9] = new({"email": "p9@example.com", "phone": PHONE}, key="key-9")
    outcomes = om.write(entries)
    made = {c["id"]: c["email"] for c in box.state()["contacts"]}
    for i, outcome in enumerate(outcomes):
        if i != 7:
            assert isinstance(outcome, Done)
            assert made[outcome.remote_id] == f"p{i}@example.com"
            assert outcome.record is not None
            assert outcome.record.data["email"] == f"p{i}@example.com"
    bad = outcomes[7]
    assert isinstance(bad, Rejected)
    assert (bad.code, bad.fields) == ("SB-OMNISEND-INVALID_FORMAT", ("birthdate",))
    assert bad.message.startswith("Omnisend would not take birthdate (INVALID_FORMAT) [request ")
    assert refused(outcomes[9]) == {"identifiers(type=phone).id": "SB-OMNISEND-TAKEN"}
    assert "p7@example.com" not in held(box)
    assert held(box)[BOB]["phone"] == [PHONE]
    assert calls(box)["POST /batches"] == 1
    assert calls(box).get("POST /contacts", 0) == 0


def test_after_the_first_batch_the_others_are_looked_at_once(box: Sandbox, om: Omnisend) -> None:
    entries = crowd(1000)
    for start in range(0, 1000, 100):
        assert {type(o) for o in om.write(entries[start : start + 100])} == {Done}
    assert len(box.state()["contacts"]) == 1000
    assert calls(box)["POST /batches"] == 10
    assert calls(box)["GET /batches/{id}/items"] <= 13


@switched(batch_seconds=90.0)
def test_a_batch_that_is_not_finished_in_time_is_unknown(box: Sandbox, clock: ManualClock) -> None:
    with connected(box, clock, batch_wait=30) as om:
        outcomes = om.write(crowd(10))
        assert {type(o) for o in outcomes} == {Unknown}
        assert om.patience > 30
    clock.sleep(120)
    assert len(box.state()["contacts"]) == 10


def test_items_that_the_platform_failed_at_are_written_again(box: Sandbox, om: Omnisend) -> None:
    box.fault("partial_batch")
    outcomes = om.write(crowd(10))
    assert [type(o) for o in outcomes] == [Done, Retry] * 5
    assert len(box.state()["contacts"]) == 5


def test_a_batch_that_is_not_taken_is_written_one_by_one(box: Sandbox, om: Omnisend) -> None:
    box.fault("status", path="*/batches", status=400)
    assert [type(o) for o in om.write(crowd(10))] == [Done] * 10
    assert calls(box)["POST /contacts"] == 10


@pytest.mark.parametrize("how_many", [1, 10])
def test_somebody_whose_only_identifier_is_anothers_is_that_other(box: Sandbox, om: Omnisend, how_many: int) -> None:
    [bob] = seeded(box, {"email": BOB, "phone": PHONE})
    entry = new({"email": None, "phone": PHONE}, key="key-1")
    outcome = om.write([entry, *crowd(how_many - 1)])[0]
    assert isinstance(outcome, Conflict)
    assert outcome.existing_id == bob
    assert len(box.state()["contacts"]) == how_many


def test_an_address_is_written_in_lower_case_and_keeps_the_letters_that_it_has_there(
    box: Sandbox, om: Omnisend
) -> None:
    om.write([new({"email": "ADA@example.com"})])
    assert [c["email"] for c in box.state()["contacts"]] == [ADA]
    [bob] = seeded(box, {"email": "Bob@Example.com"})
    entry = change(om, bob, {"consent.email": "granted"})
    assert isinstance(om.write([entry])[0], Done)
    assert next(c["email"] for c in box.state()["contacts"] if c["id"] == bob) == "Bob@Example.com"


# --- changes ---------------------------------------------------------------------------------------------------


def test_an_address_that_another_contact_has_is_a_conflict_with_that_contact(box: Sandbox, om: Omnisend) -> None:
    ada, bob = seeded(box, {"email": ADA}, {"email": BOB})
    [outcome] = om.write([change(om, ada, {"email": BOB, "first_name": "A"})])
    assert isinstance(outcome, Conflict)
    assert outcome.existing_id == bob


def test_a_number_that_another_contact_has_is_named_so_that_the_rest_can_go(box: Sandbox, om: Omnisend) -> None:
    ada, _ = seeded(box, {"email": ADA}, {"email": BOB, "phone": PHONE})
    [outcome] = om.write([change(om, ada, {"phone": PHONE, "first_name": "A"})])
    assert isinstance(outcome, Rejected)
    assert [om.mapping.path_of(f) for f in outcome.fields if om.mapping] == ["phone"]
    assert PHONE not in outcome.message


def test_an_address_can_be_changed(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"email": ADA})
    assert refused(om.write([change(om, ada, {"email": "new@example.com"})])[0]) == {}
    assert [c["email"] for c in box.state()["contacts"]] == ["new@example.com"]


@switched(email_change="ignore")
def test_an_address_that_the_platform_keeps_is_refused_and_the_rest_is_written(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"email": ADA})
    [outcome] = om.write([change(om, ada, {"email": "new@example.com", "first_name": "A"})])
    assert refused(outcome) == {"identifiers(type=email).id": "SB-OMNISEND-TAKEN"}
    assert held(box)[ADA]["firstName"] == "A"


def test_a_number_cannot_be_taken_off_and_another_takes_its_place(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"email": ADA, "phone": PHONE})
    [outcome] = om.write([change(om, ada, {"phone": None, "first_name": "A"})])
    assert refused(outcome) == {"identifiers(type=phone).id": "SB-OMNISEND-KEEPS"}
    assert (held(box)[ADA]["phone"], held(box)[ADA]["firstName"]) == ([PHONE], "A")
    assert refused(om.write([change(om, ada, {"phone": OTHER_PHONE})])[0]) == {}
    assert held(box)[ADA]["phone"] == [OTHER_PHONE]


def test_what_was_written_before_trouble_came_stays_written_and_the_rest_is_left(box: Sandbox, om: Omnisend) -> None:
    ids = seeded(box, *({"email": f"p{i}@example.com"} for i in range(5)))
    entries = [change(om, i, {"first_name": "A"}) for i in ids]
    box.fault("status", method="PATCH", status=401, skip=2, times=None)
    assert [type(o) for o in om.write(entries)] == [Done, Done, Retry, Retry, Retry]
    with pytest.raises(AuthError):
        om.write(entries[2:])
    assert [c.get("firstName") for c in box.state()["contacts"]] == ["A", "A", None, None, None]


def test_a_wrong_custom_property_is_named_as_the_mapping_has_it(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"email": ADA, "customProperties": {"lost_reason": 5}})
    [outcome] = om.write([change(om, ada, {"lost_reason": "price", "first_name": "A"})])
    assert isinstance(outcome, Rejected)
    assert outcome.fields == ("customProperties.lost_reason",)


# --- tags ------------------------------------------------------------------------------------------------------


def test_contacts_with_the_same_change_of_tags_share_a_call_and_foreign_tags_stay(box: Sandbox, om: Omnisend) -> None:
    people = [{"email": f"p{i}@example.com", "tags": ["stage: lead", f"own {i}"]} for i in range(60)]
    ids = seeded(box, *people)
    entries = [
        change(om, id_, {"tags": {f"own {i}", "stage: customer" if i % 2 else "stage: subscriber"}, "first_name": "A"})
        for i, id_ in enumerate(ids)
    ]
    box.forget_requests()
    before = calls(box)
    outcomes = om.write(entries)
    after = calls(box)
    for i, outcome in enumerate(outcomes):
        assert isinstance(outcome, Done)
        assert outcome.record is not None
        wanted = {f"own {i}", "stage: customer" if i % 2 else "stage: subscriber"}
        assert set(outcome.record.data["tags"]) == set(held(box)[f"p{i}@example.com"]["tags"]) == wanted
    made = {n: after.get(n, 0) - before.get(n, 0) for n in after}
    assert (made["DELETE /contacts/tags"], made["POST /contacts/tags"], made["PATCH /contacts/{id}"]) == (1, 2, 60)
    assert made["GET /contacts/{id}"] <= 6


@switched(tags_seconds=3.0)
def test_tags_are_there_when_the_write_is_done(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"email": ADA, "tags": ["old"]})
    [outcome] = om.write([change(om, ada, {"tags": {"new"}})])
    assert isinstance(outcome, Done)
    assert held(box)[ADA]["tags"] == ["new"]
    assert om.fetch("contacts", [ada])[ada].data["tags"] == ["new"]


def test_tags_that_the_platform_would_not_take_are_refused_and_the_rest_is_written(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"email": ADA})
    box.fault("status", path="*/contacts/tags", status=400)
    [outcome] = om.write([change(om, ada, {"tags": {"new"}, "first_name": "A"})])
    assert refused(outcome) == {"tags": "SB-OMNISEND-TAGS"}
    assert (held(box)[ADA]["tags"], held(box)[ADA]["firstName"]) == ([], "A")


def test_new_contacts_bring_their_tags_along(box: Sandbox, om: Omnisend) -> None:
    om.write([new({"tags": {"a", "b"}}), *crowd(5, tags={"c"})])
    assert set(held(box)[ADA]["tags"]) == {"a", "b"}
    assert held(box)["p4@example.com"]["tags"] == ["c"]
    assert "POST /contacts/tags" not in calls(box)


def test_more_than_a_batch_is_refused(om: Omnisend) -> None:
    with pytest.raises(ConfigError, match="100"):
        om.write(crowd(101))
