"""The Zapier app, run by Zapier's own core: its definition, its answers, and the whole of it against an API.

`STAGEBRIDGE_URL` and `STAGEBRIDGE_KEY` point the last one at a running `stagebridge serve` instead of the one that the tests bring.
"""

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
from zapier_api import KEY, FakeApi

APP = ROOT / "connectors" / "zapier" / "app"
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


def test_the_whole_app_works_against_our_api(node: tuple[str, Path]) -> None:
    if "STAGEBRIDGE_URL" in os.environ:
        given = {k: v for k, v in os.environ.items() if k.startswith("STAGEBRIDGE_")}
        assert passed(node, "against_api.test.js", given) >= 18
        return
    with FakeApi() as api:
        assert passed(node, "against_api.test.js", {"STAGEBRIDGE_URL": api.url, "STAGEBRIDGE_KEY": KEY}) >= 18
        assert len(api.contacts) > 2
        assert {s["name"] for s in api.conversions.values()} == {"Purchase"}
        assert api.subscriptions == {}
        assert {h["user-agent"] for _, path, h, _ in api.seen if path != "/v1/subscriptions"} == {"Zapier"}


def test_the_app_pins_what_it_is_made_of_and_names_no_place_to_get_it_from() -> None:
    package = json.loads((APP / "package.json").read_text("utf-8"))
    assert {*package["dependencies"].values(), *package["devDependencies"].values()} == {"19.1.0"}
    assert not list(APP.glob("*lock*"))
    texts = [p.read_text("utf-8") for p in APP.rglob("*") if p.is_file() and "node_modules" not in p.parts]
    assert not [t for t in texts if "registry." in t]
