"""Two contacts that turn out to be one person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from stagebridge.contact import is_blank, same
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.sync.debts import Debts
from stagebridge.sync.side import SETS
from stagebridge.sync.stages import refold
from stagebridge.sync.telling import stand_for


def join(book: Book, debts: Debts, survivor: ContactRow, other: ContactRow, reason: str) -> None:
    """`other` becomes part of `survivor`: its links, history and identities move, blanks are filled, sets united, and
    every value that gives way is in the change log."""
    if survivor is other:
        return
    for path, value in other.values.items():
        current = survivor.values.get(path)
        if path in SETS:
            survivor.values[path] = frozenset(current or ()) | frozenset(value or ())
        elif path in ("stage", "stage_at"):
            continue  # the fold of both histories says
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
    refold(book, survivor, debts.lifecycle)
    one_live_link(book, debts.told_only, survivor, keep=None)
    book.touched.update((survivor.id, other.id))


def one_live_link(book: Book, told_only: Collection[str], contact: ContactRow, keep: LinkRow | None) -> None:
    """At most one live link per contact, connection and object (rule I1); the others are duplicates, but where there is
    nothing but what webhooks say: there they stand for the one."""
    by_place: dict[tuple[str, str], list[LinkRow]] = defaultdict(list)
    for link in book.links_of(contact):
        if link.state == "live":
            by_place[link.connection, link.object].append(link)
    for links in by_place.values():
        first, *others = _oldest_first(links, keep)
        for link in others:
            if link.connection in told_only:
                stand_for(first, link)
            else:
                link.state, link.dirty = "dup", True
                book.open_conflict("duplicate", contact, link)


def _oldest_first(links: Iterable[LinkRow], keep: LinkRow | None) -> list[LinkRow]:
    return sorted(links, key=lambda x: (x is not keep, len(x.remote_id), x.remote_id))
