"""tests/mappings is the language's specification: every valid file loads, every invalid one is refused with exactly the
message that stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagebridge.errors import ConfigError
from stagebridge.mapping import load_mapping

SPECIFICATION = Path(__file__).parents[1] / "mappings"
INVALID = sorted((SPECIFICATION / "invalid").glob("*.txt"))


@pytest.mark.parametrize("expected", INVALID, ids=lambda p: p.stem)
def test_a_wrong_mapping_is_refused_with_file_line_path_and_what(expected: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_mapping(expected.with_suffix(".yaml"), offline=True)
    assert str(refused.value) == expected.read_text("utf-8").strip()
