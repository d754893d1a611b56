from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pages_kit import House, Visitor, app_of, furnish


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A furnished ledger, and nobody logged in."""
    it = House(tmp_path)
    furnish(it.reading)
    yield it
    it.reading.close()


@pytest.fixture
def olga(house: House) -> Visitor:
    """Somebody with a key, logged in."""
    return Visitor(app_of(house)).log_in(house.key())
