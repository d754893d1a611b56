"""Sides that nobody can ask (`Side.told_only`): all that is known is what webhooks said, each a word about a person.

One person's words come under one id (a shop's customer) or under a new one each time (a form's responses). They are merged
as one record: the live link, which shows what was said under any id. What was said under its own, every link remembers.
"""

from __future__ import annotations

from collections.abc import Collection

import orjson
import sqlalchemy as sa

from stagebridge.connector import Record
from stagebridge.contact import METADATA, is_blank
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import LinkRow
from stagebridge.mapping import View
from stagebridge.sync.side import SETS, ms

UNDER_IT, UNDER_ANY = "told", "told_of"
"""Where a link's memory holds when each path was told of last (ms): under its own id, and under any id of the person."""
SAID = "said"
"""Where it holds what its own id's last word was: whether there was a value, and a set's elements."""


def leave_out(link: LinkRow, live: LinkRow, record: Record, view: View) -> None:
    """Leave out of a view what does not count. `link` is its id's, `live` its person's.

    Times decide where there are any, in whatever order the words came. A word takes back only what was said under its id
    before: a response that does not answer a question says nothing of it.
    """
    at = ms(record.modified_at)
    _older(link, UNDER_IT, view, at)
    said = link.memory.setdefault(SAID, {})
    for path in _decided(view):
        value = view[path]
        if live is not link:
            link.seen[path] = value
        if path in SETS:
            view[path] = frozenset(live.seen.get(path) or ()) - frozenset(said.get(path, ())) | frozenset(value or ())
            said[path] = sorted(value or ())
        elif is_blank(value) and not said.get(path):
            _drop(view, path)
            for shown in (live.seen, live.sent):
                shown.setdefault(path, None)
        else:
            said[path] = not is_blank(value)
    _older(live, UNDER_ANY, view, at, but=SETS)  # what is in a set under one id, no other takes out
    link.dirty = live.dirty = True


def _older(link: LinkRow, memory: str, view: View, at: int | None, but: Collection[str] = ()) -> None:
    if at is None:
        return
    told: dict[str, int] = link.memory.get(memory, {})
    paths = [p for p in _decided(view) if p not in but]
    for path in paths:
        if told.get(path, at) > at:
            _drop(view, path)
    link.memory[memory] = told | {p: at for p in paths if p in view}


def _decided(view: View) -> list[str]:
    """The paths that are decided about; what describes one goes with it."""
    return [p for p in view if p not in METADATA]


def _drop(view: View, path: str) -> None:
    for one in (path, f"{path}.at", f"{path}.source", f"{path}_at"):
        view.pop(one, None)


def stand_for(first: LinkRow, other: LinkRow) -> None:
    """Two people were one: what was told of either was told of both."""
    other.state = "alias"
    first.seen, first.sent = other.seen | first.seen, other.sent | first.sent
    times: list[dict[str, int]] = [x.memory.get(UNDER_ANY, {}) for x in (first, other)]
    first.memory[UNDER_ANY] = {p: max(told.get(p, 0) for told in times) for p in times[0] | times[1]}
    first.dirty = other.dirty = True


def tell_again(book: Book, link: LinkRow) -> None:
    """Have everything that was said under this id worked on once more: it waited for a decision."""
    c = t.hook.c
    named = orjson.dumps(f"{link.object}:{link.remote_id}").decode()
    his = (c.connection == link.connection) & c.people.contains(named, autoescape=True) & c.records.is_not(None)
    book.tx.execute(sa.update(t.hook).where(his).values(state="waiting"))


__all__ = ["leave_out", "stand_for", "tell_again"]
