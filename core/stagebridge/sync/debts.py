"""What we owe each remote record: `image(desired) ≠ sent`, path by path, less what is blocked.

The outbox only says *which* link is out of step. What to send is computed here, from the contact as it stands, so
that no retry and no replay can bring back a stale value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from functools import partial
from typing import Any

from stagebridge.config import ContactsConfig
from stagebridge.contact import METADATA, same
from stagebridge.document import nearest
from stagebridge.errors import ConfigError
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.lifecycle import Lifecycle
from stagebridge.sync.removals import REMOVAL, condemned, worked_on_since
from stagebridge.sync.side import KEY, Side, digest


class Debts:
    def __init__(self, sides: Sequence[Side], config: ContactsConfig, lifecycle: Lifecycle) -> None:
        self.sides = sides
        self.config = config
        self.lifecycle = lifecycle
        self.told_only = frozenset(s.name for s in sides if s.told_only)

    # --- one link ----------------------------------------------------------------------------------------------

    def desired(self, contact: ContactRow) -> dict[str, Any]:
        return {**contact.values, KEY: contact.key}

    def image(self, side: Side, contact: ContactRow, object: str) -> dict[str, Any]:
        """What that platform can hold of the contact, metadata left out."""
        image = side.mapping.image(self.desired(contact), object)
        return {p: v for p, v in image.items() if p not in METADATA}

    def owed(self, side: Side, contact: ContactRow, link: LinkRow) -> dict[str, Any]:
        """{path: value} that this record still lacks. Blocks whose cause is gone are lifted."""
        owed = {}
        for path, value in self.image(side, contact, link.object).items():
            if same(value, link.sent.get(path)):
                continue
            block = link.blocked.get(path)
            if block is not None and self._holds(block, value, link.seen.get(path), side.mapping.hash):
                continue
            if block is not None:
                del link.blocked[path]
                link.dirty = True
            owed[path] = value
        return owed

    @staticmethod
    def block(
        link: LinkRow, path: str, kind: str, desired: Any, *, mapping: str = "", code: str = "", message: str = ""
    ) -> None:
        """Owe this path no longer, until what we want, what the remote shows, or the mapping changes."""
        link.blocked[path] = {
            "kind": kind, "desired": digest(desired), "seen": digest(link.seen.get(path)), "mapping": mapping,
            "code": code, "message": message,
        }  # fmt: skip
        link.dirty = True

    @staticmethod
    def _holds(block: Map[str, Any], desired: Any, seen: Any, mapping: str) -> bool:
        return (
            block["desired"] == digest(desired) and block["seen"] == digest(seen) and block["mapping"] in ("", mapping)
        )

    # --- one contact -------------------------------------------------------------------------------------------

    def settle(self, book: Book, contact_ids: Sequence[int]) -> None:
        """Bring the outbox into line with what these contacts owe now. Their links and outbox rows must be loaded."""
        for contact_id in contact_ids:
            contact = book.contacts[contact_id]
            removed = self._removed(book, contact)
            for side in self.sides:
                if side.writes:
                    self._settle_side(book, side, contact, removed)

    def removed(self, book: Book, contact: ContactRow) -> bool:
        """Whether somebody deleted this person in one system, and the others are to follow."""
        if self.config.deletes == "ignore" or contact.merged_into:
            return False
        links = book.links_of(contact)
        deleted = condemned(links)
        return deleted is not None and not worked_on_since(contact, links, deleted)

    def _removed(self, book: Book, contact: ContactRow) -> bool:
        deleted = condemned(book.links_of(contact)) if self.config.deletes != "ignore" else None
        if deleted is None:
            return False
        if self.removed(book, contact):
            book.close_conflicts("deleted_there", contact, deleted)
            return True
        if any(x.state == "live" for x in book.links_of(contact)):
            book.open_conflict("deleted_there", contact, deleted)
        return False

    def _settle_side(self, book: Book, side: Side, contact: ContactRow, removed: bool) -> None:
        links = [x for x in book.links_of(contact) if x.connection == side.name]
        targets = self._targets(side, links, removed) if self.included(contact) and not contact.merged_into else []
        keep = {x.object for x in targets}
        if targets:
            for link in targets:
                if removed:
                    self._owe(book, side, link.object, contact, link, lambda: REMOVAL)
                elif owed := self.owed(side, contact, link):
                    self._owe(book, side, link.object, contact, link, partial(digest_all, owed))
                else:
                    self._clear(book, side.name, link.object, contact)
        elif not links and self.may_create(book, side, contact):
            object = self.create_object(side)
            keep = {object}
            self._owe(book, side, object, contact, None, lambda: digest_all(self.image(side, contact, object)))
        for object in side.objects:
            if object not in keep:
                self._clear(book, side.name, object, contact)

    def _targets(self, side: Side, links: Sequence[LinkRow], removed: bool) -> list[LinkRow]:
        """The records of a person that are written there: the primary one, unless all are asked for or all must go."""
        live = sorted((x for x in links if x.state == "live"), key=lambda x: side.rank(x.object))
        return live if removed or self.config.write == "all" else live[:1]

    @staticmethod
    def _owe(
        book: Book, side: Side, object: str, contact: ContactRow, link: LinkRow | None, mark: Callable[[], str]
    ) -> None:
        """`mark` is the digest of what is owed, which only a dead letter is compared by."""
        row = book.outbox.get((side.name, object, contact.id))
        if row is None or row.state != "dead":
            book.owe(side.name, object, contact, link)
        elif row.link_id != (link and link.id) or row.desired != mark():
            book.owe(side.name, object, contact, link, state="pending", attempts=0, not_before=0, code=None, error=None)

    @staticmethod
    def _clear(book: Book, connection: str, object: str, contact: ContactRow) -> None:
        row = book.outbox.get((connection, object, contact.id))
        if row is None or row.state != "sending":
            book.unowe(connection, object, contact)

    # --- who is in, who is created -----------------------------------------------------------------------------

    def included(self, contact: ContactRow) -> bool:
        """Whether `include` lets this contact be written at all."""
        return self.config.includes(contact.values, self.lifecycle)

    def create_object(self, side: Side) -> str:
        wanted = self.config.create.get(side.name, True)
        if isinstance(wanted, str):
            named = next((o for o in side.objects if o.lower() == wanted.lower()), None)
            if named is None:
                raise ConfigError(
                    f"contacts.create.{side.name}: there is no object '{wanted}' there{nearest(wanted, side.objects)}",
                    hint=f"Write true, false, or one of {', '.join(side.objects)}.",
                )
            return named
        return side.mapping.create_object

    def may_create(self, book: Book, side: Side, contact: ContactRow) -> bool:
        if contact.merged_into or self.config.create.get(side.name, True) is False or not self.included(contact):
            return False
        if self.removed(book, contact):
            return False
        readable = {s.name for s in self.sides if s.merges}
        return any(x.state == "live" and x.connection in readable for x in book.links_of(contact))


def digest_all(values: Map[str, Any]) -> str:
    return digest(tuple(sorted((p, digest(v)) for p, v in values.items())).__repr__())
