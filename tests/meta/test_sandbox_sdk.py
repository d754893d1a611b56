"""The official SDK against the stand-in: events by its synchronous and its asynchronous path, leads by its objects."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest
from facebook_business.adobjects.adspixel import AdsPixel
from facebook_business.adobjects.lead import Lead
from facebook_business.adobjects.leadgenform import LeadgenForm
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.event_request_async import EventRequestAsync
from facebook_business.adobjects.serverside.user_data import UserData
from facebook_business.exceptions import FacebookRequestError

from meta_sdk import DATASET, counted, held, now, sdk, sha
from stagebridge.sandbox import Sandbox

PAGE, FORM = "100100100100100", "200200200200200"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("meta") as made:
        yield made


@pytest.fixture
def api(box: Sandbox) -> Iterator[Any]:
    with sdk(box, app_secret="sandbox-secret") as made:
        yield made


def sold(box: Sandbox, event_id: str = "order-1", **more: Any) -> Any:
    said = {
        "event_name": "Purchase", "event_time": now(box), "event_id": event_id, "action_source": ActionSource.WEBSITE,
        "event_source_url": "https://shop.example/", "user_data": UserData(emails=["Ada@Example.com"], client_user_agent="UA"),
        "custom_data": CustomData(value=9.5, currency="EUR"), **more,
    }  # fmt: skip
    return Event(**said)


def request(*events: Any, cls: Any = EventRequest, **more: Any) -> Any:
    return cls(pixel_id=DATASET, events=list(events), **more)


def test_the_synchronous_path_sends_a_form_of_strings_with_token_and_proof_in_the_query(box: Sandbox, api: Any) -> None:
    answer = request(sold(box), sold(box, "order-2"), test_event_code="TEST1", partner_agent="stagebridge").execute()
    assert (answer.events_received, answer.messages, answer.fbtrace_id[0]) == (2, [], "A")
    [one, two] = held(box)["counted"]
    assert (one["value"], one["currency"], one["matched_by"], one["action_source"]) == (9.5, "EUR", ["em"], "website")
    assert one["event"]["user_data"]["em"] == [sha("ada@example.com")]
    assert (two["event_id"], two["test_event_code"], box.state()["token_places"]) == ("order-2", "TEST1", {"query": 1})


def test_the_asynchronous_path_sends_a_form_of_objects_with_the_token_in_it(box: Sandbox, api: Any) -> None:
    answer = asyncio.run(request(sold(box), cls=EventRequestAsync).execute())
    assert (answer.events_received, answer.messages) == (1, [])
    assert (counted(box), box.state()["token_places"]) == (["order-1"], {"body": 1})


def test_both_paths_count_one_event_once(box: Sandbox, api: Any) -> None:
    request(sold(box)).execute()
    asyncio.run(request(sold(box), cls=EventRequestAsync).execute())
    assert (counted(box), len(held(box)["duplicates"])) == (["order-1"], 1)


def test_a_refusal_is_an_error_with_code_subcode_and_blame(box: Sandbox, api: Any) -> None:
    with pytest.raises(FacebookRequestError) as caught:
        request(sold(box), sold(box, "order-2", custom_data=CustomData(value=1.0))).execute()
    error = caught.value
    assert (error.http_status(), error.api_error_code(), error.api_error_subcode()) == (400, 100, 2804010)
    assert error.api_blame_field_specs() == [["custom_data", "currency"]]
    assert held(box)["received"] == 0


@pytest.mark.parametrize("path", [EventRequest, EventRequestAsync])
def test_a_nan_that_the_sdk_writes_is_refused(box: Sandbox, api: Any, path: Any) -> None:
    bad = request(sold(box, custom_data=CustomData(value=math.nan, currency="EUR")), cls=path)
    with pytest.raises((FacebookRequestError, KeyError)):
        asyncio.run(bad.execute()) if path is EventRequestAsync else bad.execute()
    assert held(box).get("received", 0) == 0


def test_a_throttle_and_its_headers_reach_the_caller(box: Sandbox, api: Any) -> None:
    box.fault("rate_limit", policy="17")
    with pytest.raises(FacebookRequestError) as caught:
        request(sold(box)).execute()
    assert (caught.value.api_error_code(), caught.value.api_transient_error()) == (17, True)
    assert '"estimated_time_to_regain_access":5' in caught.value.http_headers()["X-Business-Use-Case-Usage"]


def test_an_answer_without_messages_breaks_the_sdk_although_the_event_counts(box: Sandbox, api: Any) -> None:
    box.fault("no_messages")
    with pytest.raises(KeyError):
        request(sold(box)).execute()
    assert counted(box) == ["order-1"]


def test_a_wrong_app_secret_is_a_wrong_proof(box: Sandbox) -> None:
    with sdk(box, app_secret="another"), pytest.raises(FacebookRequestError) as caught:
        request(sold(box)).execute()
    assert "appsecret_proof" in str(caught.value.api_error_message())


def test_a_dataset_is_read_and_written_by_its_object(box: Sandbox, api: Any) -> None:
    box.seed({"datasets": [{"id": DATASET, "name": "Shop"}]})
    pixel = AdsPixel(DATASET, api=api)
    answer = pixel.create_event(fields=[], params=request(sold(box)).get_params())
    assert answer["events_received"] == 1
    told = pixel.api_get(fields=[AdsPixel.Field.name, AdsPixel.Field.last_fired_time])
    assert (told["name"], told["last_fired_time"][-5:]) == ("Shop", "+0000")


def seeded(box: Sandbox, count: int) -> list[str]:
    people = [
        {"created_at": now(box) - i, "fields": {"email": f"p{i}@example.com"}, "platform": "ig"} for i in range(count)
    ]
    data = {
        "pages": [{"id": PAGE, "name": "Blue Heron"}],
        "forms": [{"id": FORM, "name": "Newsletter"}],
        "leads": people,
    }
    ids: list[str] = box.seed(data)["ids"]["leads"]
    return ids


def test_a_lead_is_fetched_by_its_object(box: Sandbox, api: Any) -> None:
    [id_] = seeded(box, 1)
    lead = Lead(id_, api=api).api_get(fields=[Lead.Field.field_data, Lead.Field.platform, Lead.Field.created_time])
    assert (lead["field_data"], lead["platform"]) == ([{"name": "email", "values": ["p0@example.com"]}], "ig")
    with pytest.raises(FacebookRequestError) as caught:
        Lead("1234567890123456", api=api).api_get()
    assert (caught.value.api_error_code(), caught.value.api_error_subcode()) == (100, 33)


def test_the_sdks_cursor_reads_all_leads_of_all_forms_of_a_page(box: Sandbox, api: Any) -> None:
    ids = seeded(box, 60)
    forms = list(Page(PAGE, api=api).get_lead_gen_forms(fields=[LeadgenForm.Field.name]))
    assert [(f["id"], f["name"]) for f in forms] == [(FORM, "Newsletter")]
    found = list(forms[0].get_leads(fields=[Lead.Field.id], params={"limit": 25}))
    assert [lead["id"] for lead in found] == ids
    assert box.requests()["by_route"]["GET /{id}/leads"] == 3
    since = [{"field": "time_created", "operator": "GREATER_THAN", "value": now(box) - 30}]
    assert 20 < len(list(LeadgenForm(FORM, api=api).get_leads(params={"filtering": since}))) < 40


def test_a_page_is_subscribed_to_by_its_object(box: Sandbox, api: Any) -> None:
    seeded(box, 1)
    page = Page(PAGE, api=api)
    page.create_subscribed_app(params={"subscribed_fields": ["leadgen"]})
    assert [a["subscribed_fields"] for a in page.get_subscribed_apps()] == [["leadgen"]]
    [later] = box.seed({"leads": [{"form_id": FORM}]})["ids"]["leads"]
    [hook] = box.hooks("https://hooks.example.com/in")
    assert later.encode() in hook["body"]
