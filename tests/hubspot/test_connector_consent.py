"""E-mail consent: a status per address, with the time of the decision; never an opt-out of everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from hubspot_kit import CONTACTS, account, held, seed
from stagebridge.clock import ElasticClock
from stagebridge.connector import Done, Entry, Record, Unknown
from stagebridge.sandbox import Sandbox
from stagebridge_hubspot import HubSpot
from stub_http import Reply, Stub

NEWSLETTER = "99"


@contextmanager
def with_consent(**more: Any) -> Iterator[tuple[HubSpot, Sandbox]]:
    with account(email_subscription=NEWSLETTER, legal_basis="CONSENT_WITH_NOTICE", **more) as (hs, box):
        yield hs, box


def statuses(box: Sandbox) -> dict[str, str]:
    return {s["email"]: s["status"] for s in box.state()["statuses"]}


def decision(record: Record, status: str) -> Entry:
    """What the mapping makes of a consent: the element, whole, with the status that is wanted."""
    [element] = record.data["subscriptions"]
    payload = {"subscriptions": [{**element, "status": status}]}
    return Entry(CONTACTS, payload, record.id, record.data, email=record.data["properties"]["email"])


def the(hs: HubSpot, id_: str) -> Record:
    return hs.fetch(CONTACTS, [id_])[id_]


def test_a_status_is_read_with_the_time_of_the_decision() -> None:
    with with_consent() as (hs, box):
        [ada] = seed(box, {"contacts": [{"email": "ada@example.com"}], "statuses": {"ada@example.com": "UNSUBSCRIBED"}})
        record = the(hs, ada)
        assert hs.mapping is not None
        view = hs.mapping.read(record.data)
        assert view["consent.email"] == "denied"
        assert record.changed_at["consent.email"] <= hs.clock.now()
        assert view["consent.email.at"] is not None


def test_somebody_who_never_decided_says_nothing() -> None:
    with with_consent() as (hs, box):
        ada, nobody = seed(box, [{"email": "ada@example.com"}, {"firstname": "No", "lastname": "Address"}])
        assert hs.mapping is not None
        for record in hs.fetch(CONTACTS, [ada, nobody]).values():
            assert "consent.email" not in hs.mapping.read(record.data)
            assert record.changed_at == {}


def test_a_full_pass_asks_for_a_hundred_addresses_at_once() -> None:
    with with_consent() as (hs, box):
        seed(box, [{"email": f"p{i}@example.com"} for i in range(200)])
        box.forget_requests()
        list(hs.read(CONTACTS))
        assert box.requests()["by_route"]["POST consent/statuses/batch/read"] == 2


@pytest.mark.parametrize("status", ["SUBSCRIBED", "UNSUBSCRIBED"])
def test_a_decision_is_written_for_the_configured_type_with_its_legal_basis(status: str) -> None:
    with with_consent() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        [done] = hs.write([decision(the(hs, ada), status)])
        assert isinstance(done, Done)
        assert done.refused == ()
        assert statuses(box) == {"ada@example.com": status}
        [request] = [r for r in box.requests()["last"] if r["path"].endswith("statuses/batch/write")]
        [row] = orjson.loads(request["body"])["inputs"]
        assert (row["subscriptionId"], row["channel"], row["legalBasis"]) == (99, "EMAIL", "CONSENT_WITH_NOTICE")


def test_a_decision_and_a_change_go_to_their_own_places_and_both_are_answered() -> None:
    with with_consent() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        entry = decision(the(hs, ada), "SUBSCRIBED")
        both = Entry(CONTACTS, {**entry.payload, "properties": {"city": "Ockham"}}, ada, entry.base, email=entry.email)
        [done] = hs.write([both])
        assert isinstance(done, Done)
        assert done.record is not None
        assert hs.mapping is not None
        view = hs.mapping.read(done.record.data)
        assert (view["address.city"], view["consent.email"]) == ("Ockham", "granted")
        assert held(box)[ada]["city"] == "Ockham"
        assert "subscriptions" not in held(box)[ada]


def test_a_new_contact_gets_his_status_too() -> None:
    with with_consent() as (hs, box):
        payload = {
            "properties": {"email": "ada@example.com", "stagebridge_id": "k-1"},
            "subscriptions": [{"id": NEWSLETTER, "status": "UNSUBSCRIBED"}],
        }
        [done] = hs.write([Entry(CONTACTS, payload, key="k-1", email="ada@example.com")])
        assert isinstance(done, Done)
        assert statuses(box) == {"ada@example.com": "UNSUBSCRIBED"}


def test_a_status_that_hubspot_refuses_leaves_the_rest_of_the_record_written() -> None:
    with with_consent(switches={"resubscribe": False}) as (hs, box):
        [ada] = seed(box, {"contacts": [{"email": "ada@example.com"}], "statuses": {"ada@example.com": "UNSUBSCRIBED"}})
        entry = decision(the(hs, ada), "SUBSCRIBED")
        both = Entry(CONTACTS, {**entry.payload, "properties": {"city": "Ockham"}}, ada, entry.base, email=entry.email)
        [done] = hs.write([both])
        assert isinstance(done, Done)
        [refusal] = done.refused
        assert hs.mapping is not None
        assert hs.mapping.path_of(refusal.field, CONTACTS) == "consent.email"
        assert "ada@example.com" not in refusal.message
        assert held(box)[ada]["city"] == "Ockham"
        assert statuses(box) == {"ada@example.com": "UNSUBSCRIBED"}


def test_a_decision_cannot_be_taken_back_into_silence() -> None:
    with with_consent() as (hs, box):
        [ada] = seed(box, {"contacts": [{"email": "ada@example.com"}], "statuses": {"ada@example.com": "SUBSCRIBED"}})
        [done] = hs.write([decision(the(hs, ada), "NOT_SPECIFIED")])
        assert isinstance(done, Done)
        assert [r.field for r in done.refused] == ["subscriptions"]
        assert statuses(box) == {"ada@example.com": "SUBSCRIBED"}


def test_without_an_address_there_is_nobody_to_ask() -> None:
    with with_consent() as (hs, box):
        [nobody] = seed(box, [{"firstname": "No", "lastname": "Address"}])
        payload = {"subscriptions": [{"id": NEWSLETTER, "status": "SUBSCRIBED"}]}
        [done] = hs.write([Entry(CONTACTS, payload, nobody, the(hs, nobody).data)])
        assert isinstance(done, Done)
        assert [r.message for r in done.refused] == ["the contact has no address"]


def test_a_status_without_an_answer_is_unknown_and_not_given_up() -> None:
    with with_consent() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        entry = decision(the(hs, ada), "SUBSCRIBED")
        box.fault("timeout_after", path="*statuses/batch/write")
        [outcome] = hs.write([entry])
        assert isinstance(outcome, Unknown)
        assert statuses(box) == {"ada@example.com": "SUBSCRIBED"}


def test_a_missing_consent_scope_parks_the_consent_and_names_the_scope(stub: Stub) -> None:
    done = {"results": [{"id": "1", "properties": {"city": "Ockham"}}]}
    scope = {"category": "MISSING_SCOPES", "context": {"requiredGranularScopes": ["communication_preferences.write"]}}
    stub.will(Reply(200, orjson.dumps(done)), Reply(403, orjson.dumps(scope)))
    payload = {"properties": {"city": "Ockham"}, "subscriptions": [{"id": NEWSLETTER, "status": "SUBSCRIBED"}]}
    entry = Entry(CONTACTS, payload, "1", {"properties": {"email": "ada@example.com"}}, email="ada@example.com")
    with HubSpot(token="pat-x", base_url=stub.url, clock=ElasticClock(), email_subscription=NEWSLETTER) as hs:
        [outcome] = hs.write([entry])
    assert isinstance(outcome, Done)
    assert "communication_preferences.write" in outcome.refused[0].message


def test_nobody_is_ever_opted_out_of_everything() -> None:
    with with_consent() as (hs, box):
        ids = seed(box, [{"email": f"p{i}@example.com"} for i in range(5)])
        hs.write([decision(the(hs, i), "UNSUBSCRIBED") for i in ids])
        assert not [r for r in box.requests()["by_route"] if "unsubscribe-all" in r]
        assert box.state()["unsubscribed_from_all"] == []


def test_statuses_are_understood_bare_and_inside_their_address(stub: Stub) -> None:
    """HubSpot's pages nest them in a batch read, its specification lists the same fields bare."""
    at = "2026-11-01T10:00:00.000Z"
    status = {"subscriptionId": 99, "status": "SUBSCRIBED", "timestamp": at, "channel": "EMAIL"}
    other = {**status, "subscriptionId": 7, "status": "UNSUBSCRIBED"}
    rows = {
        "results": [
            {"id": "1", "properties": {"email": "ada@example.com"}},
            {"id": "2", "properties": {"email": "Bo@x.test"}},
        ]
    }
    nested = {"results": [
        {"subscriberIdString": "ada@example.com", "statuses": [status, other]}, {"subscriberIdString": "bo@x.test", **status}
    ]}  # fmt: skip
    stub.will(Reply(200, orjson.dumps(rows)), Reply(207, orjson.dumps(nested)))
    with HubSpot(token="pat-x", base_url=stub.url, clock=ElasticClock(), email_subscription=NEWSLETTER) as hs:
        found = hs.fetch(CONTACTS, ["1", "2"])
    assert [r.data["subscriptions"] for r in found.values()] == [
        [{"id": "99", "status": "SUBSCRIBED", "timestamp": at}]
    ] * 2
    assert {r.changed_at["consent.email"] for r in found.values()} == {datetime(2026, 11, 1, 10, tzinfo=UTC)}


def test_without_a_configured_type_consent_is_not_asked_for() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        assert "subscriptions" not in the(hs, ada).data
        assert not [r for r in box.requests()["by_route"] if "consent" in r]
