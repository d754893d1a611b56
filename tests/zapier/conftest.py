from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from stagebridge.clock import ElasticClock, ManualClock
from stagebridge.sandbox import Sandbox
from zapier_kit import Connected, connected


@pytest.fixture
def box() -> Iterator[Sandbox]:
    # a clock that stands still: how long a test takes has no part in what a window holds
    with Sandbox("zapier", clock=ManualClock(datetime(2026, 11, 26, 12, tzinfo=UTC))) as made:
        yield made


@pytest.fixture(scope="module")
def clock() -> ElasticClock:
    return ElasticClock()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory, clock: ElasticClock) -> Iterator[Connected]:
    with connected(tmp_path_factory.mktemp("served"), clock) as made:
        yield made
