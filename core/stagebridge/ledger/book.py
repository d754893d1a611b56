"""One transaction's working set: rows are loaded in bulk, changed as objects, and written back in bulk.

    with ledger.begin() as tx:
        book = Book(tx, now=…, version=…, run_id=…)
        book.load_links("crm", "contacts", ids)
        …
        book.flush()

No statement is ever sent per record.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stagebridge.contact import encode
from stagebridge.ledger import schema as t
from stagebridge.ledger.conflicts import Conflicts
from stagebridge.ledger.identities import Identities, identities_in
from stagebridge.ledger.rows import (
    ContactRow,
    HistoryRow,
    LinkRow,
    OutboxRow,
    contact_row,
    contact_values,
    history_row,
    link_row,
    link_values,
    outbox_row,
)
from stagebridge.ledger.tables import chunks, update_by_id

Remote = tuple[str, str, str]
"""Connection, object, remote id."""


class Book:
    def __init__(self, tx: Connection, *, now: int, version: int, run_id: int | None = None) -> None:
        self.tx = tx
        self.now = now
        self.version = version
        self.run_id = run_id
        self.contacts: dict[int, ContactRow] = {}
        self.links: dict[int, LinkRow] = {}
        self.remotes: dict[Remote, LinkRow] = {}
        self.outbox: dict[tuple[str, str, int], OutboxRow] = {}
        self.touched: set[int] = set()
        """Contacts whose debts are to be counted again."""
        self.baseline: set[int] = set()
        """Contacts of whom a first sync told: what it changed is no news to anybody."""
        self.recorded: list[Any] = []
        """Conversion events that this transaction puts into the ledger (`delivery.queue.Given`)."""
        self._links_of: dict[int, list[LinkRow]] = {}
        self._history: dict[int, list[HistoryRow]] = {}
        self._keys: dict[str, int | None] = {}
        self._identities = Identities()
        self._changes: list[dict[str, Any]] = []
        self._conflicts = Conflicts()
        self._outbox_new: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._outbox_drop: set[int] = set()
        self._outbox_set: dict[int, dict[str, Any]] = {}
        self._next: dict[str, int] = {}

    # --- loading -----------------------------------------------------------------------------------------------

    def fingerprints(self, connection: str, object: str, ids: Sequence[str]) -> dict[str, tuple[str, int, str]]:
        """What ends most records before any decoding: {remote id: (fingerprint, version, state)}."""
        out: dict[str, tuple[str, int, str]] = {}
        c = t.link.c
        for part in chunks(ids):
            query = sa.select(c.remote_id, c.fingerprint, c.version, c.state).where(
                c.connection == connection, c.object == object, c.remote_id.in_(part)
            )
            out.update({r[0]: (r[1], r[2], r[3]) for r in self.tx.execute(query)})
        return out

    def load_links(self, connection: str, object: str, ids: Iterable[str]) -> None:
        """Load these remote records' links, with their contacts and all links of those."""
        wanted = [i for i in ids if (connection, object, i) not in self.remotes]
        found: set[int] = set()
        c = t.link.c
        for part in chunks(wanted):
            query = sa.select(c.contact_id).where(c.connection == connection, c.object == object, c.remote_id.in_(part))
            found.update(self.tx.execute(query).scalars())
        self.load_contacts(found)

    def load_contacts(self, ids: Iterable[int]) -> None:
        """Load contacts and all of their links; those merged into another are followed."""
        todo = {i for i in ids if i not in self.contacts}
        while todo:
            rows: list[ContactRow] = []
            for part in chunks(sorted(todo)):
                for r in self.tx.execute(sa.select(t.contact).where(t.contact.c.id.in_(part))):
                    rows.append(contact_row(r))
                for r in self.tx.execute(sa.select(t.link).where(t.link.c.contact_id.in_(part))):
                    self._add_link(link_row(r))
            for row in rows:
                self.contacts[row.id] = row
                self._links_of.setdefault(row.id, [])
                self._keys[row.key] = row.id
                self._identities.put(row.id, set() if row.merged_into else identities_in(row.values))
            todo = {r.merged_into for r in rows if r.merged_into} - self.contacts.keys()

    def load_all_of(self, connection: str) -> list[int]:
        """Ids of all contacts that have a link there."""
        query = sa.select(t.link.c.contact_id).where(t.link.c.connection == connection).distinct()
        return list(self.tx.execute(query).scalars())

    def find_keys(self, keys: Collection[str]) -> dict[str, ContactRow]:
        """The contacts with these keys, those merged into another followed."""
        asked = [k for k in keys if k not in self._keys]
        self._keys.update(dict.fromkeys(asked))
        ids: list[int] = []
        for part in chunks(asked):
            ids += self.tx.execute(sa.select(t.contact.c.id).where(t.contact.c.key.in_(part))).scalars()
        self.load_contacts(ids)
        return {k: self.follow(self.contacts[i]) for k in keys if (i := self._keys[k]) is not None}

    def load_identities(self, kind: str, values: Iterable[str]) -> None:
        """Load whoever holds one of these."""
        ids: set[int] = set()
        c = t.identity.c
        for part in chunks(self._identities.unasked(kind, values)):
            query = sa.select(c.contact_id).where(c.kind == kind, c.value.in_(part))
            ids.update(self.tx.execute(query).scalars())
        self.load_contacts(ids)

    def holders(self, kind: str, value: str) -> list[ContactRow]:
        """The contacts that hold this identity now."""
        if (kind, value) not in self._identities.asked:
            self.load_identities(kind, [value])
        rows = {self.follow(self.contacts[i]).id for i in self._identities.holders((kind, value))}
        return [self.contacts[i] for i in sorted(rows)]

    def load_history(self, contact_ids: Iterable[int]) -> None:
        wanted = [i for i in contact_ids if i not in self._history]
        for i in wanted:
            self._history[i] = []
        for part in chunks([i for i in wanted if not self.contacts[i].new]):
            for r in self.tx.execute(sa.select(t.history).where(t.history.c.contact_id.in_(part))):
                self._history[r.contact_id].append(history_row(r))

    def load_outbox(self, contact_ids: Iterable[int]) -> None:
        for part in chunks(sorted(contact_ids)):
            for r in self.tx.execute(sa.select(t.outbox).where(t.outbox.c.contact_id.in_(part))):
                if r.id not in self._outbox_drop:  # settled in this transaction, still in the table
                    self._add_outbox(r)

    def _add_outbox(self, r: Any) -> OutboxRow:
        key = (r.connection, r.object, r.contact_id)
        if key not in self.outbox:
            self.outbox[key] = outbox_row(r)
        return self.outbox[key]

    def outbox_rows(self, query: sa.Select[Any]) -> list[OutboxRow]:
        """Outbox rows that a query over `schema.outbox` selects, with their contacts and links loaded."""
        rows = [self._add_outbox(r) for r in self.tx.execute(query).all() if r.id not in self._outbox_drop]
        self.load_contacts(r.contact_id for r in rows)
        return rows

    # --- asking ------------------------------------------------------------------------------------------------

    def follow(self, contact: ContactRow) -> ContactRow:
        while contact.merged_into:
            contact = self.contacts[contact.merged_into]
        return contact

    def links_of(self, contact: ContactRow) -> list[LinkRow]:
        return self._links_of.setdefault(contact.id, [])

    def live_link(self, contact: ContactRow, connection: str, object: str) -> LinkRow | None:
        for link in self.links_of(contact):
            if link.state == "live" and link.connection == connection and link.object == object:
                return link
        return None

    def judged(self) -> list[HistoryRow]:
        """Rows of the stage history that this transaction has come to another verdict about, new ones among them."""
        return [r for rows in self._history.values() for r in rows if r.verdict != r.was]

    def history_of(self, contact: ContactRow) -> list[HistoryRow]:
        if contact.id not in self._history:
            self.load_history(self.contacts)  # whoever is loaded is worked on together
        return self._history[contact.id]

    # --- changing ----------------------------------------------------------------------------------------------

    def new_contact(self, key: str | None = None) -> ContactRow:
        row = ContactRow(self._id(t.contact), key or uuid.uuid4().hex, self.now, new=True)
        self.contacts[row.id] = row
        self._keys[row.key] = row.id
        self._identities.put(row.id, set())
        self._links_of[row.id], self._history[row.id] = [], []
        return row

    def new_link(self, contact: ContactRow, connection: str, object: str, remote_id: str, state: str) -> LinkRow:
        row = LinkRow(self._id(t.link), connection, object, remote_id, contact.id, new=True)
        row.state = state  # type: ignore[assignment]
        self._add_link(row)
        return row

    def new_history(self, contact: ContactRow, **values: Any) -> HistoryRow:
        row = HistoryRow(self._id(t.history), contact.id, run_id=self.run_id, new=True, **values)
        self.history_of(contact).append(row)
        return row

    def move_link(self, link: LinkRow, contact: ContactRow) -> None:
        """This remote record belongs to another contact now."""
        self._links_of[link.contact_id].remove(link)
        link.contact_id, link.dirty = contact.id, True
        self.links_of(contact).append(link)

    def reindex(self, contact: ContactRow) -> None:
        """The contact's e-mail or phone may have changed: from now on it is found under the new ones."""
        pairs = set() if contact.merged_into else identities_in(contact.values)
        if self._identities.put(contact.id, pairs):
            self._identities.changed.add(contact.id)

    def changed(
        self, contact: ContactRow, link: LinkRow | None, path: str, old: Any, new: Any, kind: str, rule: str
    ) -> None:
        """A row of the change log: every value written anywhere, and every value overruled."""
        self._changes.append({
            "run_id": self.run_id, "contact_id": contact.id, "link_id": link.id if link else None, "path": path,
            "old": _one(old), "new": _one(new), "kind": kind, "rule": rule, "at": self.now,
        })  # fmt: skip

    def open_conflict(self, kind: str, contact: ContactRow, link: LinkRow, path: str = "", **detail: Any) -> None:
        """Something that a person must know or decide; opened once until it is closed."""
        self._conflicts.open(kind, contact, link, path, detail)

    def close_conflicts(self, kind: str, contact: ContactRow, link: LinkRow, path: str = "") -> None:
        """What was in the way is gone by itself."""
        self._conflicts.close(kind, contact, link, path)

    def owe(self, connection: str, object: str, contact: ContactRow, link: LinkRow | None, **values: Any) -> None:
        """This link (or a record still to be created) is out of step."""
        key = (connection, object, contact.id)
        row = self.outbox.get(key)
        if row is None:
            self._outbox_new[key] = {"link_id": link.id if link else None, **values}
            return
        link_id = link.id if link else None
        changes = dict(values, link_id=link_id) if row.link_id != link_id else dict(values)
        if changes:
            self.set_outbox(row, **changes)

    def set_outbox(self, row: OutboxRow, **values: Any) -> None:
        for name, value in values.items():
            setattr(row, name, value)
        if "intent" in values:
            values["intent"] = encode(values["intent"])
        if "parked" in values:
            values["parked"] = orjson.dumps(values["parked"]).decode()
        self._outbox_set.setdefault(row.id, {}).update(values)

    def settle_outbox(self, row: OutboxRow) -> None:
        """Nothing is owed there any more."""
        self.outbox.pop((row.connection, row.object, row.contact_id), None)
        self._outbox_set.pop(row.id, None)
        self._outbox_drop.add(row.id)

    def unowe(self, connection: str, object: str, contact: ContactRow) -> None:
        self._outbox_new.pop((connection, object, contact.id), None)
        row = self.outbox.get((connection, object, contact.id))
        if row is not None:
            self.settle_outbox(row)

    # --- writing back ------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write everything that changed."""
        self._flush_contacts()
        self._flush_links()
        self._flush_history()
        self._flush_outbox()
        self._conflicts.flush(self.tx, self.now)
        if self._changes:
            self.tx.execute(sa.insert(t.change), self._changes)
            self._changes = []

    def _flush_contacts(self) -> None:
        rows = [c for c in self.contacts.values() if c.new or c.dirty]
        for c in rows:
            if c.values != c.was:
                c.changed = self.now
        self._write(t.contact, [(c.new, contact_values(c)) for c in rows])
        moved = self._identities.changed
        for part in chunks(sorted(i for i in moved if not self.contacts[i].new)):
            self.tx.execute(sa.delete(t.identity).where(t.identity.c.contact_id.in_(part)))
        identities = [
            {"kind": kind, "value": value, "contact_id": i} for i in moved for kind, value in self._identities.of(i)
        ]
        if identities:
            self.tx.execute(sa.insert(t.identity), identities)
        moved.clear()
        for c in rows:
            c.new = c.dirty = False
            c.was = dict(c.values)

    def _flush_links(self) -> None:
        rows = [r for r in self.links.values() if r.new or r.dirty]
        self._write(t.link, [(r.new, link_values(r)) for r in rows])
        for r in rows:
            r.new = r.dirty = False

    def _flush_history(self) -> None:
        rows = [r for rows in self._history.values() for r in rows if r.new or r.dirty]
        names = [c.name for c in t.history.c]
        self._write(t.history, [(r.new, {n: getattr(r, n) for n in names}) for r in rows])
        for r in rows:
            r.new = r.dirty = False
            r.was = r.verdict

    def _flush_outbox(self) -> None:
        for part in chunks(sorted(self._outbox_drop)):
            self.tx.execute(sa.delete(t.outbox).where(t.outbox.c.id.in_(part)))
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row_id, values in self._outbox_set.items():
            alike.setdefault(tuple(sorted(values)), []).append({"id": row_id, **values})
        for rows in alike.values():
            update_by_id(self.tx, t.outbox, rows)
        fresh = {"state": "pending", "attempts": 0, "not_before": 0, "desired": None, "code": None, "error": None}
        new = [
            {"connection": connection, "object": object, "contact_id": contact_id, **fresh, **values}
            for (connection, object, contact_id), values in self._outbox_new.items()
        ]
        if new:
            self.tx.execute(sa.insert(t.outbox), new)
        self._outbox_drop, self._outbox_set, self._outbox_new = set(), {}, {}

    def _write(self, table: sa.Table, rows: Sequence[tuple[bool, dict[str, Any]]]) -> None:
        new = [values for is_new, values in rows if is_new]
        if new:
            self.tx.execute(sa.insert(table), new)
        update_by_id(self.tx, table, [values for is_new, values in rows if not is_new])

    # --- inside ------------------------------------------------------------------------------------------------

    def _add_link(self, link: LinkRow) -> None:
        if link.id not in self.links:
            self.links[link.id] = link
            self.remotes[link.connection, link.object, link.remote_id] = link
            self._links_of.setdefault(link.contact_id, []).append(link)

    def _id(self, table: sa.Table) -> int:
        if table.name not in self._next:
            self._next[table.name] = int(self.tx.scalar(sa.select(sa.func.max(table.c.id))) or 0)
        self._next[table.name] += 1
        return self._next[table.name]


def _one(value: Any) -> str | None:
    return None if value is None else encode({"": value})


__all__ = ["Book"]
