from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from omnisend_http import NOW, Http
from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    # a clock that stands still: how long a test takes has no part in what a window holds
    with Sandbox("omnisend", clock=ManualClock(datetime.fromisoformat(NOW))) as made:
        yield made


@pytest.fixture
def http(box: Sandbox) -> Iterator[Http]:
    with Http(box) as made:
        yield made
