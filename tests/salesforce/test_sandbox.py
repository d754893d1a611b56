"""The Salesforce stand-in behaves as the platform is documented to, and the official client works against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

from salesforce_sdk import connect
from stagebridge.clock import ElasticClock
from stagebridge.sandbox import Sandbox
from stagebridge.sandbox.kit import Platform


def person(n: int, **more: Any) -> dict[str, Any]:
    return {"LastName": f"Family{n}", "Email": f"p{n}@example.com", **more}


def collections(sf: Any, method: str, records: list[dict[str, Any]], path: str = "", **more: Any) -> Any:
    typed = [{"attributes": {"type": "Contact"}, **r} for r in records]
    return sf.restful(f"composite/sobjects{path}", method=method, json={"allOrNone": False, "records": typed, **more})


def first_error(error: SalesforceError) -> Any:
    content: Any = error.content  # typed as a number by the client
    return content[0]


def test_client_credentials_work_on_my_domain_only(box: Sandbox) -> None:
    assert connect(box).query("SELECT Id FROM Contact")["records"] == []
    with pytest.raises(SalesforceAuthenticationFailed):
        connect(box, domain="other.my")
    with pytest.raises(SalesforceAuthenticationFailed):
        connect(box, consumer_secret="wrong")


def test_an_expired_session_is_401_with_an_array_body(box: Sandbox) -> None:
    answer = requests.get(
        f"{box.url}/services/data/v66.0/limits", headers={"Authorization": "Bearer nobody"}, timeout=5
    )
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_a_retired_version_is_410(box: Sandbox) -> None:
    assert requests.get(f"{box.url}/services/data/v30.0/limits", timeout=5).status_code == 410


def test_ids_have_eighteen_characters_and_the_first_fifteen_find_the_record(box: Sandbox) -> None:
    id_ = box.seed({"Contact": [person(1)]})["ids"]["Contact"][0]
    assert (len(id_), id_[:3]) == (18, "003")
    assert connect(box).Contact.get(id_[:15])["Id"] == id_


def test_pages_of_a_query_have_any_length_and_the_last_one_says_done(box: Sandbox) -> None:
    box.seed({"Lead": [person(i, Company="C") for i in range(4500)]})
    sf = connect(box)
    first = sf.query("SELECT Id FROM Lead")
    assert first["totalSize"] == 4500
    assert len(first["records"]) < 2000
    assert len({r["Id"] for r in sf.query_all("SELECT Id FROM Lead")["records"]}) == 4500


def test_pages_of_a_query_are_one_route_and_counted_by_what_they_carry(clock: ElasticClock) -> None:
    with Sandbox("salesforce", clock=clock, switches={"page_rows": 300, "short_pages": False}) as box:
        box.seed({"Contact": [person(i) for i in range(700)]})
        assert len(connect(box).query_all("SELECT Id FROM Contact")["records"]) == 700
        seen = box.requests()
        assert seen["by_route"]["GET /query/{locator}"] == 2
        assert (seen["records"]["GET /query"], seen["records"]["GET /query/{locator}"]) == (300, 400)


def test_quotes_nulls_parents_and_dates_are_understood_in_soql(box: Sandbox) -> None:
    box.seed({"Contact": [{"LastName": "O'Brien", "Account": {"Name": "Engines"}}, {"LastName": "Back\\slash"}]})
    sf = connect(box)
    found = sf.query("SELECT LastName, Account.Name FROM Contact WHERE LastName = 'O\\'Brien' AND Email = null")[
        "records"
    ]
    assert [(r["LastName"], r["Account"]["Name"]) for r in found] == [("O'Brien", "Engines")]
    assert sf.query("SELECT count() FROM Contact WHERE SystemModstamp > 2020-01-01T00:00:00Z")["totalSize"] == 2
    assert sf.query("SELECT Id FROM Contact WHERE LastName LIKE 'Back%'")["totalSize"] == 1


@pytest.mark.parametrize(("soql", "code"), [
    ("SELECT Nope FROM Contact", "INVALID_FIELD"), ("SELECT Id FROM Nothing", "INVALID_TYPE"),
    ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY"), ("SELECT Id FROM Contact ORDER Id", "MALFORMED_QUERY"),
])  # fmt: skip
def test_a_wrong_query_is_refused_by_its_code(box: Sandbox, soql: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        connect(box).query(soql)
    assert first_error(caught.value)["errorCode"] == code


def test_collections_answer_200_in_order_with_a_status_code_per_row(box: Sandbox) -> None:
    id_ = box.seed({"Contact": [person(1)]})["ids"]["Contact"][0]
    rows = collections(
        connect(box),
        "PATCH",
        [{"Id": id_, "Title": "T"}, {"Id": id_, "Email": "no address"}, {"Id": "003000000000000AAA", "Title": "x"}],
    )
    assert [r["success"] for r in rows] == [True, False, False]
    assert [r["errors"][0]["statusCode"] for r in rows[1:]] == ["INVALID_EMAIL_ADDRESS", "NOT_FOUND"]
    assert box.state()["Contact"][0]["Title"] == "T"


def test_two_hundred_records_are_the_most_of_one_call(box: Sandbox) -> None:
    with pytest.raises(SalesforceMalformedRequest):
        collections(connect(box), "POST", [person(i) for i in range(201)])
    assert box.state()["Contact"] == []


def test_an_external_id_upserts_and_several_matches_are_300(box: Sandbox) -> None:
    sf = connect(box)
    path = "/Contact/stagebridge_id__c"
    rows = collections(sf, "PATCH", [person(1, stagebridge_id__c="k1"), person(2, stagebridge_id__c="K1")], path)
    assert (rows[0]["created"], rows[1]["errors"][0]["statusCode"]) == (True, "DUPLICATE_EXTERNAL_ID")
    assert collections(sf, "PATCH", [{"stagebridge_id__c": "K1", "Title": "T"}], path)[0]["created"] is False
    box.seed({"Contact": [person(7), person(7)]})
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Contact.upsert("Email/p7@example.com", {"Title": "x"})


def test_null_clears_and_a_field_left_out_stays(box: Sandbox) -> None:
    id_ = box.seed({"Contact": [person(1, Title="T", Phone="1")]})["ids"]["Contact"][0]
    connect(box).Contact.update(id_, {"Title": None})
    held = box.state()["Contact"][0]
    assert ("Title" in held, held["Phone"]) == (False, "1")


@pytest.mark.parametrize(("values", "code"), [
    ({"Email": "x@example.com"}, "REQUIRED_FIELD_MISSING"), ({"LastName": "x" * 81}, "STRING_TOO_LONG"),
    ({"LastName": "x", "Lifecycle_Stage__c": "nonsense"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
    ({"LastName": "x", "SystemModstamp": "2026-01-01"}, "INVALID_FIELD_FOR_INSERT_UPDATE"), ({"LastName": "x", "Nope": 1}, "INVALID_FIELD"),
])  # fmt: skip
def test_what_a_record_may_not_hold_is_refused_by_its_code(box: Sandbox, values: dict[str, Any], code: str) -> None:
    assert collections(connect(box), "POST", [values])[0]["errors"][0]["statusCode"] == code
    assert box.state()["Contact"] == []


def test_an_inactive_owner_fails_the_row(box: Sandbox) -> None:
    user = box.seed({"User": [{"Name": "Gone", "Email": "gone@example.com", "IsActive": False}]})["ids"]["User"][0]
    row = collections(connect(box), "POST", [person(1, OwnerId=user)])[0]
    assert (row["errors"][0]["statusCode"], row["errors"][0]["fields"]) == ("INACTIVE_OWNER_OR_USER", ["OwnerId"])


def test_a_deleted_record_is_seen_by_query_all_only(box: Sandbox) -> None:
    id_ = box.seed({"Contact": [person(1)]})["ids"]["Contact"][0]
    sf = connect(box)
    sf.Contact.delete(id_)
    assert sf.query("SELECT Id FROM Contact")["records"] == []
    assert sf.query("SELECT Id, IsDeleted FROM Contact", include_deleted=True)["records"][0]["IsDeleted"] is True
    with pytest.raises(SalesforceResourceNotFound) as caught:
        sf.Contact.update(id_, {"Title": "x"})
    assert first_error(caught.value)["errorCode"] == "ENTITY_IS_DELETED"


def test_a_merge_leaves_the_loser_with_its_master(box: Sandbox) -> None:
    one, two = box.seed({"Contact": [person(1), person(2, Title="T")]})["ids"]["Contact"]
    box.seed({"merge": ["Contact", one, two]})
    loser = connect(box).query(f"SELECT MasterRecordId FROM Contact WHERE Id = '{two}'", include_deleted=True)[
        "records"
    ][0]
    assert loser["MasterRecordId"] == one
    assert [c["Title"] for c in box.state()["Contact"]] == ["T"]


def test_a_converted_lead_is_read_only_and_names_its_contact(box: Sandbox) -> None:
    lead = box.seed({"Lead": [person(1, Company="C", stagebridge_id__c="k1")]})["ids"]["Lead"][0]
    contact = box.seed({"convert": [lead]})["ids"]["Contact"][0]
    sf = connect(box)
    assert sf.Lead.get(lead)["ConvertedContactId"] == contact
    assert box.state()["Contact"][0]["stagebridge_id__c"] == "k1"
    with pytest.raises(SalesforceMalformedRequest):
        sf.Lead.update(lead, {"Title": "x"})


def test_a_row_that_commits_late_shows_behind_its_own_stamp(box: Sandbox, clock: ElasticClock) -> None:
    box.fault("late_commit", seconds=30, times=None)
    sf = connect(box)
    sf.Contact.create(person(1))
    assert sf.query("SELECT Id FROM Contact")["records"] == []
    clock.sleep(31)
    assert len(sf.query("SELECT Id FROM Contact")["records"]) == 1


def test_a_duplicate_rule_names_the_match(clock: ElasticClock) -> None:
    with Sandbox("salesforce", clock=clock, switches={"duplicate_rule": True}) as box:
        id_ = box.seed({"Contact": [person(1)]})["ids"]["Contact"][0]
        error = collections(connect(box), "POST", [person(1)])[0]["errors"][0]
        assert error["statusCode"] == "DUPLICATES_DETECTED"
        assert error["duplicateResult"]["matchResults"][0]["matchRecords"][0]["record"]["Id"] == id_


def test_a_bulk_job_goes_through_its_states_clears_by_na_and_lists_what_failed(box: Sandbox) -> None:
    box.seed({"Contact": [person(1, Title="T", stagebridge_id__c="k1")]})
    sf = connect(box)
    rows = 'stagebridge_id__c,LastName,Title,MailingStreet\nk1,,#N/A,"two\nlines"\nk2,Šárka,,\nk3,,,\n'
    job = sf.restful(
        "jobs/ingest",
        method="POST",
        json={
            "object": "Contact",
            "operation": "upsert",
            "externalIdFieldName": "stagebridge_id__c",
            "contentType": "CSV",
            "lineEnding": "LF",
        },
    )
    headers = {"Authorization": f"Bearer {sf.session_id}", "Content-Type": "text/csv"}
    put = requests.put(f"{box.url}/{job['contentUrl']}", data=rows.encode(), headers=headers, timeout=5)
    assert put.status_code == 201
    sf.restful(f"jobs/ingest/{job['id']}", method="PATCH", json={"state": "UploadComplete"})
    states = [sf.restful(f"jobs/ingest/{job['id']}")["state"] for _ in range(3)]
    assert states == ["InProgress", "JobComplete", "JobComplete"]
    failed = requests.get(
        f"{box.url}/services/data/v66.0/jobs/ingest/{job['id']}/failedResults", headers=headers, timeout=5
    ).text
    assert "REQUIRED_FIELD_MISSING" in failed
    held = {c["stagebridge_id__c"]: c for c in box.state()["Contact"]}
    assert ("Title" in held["k1"], held["k1"]["MailingStreet"], held["k2"]["LastName"]) == (
        False,
        "two\nlines",
        "Šárka",
    )


def test_limits_are_counted_and_said_in_every_answer(clock: ElasticClock) -> None:
    with Sandbox("salesforce", clock=clock, switches={"daily_requests": 3}) as box:
        sf = connect(box)
        for _ in range(3):
            sf.query("SELECT Id FROM Contact")
        answer = requests.get(
            f"{box.url}/services/data/v66.0/limits", headers={"Authorization": f"Bearer {sf.session_id}"}, timeout=5
        )
        assert (answer.status_code, answer.json()[0]["message"]) == (403, "TotalRequests Limit exceeded.")


def test_an_unknown_switch_or_fault_is_named_with_the_nearest(clock: ElasticClock, box: Sandbox) -> None:
    with pytest.raises(Exception, match="duplicate_rule"):
        Sandbox("salesforce", clock=clock, switches={"duplicate_rul": True})
    with pytest.raises(Exception, match="lock_row"):
        box.fault("lock_rows")


# --- recorded answers of the real platform --------------------------------------------------------------------


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def test_answers_have_the_recorded_shapes(box: Sandbox, recordings: Path) -> None:
    sf = connect(box)

    def recorded(name: str) -> Any:
        return json.loads((recordings / name).read_text("utf-8"))

    assert set(sf.Contact.create(person(1))) == set(recorded("create-ok.json"))
    payload = recorded("batch/create/contacts/payload.json")
    assert shape(sf.restful("composite/sobjects", method="POST", json=payload)) == shape(
        recorded("batch/create/contacts/success.json")
    )
    rolled = sf.restful("composite/sobjects", method="POST", json={"allOrNone": True, "records": [
        {"attributes": {"type": "Contact"}}, {"attributes": {"type": "Contact"}, "LastName": "x"}]})  # fmt: skip
    assert rolled == recorded("batch/create/contacts/partial-but-allOrNone.json")
    with pytest.raises(SalesforceMalformedRequest) as caught:
        sf.restful("composite/sobjects", method="POST", json={"records": []})
    assert caught.value.content == recorded("batch/create/contacts/err-bad-request.json")
    job = sf.restful(
        "jobs/ingest",
        method="POST",
        json={"object": "Contact", "operation": "upsert", "externalIdFieldName": "stagebridge_id__c"},
    )
    assert set(job) == set(recorded("bulk/write/launch-job-opportunity.json"))
    assert set(sf.restful(f"jobs/ingest/{job['id']}")) == set(recorded("bulk/info/success.json"))
    described = recorded("metadata/read/accounts-sampled.json")["compositeResponse"][0]["body"]["fields"][0]
    assert set(sf.Account.describe()["fields"][0]) <= set(described)


def test_the_stand_in_is_a_platform_of_the_kit(box: Sandbox) -> None:
    assert isinstance(box.platform, Platform)
