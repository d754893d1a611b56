from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from zapier_api import FakeApi


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 26, 12, tzinfo=UTC))


@pytest.fixture
def box(clock: ManualClock) -> Iterator[Sandbox]:
    # a clock that stands still: how long a test takes has no part in what a window holds
    with Sandbox("zapier", clock=clock) as made:
        yield made


@pytest.fixture
def api(box: Sandbox) -> Iterator[FakeApi]:
    with FakeApi(f"{box.url}/hooks/standard/") as made:
        yield made
