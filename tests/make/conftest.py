from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from make_kit import FakeApi
from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    # a clock that stands still: how long a test takes has no part in what a window holds
    with Sandbox("make", clock=ManualClock(datetime(2026, 11, 26, 12, tzinfo=UTC))) as made:
        yield made


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi() as made:
        yield made
