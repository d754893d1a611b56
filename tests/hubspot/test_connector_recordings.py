"""Answers that were recorded against real accounts, put before the connector's own code by a local server."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from hubspot_kit import CONTACTS, new, onto, recording
from stagebridge.clock import ElasticClock
from stagebridge.connector import Conflict, Done, Entry, Rejected
from stagebridge.errors import AuthError
from stagebridge.mapping import Missing, load_mapping
from stagebridge_hubspot import HubSpot
from stub_http import Reply, Seen, Stub

READ = {
    "read-via-search/contacts-payload.json", "read-via-search/contacts-response.json", "metadata-contacts-external-pipelines.json",
    "metadata-contacts-properties-sampled.json", "custom/create/4-response-batch-create-properties.json",
    "custom/create/1-payload-create-property-group.json", "custom/create/2-response-create-property-group.json",
    "custom/create/3-payload-batch-create-properties.json", "post-auth/account-info.json",
    "batch/create/contacts/err-many-invalid-properties.json", "batch/create/contacts/err-partial-success.json",
    "batch/create/contacts/err-conflict.json", "batch/create/contacts/success.json", "metadata-err-schemas-scope.json",
}  # fmt: skip


def against(stub: Stub) -> HubSpot:
    return HubSpot(token="pat-x", base_url=stub.url, clock=ElasticClock())


def plain(email: str) -> Entry:
    return Entry(CONTACTS, {"properties": {"firstname": "x"}}, email=email)


def test_every_recording_is_read_by_a_test_of_this_file() -> None:
    recording("post-auth/account-info.json")
    folder = Path(os.environ.get("STAGEBRIDGE_RECORDINGS", "../shared/recordings")) / "hubspot"
    assert {str(p.relative_to(folder)) for p in folder.rglob("*.json")} == READ


def test_a_search_leads_to_the_records(stub: Stub) -> None:
    search = recording("read-via-search/contacts-response.json")
    stub.will(Reply(200, b'{"timeZone": "UTC"}'), Reply(200, search))
    with against(stub) as hs:
        pages = list(hs.read(CONTACTS, hs.clock.now()))
        hs.clock.sleep(600)
        [record, *_] = [r for p in hs.read(CONTACTS, pages[-1].cursor) for r in p.records]
        view = load_mapping("hubspot", facts={}, lenient=True).read(record.data)
    assert (record.id, record.modified_at is not None) == ("220006890315", True)
    assert view["email"].endswith("@yahoo.com")
    assert view["first_name"] is None
    theirs = orjson.loads(recording("read-via-search/contacts-payload.json"))
    ours = orjson.loads(next(s.body for s in stub.seen if s.path.endswith("/search")))
    assert theirs.keys() <= ours.keys()
    assert theirs["filterGroups"][0]["filters"][0].keys() == ours["filterGroups"][0]["filters"][0].keys()


def test_created_contacts_are_matched_although_no_trace_id_comes_back(stub: Stub) -> None:
    body = recording("batch/create/contacts/success.json")
    stub.will(Reply(201, body))
    results = {r["properties"]["email"]: r["id"] for r in orjson.loads(body)["results"]}
    batch = [plain(email.upper()) for email in reversed(results)]
    with against(stub) as hs:
        outcomes = hs.write(batch)
    assert [o.remote_id for o in outcomes if isinstance(o, Done)] == [results[e] for e in reversed(results)]
    assert all(o.record is not None and o.record.modified_at is not None for o in outcomes if isinstance(o, Done))


def test_a_partial_success_is_one_record_done_and_one_that_exists(stub: Stub) -> None:
    body = orjson.loads(recording("batch/create/contacts/err-partial-success.json"))
    # rows are named by the trace ids that their client had sent
    body["errors"][0]["context"]["objectWriteTraceId"] = ["row-0"]
    [result] = body["results"]
    stub.will(Reply(207, orjson.dumps(body)))
    with against(stub) as hs:
        outcomes = hs.write([plain("somebody@example.com"), plain(result["properties"]["email"])])
    assert isinstance(outcomes[0], Conflict)
    assert outcomes[0].existing_id == "171591000198"
    assert isinstance(outcomes[1], Done)
    assert outcomes[1].remote_id == result["id"]


def test_a_conflict_that_names_nobody_is_looked_up_by_address(stub: Stub) -> None:
    found = {"results": [{"id": "77", "properties": {"email": "ada@example.com"}}]}
    stub.will(Reply(409, recording("batch/create/contacts/err-conflict.json")), Reply(200, orjson.dumps(found)))
    with against(stub) as hs:
        [outcome] = hs.write([new("k-1", email="ada@example.com")])
    assert isinstance(outcome, Conflict)
    assert outcome.existing_id == "77"
    assert orjson.loads(stub.seen[1].body)["idProperty"] == "email"


def test_invalid_properties_are_all_named(stub: Stub) -> None:
    stub.will(Reply(400, recording("batch/create/contacts/err-many-invalid-properties.json")))
    with against(stub) as hs:
        [outcome] = hs.write([onto("1", first000name="x", last000name="y")])
    assert isinstance(outcome, Rejected)
    assert set(outcome.fields) == {"properties.first000name", "properties.last000name"}
    assert outcome.code == "SB-HUBSPOT-PROPERTY_DOESNT_EXIST"
    assert "a996e7d6-de07-46ef-bddc-897126eb8859" in outcome.message


def test_invalid_properties_that_are_only_in_the_message_are_named_too(stub: Stub) -> None:
    body = orjson.loads(recording("batch/create/contacts/err-many-invalid-properties.json"))
    del body["errors"]
    stub.will(Reply(400, orjson.dumps(body)))
    with against(stub) as hs:
        [outcome] = hs.write([onto("1", first000name="x", last000name="y")])
    assert isinstance(outcome, Rejected)
    assert set(outcome.fields) == {"properties.first000name", "properties.last000name"}


def test_properties_pipelines_and_account_become_facts(stub: Stub) -> None:
    answers = {
        "/crm/v3/properties/contacts": recording("metadata-contacts-properties-sampled.json"),
        "/crm/v3/pipelines/contacts/contacts-lifecycle-pipeline": orjson.dumps(
            orjson.loads(recording("metadata-contacts-external-pipelines.json"))["results"][0]
        ),
        "/account-info/v3/details": recording("post-auth/account-info.json"),
    }
    stub.decide = lambda seen: Reply(200, answers.get(seen.path.partition("?")[0], b'{"results": []}'))
    with against(stub) as hs:
        facts = hs.discover().facts
        health = hs.check()
    assert facts["stages"] == [
        "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other",
    ]  # fmt: skip
    assert facts["fields"]["contacts"]["Street Address"] == "address"
    assert health.account == "portal 12345678 (STANDARD, US/Eastern)"


def test_a_missing_scope_is_read_from_the_answer(stub: Stub) -> None:
    stub.will(Reply(403, recording("metadata-err-schemas-scope.json")))
    with against(stub) as hs, pytest.raises(AuthError, match="custom-object-read"):
        hs.fetch(CONTACTS, ["1"])


def test_creating_properties_sends_and_reads_what_the_real_call_does(stub: Stub) -> None:
    created = orjson.loads(recording("custom/create/4-response-batch-create-properties.json"))["results"]
    by_name = {p["name"]: p for p in created}

    def decide(seen: Seen) -> Reply:
        if seen.method == "POST" and seen.path.endswith("/groups"):
            return Reply(201, recording("custom/create/2-response-create-property-group.json"))
        if seen.method == "POST":
            return Reply(201, orjson.dumps(by_name[orjson.loads(seen.body)["name"]]))
        return Reply(200, b'{"results": []}')

    stub.decide = decide
    options = {"art": "art", "travel": "travel", "swimming": "swimming"}
    missing = [
        Missing(CONTACTS, "age__c", "Age", "number", "custom.age"),
        Missing(CONTACTS, "interests__c", "Interests", "enumeration", "custom.interests", options),
    ]
    with against(stub) as hs:
        assert len(hs.provision(missing, dry_run=False)) == 2
    bodies = [orjson.loads(s.body) for s in stub.seen if s.method == "POST"]
    theirs = orjson.loads(recording("custom/create/3-payload-batch-create-properties.json"))["inputs"]
    made = [b for b in bodies if "type" in b]
    required = {"name", "label", "type", "fieldType", "groupName"}
    assert [{k: b[k] for k in required - {"groupName"}} for b in made] == [
        {k: t[k] for k in required - {"groupName"}} for t in theirs
    ]
    group = orjson.loads(recording("custom/create/1-payload-create-property-group.json"))
    assert bodies[0].keys() == group.keys()
