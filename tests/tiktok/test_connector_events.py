"""What TikTok is told of an event, source by source, and what it then counts."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stagebridge.config import load_config
from stagebridge.connector import Done, Draft, Rejected
from stagebridge.contact import Contact
from stagebridge.errors import ConfigError
from stagebridge.mapping import load_mapping
from stagebridge.mapping.laws import check_source
from stagebridge.sandbox import Sandbox
from stub_http import Reply, Stub
from tiktok_http import CRM, LEAD, NOW, OFFLINE, PIXEL, counted, sha, source
from tiktok_kit import ALICE, AT, drafted, drafts, item, purchase, stage, tiktok

EMAIL = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
PHONE = "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"
KEY = "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"
APP = "7300000000000000001"
README = Path(__file__).parents[2] / "connectors" / "tiktok" / "README.md"


# --- the web -------------------------------------------------------------------------------------------------------


def test_a_purchase_on_the_web_counts_with_all_that_is_known_of_it(box: Sandbox) -> None:
    person = {**ALICE, "mobile": "+442079460001", "language": "de-DE"}
    event = purchase(
        person=person, items=(item(name="Vase", category="home", brand="Acme"),), referrer="https://shop.example/cart",
        ip="192.0.2.1", user_agent="Mozilla/5.0", click_ids={"ttclid": "E.C.P", "ttp": "94e2"},
    )  # fmt: skip
    connector = tiktok(box)
    assert connector.send(drafts(connector, event)) == [Done("ord-1")]
    [held] = source(box)["counted"]
    assert (held["event"], held["event_id"], held["event_time"]) == ("Purchase", "ord-1", NOW)
    assert held["user"] == {
        "email": [EMAIL], "phone": [PHONE, sha("+442079460001")], "external_id": [KEY], "ttclid": "E.C.P", "ttp": "94e2",
        "ip": "192.0.2.1", "user_agent": "Mozilla/5.0", "locale": "de-DE",
    }  # fmt: skip
    assert held["properties"] == {
        "value": 30.5, "currency": "EUR", "order_id": "42", "content_type": "product",
        "contents": [
            {"content_id": "sku1", "content_name": "Vase", "quantity": 2, "price": 15.25, "content_category": "home", "brand": "Acme"}
        ],
    }  # fmt: skip
    assert held["page"] == {"url": "https://shop.example/thanks", "referrer": "https://shop.example/cart"}
    assert source(box)["ignored"] == {}
    assert "event_source" not in drafted(connector, event).payload


def test_the_hashes_are_those_of_tiktoks_own_examples() -> None:
    contact = Contact(email=" ALICE_abc@gmail.com ", phone="(+1)2133734253", external_id="user_123")
    written = load_mapping("tiktok").write_event(purchase(contact=contact))
    assert written["user"] == {"email": [EMAIL], "phone": [PHONE], "external_id": [KEY]}


def test_a_key_of_ours_is_hashed_in_upper_and_lower_case_as_it_is() -> None:
    [hashed] = load_mapping("tiktok").write_event(purchase(person={"external_id": "User_123"}))["user"]["external_id"]
    assert hashed == sha("User_123") != KEY


def test_the_same_number_twice_is_sent_once(box: Sandbox) -> None:
    draft = drafted(tiktok(box), purchase(person={"phone": "+12133734253", "mobile": "+12133734253"}))
    assert draft.payload["user"]["phone"] == [PHONE]


def test_a_click_of_the_event_itself_stands_before_the_one_that_is_remembered_of_the_person(box: Sandbox) -> None:
    person = {"click_ids.ttclid": "old", "click_ids.ttp": "cookie"}
    user = drafted(tiktok(box), purchase(person=person, click_ids={"ttclid": "new"})).payload["user"]
    assert user == {"ttclid": "new", "ttp": "cookie"}


def test_limited_data_use_is_said_of_web_and_app_events_only(box: Sandbox) -> None:
    connector = tiktok(box, limited_data_use=True, app=APP)
    said = [
        drafted(connector, e).payload.get("limited_data_use")
        for e in (purchase(), purchase(channel="app"), purchase(channel="phone"), stage())
    ]
    assert said == [True, True, None, None]
    assert "limited_data_use" not in drafted(tiktok(box), purchase()).payload


# --- the other sources ---------------------------------------------------------------------------------------------


def test_a_stage_is_reported_to_the_crm_event_set_under_the_lead_it_came_from(box: Sandbox) -> None:
    connector = tiktok(box)
    events = [
        stage("a"), stage("b", "LeadQualified"), stage("c", "Purchase"),
        stage("d", lead_ids={}, person={**ALICE, "lead_ids.tiktok": LEAD}),
    ]  # fmt: skip
    assert connector.send(drafts(connector, *events)) == [Done(x) for x in "abcd"]
    held = source(box, CRM)["counted"]
    assert [e["event"] for e in held] == ["customer", "Qualified", "Purchase", "customer"]
    assert {e["lead_id"] for e in held} == {LEAD}
    assert held[0]["user"] == {"email": [EMAIL], "phone": [PHONE], "external_id": [KEY]}
    assert drafted(connector, stage()).payload["lead"] == {"lead_id": LEAD, "lead_event_source": "HubSpot"}
    assert drafted(tiktok(box, crm_name=None), stage()).payload["lead"] == {"lead_id": LEAD}


@pytest.mark.parametrize("channel", ["physical_store", "phone", "email", "other"])
def test_what_happened_neither_on_the_web_nor_in_the_app_goes_to_the_offline_event_set(
    box: Sandbox, channel: str
) -> None:
    connector = tiktok(box)
    assert connector.send(drafts(connector, purchase(channel=channel, ip="192.0.2.1"))) == [Done("ord-1")]
    [held] = source(box, OFFLINE)["counted"]
    assert (held["event"], held["user"]) == ("Purchase", {"email": [EMAIL], "phone": [PHONE]})
    assert source(box, OFFLINE)["ignored"] == {}


def test_an_app_on_the_allow_list_is_reported_to_with_the_devices_ids(box: Sandbox) -> None:
    box.seed({"sources": [{"id": APP, "event_source": "app"}]})
    connector = tiktok(box, app=APP)
    event = purchase(channel="app", person={}, custom={"idfa": "AEBE52E7", "att_status": "AUTHORIZED"}, ip="192.0.2.1")
    assert connector.send(drafts(connector, event)) == [Done("ord-1")]
    [held] = source(box, APP)["counted"]
    assert held["user"] == {"idfa": "AEBE52E7", "att_status": "AUTHORIZED", "ip": "192.0.2.1"}


def test_a_call_reports_to_one_source(box: Sandbox) -> None:
    connector = tiktok(box)
    groups = [drafted(connector, e).group for e in (purchase(), purchase(channel="phone"), stage())]
    assert groups == [f"web:{PIXEL}", f"offline:{OFFLINE}", f"crm:{CRM}"]


@pytest.mark.parametrize(("channel", "setting"), [
    ("web", "pixel"), ("app", "app"), ("phone", "offline_set"), ("crm", "crm_set"),
])  # fmt: skip
def test_without_a_source_for_its_channel_an_event_is_rejected_and_the_setting_is_named(
    box: Sandbox, channel: str, setting: str
) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("pixel", "offline_set", "crm_set"))
    connector = tiktok(box, **nothing, app_secret="s")
    told = connector.draft(purchase(channel=channel))
    assert isinstance(told, Rejected)
    assert (told.code, f"`{setting}`" in told.message) == ("SB-TIKTOK-NO-SOURCE", True)
    unfit = connector.draft(purchase(channel=channel, source_url=None, person={}))
    assert isinstance(unfit, Rejected)
    assert unfit.code == "SB-TIKTOK-NO-SOURCE"


@pytest.mark.parametrize("chat", ["tiktok", "whatsapp", None])
def test_events_of_chats_are_not_supported_and_the_sentence_says_why(box: Sandbox, chat: Any) -> None:
    told = tiktok(box).draft(purchase(channel="chat", chat=chat))
    assert isinstance(told, Rejected)
    assert told.code == "SB-NOT-SUPPORTED"
    assert "message event sets" in told.message


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs"), [
    ("Purchase", "Purchase"), ("CompletePayment", "Purchase"), ("Lead", "Lead"), ("SubmitForm", "Lead"),
    ("AddToWishlist", "AddToWishlist"), ("CartAbandoned", "CartAbandoned"), ("Our Own", "Our Own"),
])  # fmt: skip
def test_an_event_has_its_current_name_however_old_the_one_is_that_came_in(
    box: Sandbox, ours: str, theirs: str
) -> None:
    connector = tiktok(box)
    connector.send(drafts(connector, purchase(name=ours)))
    assert counted(box) == [(theirs, "ord-1")]


def test_offline_takes_standard_events_only(box: Sandbox) -> None:
    connector = tiktok(box)
    assert drafted(connector, purchase(name="CompletePayment", channel="phone")).payload["event"] == "Purchase"
    told = connector.draft(purchase(name="CartAbandoned", channel="phone"))
    assert told == Rejected("SB-EVENT-DROPPED", "offline takes no CartAbandoned")


@pytest.mark.parametrize("channel", ["web", "app", "phone"])
def test_a_stage_is_an_event_of_the_crm_alone(box: Sandbox, channel: str) -> None:
    told = tiktok(box, app=APP).draft(purchase(name="StageChanged", stage="customer", channel=channel))
    assert isinstance(told, Rejected)
    assert told.code == "SB-EVENT-DROPPED"


# --- what an event has to have -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("event", "lacks"), [
    (purchase(source_url=None), "source_url"), (purchase(person={}), "contact.email"),
    (purchase(person={}, channel="phone", ip="192.0.2.1"), "contact.email"), (stage(lead_ids={}), "lead_ids.tiktok"),
    (purchase(person={}, channel="app"), "custom.idfa"),
])  # fmt: skip
def test_an_event_that_nobody_could_be_found_by_is_incomplete(box: Sandbox, event: Any, lacks: str) -> None:
    told = tiktok(box, app=APP).draft(event)
    assert isinstance(told, Rejected)
    assert (told.code, lacks in told.message) == ("SB-EVENT-INCOMPLETE", True)


def test_names_and_places_are_sent_only_where_the_mapping_is_asked_for_them(box: Sandbox) -> None:
    person = {
        "first_name": "Zoë", "last_name": "O'Hara", "address.postal_code": "SW1A 1AA", "address.city": "Bad Köln",
        "address.region": "NW", "address.country": "DE",
    }  # fmt: skip
    plain = drafted(tiktok(box), purchase(person={**ALICE, **person}))
    assert plain.payload["user"].keys() == {"email", "phone", "external_id"}
    connector = tiktok(box, mapping="tiktok_matching")
    assert connector.send(drafts(connector, purchase(person={**ALICE, **person}))) == [Done("ord-1")]
    user = source(box)["counted"][0]["user"]
    assert {k: v for k, v in user.items() if k not in ("email", "phone", "external_id")} == {
        "first_name": sha("zoë"), "last_name": sha("o'hara"), "zip_code": sha("sw1a 1aa"), "city": "badköln", "state": "nw",
        "country": "de",
    }  # fmt: skip


def test_nothing_of_a_person_is_in_the_open(box: Sandbox) -> None:
    person = {**ALICE, "first_name": "Alice", "last_name": "Abernathy", "birthday": "1990-02-28"}
    draft = drafted(tiktok(box, mapping="tiktok_matching"), purchase(person=person))
    for value in ("alice", "2133734253", "user_123", "abernathy", "1990"):
        assert value not in repr(draft.payload).lower()


# --- time, once, warnings ------------------------------------------------------------------------------------------


def test_an_event_is_sent_until_an_age_that_can_be_set_since_none_is_documented(box: Sandbox) -> None:
    connector = tiktok(box, app=APP)
    days = [
        drafted(connector, e).deadline
        for e in (purchase(), purchase(channel="app"), purchase(channel="phone"), stage())
    ]
    assert days == [AT + timedelta(days=d) for d in (7, 7, 28, 28)]
    other = tiktok(box, ages={"web": 2, "crm": None})
    assert drafted(other, purchase()).deadline == AT + timedelta(days=2)
    assert drafted(other, stage()).deadline is None


def test_an_event_sent_twice_in_48_hours_counts_once(box: Sandbox) -> None:
    connector = tiktok(box)
    [draft] = drafts(connector, purchase())
    connector.send([draft])
    box.clock(advance=draft.dedup - 1)
    assert connector.send([draft]) == [Done("ord-1")]
    assert counted(box) == [("Purchase", "ord-1")]
    box.clock(advance=1)
    connector.send([draft])
    assert counted(box) == [("Purchase", "ord-1"), ("Purchase", "ord-1")]


def test_what_tiktok_makes_little_of_is_a_warning_and_is_sent(box: Sandbox) -> None:
    connector = tiktok(box)
    assert drafted(connector, purchase()).warnings == ()
    [worthless] = drafted(connector, purchase(value=None, currency=None)).warnings
    assert "value" in worthless
    [ending] = drafted(connector, purchase(name="PlaceAnOrder")).warnings
    assert "2027" in ending
    [faint] = drafted(connector, purchase(person={}, ip="192.0.2.1")).warnings
    assert "address of the network" in faint


# --- the wire ------------------------------------------------------------------------------------------------------


def test_the_token_is_in_a_header_of_its_own_and_the_path_ends_with_a_slash(box: Sandbox, stub: Stub) -> None:
    stub.will(Reply(200, b'{"code":0,"message":"OK","request_id":"1","data":{}}'))
    connector = tiktok(box, base_url=stub.url)
    assert connector.send(drafts(connector, purchase())) == [Done("ord-1")]
    [seen] = stub.seen
    assert (seen.method, seen.path) == ("POST", "/open_api/v1.3/event/track/")
    assert seen.headers["Access-Token"] == "token-1"
    assert seen.headers["Content-Type"] == "application/json"
    assert "Authorization" not in seen.headers


def test_a_test_code_goes_at_the_top_and_nothing_counts(box: Sandbox) -> None:
    connector = tiktok(box, test_event_code="TEST123", test_mode=True, partner_name="OurSuite")
    assert connector.send(drafts(connector, purchase())) == [Done("ord-1")]
    assert counted(box) == []
    assert [e["test_event_code"] for e in source(box)["test_events"]] == ["TEST123"]
    assert source(box)["partner_names"] == ["OurSuite"]


def test_a_thousand_events_go_in_one_call(box: Sandbox) -> None:
    connector = tiktok(box)
    [draft] = drafts(connector, purchase())
    many = [Draft(f"e{i}", {**draft.payload, "event_id": f"e{i}"}, draft.group) for i in range(1000)]
    assert connector.send(many) == [Done(f"e{i}") for i in range(1000)]
    assert len(counted(box)) == 1000
    assert box.requests()["count"] == 1


def test_a_draft_that_was_kept_goes_to_the_source_that_it_was_made_for(box: Sandbox) -> None:
    kept = drafts(tiktok(box), purchase())
    assert tiktok(box, pixel=None).send(kept) == [Done("ord-1")]
    assert counted(box) == [("Purchase", "ord-1")]


# --- the mapping ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiktok", "tiktok_matching"])
def test_the_mappings_keep_the_laws(name: str) -> None:
    assert check_source(name, rounds=200) == []


def test_an_overlay_may_have_variants_of_its_own_for_one_of_the_four_sources(box: Sandbox) -> None:
    connector = tiktok(box)
    for source_, taken in (("offline", True), ("letters", False)):
        letters = {"when": {"channel": "email"}, "set": {"event_source": source_}}
        variants = {"offline": {"when": {"channel": "phone"}}, "letters": letters}
        connector.use(load_mapping({"extends": "tiktok", "event": {"variants": variants}}))
        if taken:
            assert drafted(connector, purchase(channel="email")).group == f"offline:{OFFLINE}"
            continue
        with pytest.raises(ConfigError, match="'letters' is none of web, app, offline, crm"):
            connector.draft(purchase(channel="email"))


def test_the_overlay_and_the_configuration_that_the_readme_shows_work(box: Sandbox, tmp_path: Path) -> None:
    config, overlay = re.findall(r"```yaml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    (tmp_path / "our_tiktok.yaml").write_text(overlay, "utf-8")
    connector = tiktok(box)
    connector.use(load_mapping(tmp_path / "our_tiktok.yaml"))
    assert isinstance(connector.draft(stage(lead_ids={})), Draft)
    assert isinstance(connector.draft(stage(lead_ids={}, person={"external_id": "user_123"})), Rejected)
    (tmp_path / "stagebridge.yaml").write_text(config, "utf-8")
    read = load_config(tmp_path / "stagebridge.yaml", environ={"HUBSPOT_TOKEN": "pat-1", "TIKTOK_TOKEN": "t"})
    assert (read.connections["ads"].type, read.events.sends[0].to) == ("tiktok", ("ads",))
