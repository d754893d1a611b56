"""Which events the TikTok stand-in takes, and how it says which one is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from stagebridge.sandbox import Sandbox
from tiktok_http import CRM, LEAD, NOW, OFFLINE, Http, counted, crm_event, event, sha, source

GOLDEN = {
    "email": (
        " ALICE_abc@gmail.com ".strip().lower(),
        "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f",
    ),
    "phone": ("+12133734253", "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"),
    "external_id": ("user_123", "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"),
}


def told(http: Http, *events: Any, **more: Any) -> str:
    """What 40002 says."""
    answer = http.track(*events, **more)
    assert answer["code"] == 40002, answer
    return str(answer["message"])


# --- the request as a whole ----------------------------------------------------------------------------------------


def test_a_thousand_events_are_the_most_of_one_request_and_none_is_too_few(box: Sandbox, http: Http) -> None:
    assert told(http, *(event(f"e{i}") for i in range(1001))) == "Number of events must be between 1 and 1000."
    assert told(http) == "Number of events must be between 1 and 1000."
    assert counted(box) == []
    assert http.code(*(event(f"e{i}") for i in range(1000))) == 0
    assert len(counted(box)) == 1000


def test_one_wrong_event_refuses_them_all_and_only_the_first_wrong_one_is_named(box: Sandbox, http: Http) -> None:
    bad = event("e1", properties={"contents": [{"content_id": 7}]})
    worse = event("e2", event_time="yesterday")
    said = told(http, event("e0"), bad, worse)
    assert said == "Batch.1.properties.contents.0.content_id: Not a valid string"
    assert counted(box) == []
    assert told(http, event("e0"), worse) == "Batch.1.event_time: Not a valid integer"
    assert http.code(event("e0")) == 0


def test_40002_may_name_nothing() -> None:
    with Sandbox("tiktok", switches={"names_the_event": False}) as box, Http(box) as http:
        assert "Batch" not in told(http, event("e0"), {})


@pytest.mark.parametrize(("body", "said"), [
    ({}, "event_source: Missing"), ({"event_source": "web"}, "event_source_id: Missing"),
    ({"event_source": "messaging", "event_source_id": "1"}, "event_source: Must be one of: web, app, offline, crm"),
    ({"event_source": "web", "event_source_id": 7}, "event_source_id: Not a valid string"),
    ({"event_source": "web", "event_source_id": "CSANDBOXPIXEL0000001", "data": {}}, "data: Not a valid list"),
])  # fmt: skip
def test_the_top_level_is_checked_too(http: Http, body: Any, said: str) -> None:
    answer = http.post("event/track/", body)
    assert answer["code"] == 40002
    assert answer["message"].startswith(said)


# --- fields --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "said"), [
    ({"event": None}, "event: Missing"), ({"event": ""}, "event: Missing"), ({"event": 7}, "event: Not a valid string"),
    ({"event_time": None}, "event_time: Missing"), ({"event_time": str(NOW)}, "event_time: Not a valid integer"),
    ({"event_time": NOW + 0.5}, "event_time: Not a valid integer"), ({"event_time": True}, "event_time: Not a valid integer"),
    ({"event_id": 273196}, "event_id: Not a valid string"), ({"user": []}, "user: Not a valid object"),
    ({"page": None}, "page.url: Missing"), ({"page": {"referrer": "https://a.example/"}}, "page.url: Missing"),
    ({"page": {"url": 7}}, "page.url: Not a valid string"), ({"limited_data_use": "yes"}, "limited_data_use: Not a valid boolean"),
    ({"properties": {"value": "30.5"}}, "properties.value: Not a valid number"),
    ({"properties": {"value": True}}, "properties.value: Not a valid number"),
    ({"properties": {"currency": "eur"}}, "properties.currency: Not a valid currency"),
    ({"properties": {"contents": {}}}, "properties.contents: Not a valid list"),
    ({"properties": {"contents": ["sku"]}}, "properties.contents.0: Not a valid object"),
    ({"properties": {"contents": [{"price": 1}, {"price": "1"}]}}, "properties.contents.1.price: Not a valid number"),
    ({"properties": {"contents": [{"quantity": 1.5}]}}, "properties.contents.0.quantity: Not a valid integer"),
    ({"properties": {"content_type": "thing"}}, "properties.content_type: Must be one of: product, product_group"),
    ({"properties": {"content_ids": [1]}}, "properties.content_ids.0: Not a valid string"),
    ({"properties": {"customer_type": "old"}}, "properties.customer_type: Must be one of: new, returning"),
    ({"properties": {"order_id": 42}}, "properties.order_id: Not a valid string"),
    ({"user": {"ttclid": None}}, "user.ttclid: Not a valid string"),
])  # fmt: skip
def test_what_an_event_may_not_hold_is_named_by_its_path(box: Sandbox, http: Http, change: Any, said: str) -> None:
    assert told(http, event(**change)).startswith(f"Batch.0.{said}")
    assert counted(box) == []


def test_an_event_that_is_no_object_is_named(http: Http) -> None:
    assert told(http, event(), "Purchase") == "Batch.1: Not a valid object"


def test_a_web_event_may_do_without_its_page_as_in_the_platforms_own_example() -> None:
    with Sandbox("tiktok", switches={"web_needs_url": False}) as box, Http(box) as http:
        assert http.code(event(page=None)) == 0


def test_the_currencies_can_be_a_list() -> None:
    with Sandbox("tiktok", switches={"currencies": ["EUR", "USD"]}) as box, Http(box) as http:
        assert http.code(event()) == 0
        said = told(http, event(properties={"value": 1, "currency": "XAU"}))
        assert said == "Batch.0.properties.currency: Must be one of: EUR, USD"


def test_fields_without_effect_are_ignored_without_a_word_and_the_state_lists_them(box: Sandbox, http: Http) -> None:
    stray = event(
        user={"email": sha("ada@example.com"), "fbp": "fb.1.2"}, properties={"value": 1, "colour": "red"},
        lead={"lead_id": 7}, app={}, test_event_code="TEST1",
    )  # fmt: skip
    assert http.code(stray) == 0
    assert source(box)["ignored"] == {
        "user.fbp": 1, "properties.colour": 1, "lead": 1, "app": 1, "test_event_code": 1,
    }  # fmt: skip
    [held] = source(box)["counted"]
    assert (held["user"], held["properties"]) == ({"email": sha("ada@example.com")}, {"value": 1})


def test_some_keys_of_a_person_are_of_one_source_only(box: Sandbox, http: Http) -> None:
    user = {"email": sha("a"), "external_id": sha("k"), "ttp": "t", "ip": "192.0.2.1", "user_agent": "M", "ttclid": "c"}
    http.track(event(user=user, page=None, event_id="x"), kind="offline")
    assert source(box, OFFLINE)["counted"][0]["user"] == {"email": sha("a"), "ttclid": "c"}
    http.track(event(user=user, limited_data_use=True))
    [held] = source(box)["counted"]
    assert (held["user"], held["limited_data_use"]) == (user, True)
    http.track(crm_event(user=user), kind="crm")
    assert source(box, CRM)["counted"][0]["user"] == {"email": sha("a"), "external_id": sha("k"), "ttclid": "c"}


# --- hashes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", GOLDEN)
def test_a_hashed_key_is_taken_alone_or_in_a_list(box: Sandbox, http: Http, key: str) -> None:
    plain, hashed = GOLDEN[key]
    assert sha(plain) == hashed
    assert http.code(event("one", user={key: hashed}), event("many", user={key: [hashed, sha("x")]})) == 0
    assert [e["user"][key] for e in source(box)["counted"]] == [hashed, [hashed, sha("x")]]


@pytest.mark.parametrize("key", ["email", "phone", "external_id", "first_name", "last_name", "zip_code"])
def test_a_key_that_is_not_hashed_is_refused(box: Sandbox, http: Http, key: str) -> None:
    for raw in ("ada@example.com", sha("x").upper(), "", sha("x")[:63]):
        assert told(http, event(user={key: raw})) == f"Batch.0.user.{key}: Not a valid SHA-256 hash"
    assert counted(box) == []


def test_a_raw_value_within_a_list_is_named_by_its_place(http: Http) -> None:
    said = told(http, event(user={"email": [sha("a"), "ada@example.com"]}))
    assert said == "Batch.0.user.email.1: Not a valid SHA-256 hash"


def test_a_key_that_is_not_hashed_may_be_ignored_instead() -> None:
    with Sandbox("tiktok", switches={"raw_pii": "ignore", "untimely_events": "count"}) as box, Http(box) as http:
        user = {"email": "ada@example.com", "phone": [sha("+1"), "+1"], "ttclid": "c"}
        assert http.code(event(user=user)) == 0
        assert source(box)["counted"][0]["user"] == {"phone": [sha("+1")], "ttclid": "c"}
        assert source(box)["ignored"] == {"user.email (not hashed)": 1, "user.phone (not hashed)": 1}


def test_names_may_be_plain_and_places_always_are(box: Sandbox, http: Http) -> None:
    places = {"city": "bonn", "state": "nw", "country": "de"}
    assert http.code(event(user=places)) == 0
    with Sandbox("tiktok", switches={"hashed_names": False}) as lax, Http(lax) as there:
        assert there.code(event(user={"first_name": "ada", "zip_code": "53111"})) == 0


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "held"), [
    ("Purchase", "Purchase"), ("CompletePayment", "Purchase"), ("SubmitForm", "Lead"), ("ClickButton", "ClickButton"),
    ("PlaceAnOrder", "PlaceAnOrder"), ("StageReached", "StageReached"),
])  # fmt: skip
def test_old_names_are_counted_under_the_current_ones(box: Sandbox, http: Http, sent: str, held: str) -> None:
    assert http.code(event(name=sent)) == 0
    assert counted(box) == [(held, "ord-1")]


def test_offline_events_have_standard_names_only(box: Sandbox, http: Http) -> None:
    assert told(http, event(name="purchase"), kind="offline").startswith(
        "Batch.0.event: Must be one of: AddPaymentInfo,"
    )
    assert http.code(event(name="CompletePayment"), kind="offline") == 0
    assert counted(box, OFFLINE) == [("Purchase", "ord-1")]


def test_crm_events_may_be_restricted_to_custom_names(box: Sandbox, http: Http) -> None:
    assert http.code(crm_event("a", "AddToCart"), crm_event("b"), kind="crm") == 0
    with Sandbox("tiktok", switches={"crm_standard_events": False}) as strict, Http(strict) as there:
        assert told(there, crm_event(name="SubmitForm"), kind="crm") == "Batch.0.event: Must be a custom event"
        assert there.code(crm_event(), kind="crm") == 0


# --- leads of CRM events -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lead", "said"), [
    (None, "Missing data for required field"), ({}, "Missing data for required field"), ({"lead_id": ""}, "Missing"),
    ({"lead_id": int(LEAD)}, "Not a valid string"), ({"lead_id": "7.012345678901235e+18"}, "Not a valid id"),
])  # fmt: skip
def test_a_crm_event_names_its_lead_in_digits_as_text(box: Sandbox, http: Http, lead: Any, said: str) -> None:
    assert told(http, crm_event(lead=lead), kind="crm").startswith(f"Batch.0.lead.lead_id: {said}")
    assert counted(box, CRM) == []


def test_an_email_or_phone_may_do_instead_of_a_lead() -> None:
    with Sandbox("tiktok", switches={"crm_needs_lead_id": False}) as box, Http(box) as http:
        assert (
            http.code(crm_event("a", lead=None), crm_event("b", lead=None, user={"phone": sha("+1")}), kind="crm") == 0
        )
        assert "lead.lead_id" in told(http, crm_event(lead=None, user={"external_id": sha("k")}), kind="crm")


def test_a_lead_id_that_went_through_a_float_is_nobodys(box: Sandbox, http: Http) -> None:
    box.seed({"leads": [{"id": LEAD, "answers": {}}]})
    bent = str(int(float(LEAD)))
    assert http.code(crm_event("a"), crm_event("b", lead={"lead_id": bent}), kind="crm") == 0
    assert [e["lead_id"] for e in source(box, CRM)["counted"]] == [LEAD, bent]
    assert source(box, CRM)["unknown_leads"] == [bent]


def test_a_lead_is_known_for_ninety_days(box: Sandbox, http: Http) -> None:
    box.seed({"leads": [{"id": LEAD, "answers": {}, "create_time": NOW - 90 * 86_400}]})
    http.track(crm_event("a"), kind="crm")
    box.clock(advance=1)
    http.track(crm_event("b"), kind="crm")
    assert source(box, CRM)["unknown_leads"] == [LEAD]
    assert box.state()["leads"] == []
