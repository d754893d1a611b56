"""One observation of one remote record, merged into its contact.

A link keeps two views per path: `sent`, what the remote is taken to stand for, and `seen`, what it showed. A remote
change is `observed ≠ seen`. Whatever becomes of it (accepted, refused or overruled), the observed value enters both
views, and the loser is a row in the change log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stagebridge.config import ContactsConfig
from stagebridge.contact import GROUP_OF, encode, full_name, is_blank, same, split_name
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.lifecycle import Lifecycle
from stagebridge.mapping import View
from stagebridge.sync.debts import Debts
from stagebridge.sync.moves import Moves
from stagebridge.sync.observation import Observation
from stagebridge.sync.rules import Claim, origin_claim, wins, wins_at_first
from stagebridge.sync.side import OURS, SETS, Side


@dataclass(frozen=True, slots=True)
class _News:
    """A path that shows something new. `first`: a first meeting; `conflict`: this side and we both have something to say."""

    path: str
    value: Any
    current: Any
    first: bool
    conflict: bool


class Merger:
    def __init__(self, debts: Debts, config: ContactsConfig, lifecycle: Lifecycle) -> None:
        self.debts = debts
        self.config = config
        self.moves = Moves(debts, config, lifecycle)

    def observe(
        self, book: Book, side: Side, link: LinkRow, view: View, *, at: int, certain: Mapping[str, int], baseline: bool
    ) -> None:
        """Merge what a record shows. `at` is its change time (ms, our clock), `certain` the times of single paths.

        Paths that this link never showed before are a first meeting, decided by `initial`; so is everything whose
        reading changed with the mapping.
        """
        contact = book.contacts[link.contact_id]
        remapped = bool(link.mapping) and link.mapping != side.mapping.hash
        o = Observation(book, side, link, contact, view, at, certain, remapped, baseline)
        groups = self._changed(o)
        ours = [p for p in OURS if p in view]
        touched = any(not same(view[p], link.seen.get(p)) for p in ours)
        link.mapping, link.version, link.dirty = side.mapping.hash, book.version, True
        if not groups and not touched and not remapped and not link.new:
            return
        o.image = self.debts.image(side, contact, link.object)
        if "stage" in groups.get("stage", ()):
            groups["stage"].remove("stage")
            self.moves.observe(o)
        for paths in groups.values():
            self._group(o, paths)
        for path in ours:
            o.note(path, view[path])
        book.touched.add(contact.id)
        book.reindex(contact)

    def _changed(self, o: Observation) -> dict[str, list[str]]:
        """The paths that show something else than before, by the group that is decided together."""
        groups: dict[str, list[str]] = defaultdict(list)
        for path in o.side.comparable(o.view):
            value, seen = o.view[path], path in o.link.seen
            if seen and same(value, o.link.seen[path]):
                continue
            if not seen and is_blank(value):
                o.link.seen[path] = None
                o.link.sent.setdefault(path, None)
            elif not self._late_write(o, path, value) and not self._flapping(o, path, value):
                groups[GROUP_OF.get(path, path)].append(path)
        return groups

    # --- ordinary paths ----------------------------------------------------------------------------------------

    def _group(self, o: Observation, paths: Sequence[str]) -> None:
        """Paths that belong together have one winner, or one value would be dated by another's decision."""
        news = [n for p in paths if (n := self._news(o, p)) is not None]
        decided = next((n for n in news if n.conflict), None)
        winner, rule = True, "changed here only"
        if decided is not None:
            holder = self._holder(o, decided.path, decided.current)
            if decided.first:
                winner, rule = wins_at_first(self.config, decided.path, o.claim(decided.path), holder), "initial"
            else:
                chosen = self.config.rule(decided.path)
                winner, rule = wins(chosen, o.claim(decided.path), holder), chosen.kind
        for n in news:
            if winner or (n.first and not n.conflict and is_blank(n.current)):
                self._take(o, n, rule)
            else:
                o.log(n.path, n.current, n.value, "overruled", rule)
            o.note(n.path, n.value)

    def _news(self, o: Observation, path: str) -> _News | None:
        """What is new about a path; None where nothing is to be decided."""
        value, current, first = o.view[path], _current(o.contact, path), o.is_first(path)
        if path in SETS:
            self._elements(o, path)
            return None
        here = o.image.get(path, current)
        if same(value, here) or (first and is_blank(value)):
            o.note(path, value)
            return None
        conflict = not is_blank(current) if first else not same(here, o.link.sent.get(path))
        return _News(path, value, current, first, conflict)

    def _take(self, o: Observation, n: _News, rule: str) -> None:
        contact, when = o.contact, o.time(n.path)
        before = contact.origin.get(_dated_by(n.path))
        if before is not None and not n.conflict:
            when = max(when, before[1])  # it followed what it had seen, whatever its clock says
        for path, value in parts(n.path, n.value):
            contact.values[path] = value
            contact.origin[path] = (o.link.id, when, n.path in o.certain)
        contact.dirty = True
        for part in (f"{n.path}.at", f"{n.path}.source"):
            if part in o.view:
                contact.values[part] = o.view[part]
            else:  # it told of the decision before
                contact.values.pop(part, None)
        if n.conflict:
            o.log(n.path, n.value, n.current, "overruled", rule)
        elif not n.first:
            o.log(n.path, n.current, n.value, "accepted", rule)

    def _elements(self, o: Observation, path: str) -> None:
        """Every element is a path of its own: added and removed against what this record showed before (rule S8)."""
        observed, before = frozenset(o.view[path] or ()), frozenset(o.link.seen.get(path) or ())
        current = frozenset(o.contact.values.get(path) or ())
        merged = (current | (observed - before)) - (before - observed)
        if merged != current:
            if path in o.link.seen:
                o.log(path, current, merged, "accepted", "elements")
            o.contact.values[path] = merged
            o.contact.dirty = True
        o.note(path, observed)

    def _holder(self, o: Observation, path: str, current: Any) -> Claim:
        """The word that stands so far, and whose it is."""
        origin = o.contact.origin.get(_dated_by(path))
        source = o.book.links.get(origin[0]) if origin else None
        if source is None:
            return origin_claim(origin, "", -1, current)
        rank = next((s.rank(source.object) for s in self.debts.sides if s.name == source.connection), 0)
        return origin_claim(origin, source.connection, rank, current)

    # --- what is no edit ---------------------------------------------------------------------------------------

    def _late_write(self, o: Observation, path: str, value: Any) -> bool:
        """Whether this is a write of ours that came through after we had given it up (rule S6): recorded, not merged."""
        late = o.link.memory.get("late", {}).get(path)
        if not late or same(value, o.link.sent.get(path)):
            return False
        mark = encode({"": value})
        if not any(text == mark and o.book.now < until for text, until in late):
            return False
        o.log(path, o.link.seen.get(path), value, "late_write", "S6")
        o.note(path, value)
        return True

    def _flapping(self, o: Observation, path: str, value: Any) -> bool:
        """Whether this path keeps going back to what it was before we wrote: two platforms are fighting through us. It is
        frozen there, until what we want changes or a person decides."""
        flips = o.link.memory.get("flips", {}).get(path)
        if not flips or flips[2] != encode({"": value}):
            return False
        times = flips[0] + 1
        o.link.memory["flips"][path] = [times, *flips[1:]]
        if times <= self.config.max_flips:
            return False
        o.note(path, value)
        image = self.debts.image(o.side, o.contact, o.link.object)
        self.debts.block(o.link, path, "flapping", image.get(path), message=f"went back {times} times after our writes")
        o.book.open_conflict("flapping", o.contact, o.link, path, times=times)
        o.log(path, o.contact.values.get(path), value, "overruled", "flapping")
        return True


# --- one name field where others have two ----------------------------------------------------------------------


def _current(contact: ContactRow, path: str) -> Any:
    if path == "name":
        return full_name(contact.values.get("first_name"), contact.values.get("last_name"))
    return contact.values.get(path)


def parts(path: str, value: Any) -> list[tuple[str, Any]]:
    """What a value is kept as: a full name that really changed is split once, here; it is never kept itself."""
    if path != "name":
        return [(path, value)]
    first, last = (None, None) if is_blank(value) else split_name(value)
    return [("first_name", first), ("last_name", last)]


def _dated_by(path: str) -> str:
    return "last_name" if path == "name" else path
