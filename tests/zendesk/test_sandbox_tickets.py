"""Tickets of the Zendesk stand-in, events about people, and webhooks about what happens to them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from zendesk_http import ADA, BO, NOW, STAGE, Http

NOON = int(NOW.timestamp())
HOOK = "https://receiver.example/hook"
TICKET = {
    "subject": "Broken",
    "comment": {"body": "It broke."},
    "requester": {"name": "Ada", "email": "ada@example.com"},
}


def post(http: Http, ticket: Any, key: str = "") -> Any:
    return http.send("POST", "/tickets", {"ticket": ticket}, headers={"Idempotency-Key": key} if key else None)


# --- tickets -------------------------------------------------------------------------------------------------------


def test_a_ticket_is_made_once_for_one_key_however_often_it_is_asked_for(box: Sandbox, http: Http) -> None:
    first, second = post(http, TICKET, "k-1"), post(http, TICKET, "k-1")
    assert [a.headers["x-idempotency-lookup"] for a in (first, second)] == ["miss", "hit"]
    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())
    assert len(box.state()["tickets"]) == 1
    other = post(http, {**TICKET, "subject": "Other"}, "k-1")
    assert (other.status_code, other.json()["error"]) == (400, "IdempotentRequestError")
    box.clock(advance=2 * 3600)
    assert post(http, TICKET, "k-1").headers["x-idempotency-lookup"] == "miss"
    assert len(box.state()["tickets"]) == 2


def test_without_a_key_every_request_is_a_ticket(box: Sandbox, http: Http) -> None:
    assert "x-idempotency-lookup" not in post(http, TICKET).headers
    post(http, TICKET)
    assert len(box.state()["tickets"]) == 2
    assert post(http, TICKET, "k" * 256).status_code == 400


def test_a_ticket_makes_its_requester_where_nobody_has_his_address(box: Sandbox, http: Http) -> None:
    (ada,) = box.seed([ADA])["ids"]
    assert post(http, TICKET).json()["ticket"]["requester_id"] == ada
    post(http, {**TICKET, "requester": {"name": "New", "email": "new@example.com"}})
    assert [u["email"] for u in box.state()["users"]] == ["ada@example.com", "new@example.com"]


@pytest.mark.parametrize("change", [{"comment": None}, {"status": "done"}, {"priority": "huge"}, {"requester_id": 7}])
def test_a_ticket_that_cannot_be_is_refused(box: Sandbox, http: Http, change: Any) -> None:
    assert post(http, {**TICKET, **change}).status_code == 422
    assert box.state()["tickets"] == []


def test_a_ticket_is_solved_and_a_closed_one_stays_as_it_is(box: Sandbox, http: Http) -> None:
    id_ = post(http, TICKET).json()["ticket"]["id"]
    assert http.send("PUT", f"/tickets/{id_}", {"ticket": {"status": "solved"}}).json()["ticket"]["status"] == "solved"
    box.seed({"close": [id_]})
    assert http.send("PUT", f"/tickets/{id_}", {"ticket": {"status": "open"}}).status_code == 422
    assert http.get(f"/tickets/{id_}")["ticket"]["status"] == "closed"
    assert [t["id"] for t in http.get("/tickets")["tickets"]] == [id_]


def test_tickets_are_exported_with_their_status_and_what_people_thought_of_them(box: Sandbox, http: Http) -> None:
    (ada,) = box.seed([ADA])["ids"]
    first, second = box.seed({"tickets": [{"requester_id": ada, "updated_at": NOON - 600}, {"requester_id": ada}]})[
        "tickets"
    ]
    page = http.get("/incremental/tickets/cursor", start_time=NOON - 700)
    assert [(t["id"], t["status"]) for t in page["tickets"]] == [(first, "new")]
    assert page["tickets"][0]["satisfaction_rating"] == {"score": "unoffered"}
    box.seed({"solve": [first], "rate": {str(first): {"score": "good", "comment": "Thanks"}}})
    box.clock(advance=60)
    page = http.get("/incremental/tickets/cursor", cursor=page["after_cursor"], per_page=10)
    rated = next(t for t in page["tickets"] if t["id"] == first)
    assert (rated["status"], rated["requester_id"], rated["updated_at"]) == ("solved", ada, "2026-11-25T12:00:00Z")
    assert (rated["satisfaction_rating"]["score"], rated["satisfaction_rating"]["comment"]) == ("good", "Thanks")
    assert {t["id"] for t in page["tickets"]} == {first, second}
    assert page["end_of_stream"] is True


# --- events --------------------------------------------------------------------------------------------------------


def event(email: str = "ada@example.com", **more: Any) -> dict[str, Any]:
    return {
        "profile": {"source": "lifecycle", "type": "customer", "identifiers": [{"type": "email", "value": email}]},
        "event": {"source": "lifecycle", "type": "stage_changed", "description": "d", "properties": {"to": "customer"}} | more,
    }  # fmt: skip


def test_every_event_counts_however_often_it_is_sent(box: Sandbox, http: Http) -> None:
    (ada,) = box.seed([ADA])["ids"]
    given = event(created_at="2026-01-02T03:04:05Z")
    assert [http.send("POST", f"/users/{ada}/events", given).status_code for _ in range(2)] == [202, 202]
    held = box.state()["events"]
    assert [(e["user_id"], e["type"], e["created_at"]) for e in held] == [
        (ada, "stage_changed", "2026-01-02T03:04:05Z")
    ] * 2
    assert held[0]["id"] != held[1]["id"]


def test_an_event_of_a_profile_finds_the_user_by_his_address_or_is_nobodys(box: Sandbox, http: Http) -> None:
    (ada,) = box.seed([ADA])["ids"]
    http.send("POST", "/user_profiles/events", event("ADA@example.com"))
    http.send("POST", "/user_profiles/events", event("nobody@example.com"))
    assert [e["user_id"] for e in box.state()["events"]] == [ada, None]
    found = http.get("/user_profiles/events", identifier="lifecycle:customer:email:nobody@example.com")["events"]
    assert len(found) == 1
    profile = box.state()["events"][1]["profile"]["id"]
    http.send("POST", f"/user_profiles/{profile}/events", {"event": event()["event"]})
    assert [e["profile"]["id"] for e in box.state()["events"]][1:] == [profile, profile]


def test_events_are_read_back_newest_first_by_filter_and_page(box: Sandbox, http: Http) -> None:
    (ada,) = box.seed([ADA])["ids"]
    for day in (1, 2, 3):
        http.send("POST", f"/users/{ada}/events", event(type=f"t{day}", created_at=f"2026-01-0{day}T00:00:00Z"))
    path = f"{http.box.url}/api/v2/users/{ada}/events"
    page = http.session.get(path, params={"page[size]": 2}, timeout=5).json()
    assert ([e["type"] for e in page["events"]], page["meta"]["has_more"]) == (["t3", "t2"], True)
    rest = http.session.get(
        path, params={"page[size]": 2, "page[after]": page["meta"]["after_cursor"]}, timeout=5
    ).json()
    assert [e["type"] for e in rest["events"]] == ["t1"]
    for query in (
        {"filter[type]": "t2"},
        {"filter[start_time]": "2026-01-02T00:00:00Z", "filter[end_time]": "2026-01-02T12:00:00Z"},
    ):
        assert [e["type"] for e in http.session.get(path, params=query, timeout=5).json()["events"]] == ["t2"]


@pytest.mark.parametrize(("change", "named"), [
    ({"source": "zendesk"}, "event.source"), ({"type": ""}, "event.type"), ({"properties": None}, "event.properties"),
    ({"created_at": "soon"}, "event.created_at"),
])  # fmt: skip
def test_an_event_that_cannot_be_is_refused(box: Sandbox, http: Http, change: Any, named: str) -> None:
    (ada,) = box.seed([ADA])["ids"]
    refused = http.send("POST", f"/users/{ada}/events", event(**change))
    assert refused.status_code == 400
    assert named in refused.json()["error"]["message"]
    assert box.state()["events"] == []


@pytest.mark.parametrize("switches", [{"events_api": False}, {"plan": "support_team"}])
def test_events_are_no_endpoint_where_they_are_not_switched_on_or_not_in_the_plan(switches: Any) -> None:
    with Sandbox("zendesk", switches=switches) as box, Http(box) as http:
        assert http.send("POST", "/user_profiles/events", event()).json()["error"] == "InvalidEndpoint"


def test_events_have_a_limit_of_their_own() -> None:
    with Sandbox("zendesk", clock=ManualClock(NOW), switches={"events_per_minute": 2}) as box, Http(box) as http:
        assert [http.send("POST", "/user_profiles/events", event()).status_code for _ in range(3)] == [202, 202, 429]
        assert (len(box.state()["events"]), box.state()["refused"]) == (2, {"events": 1})


def test_who_is_erased_takes_his_events_along(box: Sandbox, http: Http) -> None:
    (ada,) = box.seed([ADA])["ids"]
    http.send("POST", f"/users/{ada}/events", event())
    box.seed({"delete": [ada]})
    http.send("DELETE", f"/deleted_users/{ada}")
    assert box.state()["events"] == []
    assert "ada@example.com" not in str(box.state())


# --- webhooks ------------------------------------------------------------------------------------------------------


def subscribe(http: Http, *kinds: str, endpoint: str = HOOK) -> str:
    names = [f"zen:event-type:user.{k}" for k in kinds]
    webhook = {
        "name": "stagebridge", "status": "active", "endpoint": endpoint, "http_method": "POST", "request_format": "json",
        "subscriptions": names,
    }  # fmt: skip
    answer = http.send("POST", "/webhooks", {"webhook": webhook})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["webhook"]["id"])


def told(box: Sandbox, url: str = HOOK) -> list[dict[str, Any]]:
    return [json.loads(h["body"]) for h in box.hooks(url)]


def test_a_webhook_is_signed_over_its_time_and_its_raw_body(box: Sandbox, http: Http) -> None:
    id_ = subscribe(http, "created")
    secret = http.get(f"/webhooks/{id_}/signing_secret")["signing_secret"]["secret"]
    http.create(**ADA)
    (request,) = box.hooks(HOOK)
    headers = request["headers"]
    signed = headers["x-zendesk-webhook-signature-timestamp"].encode() + request["body"]
    digest = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["x-zendesk-webhook-signature"] == digest
    assert (headers["x-zendesk-webhook-id"], headers["x-zendesk-webhook-signature-timestamp"]) == (
        id_, "2026-11-25T12:00:00Z",
    )  # fmt: skip
    assert box.hooks(HOOK) == []
    assert http.send("POST", f"/webhooks/{id_}/signing_secret").json()["signing_secret"]["secret"] != secret


def test_an_event_names_the_user_with_ids_as_text_and_carries_no_record(box: Sandbox, http: Http) -> None:
    subscribe(http, "custom_field_changed")
    made = http.create(**ADA, user_fields={"lifecycle_stage": "ls_lead"})
    http.update(made["id"], user_fields={"lifecycle_stage": "ls_customer"})
    (body,) = told(box)
    assert (body["type"], body["subject"]) == ("zen:event-type:user.custom_field_changed", f"zen:user:{made['id']}")
    assert (body["detail"]["id"], body["detail"]["organization_id"]) == (str(made["id"]), "0")
    assert (body["event"]["previous"], body["event"]["current"]) == ("ls_lead", "ls_customer")
    assert body["event"]["field"]["title"] == STAGE["title"]
    assert "user_fields" not in body["detail"]


def test_everything_that_happens_to_a_user_is_told_to_who_subscribed_to_it(box: Sandbox, http: Http) -> None:
    kinds = (
        "created", "name_changed", "tags_changed", "identity_created", "identity_changed", "identity_deleted", "external_id_changed",
        "notes_changed", "active_changed", "deleted", "merged",
    )  # fmt: skip
    subscribe(http, *kinds)
    ada, bo = http.create(**ADA)["id"], http.create(**BO)["id"]
    http.update(ada, name="New", notes="n", external_id="c-9", email="b@example.com")
    http.send("PUT", f"/users/{ada}/tags", {"tags": ["vip"]})
    second = box.state()["identities"][1]["id"]
    http.send("PUT", f"/users/{ada}/identities/{second}/make_primary", {})
    http.send("DELETE", f"/users/{ada}/identities/{second}")
    third = http.create(name="Third")["id"]
    http.send("PUT", f"/users/{third}/merge", {"user": {"id": bo}})
    http.send("DELETE", f"/users/{bo}")
    assert {b["type"].rpartition(".")[2] for b in told(box)} == set(kinds)


def test_a_webhook_goes_to_its_endpoint_only_and_tells_only_what_was_subscribed_to(box: Sandbox, http: Http) -> None:
    subscribe(http, "deleted")
    other = subscribe(http, "created", endpoint="https://other.example/")
    http.create(**ADA)
    assert told(box) == []
    http.send("DELETE", f"/webhooks/{other}")
    assert told(box, "https://other.example/") == []


def test_a_webhook_can_be_there_from_the_start() -> None:
    switches = {"subscriptions": ["user.created"], "webhook_secret": "s3cret"}
    with Sandbox("zendesk", clock=ManualClock(NOW), switches=switches) as box, Http(box) as http:
        http.create(**ADA)
        assert [b["type"] for b in told(box)] == ["zen:event-type:user.created"]
        box.reset()
        http.create(**ADA)
        assert len(told(box)) == 1


@pytest.mark.parametrize("retries", [0, 1])
def test_a_webhook_that_was_not_accepted_is_lost_or_comes_again_as_the_same_invocation(retries: int) -> None:
    switches = {"subscriptions": ["user.created"], "hook_retries": retries}
    with Sandbox("zendesk", clock=ManualClock(NOW), switches=switches) as box, Http(box) as http:
        http.create(**ADA)
        (first,) = box.hooks(HOOK)
        box.platform.undelivered(first)
        box.clock(advance=60)
        again = box.hooks(HOOK)
        name = "x-zendesk-webhook-invocation-id"
        assert [h["headers"][name] for h in again] == [first["headers"][name]] * retries
        assert box.state()["hooks_given_up"] == 1 - retries


def test_webhooks_may_come_twice(box: Sandbox, http: Http) -> None:
    subscribe(http, "created")
    box.fault("duplicate_hooks")
    http.create(**ADA)
    invocations = [h["headers"]["x-zendesk-webhook-invocation-id"] for h in box.hooks(HOOK)]
    assert (len(invocations), len(set(invocations))) == (2, 1)
