"""What stands around the stand-in's contacts: consent, custom events, webhooks, properties, associations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hubspot.utils.signature import Signature

from hubspot_sdk import CONTACTS, Http
from stagebridge.sandbox import Sandbox
from stagebridge_hubspot.sandbox.hooks import old_signature, signature

CONSENT = "/communication-preferences/2026-03"
PROPERTIES = "/crm/properties/2026-03/contacts"
WATCHED = [
    "contact.creation",
    "contact.deletion",
    "contact.merge",
    "contact.privacyDeletion",
    "contact.propertyChange:city",
]
URL = "https://hooks.example.com/in?from=hubspot"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("hubspot", switches={"index_lag": 0, "subscriptions": WATCHED}) as made:
        yield made


@pytest.fixture
def http(box: Sandbox) -> Iterator[Http]:
    with Http(box) as made:
        yield made


# --- consent -------------------------------------------------------------------------------------------------------


def say(http: Http, email: str, state: str, **more: Any) -> tuple[int, Any]:
    basis = {"legalBasis": "CONSENT_WITH_NOTICE"} if state == "SUBSCRIBED" else {}
    body = {"channel": "EMAIL", "statusState": state, "subscriptionId": 99, **basis, **more}
    return http.post(f"{CONSENT}/statuses/{email}", body)


def status(http: Http, email: str) -> dict[str, Any]:
    [found] = http.get(f"{CONSENT}/statuses/{email}", channel="EMAIL")["results"]
    return dict(found)


def test_consent_is_per_address_and_subscription_and_knows_its_time(box: Sandbox, http: Http) -> None:
    assert (status(http, "a@example.com")["status"], status(http, "a@example.com")["timestamp"]) == (
        "NOT_SPECIFIED",
        None,
    )
    _, changed = say(http, "A@example.com", "SUBSCRIBED")
    assert changed["setStatusSuccessReason"] == "REQUESTED_CHANGE_OCCURRED"
    now = status(http, "a@example.com")
    assert (now["status"], now["subscriptionId"], now["legalBasis"]) == ("SUBSCRIBED", 99, "CONSENT_WITH_NOTICE")
    box.clock(advance=60)
    assert say(http, "a@example.com", "SUBSCRIBED")[1]["setStatusSuccessReason"] == "NO_STATUS_CHANGE"
    assert status(http, "a@example.com")["timestamp"] == now["timestamp"]


def test_somebody_may_come_back_where_the_version_allows_it(http: Http) -> None:
    say(http, "a@example.com", "UNSUBSCRIBED")
    assert say(http, "a@example.com", "SUBSCRIBED")[1]["setStatusSuccessReason"] == "RESUBSCRIBE_OCCURRED"


def test_somebody_may_not_come_back_where_it_does_not() -> None:
    with Sandbox("hubspot", switches={"resubscribe": False}) as box, Http(box) as http:
        say(http, "a@example.com", "UNSUBSCRIBED")
        assert say(http, "a@example.com", "SUBSCRIBED")[0] == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"legalBasis": None},
        {"legalBasis": "BECAUSE"},
        {"channel": "SMS"},
        {"subscriptionId": 5},
        {"statusState": "YES"},
    ],
)
def test_a_status_that_makes_no_sense_is_refused(http: Http, wrong: dict[str, Any]) -> None:
    assert say(http, "a@example.com", "SUBSCRIBED", **wrong)[0] == 400
    assert status(http, "a@example.com")["status"] == "NOT_SPECIFIED"


def test_batches_of_consent_fail_row_by_row(http: Http) -> None:
    row = {"channel": "EMAIL", "statusState": "UNSUBSCRIBED", "subscriptionId": 99}
    rows = [
        {**row, "subscriberIdString": "a@example.com"},
        {**row, "subscriberIdString": "b@example.com", "subscriptionId": 1},
    ]
    code, body = http.post(f"{CONSENT}/statuses/batch/write", {"inputs": rows})
    assert (code, [r["subscriberIdString"] for r in body["results"]], body["numErrors"]) == (207, ["a@example.com"], 1)
    asked = {"inputs": ["a@example.com", "b@example.com"]}
    read = http.post(f"{CONSENT}/statuses/batch/read", asked, channel="EMAIL")[1]["results"]
    states = {r["subscriberIdString"]: r["status"] for r in read}
    assert states == {"a@example.com": "UNSUBSCRIBED", "b@example.com": "NOT_SPECIFIED"}


def test_the_channel_must_be_said(http: Http) -> None:
    assert http.send("GET", f"{CONSENT}/statuses/a@example.com").status_code == 400


def test_an_opt_out_of_everything_is_final_and_shows_on_the_contact(box: Sandbox, http: Http) -> None:
    id_ = http.create(email="a@example.com")["id"]
    say(http, "a@example.com", "SUBSCRIBED")
    assert http.post(f"{CONSENT}/statuses/a@example.com/unsubscribe-all", channel="EMAIL")[0] == 200
    assert status(http, "a@example.com")["status"] == "UNSUBSCRIBED"
    assert http.one(id_, "hs_email_optout")["hs_email_optout"] == "true"
    assert say(http, "a@example.com", "SUBSCRIBED")[0] == 400
    [wide] = http.get(f"{CONSENT}/statuses/a@example.com/unsubscribe-all", channel="EMAIL")["results"]
    assert (wide["wideStatusType"], wide["status"]) == ("PORTAL_WIDE", "UNSUBSCRIBED")
    assert box.state()["unsubscribed_from_all"] == ["a@example.com"]


def test_consent_is_seeded_per_subscription(box: Sandbox, http: Http) -> None:
    box.seed(
        {"subscriptions": {"7": "Events"}, "statuses": {"a@example.com": {"7": "SUBSCRIBED", "99": "UNSUBSCRIBED"}}}
    )
    box.seed([{"email": "b@example.com", "hs_email_optout": "true"}])
    found = http.get(f"{CONSENT}/statuses/a@example.com", channel="EMAIL")["results"]
    assert {r["subscriptionName"]: r["status"] for r in found} == {"Events": "SUBSCRIBED", "Newsletter": "UNSUBSCRIBED"}
    assert {d["id"] for d in http.get(f"{CONSENT}/definitions")["results"]} == {"7", "99"}
    assert box.state()["unsubscribed_from_all"] == ["b@example.com"]


# --- custom events -------------------------------------------------------------------------------------------------


def event(uuid: str, **more: Any) -> dict[str, Any]:
    return {
        "eventName": "pe12345678_won",
        "email": "a@example.com",
        "uuid": uuid,
        "occurredAt": "2026-11-20T10:00:00Z",
        **more,
    }


@pytest.mark.parametrize("path", ["/events/v3/send", "/events/2026-03/send", "/events/custom/2026-09/send"])
def test_an_event_is_taken_once_by_its_uuid_for_a_year(box: Sandbox, http: Http, path: str) -> None:
    [id_] = box.seed([{"email": "a@example.com"}])["ids"]
    answers = [
        http.send("POST", path, event("u-1")),
        http.send("POST", f"{path}/batch", {"inputs": [event("u-1"), event("u-2")]}),
    ]
    assert [(a.status_code, a.content) for a in answers] == [(204, b""), (204, b"")]
    found = http.get("/events/event-occurrences/2026-03", objectType="contact", objectId=id_)["results"]
    assert ([e["id"] for e in found], box.state()["events_refused"]) == (["u-1", "u-2"], 1)
    box.clock(advance=366 * 86_400)
    http.send("POST", path, event("u-1"))
    assert box.state()["events_refused"] == 1


def test_occurrences_are_chosen_by_address_type_and_time(box: Sandbox, http: Http) -> None:
    box.seed([{"email": "a@example.com"}])
    for i, day in enumerate(("18", "19", "20")):
        http.send("POST", "/events/v3/send", event(f"u-{i}", occurredAt=f"2026-11-{day}T10:00:00Z"))
    path, by = "/events/v3/events", {"objectType": "contact", "objectProperty.email": "a@example.com"}
    assert [e["id"] for e in http.get(path, **by, occurredAfter="2026-11-19T00:00:00Z")["results"]] == ["u-1", "u-2"]
    assert http.get(path, **by, eventType="pe12345678_lost")["results"] == []
    assert http.get(path, **by, limit=1)["paging"]["next"]["after"] == "1"


@pytest.mark.parametrize(
    "wrong",
    [{"eventName": "won"}, {"eventName": "pe1_Won"}, {"email": None}, {"properties": {"p": "x" * 257}},
     {"properties": {f"p{i}": "x" for i in range(51)}}, {"occurredAt": "yesterday"}],
)  # fmt: skip
def test_one_event_that_makes_no_sense_refuses_its_whole_batch(box: Sandbox, http: Http, wrong: dict[str, Any]) -> None:
    answer = http.send("POST", "/events/v3/send/batch", {"inputs": [event("good"), event("bad", **wrong)]})
    assert answer.status_code == 400
    assert box.state()["events"] == []


def test_events_are_exempt_from_the_ten_seconds(http: Http) -> None:
    answers = [http.send("POST", "/events/v3/send", event(f"u-{i}")) for i in range(195)]
    assert {a.status_code for a in answers} == {204}


# --- webhooks ------------------------------------------------------------------------------------------------------


def events(box: Sandbox) -> list[dict[str, Any]]:
    return [e for h in box.hooks(URL) for e in orjson.loads(h["body"])]


def test_what_is_subscribed_to_is_told_and_nothing_else(box: Sandbox, http: Http) -> None:
    id_ = http.create(email="a@example.com", city="Wien", zip="1010")["id"]
    told = events(box)
    assert [(e["subscriptionType"], e.get("propertyName"), e.get("propertyValue")) for e in told] == [
        ("contact.creation", None, None), ("contact.propertyChange", "city", "Wien")
    ]  # fmt: skip
    assert {e["objectId"] for e in told} == {int(id_)}
    assert told[1]["changeSource"] == "INTEGRATION"
    assert events(box) == []


def test_merges_deletions_and_erasures_are_told(box: Sandbox, http: Http) -> None:
    one, two, three, four = box.seed([{"email": f"{n}@example.com"} for n in "abcd"])["ids"]
    events(box)
    new = http.post(f"{CONTACTS}/merge", {"primaryObjectId": one, "objectIdToMerge": two})[1]["id"]
    http.send("DELETE", f"{CONTACTS}/{three}")
    http.post(f"{CONTACTS}/gdpr-delete", {"objectId": four})
    merged, deleted, erased = events(box)
    assert (merged["primaryObjectId"], merged["mergedObjectIds"], merged["newObjectId"]) == (
        int(one),
        [int(two)],
        int(new),
    )
    assert (deleted["subscriptionType"], deleted["objectId"]) == ("contact.deletion", int(three))
    assert (erased["subscriptionType"], erased["objectId"]) == ("contact.privacyDeletion", int(four))


def test_a_request_carries_at_most_a_hundred_events(box: Sandbox) -> None:
    box.seed([{"email": f"p{i}@example.com"} for i in range(130)])
    assert [len(orjson.loads(h["body"])) for h in box.hooks(URL)] == [100, 30]


def test_requests_are_signed_so_that_the_official_helper_agrees(box: Sandbox) -> None:
    box.seed([{"email": "a@example.com"}])
    [hook] = box.hooks(URL)
    stamp = hook["headers"]["x-hubspot-request-timestamp"]
    theirs = Signature.get_signature("sandbox-secret", hook["body"].decode(), "v3", URL, "POST", stamp)
    assert hook["headers"]["x-hubspot-signature-v3"] == theirs


@pytest.mark.parametrize(
    ("stamp", "signed"),
    [("1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
     ("1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=")],
)  # fmt: skip
def test_the_documented_signatures_come_out(stamp: str, signed: str) -> None:
    secret, body = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", b"{'example_field':'example_value'}"
    made = signature(secret, "POST", "https://www.example.com/webhook_uri", body, stamp)
    assert made["x-hubspot-signature-v3"] == signed
    old = old_signature(secret, body)["x-hubspot-signature"]
    assert (old[:8], old[-4:]) == ("69fc6631", "f750")


def test_private_apps_sign_without_a_time() -> None:
    with Sandbox("hubspot", switches={"subscriptions": WATCHED, "hook_signature": "v1"}) as box:
        box.seed([{"email": "a@example.com"}])
        [hook] = box.hooks(URL)
        expected = hashlib.sha256(b"sandbox-secret" + hook["body"]).hexdigest()
        assert hook["headers"]["x-hubspot-signature"] == expected
        assert "x-hubspot-request-timestamp" not in hook["headers"]


def test_generic_subscriptions_name_the_type_of_object() -> None:
    with Sandbox("hubspot", switches={"subscriptions": WATCHED, "generic_hooks": True}) as box:
        box.seed([{"email": "a@example.com"}])
        assert [(e["subscriptionType"], e["objectTypeId"]) for e in events(box)] == [("object.creation", "0-1")]


def test_what_is_not_accepted_comes_again_ten_times_within_a_day_and_then_never(box: Sandbox) -> None:
    box.seed([{"email": "a@example.com"}])
    seen, spent = [], 0
    while spent <= 24 * 60:
        for hook in box.hooks(URL):
            seen.append(orjson.loads(hook["body"])[0]["attemptNumber"])
            box.platform.undelivered(hook)
        box.clock(advance=60)
        spent += 1
    assert seen == list(range(11))
    assert box.state()["hooks_given_up"] == 1


def test_events_can_come_twice_and_in_any_order(box: Sandbox) -> None:
    box.fault("duplicate_hooks")
    box.fault("reorder_hooks")
    ids = [int(i) for i in box.seed([{"email": f"p{i}@example.com"} for i in range(50)])["ids"]]
    told = [e["objectId"] for e in events(box)]
    assert len(told) > 50
    assert set(told) == set(ids)
    assert list(dict.fromkeys(told)) != ids


def test_a_request_about_given_contacts_can_be_had_without_a_subscription(box: Sandbox) -> None:
    [id_] = box.seed([{"email": "a@example.com", "firstname": "Ada"}])["ids"]
    hook = box.platform.hook(URL, [id_])  # type: ignore[attr-defined]
    [told] = orjson.loads(hook["body"])
    assert (told["objectId"], told["propertyName"], told["propertyValue"]) == (int(id_), "firstname", "Ada")


# --- properties and associations -----------------------------------------------------------------------------------


def prop(**more: Any) -> dict[str, Any]:
    return {
        "name": "our_key",
        "label": "Key",
        "type": "string",
        "fieldType": "text",
        "groupName": "contactinformation",
        **more,
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [(prop(label=""), 400), (prop(groupName="nowhere"), 400), (prop(type="text"), 400), (prop(name="email"), 409)],
)
def test_a_property_that_cannot_be_made_is_refused(http: Http, body: dict[str, Any], code: int) -> None:
    assert http.post(PROPERTIES, body)[0] == code


def test_at_most_ten_properties_have_unique_values(http: Http) -> None:
    codes = [http.post(PROPERTIES, prop(name=f"key_{i}", hasUniqueValue=True))[0] for i in range(11)]
    assert codes == [201] * 10 + [400]


def test_a_batch_of_properties_is_made_as_a_whole_or_not_at_all(box: Sandbox, http: Http) -> None:
    body = {"inputs": [prop(), prop(name="email")]}
    assert http.post(f"{PROPERTIES}/batch/create", body)[0] == 409
    assert "our_key" not in box.state()["properties"]


def test_whether_a_value_can_be_written_is_its_metadata(http: Http) -> None:
    listed = {p["name"]: p["modificationMetadata"]["readOnlyValue"] for p in http.get(PROPERTIES)["results"]}
    assert (listed["email"], listed["hs_email_optout"], listed["createdate"]) == (False, True, True)


def test_associations_are_made_labelled_read_and_taken_away(box: Sandbox, http: Http) -> None:
    [id_] = box.seed([{"email": "a@example.com"}])["ids"]
    v4, batch = f"/crm/v4/objects/contacts/{id_}/associations", "/crm/associations/2026-03/contacts/companies/batch"
    assert http.send("PUT", f"{v4}/default/companies/7").status_code == 200
    label = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    assert http.send("PUT", f"{v4}/companies/7", label).status_code == 201
    _, read = http.post(f"{batch}/read", {"inputs": [{"id": id_}]})
    assert [t["typeId"] for t in read["results"][0]["to"][0]["associationTypes"]] == [279, 1]
    assert http.send("DELETE", f"{v4}/companies/7").status_code == 204
    code, read = http.post(f"{batch}/read", {"inputs": [{"id": id_}]})
    assert (code, read["errors"][0]["context"]["fromObjectId"]) == (207, [id_])
