from __future__ import annotations

from typing import Any

import pytest

from omnisend_connected import at, change, held, new, seeded
from omnisend_http import ADA, NOW, PHONE, email
from stagebridge.clock import ManualClock
from stagebridge.connector import Done, Outcome
from stagebridge.sandbox import Sandbox
from stagebridge_omnisend import Omnisend

T1, T2, T3 = "2026-03-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z", "2026-05-01T00:00:00.000Z"
OLDER = {"identifiers(type=email).channels.email.status": "SB-OMNISEND-CONSENT-OLDER"}


def refused(outcome: Outcome) -> dict[str, str]:
    assert isinstance(outcome, Done), outcome
    return {r.field: r.code for r in outcome.refused}


def email_status(box: Sandbox) -> tuple[Any, Any]:
    [one] = [i for i in held(box)[ADA]["identifiers"] if i["type"] == "email"]
    return one["channels"]["email"]["status"], one["channels"]["email"].get("statusChangedAt")


def said(value: str, when: str | None) -> dict[str, Any]:
    return {"consent.email": value, **({"consent.email.at": at(when)} if when else {})}


def test_a_replayed_export_resurrects_nobody(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"identifiers": [email(status="unsubscribed", at=T2)]})
    [outcome] = om.write([change(om, ada, {"consent.email": "granted", "first_name": "A"}, **said("granted", T1))])
    assert refused(outcome) == OLDER
    assert email_status(box) == ("unsubscribed", T2)
    assert held(box)[ADA]["firstName"] == "A"
    assert "example.com" not in str(outcome.refused if isinstance(outcome, Done) else "")


@pytest.mark.parametrize("when", [T1, None])
@pytest.mark.parametrize("others", [0, 9])
def test_a_new_contact_who_is_there_already_stays_unsubscribed(
    box: Sandbox, om: Omnisend, when: str | None, others: int
) -> None:
    seeded(box, {"identifiers": [email(status="unsubscribed", at=T2)]})
    more = [new({"email": f"p{i}@example.com"}, key=f"key-{i}") for i in range(others)]
    outcome = om.write([new(said("granted", when)), *more])[0]
    assert refused(outcome) == OLDER
    assert email_status(box) == ("unsubscribed", T2)


def test_a_later_decision_is_taken_with_its_own_time(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"identifiers": [email(status="unsubscribed", at=T2)]})
    [outcome] = om.write([change(om, ada, {"consent.email": "granted"}, **said("granted", T3))])
    assert refused(outcome) == {}
    assert email_status(box) == ("subscribed", T3)


@pytest.mark.parametrize("when", [T1, T3, None])
def test_a_refusal_always_holds(box: Sandbox, om: Omnisend, when: str | None) -> None:
    [ada] = seeded(box, {"identifiers": [email(status="subscribed", at=T2)]})
    [outcome] = om.write([change(om, ada, {"consent.email": "denied"}, **said("denied", when))])
    assert refused(outcome) == {}
    assert email_status(box) == ("unsubscribed", T3 if when == T3 else NOW)


@pytest.mark.parametrize("when", [T1, None])
def test_where_nobody_decided_anything_yet_any_consent_is_later(box: Sandbox, om: Omnisend, when: str | None) -> None:
    om.write([new()])
    assert email_status(box)[0] == "nonSubscribed"
    ada = held(box)[ADA]["id"]
    [outcome] = om.write([change(om, ada, {"consent.email": "granted"}, **said("granted", when))])
    assert refused(outcome) == {}
    assert email_status(box)[0] == "subscribed"
    assert str(email_status(box)[1]) <= T1


def test_a_consent_from_before_somebody_was_imported_is_taken(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"identifiers": [email(status="nonSubscribed", at=T2)]})
    [outcome] = om.write([change(om, ada, {"consent.email": "granted"}, **said("granted", T1))])
    assert refused(outcome) == {}
    assert email_status(box) == ("subscribed", "2026-04-01T00:00:01.000Z")


def test_whoever_unsubscribes_while_we_write_stays_unsubscribed(box: Sandbox, om: Omnisend, clock: ManualClock) -> None:
    [ada] = seeded(box, {"identifiers": [email(status="nonSubscribed", at=T1)]})
    entry = change(om, ada, {"consent.email": "granted"})
    clock.sleep(5)
    box.seed({"unsubscribe": {ada: None}})
    assert refused(om.write([entry])[0]) == OLDER
    assert email_status(box)[0] == "unsubscribed"


def test_another_address_keeps_the_status_and_its_time(box: Sandbox, om: Omnisend) -> None:
    [ada] = seeded(box, {"identifiers": [email(status="unsubscribed", at=T1)]})
    assert refused(om.write([change(om, ada, {"email": "new@example.com"})])[0]) == {}
    [one] = held(box)["new@example.com"]["identifiers"]
    assert one["channels"]["email"] == {"status": "unsubscribed", "statusChangedAt": T1}


def test_a_consent_to_text_messages_waits_for_a_number_and_comes_with_it(box: Sandbox, om: Omnisend) -> None:
    granted = {"consent.sms": "granted", "consent.sms.at": at(T1)}
    [outcome] = om.write([new(granted)])
    assert refused(outcome) == {"identifiers(type=phone).channels.sms.status": "SB-OMNISEND-CONSENT"}
    ada = held(box)[ADA]["id"]
    assert refused(om.write([change(om, ada, {"phone": PHONE}, **granted)])[0]) == {}
    [one] = [i for i in held(box)[ADA]["identifiers"] if i["type"] == "phone"]
    assert one["channels"]["sms"] == {"status": "subscribed", "statusChangedAt": T1}


def test_where_a_consent_came_from_goes_along_with_it(box: Sandbox, om: Omnisend) -> None:
    om.write([new({**said("granted", T1), "consent.email.source": "web form"})])
    assert held(box)[ADA]["consents"] == [{"channel": "email", "source": "web form", "createdAt": T1}]


def test_only_a_decision_has_a_time_that_counts(box: Sandbox, om: Omnisend) -> None:
    seeded(box, {"identifiers": [email(at=T1)]}, {"identifiers": [email("bob@example.com", "nonSubscribed", T2)]})
    times = [r.changed_at for page in om.read() for r in page.records]
    assert sorted(times, key=len) == [{}, {"consent.email": at(T1)}]
