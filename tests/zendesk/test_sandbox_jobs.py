"""Jobs of the Zendesk stand-in: a hundred rows, thirty at once, and "completed" is not success."""

from __future__ import annotations

from typing import Any

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from zendesk_http import ADA, BO, NOW, Http, user

MANY = "*_many*"


def rows(count: int) -> list[dict[str, Any]]:
    return [{"name": f"P{i}", "email": f"p{i}@example.com", "external_id": f"x-{i}"} for i in range(count)]


def upserted(http: Http, users: list[dict[str, Any]]) -> str:
    return http.job("POST", "/users/create_or_update_many", {"users": users})


# --- the life of a job ---------------------------------------------------------------------------------------------


def test_a_job_is_queued_then_works_then_is_done_and_writes_only_then(box: Sandbox, http: Http) -> None:
    queued = http.send("POST", "/users/create_many", {"users": rows(4)}).json()["job_status"]
    assert (queued["status"], queued["total"]) == ("queued", 4)
    assert (queued["progress"], queued["message"], queued["results"]) == (None, None, None)
    working = http.done(queued["id"], 1.5)
    assert (working["status"], working["results"], box.state()["users"]) == ("working", None, [])
    done = http.done(queued["id"])
    assert (done["status"], done["progress"]) == ("completed", 4)
    assert done["message"].startswith("Completed at 2026-11-25 12:00:0")
    assert done["results"] == [{"id": u["id"], "index": n} for n, u in enumerate(box.state()["users"])]


def test_what_a_job_writes_is_dated_when_the_job_ends(box: Sandbox, http: Http) -> None:
    upserted(http, rows(1))
    box.clock(advance=3600)
    assert box.state()["users"][0]["updated_at"] < "2026-11-25T12:00:05Z"


def test_a_job_is_kept_for_a_day_and_several_are_read_at_once(box: Sandbox, http: Http) -> None:
    first, second = upserted(http, rows(1)), upserted(http, [ADA])
    found = http.get("/job_statuses/show_many", ids=f"{second},{first},nobodys")["job_statuses"]
    assert [j["id"] for j in found] == [second, first]
    assert {j["id"] for j in http.get("/job_statuses")["job_statuses"]} == {first, second}
    box.clock(advance=86_401)
    http.get("/job_statuses")
    assert http.send("GET", f"/job_statuses/{first}").status_code == 404


def test_jobs_run_in_no_guaranteed_order() -> None:
    switches = {"job_jitter": 100}
    with Sandbox("zendesk", clock=ManualClock(NOW), switches=switches) as box, Http(box) as http:
        for n in range(8):
            upserted(http, [{"name": f"P{n}", "external_id": f"x-{n}"}])
        box.clock(advance=200)
        names = [u["name"] for u in box.state()["users"]]
        assert names != sorted(names)


def test_a_job_of_more_than_a_hundred_rows_or_of_none_is_refused(box: Sandbox, http: Http) -> None:
    bodies: tuple[dict[str, Any], ...] = ({"users": rows(101)}, {"users": []}, {})
    for body in bodies:
        assert http.send("POST", "/users/create_or_update_many", body).status_code == 400
    assert http.send("PUT", "/users/update_many", {"users": [{"name": "nobody's"}]}).status_code == 400
    assert http.send("PUT", "/users/update_many", {"users": [{"id": None, "name": "x"}]}).status_code == 400
    assert box.state()["jobs"] == []


# --- what became of the rows ---------------------------------------------------------------------------------------


def test_an_upsert_says_of_every_row_what_was_done(box: Sandbox, http: Http) -> None:
    ada = http.create(**ADA)
    done = http.done(upserted(http, [{"external_id": "C-1", "name": "Ada L."}, BO]))
    first, second = done["results"]
    assert first == {
        "index": 0, "id": ada["id"], "status": "Updated", "external_id": "C-1", "email": "ada@example.com",
    }  # fmt: skip
    assert (second["index"], second["status"], second["email"]) == (1, "Created", "bo@example.com")
    assert user(box, ada["id"])["name"] == "Ada L."


