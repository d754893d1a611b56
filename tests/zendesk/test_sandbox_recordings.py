"""The stand-in answers in the shape of the recorded accounts: the same keys at every depth."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from outside import recordings_of
from stagebridge.sandbox import Sandbox
from zendesk_http import ADA, BO, NOW, Http
from zendesk_openapi import validate_exchange

EXPORT = "/incremental/users/cursor"
NOON = int(NOW.timestamp())
PAGES = ("read/incremental/users-1-first-page.json", "read/incremental/users-2-last-page.json")


def recorded(name: str) -> Any:
    return json.loads((recordings_of("zendesk") / name).read_text("utf-8"))


def shape(value: Any, at: str = "") -> set[str]:
    """Every path of keys; lists are one step. Which attributes are wrong, and what somebody's photo is, is no part of it."""
    if isinstance(value, dict):
        steps = {("*" if at == ".details" else k): v for k, v in value.items()}
        return {p for k, v in steps.items() for p in {f"{at}.{k}", *(shape(v, f"{at}.{k}") if k != "photo" else ())}}
    if isinstance(value, list):
        return {p for v in value for p in shape(v, f"{at}[]")}
    return set()


def refused(http: Http, *users: dict[str, Any]) -> Any:
    return [http.send("POST", "/users", {"user": u}) for u in users][-1].json()


ERRORS: dict[str, Callable[[Http], Any]] = {
    "duplicate-error.json": lambda http: refused(http, ADA, {**BO, "email": "ada@example.com"}),
    "record-validation.json": lambda http: refused(http, {"name": "", "email": "ada", "role": "boss"}),
    "missing-parameter.json": lambda http: http.send("POST", "/users/create_many", {}).json(),
    "resource-not-found.json": lambda http: http.send("GET", "/no/such/thing").json(),
}


def test_every_recording_is_compared() -> None:
    folder = recordings_of("zendesk")
    assert {str(p.relative_to(folder)) for p in folder.rglob("*.json")} == {*PAGES, *ERRORS}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_have_the_recorded_shape_and_words(http: Http, name: str) -> None:
    theirs, ours = recorded(name), ERRORS[name](http)
    assert shape(ours) == shape(theirs)
    for part in ("error", "description"):
        assert re.sub(r"\bbrands\b", "users", theirs[part]) == ours[part]
    codes = [{d["error"] for each in body.get("details", {}).values() for d in each} for body in (theirs, ours)]
    assert codes[0] == codes[1]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_export_has_the_recorded_shape(box: Sandbox, http: Http, name: str) -> None:
    (field,) = http.get("/user_fields")["user_fields"]
    http.send("DELETE", f"/user_fields/{field['id']}")
    box.seed([{**ADA, "updated_at": NOON - 600}, {**BO, "updated_at": NOON - 500}])
    theirs = recorded(name)
    first = http.get(EXPORT, start_time=NOON - 700, per_page=1)
    ours = first if not theirs["end_of_stream"] else http.get(EXPORT, cursor=first["after_cursor"], per_page=19)
    assert shape(ours) == shape(theirs)
    assert ours["end_of_stream"] == theirs["end_of_stream"]
    assert [type(ours["users"][0][k]) for k in ("id", "email", "tags")] == [int, str, list]
    for page in (theirs, ours):
        assert re.search(r"\?cursor=[\w%]+&per_page=(1|19)$", page["after_url"]), page["after_url"]
        assert re.fullmatch(r"\d+\.0\|\|\d+\|", base64.b64decode(page["after_cursor"]).decode())


@pytest.mark.parametrize("name", PAGES)
def test_the_recorded_export_is_as_the_waivers_say(name: str) -> None:
    assert validate_exchange("GET", f"/api/v2{EXPORT}", {"cursor": "x"}, None, 200, recorded(name)) == []
