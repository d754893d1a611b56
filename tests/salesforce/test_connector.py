"""The Salesforce connector against its stand-in: what it reads, and what the organisation holds after it wrote."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from salesforce_kit import connector, person
from salesforce_sdk import connect
from stagebridge.clock import ElasticClock
from stagebridge.connector import Conflict, Done, Entry, Gone, Rejected, Retry, Unknown
from stagebridge.errors import AuthError, BudgetExhausted, ConfigError, PlatformDown, StagebridgeError
from stagebridge.sandbox import Sandbox
from stagebridge_salesforce import Salesforce
from stagebridge_salesforce.answers import row_outcome, usage


def everything(sf: Salesforce, object: str, since: Any = None) -> tuple[list[Any], Any]:
    records: list[Any] = []
    cursor = since
    for page in sf.read(object, since):
        records += page.records
        cursor = page.cursor
    return records, cursor


def update(sf: Salesforce, id_: str, values: dict[str, Any], object: str = "Contact") -> Entry:
    record = sf.fetch(object, [id_])[id_]
    assert sf.mapping is not None
    return Entry(object, dict(sf.mapping.write(values, onto=record.data, object=object)), id_, record.data, "k")


def create(sf: Salesforce, key: str, values: dict[str, Any]) -> Entry:
    assert sf.mapping is not None
    return Entry("Contact", dict(sf.mapping.write(values)), key=key, email=values.get("email"), context=values)


def test_a_full_read_brings_everybody_and_the_next_one_only_the_overlap(
    box: Sandbox, sf: Salesforce, clock: ElasticClock
) -> None:
    box.seed({"Lead": [person(i, Company="C") for i in range(4100)]})
    clock.sleep(3600)
    records, cursor = everything(sf, "Lead")
    assert len({r.id for r in records}) == 4100
    clock.sleep(3600)
    ids = box.seed({"Lead": [person(9999, Company="C")]})["ids"]["Lead"]
    assert [r.id for r in everything(sf, "Lead", cursor)[0]] == ids


def test_a_row_that_was_committed_late_is_still_found(box: Sandbox, sf: Salesforce, clock: ElasticClock) -> None:
    box.fault("late_commit", seconds=240, times=None)
    connect(box).Contact.create(person(1))
    clock.sleep(60)
    records, cursor = everything(sf, "Contact")
    assert records == []
    clock.sleep(300)
    assert len(everything(sf, "Contact", cursor)[0]) == 1


def test_a_read_goes_on_after_any_page_also_when_its_locator_is_gone(box: Sandbox, sf: Salesforce) -> None:
    box.seed({"Lead": [person(i, Company="C") for i in range(4100)]})
    pages = sf.read("Lead")
    first = next(pages)
    assert len(first.records) == 500  # an answer has 2,000: too many to merge at once
    rest, _ = everything(sf, "Lead", json.loads(json.dumps(first.cursor)))
    assert len({r.id for r in (*first.records, *rest)}) == 4100
    box.fault("bad_locator", path="*query/*", times=1)
    assert len({r.id for r in everything(sf, "Lead")[0]}) == 4100


def test_deleted_merged_and_converted_records_say_what_became_of_them(box: Sandbox, sf: Salesforce) -> None:
    one, two, three = box.seed({"Contact": [person(1), person(2), person(3)]})["ids"]["Contact"]
    lead = box.seed({"Lead": [person(4, Company="C")]})["ids"]["Lead"][0]
    box.seed({"merge": ["Contact", one, two], "delete": [three]})
    contact = box.seed({"convert": [lead]})["ids"]["Contact"][0]
    found = {r.id: r for r in everything(sf, "Contact")[0]}
    assert (found[two].deleted, found[two].merged_into) == (True, one)
    assert (found[three].deleted, found[three].merged_into) == (True, None)
    converted = everything(sf, "Lead")[0][0]
    assert (converted.deleted, converted.merged_into) == (True, f"Contact:{contact}")
    assert sf.fetch("Contact", [two])[two].id == one


def test_a_hidden_field_is_never_asked_for_and_never_reads_as_cleared(clock: ElasticClock) -> None:
    with Sandbox("salesforce", clock=clock, switches={"hidden_fields": ["Phone"]}) as box:
        box.seed({"Contact": [person(1, Phone="1")]})
        sf = connector(box, clock)
        record = everything(sf, "Contact")[0][0]
        assert "Phone" not in record.data
        assert sf.mapping is not None
        assert "phone" not in sf.mapping.read(record.data)


def test_find_quotes_what_people_are_called(box: Sandbox, sf: Salesforce) -> None:
    box.seed({"Contact": [{"LastName": "X", "Email": "o'brien@example.com"}, *[person(i) for i in range(300)]]})
    assert len(sf.find("Contact", "email", ["o'brien@example.com"])) == 1
    assert len(sf.find("Contact", "email", [f"p{i}@example.com" for i in range(300)])) == 300


def test_updates_go_by_id_and_every_row_has_its_own_outcome(box: Sandbox, sf: Salesforce) -> None:
    one, two, gone = box.seed({"Contact": [person(1), person(2), person(3)]})["ids"]["Contact"]
    entries = [
        update(sf, one, {"job_title": "T"}),
        update(sf, two, {"email": "new@example.com"}),
        update(sf, gone, {"job_title": "x"}),
    ]
    entries[1] = Entry("Contact", {"Email": "no address"}, two, entries[1].base)
    box.seed({"delete": [gone]})
    outcomes = sf.write(entries)
    assert outcomes[0] == Done(one)
    assert isinstance(outcomes[1], Rejected)
    assert outcomes[1].fields == ("Email",)
    assert isinstance(outcomes[2], Gone)
    assert box.state()["Contact"][0]["Title"] == "T"


def test_no_value_of_a_person_is_in_a_rejection(box: Sandbox, sf: Salesforce) -> None:
    id_ = box.seed({"Contact": [person(1)]})["ids"]["Contact"][0]
    outcome = sf.write([Entry("Contact", {"Email": "secret person"}, id_, {})])[0]
    assert isinstance(outcome, Rejected)
    assert "secret" not in outcome.message


def test_creates_are_upserts_under_our_key_so_repeating_them_doubles_nobody(box: Sandbox, sf: Salesforce) -> None:
    box.seed({"Account": [{"Name": "Engines"}]})
    entries = [
        create(sf, f"k{i}", {"email": f"p{i}@example.com", "last_name": "L", "company": "ENGINES"}) for i in range(3)
    ]
    first, second = sf.write(entries), sf.write(entries)
    assert [type(o) for o in (*first, *second)] == [Done] * 6
    assert {c["stagebridge_id__c"] for c in box.state()["Contact"]} == {"k0", "k1", "k2"}
    assert {c["Account.Name"] for c in box.state()["Contact"]} == {"Engines"}


@pytest.mark.parametrize("rule", ["lead", "skip", "placeholder"])
def test_a_company_without_an_account_follows_the_account_rule(box: Sandbox, clock: ElasticClock, rule: str) -> None:
    account = box.seed({"Account": [{"Name": "Everybody"}]})["ids"]["Account"][0]
    sf = connector(box, clock, account={"on_missing": account if rule == "placeholder" else rule})
    outcome = sf.write([create(sf, "k1", {"email": "p@example.com", "last_name": "L", "company": "Unknown"})])[0]
    state = box.state()
    if rule == "lead":
        assert isinstance(outcome, Done)
        assert outcome.object == "Lead"
        assert [(x["Company"], x["stagebridge_id__c"]) for x in state["Lead"]] == [("Unknown", "k1")]
    elif rule == "skip":
        assert isinstance(outcome, Rejected)
        assert outcome.code == "SB-SALESFORCE-NO-ACCOUNT"
        assert state["Contact"] == state["Lead"] == []
    else:
        assert [c["Account.Name"] for c in state["Contact"]] == ["Everybody"]


def test_an_inactive_owner_drops_the_field_and_not_the_record(box: Sandbox, sf: Salesforce) -> None:
    user = box.seed({"User": [{"Name": "Gone", "Email": "gone@example.com", "IsActive": False}]})["ids"]["User"][0]
    id_ = box.seed({"Contact": [person(1)]})["ids"]["Contact"][0]
    outcome = sf.write([Entry("Contact", {"Title": "T", "OwnerId": user}, id_, {})])[0]
    assert isinstance(outcome, Done)
    assert [r.field for r in outcome.refused] == ["OwnerId"]
    assert box.state()["Contact"][0]["Title"] == "T"


def test_a_duplicate_rule_leads_to_the_record_that_is_there(clock: ElasticClock) -> None:
    with Sandbox("salesforce", clock=clock, switches={"duplicate_rule": True}) as box:
        account = box.seed({"Account": [{"Name": "E"}]})["ids"]["Account"][0]
        id_ = box.seed({"Contact": [person(1)]})["ids"]["Contact"][0]
        sf = connector(box, clock, account={"on_missing": account})
        assert sf.write([create(sf, "k", {"email": "p1@example.com", "last_name": "L"})]) == [
            Conflict(id_, "a duplicate rule of the organisation found this person")
        ]


def test_a_locked_row_is_tried_again_later_and_not_a_dead_letter(box: Sandbox, sf: Salesforce) -> None:
    id_ = box.seed({"Contact": [person(1)]})["ids"]["Contact"][0]
    box.fault("lock_row", path="*composite/sobjects*", times=1)
    outcome = sf.write([Entry("Contact", {"Title": "T"}, id_, {})])[0]
    assert isinstance(outcome, Retry)
    assert 1 <= outcome.after <= 5


@pytest.mark.parametrize("kind", ["timeout_after", "html_502", "reset_mid_body"])
def test_a_write_without_an_answer_is_unknown_for_every_row(box: Sandbox, sf: Salesforce, kind: str) -> None:
    ids = box.seed({"Contact": [person(1), person(2)]})["ids"]["Contact"]
    box.fault(kind, method="PATCH", path="*composite/sobjects*", times=1)
    outcomes = sf.write([Entry("Contact", {"Title": "T"}, i, {}) for i in ids])
    assert all(isinstance(o, Unknown) for o in outcomes)


def test_an_expired_session_logs_in_once_for_the_request(box: Sandbox, sf: Salesforce) -> None:
    box.forget_requests()
    box.fault("expired_token", path="*queryAll*", times=1)
    everything(sf, "Contact")
    assert box.requests()["by_route"]["POST token"] == 1


def test_a_session_that_is_never_accepted_ends_in_one_login_and_a_sentence(box: Sandbox, sf: Salesforce) -> None:
    box.forget_requests()
    box.fault("expired_token", path="*queryAll*", times=None)
    with pytest.raises(AuthError, match="even after a new login"):
        everything(sf, "Contact")
    assert box.requests()["by_route"]["POST token"] == 1


def test_the_two_kinds_of_limit_are_told_apart(box: Sandbox, sf: Salesforce) -> None:
    box.fault("concurrent_limit", path="*queryAll*", times=2)
    assert everything(sf, "Contact")[0] == []
    box.fault("daily_limit", path="*queryAll*", times=1)
    with pytest.raises(BudgetExhausted):
        everything(sf, "Contact")


def test_a_share_of_the_daily_requests_is_never_exceeded_whoever_else_uses_them(clock: ElasticClock) -> None:
    with Sandbox("salesforce", clock=clock, switches={"daily_requests": 40}) as box:
        sf = connector(box, clock, budget=0.5)
        others = connect(box)
        for _ in range(12):
            others.query("SELECT Id FROM Contact")
        while box.state()["requests_today"] < 20:
            sf.fetch("Contact", ["003000000000001AAA"])
        with pytest.raises(BudgetExhausted, match="our share") as caught:
            sf.fetch("Contact", ["003000000000001AAA"])
        assert caught.value.exit_code == 75
        assert box.state()["requests_today"] == 20
        others.query("SELECT Id FROM Contact")  # and the others still have theirs


@pytest.mark.parametrize(("header", "found"), [
    ("api-usage=10018/100000", (10018, 100000)),
    ("per-app-api-usage=17/250(appName=sample), api-bursts=1/750, api-usage=5/20", (5, 20)),
    ("api-bursts=1/750", None), ("", None),
])  # fmt: skip
def test_the_usage_is_found_whatever_else_the_header_says(header: str, found: tuple[int, int] | None) -> None:
    assert usage(header) == found


def test_wrong_credentials_and_a_wrong_domain_are_an_auth_error_without_the_secret(
    box: Sandbox, clock: ElasticClock
) -> None:
    for wrong in ({"client_secret": "hunter2"}, {"domain": "other.my"}):
        with pytest.raises(AuthError) as caught:
            connector(box, clock, **wrong)
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("kind", ["html_502", "reset_mid_body"])
def test_a_login_that_gets_no_usable_answer_is_a_platform_that_is_down_and_not_a_wrong_secret(
    box: Sandbox, clock: ElasticClock, kind: str
) -> None:
    box.fault(kind, path="*token", times=None)
    with pytest.raises(PlatformDown):
        connector(box, clock)
    box.heal()
    assert connector(box, clock).check().problems == ()


def test_what_the_sdk_raises_comes_out_as_an_error_of_ours(box: Sandbox, sf: Salesforce) -> None:
    box.fault("status", status=400, path="*limits*", times=None)
    with pytest.raises(StagebridgeError, match="limits") as told:
        sf.check()
    assert told.value.code == "SB-SALESFORCE-REQUEST"


def test_a_login_needs_one_complete_way_in() -> None:
    with pytest.raises(ValueError, match="give domain, client_id and client_secret"):
        Salesforce(domain="acme.my")


@pytest.mark.parametrize("domain", [None, "acme.my", "acme--dev.sandbox.my"])
def test_a_signed_jwt_logs_in_for_an_audience_that_salesforce_knows(
    box: Sandbox, clock: ElasticClock, domain: str | None
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sf = Salesforce(base_url=box.url, clock=clock, domain=domain, client_id="sandbox-id", username="ada@example.com",
                    private_key=pem)  # fmt: skip
    assert sf.check().limits["daily"] == 100_000
    with pytest.raises(AuthError, match="refused the login"):
        Salesforce(
            base_url=box.url, clock=clock, client_id="another", username="ada@example.com", private_key=pem
        ).check()


def test_an_sdk_session_that_the_caller_has_is_used(box: Sandbox, clock: ElasticClock) -> None:
    theirs = connect(box)
    sf = Salesforce.from_client(theirs, base_url=box.url, clock=clock)
    assert sf.check().limits["daily"] == 100_000
    assert sf.sdk is theirs


def test_check_names_what_is_missing_and_the_files_to_deploy_hold_it(clock: ElasticClock) -> None:
    with Sandbox("salesforce", clock=clock, switches={"deployed": False}) as box:
        sf = connector(box, clock)
        assert sf.mapping is not None
        problems = sf.check().problems
        assert any("external_id" in p for p in problems)
        files = sf.deployable(sf.mapping.missing())
        names = {Path(n).name for n in files}
        assert {
            "stagebridge_id__c.field-meta.xml",
            "Lifecycle_Stage__c.field-meta.xml",
            "stagebridge.permissionset-meta.xml",
        } <= names
        key = next(t for n, t in files.items() if "Contact/fields/stagebridge_id__c" in n)
        assert "<externalId>true</externalId>" in key
        assert "<unique>true</unique>" in key


def test_an_erased_person_leaves_an_empty_record_in_the_bin_only(box: Sandbox, sf: Salesforce) -> None:
    id_ = box.seed({"Contact": [person(1, Phone="123", HasOptedOutOfEmail=True)]})["ids"]["Contact"][0]
    assert isinstance(sf.erase("Contact", id_, "p1@example.com"), Done)
    row = connect(box).query(f"SELECT LastName, Email, Phone FROM Contact WHERE Id = '{id_}'", include_deleted=True)[
        "records"
    ][0]
    assert (row["LastName"], row["Email"], row["Phone"]) == ("erased", None, None)


def test_more_than_a_batch_and_an_unknown_object_are_refused_with_a_sentence(sf: Salesforce) -> None:
    with pytest.raises(ConfigError, match="at most 200"):
        sf.write([Entry("Contact", {}, "003")] * 201)
    with pytest.raises(ConfigError, match="no object 'Opportunity'"):
        sf.fetch("Opportunity", ["006"])


def test_covered_is_on_our_clock_and_behind_the_lag(box: Sandbox, sf: Salesforce, clock: ElasticClock) -> None:
    before = clock.now()
    last = list(sf.read("Contact"))[-1]
    assert last.covered is not None
    assert before - timedelta(seconds=15) < last.covered < before - timedelta(seconds=9)


def test_recorded_errors_are_understood(recordings: Path) -> None:
    rolled = json.loads((recordings / "batch/create/contacts/partial-but-allOrNone.json").read_text("utf-8"))
    first = row_outcome(rolled[0]["errors"])
    assert isinstance(first, Rejected)
    assert first.fields == ("LastName",)
    gone = json.loads((recordings / "crm/delete/not-found.json").read_text("utf-8"))
    assert isinstance(row_outcome(gone), Gone)
    refused = row_outcome(json.loads((recordings / "invalid-field-upsert.json").read_text("utf-8")))
    assert isinstance(refused, Rejected)
    assert refused.fields == ("MasterRecordId",)
    with (recordings / "bulk/info/partial-failure.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert row["sf__Error"].split(":")[0] == "INVALID_FIELD"


def test_a_bulk_load_matches_its_shuffled_rows_and_survives_a_503_while_it_waits(
    box: Sandbox, clock: ElasticClock
) -> None:
    account = box.seed({"Account": [{"Name": "Everybody"}]})["ids"]["Account"][0]
    sf = connector(box, clock, account={"on_missing": account})
    entries = [
        create(sf, f"k{i}", {"email": f"p{i}@example.com", "last_name": f'Šárka, "{i}"\nNovák'}) for i in range(300)
    ]
    entries[7] = Entry("Contact", {**entries[7].payload, "Email": "no address"}, key="k7", context=entries[7].context)
    box.fault("status", method="GET", path="*jobs/ingest/*", script=["503", "ok", "503"])
    outcomes = sf.load(entries)
    refused = outcomes.pop(7)
    assert isinstance(refused, Rejected)
    assert refused.fields == ("Email",)
    assert all(isinstance(o, Done) for o in outcomes)
    held = {c["Id"]: c for c in box.state()["Contact"]}
    assert len(held) == 299
    for entry, outcome in zip([e for i, e in enumerate(entries) if i != 7], outcomes, strict=True):
        assert isinstance(outcome, Done)
        assert held[outcome.remote_id]["stagebridge_id__c"] == entry.key
        assert held[outcome.remote_id]["LastName"] == entry.context["last_name"]
    assert set(box.state()["jobs"].values()) == {"JobComplete"}