def test_completed_does_not_mean_that_every_row_was_written(box: Sandbox, http: Http) -> None:
    http.create(**ADA)
    stage = {"lifecycle_stage": "customer"}
    given: list[dict[str, Any]] = [
        BO,
        {"name": "Two", "external_id": "c-2", "email": "ada@example.com"},
        {"name": "X", "user_fields": stage},
    ]
    done = http.done(upserted(http, given))
    assert done["status"] == "completed"
    assert [r.get("success", True) for r in done["results"]] == [True, False, False]
    assert "already being used" in done["results"][1]["details"]
    assert done["results"][2]["details"] == "Lifecycle stage: customer is invalid"
    assert [u["name"] for u in box.state()["users"]] == [ADA["name"], BO["name"]]


def test_update_many_changes_all_of_some_ids_in_one_way(box: Sandbox, http: Http) -> None:
    ids = box.seed(rows(3))["ids"]
    job = http.job("PUT", "/users/update_many", {"user": {"notes": "n"}}, ids=f"{ids[0]},{ids[2]},7")
    by_id = {r["id"]: r for r in http.done(job)["results"] if "id" in r}
    assert by_id[ids[0]] == {"action": "update", "id": ids[0], "status": "Updated", "success": True}
    assert [u["notes"] for u in box.state()["users"]] == ["n", None, "n"]


def test_update_many_changes_rows_by_id_or_external_id_each_in_its_way(box: Sandbox, http: Http) -> None:
    ids = box.seed(rows(3))["ids"]
    given = [{"id": ids[0], "notes": "a"}, {"external_id": "X-1", "notes": "b"}, {"id": 7, "notes": "c"}]
    results = http.done(http.job("PUT", "/users/update_many", {"users": given}))["results"]
    assert [r["success"] for r in results] == [True, True, False]
    assert (results[1]["id"], results[2]["id"], results[2]["error"]) == (ids[1], 7, "RecordNotFound")
    assert [u["notes"] for u in box.state()["users"]] == ["a", "b", None]
    job = http.job("PUT", "/users/update_many", {"user": {"notes": "d"}}, external_ids="x-2")
    assert http.done(job)["results"][0]["id"] == ids[2]


def test_destroy_many_deletes_softly(box: Sandbox, http: Http) -> None:
    ids = box.seed(rows(3))["ids"]
    results = http.done(http.job("DELETE", "/users/destroy_many", ids=f"{ids[0]},7"))["results"]
    assert results[0] == {"action": "delete", "id": ids[0], "status": "Deleted", "success": True}
    assert (results[1]["id"], results[1]["success"]) == (7, False)
    http.done(http.job("DELETE", "/users/destroy_many", external_ids="x-1"))
    assert [u["deleted"] for u in box.state()["users"]] == [True, True, False]


def test_rows_may_come_back_in_any_order() -> None:
    with Sandbox("zendesk", clock=ManualClock(NOW), switches={"shuffle_rows": True}) as box, Http(box) as http:
        results = http.done(upserted(http, rows(50)))["results"]
        order = [r["index"] for r in results]
        assert order != sorted(order)
        assert {r["index"]: r["email"] for r in results} == {n: f"p{n}@example.com" for n in range(50)}


@pytest.mark.parametrize("bogus", [False, True])
def test_a_row_that_made_nobody_has_its_index_and_may_have_an_id_of_nobody(bogus: bool) -> None:
    switches = {"bogus_ids": bogus}
    with Sandbox("zendesk", clock=ManualClock(NOW), switches=switches) as box, Http(box) as http:
        (row,) = http.done(upserted(http, [{"name": "A", "email": "no"}]))["results"]
        assert (row["index"], row["success"], "id" in row) == (0, False, bogus)
        assert box.state()["users"] == []


# --- limits --------------------------------------------------------------------------------------------------------


