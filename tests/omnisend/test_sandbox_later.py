"""What the Omnisend stand-in accepts now and does later: tags, batches; and events, which run automations."""

from __future__ import annotations

from typing import Any

import pytest

from omnisend_http import ADA, BOB, EVENT, NOW, PHONE, Http, contact, email, event, held, phone
from stagebridge.sandbox import Sandbox

OTHER_EVENT = "019b2c3d-0000-7000-8000-000000000001"


def tags(box: Sandbox) -> dict[str, list[str]]:
    return {e: c["tags"] for e, c in held(box).items()}


def batch(*items: Any, endpoint: str = "contacts", **more: Any) -> dict[str, Any]:
    return {"method": "POST", "endpoint": endpoint, "items": list(items)} | more


# --- tags ----------------------------------------------------------------------------------------------------------


def test_tags_are_accepted_at_once_and_there_later(box: Sandbox, http: Http) -> None:
    http.upsert()
    answer = http.send("POST", "/contacts/tags", {"emails": [ADA], "tags": ["vip"]})
    assert (answer.status_code, answer.content) == (202, b"")
    assert tags(box) == {ADA: []}
    box.clock(advance=1)
    assert tags(box) == {ADA: ["vip"]}
    assert held(box)[ADA]["updatedAt"] == "2026-06-01T12:00:01.000Z"


def test_every_selector_chooses_and_nobody_is_tagged_twice(box: Sandbox, http: Http) -> None:
    ada, bob = http.upsert(email(), phone()), http.upsert(email(BOB))
    cyd, _ = (http.upsert(email(f"{n}@example.com")) for n in ("cyd", "dee"))
    box.seed({"segments": {"seg-1": [cyd["id"]]}})
    body = {
        "contactIDs": [ada["id"], bob["id"]],
        "emails": [ADA],
        "phones": [PHONE],
        "segmentID": "seg-1",
        "tags": ["a", "b"],
    }
    http.send("POST", "/contacts/tags", body)
    box.clock(advance=1)
    assert tags(box) == {ADA: ["a", "b"], BOB: ["a", "b"], "cyd@example.com": ["a", "b"], "dee@example.com": []}
    http.send("DELETE", "/contacts/tags", {"emails": [ADA], "tags": ["a", "c"]})
    box.clock(advance=1)
    assert tags(box)[ADA] == ["b"]
    assert [o["how"] for o in box.state()["tag_operations"]] == ["add", "remove"]


def test_whoever_is_not_known_is_passed_over_without_a_word(box: Sandbox, http: Http) -> None:
    assert http.status("POST", "/contacts/tags", {"emails": [BOB], "contactIDs": ["1"], "tags": ["vip"]}) == 202
    box.clock(advance=1)
    [done] = box.state()["tag_operations"]
    assert (done["contacts"], done["unknown"]) == ([], ["1", BOB])
    assert box.state()["contacts"] == []


def test_too_much_or_too_little_is_refused(http: Http) -> None:
    many = [f"p{n}@example.com" for n in range(251)]
    assert http.wrong("POST", "/contacts/tags", {"emails": many, "tags": ["t"] * 101}) == {
        "emails": "too_many", "tags": "too_many",
    }  # fmt: skip
    assert http.wrong("DELETE", "/contacts/tags", {"emails": []}) == {"tags": "required", "contactIDs": "required"}


# --- batches -------------------------------------------------------------------------------------------------------


def test_a_batch_is_pending_then_in_progress_then_finished(box: Sandbox, http: Http) -> None:
    answer = http.send("POST", "/batches", batch(*(contact(email(f"p{n}@example.com")) for n in range(4))))
    id_ = answer.json()["batchID"]
    assert (answer.status_code, answer.json()) == (201, {"batchID": id_, "totalCount": 4})
    seen = []
    for _ in range(3):
        shown = http.get(f"/batches/{id_}")
        seen.append((shown["status"], shown["finishedCount"], len(box.state()["contacts"])))
        box.clock(advance=1.5 if shown["status"] == "pending" else 1)
    assert seen == [("pending", 0, 0), ("inProgress", 2, 2), ("finished", 4, 4)]
    assert shown == {
        "batchID": id_, "status": "finished", "method": "POST", "endpoint": "contacts", "totalCount": 4, "finishedCount": 4,
        "errorsCount": 0, "createdAt": NOW, "startedAt": "2026-06-01T12:00:01.000Z", "endedAt": "2026-06-01T12:00:02.000Z",
    }  # fmt: skip


