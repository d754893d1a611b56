"""Leads in: forms read page by page, single leads by id, webhooks that name them, and what `check` says."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from meta_kit import NOW, TOKEN, connection
from stagebridge.clock import ElasticClock, ManualClock
from stagebridge.connector import Hint, HookRequest, Page
from stagebridge.errors import AuthError, BudgetExhausted, ConfigError, NotSupported, PlatformDown
from stagebridge.mapping import load_mapping
from stagebridge.sandbox import Sandbox
from stagebridge_meta import Meta
from stagebridge_meta.graph import Refused
from stub_http import Reply, Stub

PAGE, FORM, OTHER = "100100100100100", "200200200200200", "200200200200201"
SECRET = "sandbox-secret"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("meta", clock=ElasticClock()) as made:
        made.seed(
            {
                "pages": [{"id": PAGE, "name": "Blue Heron", "subscribed": True}],
                "forms": [{"id": FORM, "page_id": PAGE, "name": "Newsletter"}, {"id": OTHER, "page_id": PAGE, "name": "Demo"}],
            }
        )  # fmt: skip
        yield made


def at(box: Sandbox, **values: Any) -> Meta:
    return connection(box.url, box.kit.clock, **{"forms": [FORM], "app_secret": SECRET, "page_id": PAGE, **values})


def leads(box: Sandbox, count: int, form: str = FORM, **fields: Any) -> list[str]:
    rows = [{"form_id": form, "fields": {"email": f"person{i}@example.com", **fields}} for i in range(count)]
    ids: list[str] = box.seed({"leads": rows})["ids"]["leads"]
    return ids


def ids(pages: list[Page]) -> list[str]:
    return [r.id for p in pages for r in p.records]


# --- reading -------------------------------------------------------------------------------------------------------


def test_a_pass_brings_every_lead_of_every_form_once(box: Sandbox) -> None:
    wanted = leads(box, 130) + leads(box, 20, OTHER)
    box.kit.clock.sleep(120)
    with at(box, forms=[FORM, OTHER]) as meta:
        pages = list(meta.read("leads"))
    assert sorted(ids(pages)) == sorted(wanted)
    assert [p.covered is not None for p in pages] == [False] * (len(pages) - 1) + [True]
    assert box.state()["token_places"] == {"header": len(pages)}


def test_a_later_pass_brings_what_is_new_and_a_form_that_is_new_whole(box: Sandbox) -> None:
    leads(box, 3)
    demo = leads(box, 2, OTHER)
    box.kit.clock.sleep(3600)
    with at(box) as meta:
        [first] = meta.read("leads")
        box.kit.clock.sleep(3600)
        new = leads(box, 2)
        [second] = meta.read("leads", json.loads(json.dumps(first.cursor)))
        assert sorted(ids([second])) == sorted(new)
    with at(box, forms=[FORM, OTHER]) as meta:
        assert sorted(ids(list(meta.read("leads", second.cursor)))) == sorted(new + demo)
        later = box.kit.now() - timedelta(minutes=10)
        assert sorted(ids(list(meta.read("leads", later)))) == sorted(new)
    with at(box, forms=[OTHER]) as meta:
        assert ids(list(meta.read("leads", first.cursor))) != []


def test_a_lead_of_the_second_in_which_a_pass_began_comes_with_the_next_one() -> None:
    clock = ManualClock(NOW)
    with Sandbox("meta", clock=clock) as box:
        box.seed({"pages": [{"id": PAGE, "name": "Blue Heron"}]})
        box.seed({"forms": [{"id": FORM, "page_id": PAGE, "name": "Newsletter"}]})
        with at(box, lag=0) as meta:
            [first] = meta.read("leads")
            new = leads(box, 1)
            clock.sleep(60)
            assert ids(list(meta.read("leads", first.cursor))) == new


def test_a_lead_is_a_contact_in_the_stage_lead_with_its_id(box: Sandbox) -> None:
    fields = {
        "email": "Ada@Example.com", "phone_number": "+1 (650) 555-1212", "full_name": "Ada Lovelace", "city": "London",
        "country": "United Kingdom", "date_of_birth": "1985-12-10", "gender": "female", "plan": "gold",
    }  # fmt: skip
    [lead] = box.seed({"leads": [{"form_id": FORM, "fields": fields}]})["ids"]["leads"]
    with at(box) as meta:
        [record] = meta.fetch("leads", [lead]).values()
    view = load_mapping("meta", custom={"plan": "text"}).read(record.data)
    assert view.problems == {}
    created = view.pop("created_at")
    assert view == {
        "email": "ada@example.com", "phone": "+16505551212", "name": "Ada Lovelace", "address.city": "London",
        "address.country": "GB", "birthday": record_date(fields["date_of_birth"]), "gender": "f", "custom.plan": "gold",
        "lead_ids.meta": lead, "stage": "lead", "source": "Meta lead ads",
        **dict.fromkeys(
            ("first_name", "last_name", "company", "job_title", "address.street", "address.region", "address.postal_code")
        ),
    }  # fmt: skip
    assert record.modified_at == created == record.changed_at["stage"]


def record_date(text: str) -> Any:
    from datetime import date

    return date.fromisoformat(text)


def test_a_lead_that_is_gone_is_left_out_and_one_that_may_not_be_seen_is_an_error(box: Sandbox) -> None:
    one, gone = leads(box, 2)
    box.seed({"delete_leads": [gone]})
    with at(box) as meta:
        assert meta.fetch("leads", [one, gone, one]).keys() == {one}
        box.seed({"tokens": {TOKEN: {"assets": []}}})
        with pytest.raises(AuthError):
            meta.fetch("leads", [one])
        with pytest.raises(AuthError):
            list(meta.read("leads"))


def test_only_leads_are_read_and_nothing_is_written(box: Sandbox) -> None:
    with at(box) as meta, pytest.raises(ConfigError):
        meta.read("contacts")
    with at(box, forms=[]) as meta, pytest.raises(ConfigError):
        list(meta.read("leads"))
    with at(box) as meta, pytest.raises(NotSupported, match="meta has no 'write'"):
        meta.write([])


# --- the way there -------------------------------------------------------------------------------------------------


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()


GOOD = Reply(200, orjson.dumps({"data": [{"id": "1", "created_time": "2026-11-20T10:00:00+0000", "field_data": []}]}))


@pytest.mark.parametrize(
    "odd",
    [
        Reply(502, b"<html>"), Reply(429, b""), Reply(200, b"<html>"), Reply(200, b""), Reply(500, b'{"oops":1}'),
        Reply(500, b'{"success":true}'), Reply(503, b"Service Unavailable"), Reply(cut=0), Reply(200, b'{"da', cut=3),
        Reply(500, b'{"error":{"code":2,"is_transient":true,"message":"ada@example.com"}}'),
    ],
    ids=lambda r: f"{r.status} {r.body!r}",
)  # fmt: skip
def test_answers_that_the_sdk_cannot_read_are_asked_for_again(stub: Stub, odd: Reply) -> None:
    stub.will(odd, GOOD)
    with connection(stub.url, forms=["5"]) as meta:
        assert ids(list(meta.read("leads"))) == ["1"]
        assert len(stub.seen) == 2
        stub.will(odd)
        with pytest.raises(PlatformDown) as told:
            list(meta.read("leads"))
    assert "ada" not in str(told.value)
    assert all(TOKEN not in seen.path and seen.headers["Authorization"] == f"Bearer {TOKEN}" for seen in stub.seen)


def test_a_short_limit_is_waited_out_and_a_long_one_ends_the_read_with_its_time(stub: Stub) -> None:
    usage = '{"1":[{"estimated_time_to_regain_access":%d}]}'
    body = b'{"error":{"code":80005,"fbtrace_id":"AbcTrace"}}'
    with connection(stub.url, forms=["5"]) as meta:
        began = meta.clock.now()
        stub.will(Reply(400, body, {"X-Business-Use-Case-Usage": usage % 4}), GOOD)
        assert ids(list(meta.read("leads"))) == ["1"]
        assert meta.clock.now() - began == timedelta(minutes=4)
        stub.will(Reply(400, body, {"X-Business-Use-Case-Usage": usage % 30}))
        with pytest.raises(BudgetExhausted) as told:
            list(meta.read("leads"))
    assert told.value.until == meta.clock.now() + timedelta(minutes=30)
    assert "AbcTrace" in str(told.value)


def test_a_refusal_that_is_nobodys_credentials_says_its_code(stub: Stub) -> None:
    stub.will(
        Reply(400, b'{"error":{"code":100,"error_subcode":1487534,"message":"ada@example.com","fbtrace_id":"T"}}')
    )
    with connection(stub.url, forms=["5"]) as meta, pytest.raises(Refused) as told:
        list(meta.read("leads"))
    assert "100/1487534" in str(told.value)
    assert "ada" not in str(told.value)


# --- webhooks ------------------------------------------------------------------------------------------------------


def request_of(hook: dict[str, Any]) -> HookRequest:
    return HookRequest(hook["method"], hook["url"], {k.lower(): v for k, v in hook["headers"].items()}, hook["body"])


def test_a_webhook_names_the_lead_to_fetch(box: Sandbox) -> None:
    [lead] = box.seed({"leads": [{"form_id": FORM, "fields": {"full_name": "Jürgen"}, "hook": {"note": "Zoë"}}]})[
        "ids"
    ]["leads"]
    box.kit.clock.sleep(5)
    [hook] = box.hooks("https://hooks.example.com/in")
    request = request_of(hook)
    with at(box) as meta:
        [hint] = meta.receive(request)
        assert (hint.object, hint.remote_id) == ("leads", lead)
        assert hint.at is not None
        assert meta.fetch("leads", [lead]).keys() == {lead}
        for forged in (
            replace(request, body=request.body + b" "), replace(request, headers={}),
            replace(request, body=orjson.dumps(orjson.loads(request.body)), headers=request.headers),
            replace(request, headers={"x-hub-signature-256": "sha256="}),
        ):  # fmt: skip
            if forged.body == request.body and forged.headers == request.headers:
                continue
            with pytest.raises(AuthError):
                meta.receive(forged)
    with at(box, forms=[OTHER]) as meta:
        assert meta.receive(request) == []
    with at(box, page_id="1") as meta:
        assert meta.receive(request) == []
    with at(box, app_secret=None) as meta, pytest.raises(ConfigError):
        meta.receive(request)


def signed(document: Any) -> HookRequest:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return HookRequest("POST", "https://hooks.example.com/in", {"x-hub-signature-256": signature}, body)


def change(lead: Any, **more: Any) -> dict[str, Any]:
    value = {"leadgen_id": lead, "page_id": PAGE, "form_id": FORM, "created_time": 1795000000, **more}
    return {"field": "leadgen", "value": value}


def test_a_batch_of_changes_is_taken_apart_and_everything_else_is_passed_over(box: Sandbox) -> None:
    document = {
        "object": "page",
        "entry": [
            {"id": PAGE, "time": 1, "changes": [change(11), change("12"), {"field": "feed", "value": {}}]},
            {"id": PAGE, "time": 2, "changes": [change(11), {"field": "leadgen", "value": None}, "odd"]}, None,
        ],
    }  # fmt: skip
    with at(box) as meta:
        assert [h.remote_id for h in meta.receive(signed(document))] == ["11", "12"]
        assert meta.receive(signed({"object": "user", "entry": [{"changes": [change(1)]}]})) == []
        assert meta.receive(signed([1])) == []
        assert meta.receive(signed({"object": "page", "entry": [{"changes": [change(5, created_time="soon")]}]})) == [
            Hint("leads", "5")
        ]
        with pytest.raises(AuthError) as told:
            meta.receive(signed(b"no json"))
        assert told.value.code == "SB-META-WEBHOOK"


def test_the_signature_is_over_the_bytes_that_came_with_their_escapes(box: Sandbox) -> None:
    body = b'{"object":"page","entry":[{"id":"' + PAGE.encode() + b'","changes":[],"name":"Z\\u00e4\\/"}]}'
    with at(box) as meta:
        assert meta.receive(signed(body)) == []


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("/in?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=v%20t", b"1158201444"),
        ("/in?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=other", None),
        ("/in?hub.mode=unsubscribe&hub.challenge=1158201444&hub.verify_token=v%20t", None),
        ("/in?hub.mode=subscribe&hub.verify_token=v%20t", None),
        ("/in?hub.mode=subscribe&hub.challenge=1158201444", None),
        ("/in", None),
    ],
)
def test_setting_up_a_webhook_is_answered_to_whoever_knows_the_verify_token(url: str, answer: bytes | None) -> None:
    with connection(verify_token="v t") as meta:
        asked = HookRequest("GET", "https://hooks.example.com" + url, {}, b"")
        if answer is None:
            with pytest.raises(AuthError):
                meta.challenge(asked)
        else:
            assert meta.challenge(asked) == answer
            with pytest.raises(AuthError):
                meta.challenge(replace(asked, method="POST"))
    with connection() as meta, pytest.raises(ConfigError):
        meta.challenge(HookRequest("GET", "/", {}, b""))


# --- check ---------------------------------------------------------------------------------------------------------


def test_check_names_the_datasets_and_what_is_wrong_with_each(box: Sandbox) -> None:
    box.seed(
        {
            "datasets": [{"id": "77", "name": "Shop"}, {"id": "88", "name": "Chats"}],
            "tokens": {TOKEN: {"assets": ["77", PAGE, FORM]}, "EAAchat": {"assets": ["88"]}},
        }
    )
    chats = {"messenger": {"id": "88", "token": "EAAchat"}}
    with at(box, dataset="77", datasets=chats) as meta:
        health = meta.check()
    assert (health.account, health.problems, health.warnings) == ("Shop (77), Chats (88)", (), ())
    with at(box, dataset="77", datasets={"messenger": {"id": "88"}}, app_secret=None, test_mode=True) as meta:
        health = meta.check()
    assert health.account == "Shop (77)"
    assert [p[:26] for p in health.problems] == ["Meta knows no dataset 88, "]
    assert len(health.warnings) == 2
    with at(box, dataset="77", token="EAAwrong") as meta, pytest.raises(AuthError) as told:
        meta.check()
    assert told.value.code == "SB-META-TOKEN"
    with connection(box.url, dataset=None) as meta:
        assert len(meta.check().warnings) == 1
