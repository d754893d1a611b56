"""Inbound webhooks: believed only if HubSpot signed them, lately; and then only as a reason to look."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from hubspot_kit import CONTACTS, account, by_email, seed
from stagebridge.clock import ManualClock
from stagebridge.connector import HookRequest
from stagebridge.errors import AuthError, ConfigError
from stagebridge_hubspot import HubSpot

# the example of HubSpot's own documentation
SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
BODY = b"{'example_field':'example_value'}"
STAMP = 1693657560000
SIGNATURE = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
THEN = datetime.fromtimestamp(STAMP / 1000, UTC)


def hubspot(now: datetime = THEN, **more: Any) -> HubSpot:
    return HubSpot(token="pat-x", clock=ManualClock(now), **({"client_secret": SECRET} | more))


def signed(url: str = URL, body: bytes = BODY, stamp: int = STAMP, signature: str = SIGNATURE) -> HookRequest:
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": str(stamp)}
    return HookRequest("POST", url, headers, body)


def v1(events: Any, secret: str = SECRET) -> HookRequest:
    body = orjson.dumps(events)
    signature = hashlib.sha256(secret.encode() + body).hexdigest()
    return HookRequest("POST", URL, {"x-hubspot-signature": signature, "x-hubspot-signature-version": "v1"}, body)


def test_hubspots_own_example_is_believed() -> None:
    from stagebridge_hubspot import hooks

    hooks.verify(signed(), SECRET, THEN)


@pytest.mark.parametrize("minutes", [-5.01, 5.01, 60, -60 * 24])
def test_a_request_from_long_ago_or_from_the_future_is_not(minutes: float) -> None:
    with pytest.raises(AuthError) as caught:
        hubspot(THEN + timedelta(minutes=minutes)).receive(signed())
    assert caught.value.code == "SB-HUBSPOT-SIGNATURE"


@pytest.mark.parametrize("request_", [
    signed(body=BODY + b" "), signed(url=URL + "?x=1"), signed(stamp=STAMP + 1), signed(signature=""),
    signed(signature="ü" * 44), signed(signature=SIGNATURE[:-1]),
    HookRequest("PUT", URL, signed().headers, BODY), HookRequest("POST", URL, {}, BODY),
    HookRequest("POST", URL, {**signed().headers, "x-hubspot-request-timestamp": "yesterday"}, BODY),
    HookRequest("POST", URL, {"x-hubspot-signature-v3": SIGNATURE}, BODY),
], ids=["body", "url", "time", "empty", "not ascii", "cut", "method", "unsigned", "no number", "no time"])  # fmt: skip
def test_anything_else_is_not_believed(request_: HookRequest) -> None:
    with pytest.raises(AuthError):
        hubspot().receive(request_)


def test_a_wrong_new_signature_is_not_saved_by_a_right_old_one() -> None:
    old = v1([])
    headers = {**old.headers, "x-hubspot-signature-v3": "wrong", "x-hubspot-request-timestamp": str(STAMP)}
    with pytest.raises(AuthError):
        hubspot().receive(HookRequest("POST", URL, headers, old.body))


def test_only_the_characters_that_hubspot_decodes_are_decoded_in_the_url() -> None:
    from base64 import b64encode
    from hmac import new

    plain = "https://www.example.com/in?to=a%20b&at=10:00,12:00&x=%25"
    source = f"POST{plain}".encode() + b"[]" + str(STAMP).encode()
    signature = b64encode(new(SECRET.encode(), source, hashlib.sha256).digest()).decode()
    called = plain.replace("10:00,12:00", "10%3A00%2c12%3A00")
    assert hubspot().receive(signed(called, b"[]", signature=signature)) == []


def test_the_older_signature_of_private_apps_is_believed_and_a_wrong_one_is_not() -> None:
    event = {"subscriptionType": "contact.propertyChange", "objectId": 7, "occurredAt": STAMP}
    assert [h.remote_id for h in hubspot().receive(v1([event]))] == ["7"]
    with pytest.raises(AuthError):
        hubspot().receive(v1([event], secret="another"))


def test_without_the_apps_secret_nothing_can_be_verified() -> None:
    with pytest.raises(ConfigError, match="client_secret"):
        hubspot(client_secret=None).receive(signed())


def test_every_contact_is_named_once_in_the_order_of_time_with_its_latest_time() -> None:
    events = [
        {
            "subscriptionType": "contact.propertyChange",
            "objectId": 2,
            "occurredAt": STAMP + 3000,
            "propertyValue": "secret",
        },
        {"subscriptionType": "contact.creation", "objectId": 1, "occurredAt": STAMP + 2000},
        {"subscriptionType": "contact.propertyChange", "objectId": 2, "occurredAt": STAMP},
        {"subscriptionType": "object.propertyChange", "objectTypeId": "0-1", "objectId": 3, "occurredAt": STAMP + 1000},
        {"subscriptionType": "object.propertyChange", "objectTypeId": "0-2", "objectId": 4, "occurredAt": STAMP},
        {"subscriptionType": "deal.creation", "objectId": 5, "occurredAt": STAMP},
        {"eventType": "contact.deletion", "objectId": 6},
        "noise",
    ]
    hints = hubspot().receive(v1(events))
    assert [h.remote_id for h in hints] == ["6", "3", "1", "2"]
    assert hints[-1].at == THEN + timedelta(seconds=3)
    assert {h.object for h in hints} == {CONTACTS}


def test_a_merge_names_everybody_who_took_part() -> None:
    merge = {
        "subscriptionType": "contact.merge", "objectId": 1, "primaryObjectId": 1, "mergedObjectIds": [2, 3],
        "newObjectId": 9, "occurredAt": STAMP,
    }  # fmt: skip
    assert {h.remote_id for h in hubspot().receive(v1([merge]))} == {"1", "2", "3", "9"}


def test_a_body_that_is_no_json_is_refused_although_it_is_signed() -> None:
    with pytest.raises(AuthError, match="no JSON"):
        hubspot().receive(signed())


@pytest.mark.parametrize("signature", ["v1", "v3"])
@pytest.mark.parametrize("generic", [False, True])
def test_what_the_stand_in_signs_is_believed_and_leads_to_the_change(signature: str, generic: bool) -> None:
    switches = {
        "subscriptions": ["contact.propertyChange:firstname", "contact.merge"], "hook_signature": signature,
        "generic_hooks": generic, "client_secret": SECRET,
    }  # fmt: skip
    with account(switches=switches, token="pat-x", client_secret=SECRET) as (hs, box):
        ada, twin = seed(box, [{"email": "ada@example.com", "firstname": "Ada"}, {"email": "ada.l@example.com"}])
        hs.clock.sleep(60)
        box.hooks(URL)
        seed(box, {"edit": {ada: {"firstname": "Augusta"}}})
        seed(box, {"merge": [ada, twin]})
        hs.clock.sleep(60)
        requests = [HookRequest(h["method"], h["url"], h["headers"], h["body"]) for h in box.hooks(URL)]
        named = {h.remote_id for r in requests for h in hs.receive(r)}
        survivor = by_email(box)["ada@example.com"]["id"]
        assert {ada, twin, survivor} <= named
        assert {r.id for r in hs.fetch(CONTACTS, sorted(named)).values()} == {survivor}
        assert hs.fetch(CONTACTS, [ada])[ada].data["properties"]["firstname"] == "Augusta"
        with pytest.raises(AuthError):
            hs.receive(HookRequest("POST", URL, requests[0].headers, requests[0].body + b" "))