def test_a_batch_that_finished_may_have_failed_in_part(box: Sandbox, http: Http) -> None:
    bad = {"identifiers": [{"type": "email", "id": BOB}]}
    http.upsert(email("cyd@example.com"))
    id_ = http.post("/batches", batch(contact(), bad, contact(email("cyd@example.com"))))["batchID"]
    box.clock(advance=2)
    done = http.get(f"/batches/{id_}/items")
    assert (done["status"], done["totalCount"], done["finishedCount"], done["errorsCount"]) == ("finished", 3, 3, 1)
    [error] = done["errors"]
    assert (error["request"], error["responseCode"], error["status"]) == (bad, 400, "finished")
    assert [e["field"] for e in error["response"]["errors"]] == ["identifiers.0.channels"]
    assert {r["request"]["identifiers"][0]["id"]: r["responseCode"] for r in done["responses"]} == {
        ADA: 201, "cyd@example.com": 200,
    }  # fmt: skip
    assert {r["response"]["id"] for r in done["responses"]} == {c["id"] for c in box.state()["contacts"]}


def test_results_come_in_any_order_and_say_whose_they_are(box: Sandbox, http: Http) -> None:
    sent = [contact(email(f"p{n:02d}@example.com")) for n in range(30)]
    id_ = http.post("/batches", batch(*sent))["batchID"]
    box.clock(advance=2)
    came = [r["request"] for r in http.get(f"/batches/{id_}/items")["responses"]]
    assert came != sent
    assert sorted(came, key=str) == sorted(sent, key=str)


def test_the_id_of_an_item_is_opaque_or_its_position() -> None:
    for how, pattern in (("opaque", 24), ("position", 1)):
        with Sandbox("omnisend", switches={"item_ids": how, "batch_seconds": 0.0}) as box, Http(box) as http:
            id_ = http.post("/batches", batch(contact()))["batchID"]
            [item] = http.get(f"/batches/{id_}/items")["responses"]
            assert len(item["itemID"]) == pattern


def test_every_other_item_can_fail(box: Sandbox, http: Http) -> None:
    box.fault("partial_batch")
    id_ = http.post("/batches", batch(*(contact(email(f"p{n}@example.com")) for n in range(4))))["batchID"]
    box.clock(advance=2)
    done = http.get(f"/batches/{id_}/items")
    assert [r["responseCode"] for r in done["errors"]] == [500, 500]
    assert set(held(box)) == {"p0@example.com", "p2@example.com"}


def test_a_batch_obeys_what_single_requests_obey(box: Sandbox, http: Http) -> None:
    http.upsert(email(status="unsubscribed", at="2026-03-01T00:00:00Z"), phone())
    old = contact(email(at="2026-02-01T00:00:00Z"), firstName="Ada")
    clash = contact(email(BOB, sendWelcomeMessage=None), phone())
    http.post("/batches", batch(old, clash))
    box.clock(advance=2)
    state = box.state()
    assert (held(box)[ADA]["status"], held(box)[BOB]["phone"]) == ("unsubscribed", [])
    assert (state["stale_statuses"], state["identifiers_dropped"], state["welcome_mails"]) == (1, 1, 1)


def test_a_batch_has_1_to_100_items_of_a_kind_and_no_other_method(http: Http) -> None:
    assert http.wrong("POST", "/batches", {}) == {
        "method": "required",
        "endpoint": "invalid_value",
        "items": "out_of_range",
    }
    many = batch(*([contact()] * 101), method="PATCH", endpoint="carts")
    assert http.wrong("POST", "/batches", many) == {
        "method": "invalid_value", "endpoint": "invalid_value", "items": "out_of_range",
    }  # fmt: skip


def test_batches_are_listed_by_endpoint_for_seven_days(box: Sandbox, http: Http) -> None:
    ids = [http.post("/batches", batch(contact()))["batchID"] for _ in range(3)]
    http.post("/batches", batch(event(), endpoint="events"))
    assert http.wrong("GET", "/batches") == {"endpoint": "required"}
    page = http.get("/batches", endpoint="contacts", limit=2)
    assert [b["batchID"] for b in page["batches"]] == ids[:2]
    assert page["paging"]["next"].endswith("limit=2&offset=2")
    assert [b["batchID"] for b in http.get("/batches", endpoint="contacts", offset=2)["batches"]] == ids[2:]
    assert http.get("/batches", endpoint="contacts", status="finished")["batches"] == []
    assert http.get("/batches", endpoint="contacts", dateFrom="2026-06-02")["batches"] == []
    assert len(http.get("/batches", endpoint="contacts", dateTo="2026-06-01")["batches"]) == 3
    box.clock(advance=7 * 86_400)
    assert http.status("GET", f"/batches/{ids[0]}") == 200
    box.clock(advance=1)
    assert http.status("GET", f"/batches/{ids[0]}/items") == 404
    assert http.get("/batches", endpoint="contacts")["batches"] == []


# --- events --------------------------------------------------------------------------------------------------------


