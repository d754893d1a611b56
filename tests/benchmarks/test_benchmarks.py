"""The benchmarks' parts at a small size, so that they do not rot. Figures of time are not judged here: the machine is busy."""

from __future__ import annotations

from typing import Any

import pytest

import report
import run
import shares

PEOPLE = 220


@pytest.fixture(scope="module")
def profiled() -> dict[str, Any]:
    return run.rounds(PEOPLE, "--profile")


def test_the_formula_is_what_the_platforms_count_and_the_third_round_writes_nothing(profiled: dict[str, Any]) -> None:
    rounds = profiled["rounds"]
    assert [one["calls"] for one in rounds] == [one["fewest"] for one in rounds]
    assert [one["writes"] for one in rounds] == [2 * PEOPLE, 0, 0, 0]
    assert not any(one["failures"] for one in rounds)


def test_the_page_tells_what_was_measured(profiled: dict[str, Any]) -> None:
    parts = profiled["rounds"][0]["shares"]
    assert abs(sum(parts.values()) - 1) < 0.01
    assert parts.keys() <= {part for _, part in (*shares.PARTS, *shares.BUILTINS)} | {shares.REST}
    pace = run.paced(2, latency=0.05)
    assert (pace["writes"], pace["failures"]) == (pace["people"], {})
    assert 0 < pace["share"] <= 1
    results = {
        "at": "2026-11-24T12:00+00:00", "machine": run.machine(), "pace": pace,
        "rounds": {"10": profiled, "20": profiled}, "shares": {one["name"]: one["shares"] for one in profiled["rounds"]},
    }  # fmt: skip
    figures = report.figures(results)
    page = report.page(results, figures)
    assert f"{pace['share']:.1%}" in page
    assert all(figure.measured in page for figure in figures)


def test_a_missed_target_is_told() -> None:
    missed = report.Figure("memory", "130.0 MB", "≤ 120 MB", False)
    assert report.table([missed]).splitlines()[-1].endswith("NO")