def test_the_thirty_first_job_in_flight_is_refused_with_the_others_named(box: Sandbox, http: Http) -> None:
    answers = [http.send("POST", "/users/create_or_update_many", {"users": [r]}) for r in rows(31)]
    left = [a.headers["zendesk-ratelimit-inflight-jobs"] for a in answers]
    assert (left[0], left[29]) == ("total=30; remaining=29; resets=60", "total=30; remaining=0; resets=60")
    refused = answers[30]
    assert (refused.status_code, refused.json()["error"], "Retry-After" in refused.headers) == (
        429,
        "TooManyJobs",
        True,
    )
    assert refused.json()["current_job_ids"] == [a.json()["job_status"]["id"] for a in answers[:30]]
    assert box.state()["refused"] == {"inflight-jobs": 1}
    box.clock(advance=10)
    upserted(http, rows(1))
    assert len(box.state()["users"]) == 30


def test_without_bulk_import_creating_jobs_are_forbidden_and_updating_ones_are_not() -> None:
    with Sandbox("zendesk", clock=ManualClock(NOW), switches={"bulk_import": False}) as box, Http(box) as http:
        for path in ("create_many", "create_or_update_many"):
            refused = http.send("POST", f"/users/{path}", {"users": rows(1)})
            assert (refused.status_code, refused.json()["error"]["title"]) == (403, "Forbidden")
        (id_,) = box.seed([ADA])["ids"]
        http.done(http.job("PUT", "/users/update_many", {"users": [{"id": id_, "notes": "n"}]}))
        assert [u["notes"] for u in box.state()["users"]] == ["n"]


# --- faults --------------------------------------------------------------------------------------------------------


def test_chosen_rows_fail_with_a_text_and_the_job_is_completed_all_the_same(box: Sandbox, http: Http) -> None:
    box.fault("failed_rows", path=MANY, rows=[1, 3], text="Name: is too long", error="UserInvalid")
    done = http.done(upserted(http, rows(5)))
    failed = {r["index"]: (r["error"], r["details"]) for r in done["results"] if r.get("success") is False}
    assert (done["status"], failed) == ("completed", dict.fromkeys((1, 3), ("UserInvalid", "Name: is too long")))
    assert [u["name"] for u in box.state()["users"]] == ["P0", "P2", "P4"]


def test_a_partial_batch_fails_every_other_row(box: Sandbox, http: Http) -> None:
    ids = box.seed(rows(4))["ids"]
    box.fault("partial_batch")
    job = http.job("PUT", "/users/update_many", {"users": [{"id": i, "notes": "n"} for i in ids]})
    assert [(r["id"], r["success"]) for r in http.done(job)["results"]] == list(
        zip(ids, [True, False, True, False], strict=True)
    )
    assert [u["notes"] for u in box.state()["users"]] == ["n", None, "n", None]


def test_a_stuck_job_goes_on_when_somebody_frees_it(box: Sandbox, http: Http) -> None:
    box.fault("stuck_job", path=MANY)
    job = upserted(http, rows(1))
    assert http.done(job, 3600)["status"] == "working"
    box.seed({"unstick": [job]})
    assert http.done(job, 0)["status"] == "completed"
    box.fault("stuck_job", path=MANY, phase="queued", seconds=100)
    job = upserted(http, [ADA])
    assert http.done(job, 90)["status"] == "queued"
    assert http.done(job, 20)["status"] == "completed"


@pytest.mark.parametrize("status", ["killed", "failed"])
def test_a_job_that_ends_early_says_nothing_of_what_it_did(box: Sandbox, http: Http, status: str) -> None:
    box.fault("killed_job", path=MANY, done=2, status=status)
    done = http.done(upserted(http, rows(5)))
    assert (done["status"], done["results"]) == (status, None)
    assert [u["name"] for u in box.state()["users"]] == ["P0", "P1"]


def test_a_person_may_edit_an_instant_before_the_job_writes(box: Sandbox, http: Http) -> None:
    (id_,) = box.seed([ADA])["ids"]
    box.fault("edit_before_write", path=MANY, id="c-1", values={"notes": "by hand", "name": "By Hand"})
    http.done(upserted(http, [{**ADA, "name": "By Job"}, BO]))
    held = user(box, id_)
    assert (held["name"], held["notes"]) == ("By Job", "by hand")
