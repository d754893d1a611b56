"""Looking at a ledger: what happened, what is stuck, and everything about one contact. Plain JSON, nothing changed."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa

from stagebridge.clock import iso
from stagebridge.contact import decode
from stagebridge.errors import ConfigError
from stagebridge.ledger import schema as t
from stagebridge.ledger.book import Book
from stagebridge.ledger.store import Ledger


def status(ledger: Ledger) -> dict[str, Any]:
    """Counts of contacts, links, conflicts and the outbox, the cursors, and the last run."""
    with ledger.look() as tx:
        links = tx.execute(sa.select(t.link.c.connection, t.link.c.object, t.link.c.state, sa.func.count()).group_by(
            t.link.c.connection, t.link.c.object, t.link.c.state)).all()  # fmt: skip
        box = tx.execute(sa.select(t.outbox.c.connection, t.outbox.c.state, sa.func.count()).group_by(
            t.outbox.c.connection, t.outbox.c.state)).all()  # fmt: skip
        kinds = tx.execute(
            sa.select(t.conflict.c.kind, sa.func.count())
            .where(t.conflict.c.closed.is_(None))
            .group_by(t.conflict.c.kind)
        ).all()
        contacts = tx.scalar(sa.select(sa.func.count()).select_from(t.contact).where(t.contact.c.merged_into.is_(None)))
    last = runs(ledger, 1)
    return {
        "contacts": contacts or 0,
        "links": [{"connection": r[0], "object": r[1], "state": r[2], "count": r[3]} for r in links],
        "outbox": [{"connection": r[0], "state": r[1], "count": r[2]} for r in box],
        "conflicts": {r[0]: r[1] for r in kinds},
        "cursors": cursors(ledger),
        "last_run": last[0] if last else None,
    }


def runs(ledger: Ledger, limit: int = 20, *, upto: int | None = None) -> list[dict[str, Any]]:
    """The latest runs, newest first; those up to a number, where one is given."""
    query = sa.select(t.run).order_by(t.run.c.id.desc()).limit(limit)
    with ledger.look() as tx:
        rows = tx.execute(query if upto is None else query.where(t.run.c.id <= upto)).all()
    return [
        {
            "id": r.id, "command": r.command, "state": r.state, "started": _time(r.started), "finished": _time(r.finished),
            "error": r.error, "counts": orjson.loads(r.counts),
        }
        for r in rows
    ]  # fmt: skip


def cursors(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.look() as tx:
        rows = tx.execute(sa.select(t.cursor)).all()
    return [
        {"connection": r.connection, "object": r.object, "covered": _time(r.covered), "complete": bool(r.complete),
         "state": orjson.loads(r.state)}
        for r in rows
    ]  # fmt: skip


def reset_cursor(ledger: Ledger, connection: str) -> int:
    """Have the next run read a connection from the start; returns how many cursors were dropped."""
    with ledger.lock(), ledger.begin() as tx:
        return int(tx.execute(sa.delete(t.cursor).where(t.cursor.c.connection == connection)).rowcount)


def conflicts(ledger: Ledger, limit: int | None = None) -> list[dict[str, Any]]:
    """Everything that waits for a person, or the first of it. Keys and ids, nobody's data but the values in question."""
    with ledger.look() as tx:
        c = t.conflict.c
        query = (
            sa.select(t.conflict, t.contact.c.key)
            .join(t.contact, t.contact.c.id == c.contact_id)
            .where(c.closed.is_(None))
            .order_by(c.id)
            .limit(limit)
        )
        rows = tx.execute(query).all()
    return [
        {"id": r.id, "kind": r.kind, "contact": r.key, "connection": r.connection, "object": r.object,
         "remote_id": r.remote_id, "path": r.path, "opened": _time(r.opened), **orjson.loads(r.detail)}
        for r in rows
    ]  # fmt: skip


