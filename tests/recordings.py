"""Recorded answers of the real platforms: an optional folder beside the project, never part of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def recordings_of(platform: str) -> Path:
    """The folder of one platform's recordings; the test is skipped, with the reason, where there is none."""
    root = Path(os.environ.get("STAGEBRIDGE_RECORDINGS", Path(__file__).parents[2] / "shared" / "recordings"))
    folder = root / platform
    if not folder.is_dir():
        pytest.skip(f"no recordings of {platform}: set STAGEBRIDGE_RECORDINGS to their folder")
    return folder
