from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outside import recordings_of
from salesforce_kit import connector
from stagebridge.clock import ElasticClock
from stagebridge.sandbox import Sandbox
from stagebridge_salesforce import Salesforce


@pytest.fixture
def clock() -> ElasticClock:
    return ElasticClock()


@pytest.fixture
def box(clock: ElasticClock) -> Iterator[Sandbox]:
    with Sandbox("salesforce", clock=clock) as made:
        yield made


@pytest.fixture
def sf(box: Sandbox, clock: ElasticClock) -> Iterator[Salesforce]:
    with connector(box, clock) as made:
        yield made


@pytest.fixture
def recordings() -> Path:
    return recordings_of("salesforce")
