"""The official client against the stand-in: everything that it can ask of a contact's account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hubspot_sdk import TIMEOUT, client
from stagebridge.sandbox import Sandbox

T = {"_request_timeout": TIMEOUT}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("hubspot", switches={"index_lag": 0}) as made:
        yield made


@pytest.fixture
def sdk(box: Sandbox) -> Any:
    return client(box)


def test_a_contact_is_created_read_changed_and_deleted(box: Sandbox, sdk: Any) -> None:
    basic = sdk.crm.contacts.basic_api
    made = basic.create({"properties": {"email": "Zoë@Example.com", "firstname": "Zoë"}}, **T)
    assert (made.properties["email"], made.properties["lifecyclestage"]) == ("zoë@example.com", "lead")
    basic.update("ZOË@example.com", {"properties": {"jobtitle": "Chief"}}, id_property="email", **T)
    read = basic.get_by_id(made.id, properties=["jobtitle"], properties_with_history=["jobtitle"], **T)
    assert read.properties["jobtitle"] == "Chief"
    assert [h.value for h in read.properties_with_history["jobtitle"]] == ["Chief"]
    basic.archive(made.id, **T)
    assert box.state()["archived"] == [made.id]
    assert [c.id for c in basic.get_page(archived=True, **T).results] == [made.id]


def test_all_pages_are_read_in_order_and_nothing_twice(box: Sandbox, sdk: Any) -> None:
    ids = box.seed([{"email": f"p{i}@example.com"} for i in range(230)])["ids"]
    assert [c.id for c in sdk.crm.contacts.get_all()] == ids


def test_a_batch_upsert_says_which_are_new(box: Sandbox, sdk: Any) -> None:
    box.seed([{"email": "old@example.com"}])
    batch = sdk.crm.contacts.batch_api
    inputs = [
        {"id": e, "idProperty": "email", "objectWriteTraceId": e, "properties": {"firstname": "F"}}
        for e in ("old@example.com", "new@example.com")
    ]
    answer = batch.upsert({"inputs": inputs}, **T)
    assert {r.properties["email"]: r.new for r in answer.results} == {"old@example.com": False, "new@example.com": True}


def test_batches_create_read_update_and_archive(box: Sandbox, sdk: Any) -> None:
    batch = sdk.crm.contacts.batch_api
    made = batch.create({"inputs": [{"properties": {"email": f"b{i}@example.com"}} for i in range(3)]}, **T).results
    batch.update({"inputs": [{"id": c.id, "properties": {"city": "Łódź"}} for c in made]}, **T)
    read = batch.read(
        {"inputs": [{"id": c.id} for c in made], "properties": ["city"], "propertiesWithHistory": []}, **T
    )
    assert {c.properties["city"] for c in read.results} == {"Łódź"}
    batch.archive({"inputs": [{"id": made[0].id}]}, **T)
    assert len(box.state()["contacts"]) == 2


def test_search_filters_sorts_and_pages(box: Sandbox, sdk: Any) -> None:
    box.seed([{"email": f"s{i}@example.com", "lastname": "Ångström", "zip": str(i)} for i in range(5)])
    where = [{"filters": [{"propertyName": "lastname", "operator": "EQ", "value": "ångström"}]}]
    asked = {"filterGroups": where, "sorts": ["-email"], "limit": 2, "properties": ["zip"]}
    page = sdk.crm.contacts.search_api.do_search(asked, **T)
    assert (page.total, [c.properties["zip"] for c in page.results], page.paging.next.after) == (5, ["4", "3"], "2")


def test_a_merge_is_made_and_the_old_ids_lead_to_the_new_record(box: Sandbox, sdk: Any) -> None:
    one, two = box.seed([{"email": "one@example.com"}, {"email": "two@example.com"}])["ids"]
    asked = {"primaryObjectId": one, "objectIdToMerge": two}
    made = sdk.crm.contacts.basic_api.merge(asked, **T)
    assert made.id not in (one, two)
    assert {sdk.crm.contacts.basic_api.get_by_id(i, **T).id for i in (one, two)} == {made.id}


def test_a_contact_is_erased(box: Sandbox, sdk: Any) -> None:
    box.seed([{"email": "gone@example.com"}])
    sdk.crm.contacts.basic_api.purge({"objectId": "gone@example.com", "idProperty": "email"}, **T)
    assert (box.state()["contacts"], box.state()["archived"], box.state()["blocked"]) == ([], [], ["gone@example.com"])


def test_properties_are_listed_made_and_archived(sdk: Any) -> None:
    core = sdk.crm.properties.core_api
    stages = core.get_by_name("contacts", "lifecyclestage", **T)
    assert [o.value for o in stages.options][:3] == ["subscriber", "lead", "marketingqualifiedlead"]
    new = {"name": "our_key", "label": "Our key", "type": "string", "fieldType": "text", "groupName": "contactinformation",
           "hasUniqueValue": True}  # fmt: skip
    assert core.create("contacts", new, **T).has_unique_value
    assert "our_key" in {p.name for p in core.get_all("contacts", **T).results}
    core.update("contacts", "our_key", {"label": "Key"}, **T)
    assert core.get_by_name("contacts", "our_key", **T).label == "Key"
    core.archive("contacts", "our_key", **T)
    assert "our_key" not in {p.name for p in core.get_all("contacts", **T).results}
    assert {g.name for g in sdk.crm.properties.groups_api.get_all("contacts", **T).results} >= {"contactinformation"}


def test_the_lifecycle_is_a_pipeline(sdk: Any) -> None:
    found = sdk.crm.pipelines.pipelines_api.get_by_id("contacts", "contacts-lifecycle-pipeline", **T)
    assert [s.id for s in found.stages][-1] == "other"
    assert found.stages[-1].metadata == {"isClosed": "true", "state": "CLOSED"}


def test_owners_are_listed_and_found_by_address(sdk: Any) -> None:
    page = sdk.crm.owners.owners_api.get_page(email="olga.owner@example.com", limit=10, **T)
    assert [o.id for o in page.results] == ["401"]
    assert sdk.crm.owners.owners_api.get_by_id(402, **T).email == "piet.owner@example.com"


def test_account_information_is_asked_for_by_path(sdk: Any) -> None:
    details = sdk.api_request({"path": "/account-info/v3/details"}).json()
    assert (details["portalId"], details["timeZone"]) == (12345678, "US/Eastern")


def test_consent_is_read_and_written_in_version_three(box: Sandbox, sdk: Any) -> None:
    status = sdk.communication_preferences.status_api
    wanted = {"emailAddress": "ada@example.com", "subscriptionId": "99"}
    assert status.subscribe(wanted, **T).status == "SUBSCRIBED"
    assert status.unsubscribe(wanted, **T).status == "NOT_SUBSCRIBED"
    assert [s.status for s in status.get_email_status("ada@example.com", **T).subscription_statuses] == [
        "NOT_SUBSCRIBED"
    ]
    definitions = sdk.communication_preferences.definition_api.get_page(**T)
    assert [d.name for d in definitions.subscription_definitions] == ["Newsletter"]
    with pytest.raises(Exception, match="cannot be subscribed again"):
        status.subscribe(wanted, **T)


def test_custom_events_are_sent_and_read_back(box: Sandbox, sdk: Any) -> None:
    [id_] = box.seed([{"email": "ada@example.com"}])["ids"]
    event = {"eventName": "pe12345678_signed_up", "email": "ada@example.com", "uuid": "u-1", "properties": {"plan": "gold"},
             "occurredAt": "2026-11-20T10:00:00Z"}  # fmt: skip
    sdk.events.send.basic_api.send(event, **T)
    sdk.events.send.batch_api.send({"inputs": [event, {**event, "uuid": "u-2"}]}, **T)
    page = sdk.events.events_api.get_page(object_type="contact", object_id=int(id_), **T)
    assert [(e.id, e.event_type, e.properties) for e in page.results] == [
        ("u-1", "pe12345678_signed_up", {"plan": "gold"}), ("u-2", "pe12345678_signed_up", {"plan": "gold"})
    ]  # fmt: skip
    assert box.state()["events_refused"] == 1


def test_associations_are_made_and_read(box: Sandbox, sdk: Any) -> None:
    [id_] = box.seed([{"email": "ada@example.com"}])["ids"]
    sdk.crm.associations.v4.basic_api.create_default("contacts", id_, "companies", "77", **T)
    page = sdk.crm.associations.v4.basic_api.get_page("contacts", id_, "companies", **T)
    assert [(str(r.to_object_id), [t.type_id for t in r.association_types]) for r in page.results] == [("77", [279])]


def test_a_client_held_over_an_expiry_gets_the_error_that_says_so(box: Sandbox, sdk: Any) -> None:
    box.fault("expired_token")
    with pytest.raises(Exception, match="EXPIRED_AUTHENTICATION"):
        sdk.crm.contacts.basic_api.get_page(**T)
