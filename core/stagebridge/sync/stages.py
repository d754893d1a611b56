"""The lifecycle stage of a contact: the fold of everything that was ever said about it.

The stage is never "the last value that arrived". Every stage that a system reported is a row; the rows, sorted by
when the stage was entered, are folded into one stage and one verdict per row. A row that arrives late takes its
place in the order, so a forward move counts however late it comes, and nothing that is late, replayed or reordered
moves a contact backwards (rule S7).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, HistoryRow, LinkRow
from stagebridge.lifecycle import Lifecycle
from stagebridge.sync.side import from_ms

VOID = ("held", "passed")
"""Verdicts of rows that are kept for the record and take no part: waiting for a person, or only passed through."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a contact stands: the stage, since when (ms), and the row that put it there."""

    stage: str | None
    at: int
    row: int | None


NOWHERE = Standing(None, -1, None)


def fold(rows: Iterable[HistoryRow], lifecycle: Lifecycle) -> Standing:
    """The standing that these rows amount to. Sets each row's `verdict`, `reason` and `previous` (and marks it dirty
    where that changed)."""
    now = NOWHERE
    height = -1  # the rank to outrank: of the current stage, or of the one before the loss
    counted = (r for r in rows if r.verdict not in VOID and r.stage in lifecycle.names)
    for row in sorted(counted, key=lambda r: (r.at, _rank(r.stage, lifecycle), r.connection, r.id)):
        reason = _why(row, now, height, lifecycle)
        verdict = "accepted" if reason else "refused"
        _mark(row, verdict, reason or f"{row.stage} does not move on from {now.stage}", now.stage)
        if not reason:
            continue
        if not lifecycle.is_lost(row.stage):
            height = lifecycle.rank(row.stage)
        if row.stage != now.stage:
            now = Standing(row.stage, row.at, row.id)
    return now


def refold(book: Book, contact: ContactRow, lifecycle: Lifecycle) -> None:
    """Fold the contact's history anew and put it where it stands."""
    standing = fold(book.history_of(contact), lifecycle)
    if standing.stage is None:
        return
    left_lost = lifecycle.is_lost(contact.stage or "") and not lifecycle.is_lost(standing.stage)
    contact.values["stage"] = standing.stage
    contact.values["stage_at"] = from_ms(standing.at)
    contact.stage_row = standing.row
    if left_lost and contact.values.get("lost_reason") is not None:
        contact.values["lost_reason"] = None
    contact.dirty = True


def remember_loss(link: LinkRow, contact: ContactRow, lifecycle: Lifecycle) -> None:
    """This record has seen the loss that stands now: whoever moves it on from there reactivates the contact."""
    if contact.stage is not None and lifecycle.is_lost(contact.stage):
        link.saw_row = contact.stage_row


def _why(row: HistoryRow, now: Standing, height: int, lifecycle: Lifecycle) -> str:
    """Why this row counts; empty if it does not."""
    if now.stage is None:
        return "first"
    if row.stage == now.stage:
        return "same"
    if row.deliberate:
        return row.reason or "decided"
    if lifecycle.is_lost(row.stage):
        return "lost"
    if lifecycle.is_lost(now.stage) and row.saw_row == now.row:
        return "reactivation"
    if lifecycle.rank(row.stage) > height:
        return "forward"
    return ""


def _rank(stage: str, lifecycle: Lifecycle) -> int:
    # at one and the same instant a loss comes after what was lost
    return len(lifecycle.names) if lifecycle.is_lost(stage) else lifecycle.rank(stage)


def _mark(row: HistoryRow, verdict: str, reason: str, previous: str | None) -> None:
    if (row.verdict, row.reason, row.previous) != (verdict, reason, previous):
        row.verdict, row.reason, row.previous = verdict, reason, previous
        row.dirty = True