def fired(box: Sandbox) -> list[tuple[str, str, int]]:
    return [(e["eventName"], e["eventID"], e["fired"]) for e in box.state()["events"]]


def test_an_event_is_accepted_with_nothing_and_makes_its_contact(box: Sandbox, http: Http) -> None:
    answer = http.send("POST", "/events", event(properties={"from": "lead", "to": "customer"}))
    assert (answer.status_code, answer.content) == (202, b"")
    [held_event] = box.state()["events"]
    assert held_event == {
        "eventID": EVENT, "eventName": "Qualified", "eventTime": NOW, "properties": {"from": "lead", "to": "customer"},
        "origin": "api", "contact": held(box)[ADA]["id"], "fired": 1,
    }  # fmt: skip
    assert held(box)[ADA]["status"] == "nonSubscribed"


def test_an_event_that_comes_again_is_in_the_history_once_and_automations_run_again(box: Sandbox, http: Http) -> None:
    for _ in range(3):
        http.send("POST", "/events", event())
    http.send("POST", "/events", event(eventTime="2026-05-01T00:00:00Z"))
    http.send("POST", "/events", event(OTHER_EVENT))
    assert fired(box) == [("Qualified", EVENT, 3), ("Qualified", EVENT, 1), ("Qualified", OTHER_EVENT, 1)]


def test_an_event_without_id_or_time_gets_them(box: Sandbox, http: Http) -> None:
    assert http.status("POST", "/events", event(None, eventTime=None)) == 202
    [one] = box.state()["events"]
    assert (one["eventTime"], len(one["eventID"])) == (NOW, 36)


def test_a_time_may_have_a_space_in_it(box: Sandbox, http: Http) -> None:
    http.send("POST", "/events", event(eventTime="2026-06-01 14:00:00+02:00"))
    assert box.state()["events"][0]["eventTime"] == NOW


def test_an_event_updates_its_contact_and_opts_it_in_and_out(box: Sandbox, http: Http) -> None:
    id_ = http.upsert(email(at="2026-03-01T00:00:00Z"))["id"]
    out = {"optOuts": [{"channel": "email", "createdAt": "2026-04-01T00:00:00Z"}]}
    http.send("POST", "/events", event(contact={"id": id_, "email": ADA, "firstName": "Ada", "tags": ["vip"], **out}))
    late = {"optIns": [{"channel": "email", "createdAt": "2026-03-15T00:00:00Z"}]}
    http.send("POST", "/events", event(OTHER_EVENT, contact={"email": ADA, **late}))
    ada = held(box)[ADA]
    assert (ada["firstName"], ada["tags"], ada["status"]) == ("Ada", ["vip"], "unsubscribed")


def test_an_event_is_of_a_phone_or_an_id_too(box: Sandbox, http: Http) -> None:
    id_ = http.upsert(email(), phone())["id"]
    for person in ({"phone": PHONE}, {"id": id_}):
        http.send("POST", "/events", event(None, contact=person))
    assert [e["contact"] for e in box.state()["events"]] == [id_, id_]
    http.send("POST", "/events", event(OTHER_EVENT, contact={"id": "60a6170920d91c215e949b5c"}))
    assert box.state()["events"][-1]["contact"] is None
    assert len(box.state()["contacts"]) == 1


def test_a_bad_event_is_refused_with_all_its_problems(box: Sandbox, http: Http) -> None:
    bad = {"eventID": "ord-1", "eventTime": "today", "properties": [1], "contact": {"firstName": "Ada"}}
    assert http.wrong("POST", "/events", bad) == {
        "eventName": "required", "eventID": "invalid_format", "eventTime": "invalid_format", "properties": "invalid_type",
        "contact": "required",
    }  # fmt: skip
    person = {"email": ADA, "optIns": "email", "optOuts": [1], "consents": {}}
    assert http.wrong("POST", "/events", event(contact=person)) == {
        "contact.optIns": "invalid_type", "contact.optOuts.0": "invalid_type", "contact.consents": "invalid_type",
    }  # fmt: skip
    assert box.state()["events"] == []


@pytest.mark.parametrize(("version", "status"), [(None, 400), ("v2", 202)])
def test_a_recommended_event_needs_its_version(http: Http, version: str | None, status: int) -> None:
    assert http.status("POST", "/events", event(name="placed order", eventVersion=version)) == status


def test_a_batch_of_events_runs_automations_as_well(box: Sandbox, http: Http) -> None:
    http.send("POST", "/events", event())
    id_ = http.post("/batches", batch(event(), {"eventName": ""}, endpoint="events"))["batchID"]
    box.clock(advance=2)
    assert fired(box) == [("Qualified", EVENT, 2)]
    done = http.get(f"/batches/{id_}/items")
    assert ([r["responseCode"] for r in done["responses"]], done["errorsCount"]) == ([202], 1)
