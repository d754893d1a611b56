"""One look at one remote record, with everything that is needed to judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.mapping import View
from stagebridge.sync.rules import Claim
from stagebridge.sync.side import Side


@dataclass(slots=True)
class Observation:
    """`at` is the record's change time and `certain` the times of single paths (ms, our clock); `remapped` says that
    another mapping read it last time; `baseline` that it is a first sync, which fires nothing; `image` is what the platform
    could hold of the contact before this look, filled in where something is new."""

    book: Book
    side: Side
    link: LinkRow
    contact: ContactRow
    view: View
    at: int
    certain: Mapping[str, int]
    remapped: bool
    baseline: bool
    image: Mapping[str, Any] = field(default_factory=dict)

    def is_first(self, path: str) -> bool:
        """Whether this link never showed the path before, or showed it through another mapping."""
        return self.remapped or path not in self.link.seen

    def time(self, path: str) -> int:
        return self.certain.get(path, self.at)

    def claim(self, path: str) -> Claim:
        """This side's word on a path."""
        rank = self.side.rank(self.link.object)
        return Claim(self.side.name, rank, self.view[path], self.time(path), path in self.certain)

    def note(self, path: str, value: Any) -> None:
        """Whatever becomes of a value, it has been seen, and the remote stands for it."""
        self.link.seen[path] = self.link.sent[path] = value

    def log(self, path: str, old: Any, new: Any, kind: str, rule: str) -> None:
        self.book.changed(self.contact, self.link, path, old, new, kind, rule)
