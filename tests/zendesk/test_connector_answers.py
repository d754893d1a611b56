"""What Zendesk's answers mean, in every shape that they come in, and that none of it repeats a person's values."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from outside import recordings_of
from stagebridge.errors import AuthError
from stagebridge.http import Again, Lost, Renew, Response
from stagebridge_zendesk.answers import judge, texts_in, too_many_jobs, trouble

DUPLICATE = "Email: ada@example.com is already being used by another user"


def answer(status: int, body: Any = None, **headers: str) -> Response:
    return Response(
        status, {"content-type": "application/json", **headers}, orjson.dumps(body) if body is not None else b""
    )


@pytest.mark.parametrize(
    ("error", "code", "fields"),
    [
        ({"error": "RecordNotFound", "description": "Not found"}, "RecordNotFound", ()),
        ({"error": "Couldn't authenticate you"}, "Row", ()),
        ({"error": {"title": "Forbidden", "message": "You do not have access to this page."}}, "Forbidden", ()),
        ({"error": "RecordInvalid", "description": "Record validation errors",
          "details": {"email": [{"description": DUPLICATE, "error": "DuplicateValue"}]}}, "DuplicateValue", ("email",)),
        ({"error": "RecordInvalid", "details": {"phone": {"description": "Phone 5551234567 is not properly formatted",
                                                          "error": "InvalidFormat"}}}, "InvalidFormat", ("phone",)),
        ({"action": "create", "success": False, "error": "RecordInvalid", "details": DUPLICATE}, "RecordInvalid", ("email",)),
        ({"index": 3, "error": "UserCreateError", "details": "Name: is too short"}, "UserCreateError", ("name",)),
        ({"success": False, "errors": DUPLICATE}, "DuplicateValue", ("email",)),
    ],
)  # fmt: skip
def test_every_shape_of_an_error_names_its_code_and_its_field(error: Any, code: str, fields: tuple[str, ...]) -> None:
    found = trouble(error)
    assert (found.code, found.fields) == (code, fields)
    assert "example.com" not in found.said
    assert "5551234567" not in found.said


def test_a_duplicate_is_known_in_any_shape() -> None:
    assert trouble({"error": "RecordInvalid", "details": DUPLICATE}).taken
    assert trouble({"details": {"external_id": [{"description": "External has already been taken"}]}}).taken
    assert not trouble({"error": "RecordInvalid", "details": {"name": [{"error": "BlankValue"}]}}).taken


def test_nobodys_values_are_repeated() -> None:
    sent = {
        "name": "Zoë O'Brien",
        "role": "end-user",
        "user_fields": {"lifecycle_stage": "ls_lead", "note": "Likes tea!"},
    }
    said = trouble({"error": "x", "details": "Name: Zoë O'Brien (likes tea!) is no ls_lead"}, texts_in(sent)).said
    assert "Brien" not in said
    assert "tea" not in said
    assert "ls_lead" in said


def test_recorded_errors_are_read() -> None:
    folder = recordings_of("zendesk")
    found = trouble(orjson.loads((folder / "record-validation.json").read_bytes()))
    assert {"name", "recipient_addresses.email", "route.subdomain"} == set(found.fields)
    assert trouble(orjson.loads((folder / "duplicate-error.json").read_bytes())).taken
    assert trouble(orjson.loads((folder / "resource-not-found.json").read_bytes())).code == "InvalidEndpoint"


def test_a_storm_says_how_long_it_lasts_and_too_many_jobs_are_the_callers_to_wait_for() -> None:
    assert judge(answer(429, {}, **{"retry-after": "7"})) == Again(7.0, "HTTP 429")
    assert judge(answer(429, {}, **{"ratelimit-reset": "41"})) == Again(41.0, "HTTP 429")
    jobs = answer(429, {"error": "TooManyJobs", "current_job_ids": ["a"]})
    assert judge(jobs) is None
    assert too_many_jobs(jobs)


def test_what_is_not_zendesks_answers_nothing() -> None:
    page = Response(200, {"content-type": "text/html"}, b"<html>")
    assert isinstance(judge(page), Lost)
    assert isinstance(judge(answer(502)), Lost)
    assert page.object() == {}
    refused = judge(answer(401, {"error": "Couldn't authenticate you"}))
    assert isinstance(refused, Renew)
    assert isinstance(refused.otherwise, AuthError)
    assert refused.otherwise.code == "SB-ZENDESK-TOKEN"
