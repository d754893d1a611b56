from __future__ import annotations

from collections.abc import Iterator

import pytest

from stagebridge.clock import ManualClock
from stagebridge.sandbox import Sandbox
from zendesk_http import NOW, STAGE, Http


@pytest.fixture
def box() -> Iterator[Sandbox]:
    # a clock that stands still: how long a test takes has no part in what a window holds
    with Sandbox("zendesk", clock=ManualClock(NOW)) as made:
        made.seed({"user_fields": [STAGE]})
        yield made


@pytest.fixture
def http(box: Sandbox) -> Iterator[Http]:
    with Http(box) as made:
        yield made
