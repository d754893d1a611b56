from __future__ import annotations

from collections.abc import Iterator

import pytest

from stub_http import Stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()