def dead_letters(ledger: Ledger, limit: int | None = None) -> list[dict[str, Any]]:
    """Records that a platform would not take, and single paths that are parked; or about the first so many of each."""
    out = []
    with ledger.look() as tx:
        o = t.outbox.c
        query = (
            sa.select(t.outbox, t.contact.c.key)
            .join(t.contact, t.contact.c.id == o.contact_id)
            .where(o.state == "dead")
        )
        for r in tx.execute(query.order_by(o.id).limit(limit)):
            out.append({"id": f"{r.id}", "contact": r.key, "connection": r.connection, "object": r.object, "path": "",
                        "code": r.code, "reason": r.error})  # fmt: skip
        c = t.link.c
        blocked = sa.select(t.link, t.contact.c.key).join(t.contact, t.contact.c.id == c.contact_id).where(t.BLOCKED)
        for r in tx.execute(blocked.order_by(c.id).limit(limit)):
            for path, why in orjson.loads(r.blocked).items():
                if why["kind"] in ("parked", "unwritable", "flapping"):
                    out.append({"id": f"{r.id}:{path}", "contact": r.key, "connection": r.connection, "object": r.object,
                                "path": path, "code": why["code"] or why["kind"], "reason": why["message"]})  # fmt: skip
    return out


def release(ledger: Ledger, which: str, *, retry: bool) -> None:
    """Try a dead letter again, or discard it: then it stays untried until the contact changes."""
    row_id, _, path = which.partition(":")
    if not (row_id.isascii() and row_id.isdigit() and len(row_id) < 19):
        raise ConfigError(f"'{which}' is no dead letter", hint="`stagebridge dead-letters` lists them with their ids.")
    with ledger.lock(), ledger.begin() as tx:
        if not path:
            o = t.outbox.c
            values = {"state": "pending", "attempts": 0, "not_before": 0, "code": None, "error": None}
            mark = values if retry else {"code": "SB-DISCARDED"}
            done = tx.execute(sa.update(t.outbox).where(o.id == int(row_id), o.state == "dead").values(**mark)).rowcount
        else:
            held = tx.execute(
                sa.select(t.link.c.blocked, t.link.c.contact_id).where(t.link.c.id == int(row_id))
            ).one_or_none()
            blocked = orjson.loads(held.blocked) if held is not None else {}
            done = 1 if path in blocked else 0
            if done and retry:
                del blocked[path]
                tx.execute(
                    sa.update(t.link).where(t.link.c.id == int(row_id)).values(blocked=orjson.dumps(blocked).decode())
                )
                tx.execute(sa.delete(t.meta).where(t.meta.c.name == "configuration"))  # count its debts again
        if not done:
            raise ConfigError(
                f"there is no dead letter {which}", hint="`stagebridge dead-letters` lists them with their ids."
            )


def trace(ledger: Ledger, who: str) -> dict[str, Any]:
    """Everything about one contact: links, where each value comes from, changes, stage history."""
    with ledger.look() as tx:
        book = Book(tx, now=0, version=0)
        found = list(book.find_keys([who]).values()) or book.holders("email", who.strip().casefold())
        if not found:
            raise ConfigError("the ledger knows nobody by that address", hint="Run a sync or a plan first.")
        contact = found[0]
        links = {x.id: x for x in book.links_of(contact)}
        history = sorted(book.history_of(contact), key=lambda r: (r.at, r.id))
        changes = tx.execute(
            sa.select(t.change).where(t.change.c.contact_id == contact.id).order_by(t.change.c.id)
        ).all()
    name = {i: f"{x.connection} {x.object} {x.remote_id}" for i, x in links.items()}
    return {
        "key": contact.key,
        "values": {
            p: {"value": _plain(v), "from": name.get(contact.origin[p][0], "here") if p in contact.origin else None}
            for p, v in sorted(contact.values.items())
        },
        "links": [
            {"connection": x.connection, "object": x.object, "remote_id": x.remote_id, "state": x.state,
             "blocked": {p: b["kind"] for p, b in x.blocked.items()}}
            for x in links.values()
        ],
        "stages": [
            {"stage": r.stage, "at": _time(r.at), "from": r.connection or "by hand", "verdict": r.verdict, "reason": r.reason,
             "baseline": r.baseline}
            for r in history
        ],
        "changes": [
            {"at": _time(r.at), "run": r.run_id, "path": r.path, "old": _stored(r.old), "new": _stored(r.new), "kind": r.kind,
             "rule": r.rule, "link": name.get(r.link_id)}
            for r in changes
        ],
    }  # fmt: skip


def _stored(text: str | None) -> Any:
    return None if text is None else _plain(decode(text)[""])


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _time(value: int | None) -> str | None:
    return None if value is None or value < 0 else iso(value)
