"""Many users of the Zendesk stand-in at once: pages, look-ups, search, and the incremental exports."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from zendesk_http import ADA, BO, NOW, Http

NOON = int(NOW.timestamp())


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"name": f"P{i}", "email": f"p{i}@example.com", "external_id": f"x-{i}", "updated_at": NOON - 600 + i, **more}
        for i in range(count)
    ]


# --- pages ---------------------------------------------------------------------------------------------------------


def test_pages_by_cursor_go_to_the_end_and_say_when_there_is_no_more(box: Sandbox, http: Http) -> None:
    ids = box.seed(people(5))["ids"]
    seen, page = [], http.get("/users", page_size=2)
    while True:
        seen += [u["id"] for u in page["users"]]
        if not page["meta"]["has_more"]:
            break
        page = http.get("/users", page_size=2, page_after=page["meta"]["after_cursor"])
    assert seen == ids
    assert page["links"]["next"] is None


def test_links_lead_back_to_where_the_answer_came_from(box: Sandbox, http: Http) -> None:
    box.seed(people(3))
    page = http.get("/users", page_size=2)
    assert page["links"]["next"].startswith(box.url)
    assert len(http.session.get(page["links"]["next"], timeout=5).json()["users"]) == 1


def test_no_page_has_more_than_a_hundred(box: Sandbox, http: Http) -> None:
    box.seed(people(150))
    assert len(http.get("/users", page_size=1000)["users"]) == 100
    page = http.get("/users", per_page=1000)
    assert (len(page["users"]), page["count"], page["previous_page"]) == (100, 150, None)
    assert page["next_page"].startswith(box.url)
    assert http.get("/users", page=2)["next_page"] is None


def test_pages_by_number_stop_at_ten_thousand_without_a_word(box: Sandbox, http: Http) -> None:
    box.seed([{"name": f"P{i}"} for i in range(10_050)])
    last = http.get("/users", page=100, per_page=100)
    assert (len(last["users"]), last["count"], last["next_page"]) == (100, 10_050, None)
    assert http.send("GET", "/users", page=101, per_page=100).status_code == 400
    assert http.send("GET", "/users/search", query="P", page=101, per_page=100).status_code == 400
    assert http.get("/users/count")["count"]["value"] == 10_050


def test_users_are_filtered_by_role_and_external_id(box: Sandbox, http: Http) -> None:
    box.seed([ADA, {**BO, "role": "agent"}])
    assert [u["name"] for u in http.get("/users", role="agent")["users"]] == [BO["name"]]
    assert [u["name"] for u in http.get("/users", external_id="C-1")["users"]] == [ADA["name"]]


# --- looking up ----------------------------------------------------------------------------------------------------


def test_many_are_shown_by_id_or_external_id_and_who_is_not_there_is_left_out(box: Sandbox, http: Http) -> None:
    first, second = box.seed([ADA, BO])["ids"]
    assert [u["id"] for u in http.get("/users/show_many", ids=f"{second},7,{first}")["users"]] == [second, first]
    assert [u["id"] for u in http.get("/users/show_many", external_ids="C-2,nobody")["users"]] == [second]
    box.seed({"delete": [first]})
    assert http.get("/users/show_many", ids=first)["users"] == []
    assert [u["id"] for u in http.get("/users/show_many", ids=first, include_deleted="true")["users"]] == [first]


def test_a_hundred_ids_are_the_most(http: Http) -> None:
    assert http.send("GET", "/users/show_many", ids=",".join(str(i) for i in range(1, 102))).status_code == 400
    assert http.send("GET", "/users/show_many").json()["error"] == "ParameterMissing"


@pytest.mark.parametrize(("query", "found"), [
    ("email:bo@example.com", ["Bo Çelik"]), ('name:"ada ång"', ["Ada Ångström"]), ("external_id:C-1", ["Ada Ångström"]),
    ("example.com", ["Ada Ångström", "Bo Çelik"]), ("tags:vip", ["Bo Çelik"]), ("type:user role:end-user ada", ["Ada Ångström"]),
    ("lifecycle_stage:ls_lead", ["Ada Ångström"]), ("external_id:none", []), ("organization:granat", []),
])  # fmt: skip
def test_search_understands_words_and_keys(box: Sandbox, http: Http, query: str, found: list[str]) -> None:
    box.seed([{**ADA, "user_fields": {"lifecycle_stage": "ls_lead"}}, {**BO, "tags": ["vip"]}])
    assert [u["name"] for u in http.get("/users/search", query=query)["users"]] == found


def test_search_may_lag_behind_what_was_written() -> None:
    with Sandbox("zendesk", clock=ManualClock(NOW), switches={"index_lag": 60}) as box, Http(box) as http:
        made = http.create(**ADA)
        assert http.get("/users/search", query="ada")["users"] == []
        box.clock(advance=60)
        http.update(made["id"], name="Ada New")
        assert [u["name"] for u in http.get("/users/search", query="ada")["users"]] == [ADA["name"]]
        box.clock(advance=60)
        assert [u["name"] for u in http.get("/users/search", query="ada")["users"]] == ["Ada New"]
        assert http.get(f"/users/{made['id']}")["user"]["name"] == "Ada New"


# --- exports -------------------------------------------------------------------------------------------------------


def exported(http: Http, path: str = "/incremental/users/cursor", **query: Any) -> tuple[list[Any], str]:
    """Everything until the end of the stream, and the last cursor."""
    name, out = path.split("/")[2], []
    while True:
        page = http.get(path, **query)
        out += page[name]
        if page["end_of_stream"]:
            return out, page["after_cursor"]
        query = {k: v for k, v in query.items() if k == "per_page"} | {"cursor": page["after_cursor"]}


def test_an_export_pages_to_the_end_of_the_stream_oldest_first(box: Sandbox, http: Http) -> None:
    ids = box.seed(people(5))["ids"]
    found, _ = exported(http, start_time=NOON - 600, per_page=2)
    assert [u["id"] for u in found] == ids
    found, _ = exported(http, start_time=NOON - 598, per_page=2)
    assert [u["id"] for u in found] == ids[2:]


def test_the_newest_minute_is_withheld_and_comes_with_the_same_cursor_later(box: Sandbox, http: Http) -> None:
    box.seed(people(1))
    _, cursor = exported(http, start_time=NOON - 700)
    late = http.create(**ADA)
    assert exported(http, cursor=cursor) == ([], cursor)
    box.clock(advance=59)
    assert exported(http, cursor=cursor)[0] == []
    box.clock(advance=1)
    found, after = exported(http, cursor=cursor)
    assert [u["id"] for u in found] == [late["id"]]
    assert base64.b64decode(after).decode() == f"{NOON}.0||{late['id']}|"


def test_who_was_deleted_or_merged_is_exported_as_inactive_and_who_was_erased_is_not(box: Sandbox, http: Http) -> None:
    ids = box.seed(people(5))["ids"]
    box.seed({"delete": [ids[0]], "merge": [ids[1], ids[2]], "erase": [ids[3]]})
    box.clock(advance=60)
    found, _ = exported(http, start_time=NOON - 700)
    assert {u["id"]: u["active"] for u in found} == {ids[0]: False, ids[1]: False, ids[2]: True, ids[4]: True}


def test_who_was_erased_may_stay_in_the_export_without_anything_of_his() -> None:
    with Sandbox("zendesk", clock=ManualClock(NOW), switches={"erased_in_export": True}) as box, Http(box) as http:
        ids = box.seed(people(1))["ids"]
        box.seed({"erase": ids})
        box.clock(advance=60)
        (gone,), _ = exported(http, start_time=NOON - 700)
        assert (gone["id"], gone["active"], gone["email"]) == (ids[0], False, None)


@pytest.mark.parametrize("status", [422, 400])
def test_an_export_does_not_start_within_the_last_minute(status: int) -> None:
    switches = {"recent_start_status": status}
    with Sandbox("zendesk", clock=ManualClock(NOW), switches=switches) as box, Http(box) as http:
        assert http.send("GET", "/incremental/users/cursor", start_time=NOON - 59).status_code == status
        assert http.send("GET", "/incremental/users/cursor", start_time=NOON - 60).status_code == 200
        assert http.send("GET", "/incremental/users/cursor").status_code == 400
        assert http.send("GET", "/incremental/users/cursor", cursor="nonsense").status_code == 400


def test_no_export_page_has_more_than_a_thousand(box: Sandbox, http: Http) -> None:
    box.seed([{"name": f"P{i}", "updated_at": NOON - 600} for i in range(1001)])
    url = f"{box.url}/api/v2/incremental/users/cursor?start_time={NOON - 600}&per_page=5000"
    page = http.session.get(url, timeout=5).json()
    assert (len(page["users"]), page["end_of_stream"]) == (1000, False)
    assert page["after_url"].startswith(box.url)
    assert len(http.session.get(page["after_url"], timeout=5).json()["users"]) == 1


def test_the_export_by_time_repeats_rows_never_stops_offering_a_page_and_may_exceed_its_size(
    box: Sandbox, http: Http
) -> None:
    ids = box.seed([{"name": f"P{i}", "updated_at": NOON - 600 + i // 3} for i in range(5)])["ids"]
    first = http.get("/incremental/users", start_time=NOON - 600, per_page=2)
    assert [u["id"] for u in first["users"]] == ids[:3]
    assert (first["count"], first["end_of_stream"], first["end_time"]) == (3, False, NOON - 600)
    last = http.get("/incremental/users", start_time=NOON - 599, per_page=2)
    assert [u["id"] for u in last["users"]] == ids[3:]
    assert (last["end_of_stream"], last["next_page"] is not None) == (True, True)
    again = http.get("/incremental/users", start_time=last["end_time"], per_page=2)
    assert [u["id"] for u in again["users"]] == ids[3:]


def test_organisations_are_exported_by_time(box: Sandbox, http: Http) -> None:
    box.seed({"organizations": [{"name": "Granat s.r.o."}]})
    box.clock(advance=60)
    assert [o["name"] for o in http.get("/incremental/organizations", start_time=NOON - 60)["organizations"]] == [
        "Granat s.r.o."
    ]


def test_what_is_committed_late_slips_behind_a_cursor_that_has_passed(box: Sandbox, http: Http) -> None:
    box.fault("late_commit", seconds=120)
    slow = http.create(**ADA)
    box.heal()
    quick = http.create(**BO)
    box.clock(advance=60)
    found, cursor = exported(http, start_time=NOON - 60)
    assert [u["id"] for u in found] == [quick["id"]]
    box.clock(advance=60)
    assert exported(http, cursor=cursor)[0] == []
    assert [u["id"] for u in exported(http, start_time=NOON - 60)[0]] == [slow["id"], quick["id"]]
