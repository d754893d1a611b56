"""A write that took effect: which values are ours, which are a rendering of ours, and which are somebody's edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stagebridge.connector import Record
from stagebridge.contact import encode, is_blank, same
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.mapping import View
from stagebridge.sync.intake import Intake
from stagebridge.sync.side import SETS, Side
from stagebridge.sync.stages import remember_loss

FLIP_WINDOW = 24 * 3600 * 1000
"""How long (ms) it is remembered that a path went back after our writes."""


class Landing:
    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.lifecycle = intake.debts.lifecycle

    def landed(
        self, book: Book, side: Side, contact: ContactRow, link: LinkRow, intent: Mapping[str, Any],
        view: View | None, *, echoed: bool, created: bool = False,
    ) -> None:  # fmt: skip
        """These paths were written. `echoed`: the view is the write's own answer; otherwise a person may have been
        there since, and what is neither ours nor a rendering of ours is his."""
        for path, value in intent.items():
            before = link.seen.get(path)
            got = view.get(path, value) if view is not None else value
            link.sent[path] = value
            if path in SETS and not echoed:
                link.seen[path] = value
            elif same(got, value) or echoed or alike(got, value) or same(got, before):
                link.seen[path] = got
                self._refused(book, contact, link, path, value, got)
            else:
                link.seen[path] = value
            if not created:
                book.changed(contact, link, path, before, value, "written", "sync")
                self._remember_flip(book, link, path, before)
            link.blocked.pop(path, None)
        if not is_blank(intent.get("stage")):
            remember_loss(link, contact, self.lifecycle)
        link.mapping = side.mapping.hash
        link.version, link.fingerprint, link.dirty = book.version, "", True

    def _refused(self, book: Book, contact: ContactRow, link: LinkRow, path: str, value: Any, got: Any) -> None:
        if same(got, value):
            book.close_conflicts("refused", contact, link, path)
        elif not alike(got, value):
            book.open_conflict("refused", contact, link, path, sent=show(value), holds=show(got))
            book.changed(contact, link, path, got, value, "refused", "the platform kept its own value")

    def observe_rest(
        self, book: Book, side: Side, contact: ContactRow, link: LinkRow, intent: Mapping[str, Any], record: Record,
        view: View, *, created: bool, echoed: bool,
    ) -> None:  # fmt: skip
        """Everything that was not sent is an observation, but on a record that we created and nobody has touched since:
        there it is what the platform stamps by itself (a default stage, an owner), and nobody's edit."""
        if created:
            stage = side.connector.capabilities.stage
            untouched = echoed or (record.modified_at is not None and view.get("created_at") == record.modified_at)
            for path in side.comparable(view):
                stamped = untouched or (path == "stage" and stage is not None and stage.stamps_default)
                if path not in intent and (stamped or not is_blank(contact.values.get(path))):
                    link.seen[path] = link.sent[path] = view[path]
        if link.state == "live":
            self.intake.observe(book, side, link, record, view, baseline=created)

    def _remember_flip(self, book: Book, link: LinkRow, path: str, before: Any) -> None:
        flips = link.memory.setdefault("flips", {})
        count, since, _ = flips.get(path, (0, book.now, None))
        if book.now - since > FLIP_WINDOW:
            count, since = 0, book.now
        flips[path] = (count, since, encode({"": before}))


def alike(got: Any, sent: Any) -> bool:
    """Whether a platform's value is a rendering of ours: other case or spacing, or cut short."""
    if not isinstance(got, str) or not isinstance(sent, str):
        return False
    g, s = " ".join(got.casefold().split()), " ".join(sent.casefold().split())
    return g == s or (bool(g) and len(g) >= 20 and s.startswith(g))


def show(value: Any) -> str:
    return encode({"": value})
