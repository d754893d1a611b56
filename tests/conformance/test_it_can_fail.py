"""A connector of somebody else, installed as a distribution of its own, passes the suite; and for every check of the suite there
is a defect that it finds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from distributions import ROOT

OUTSIDER = ROOT / "tests" / "outsider"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that acme's wheel is installed into, with its entry points and its mapping."""
    folder = tmp_path_factory.mktemp("installed")
    wanted = ["--no-deps", "--no-build-isolation", "-q", "-p", sys.executable, "--target", str(folder), str(OUTSIDER)]
    subprocess.run([sys.executable, "-m", "uv", "pip", "install", *wanted], check=True, capture_output=True)
    assert (folder / "stagebridge_acme" / "mappings" / "acme.yaml").is_file()
    return folder


def run(installed: Path, what: Path) -> str:
    """pytest in a process of its own, in which acme is installed."""
    path = os.pathsep.join((str(installed), str(ROOT / "tests")))
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=line", "-p", "no:cacheprovider", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--import-mode=importlib", "--rootdir", str(what.parent), str(what)], capture_output=True, text=True,
        cwd=installed, env={**os.environ, "PYTHONPATH": path}, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def told(output: str, word: str) -> set[str]:
    """The classes and checks that pytest's summary names with this word."""
    return {m.split("[")[0] for m in re.findall(rf"^{word} \S*?::(\S+)", output, re.MULTILINE)}


def test_somebody_elses_connector_is_installed_and_passes(installed: Path) -> None:
    output = run(installed, OUTSIDER / "tests" / "test_acme.py")
    assert not told(output, "(?:FAILED|ERROR|SKIPPED)"), output
    assert len(told(output, "PASSED")) > 40, output


def test_for_every_check_there_is_a_defect_that_it_finds(installed: Path) -> None:
    output = run(installed, ROOT / "tests" / "conformance" / "broken.py")
    assert not told(output, "(?:PASSED|ERROR|SKIPPED)"), output
    assert len(told(output, "FAILED")) > 75, output
