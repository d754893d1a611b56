"""A wheel, built from the source distribution as an index would do it, holds exactly what the tree holds."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from distributions import ALL, ROOT, Distribution

IGNORED = {"__pycache__"}


def built(it: Distribution, folder: Path) -> Path:
    """sdist, unpacked elsewhere, and the wheel built from that."""

    def hatch(where: Path, kind: str, out: Path) -> Path:
        command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)]
        subprocess.run(command, cwd=where, check=True, capture_output=True)
        return next(out.iterdir())

    sdist = hatch(it.folder, "sdist", folder / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    return hatch(next((folder / "unpacked").iterdir()), "wheel", folder / "wheel")


def in_the_tree(it: Distribution) -> set[str]:
    found = {
        f"{it.package.name}/{p.relative_to(it.package)}" for p in it.package.rglob("*")
        if p.is_file() and not IGNORED & set(p.parts)
    }  # fmt: skip
    if it.folder == ROOT:
        mappings = ROOT / "mappings"
        found |= {f"stagebridge/mappings/{p.relative_to(mappings)}" for p in mappings.rglob("*.yaml")}
        found.add("stagebridge/config/stagebridge.schema.json")  # it names the connectors, which core does not
    return found


@pytest.mark.parametrize("it", ALL, ids=lambda d: d.name)
def test_a_wheel_built_from_its_sdist_holds_the_trees_files_and_no_others(it: Distribution, tmp_path: Path) -> None:
    with zipfile.ZipFile(built(it, tmp_path)) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(next(n for n in names if n.endswith("/METADATA"))).decode()
    about = {n for n in names if ".dist-info/" in n}
    assert {n.replace("\\", "/") for n in names - about} == in_the_tree(it)
    assert f"Version: {it.project['version']}" in metadata
    assert "Description-Content-Type: text/markdown" in metadata
    assert f"{it.package.name}/py.typed" in names


@pytest.mark.soak
def test_one_connector_from_wheels_brings_only_its_own_dependencies(tmp_path: Path) -> None:
    """A clean environment with `stagebridge-hubspot` from a folder of wheels: no database, no other platform's SDK."""
    house = tmp_path / "wheelhouse"
    house.mkdir()
    for it in ALL:
        wheel = built(it, tmp_path / it.name)
        wheel.rename(house / wheel.name)
    python = environment(tmp_path / "one", house, "stagebridge-hubspot")
    listed = subprocess.run([*UV, "list", "-p", python], check=True, capture_output=True, text=True).stdout.lower()
    there = {line.split()[0] for line in listed.splitlines() if line}
    assert {"stagebridge", "stagebridge-hubspot", "hubspot-api-client", "requests", "pydantic"} <= there
    assert not there & {
        "sqlalchemy",
        "alembic",
        "typer",
        "uvicorn",
        "simple-salesforce",
        "stagebridge-salesforce",
        "psycopg",
    }
    ask = subprocess.run([python, "-m", "stagebridge"], capture_output=True, text=True, check=False)
    assert ask.returncode != 0
    assert "stagebridge[sync]" in ask.stderr + ask.stdout
    assert "Traceback" not in ask.stderr
    what = ["stagebridge[sync,sandbox]", *(it.name for it in ALL if it.folder != ROOT)]
    whole = environment(tmp_path / "all", house, *what, "types-requests", "types-PyYAML")
    demo = subprocess.run([whole, "-m", "stagebridge", "demo", "--json"], capture_output=True, text=True, check=True)
    assert '"agree": true' in demo.stdout
    assert '"counted": ' in demo.stdout
    api = tmp_path / "public_api.py"
    api.write_text((ROOT / "tests" / "typing" / "public_api.py").read_text("utf-8"), "utf-8")
    for checker in (["mypy", "--strict", "--python-executable", whole], ["pyright", "--pythonpath", whole]):
        found = subprocess.run([sys.executable, "-m", *checker, str(api)], capture_output=True, text=True, cwd=tmp_path)
        assert found.returncode == 0, found.stdout


UV = [sys.executable, "-m", "uv", "pip"]


def environment(folder: Path, house: Path, *what: str) -> str:
    """A new environment with these from the wheelhouse, everything else from the index, as pinned."""
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    pins = str(ROOT / "constraints.txt")
    subprocess.run([*UV, "install", "-q", "-p", python, "-c", pins, "--find-links", str(house), *what], check=True)
    return python
