"""Every connector's folder is built alike, so that whoever knows one knows all."""

from __future__ import annotations

import ast
import importlib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from distributions import ALL, CONNECTORS, ROOT, Distribution
from stagebridge.connector import Connector

EACH = pytest.mark.parametrize("it", CONNECTORS, ids=lambda d: d.name)
EVERY = pytest.mark.parametrize("it", ALL, ids=lambda d: d.name)


def connector_of(it: Distribution) -> type[Connector]:
    [entry] = [e for e in entry_points(group="stagebridge.connectors") if e.name == it.folder.name]
    loaded: type[Connector] = entry.load()
    return loaded


@EACH
def test_a_connectors_folder_holds_what_every_one_holds(it: Distribution) -> None:
    name = it.folder.name
    assert it.name == f"stagebridge-{name}"
    form = "api" if connector_of(it).capabilities.api else name
    for path in (
        it.folder / "README.md", it.package / "__init__.py", it.package / "connector.py", it.package / "codes.py",
        it.package / "py.typed", ROOT / "mappings" / f"{form}.yaml", ROOT / "tests" / name,
    ):  # fmt: skip
        assert path.exists(), path.relative_to(ROOT)


@EACH
def test_a_connector_is_of_the_same_version_as_the_core_and_registers_its_class(it: Distribution) -> None:
    root = Distribution(ROOT).project
    project = it.project
    assert (project["version"], project["license"], project["requires-python"]) == (
        root["version"], root["license"], root["requires-python"],
    )  # fmt: skip
    assert f"stagebridge=={root['version']}" in project["dependencies"]
    assert root["optional-dependencies"][it.folder.name] == [f"{it.name}=={root['version']}"]
    assert it.folder.name in root["optional-dependencies"]["all"][0]
    connector = connector_of(it)
    assert issubclass(connector, Connector)
    assert connector.platform == it.folder.name


@EACH
def test_a_platform_that_is_reached_over_the_network_has_a_stand_in(it: Distribution) -> None:
    stands = {e.name for e in entry_points(group="stagebridge.sandboxes")}
    over_http = any("stagebridge.http" in path.read_text("utf-8") for path in it.modules())
    posted_to = connector_of(it).capabilities.posts is not None  # core posts, a connector only says where
    assert over_http <= (it.folder.name in stands) <= (over_http or posted_to)


@EVERY
def test_every_name_in_all_is_there(it: Distribution) -> None:
    for path in it.modules():
        if "migrations" in path.parts:
            continue
        dotted = ".".join(path.relative_to(it.package.parent).with_suffix("").parts).removesuffix(".__init__")
        if dotted.endswith("__main__"):
            continue
        module = importlib.import_module(dotted)
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{dotted}.{name}"


def documented(path: Path) -> list[str]:
    """Public classes and functions at the top of a module that say nothing about themselves."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]


PUBLIC = (
    "core/stagebridge/__init__.py", "core/stagebridge/connector.py", "core/stagebridge/contact.py", "core/stagebridge/errors.py",
    "core/stagebridge/event.py", "core/stagebridge/http.py", "core/stagebridge/lifecycle.py", "core/stagebridge/normalize.py",
    "core/stagebridge/clock.py", "core/stagebridge/budget.py", "core/stagebridge/login.py", "core/stagebridge/mapping/__init__.py",
    "core/stagebridge/config/values.py", "core/stagebridge/config/reader.py", "core/stagebridge/sync/engine.py",
    "core/stagebridge/sync/undo.py", "core/stagebridge/sync/decide.py", "core/stagebridge/sandbox/server.py",
)  # fmt: skip
"""What an integrator, an embedder or an author of a connector reads."""


@pytest.mark.parametrize("path", [*(ROOT / p for p in PUBLIC), *(d.package / "connector.py" for d in CONNECTORS)],
                         ids=lambda p: str(p.relative_to(ROOT)))  # fmt: skip
def test_what_is_public_says_what_it_is(path: Path) -> None:
    assert documented(path) == []


@EVERY
def test_every_module_begins_with_what_it_is_about(it: Distribution) -> None:
    silent = [str(p.relative_to(ROOT)) for p in it.modules() if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert silent == []
