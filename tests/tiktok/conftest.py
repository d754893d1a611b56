from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from stub_http import Stub
from tiktok_http import NOW, Http


@pytest.fixture
def box() -> Iterator[Sandbox]:
    # a clock that stands still: how long a test takes has no part in what a window holds
    with Sandbox("tiktok", clock=ManualClock(datetime.fromtimestamp(NOW, UTC))) as made:
        yield made


@pytest.fixture
def http(box: Sandbox) -> Iterator[Http]:
    with Http(box) as made:
        yield made


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()
