"""The Zapier app, run by Zapier's own core: its definition, its answers, and the whole of it against our API."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from distributions import ROOT
from hooks_kit import config_in, configure, serving
from outside import node_modules
from stagebridge.access import keys
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import Sandbox
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


def test_the_whole_app_works_against_the_api_that_the_stand_in_was_written_for(node: tuple[str, Path]) -> None:
    with FakeApi() as api:
        assert passed(node, "against_api.test.js", {"STAGEBRIDGE_URL": api.url, "STAGEBRIDGE_KEY": KEY}) >= 18
        assert {h["user-agent"] for _, path, h, _ in api.seen if path != "/v1/subscriptions"} == {"Zapier"}


def test_the_whole_app_works_against_a_running_serve(node: tuple[str, Path], box: Sandbox, tmp_path: Path) -> None:
    configure(tmp_path, {"zapier": {"type": "zapier", "base_url": box.url, "custom": {"plan": "text"}}})
    with serving(tmp_path) as served:
        ledger = Ledger.open(config_in(tmp_path).ledger)
        given = {
            "STAGEBRIDGE_URL": served.url, "STAGEBRIDGE_TARGET": f"{box.url}/hooks/standard/1000001/abc/",
            "STAGEBRIDGE_KEY": keys.create(ledger, "app", 1, scope="api", connection="zapier"),
        }  # fmt: skip
        assert passed(node, "against_api.test.js", given) >= 18
        with ledger.look() as tx:
            assert set(tx.execute(sa.select(t.event.c.name)).scalars()) == {"Purchase"}
            assert len(tx.execute(sa.select(t.contact.c.id)).all()) > 2
            assert tx.execute(sa.select(t.subscription)).all() == []
        ledger.close()


def test_the_app_pins_what_it_is_made_of_and_names_no_place_to_get_it_from() -> None:
    package = json.loads((APP / "package.json").read_text("utf-8"))
    assert {*package["dependencies"].values(), *package["devDependencies"].values()} == {"19.1.0"}
    assert not list(APP.glob("*lock*"))
    texts = [p.read_text("utf-8") for p in APP.rglob("*") if p.is_file() and "node_modules" not in p.parts]
    assert not [t for t in texts if "registry." in t]
