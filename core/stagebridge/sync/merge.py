"""One observation of one remote record, merged into its contact.

A link keeps two views per path: `sent`, what the remote is taken to stand for, and `seen`, what it showed. A remote
change is `observed ≠ seen`. Whatever becomes of it (accepted, refused or overruled), the observed value enters both
views, and the loser is a row in the change log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stagebridge.config import ContactsConfig
from stagebridge.contact import GROUP_OF, encode, is_blank, same
from stagebridge.event import derive_id
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.lifecycle import Lifecycle, Move
from stagebridge.mapping import View
from stagebridge.sync.debts import Debts
from stagebridge.sync.rules import Claim, origin_claim, wins, wins_at_first
from stagebridge.sync.side import KEY, Side, from_ms, ms
from stagebridge.sync.stages import fold

SETS = frozenset({"emails", "phones", "tags"})
UNKNOWN_AGE = 0
"""The time of a first-seen stage that nobody dates: older than every dated one."""

_UNSEEN = object()


class Merger:
    def __init__(self, debts: Debts, config: ContactsConfig, lifecycle: Lifecycle) -> None:
        self.debts = debts
        self.config = config
        self.lifecycle = lifecycle

    def observe(
        self,
        book: Book,
        side: Side,
        link: LinkRow,
        view: View,
        *,
        at: int,
        certain: Mapping[str, int],
        baseline: bool,
    ) -> None:
        """Merge what a record shows. `at` is its change time (ms, our clock), `certain` the times of single paths.

        Paths that this link never showed before are a first meeting, decided by `initial`; so is everything whose
        reading changed with the mapping. `baseline` rows fire no event.
        """
        contact = book.contacts[link.contact_id]
        remapped = bool(link.mapping) and link.mapping != side.mapping.hash
        image = self.debts.image(side, contact, link.object)
        groups: dict[str, list[str]] = defaultdict(list)
        for path in side.comparable(view):
            old = link.seen.get(path, _UNSEEN)
            if old is not _UNSEEN and same(view[path], old):
                continue
            if old is _UNSEEN and is_blank(view[path]):
                link.seen[path] = None
                link.sent.setdefault(path, None)
                continue
            if self._late_write(book, contact, link, path, view[path]):
                continue
            if self._flapping(book, contact, link, path, view[path], image):
                continue
            groups["stage" if path == "stage" else GROUP_OF.get(path, path)].append(path)
        if KEY in view:
            link.seen[KEY] = link.sent[KEY] = view[KEY]
        stage = groups.pop("stage", [])
        if "stage" in stage:
            self._stage(book, side, link, contact, view, at, image, baseline, remapped)
        for paths in (*groups.values(), [p for p in stage if p != "stage"]):
            if paths:
                self._group(book, side, link, contact, view, paths, at, certain, image, remapped)
        link.mapping = side.mapping.hash
        link.version = book.version
        link.dirty = contact.dirty = True
        book.touched.add(contact.id)
        book.reindex(contact)

    # --- ordinary paths ----------------------------------------------------------------------------------------

    def _group(
        self,
        book: Book,
        side: Side,
        link: LinkRow,
        contact: ContactRow,
        view: View,
        paths: Sequence[str],
        at: int,
        certain: Mapping[str, int],
        image: Mapping[str, Any],
        remapped: bool,
    ) -> None:
        """Paths that belong together have one winner, or one value would be dated by another's decision."""
        news: list[tuple[str, Any, Any, bool, bool]] = []
        for path in paths:
            value, current = view[path], contact.values.get(path)
            first = path not in link.seen or remapped
            if path in SETS:
                self._elements(book, link, contact, path, value)
                continue
            here = image.get(path, current)
            if same(value, here):
                link.seen[path] = link.sent[path] = value
                continue
            if first and is_blank(value):
                link.seen[path] = link.sent[path] = value
                continue
            if first:
                conflict = not is_blank(current)
            else:
                conflict = not same(here, link.sent.get(path))
            news.append((path, value, current, first, conflict))
        if not news:
            return
        decided = next(((p, v, c, f) for p, v, c, f, conflict in news if conflict), None)
        winner, rule = True, "changed here only"
        if decided is not None:
            path, value, current, first = decided
            time = certain.get(path)
            challenger = Claim(side.name, side.rank(link.object), value, at if time is None else time, time is not None)
            holder = self._holder(book, contact, path, current)
            winner = wins_at_first(self.config, path, challenger, holder) if first else wins(
                self.config.rule(path), challenger, holder
            )  # fmt: skip
            rule = "initial" if first else self.config.rule(path).kind
        for path, value, current, first, conflict in news:
            if winner or (first and not conflict and is_blank(current)):
                self._take(book, side, link, contact, view, path, value, current, at, certain, conflict, rule, first)
            else:
                book.changed(contact, link, path, current, value, "overruled", rule)
            link.seen[path] = link.sent[path] = value

    def _take(
        self,
        book: Book,
        side: Side,
        link: LinkRow,
        contact: ContactRow,
        view: View,
        path: str,
        value: Any,
        current: Any,
        at: int,
        certain: Mapping[str, int],
        conflict: bool,
        rule: str,
        first: bool,
    ) -> None:
        contact.values[path] = value
        time = certain.get(path)
        when = at if time is None else time
        before = contact.origin.get(path)
        if before is not None and not conflict:
            when = max(when, before[1])  # it followed what it had seen, whatever its clock says
        contact.origin[path] = (link.id, when, time is not None)
        for part in (f"{path}.at", f"{path}.source"):
            if part in view:
                contact.values[part] = view[part]
        if conflict:
            book.changed(contact, link, path, value, current, "overruled", rule)
        elif not first:
            book.changed(contact, link, path, current, value, "accepted", rule)

    def _elements(self, book: Book, link: LinkRow, contact: ContactRow, path: str, value: Any) -> None:
        """Every element is a path of its own: added and removed against what this record showed before (rule S8)."""
        observed, before = frozenset(value or ()), frozenset(link.seen.get(path) or ())
        current = frozenset(contact.values.get(path) or ())
        merged = (current | (observed - before)) - (before - observed)
        if merged != current:
            if path in link.seen:
                book.changed(contact, link, path, current, merged, "accepted", "elements")
            contact.values[path] = merged
        link.seen[path] = link.sent[path] = observed

    def _holder(self, book: Book, contact: ContactRow, path: str, current: Any) -> Claim:
        origin = contact.origin.get(path)
        source = book.links.get(origin[0]) if origin else None
        connection, rank = (source.connection, self._rank(source)) if source else ("", -1)
        return origin_claim(origin, connection, rank, current)

    def _rank(self, link: LinkRow) -> int:
        return next((s.rank(link.object) for s in self.debts.sides if s.name == link.connection), 0)

    def _late_write(self, book: Book, contact: ContactRow, link: LinkRow, path: str, value: Any) -> bool:
        """Whether this is a write of ours that came through after we had given it up (rule S6): recorded, not merged."""
        late = link.memory.get("late", {}).get(path)
        if not late or same(value, link.sent.get(path)):
            return False
        mark = encode({"": value})
        if not any(text == mark and book.now < until for text, until in late):
            return False
        book.changed(contact, link, path, link.seen.get(path), value, "late_write", "S6")
        link.seen[path] = link.sent[path] = value
        return True

    def _flapping(
        self, book: Book, contact: ContactRow, link: LinkRow, path: str, value: Any, image: Mapping[str, Any]
    ) -> bool:
        """Whether this path keeps going back to what it was before we wrote: two platforms are fighting through us. It is
        frozen there, until what we want changes or a person decides."""
        flips = link.memory.get("flips", {}).get(path)
        if not flips or flips[2] != encode({"": value}):
            return False
        flips = [flips[0] + 1, flips[1], flips[2]]
        link.memory["flips"][path] = flips
        if flips[0] <= self.config.max_flips:
            return False
        link.seen[path] = link.sent[path] = value
        self.debts.block(
            link, path, "flapping", image.get(path), message=f"went back {flips[0]} times after our writes"
        )
        book.open_conflict("flapping", contact, link, path, times=flips[0])
        book.changed(contact, link, path, contact.values.get(path), value, "overruled", "flapping")
        return True

    # --- the stage ---------------------------------------------------------------------------------------------

    def _stage(
        self,
        book: Book,
        side: Side,
        link: LinkRow,
        contact: ContactRow,
        view: View,
        at: int,
        image: Mapping[str, Any],
        baseline: bool,
        remapped: bool,
    ) -> None:
        value, current = view["stage"], contact.stage
        first = "stage" not in link.seen or remapped
        base = link.sent.get("stage")
        link.seen["stage"] = link.sent["stage"] = value
        if is_blank(value):
            book.changed(contact, link, "stage", current, value, "overruled", "a cleared stage is no stage")
            return
        here = image.get("stage", current)
        if same(value, here):
            self._saw(link, contact)
            return
        entered = ms(view.get("stage_at"))
        followed = not first and same(here, base)
        deliberate, reason = False, ""
        if first:
            when = entered if entered is not None else self._undated(book, side, baseline, at)
        else:
            when = at if entered is None else entered
        if followed and current is not None:
            when = max(when, (ms(contact.values.get("stage_at")) or 0) + 1)
            move = self.lifecycle.move(current, value)
            if move is Move.REENTRY:
                deliberate, reason = True, "re-entry"
            elif move is Move.BACKWARD and not self._backward(book, side, link, contact, value, when, baseline):
                return
            elif move is Move.BACKWARD:
                deliberate, reason = self.config.backward == "allow", "correction"
        saw = link.saw_row if base is not None and self.lifecycle.is_lost(base) else None
        self._passed(book, side, link, contact, view, value, when, baseline)
        row = book.new_history(
            contact, stage=value, at=when, connection=side.name, link_id=link.id, saw_row=saw, baseline=baseline,
            deliberate=deliberate, reason=reason, event_id=self._event_id(side, link, value, when),
        )  # fmt: skip
        self.refold(book, contact, link)
        if contact.stage == value:
            self._saw(link, contact)
            if not baseline:
                book.changed(contact, link, "stage", current, value, "accepted", row.reason)
        else:
            book.changed(contact, link, "stage", contact.stage, value, "overruled", row.reason)

    def _undated(self, book: Book, side: Side, baseline: bool, at: int) -> int:
        """When a first-seen stage was entered, where the platform keeps no date. At a first sync the record's time
        says nothing about it: the preferred side is taken as the latest word, every other as the oldest."""
        if not baseline:
            return at
        rule = self.config.initial_rule("stage")
        preferred = rule is not None and rule.kind == "prefer" and rule.prefer[:1] == (side.name,)
        return book.now if preferred else UNKNOWN_AGE

    def _backward(
        self, book: Book, side: Side, link: LinkRow, contact: ContactRow, value: str, when: int, baseline: bool
    ) -> bool:
        """A person moved the stage back who had seen the current one. True: it goes on to the fold."""
        if self.config.backward != "hold":
            return True
        current = contact.stage
        book.new_history(
            contact, stage=value, at=when, connection=side.name, link_id=link.id, previous=current, verdict="held",
            reason="a deliberate correction backwards waits for a person", baseline=baseline, deliberate=False,
            event_id=self._event_id(side, link, value, when),
        )  # fmt: skip
        book.open_conflict("stage_backward", contact, link, "stage", holds=current, there=value)
        wanted = self.debts.image(side, contact, link.object).get("stage", current)
        self.debts.block(link, "stage", "held", wanted, message=f"{side.name} says {value}, everybody else {current}")
        return False

    def _passed(
        self,
        book: Book,
        side: Side,
        link: LinkRow,
        contact: ContactRow,
        view: View,
        value: str,
        when: int,
        baseline: bool,
    ) -> None:
        """Stages that were skipped between two polls leave a row where the platform dates them."""
        current = contact.stage
        if baseline or current is None or self.lifecycle.is_lost(value) or self.lifecycle.is_lost(current):
            return
        ranks = range(self.lifecycle.rank(current) + 1, self.lifecycle.rank(value))
        for rank in ranks:
            stage = self.lifecycle.stages[rank].name
            entered = ms(view.entered(stage))
            book.new_history(
                contact, stage=stage, at=when if entered is None else entered, connection=side.name, link_id=link.id,
                verdict="passed", reason="dated by the platform" if entered is not None else "skipped between two reads",
                baseline=False, deliberate=False, previous=None,
                event_id=self._event_id(side, link, stage, when if entered is None else entered),
            )  # fmt: skip

    def refold(self, book: Book, contact: ContactRow, link: LinkRow | None = None) -> None:
        """Fold the contact's history anew and put it where it stands."""
        standing = fold(book.history_of(contact), self.lifecycle)
        if standing.stage is None:
            return
        left_lost = self.lifecycle.is_lost(contact.stage or "") and not self.lifecycle.is_lost(standing.stage)
        contact.values["stage"] = standing.stage
        contact.values["stage_at"] = from_ms(standing.at)
        contact.stage_row = standing.row
        if left_lost and contact.values.get("lost_reason") is not None:
            contact.values["lost_reason"] = None
        contact.dirty = True

    def _saw(self, link: LinkRow, contact: ContactRow) -> None:
        if contact.stage is not None and self.lifecycle.is_lost(contact.stage):
            link.saw_row = contact.stage_row

    @staticmethod
    def _event_id(side: Side, link: LinkRow, stage: str, when: int) -> str:
        return str(derive_id(side.name, link.object, link.remote_id, stage, from_ms(when)))

    # --- two contacts are one person ---------------------------------------------------------------------------

    def join(self, book: Book, survivor: ContactRow, other: ContactRow, reason: str) -> None:
        """`other` becomes part of `survivor`: its links, history and identities move, blanks are filled, sets united,
        and every value that gives way is in the change log."""
        if survivor is other:
            return
        for path, value in other.values.items():
            current = survivor.values.get(path)
            if path in SETS:
                survivor.values[path] = frozenset(current or ()) | frozenset(value or ())
            elif path in ("stage", "stage_at"):
                continue
            elif is_blank(current):
                survivor.values[path] = value
                if path in other.origin:
                    survivor.origin[path] = other.origin[path]
            elif not same(current, value) and not is_blank(value):
                book.changed(survivor, None, path, current, value, "overruled", reason)
        rows = book.history_of(survivor)
        for row in book.history_of(other):
            row.contact_id, row.dirty = survivor.id, True
            rows.append(row)
        book.history_of(other).clear()
        other.merged_into = survivor.id
        survivor.dirty = other.dirty = True
        for link in list(book.links_of(other)):
            book.move_link(link, survivor)
        book.reindex(other)
        book.reindex(survivor)
        self.refold(book, survivor)
        self.one_live_link(book, survivor, keep=None)
        book.touched.update((survivor.id, other.id))

    def one_live_link(self, book: Book, contact: ContactRow, keep: LinkRow | None) -> None:
        """At most one live link per contact, connection and object (rule I1); the others are duplicates."""
        by_place: dict[tuple[str, str], list[LinkRow]] = defaultdict(list)
        for link in book.links_of(contact):
            if link.state == "live":
                by_place[link.connection, link.object].append(link)
        for links in by_place.values():
            for link in _oldest_first(links, keep)[1:]:
                link.state, link.dirty = "dup", True
                book.open_conflict("duplicate", contact, link)


def _oldest_first(links: Iterable[LinkRow], keep: LinkRow | None) -> list[LinkRow]:
    return sorted(links, key=lambda x: (x is not keep, len(x.remote_id), x.remote_id))
