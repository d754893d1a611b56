from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from omnisend_connected import connected
from omnisend_http import NOW, Http
from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from stagebridge_omnisend import Omnisend


@pytest.fixture
def clock() -> ManualClock:
    # a clock that stands still: how long a test takes has no part in what a window holds
    return ManualClock(datetime.fromisoformat(NOW))


@pytest.fixture
def box(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Sandbox]:
    """`@switched(…)` before a test sets switches."""
    with Sandbox("omnisend", clock=clock, switches=getattr(request, "param", {})) as made:
        yield made


@pytest.fixture
def om(box: Sandbox, clock: ManualClock) -> Iterator[Omnisend]:
    with connected(box, clock) as made:
        yield made


@pytest.fixture
def http(box: Sandbox) -> Iterator[Http]:
    with Http(box) as made:
        yield made
