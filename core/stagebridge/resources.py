"""Where mappings are: inside the installed package or beside it in a checkout, and in the packages of other people's connectors."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path


def mappings_dir() -> Path:
    """The folder of shipped mappings; `lifecycles/` is inside it."""
    packaged = Path(str(files("stagebridge"))) / "mappings"
    if packaged.is_dir():
        return packaged
    return Path(__file__).parents[2] / "mappings"


def mapping_folders() -> Iterator[Path]:
    """Where a mapping is looked for by its name: the shipped ones first, then `mappings/` in the package of every
    installed connector. None of those is imported."""
    yield mappings_dir()
    for package in sorted({e.module.partition(".")[0] for e in entry_points(group="stagebridge.connectors")}):
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield Path(place) / "mappings"
