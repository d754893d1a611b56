"""New contacts at the limit that a stand-in keeps on the machine's clock: nothing is refused, and little of the limit is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

import filling


def test_a_few_contacts_are_counted_as_the_formula_says(monkeypatch: pytest.MonkeyPatch) -> None:
    case = filling.CASES["omnisend, batches"]
    quick = replace(case, settings={**case.settings, "lag": "0.1s", "overlap": "0.1s"})
    monkeypatch.setitem(filling.CASES, "omnisend, batches", quick)
    found = filling.measure("omnisend, batches", 250)
    assert (found["created"], found["dead"], found["failures"], found["refused"]) == (250, 0, {}, 0)
    assert found["routes"]["POST /batches"] == 3


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", filling.CASES)
def test_ten_thousand_contacts_take_the_calls_of_the_formula_and_use_the_limit(case: str) -> None:
    found = filling.measure(case, filling.PEOPLE)
    assert found["created"] == found["people"]
    assert found["refused"] == 0
    assert found["calls"] <= 1.05 * found["fewest"]
    assert found["share"] >= 0.95, found
