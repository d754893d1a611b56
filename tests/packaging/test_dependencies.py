"""What a package imports is what its distribution declares, no more and no less."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from distributions import CONNECTORS, ROOT, Distribution

BY_MODULE = {m: {d.lower().replace("_", "-") for d in names} for m, names in packages_distributions().items()}
OPTIONAL = {"keyring", "_typeshed"}
"""Imported where the user has installed it himself, and the error says so where he has not; or for type checkers alone."""
PARTS = {
    "sync": ("cli", "ledger", "access", "sync", "config", "delivery", "outgoing"),
    "serve": ("webhooks", "serving", "api", "pages"),
    "sandbox": ("sandbox",),
    "testing": ("testing",),
}
"""Which folders of the core an extra pays for; everything else is for everybody."""
LOADED_BY_URL = {"psycopg"}


def needs(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!; ]", r)[0].lower().replace("_", "-") for r in requirements}


def imported(paths: list[Path]) -> set[str]:
    """Distributions whose packages are imported, our own left out."""
    modules: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {a.name.partition(".")[0] for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.add((node.module or "").partition(".")[0])
    foreign = {m for m in modules - set(sys.stdlib_module_names) - OPTIONAL if not m.startswith("stagebridge")}
    return set().union(*(BY_MODULE[m] for m in foreign))


def part_of(path: Path) -> str:
    folder = path.relative_to(ROOT / "core" / "stagebridge").parts[0]
    return next((extra for extra, folders in PARTS.items() if folder in folders), "")


def test_the_core_declares_what_it_imports_extra_by_extra() -> None:
    root = Distribution(ROOT)
    base = needs(root.project["dependencies"])
    assert imported([p for p in root.modules() if not part_of(p)]) == base
    for extra in PARTS:
        declared = needs(root.project["optional-dependencies"][extra]) - {"stagebridge"}
        used = imported([p for p in root.modules() if part_of(p) == extra]) - base
        if extra in ("serve", "testing"):  # they bring sync with them
            used -= needs(root.project["optional-dependencies"]["sync"])
        if extra == "sync":
            used.discard("click")  # typer's own, whichever it brings
        assert used == declared, extra
    assert needs(root.project["optional-dependencies"]["postgres"]) == LOADED_BY_URL


def test_the_conformance_suite_does_without_what_only_a_server_needs() -> None:
    loaded = "import sys, stagebridge.testing; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True)
    assert {"fastapi", "starlette", "jinja2"} & set(done.stdout.split()) == set()


@pytest.mark.parametrize("it", CONNECTORS, ids=lambda d: d.name)
def test_a_connector_declares_what_it_imports(it: Distribution) -> None:
    declared = needs(it.project["dependencies"]) - {"stagebridge"}
    base = needs(Distribution(ROOT).project["dependencies"])
    assert imported([p for p in it.modules() if "sandbox" not in p.parts]) - base == declared


def test_everything_that_the_environment_is_made_of_is_pinned_and_no_index_is_named() -> None:
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert "://" not in text
    assert "--" not in text
    pinned = {re.split(r"==", line)[0].strip().lower().replace("_", "-") for line in text.splitlines() if "==" in line}
    root = Distribution(ROOT).project
    wanted = needs(root["dependencies"])
    for requirements in root["optional-dependencies"].values():
        wanted |= needs(requirements)
    for it in CONNECTORS:
        wanted |= needs(it.project["dependencies"])
    assert {w for w in wanted if not w.startswith("stagebridge")} <= pinned
