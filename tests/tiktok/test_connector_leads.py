"""Leads in: believed only if TikTok signed them, either way, and read with their answers and whole ids."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from stagebridge.connector import HookRequest, Record
from stagebridge.errors import AuthError, ConfigError
from stagebridge.mapping import load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_tiktok import TikTok
from tiktok_http import CRM, LEAD, NOW, source
from tiktok_kit import drafts, stage, tiktok

URL = "https://bridge.example/hooks/tiktok"
SECRET = "sandbox-secret"
ANSWERS = {
    "email": "Zoë@Example.com", "phone_number": "+44 20 7946 0001", "first_name": "Zoë", "last_name": "Şahin 😀",
    "budget": "5,000 €",
}  # fmt: skip


def came(box: Sandbox) -> HookRequest:
    [hook] = box.hooks(URL)
    return HookRequest(hook["method"], hook["url"], {k.lower(): v for k, v in hook["headers"].items()}, hook["body"])


def signed(body: bytes, over: bytes | None = None, **headers: str) -> HookRequest:
    signature = hmac.new(SECRET.encode(), body if over is None else over, hashlib.sha256).hexdigest()
    return HookRequest("POST", URL, {"x-open-signature": signature, **headers}, body)


def body(*entries: Any, **more: Any) -> bytes:
    return json.dumps({"object": 1, "entry": entries, "time": NOW, **more}, ensure_ascii=False).encode()


@pytest.fixture
def leads() -> TikTok:
    return TikTok(token="t", app_secret=SECRET)


# --- as the stand-in sends them ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook_signature", ["escaped", "raw"])
@pytest.mark.parametrize("other_ids_as_text", [False, True])
def test_a_lead_is_read_with_its_answers_however_tiktok_signs(hook_signature: str, other_ids_as_text: bool) -> None:
    switches = {"hook_signature": hook_signature, "other_ids_as_text": other_ids_as_text}
    with Sandbox("tiktok", switches=switches) as box:
        box.seed({"leads": [{"id": LEAD, "answers": ANSWERS, "ad_id": 7200000000000000123, "create_time": NOW}]})
        connector = tiktok(box, app_secret=SECRET, custom={"budget": "text"})
        [record] = connector.receive(came(box))
        assert (record.object, record.id, record.modified_at) == ("leads", LEAD, datetime.fromtimestamp(NOW, UTC))
        assert record.data["ad_id"] == "7200000000000000123"
        assert connector.mapping is not None
        view = connector.mapping.read(record.data, record.object)
        assert view.problems == {}
        assert {k: v for k, v in view.items() if v is not None} == {
            "email": "zoë@example.com", "phone": "+442079460001", "first_name": "Zoë", "last_name": "Şahin 😀",
            "custom.budget": "5,000 €", "lead_ids.tiktok": LEAD, "stage": "lead", "source": "TikTok form",
            "created_at": datetime.fromtimestamp(NOW, UTC),
        }  # fmt: skip


def test_what_becomes_of_a_lead_is_reported_back_under_the_very_same_id(box: Sandbox) -> None:
    ids = box.seed({"leads": [{"id": LEAD, "answers": ANSWERS}, {"answers": {"email": "b@example.com"}}]})["leads"]
    connector = tiktok(box, app_secret=SECRET)
    assert connector.mapping is not None
    told = [
        stage(f"{r.id}:won", lead_ids={"tiktok": connector.mapping.read(r.data, r.object)["lead_ids.tiktok"]})
        for r in connector.receive(came(box))
    ]
    connector.send(drafts(connector, *told))
    assert [e["lead_id"] for e in source(box, CRM)["counted"]] == ids
    assert source(box, CRM)["unknown_leads"] == []


def test_a_lead_of_a_message_says_so(box: Sandbox) -> None:
    box.seed({"leads": [{"answers": ANSWERS, "lead_source": "DIRECT_MESSAGE"}]})
    connector = tiktok(box, app_secret=SECRET)
    [record] = connector.receive(came(box))
    assert load_mapping("tiktok").read(record.data, "leads")["source"] == "TikTok message"


# --- signatures ----------------------------------------------------------------------------------------------------


def test_both_signatures_are_believed_over_the_bytes_as_they_came(leads: TikTok) -> None:
    spaced = '{"entry": [ {"changes":[{"value":"Zoë 😀","field":"name"}], "id":7012345678901234567} ] ,"object":1}'
    ascii_ = spaced.replace("ë", "\\u00eb").replace("😀", "\\ud83d\\ude00").encode()
    for over in (spaced.encode(), ascii_):
        assert [r.id for r in leads.receive(signed(spaced.encode(), over))] == [LEAD]
    assert [r.id for r in leads.receive(signed(ascii_))] == [LEAD]


@pytest.mark.parametrize("request_", [
    HookRequest("POST", URL, {}, body()), HookRequest("POST", URL, {"x-open-signature": ""}, body()),
    HookRequest("POST", URL, {"x-open-signature": "ü" * 64}, body()), signed(body(), body() + b" "),
    signed("é".encode(), b"\\u00E9"), signed(b"\xff\xfe", b""),
], ids=["unsigned", "empty", "not ascii", "another body", "capital letters", "no utf-8"])  # fmt: skip
def test_anything_else_is_not_believed(leads: TikTok, request_: HookRequest) -> None:
    with pytest.raises(AuthError) as told:
        leads.receive(request_)
    assert told.value.code == "SB-TIKTOK-SIGNATURE"


def test_without_the_secret_no_webhook_is_looked_at() -> None:
    with pytest.raises(ConfigError, match="app_secret"):
        TikTok(token="t", pixel="C1").receive(signed(body()))


# --- bodies --------------------------------------------------------------------------------------------------------


def test_no_number_goes_through_a_float(leads: TikTok) -> None:
    long = 70123456789012345678901234567890
    [record] = leads.receive(signed(body({"id": long, "ad_id": 7200000000000000123, "weight": 1.10})))
    assert record.id == str(long)
    assert record.data == {"id": str(long), "ad_id": "7200000000000000123", "weight": "1.1"}
    assert record.modified_at is None


def test_a_webhook_that_comes_twice_and_a_lead_that_is_in_it_twice_are_one_lead(leads: TikTok) -> None:
    request = signed(body({"id": 1, "changes": []}, {"id": 2}, {"id": 1}))
    assert leads.receive(request) == leads.receive(request)
    assert [r.id for r in leads.receive(request)] == ["1", "2"]


@pytest.mark.parametrize("text", [
    b'{"object":2,"entry":[{"id":1}]}', b'{"entry":[{"id":1}]}', b"[]", b'{"object":1}', b'{"object":1,"entry":{}}',
    b'{"object":1,"entry":[null,{},{"id":null},{"id":"x"},{"id":true}]}',
])  # fmt: skip
def test_what_brings_no_lead_is_passed_over(leads: TikTok, text: bytes) -> None:
    assert leads.receive(signed(text)) == []


def test_a_signed_body_that_is_no_json_is_refused(leads: TikTok) -> None:
    for text in (b"", b"{", b"\xff"):
        with pytest.raises(AuthError) as told:
            leads.receive(signed(text))
        assert told.value.code == "SB-TIKTOK-WEBHOOK"


@pytest.mark.parametrize("when", [None, "soon", 10**30, -(10**30)])
def test_a_time_that_nobody_understands_is_none(leads: TikTok, when: Any) -> None:
    [record] = leads.receive(signed(body({"id": 1, "create_time": when})))
    assert record == Record("leads", "1", record.data, None)


def test_what_a_form_did_not_ask_is_not_known() -> None:
    entry = {"id": LEAD, "lead_source": "INSTANT_FORM", "changes": [{"field": "name", "value": "Ada Lovelace"}]}
    view = load_mapping("tiktok").read(entry)
    assert (view["name"], view.get("email"), view["stage"]) == ("Ada Lovelace", None, "lead")


def test_an_overlay_reads_a_question_of_a_form_and_names_the_stage_of_another_lifecycle() -> None:
    leads = {"fields": {"company": {"read": "changes(field=company_name).value"}}, "given": {"stage": "new_lead"}}
    overlay = {"extends": "tiktok", "contact": leads}
    entry = {"id": LEAD, "lead_source": "INSTANT_FORM", "changes": [{"field": "company_name", "value": "Acme"}]}
    view = load_mapping(overlay, lifecycle="messaging").read(entry, "leads")
    assert (view["company"], view["stage"]) == ("Acme", "new_lead")
