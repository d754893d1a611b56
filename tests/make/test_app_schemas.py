"""The app's files have the form that Make's own JSON Schemas ask for, where somebody has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft7Validator
from jsonschema_specifications import REGISTRY
from referencing import Resource

from make_app import App
from outside import specs_of

app = App()
BASE = "https://make.example/"
SCHEMAS = {
    "base": "base.json", "groups": "groups.json", "communication": "api.json", "attach": "api.json", "detach": "api.json",
    "params": "parameters.json", "staticParams": "parameters.json", "mappableParams": "parameters.json",
    "interface": "parameters.json", "samples": "samples.json", "epoch": "epoch.json",
    "connection communication": "api.json", "connection params": "parameters.json",
}  # fmt: skip
"""By kind of file. A connection without OAuth has a communication as any other."""
FILES = {path: kind for path, kind in app.named().items() if kind != "readme"}


@pytest.fixture(scope="module")
def problems() -> Callable[[str, Any], list[str]]:
    """What a schema finds wrong with a value."""
    folder = specs_of("make") / "syntaxes"
    paths = [*folder.glob("imljson/schemas/*.json"), *folder.glob("local-development/schemas/*.json")]
    found = [(BASE + p.name, Resource.from_contents(json.loads(p.read_text("utf-8")))) for p in paths]
    registry = REGISTRY.with_resources(found)

    def check(schema: str, value: Any) -> list[str]:
        validator = Draft7Validator({"$ref": BASE + schema}, registry=registry)
        return [f"{e.json_path}: {e.message}" for e in validator.iter_errors(value)]

    return check


def test_every_kind_of_file_has_a_schema() -> None:
    assert set(FILES.values()) <= SCHEMAS.keys()


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_file_is_as_makes_schema_has_it(path: str, problems: Callable[[str, Any], list[str]]) -> None:
    assert problems(SCHEMAS[FILES[path]], app.read(path)) == []


def test_the_project_is_as_makes_schema_has_it(problems: Callable[[str, Any], list[str]]) -> None:
    assert problems("makecomapp.schema.json", app.project) == []


def broken(path: str, *keys: str | int, to: Any = None) -> Any:
    """A file's contents with one value changed, or taken out."""
    value = deepcopy(app.project if path == "makecomapp.json" else app.read(path))
    inner = value
    for key in keys[:-1]:
        inner = inner[key]
    if to is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = to
    return value


HOOK = "webhooks/stage-changes/stage-changes"
POLL = "modules/watch-contacts/watch-contacts"
UPSERT = "modules/upsert-contact/upsert-contact"


@pytest.mark.parametrize(("path", "keys", "to"), [
    (f"{HOOK}.attach.iml.json", ["body"], None), (f"{HOOK}.attach.iml.json", ["bodie"], {}),
    (f"{HOOK}.detach.iml.json", ["method"], "REMOVE"), (f"{HOOK}.attach.iml.json", ["response", "dta"], {}),
    (f"{POLL}.communication.iml.json", ["response", "trigger", "id"], None),
    (f"{POLL}.communication.iml.json", ["response", "trigger", "date"], None),
    (f"{POLL}.communication.iml.json", ["response", "trigger", "order"], "newest"),
    (f"{POLL}.communication.iml.json", ["qs", "limit"], {}), (f"{POLL}.epoch.iml.json", ["response", "output", "label"], None),
    (f"{UPSERT}.mappable-params.iml.json", [0, "type"], "string"), (f"{UPSERT}.mappable-params.iml.json", [0, "requird"], True),
    (f"{UPSERT}.interface.iml.json", [0, "type"], None), ("general/base.iml.json", ["response", "error", "429", "type"], "Busy"),
    ("general/base.iml.json", ["response", "error", "429", "message"], None), ("general/base.iml.json", ["header"], {}),
    ("modules/groups.json", [0, "label"], None), ("makecomapp.json", ["components", "modul"], {}),
    ("makecomapp.json", ["components", "endpoint"], None), ("makecomapp.json", ["origins"], [{"apikey": "secret"}]),
    ("makecomapp.json", ["components", "module", "upsertContact", "moduleType"], "button"),
    ("makecomapp.json", ["components", "module", "upsertContact", "codeFiles", "communicaton"], "x"),
])  # fmt: skip
def test_a_file_that_is_broken_is_found(
    path: str, keys: list[str | int], to: Any, problems: Callable[[str, Any], list[str]]
) -> None:
    schema = "makecomapp.schema.json" if path == "makecomapp.json" else SCHEMAS[FILES[path]]
    assert problems(schema, broken(path, *keys, to=to))
