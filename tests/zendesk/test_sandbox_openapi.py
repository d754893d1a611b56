"""The stand-in's answers, and our requests, are as Zendesk's own OpenAPI says, but for what is listed with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from stagebridge_zendesk.sandbox.routes import ROUTES, place
from zendesk_http import ADA, API, BO, NOW, STAGE, Http
from zendesk_openapi import NOT_IN_SPEC, WAIVERS, spec, validate_exchange

USER = {"id": 7, "name": "Ada", "active": True}


def tour(box: Sandbox, http: Http) -> None:
    """Every route that the document has, taken once so that it answers."""
    box.seed({"user_fields": [STAGE]})
    send, get = http.send, http.get
    get("/users/me")
    org = send("POST", "/organizations", {"organization": {"name": "Granat s.r.o.", "external_id": "o-1"}}).json()
    oid = org["organization"]["id"]
    send("POST", "/organizations/create_or_update", {"organization": {"id": oid, "notes": "n"}})
    send("PUT", f"/organizations/{oid}", {"organization": {"notes": "m"}})
    for path, query in (
        ("", {}),
        ("/search", {"name": "Granat s.r.o."}),
        ("/show_many", {"ids": oid}),
        (f"/{oid}", {}),
    ):
        get(f"/organizations{path}", **query)
    vip = send("POST", "/user_fields", {"user_field": {"key": "vip", "title": "VIP", "type": "dropdown",
                                                       "custom_field_options": [{"name": "A", "value": "a"}]}}).json()  # fmt: skip
    fid = vip["user_field"]["id"]
    get("/user_fields", page_size=10)
    get(f"/user_fields/{fid}")
    made = send("POST", f"/user_fields/{fid}/options", {"custom_field_option": {"name": "B", "value": "b"}}).json()
    get(f"/user_fields/{fid}/options")
    send("DELETE", f"/user_fields/{fid}/options/{made['custom_field_option']['id']}")
    send("PUT", f"/user_fields/{fid}", {"user_field": {"title": "Very"}})
    send("DELETE", f"/user_fields/{fid}")
    ada, bo = http.create(**ADA)["id"], http.create(name="Bo", phone="+442079460001")["id"]
    http.create(name="C", identities=[{"type": "email", "value": "c@example.com"}])
    send("POST", "/users/create_or_update", {"user": {**ADA, "user_fields": {"lifecycle_stage": "ls_lead"}}})
    for path, query in (
        ("", {"page_size": 2}), ("/count", {}), ("/search", {"query": "Ada"}), ("/show_many", {"ids": f"{ada},{bo}"}), (f"/{ada}", {}),
    ):  # fmt: skip
        get(f"/users{path}", **query)
    box.clock(advance=1)
    http.update(ada, notes="n", tags=["x"])
    for method in ("POST", "PUT", "DELETE", "GET"):
        send(method, f"/users/{ada}/tags", None if method == "GET" else {"tags": ["y"]})
    new = send(
        "POST",
        f"/users/{ada}/identities",
        {"identity": {"type": "email", "value": "d@example.com", "skip_verify_email": True}},
    ).json()
    identity = f"/users/{ada}/identities/{new['identity']['id']}"
    send("PUT", identity, {"identity": {"verified": True}})
    get(identity)
    get(f"/users/{ada}/identities", page_size=5)
    send("PUT", f"{identity}/make_primary", {})
    send("DELETE", identity)
    queued = [
        http.job("POST", "/users/create_many", {"users": [{"name": "J"}, {"name": "K", "email": "no"}]}),
        http.job("POST", "/users/create_or_update_many", {"users": [BO, {"name": ""}]}),
        http.job("PUT", "/users/update_many", {"users": [{"id": ada, "notes": "j"}, {"id": 7, "notes": "k"}]}),
        http.job("PUT", "/users/update_many", {"user": {"notes": "l"}}, ids=ada),
        http.job("DELETE", "/users/destroy_many", ids="8"),
    ]
    box.clock(advance=10)
    assert {http.get(f"/job_statuses/{j}")["job_status"]["status"] for j in queued} == {"completed"}
    get("/job_statuses", page_size=2)
    get("/job_statuses/show_many", ids=",".join(queued))
    ticket = {"subject": "S", "comment": {"body": "B"}, "requester_id": ada, "priority": "high", "tags": ["t"]}
    tid = send("POST", "/tickets", {"ticket": ticket}).json()["ticket"]["id"]
    send("PUT", f"/tickets/{tid}", {"ticket": {"status": "solved"}})
    get(f"/tickets/{tid}")
    get("/tickets", page_size=5)
    box.seed({"rate": {str(tid): {"score": "good", "comment": "Thanks"}}})
    send("PUT", f"/users/{bo}/merge", {"user": {"id": ada}})
    send("DELETE", f"/users/{ada}")
    get(f"/users/{ada}/compliance_deletion_statuses")
    for path in ("", "/count", f"/{ada}"):
        get(f"/deleted_users{path}")
    send("DELETE", f"/deleted_users/{ada}")
    get(f"/users/{ada}/compliance_deletion_statuses")
    box.clock(advance=61)
    start = int(NOW.timestamp()) - 60
    get("/incremental/users/cursor", start_time=start, per_page=2)
    get("/incremental/users", start_time=start)
    get("/incremental/tickets/cursor", start_time=start, per_page=10)
    get("/incremental/organizations", start_time=start)
    send("DELETE", f"/organizations/{oid}")


@pytest.fixture(scope="module")
def exchanges() -> list[Any]:
    """Everything that went over the wire on two tours; the second account gives failed rows an id."""
    spec()
    seen: list[Any] = []
    for bogus in (False, True):
        with Sandbox("zendesk", clock=ManualClock(NOW), switches={"bogus_ids": bogus}) as box, Http(box) as http:
            tour(box, http)
            seen += http.exchanges
    return seen


class Asked:
    """As much of a call as finding its place takes."""

    def __init__(self, method: str, path: str) -> None:
        self.method, self.path = method, path


def test_every_route_that_the_document_has_was_taken_and_answered_as_it_says(exchanges: list[Any]) -> None:
    taken = set()
    for method, path, *_, status, _answer in exchanges:
        found = place(Asked(method, path))  # type: ignore[arg-type]
        assert found is not None
        if 200 <= status < 300:
            taken.add((method, found.route))
    assert {(m, t) for m, t, *_ in ROUTES if not NOT_IN_SPEC.match(API + t)} == taken


@pytest.mark.parametrize("name", WAIVERS)
def test_every_waiver_is_still_needed(exchanges: list[Any], name: str) -> None:
    assert any(validate_exchange(*e, without=name) for e in exchanges), f"nothing needs the waiver {name} any more"


@pytest.mark.parametrize(("method", "path", "query", "body", "status", "answer", "said"), [
    ("GET", "/nowhere", {}, None, 200, {}, "not in the specification"),
    ("PATCH", "/users/7", {}, {"user": {}}, 200, {}, "not in the specification"),
    ("GET", "/users", {"pagesize": "2"}, None, 200, {}, "no parameter pagesize"),
    ("GET", "/users", {"per_page": "many"}, None, 200, {}, "whole number"),
    ("GET", "/users", {"page[size]": "many"}, None, 200, {}, "whole number"),
    ("GET", "/incremental/users/cursor", {"start_time": "2026-01-01"}, None, 200, {}, "whole number"),
    ("POST", "/users", {}, {"users": []}, 201, {"user": USER}, "'user' is a required property"),
    ("POST", "/users", {}, {"user": {"name": 7}}, 201, {"user": USER}, "request['user']"),
    ("POST", "/users", {}, {"user": {"name": "A", "external_ID": "7"}}, 201, {"user": USER}, "'external_ID'"),
    ("POST", "/users/create_or_update_many", {}, {"users": [{"name": "A", "mail": "a"}]}, 200, {}, "'mail'"),
    ("PUT", "/users/7", {}, {"user": {"tags": "vip"}}, 200, {"user": USER}, "request['user']['tags']"),
    ("POST", "/users/7/identities", {}, {"identity": {"type": "mail", "value": "a"}}, 201, {}, "request['identity']"),
    ("POST", "/users", {}, {"user": {"name": "A"}}, 200, {"user": USER}, "does not answer 200"),
    ("GET", "/users/7", {}, None, 200, {"user": {"id": "7", "name": "A"}}, "answer['user']"),
    ("GET", "/users/7", {}, None, 200, {"user": {"id": 7, "name": "A", "created_at": "today"}}, "answer['user']"),
    ("GET", "/job_statuses/7", {}, None, 200, {"job_status": {"results": [{"ok": 1}]}}, "answer['job_status']"),
    ("GET", "/incremental/users/cursor", {"cursor": "x"}, None, 200, {"end_of_stream": "no"}, "'end_of_stream'"),
])  # fmt: skip
def test_what_is_wrong_is_found(
    method: str, path: str, query: dict[str, str], body: Any, status: int, answer: Any, said: str
) -> None:
    problems = validate_exchange(method, API + path, query, body, status, answer)
    assert any(said in p for p in problems), problems


def test_a_refused_request_may_be_as_wrong_as_it_likes() -> None:
    assert validate_exchange("POST", f"{API}/users", {}, {"user": {"name": 7}}, 422, {"error": "RecordInvalid"}) == []


def test_a_request_is_checked_without_its_answer_too() -> None:
    assert validate_exchange("POST", f"{API}/users.json", {}, {"user": {"name": "A"}}, 201, None) == []
    assert validate_exchange("POST", f"{API}/users.json", {}, {"user": {"name": 7}}, 201, None) != []
