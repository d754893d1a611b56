"""The Zapier app, run by Zapier's own core: its definition, its answers, and the whole of it against our API."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from distributions import ROOT
from outside import node_modules
from zapier_kit import Connected

APP = ROOT / "connectors" / "zapier" / "app"
TARGET = "%s/hooks/standard/1000001/fedcba/"
TESTS = sorted(p.name for p in (APP / "test").glob("*.test.js"))


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest) -> tuple[str, Path]:
    return node_modules(APP / "package.json", request.config.cache.mkdir("node"))


def passed(node: tuple[str, Path], script: str, env: Mapping[str, str] | None = None) -> int:
    """How many tests of a script passed; a failed one fails this one, with what it said."""
    command, modules = node
    around = {"PATH": os.environ["PATH"], "NODE_PATH": str(modules), **(env or {})}
    done = subprocess.run(
        [command, "--test", "--test-reporter=tap", f"test/{script}"], cwd=APP, env=around, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    counted = dict(re.findall(r"^# (pass|fail|skipped|cancelled) (\d+)$", done.stdout, re.MULTILINE))
    unfinished = {k: v for k, v in counted.items() if k != "pass" and v != "0"}
    assert done.returncode == 0, done.stdout + done.stderr
    assert unfinished == {}, done.stdout
    return int(counted["pass"])


def test_every_script_of_the_app_is_run_here() -> None:
    assert TESTS == ["against_api.test.js", "answers.test.js", "definition.test.js"]


def test_zapier_finds_nothing_wrong_with_the_app_and_something_with_a_broken_one(node: tuple[str, Path]) -> None:
    assert passed(node, "definition.test.js") >= 10


def test_what_an_api_answers_becomes_what_zapier_acts_on_and_its_users_read(node: tuple[str, Path]) -> None:
    assert passed(node, "answers.test.js") >= 15


def test_the_whole_app_works_against_a_running_serve(node: tuple[str, Path], serve: Connected) -> None:
    env = {"STAGEBRIDGE_URL": serve.api.url, "STAGEBRIDGE_KEY": serve.key, "STAGEBRIDGE_TARGET": TARGET % serve.box.url}
    assert passed(node, "against_api.test.js", env) >= 19
    assert len(serve.api.get("/contacts?changed_since=2020-01-01T00:00:00Z")) > 2
    assert {s["name"] for s in serve.api.get("/samples/conversion.created")} == {"Purchase"}
    assert serve.api.call("GET", "/subscriptions", key=serve.key).json() == []


def test_the_app_pins_what_it_is_made_of_and_names_no_place_to_get_it_from() -> None:
    package = json.loads((APP / "package.json").read_text("utf-8"))
    assert {*package["dependencies"].values(), *package["devDependencies"].values()} == {"19.1.0"}
    assert not list(APP.glob("*lock*"))
    texts = [p.read_text("utf-8") for p in APP.rglob("*") if p.is_file() and "node_modules" not in p.parts]
    assert not [t for t in texts if "registry." in t]
