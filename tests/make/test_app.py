"""The app that users deploy to Make hangs together, and asks our API only for what it offers.

Whether its files have Make's form is in `test_app_schemas.py`; expressions run at Make only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from make_app import EXPRESSION, App, Component, calls, parsed, texts, uses
from make_kit import BESIDES, CONTACT, HEAD
from stagebridge.endpoint import HAPPENINGS
from stagebridge_make.sandbox.calls import MODULES

app = App()
README = (app.folder / "README.md").read_text("utf-8")
ROUTES = {
    ("GET", "/v1/me"), ("GET", "/v1/stages"), ("POST", "/v1/subscriptions"), ("DELETE", "/v1/subscriptions/{}"),
    ("GET", "/v1/contacts"), ("POST", "/v1/contacts"), ("POST", "/v1/stages"), ("POST", "/v1/conversions"),
}  # fmt: skip
"""What our API offers of what the app may ask."""
BODIES: dict[str, set[str]] = {
    "/v1/subscriptions": {"target_url", "event"},
    "/v1/contacts": {
        "email", "phone", "first_name", "last_name", "company", "job_title", "language", "country", "source", "stage", "tags",
        "custom",
    },
    "/v1/stages": {"email", "phone", "stage"},
    "/v1/conversions": {
        "name", "id", "at", "email", "phone", "value", "currency", "order_id", "source_url", "custom",
    },
}  # fmt: skip
QUERIES = {"email", "phone", "id", "changed_since", "limit"}
TRIGGERS = {c.name: c for c in app.of("module") if c.about["moduleType"] == "instant_trigger"}
RECORD = ("id", *CONTACT, "updated_at")
FREE = "makeApiCall"
"""Its user says what to ask."""


def requests_of(found: list[Component]) -> list[tuple[Component, dict[str, Any]]]:
    kinds = ("communication", "attach", "detach")
    return [(c, call) for c in found for kind in kinds for call in calls(c.files.get(kind, {})) if c.name != FREE]


def event_of(trigger: Component) -> str:
    return str(app.one("webhook", trigger.about["webhook"]).files["attach"]["body"]["event"])


# --- the project ---------------------------------------------------------------------------------------------------


def test_every_file_is_named_by_the_project_and_every_name_is_a_file() -> None:
    assert set(app.named()) == app.on_disk()


def test_every_component_that_another_names_is_there() -> None:
    connections, hooks = ({c.name for c in app.of(k)} for k in ("connection", "webhook"))
    for component in app.components:
        assert component.about.get("connection", next(iter(connections))) in connections, component.name
        assert component.about.get("webhook", next(iter(hooks))) in hooks, component.name
        if component.kind in ("webhook", "rpc") or ("communication" in component.files and component.kind == "module"):
            assert component.about["connection"], component.name


def test_every_remote_procedure_that_is_asked_for_is_there_and_each_is_asked_for() -> None:
    asked = {m for c in app.components for t in texts(list(c.files.values())) for m in re.findall(r"rpc://(\w+)", t)}
    assert asked == {c.name for c in app.of("rpc")}


def test_every_module_is_in_one_group() -> None:
    grouped = [m for g in app.read(app.project["generalCodeFiles"]["groups"]) for m in g["modules"]]
    assert sorted(grouped) == sorted(c.name for c in app.of("module"))


def test_no_key_and_no_account_of_anybody_is_in_it() -> None:
    assert app.project["origins"] == []
    assert ".secrets/" in (app.folder / ".gitignore").read_text("utf-8")
    for path in app.on_disk():
        text = (app.folder / path).read_text("utf-8")
        assert not re.search(r"sb_[A-Za-z0-9]+_|whsec_|Token [0-9a-f]|@(?!example\.com)\w+\.\w+", text), path


# --- expressions ---------------------------------------------------------------------------------------------------


def test_whatever_is_used_of_the_connection_is_asked_for_when_it_is_made() -> None:
    [connection] = app.of("connection")
    asked = {p["name"] for p in connection.files["params"]}
    used = uses(app.base, "connection").union(*(uses(list(c.files.values()), "connection") for c in app.components))
    assert used == asked
    assert uses(connection.files["communication"], "parameters") <= asked
    assert not uses(connection.files["communication"], "connection"), "it does not exist while it is tested"


def test_whatever_is_used_of_a_modules_parameters_is_asked_for_and_the_other_way_round() -> None:
    for module in (*app.of("module"), *app.of("webhook")):
        asked = {p["name"] for k in ("params", "staticParams", "mappableParams") for p in module.files.get(k, [])}
        used = {
            n for k in ("communication", "attach", "detach", "epoch") for n in uses(module.files.get(k), "parameters")
        }
        assert used == asked, module.name


def test_what_detaching_needs_was_kept_when_it_was_attached() -> None:
    for hook in app.of("webhook"):
        kept = hook.files["attach"]["response"]["data"]
        used = uses(hook.files["detach"], "webhook")
        assert used <= kept.keys(), hook.name
        assert used == {"externalHookId"}
        assert kept["externalHookId"] == "{{body.id}}"


def test_expressions_are_closed_and_call_only_functions_that_are_documented() -> None:
    known = {"toCollection", "ifempty"}
    for path in app.on_disk() - {"README.md"}:
        for text in texts(app.read(path)):
            assert text.count("{{") == text.count("}}") == len(EXPRESSION.findall(text)), path
            for inner in EXPRESSION.findall(text):
                assert set(re.findall(r"(\w+)\(", inner)) <= known, path


# --- our API -------------------------------------------------------------------------------------------------------


def test_it_asks_only_for_what_the_api_offers() -> None:
    asked = set()
    for _, call in requests_of(app.components):
        url = call["url"].removeprefix("{{parameters.url}}")
        asked.add((call.get("method", "GET"), re.sub(r"\{\{.*?\}\}", "{}", url)))
    assert asked == ROUTES


def test_a_call_of_the_users_own_stays_with_our_api() -> None:
    call = app.one("module", FREE).files["communication"]
    assert call["url"].startswith("/v1/")
    assert not set(uses(call, "connection"))


def test_the_key_goes_along_and_is_never_logged() -> None:
    [connection] = app.of("connection")
    for place, name in ((app.base, "connection"), (connection.files["communication"], "parameters")):
        assert place["headers"]["authorization"] == f"Bearer {{{{{name}.apiKey}}}}"
        assert "request.headers.authorization" in place["log"]["sanitize"]
    assert app.base["baseUrl"] == "{{connection.url}}"
    types = {p["name"]: p["type"] for p in connection.files["params"]}
    assert types["apiKey"] == "password"


def test_whatever_changes_something_has_a_body_of_what_the_api_knows() -> None:
    for component, call in requests_of(app.components):
        if call.get("method") == "POST":
            assert set(call["body"]) == BODIES[call["url"]], component.name
        assert set(call.get("qs", {})) <= QUERIES, component.name


def test_every_error_of_the_api_has_its_type_and_shows_its_sentence() -> None:
    error = app.base["response"]["error"]
    types = {status: told["type"] for status, told in error.items() if status.isdigit()}
    assert types == {
        "400": "DataError", "401": "InvalidAccessTokenError", "403": "InvalidConfigurationError", "413": "DataError",
        "422": "DataError", "429": "RateLimitError", "503": "ConnectionError",
    }  # fmt: skip
    messages = {error["message"], *(told["message"] for s, told in error.items() if s.isdigit())}
    assert messages == {"[{{statusCode}}] {{body.message}} ({{body.code}})"}


def test_each_event_has_one_trigger_of_its_own() -> None:
    assert sorted(map(event_of, TRIGGERS.values())) == sorted(HAPPENINGS)
    assert sorted(c.about["webhook"] for c in TRIGGERS.values()) == sorted(c.name for c in app.of("webhook"))


def test_the_stages_are_labels_and_values_of_the_api() -> None:
    call = app.one("rpc", "listStages").files["communication"]
    assert call["response"] == {"iterate": "{{body}}", "output": {"label": "{{item.label}}", "value": "{{item.value}}"}}


def test_the_stand_ins_user_has_the_apps_own_modules() -> None:
    """Written apart, they must not drift apart."""
    for name, (method, url) in MODULES.items():
        [call] = calls(app.one("module", name).files["communication"])
        assert (call.get("method", "GET"), call["url"]) == (method, url)


# --- what users see ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(TRIGGERS))
def test_a_trigger_has_the_keys_of_its_message_in_their_order(name: str) -> None:
    trigger = TRIGGERS[name]
    wanted = [*HEAD, *CONTACT, *BESIDES[event_of(trigger)]]
    assert list(trigger.files["samples"]) == wanted
    assert [f["name"] for f in trigger.files["interface"]] == wanted
    assert trigger.files["samples"]["type"] == event_of(trigger)


@pytest.mark.parametrize("name", ["watchContacts", "searchContacts", "upsertContact", "setLifecycleStage"])
def test_a_contact_has_the_keys_of_the_apis_contact(name: str) -> None:
    module = app.one("module", name)
    more = {"upsertContact": ["status"], "setLifecycleStage": ["held", "status"]}.get(name, [])
    assert [f["name"] for f in module.files["interface"]] == [*RECORD, *more]
    assert list(module.files["samples"])[: len(RECORD)] == list(RECORD)
    assert set(module.files["samples"]) <= {f["name"] for f in module.files["interface"]}


def test_a_sample_has_the_types_that_its_interface_says() -> None:
    kinds: dict[str, Callable[[Any], bool]] = {
        "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool), "boolean": lambda v: isinstance(v, bool),
        "date": lambda v: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", v) is not None,
        "collection": lambda v: isinstance(v, dict), "any": lambda v: True,
    }  # fmt: skip
    for module in app.of("module"):
        types = {f["name"]: f["type"] for f in module.files["interface"]}
        for key, value in module.files["samples"].items():
            fits = kinds.get(types[key], lambda v: isinstance(v, str))
            assert value is None or fits(value), f"{module.name}.{key}"


def test_the_polling_trigger_takes_the_newest_first_and_tells_them_apart_by_date_and_id() -> None:
    files = app.one("module", "watchContacts").files
    response = files["communication"]["response"]
    assert response["trigger"] == {
        "type": "date", "order": "desc", "id": "{{item.id}}", "date": "{{item.updated_at}}",
    }  # fmt: skip
    assert files["epoch"]["response"]["output"]["date"] == "{{item.updated_at}}"
    assert files["communication"]["qs"]["limit"] == 1000


def test_the_readme_lists_every_module_in_the_order_in_which_they_are_shown() -> None:
    labels = re.findall(r"^\| ([A-Z][^|]+?) \| (?:instant|polling|action|search|universal)", README, re.MULTILINE)
    shown = [m for g in app.read(app.project["generalCodeFiles"]["groups"]) for m in g["modules"]]
    assert labels == [app.one("module", m).about["label"] for m in shown]


# --- the checks themselves -----------------------------------------------------------------------------------------


def test_comments_go_and_addresses_in_texts_stay() -> None:
    assert parsed('// one\n{"a": "https://x/*y*/", /* two */ "b": "\\"//"} // three') == {
        "a": "https://x/*y*/",
        "b": '"//',
    }


def test_uses_finds_variables_within_expressions_only() -> None:
    value = {"a": "{{connection.url}}/connection.no", "{{connection.k}}": ["{{f(connection.z, body.connection.q)}}"]}
    assert uses(value, "connection") == {"url", "k", "z"}
