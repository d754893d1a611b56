"""What a run counts, per connection."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stagebridge.sync.intake import Taken


@dataclass(slots=True)
class PullReport:
    records: int = 0
    pages: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    def add(self, taken: Taken) -> None:
        self.matched.update(taken.matched)
        self.problems.update(taken.problems)


@dataclass(slots=True)
class PushReport:
    """Records written, and requests by what they were for."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    parked: int = 0
    rejected: int = 0
    unknown: int = 0
    calls: Counter[str] = field(default_factory=Counter)
