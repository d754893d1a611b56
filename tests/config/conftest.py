from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from config_kit import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_all(text: str, beside: Mapping[str, str] | None = None) -> Path:
        for name, content in {**(beside or {}), "stagebridge.yaml": text.lstrip("\n")}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content, "utf-8")
        return tmp_path / "stagebridge.yaml"

    return write_all
