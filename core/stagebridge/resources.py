"""Where the shipped mappings are: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def mappings_dir() -> Path:
    """The folder of shipped mappings; `lifecycles/` is inside it."""
    packaged = Path(str(files("stagebridge"))) / "mappings"
    if packaged.is_dir():
        return packaged
    return Path(__file__).parents[2] / "mappings"
