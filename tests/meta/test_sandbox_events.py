"""What the stand-in takes, refuses, counts and matches of the events that are sent to it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from meta_sdk import DATASET, TOKEN, Http, code, counted, error, event, held, now, purchase, sha
from stagebridge.sandbox import Sandbox

DAY = 86_400
EVENTS = f"/v26.0/{DATASET}/events"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("meta") as made:
        yield made


@pytest.fixture
def http(box: Sandbox) -> Iterator[Http]:
    with Http(box) as made:
        yield made


# --- encodings -----------------------------------------------------------------------------------------------------


def test_json_a_form_of_objects_and_a_form_of_strings_say_the_same(box: Sandbox, http: Http) -> None:
    one = purchase(box, event_id="e")
    bodies: list[dict[str, Any]] = [
        {"json": {"data": [one]}},
        {"data": {"data": json.dumps([one])}},
        {"data": {"data": json.dumps([json.dumps(one)])}},
        {"files": {"data": (None, json.dumps([one]))}},
    ]
    for body in bodies:
        answer = http.send("POST", EVENTS, **body)
        assert answer.json()["events_received"] == 1, answer.text
    assert {json.dumps(e["event"], sort_keys=True) for e in held(box)["duplicates"]} == {
        json.dumps(one, sort_keys=True)
    }
    assert (held(box)["received"], counted(box)) == (4, ["e"])


@pytest.mark.parametrize("path", [f"/v26.0/{DATASET}/events", f"/v24.0/{DATASET}/events", f"/{DATASET}/events"])
def test_every_living_version_is_served_and_a_path_without_one(box: Sandbox, http: Http, path: str) -> None:
    assert http.send("POST", path, json={"data": [event(box)]}).status_code == 200


@pytest.mark.parametrize(("version", "why"), [("/v23.0", 2635), ("/v27.0", 2500)])
def test_other_versions_are_not(box: Sandbox, http: Http, version: str, why: int) -> None:
    assert error(http.send("POST", f"{version}/{DATASET}/events", json={"data": [event(box)]}))["code"] == why


def test_a_path_without_a_version_can_be_refused() -> None:
    with Sandbox("meta", switches={"unversioned": False}) as box, Http(box) as http:
        assert error(http.send("POST", f"/{DATASET}/events", json={"data": [event(box)]}))["code"] == 2500


def test_a_token_may_be_in_the_header_the_body_or_the_query(box: Sandbox) -> None:
    body = {"data": [event(box)]}
    with Http(box, token=None) as http:
        assert http.send("POST", EVENTS, json=body, headers={"Authorization": f"Bearer {TOKEN}"}).ok
        assert http.send("POST", EVENTS, json={**body, "access_token": TOKEN}).ok
        assert http.send("POST", EVENTS, data={"data": json.dumps(body["data"]), "access_token": TOKEN}).ok
        assert http.send("POST", EVENTS, params={"access_token": TOKEN}, json=body).ok
        assert error(http.send("POST", EVENTS, json=body))["code"] == 104
    assert box.state()["token_places"] == {"header": 1, "body": 2, "query": 1}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"data": {}}', b'{"data": "[]"}', b'{"data": [{"value": NaN}]}'])
def test_what_is_no_list_of_events_is_refused(box: Sandbox, http: Http, body: bytes) -> None:
    answer = http.send("POST", EVENTS, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, code(error(answer))) == (400, "100")
    assert held(box).get("received", 0) == 0


def test_a_form_that_holds_a_nan_is_refused_too(box: Sandbox, http: Http) -> None:
    """The official SDK writes one where a value is NaN."""
    texts = [json.dumps(purchase(box, value=float("nan")))]
    answer = http.send("POST", EVENTS, data={"data": json.dumps(texts)})
    assert code(error(answer)) == "100"


def test_a_compressed_body_is_read_only_where_the_switch_says_so(box: Sandbox, http: Http) -> None:
    body = gzip.compress(json.dumps({"data": [event(box)]}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert code(error(http.send("POST", EVENTS, data=body, headers=headers))) == "100"
    with Sandbox("meta", switches={"gzip": True}) as other, Http(other) as http2:
        assert http2.send("POST", EVENTS, data=body, headers=headers).json()["events_received"] == 1


# --- all or none ---------------------------------------------------------------------------------------------------


def test_one_bad_event_refuses_the_whole_request_and_nothing_is_counted(box: Sandbox, http: Http) -> None:
    bad = purchase(box, value=None)
    refused = http.rejected(*[event(box, event_id=str(i)) for i in range(5)], bad, event(box))
    assert (code(refused), refused["is_transient"], refused["type"]) == ("100/2804009", False, "OAuthException")
    assert refused["error_data"] == {"blame_field_specs": [["custom_data", "value"]]}
    assert held(box)["received"] == 0
    assert box.state()["rejected"] == {"100/2804009": 1}


def test_the_first_bad_event_wins(box: Sandbox, http: Http) -> None:
    old = event(box, event_time=now(box) - 8 * DAY)
    assert code(http.rejected(event(box), old, purchase(box, value=None))) == "100/2804003"
    assert code(http.rejected(event(box), purchase(box, value=None), old)) == "100/2804009"


@pytest.mark.parametrize(
    ("how", "data"),
    [("index", {"blame_field_specs": [["data", "1", "event_time"]]}), ("none", None),
     ("text", '{"blame_field_specs":[["event_time"]]}')],
)  # fmt: skip
def test_whom_an_error_blames_has_no_form_to_rely_on(how: str, data: Any) -> None:
    with Sandbox("meta", switches={"blame": how}) as box, Http(box) as http:
        assert http.rejected(event(box), event(box, event_time=1)).get("error_data") == data


def test_a_thousand_events_are_taken_and_one_more_is_not(box: Sandbox, http: Http) -> None:
    many = [event(box, event_id=str(i)) for i in range(1001)]
    assert code(http.rejected(*many)) == "100"
    assert held(box)["received"] == 0
    assert http.post(*many[:1000]).json()["events_received"] == 1000
    assert len(counted(box)) == 1000
    assert box.requests()["records"]["POST /{id}/events"] == 2001
    assert code(http.rejected()) == "100"


def test_an_answer_says_how_many_came_and_has_a_trace(box: Sandbox, http: Http) -> None:
    body = http.post(event(box), event(box)).json()
    assert (body["events_received"], body["messages"], body["fbtrace_id"][0]) == (2, [], "A")


def test_titles_come_in_the_language_of_the_tokens_owner_and_codes_do_not(box: Sandbox) -> None:
    spoken = {"EAAen": "en_US", "EAAde": "de_DE", "EAAfr": "fr_FR"}
    box.seed({"tokens": {t: {"language": language} for t, language in spoken.items()}})
    seen = []
    for token in spoken:
        with Http(box, token=token) as http:
            refused = http.rejected(event(box, event_time=1))
            seen.append((code(refused), refused["message"], refused["error_user_title"]))
    assert [s[:2] for s in seen] == [("100/2804003", "Invalid parameter")] * 3
    assert [s[2] for s in seen] == [
        "Event Timestamp Too Old", "Zeitstempel des Events zu alt", "Horodatage de l’évènement trop ancien",
    ]  # fmt: skip


# --- rules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "blamed"),
    [
        ({"event_name": None}, "event_name"), ({"event_name": " "}, "event_name"), ({"event_name": "x" * 51}, "event_name"),
        ({"event_time": None}, "event_time"), ({"event_time": True}, "event_time"), ({"event_time": "soon"}, "event_time"),
        ({"action_source": None}, "action_source"), ({"action_source": "crm"}, "action_source"), ({"action_source": ["app"]}, "action_source"),
        ({"user_data": None}, "user_data"), ({"user_data": "em"}, "user_data"), ({"event_id": 5}, "event_id"),
        ({"opt_out": "yes"}, "opt_out"), ({"custom_data": []}, "custom_data"), ({"custom_data": {"value": "much"}}, "custom_data"),
        ({"custom_data": {"value": True}}, "custom_data"), ({"custom_data": {"currency": "XXZ"}}, "custom_data"),
        ({"app_data": {"extinfo": ["a2"]}}, "app_data"),
    ],
)  # fmt: skip
def test_what_every_event_needs_is_insisted_on(box: Sandbox, http: Http, wrong: dict[str, Any], blamed: str) -> None:
    refused = http.rejected(event(box, **wrong))
    assert code(refused) == "100"
    assert refused["error_data"]["blame_field_specs"][0][0] == blamed
    assert held(box)["received"] == 0


def test_an_event_that_is_no_object_is_refused(http: Http) -> None:
    assert code(http.rejected("Purchase")) == "100"


@pytest.mark.parametrize(
    ("source", "days", "good"),
    [("website", 6.99, True), ("website", 7.01, False), ("system_generated", 7.01, False), ("physical_store", 61.9, True),
     ("physical_store", 62.01, False)],
)  # fmt: skip
def test_how_old_an_event_may_be_depends_on_where_it_happened(
    box: Sandbox, http: Http, source: str, days: float, good: bool
) -> None:
    one = event(
        box, action_source=source, event_source_url="https://shop.example/", event_time=int(now(box) - days * DAY)
    )
    answer = http.post(one)
    assert answer.ok if good else code(error(answer)) == "100/2804003"


def test_age_is_looked_at_before_the_person_as_seen_live(box: Sandbox, http: Http) -> None:
    bare = event(box, event_time=now(box) - 8 * DAY, user_data={"client_user_agent": "curl"})
    assert code(http.rejected(bare)) == "100/2804003"


def test_the_stand_ins_own_clock_makes_an_event_old(box: Sandbox, http: Http) -> None:
    one = event(box)
    box.clock(advance=7 * DAY + 60)
    assert code(http.rejected(one)) == "100/2804003"


def test_an_event_may_lie_a_minute_ahead_and_milliseconds_are_far_ahead(box: Sandbox, http: Http) -> None:
    assert http.post(event(box, event_time=now(box) + 50)).ok
    assert code(http.rejected(event(box, event_time=now(box) + 90))) == "100"
    assert code(http.rejected(event(box, event_time=now(box) * 1000))) == "100"


@pytest.mark.parametrize(
    ("value", "currency", "why"),
    [(None, "EUR", "100/2804009"), (9.5, None, "100/2804010"), (9.5, "EURO", "100"), ("x", "EUR", "100")],
)
def test_a_purchase_needs_a_value_and_a_currency(box: Sandbox, http: Http, value: Any, currency: Any, why: str) -> None:
    assert code(http.rejected(purchase(box, value, currency))) == why


@pytest.mark.parametrize(("value", "currency"), [(0, "usd"), (12, "JPY"), (9.99, "Eur"), ("9.99", "EUR")])
def test_amounts_are_plain_and_currencies_in_any_case(box: Sandbox, http: Http, value: Any, currency: str) -> None:
    assert http.post(purchase(box, value, currency)).ok
    assert held(box)["totals"]["Purchase"]["value"] == {currency.upper(): float(value)}


def test_numbers_as_text_can_be_refused() -> None:
    with Sandbox("meta", switches={"numbers_as_text": False}) as box, Http(box) as http:
        assert code(http.rejected(purchase(box, "9.99"))) == "100"
        assert code(http.rejected(event(box, event_time=str(now(box))))) == "100"
        assert http.post(purchase(box)).ok


@pytest.mark.parametrize(
    "few",
    [
        {}, {"client_user_agent": "UA"}, {"ct": sha("berlin"), "country": sha("de"), "zp": sha("10115"), "ge": sha("f")},
        {"db": sha("19970216"), "client_user_agent": "UA"}, {"fn": sha("ada"), "ge": sha("f")}, {"ln": sha("li"), "ge": sha("f")},
        {"em": ""}, {"em": [None], "country": sha("de")},
    ],
)  # fmt: skip
def test_too_little_about_a_person_is_2804050(box: Sandbox, http: Http, few: dict[str, Any]) -> None:
    assert code(http.rejected(event(box, user_data=few))) == "100/2804050"


@pytest.mark.parametrize(
    "enough",
    [{"fn": sha("ada"), "ln": sha("li")}, {"client_ip_address": "203.0.113.7"}, {"db": sha("19970216"), "ct": sha("berlin")},
     {"external_id": "crm-1"}],
)  # fmt: skip
def test_any_other_set_of_keys_is_enough(box: Sandbox, http: Http, enough: dict[str, Any]) -> None:
    assert http.post(event(box, user_data=enough)).ok


def test_a_website_event_needs_its_url_but_no_user_agent_as_seen_live(box: Sandbox, http: Http) -> None:
    site = {"action_source": "website"}
    assert http.rejected(event(box, **site))["error_data"]["blame_field_specs"] == [["event_source_url"]]
    assert http.post(event(box, **site, event_source_url="https://shop.example/")).ok
    both = {"website_needs": ["event_source_url", "client_user_agent"]}
    with Sandbox("meta", switches=both) as strict, Http(strict) as http2:
        assert not http2.post(event(strict, **site, event_source_url="https://shop.example/")).ok


@pytest.mark.parametrize(
    ("said", "good"),
    [
        ({"data_processing_options": []}, True),
        ({"data_processing_options": ["LDU"], "data_processing_options_country": 1, "data_processing_options_state": 1000}, True),
        ({"data_processing_options": ["LDU"], "data_processing_options_country": 0, "data_processing_options_state": 0}, True),
        ({"data_processing_options": ["LDU"], "data_processing_options_country": 1}, False),
        ({"data_processing_options": ["LDU"]}, False),
        ({"data_processing_options": ["CCPA"]}, False), ({"data_processing_options": "LDU"}, False),
        ({"data_processing_options": ["LDU"], "data_processing_options_country": 7, "data_processing_options_state": 0}, False),
    ],
)  # fmt: skip
def test_limited_data_use_is_said_as_documented(box: Sandbox, http: Http, said: dict[str, Any], good: bool) -> None:
    assert http.post(event(box, **said)).ok == good
    if good:
        assert held(box)["counted"][0]["limited_data_use"] == bool(said["data_processing_options"])


def test_who_opted_out_is_counted_and_not_optimised_for(box: Sandbox, http: Http) -> None:
    http.post(event(box, opt_out=True), event(box))
    assert [e["optimised"] for e in held(box)["counted"]] == [False, True]


def test_a_long_partner_agent_is_refused(box: Sandbox, http: Http) -> None:
    assert code(http.rejected(event(box), partner_agent="x" * 24)) == "100"
    assert http.post(event(box), partner_agent="x" * 23).ok


# --- counted once --------------------------------------------------------------------------------------------------


def test_the_same_name_and_id_count_once_and_the_answer_does_not_tell(box: Sandbox, http: Http) -> None:
    one = purchase(box, event_id="order-1")
    assert http.post(one, one).json()["events_received"] == 2
    assert http.post(one).json()["events_received"] == 1
    http.post(event(box, event_name="Lead", event_id="order-1"))
    assert counted(box) == ["order-1", "order-1"]
    assert {n: t["count"] for n, t in held(box)["totals"].items()} == {"Purchase": 1, "Lead": 1}
    assert held(box)["totals"]["Purchase"]["value"] == {"EUR": 9.5}
    assert (held(box)["received"], len(held(box)["duplicates"])) == (4, 2)


def test_after_48_hours_the_same_id_counts_again(box: Sandbox, http: Http) -> None:
    one = event(box, event_id="e")
    http.post(one)
    box.clock(advance=2 * DAY - 60)
    http.post(one)
    assert counted(box) == ["e"]
    box.clock(advance=120)
    http.post(one)
    assert counted(box) == ["e", "e"]


def test_datasets_do_not_know_of_each_other(box: Sandbox, http: Http) -> None:
    one = event(box, event_id="e")
    http.post(one)
    http.post(one, dataset="99")
    assert (counted(box), counted(box, "99")) == (["e"], ["e"])


def test_events_without_an_id_are_all_counted(box: Sandbox, http: Http) -> None:
    """That is why a retried event needs a stable id."""
    one = event(box, user_data={"external_id": "crm-1", "em": sha("ada@example.com")})
    http.post(one)
    http.post(one)
    assert counted(box) == [None, None]


def test_what_the_pixel_reported_before_is_not_counted_a_second_time(box: Sandbox, http: Http) -> None:
    http.post(event(box))
    box.seed({"pixel": [{"event_name": "Purchase", "event_id": "o-1"}]})
    box.clock(advance=3600)
    http.post(purchase(box, event_id="o-1"))
    assert [(e["event_name"], e["source"]) for e in held(box)["counted"]] == [
        ("Contact", "server"),
        ("Purchase", "browser"),
    ]
    assert [e["source"] for e in held(box)["duplicates"]] == ["server"]


@pytest.mark.parametrize(("later", "kept"), [(299, "browser"), (301, "server")])
def test_within_five_minutes_the_browsers_event_is_preferred(box: Sandbox, http: Http, later: int, kept: str) -> None:
    http.post(event(box, event_id="e"))
    box.clock(advance=later)
    box.seed({"pixel": [{"event_name": "Contact", "event_id": "e"}]})
    assert [e["source"] for e in held(box)["counted"]] == [kept]
    assert len(held(box)["duplicates"]) == 1


def test_without_an_id_a_browsers_event_is_recognised_by_its_cookie_and_only_that_way_round(
    box: Sandbox, http: Http
) -> None:
    cookie = "fb.1.1790000000000.123"
    server = event(box, event_name="Lead", user_data={"fbp": cookie, "em": sha("ada@example.com")})
    pixel = {"dataset": DATASET, "event_name": "Lead", "user_data": {"fbp": cookie}}
    http.post(server)
    box.seed({"pixel": [pixel]})
    assert [e["source"] for e in held(box)["counted"]] == ["server", "browser"]
    http.post(server)
    assert [e["source"] for e in held(box)["duplicates"]] == ["server"]


def test_a_purchase_in_a_shop_is_recognised_by_its_order_for_a_week(box: Sandbox, http: Http) -> None:
    def sold(order: str, item: str = "sku-1") -> dict[str, Any]:
        said = {"value": 5, "currency": "EUR", "order_id": order, "contents": [{"id": item, "quantity": 1}]}
        return event(box, event_name="Purchase", action_source="physical_store", event_time=at_noon, custom_data=said)

    at_noon = now(box)
    http.post(sold("1"), sold("1"), sold("2"), sold("2", "sku-2"))
    assert held(box)["totals"]["Purchase"]["count"] == 3
    box.clock(advance=6 * DAY)
    http.post(sold("1"))
    assert held(box)["totals"]["Purchase"]["count"] == 3
    box.clock(advance=2 * DAY)
    http.post(sold("1"))
    assert held(box)["totals"]["Purchase"]["count"] == 4


def test_events_with_a_test_code_are_listed_apart_and_counted_all_the_same(box: Sandbox, http: Http) -> None:
    http.post(purchase(box, event_id="t"), test_event_code="TEST1")
    assert [(e["event_id"], e["test_event_code"]) for e in held(box)["test_events"]] == [("t", "TEST1")]
    assert counted(box) == ["t"]


# --- messaging -----------------------------------------------------------------------------------------------------

WHO = {
    "whatsapp": {"ctwa_clid": "ARAclick", "whatsapp_business_account_id": "3001"},
    "messenger": {"page_id": "1001", "page_scoped_user_id": "77"},
    "instagram": {"ig_sid": "55", "ig_account_id": "4001"},
}


def message(box: Sandbox, channel: str, /, name: str = "LeadSubmitted", **user: Any) -> dict[str, Any]:
    who = {k: v for k, v in {**WHO[channel], **user}.items() if v is not None}
    return event(
        box, event_name=name, event_id="m", action_source="business_messaging", messaging_channel=channel, user_data=who
    )


@pytest.mark.parametrize("channel", list(WHO))
def test_messaging_events_are_taken_and_never_recognised_as_the_same(box: Sandbox, http: Http, channel: str) -> None:
    one = message(box, channel)
    http.post(one)
    http.post(one)
    assert counted(box) == ["m", "m"]
    assert held(box)["duplicates"] == []


@pytest.mark.parametrize(
    ("channel", "lacking", "why"),
    [("whatsapp", "ctwa_clid", "100/2804087"), ("whatsapp", "whatsapp_business_account_id", "100"), ("messenger", "page_id", "100"),
     ("messenger", "page_scoped_user_id", "100"), ("instagram", "ig_sid", "100/2804075"),
     ("instagram", "ig_account_id", "100/2804079")],
)  # fmt: skip
def test_a_messaging_event_says_who_is_meant(box: Sandbox, http: Http, channel: str, lacking: str, why: str) -> None:
    without: dict[str, Any] = {lacking: None}
    assert code(http.rejected(message(box, channel, **without))) == why


def test_the_documentations_old_name_of_the_instagram_account_does_not_do(box: Sandbox, http: Http) -> None:
    old = message(box, "instagram", ig_account_id=None, instagram_business_account_id="4001")
    assert code(http.rejected(old)) == "100/2804079"


@pytest.mark.parametrize("name", ["Lead", "Marketing Qualified Lead", "CompleteRegistration"])
def test_messaging_knows_only_its_own_events(box: Sandbox, http: Http, name: str) -> None:
    assert code(http.rejected(message(box, "whatsapp", name))) == "100/2804066"


def test_a_messaging_event_names_its_channel(box: Sandbox, http: Http) -> None:
    assert code(http.rejected({**message(box, "whatsapp"), "messaging_channel": None})) == "100/2804063"


@pytest.mark.parametrize("key", ["client_ip_address", "client_user_agent"])
def test_instagram_wants_no_browser(box: Sandbox, http: Http, key: str) -> None:
    assert code(http.rejected(message(box, "instagram", **{key: "203.0.113.7"}))) == "100/2804064"
    assert http.post(message(box, "whatsapp", **{key: "203.0.113.7"})).ok


def test_an_instagram_account_must_belong_to_the_datasets_business(box: Sandbox, http: Http) -> None:
    box.seed({"datasets": [{"id": DATASET, "instagram_accounts": ["4001"]}]})
    assert http.post(message(box, "instagram")).ok
    assert code(http.rejected(message(box, "instagram", ig_account_id="4002"))) == "100/2804133"


def test_each_channel_needs_its_permission(box: Sandbox) -> None:
    box.seed({"tokens": {TOKEN: {"scopes": ["page_events"]}}})
    with Http(box) as http:
        assert http.post(message(box, "messenger")).ok
        assert code(http.rejected(message(box, "whatsapp"))) == "200"
        assert http.post(event(box)).ok


# --- people --------------------------------------------------------------------------------------------------------


def test_a_wrong_hash_is_taken_and_matches_nobody(box: Sandbox, http: Http) -> None:
    bad = ["ada@example.com", sha("ada@example.com").upper(), "0cc175b9c0f1b6a831c399e269772661", None]
    for value in bad:
        assert http.post(event(box, user_data={"em": value, "client_ip_address": "203.0.113.7"})).ok
    http.post(event(box))
    assert [e["matched"] for e in held(box)["counted"]] == [False] * 4 + [True]
    quality = held(box)["matching"]
    assert (quality["events"], quality["matched"], quality["malformed"], quality["by"]) == (5, 1, {"em": 4}, {"em": 1})


def test_unhashed_values_can_be_refused() -> None:
    with Sandbox("meta", switches={"refuse_unhashed": True}) as box, Http(box) as http:
        refused = http.rejected(event(box, user_data={"em": ["ada@example.com"]}))
        assert refused["error_data"]["blame_field_specs"] == [["user_data", "em"]]
        assert http.post(event(box, user_data={"em": [sha("ada@example.com")], "external_id": "crm-1"})).ok


def test_known_people_are_recognised_by_what_was_hashed_rightly(box: Sandbox, http: Http) -> None:
    box.seed({"people": [{"em": "ada@example.com", "ph": "442079460001", "fn": "valéry"}, {"external_id": "crm-2", "fbp": "fb.1.1790000000000.7"}]})  # fmt: skip
    sent = [
        {"em": sha("ada@example.com"), "fn": sha("valery")},
        {"ph": [sha("+442079460001"), sha("442079460001")]},
        {"em": sha("Ada@example.com")},
        {"external_id": sha("crm-2")},
        {"fbp": "fb.1.1790000000000.7.AQ"},
    ]
    http.post(*[event(box, user_data=user) for user in sent])
    seen = [(e["person"], e["matched_by"], e["differing"]) for e in held(box)["counted"]]
    assert seen == [(0, ["em"], ["fn"]), (0, ["ph"], []), (None, [], []), (1, ["external_id"], []), (None, [], [])]


@pytest.mark.parametrize(
    ("cookie", "good"),
    [("fb.1.1790000000000.AbC", True), ("fb.1.1790000000000.AbC.AQ", True), ("fb.1.1790000000.AbC", False)],
)
def test_a_click_id_has_its_time_in_milliseconds_and_any_tail(
    box: Sandbox, http: Http, cookie: str, good: bool
) -> None:
    http.post(event(box, user_data={"fbc": cookie}))
    assert held(box)["counted"][0]["matched_by"] == (["fbc"] if good else [])


# --- leads that become customers -----------------------------------------------------------------------------------


def crm(box: Sandbox, lead_id: Any, **more: Any) -> dict[str, Any]:
    said = {"event_source": "crm", "lead_event_source": "HubSpot"}
    return event(box, **{"event_name": "Qualified", "user_data": {"lead_id": lead_id}, "custom_data": said, **more})


@pytest.mark.parametrize("lead_id", [123, 12345678901234, 123456789012345678, "12345678901234x", 1.5e15, True])
def test_a_lead_id_has_15_to_17_digits(box: Sandbox, http: Http, lead_id: Any) -> None:
    assert http.rejected(crm(box, lead_id))["error_data"]["blame_field_specs"] == [["user_data", "lead_id"]]


def test_a_stage_of_a_known_lead_matches_it_and_one_of_a_stranger_does_not(box: Sandbox, http: Http) -> None:
    [lead] = leads(box)
    box.clock(advance=60)
    http.post(crm(box, int(lead)), crm(box, 12345678901234567))
    assert [e["matched_by"] for e in held(box)["counted"]] == [["lead_id"], []]


def test_what_happened_before_the_lead_is_set_aside_without_a_word(box: Sandbox, http: Http) -> None:
    [lead] = leads(box)
    answer = http.post(crm(box, int(lead), event_time=now(box) - 3600)).json()
    assert (answer["events_received"], answer["messages"]) == (1, [])
    assert counted(box) == []
    assert [e["reason"] for e in held(box)["discarded"]] == ["before_lead"]


def leads(box: Sandbox) -> list[str]:
    seeded = {"pages": [{"id": "1001"}], "forms": [{"id": "2001"}], "leads": [{"fields": {"email": "ada@example.com"}}]}
    ids: list[str] = box.seed(seeded)["ids"]["leads"]
    return ids


# --- from another process ------------------------------------------------------------------------------------------


def test_everything_can_be_had_over_http_alone(box: Sandbox) -> None:
    side = f"{box.url}/_sandbox"
    requests.post(f"{side}/seed", json={"datasets": [{"id": "77", "name": "Shop"}]}, timeout=5)
    requests.post(f"{side}/fault", json={"kind": "timeout_after", "path": "*/events"}, timeout=5)
    body = {"data": [event(box, event_id="e")]}
    for _ in range(2):
        try:
            requests.post(f"{box.url}/v26.0/77/events", params={"access_token": TOKEN}, json=body, timeout=5)
        except requests.ConnectionError:
            continue
    state = requests.get(f"{side}/state", timeout=5).json()["datasets"]["77"]
    assert (state["name"], len(state["counted"]), len(state["duplicates"])) == ("Shop", 1, 1)
