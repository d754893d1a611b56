"""Keys: `sb_<id>_<secret>`, shown once, each revocable.

The ledger holds the SHA-256 of the secret and never the secret. It is 256 random bits, which nobody guesses however fast the
hash is; a slow one protects what people make up.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from stagebridge.clock import iso
from stagebridge.errors import Busy, ConfigError
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger

Scope = Literal["api", "pages"]

LETTERS = string.digits + string.ascii_letters
"""Of ids and secrets: no underscore, which parts them."""
ID, SECRET = 10, 43
"""Letters: 43 of 62 different ones are 256 bits."""
TOKEN = re.compile(f"sb_([0-9A-Za-z]{{{ID}}})_([0-9A-Za-z]{{{SECRET}}})")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
USED = 60_000
"""Milliseconds within which a key's use is noted once."""


@dataclass(frozen=True, slots=True)
class Key:
    """`connection` is on whose behalf a key of scope `api` speaks."""

    id: str
    name: str
    scope: Scope
    connection: str | None


def create(ledger: Ledger, name: str, now_ms: int, *, scope: Scope, connection: str | None = None) -> str:
    """A new key. What is returned is held nowhere else. Raises `ConfigError` for a name that is taken or is none."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:80]!r} is no name for a key", hint="Up to 64 letters, digits, dots, dashes and underscores."
        )
    id, secret = _random(ID), _random(SECRET)
    row = {
        "id": id,
        "name": name,
        "digest": _digest(secret),
        "scope": scope,
        "connection": connection,
        "created": now_ms,
    }
    try:
        with ledger.begin() as tx:
            tx.execute(sa.insert(t.apikey).values(**row))
    except IntegrityError:
        raise ConfigError(
            f"there is a key called '{name}' already, or was one",
            hint="`stagebridge keys list` shows them; choose another name.",
        ) from None
    return f"sb_{id}_{secret}"


def list_keys(ledger: Ledger) -> list[dict[str, Any]]:
    """All keys, revoked ones too, the oldest first. Plain JSON, no secrets."""
    k = t.apikey.c
    with ledger.look() as tx:
        rows = tx.execute(sa.select(t.apikey).order_by(k.created, k.name)).all()
    return [
        {"id": r.id, "name": r.name, "scope": r.scope, "connection": r.connection, "created": iso(r.created),
         "used": iso(r.used), "revoked": iso(r.revoked)}
        for r in rows
    ]  # fmt: skip


def revoke(ledger: Ledger, which: str, now_ms: int) -> Key:
    """From now on it opens nothing. `which` is its id or its name. Raises `ConfigError` where there is none."""
    k = t.apikey.c
    with ledger.begin() as tx:
        r = tx.execute(sa.select(t.apikey).where((k.id == which) | (k.name == which)).order_by(k.id != which)).first()
        if r is None:
            raise ConfigError(f"there is no key '{which[:80]}'", hint="`stagebridge keys list` shows them.")
        tx.execute(sa.update(t.apikey).where(k.id == r.id, k.revoked.is_(None)).values(revoked=now_ms))
    return Key(r.id, r.name, r.scope, r.connection)


def holds(ledger: Ledger, id: str) -> bool:
    """Whether there is a key of this id, and it has not been revoked."""
    k = t.apikey.c
    with ledger.look() as tx:
        return tx.scalar(sa.select(k.id).where(k.id == id, k.revoked.is_(None))) is not None


def claimed(ledger: Ledger, token: str) -> str | None:
    """The id of the key that `token` claims to be, where there is such a key. Its secret is not looked at."""
    parts = TOKEN.fullmatch(token)
    return parts[1] if parts is not None and holds(ledger, parts[1]) else None


def find(ledger: Ledger, token: str, now_ms: int) -> Key | None:
    """The key that `token` is; None for whatever else it may be, and for a revoked one."""
    parts = TOKEN.fullmatch(token)
    if parts is None:
        return None
    k = t.apikey.c
    with ledger.look() as tx:
        r = tx.execute(sa.select(t.apikey).where(k.id == parts[1], k.revoked.is_(None))).one_or_none()
    # the same work for an id that does not exist: how long an answer takes tells nothing
    right = hmac.compare_digest(_digest(parts[2]), r.digest if r is not None else "0" * 64)
    if r is None or not right:
        return None
    if r.used is None or now_ms - r.used >= USED:
        with suppress(Busy), ledger.begin(wait=False) as tx:  # else the next use is noted
            tx.execute(sa.update(t.apikey).where(k.id == r.id).values(used=now_ms))
    return Key(r.id, r.name, r.scope, r.connection)


def _random(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


__all__ = ["Key", "Scope", "claimed", "create", "find", "holds", "list_keys", "revoke"]
