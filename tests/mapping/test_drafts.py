"""The language can say what 15 platforms need: the design's drafts load, and obey the laws in an account that has
everything they name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stagebridge.mapping import laws, load_mapping

ROOT = Path(__file__).parents[2]
SPECS = Path(os.environ.get("STAGEBRIDGE_SPECS", ROOT.parent / "shared" / "specs"))
DRAFTS = sorted((SPECS.parent / "design" / "mapping_drafts").glob("*.yaml"))


@pytest.mark.skipif(not DRAFTS, reason="the design's mapping drafts are not beside this checkout")
@pytest.mark.parametrize("draft", DRAFTS, ids=lambda p: p.stem)
def test_a_draft_loads_and_obeys_the_laws(draft: Path) -> None:
    lifecycle = "messaging" if draft.stem == "respondio" else "default"
    assert load_mapping(draft, lifecycle=lifecycle, offline=True).platform
    assert laws.check_source(draft, lifecycle, rounds=25) == []
