"""How the TikTok stand-in brings leads: signed webhooks with the answers in them, subscriptions, CRM event sets."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from stub_http import Reply, Stub
from tiktok_http import LEAD, NOW, Http, crm_event

URL = "https://bridge.example/hooks/tiktok"
APP = {"app_id": "7100000000000000301", "secret": "sandbox-secret"}
ADVERTISER = "7100000000000000001"


def lead(email: str = "ada@example.com", **more: Any) -> dict[str, Any]:
    return {"answers": {"email": email, "name": "Zoë Şahin 😀"}, **more}


def signed(body: bytes) -> str:
    return hmac.new(b"sandbox-secret", body, hashlib.sha256).hexdigest()


def escaped(body: bytes) -> bytes:
    """The body in ASCII, by another way than the stand-in's: JSON's own escapes, on the same keys in the same order."""
    return json.dumps(json.loads(body), ensure_ascii=True, separators=(",", ":")).encode()


def entries(box: Sandbox, url: str = URL) -> list[dict[str, Any]]:
    return [e for hook in box.hooks(url) for e in json.loads(hook["body"])["entry"]]


def subscribe(http: Http, **change: Any) -> Any:
    detail = {"access_token": "token-1", "advertiser_id": ADVERTISER, "lead_source": "INSTANT_FORM"}
    detail |= change.pop("detail", {})
    body = {**APP, "subscribe_entity": "LEAD", "callback_url": URL, "subscription_detail": detail} | change
    return http.post("subscription/subscribe/", body)


# --- webhooks ------------------------------------------------------------------------------------------------------


def test_a_lead_comes_with_its_answers_in_it(box: Sandbox) -> None:
    box.seed({"leads": [lead(id=LEAD, page_id="7200000000000000001")]})
    [hook] = box.hooks(URL)
    body = json.loads(hook["body"])
    assert (hook["method"], hook["url"], body["object"], body["time"]) == ("POST", URL, 1, NOW)
    [entry] = body["entry"]
    assert entry["changes"] == [
        {"field": "email", "value": "ada@example.com"}, {"field": "name", "value": "Zoë Şahin 😀"},
    ]  # fmt: skip
    assert (entry["page_id"], entry["create_time"], entry["lead_source"]) == (7200000000000000001, NOW, "INSTANT_FORM")
    assert {"advertiser_id", "campaign_id", "adgroup_id", "ad_id"} < entry.keys()


def test_a_leads_id_is_a_bare_number_of_19_digits_that_no_float_holds(box: Sandbox) -> None:
    [given, made] = box.seed({"leads": [lead(id=LEAD), lead()]})["leads"]
    raw = box.hooks(URL)[0]["body"].decode()
    assert re.findall(r'"id":(\d+)', raw) == [given, made] == [LEAD, made]
    for id_ in (given, made):
        assert len(id_) == 19
        assert str(int(float(id_))) != id_
    assert [x["id"] for x in box.state()["leads"]] == [given, made]


def test_the_other_ids_may_be_text() -> None:
    with Sandbox("tiktok", switches={"other_ids_as_text": True}) as box:
        box.seed({"leads": [lead(id=LEAD, ad_id=7)]})
        [entry] = entries(box)
        assert (entry["id"], entry["ad_id"], entry["advertiser_id"]) == (int(LEAD), "7", ADVERTISER)


def test_a_webhook_is_signed_over_its_body_with_all_but_ascii_escaped(box: Sandbox) -> None:
    box.seed({"leads": [lead()]})
    [hook] = box.hooks(URL)
    assert "Zoë Şahin 😀".encode() in hook["body"]
    assert b"Zo\\u00eb \\u015eahin \\ud83d\\ude00" in escaped(hook["body"])
    assert hook["headers"]["x-open-signature"] == signed(escaped(hook["body"])) != signed(hook["body"])


def test_in_plain_ascii_both_signatures_are_the_same(box: Sandbox) -> None:
    box.seed({"leads": [{"answers": {"name": "Ada"}}]})
    [hook] = box.hooks(URL)
    assert hook["headers"]["x-open-signature"] == signed(hook["body"])


def test_a_webhook_may_be_signed_over_its_raw_body() -> None:
    with Sandbox("tiktok", switches={"hook_signature": "raw"}) as box:
        box.seed({"leads": [lead()]})
        [hook] = box.hooks(URL)
        assert hook["headers"]["x-open-signature"] == signed(hook["body"])


def test_leads_come_several_in_a_request(box: Sandbox) -> None:
    box.seed({"leads": [lead(f"p{i}@example.com") for i in range(7)]})
    assert [len(json.loads(h["body"])["entry"]) for h in box.hooks(URL)] == [5, 2]
    assert box.hooks(URL) == []


def test_a_lead_that_is_not_accepted_comes_again_later_and_later_for_72_hours(box: Sandbox, stub: Stub) -> None:
    box.seed({"leads": [lead()]})
    stub.will(Reply(500))
    assert box.deliver(stub.url) == [500]
    passed, minutes = 0, 1
    while box.state()["leads_due"]:
        box.clock(advance=60 * minutes - 1)
        assert box.deliver(stub.url) == []
        box.clock(advance=1)
        assert box.deliver(stub.url) == [500]
        passed, minutes = passed + minutes, minutes * 2
    assert passed <= 72 * 60 < passed + minutes
    assert box.state()["leads_given_up"] == 1


def test_a_lead_that_is_accepted_does_not_come_again(box: Sandbox, stub: Stub) -> None:
    box.seed({"leads": [lead()]})
    stub.will(Reply(503), Reply(200))
    assert box.deliver(stub.url) == [503]
    box.clock(advance=60)
    assert box.deliver(stub.url) == [200]
    box.clock(advance=86_400)
    assert box.deliver(stub.url) == []
    assert stub.seen[0].body != stub.seen[1].body  # its time is the attempt's
    assert json.loads(stub.seen[0].body)["entry"] == json.loads(stub.seen[1].body)["entry"]


def test_webhooks_come_twice_and_in_any_order_when_told_so(box: Sandbox) -> None:
    box.seed({"leads": [lead()]})
    box.fault("duplicate_hooks")
    first, second = entries(box)
    assert first == second
    box.seed({"leads": [lead() for _ in range(20)]})
    ids = [e["id"] for e in entries(box)]
    assert len(set(ids)) == 20 < len(ids)
    box.heal()
    box.fault("reorder_hooks")
    given = box.seed({"leads": [lead() for _ in range(20)]})["leads"]
    came = [str(e["id"]) for e in entries(box)]
    assert sorted(came) == sorted(given)
    assert came != given


# --- subscriptions -------------------------------------------------------------------------------------------------


def test_a_subscription_is_made_listed_and_ended(box: Sandbox, http: Http) -> None:
    id_ = subscribe(http)["data"]["subscription_id"]
    [found] = http.get("subscription/get/", **APP)["data"]["subscriptions"]
    assert (found["subscription_id"], found["callback_url"]) == (id_, URL)
    assert found["subscription_detail"] == {"advertiser_id": ADVERTISER, "lead_source": "INSTANT_FORM"}
    assert http.post("subscription/unsubscribe/", {**APP, "subscription_id": "1"})["code"] == 40007
    assert http.post("subscription/unsubscribe/", {**APP, "subscription_id": id_})["code"] == 0
    assert http.get("subscription/get/", **APP)["data"]["subscriptions"] == []


@pytest.mark.parametrize(("change", "code"), [
    ({"secret": "wrong"}, 40101), ({"app_id": None}, 40101), ({"subscribe_entity": "AD"}, 40002), ({"callback_url": ""}, 40002),
    ({"detail": {"lead_source": "FORM"}}, 40002), ({"detail": {"access_token": "Bearer x"}}, 40105),
    ({"detail": {"access_token": ""}}, 40105), ({"detail": {"advertiser_id": "7"}}, 40001), ({"subscription_detail": None}, 40002),
])  # fmt: skip
def test_a_wrong_subscription_is_refused(box: Sandbox, http: Http, change: Any, code: int) -> None:
    assert subscribe(http, **change)["code"] == code
    assert box.state()["subscriptions"] == []


def test_the_app_identifies_itself_for_listing_and_ending_too(http: Http) -> None:
    assert http.get("subscription/get/", app_id="7", secret="x")["code"] == 40101
    assert http.post("subscription/unsubscribe/", {"subscription_id": "1"})["code"] == 40101


def test_a_revoked_token_ends_its_subscription_without_a_word() -> None:
    clock = ManualClock(datetime.fromtimestamp(NOW, UTC))
    with Sandbox("tiktok", clock=clock, switches={"leads_need_subscription": True}) as box, Http(box, "other") as http:
        box.seed({"leads": [lead()]})
        assert entries(box) == []
        subscribe(http)
        assert (len(entries(box, "https://else.example/")), len(entries(box))) == (0, 1)
        box.seed({"leads": [lead()], "revoke": ["token-1"]})
        assert entries(box) == []
        assert http.get("subscription/get/", **APP)["data"]["subscriptions"] == []


def test_a_subscription_brings_its_own_kind_of_lead() -> None:
    with Sandbox("tiktok", switches={"leads_need_subscription": True}) as box, Http(box) as http:
        subscribe(http)
        box.seed({"leads": [lead(lead_source="DIRECT_MESSAGE"), lead(advertiser_id="7100000000000000002")]})
        assert entries(box) == []
        subscribe(http, detail={"lead_source": "DIRECT_MESSAGE"})
        assert [e["lead_source"] for e in entries(box)] == ["DIRECT_MESSAGE"]


# --- CRM event sets ------------------------------------------------------------------------------------------------


def test_a_crm_event_set_is_made_listed_and_reported_to(box: Sandbox, http: Http) -> None:
    made = http.post("crm/create/", {"advertiser_id": ADVERTISER, "name": "Our CRM"})["data"]
    listed = http.get("crm/list/", advertiser_id=ADVERTISER)["data"]["list"]
    assert [s["event_set_id"] for s in listed] == ["7100000000000000201", made["event_set_id"]]
    assert listed[1]["name"] == "Our CRM"
    assert http.code(crm_event(), kind="crm", source=made["event_set_id"]) == 0
    assert len(box.state()["sources"][made["event_set_id"]]["counted"]) == 1


def test_event_sets_are_of_one_advertiser(box: Sandbox, http: Http) -> None:
    assert http.get("crm/list/")["code"] == 40002
    assert http.get("crm/list/", advertiser_id="7")["code"] == 40001
    assert http.post("crm/create/", {"advertiser_id": ADVERTISER})["code"] == 40002
    with Http(box, "") as nobody:
        assert nobody.get("crm/list/", advertiser_id=ADVERTISER)["code"] == 40105
