"""What a person decides: resolving conflicts, linking and unlinking, correcting a stage, forgetting somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from stagebridge.connector import Done
from stagebridge.errors import ConfigError
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.sync.engine import Engine
from stagebridge.sync.joining import join
from stagebridge.sync.merge import parts
from stagebridge.sync.removals import addresses, deleted_there, forget_deletion, remove_from_ledger
from stagebridge.sync.reports import PushReport
from stagebridge.sync.side import KEY, Side, ms
from stagebridge.sync.stages import refold
from stagebridge.sync.telling import tell_again


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of one record of a person."""

    connection: str
    object: str
    remote_id: str
    result: str
    left: tuple[str, ...] = ()
    """What the platform keeps of him all the same, where it cannot erase all."""


class Decisions:
    """Each of these holds the ledger's lock while it works, and writes nothing to a platform but `forget`: the next
    sync carries the rest out."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def find(self, book: Book, who: str) -> ContactRow:
        """A contact by e-mail or by its key. Raises `ConfigError`."""
        found = list(book.find_keys([who]).values()) or book.holders("email", who.strip().casefold())
        if not found:
            raise ConfigError("the ledger knows nobody by that address", hint="Run a sync or a plan first.")
        if len(found) > 1:
            keys = ", ".join(c.key for c in found)
            raise ConfigError(f"several contacts hold that address: {keys}", hint="Give one of these keys instead.")
        return found[0]

    def set_stage(self, who: str, stage: str, reason: str) -> None:
        """Put a contact into a stage by hand, backwards too; it wins over everything that was said before."""
        if stage not in self.engine.lifecycle.names:
            names = ", ".join(s.name for s in (*self.engine.lifecycle.stages, *self.engine.lifecycle.lost))
            raise ConfigError(
                f"'{stage}' is no stage of the lifecycle {self.engine.lifecycle.name}", hint=f"It has {names}."
            )
        with self.engine.desk.hold(), self.engine.desk.book() as book:
            contact = self.find(book, who)
            self._set_stage(book, contact, stage, reason)
            self.engine.intake.count_debts(book)

    def _set_stage(self, book: Book, contact: ContactRow, stage: str, reason: str) -> None:
        at = max(book.now, (ms(contact.values.get("stage_at")) or 0) + 1)
        before = contact.stage
        book.new_history(
            contact, stage=stage, at=at, connection="", verdict="accepted", reason=reason, baseline=False, deliberate=True,
            event_id=f"by-hand:{contact.key}:{at}",
        )  # fmt: skip
        refold(book, contact, self.engine.lifecycle)
        book.changed(contact, None, "stage", before, stage, "accepted", f"by hand: {reason}")
        for link in book.links_of(contact):
            if link.blocked.pop("stage", None) is not None:
                link.dirty = True
                book.close_conflicts("stage_backward", contact, link, "stage")
        book.touched.add(contact.id)

    def check(self, wanted: Sequence[tuple[int, str | None]]) -> None:
        """That every decision can be carried out, before the first of them is. Raises `ConfigError` for the first that
        names no open conflict or no connection."""
        names = [s.name for s in self.engine.sides]
        with self.engine.ledger.begin() as tx:
            c = t.conflict.c
            there = set(tx.execute(sa.select(c.id).where(c.closed.is_(None))).scalars())
        for number, keep in wanted:
            if number not in there:
                raise ConfigError(f"there is no open conflict {number}", hint="`stagebridge conflicts` lists them.")
            if keep is not None and keep not in names:
                raise ConfigError(
                    f"conflict {number}: no connection is called '{keep}'", hint=f"There are {', '.join(names)}."
                )

    def resolve(self, conflict_id: int, *, keep: str | None) -> str:
        """Settle a conflict: `keep` names the connection whose word counts; None leaves things as they are. Returns what
        was done."""
        with self.engine.desk.hold(), self.engine.desk.book() as book:
            c = t.conflict.c
            row = book.tx.execute(sa.select(t.conflict).where(c.id == conflict_id)).one_or_none()
            if row is None or row.closed is not None:
                raise ConfigError(
                    f"there is no open conflict {conflict_id}", hint="`stagebridge conflicts` lists them."
                )
            book.load_contacts([row.contact_id])
            contact = book.follow(book.contacts[row.contact_id])
            link = book.remotes.get((row.connection, row.object, row.remote_id))
            said = "left as it is"
            if row.kind == "deleted_there" and keep != row.connection and link is not None:
                forget_deletion(link)
            if keep is not None and link is not None:
                said = self._keep(book, row, contact, link, keep)
            book.tx.execute(sa.update(t.conflict).where(c.id == conflict_id).values(closed=book.now, resolution=said))
            self.engine.intake.count_debts(book)
            return said

    def _keep(self, book: Book, row: Any, contact: ContactRow, link: LinkRow, keep: str) -> str:
        names = [s.name for s in self.engine.sides]
        if keep not in names:
            raise ConfigError(f"no connection is called '{keep}'", hint=f"There are {', '.join(names)}.")
        book.touched.add(contact.id)
        if row.kind == "stage_backward":
            detail = orjson.loads(row.detail)
            if keep == row.connection:
                self._set_stage(book, contact, detail["there"], f"conflict {row.id}: {keep} is right")
                return f"the stage is {detail['there']}"
            link.blocked.pop("stage", None)
            link.dirty = True
            return f"the stage stays {detail['holds']} and is written to {row.connection}"
        if row.kind in ("duplicate", "ambiguous", "unmerged") and keep == row.connection:
            if keep in self.engine.debts.told_only:
                self._stand(book, contact, link)
                return f"{link.remote_id} is this person's; what was said under it is worked on"
            for other in book.links_of(contact):
                if other is not link and (other.connection, other.object) == (link.connection, link.object):
                    other.state, other.dirty = "dup", True
            link.state, link.dirty, link.fingerprint = "live", True, ""
            why = "another record of this person holds our key there"
            self.engine.debts.block(link, KEY, "held", contact.key, message=why)
            return f"{link.remote_id} is the record that is kept in step"
        if row.kind == "undone" and keep == row.connection:
            return self._adopt(book, contact, link, row.path, f"conflict {row.id}: {keep} is right")
        if row.kind == "deleted_there" and keep == row.connection:
            deleted_there(link, book.now)
            return "the person is deleted everywhere else too"
        if row.path and row.path in link.blocked:
            del link.blocked[row.path]
            link.dirty = True
            return f"{row.path} is tried again"
        return "left as it is"

    def _stand(self, book: Book, contact: ContactRow, link: LinkRow) -> None:
        """This person's, beside what is his there already: see `Side.told_only`."""
        there = book.live_link(contact, link.connection, link.object)
        link.state, link.dirty = ("live" if there in (None, link) else "alias"), True
        tell_again(book, link)

    def _adopt(self, book: Book, contact: ContactRow, link: LinkRow, path: str, why: str) -> str:
        """What this record shows counts for everybody."""
        value = link.seen.get(path)
        del link.blocked[path]
        link.dirty = contact.dirty = True
        if path == "stage" and isinstance(value, str):
            self._set_stage(book, contact, value, why)
        else:
            book.changed(contact, link, path, contact.values.get(path), value, "accepted", why)
            for part, one in parts(path, value):
                contact.values[part] = one
                contact.origin[part] = (link.id, book.now, True)
        book.reindex(contact)
        return f"what {link.connection} holds counts everywhere"

    def link(self, who: str, connection: str, object: str, remote_id: str) -> None:
        """This record is this person's, whatever its values say."""
        with self.engine.desk.hold(), self.engine.desk.book() as book:
            contact = self.find(book, who)
            book.load_links(connection, object, [remote_id])
            held = book.remotes.get((connection, object, remote_id))
            there = book.live_link(contact, connection, object)
            told_only = connection in self.engine.debts.told_only
            if there is not None and there is not held and not told_only:
                raise ConfigError(
                    f"{contact.key} is linked to {connection} {there.remote_id} already", hint="Unlink that first."
                )
            if held is None:
                raise ConfigError(
                    f"the ledger has not read {connection} {object} {remote_id} yet", hint="Run a plan first."
                )
            other = book.follow(book.contacts[held.contact_id])
            if other is not contact:
                if any(x.state == "live" and x is not held for x in book.links_of(other)):
                    book.move_link(held, contact)
                    book.touched.update((other.id, contact.id))
                else:
                    join(book, self.engine.debts, contact, other, "linked by hand")
            if told_only:
                self._stand(book, contact, held)
            else:
                held.state, held.dirty, held.fingerprint = "live", True, ""
            book.touched.add(contact.id)
            self.engine.intake.count_debts(book)

    def unlink(self, connection: str, object: str, remote_id: str) -> None:
        """This record is not that person's; it becomes a contact of its own and is never linked by its address again."""
        with self.engine.desk.hold(), self.engine.desk.book() as book:
            book.load_links(connection, object, [remote_id])
            held = book.remotes.get((connection, object, remote_id))
            if held is None:
                raise ConfigError(f"the ledger has no link {connection} {object} {remote_id}")
            old = book.contacts[held.contact_id]
            fresh = book.new_contact()
            fresh.values = {p: v for path, seen in held.seen.items() if path != KEY for p, v in parts(path, seen)}
            book.move_link(held, fresh)
            held.state, held.dirty = "live", True
            book.reindex(fresh)
            if fresh.values.get("stage"):
                book.new_history(
                    fresh,
                    stage=fresh.values["stage"],
                    at=0,
                    connection=connection,
                    link_id=held.id,
                    baseline=True,
                    event_id="",
                )
            book.touched.update((old.id, fresh.id))
            self.engine.intake.count_debts(book)

    def forget(self, who: str) -> list[Forgotten]:
        """Erase a person everywhere that can, and every trace of him in the ledger's bytes."""
        with self.engine.desk.hold():
            for side in self.engine.sides:  # an unanswered create may still be his
                if side.writes:
                    self.engine.unanswered.resolve(side, PushReport())
            with self.engine.ledger.begin() as tx:
                book = Book(tx, now=self.engine.desk.now, version=self.engine.desk.version)
                contact = self.find(book, who)
                if any(r.state == "sending" for r in self._outbox(tx, contact)):
                    raise ConfigError(
                        "a write about this person is still unanswered", hint="Run it again in a few minutes."
                    )
                links = book.links_of(contact)
                emails = addresses(contact, links)
            email = contact.values.get("email")
            done = [
                self._erase(x.connection, x.object, x.remote_id, x.state, email) for x in links if x.state != "gone"
            ]
            with self.engine.ledger.begin() as tx:
                remotes = [(x.connection, x.object, x.remote_id) for x in links]
                remove_from_ledger(tx, self.engine.desk.now, contact.id, remotes, emails)
            self.engine.ledger.vacuum()
            return done

    def _erase(self, connection: str, object: str, remote_id: str, state: str, email: str | None) -> Forgotten:
        side: Side | None = next((s for s in self.engine.sides if s.name == connection), None)
        if state == "alias" and connection not in self.engine.debts.told_only:
            return Forgotten(connection, object, remote_id, "merged into another record there")
        if side is None or not side.connector.capabilities.erase:
            return Forgotten(connection, object, remote_id, "kept: that platform cannot erase; do it there by hand")
        outcome = side.connector.erase(object, remote_id, email)
        if not isinstance(outcome, Done):
            return Forgotten(connection, object, remote_id, f"kept: {getattr(outcome, 'message', outcome)}")
        return Forgotten(connection, object, remote_id, "emptied" if outcome.left else "erased", outcome.left)

    @staticmethod
    def _outbox(tx: sa.Connection, contact: ContactRow) -> Sequence[Any]:
        return tx.execute(sa.select(t.outbox).where(t.outbox.c.contact_id == contact.id)).all()
