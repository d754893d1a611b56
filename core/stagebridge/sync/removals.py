"""A person deleted a record: what that means for the others (`deletes: ignore | archive | erase`).

Only a deletion that the platform reports counts, with its time. A record that merely no longer shows may be one that
we are no longer allowed to see; its link is gone, and nothing follows from it (rule D1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson
import sqlalchemy as sa

from stagebridge.ledger import schema as t
from stagebridge.ledger.rows import ContactRow, LinkRow
from stagebridge.ledger.tables import chunks
from stagebridge.sync.side import hash_email, ms

REMOVAL = "removal"
"""What stands in the outbox for a record that is to be deleted, where otherwise the digest of what it lacks stands."""
_DELETED, _OURS = "deleted", "ours"


def deleted_there(link: LinkRow, at: int) -> None:
    """Somebody deleted this record at `at` (ms, our clock). Our own deletions are no news."""
    if _OURS not in link.memory:
        link.memory[_DELETED] = at
        link.dirty = True


def deleted_by_us(link: LinkRow) -> None:
    link.memory[_OURS] = True


def back_again(link: LinkRow) -> None:
    link.memory.pop(_DELETED, None)
    link.memory.pop(_OURS, None)
    link.dirty = True


def condemned(links: Iterable[LinkRow]) -> LinkRow | None:
    """The record whose deletion takes the person along: the last one that a system still had of him."""
    links = list(links)
    alive = {x.connection for x in links if x.state in ("live", "dup")}
    gone = [x for x in links if x.state == "gone" and _DELETED in x.memory and x.connection not in alive]
    return max(gone, key=lambda x: x.memory[_DELETED], default=None)


def worked_on_since(contact: ContactRow, links: Iterable[LinkRow], deleted: LinkRow) -> bool:
    """Whether somebody changed this person elsewhere after the deletion: then the deletion waits for a decision."""
    when: int = deleted.memory[_DELETED]
    alive = {x.id for x in links if x.state == "live"}
    edits = [at for link_id, at, _ in contact.origin.values() if link_id in alive]
    return max([*edits, ms(contact.values.get("stage_at")) or 0]) > when


def forget_deletion(link: LinkRow) -> None:
    """Whoever decides has decided against it."""
    link.memory.pop(_DELETED, None)
    link.dirty = True


def erased_everywhere(tx: sa.Connection) -> list[int]:
    """Contacts whose deletion has arrived everywhere: nothing of them is left but the ledger."""
    c = t.link.c
    marked = sa.select(c.contact_id).where(c.state == "gone", c.memory.contains(f'"{_DELETED}"'))
    left = sa.select(c.contact_id).where(c.state.in_(("live", "dup")))
    owing = sa.select(t.outbox.c.contact_id)
    query = marked.where(c.contact_id.not_in(left), c.contact_id.not_in(owing)).distinct()
    return list(tx.execute(query).scalars())


def addresses(contact: ContactRow, links: Iterable[LinkRow]) -> set[str]:
    """Every e-mail address that is known of a person, or that one of his records shows."""
    found = {contact.values.get("email"), *(contact.values.get("emails") or ()), *(x.seen.get("email") for x in links)}
    return {e for e in found if e}


def forget_events_before(tx: sa.Connection, oldest: int) -> None:
    """What events older than this (ms) said of people goes; that they were sent stays, or they could be sent again."""
    e, d = t.event.c, t.delivery.c
    waiting = sa.select(d.event_id).where(d.state.in_(("queued", "sending")))
    old = (e.created < oldest) & e.data.is_not(None) & e.id.not_in(waiting)
    tx.execute(sa.update(t.event).where(old).values(data=None, email_hash=""))


def _forget_events(tx: sa.Connection, contact_ids: Sequence[int], hashes: Sequence[str]) -> None:
    """What was sent stays as an id without a person, or it could be sent again; the rest goes."""
    e, d = t.event.c, t.delivery.c
    his = list(tx.execute(sa.select(e.id).where(e.contact_id.in_(contact_ids) | e.email_hash.in_(hashes))).scalars())
    for part in chunks(his):
        tx.execute(sa.delete(t.delivery).where(d.event_id.in_(part), d.state != "sent"))
        tx.execute(
            sa.update(t.event).where(e.id.in_(part)).values(data=None, contact_id=None, email_hash="", digest="")
        )


def forget_messages_before(tx: sa.Connection, oldest: int) -> None:
    """Messages older than this (ms) go, whether anybody has them or not."""
    m, p = t.message.c, t.post.c
    old = sa.select(m.id).where(m.created < oldest)
    tx.execute(sa.delete(t.post).where(p.message_id.in_(old)))
    tx.execute(sa.delete(t.message).where(m.created < oldest))


def _forget_messages(tx: sa.Connection, contact_ids: Sequence[int], hashes: Sequence[str]) -> None:
    """What was told of a person, and what was still to be told."""
    m, p = t.message.c, t.post.c
    his = sa.select(m.id).where(m.contact_id.in_(contact_ids) | m.email_hash.in_(hashes))
    tx.execute(sa.delete(t.post).where(p.message_id.in_(his)))
    tx.execute(sa.delete(t.message).where(m.contact_id.in_(contact_ids) | m.email_hash.in_(hashes)))


def forget_hooks_before(tx: sa.Connection, oldest: int) -> None:
    """What webhooks brought before this (ms), and was worked on, is kept no more; that they came is, for a while."""
    c = t.hook.c
    old = (c.received < oldest) & (c.state != "waiting") & c.records.is_not(None)
    tx.execute(sa.update(t.hook).where(old).values(records=None, people=None, error=None))


def _forget_hooks(tx: sa.Connection, remotes: Sequence[tuple[str, str, str]], names: Iterable[str]) -> None:
    """What webhooks and programs brought of a person, also where it could not be worked on. `names`: his addresses and our ids of
    him, which stand for him where he was named by a number."""
    c = t.hook.c
    empty = {"records": None, "people": None, "error": None, "state": "done"}
    for connection, object, remote_id in remotes:
        his = orjson.dumps(f"{object}:{remote_id}").decode()
        tx.execute(
            sa.update(t.hook).where(c.connection == connection, c.people.contains(his, autoescape=True)).values(empty)
        )
    for name in names:
        said = sa.func.lower(c.records).contains(name.lower(), autoescape=True)
        tx.execute(sa.update(t.hook).where(said).values(empty))


def suppress(tx: sa.Connection, now: int, connection: str, object: str, remote_id: str) -> None:
    """Never read this record again: it is what a platform keeps of a person who was erased there."""
    lift(tx, connection, object, [remote_id])
    tx.execute(
        sa.insert(t.suppression).values(
            connection=connection, object=object, remote_id=remote_id, email_hash="", at=now
        )
    )


def lift(tx: sa.Connection, connection: str, object: str, remote_ids: Sequence[str]) -> None:
    """Read these records again: we have written a person there anew."""
    c = t.suppression.c
    for part in chunks(remote_ids):
        tx.execute(
            sa.delete(t.suppression).where(c.connection == connection, c.object == object, c.remote_id.in_(part))
        )


def _keys(tx: sa.Connection, contact_id: int) -> dict[int, str]:
    """{id: key} of a contact, of those that became part of him, and of those that had become part of them."""
    c = t.contact.c
    his = sa.select(c.id, c.key).where(c.id == contact_id).cte("his", recursive=True)
    his = his.union(sa.select(c.id, c.key).join(his, c.merged_into == his.c.id))
    return {row.id: row.key for row in tx.execute(sa.select(his))}


def remove_from_ledger(
    tx: sa.Connection, now: int, contact_id: int, remotes: Sequence[tuple[str, str, str]], emails: set[str]
) -> None:
    """Delete every row about a contact, and remember that he was erased: by the records' ids, and by a hash of his
    addresses for records that are older than this (rule D2). `remotes` are (connection, object, remote id)."""
    keys = _keys(tx, contact_id)
    merged = [i for i in keys if i != contact_id]
    for table in (t.identity, t.link, t.history, t.change, t.outbox, t.conflict):
        tx.execute(sa.delete(table).where(table.c.contact_id.in_([contact_id, *merged])))
    tx.execute(sa.delete(t.contact).where(t.contact.c.id.in_([contact_id, *merged])))
    hashes = sorted(hash_email(e) for e in emails)
    _forget_events(tx, [contact_id, *merged], hashes)
    _forget_messages(tx, [contact_id, *merged], hashes)
    _forget_hooks(tx, remotes, {*emails, *keys.values()})
    rows = [
        {"connection": c, "object": o, "remote_id": r, "email_hash": (hashes or [""])[0], "at": now}
        for c, o, r in remotes
    ] + [{"connection": "", "object": "", "remote_id": h, "email_hash": h, "at": now} for h in hashes]
    for row in rows:
        where = [t.suppression.c[k] == row[k] for k in ("connection", "object", "remote_id")]
        tx.execute(sa.delete(t.suppression).where(*where))
        tx.execute(sa.insert(t.suppression).values(**row))
