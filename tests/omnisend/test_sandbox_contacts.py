"""The Omnisend stand-in's contacts: the upsert by e-mail, consent per channel, identifiers that go missing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from omnisend_http import ADA, BOB, NOW, OTHER_PHONE, PHONE, Http, contact, email, held, phone
from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox

EARLIER, LATER = "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"


# --- upsert --------------------------------------------------------------------------------------------------------


def test_a_new_address_is_created_and_a_known_one_updated(box: Sandbox, http: Http) -> None:
    made = http.send("POST", "/contacts", contact(firstName="Ada", city="Vilnius"))
    changed = http.send("POST", "/contacts", contact(firstName="Augusta"))
    assert (made.status_code, changed.status_code) == (201, 200)
    assert made.json()["id"] == changed.json()["id"]
    assert (held(box)[ADA]["firstName"], held(box)[ADA]["city"]) == ("Augusta", "Vilnius")


def test_an_answer_has_the_form_of_the_specification(http: Http) -> None:
    at, given = "2026-01-02T03:04:05.000Z", {"source": "web-form", "ip": "192.0.2.1"}
    made = http.upsert(
        email(at=at, consent=given), phone(), firstName="Ada", tags=["source: test"], customProperties={"stage": "lead"}
    )
    assert made == {
        "id": made["id"], "email": ADA, "phone": [PHONE], "status": "subscribed", "firstName": "Ada",
        "identifiers": [
            {"type": "email", "id": ADA, "channels": {"email": {"status": "subscribed", "statusChangedAt": at}}},
            {"type": "phone", "id": PHONE, "channels": {"sms": {"status": "nonSubscribed", "statusChangedAt": NOW}}},
        ],
        "statuses": [
            {"channel": "email", "status": "subscribed", "statusChangedAt": at},
            {"channel": "sms", "status": "nonSubscribed", "statusChangedAt": NOW},
        ],
        "optIns": [{"channel": "email", "optInAt": at}], "consents": [{"channel": "email", **given, "createdAt": NOW}],
        "segments": [], "tags": ["source: test"], "customProperties": {"stage": "lead"}, "createdAt": NOW, "updatedAt": NOW,
    }  # fmt: skip
    assert http.get(f"/contacts/{made['id']}") == made


def test_letters_of_an_address_are_the_same_in_either_case_and_the_first_spelling_stays(
    box: Sandbox, http: Http
) -> None:
    http.upsert(email("Ada@Example.com"))
    assert http.upsert()["email"] == "Ada@Example.com"
    assert len(box.state()["contacts"]) == 1


def test_they_can_differ_as_in_v5() -> None:
    with Sandbox("omnisend", switches={"case_sensitive_email": True}) as box, Http(box) as http:
        http.upsert(email("Ada@Example.com"))
        http.upsert()
        assert set(held(box)) == {"Ada@Example.com", ADA}


def test_empty_text_blanks_a_field_and_what_is_not_named_stays(box: Sandbox, http: Http) -> None:
    http.upsert(firstName="Ada", lastName="Byron", gender="f", customProperties={"stage": "lead", "key": "7"})
    http.upsert(firstName="", gender="", customProperties={"stage": ""})
    ada = held(box)[ADA]
    assert (ada["firstName"], ada["gender"], "city" in ada) == ("", "", False)
    assert (ada["lastName"], ada["customProperties"]) == ("Byron", {"stage": "", "key": "7"})
    with Sandbox("omnisend", switches={"blank_fields": "left_out"}) as other, Http(other) as there:
        there.upsert(firstName="Ada")
        there.upsert(firstName="")
        assert "firstName" not in held(other)[ADA]


def test_our_own_time_of_creation_becomes_a_custom_property(http: Http) -> None:
    made = http.upsert(createdAt="2020-05-05T00:00:00Z")
    assert (made["createdAt"], made["customProperties"]) == (NOW, {"externalCreated": "2020-05-05T00:00:00Z"})


def test_the_platform_stamps_changes_with_its_own_clock(box: Sandbox, http: Http) -> None:
    http.upsert()
    box.clock(advance=60)
    ada = http.upsert(updatedAt="2020-01-01T00:00:00Z")
    assert (ada["createdAt"], ada["updatedAt"]) == (NOW, "2026-06-01T12:01:00.000Z")


def test_all_that_is_wrong_is_answered_at_once_and_nothing_is_written(box: Sandbox, http: Http) -> None:
    body = {
        "identifiers": [
            {"type": "email", "id": "not an address"},
            {"type": "phone", "id": "555", "channels": {"email": {"status": "subscribed"}}},
            {"type": "fax", "id": "1"},
            email(BOB, "maybe", "yesterday"),
        ],
        "firstName": None, "gender": "x", "birthdate": "2.5.1997", "tags": ["t"] * 101, "customProperties": {"a": None, "b c": 1},
    }  # fmt: skip
    assert http.wrong("POST", "/contacts", body) == {
        "identifiers.0.id": "invalid_format", "identifiers.0.channels": "required", "identifiers.1.id": "invalid_format",
        "identifiers.1.channels.email": "invalid_value", "identifiers.2.type": "invalid_value",
        "identifiers.3.channels.email.status": "invalid_value",
        "identifiers.3.channels.email.statusChangedAt": "invalid_format", "firstName": "invalid_type",
        "gender": "invalid_value", "birthdate": "invalid_format", "tags": "too_many", "customProperties.a": "invalid_type",
        "customProperties.b c": "invalid_format",
    }  # fmt: skip
    assert box.state()["contacts"] == []


def test_a_contact_without_identifiers_is_refused(http: Http) -> None:
    assert http.wrong("POST", "/contacts", {"firstName": "Ada"}) == {"identifiers": "required"}


def test_values_of_a_wrong_kind_are_refused_one_by_one(http: Http) -> None:
    strange = {"type": {"a": 1}, "id": ADA, "channels": {"email": {"status": ["x"]}}}
    body = {
        "identifiers": [strange, "ada", email(consent=[1], sendWelcomeMessage="no")],
        "tags": [1],
        "customProperties": [],
    }
    assert http.wrong("POST", "/contacts", body) == {
        "identifiers.0.type": "invalid_value", "identifiers.1": "invalid_type", "identifiers.2.consent": "invalid_type",
        "identifiers.2.sendWelcomeMessage": "invalid_type", "tags.0": "invalid_type", "customProperties": "invalid_type",
    }  # fmt: skip


# --- consent -------------------------------------------------------------------------------------------------------


def test_a_status_older_than_the_stored_one_is_ignored_without_a_word(box: Sandbox, http: Http) -> None:
    http.upsert(email(status="unsubscribed", at=LATER))
    answer = http.send("POST", "/contacts", contact(email(at=EARLIER), firstName="Ada"))
    assert answer.status_code == 200
    assert held(box)[ADA]["statuses"] == [{"channel": "email", "status": "unsubscribed", "statusChangedAt": LATER}]
    assert held(box)[ADA]["firstName"] == "Ada"
    assert box.state()["stale_statuses"] == 1


def test_a_status_without_a_time_is_of_now(box: Sandbox, http: Http) -> None:
    http.upsert(email(status="unsubscribed", at=LATER))
    assert http.upsert()["statuses"] == [{"channel": "email", "status": "subscribed", "statusChangedAt": NOW}]


def test_channels_have_statuses_of_their_own(http: Http) -> None:
    http.upsert(email(at=EARLIER), phone(status="subscribed", at=EARLIER))
    ada = http.upsert(email(), phone(status="unsubscribed", at=LATER))
    assert {s["channel"]: s["status"] for s in ada["statuses"]} == {"email": "subscribed", "sms": "unsubscribed"}
    assert ada["status"] == "subscribed"


def test_whoever_becomes_subscribed_gets_a_welcome_mail_unless_it_is_forbidden(box: Sandbox, http: Http) -> None:
    for address, welcome, status in (
        (ADA, None, "subscribed"), (BOB, True, "subscribed"), ("cyd@example.com", False, "subscribed"),
        ("dee@example.com", True, "nonSubscribed"),
    ):  # fmt: skip
        http.upsert(email(address, status, sendWelcomeMessage=welcome))
    assert box.state()["welcome_mails"] == 2
    http.upsert(email(sendWelcomeMessage=True))  # she was subscribed before
    assert box.state()["welcome_mails"] == 2


def test_no_welcome_mail_is_sent_for_a_status_that_was_ignored(box: Sandbox, http: Http) -> None:
    http.upsert(email(status="unsubscribed", at=LATER))
    http.upsert(email(at=EARLIER, sendWelcomeMessage=True))
    assert box.state()["welcome_mails"] == 0


def test_nor_without_a_welcome_automation() -> None:
    with Sandbox("omnisend", switches={"welcome_workflow": False}) as box, Http(box) as http:
        http.upsert(email(sendWelcomeMessage=True))
        assert box.state()["welcome_mails"] == 0


# --- identifiers of others -----------------------------------------------------------------------------------------


def test_an_identifier_of_another_contact_is_dropped_without_a_word(box: Sandbox, http: Http) -> None:
    http.upsert(email(BOB), phone())
    answer = http.send("POST", "/contacts", contact(email(), phone(), firstName="Ada"))
    assert answer.status_code == 201
    assert (answer.json()["phone"], held(box)[BOB]["phone"]) == ([], [PHONE])
    assert box.state()["identifiers_dropped"] == 1


@pytest.mark.parametrize("status", [200, 400])
def test_nothing_is_created_where_no_identifier_remains(status: int) -> None:
    with Sandbox("omnisend", switches={"nothing_created": status}) as box, Http(box) as http:
        http.upsert(email(BOB), phone())
        answer = http.send("POST", "/contacts", contact(phone(), firstName="Ada"))
        assert answer.status_code == status
        assert "id" not in answer.json()
        assert list(held(box)) == [BOB]


def test_a_change_answers_409_instead_and_does_nothing(box: Sandbox, http: Http) -> None:
    http.upsert(email(BOB), phone())
    ada = http.upsert()
    for identifier in (phone(), email(BOB)):
        assert http.status("PATCH", f"/contacts/{ada['id']}", contact(identifier, firstName="Ada")) == 409
    assert held(box)[ADA] == ada


# --- changes -------------------------------------------------------------------------------------------------------


def test_a_contact_is_changed_by_id_or_by_address(box: Sandbox, http: Http) -> None:
    ada = http.upsert(lastName="Byron")
    assert http.send("PATCH", f"/contacts/{ada['id']}", {"firstName": "Ada"}).json()["firstName"] == "Ada"
    assert http.status("PATCH", "/contacts", {"lastName": "Lovelace"}, email="ADA@example.com") == 200
    assert (held(box)[ADA]["firstName"], held(box)[ADA]["lastName"]) == ("Ada", "Lovelace")


def test_whoever_is_not_there_is_not_found(http: Http) -> None:
    assert http.status("GET", "/contacts/60a6170920d91c215e949b5c") == 404
    assert http.status("PATCH", "/contacts/60a6170920d91c215e949b5c", {}) == 404
    assert http.status("PATCH", "/contacts", {}, email=BOB) == 404
    assert http.wrong("PATCH", "/contacts", {}) == {"email": "required"}


def test_another_phone_takes_the_place_of_the_old_one(http: Http) -> None:
    http.upsert(email(), phone())
    assert http.upsert(email(), phone(OTHER_PHONE))["phone"] == [OTHER_PHONE]
    assert http.upsert(email(BOB), phone())["phone"] == [PHONE]


@pytest.mark.parametrize(("how", "status", "address"), [("change", 200, BOB), ("refuse", 400, ADA), ("ignore", 200, ADA)])  # fmt: skip
def test_a_change_of_address_is_taken_refused_or_ignored(how: str, status: int, address: str) -> None:
    with Sandbox("omnisend", switches={"email_change": how}) as box, Http(box) as http:
        id_ = http.upsert()["id"]
        assert http.status("PATCH", f"/contacts/{id_}", contact(email(BOB))) == status
        assert {e: c["id"] for e, c in held(box).items()} == {address: id_}


def test_a_custom_property_keeps_its_type(box: Sandbox, http: Http) -> None:
    typed = {"text": "a", "whole": 1, "real": 1.5, "flag": True, "list": ["a"]}
    http.upsert(customProperties=typed)
    assert box.state()["custom_properties"] == {
        "text": "string", "whole": "integer", "real": "number", "flag": "boolean", "list": "string[]",
    }  # fmt: skip
    other = {"text": 1, "whole": 1.5, "real": 2, "flag": "true", "list": "a"}
    assert http.wrong("POST", "/contacts", contact(email(BOB), customProperties=other)) == {
        f"customProperties.{n}": "invalid_type" for n in ("text", "whole", "flag", "list")
    }


def test_or_else_ignores_the_value() -> None:
    with Sandbox("omnisend", switches={"type_change": "ignore"}) as box, Http(box) as http:
        http.upsert(customProperties={"score": 1})
        assert http.upsert(customProperties={"score": "high", "stage": "lead"})["customProperties"] == {
            "score": 1, "stage": "lead",
        }  # fmt: skip


@pytest.mark.parametrize(("how", "tags"), [("merge", ["a", "b"]), ("replace", ["b"])])
def test_tags_of_a_request_are_added_or_replace_the_others(how: str, tags: list[str]) -> None:
    with Sandbox("omnisend", switches={"tags": how}) as box, Http(box) as http:
        http.upsert(tags=["a"])
        http.upsert(tags=["b", "b"])
        http.upsert(firstName="Ada")
        assert held(box)[ADA]["tags"] == tags


def test_nothing_deletes_a_contact(box: Sandbox, http: Http) -> None:
    id_ = http.upsert()["id"]
    assert http.status("DELETE", f"/contacts/{id_}") == 405
    assert http.status("DELETE", "/contacts", email=ADA) == 405
    assert list(held(box)) == [ADA]


# --- people --------------------------------------------------------------------------------------------------------


def seeded(box: Sandbox, *contacts: Any) -> list[str]:
    ids: list[str] = box.seed(list(contacts))["ids"]
    return ids


def test_contacts_are_put_in_by_people_without_a_welcome(box: Sandbox, http: Http) -> None:
    one, two = seeded(
        box, contact(email(at=EARLIER), firstName="Ada", created_at=EARLIER, updated_at=LATER),
        {"email": BOB, "phone": PHONE, "status": "subscribed"},
    )  # fmt: skip
    ada, bob = (http.get(f"/contacts/{i}") for i in (one, two))
    assert (ada["firstName"], ada["createdAt"], ada["updatedAt"]) == ("Ada", EARLIER, LATER)
    assert (bob["email"], bob["phone"], bob["status"]) == (BOB, [PHONE], "subscribed")
    assert box.state()["welcome_mails"] == 0


def test_a_person_edits_clears_and_removes(box: Sandbox, http: Http) -> None:
    one, two = seeded(
        box, contact(firstName="Ada", city="Rome", customProperties={"a": 1, "b": 2}, tags=["x"]), {"email": BOB}
    )
    box.clock(advance=5)
    box.seed(
        {"edit": {one: {"city": None, "email": "new@example.com", "customProperties": {"a": None}, "tags": ["y"]}}}
    )
    box.seed({"remove": [two]})
    ada = http.get(f"/contacts/{one}")
    assert (ada["email"], ada["status"], ada["tags"]) == ("new@example.com", "subscribed", ["y"])
    assert (ada["customProperties"], ada["firstName"], ada["city"]) == ({"b": 2}, "Ada", "")
    assert ada["updatedAt"] == "2026-06-01T12:00:05.000Z"
    assert http.status("GET", f"/contacts/{two}") == 404
    assert http.status("POST", "/contacts", contact(email(BOB))) == 201


def test_a_person_edits_in_the_form_of_a_request_or_of_an_answer_too(box: Sandbox, http: Http) -> None:
    one, two = seeded(box, {"email": ADA, "phone": [PHONE]}, {"email": BOB})
    box.seed({"edit": {one: {"phone": None}, two: {"phone": [PHONE], "identifiers": [email(BOB, at=LATER)]}}})
    ada, bob = (http.get(f"/contacts/{i}") for i in (one, two))
    assert (ada["phone"], bob["phone"]) == ([], [PHONE])
    assert bob["statuses"] == [{"channel": "email", "status": "subscribed", "statusChangedAt": LATER}]
    with pytest.raises(ValueError, match=f"contact {two} has that phone already"):
        box.seed({"edit": {one: {"phone": PHONE}}})


def test_a_person_unsubscribes_at_a_time_and_the_contact_changed_now(box: Sandbox, http: Http) -> None:
    [one] = seeded(box, contact(email(at=EARLIER)))
    box.clock(advance=5)
    box.seed({"unsubscribe": {one: LATER}})
    ada = http.get(f"/contacts/{one}")
    assert ada["statuses"] == [{"channel": "email", "status": "unsubscribed", "statusChangedAt": LATER}]
    assert ada["updatedAt"] == "2026-06-01T12:00:05.000Z"
    box.seed({"subscribe": {ADA: None}})
    assert http.get(f"/contacts/{one}")["status"] == "subscribed"


def test_a_mistake_in_a_seed_is_named(box: Sandbox) -> None:
    for seed, words in (
        ({"people": []}, "a seed has no 'people'"), ([{"firstName": "Ada"}], "identifiers: there is none"),
        ([{"email": ADA}, {"email": ADA}], "another contact has that identifier"), ({"edit": {"1": {}}}, "there is no contact 1"),
        ({"unsubscribe": {ADA: "soon"}}, "'soon' is no time"), ({"edit": {ADA: {"stage": "x"}}}, "cannot edit 'stage'"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            box.seed(seed)


def test_the_clock_of_the_platform_may_be_another() -> None:
    clock = ManualClock(datetime.fromisoformat(NOW))
    with Sandbox("omnisend", clock=clock, switches={"skew": -30.0}) as box, Http(box) as http:
        assert http.upsert()["updatedAt"] == "2026-06-01T11:59:30.000Z"
