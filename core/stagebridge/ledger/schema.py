"""The tables. Times are integers, milliseconds since 1970 in UTC; values are the model's own JSON (`contact.encode`).

The stage history, links and cursors carry `object` wherever a platform keeps several objects for one person.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

VERSION = "0006"
"""The newest revision in `migrations`, which brings a ledger to these tables."""

BLOCKED = text("link.blocked != '{}'")
"""Links with values that are not owed. Literally, as `DEAD`, or no partial index is used."""
DEAD = text("delivery.state IN ('dead', 'unknown')")
QUEUED_POST = text("post.state = 'queued'")
DEAD_POST = text("post.state = 'dead'")
"""Deliveries that came to a bad end."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _where(condition: str) -> dict[str, Any]:
    """Of a partial index."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# SQLite grows a rowid only on INTEGER; PostgreSQL wants the room of a BIGINT
Id = BigInteger().with_variant(Integer(), "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

contact = Table(
    "contact",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),  # what platforms hold as our external id
    Column("data", Text, nullable=False),  # {path: value}
    Column("origin", Text, nullable=False),  # {path: [link, at, certain]}
    Column("stage_row", Id),  # the history row that put the contact where it stands
    Column("first_seen", BigInteger, nullable=False),
    Column("merged_into", Id),
    Column("changed", BigInteger, nullable=False, server_default="0", index=True),  # when a value of it last did
)

identity = Table(
    "identity",
    metadata,
    Column("kind", Text, primary_key=True),  # email | phone
    Column("value", Text, primary_key=True),
    Column("contact_id", Id, primary_key=True),
    Index(None, "contact_id"),
)

link = Table(
    "link",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("connection", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("contact_id", Id, nullable=False),
    Column("state", Text, nullable=False),  # live | dup | alias | gone
    Column("sent", Text, nullable=False),  # {path: what the remote is taken to stand for}
    Column("seen", Text, nullable=False),  # {path: what the remote showed}
    Column("blocked", Text, nullable=False),  # {path: why it is not owed, and until what changes}
    Column("memory", Text, nullable=False),  # own late writes and flips, per path
    Column("mapping", Text, nullable=False),  # hash of the mapping that read it
    Column("fingerprint", Text, nullable=False),  # of the raw record and the mapping
    Column("version", BigInteger, nullable=False),  # ledger sequence of the last observation or write
    Column("saw_row", Id),  # the lost history row that this remote had seen
    UniqueConstraint("connection", "object", "remote_id"),
    Index(None, "contact_id"),
    Index("ix_link_blocked", "id", **_where("blocked != '{}'")),
)

history = Table(
    "history",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("contact_id", Id, nullable=False, index=True),
    Column("stage", Text, nullable=False),
    Column("previous", Text),
    Column("at", BigInteger, nullable=False),
    Column("connection", Text, nullable=False),
    Column("link_id", Id),
    Column("saw_row", Id),
    Column("verdict", Text, nullable=False),  # accepted | refused | held | passed
    Column("reason", Text, nullable=False),
    Column("baseline", Boolean, nullable=False),
    Column("deliberate", Boolean, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("cause", Text),  # id of the conversion event that this stage was reached by
    Column("run_id", Id),
)

event = Table(
    "event",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("contact_id", Id, index=True),
    Column("email_hash", Text, nullable=False, index=True),  # of the snapshot's address, so that it can be forgotten
    Column("source", Text, nullable=False),  # connection of the stage that it was derived from, or where it was given
    Column("digest", Text, nullable=False),  # of what was given under this id
    Column("data", Text),  # the event; null once it has been forgotten or is older than the change log
    Column("created", BigInteger, nullable=False),
    Index(None, "created"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("state", Text, nullable=False),  # queued | sending | sent | unknown | dead
    Column("deadline", BigInteger),  # the platform takes it no more after this instant
    Column("dedup", BigInteger, nullable=False),  # ms for which the platform drops a second one of its id
    Column("first_sent", BigInteger),  # the first call that may have taken effect
    Column("attempts", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("code", Text),  # the verdict of what was not sent
    Column("message", Text),
    Column("settled", BigInteger),
    UniqueConstraint("event_id", "connection"),
    Index(None, "connection", "state", "not_before"),
    Index("ix_delivery_dead", "id", **_where("state IN ('dead', 'unknown')")),
    sqlite_autoincrement=True,
)

change = Table(
    "change",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", Id, index=True),
    Column("contact_id", Id, nullable=False, index=True),
    Column("link_id", Id),
    Column("path", Text, nullable=False),
    Column("old", Text),
    Column("new", Text),
    Column("kind", Text, nullable=False),  # accepted | overruled | written | refused | late_write | maybe_overwritten
    Column("rule", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

cursor = Table(
    "cursor",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("covered", BigInteger),  # every change before this instant of our clock is in
    Column("complete", Boolean, nullable=False),  # a full pass has come to its end
)

hint = Table(
    "hint",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("remote_id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

hook = Table(
    "hook",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("delivery", Text, nullable=False),  # hash of what tells one delivery from another
    Column("received", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # waiting | done | failed
    Column("records", Text),  # what came, whole; null where it was hints, and once it is kept no more
    Column("people", Text),  # [object:id] of the records that it was worked into
    Column("error", Text),
    UniqueConstraint("connection", "delivery"),
    Index(None, "state", "id"),
    Index(None, "received"),
    sqlite_autoincrement=True,
)

message = Table(
    "message",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),  # rises with time: receivers see it as `sequence`
    Column("uid", Text, nullable=False, unique=True),  # the same however often it is posted
    Column("type", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("contact_id", Id, index=True),
    Column("email_hash", Text, nullable=False, index=True),
    Column("data", Text),  # what happened; null once it has been forgotten or is older than the change log
    Column("created", BigInteger, nullable=False),
    Index(None, "created"),
    sqlite_autoincrement=True,
)

post = Table(
    "post",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("message_id", Id, nullable=False),
    Column("endpoint", Text, nullable=False),  # a connection, or a subscription's id
    Column("state", Text, nullable=False),  # queued | sent | dead
    Column("attempts", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("status", Integer),  # of the last answer
    Column("reason", Text),
    Column("settled", BigInteger),
    UniqueConstraint("message_id", "endpoint"),
    Index(None, "endpoint", "state", "id"),
    Index("ix_post_queued", "endpoint", "id", **_where("state = 'queued'")),
    Index("ix_post_dead", "id", **_where("state = 'dead'")),
    sqlite_autoincrement=True,
)

endpoint = Table(
    "endpoint",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),  # active | paused
    Column("reason", Text),
    Column("failures", Integer, nullable=False),  # in a row
    Column("failing_since", BigInteger),
    Column("last_sent", BigInteger),
    Column("token", Text),  # of whoever posts to it now
    Column("lease", BigInteger),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("connection", "url", "type"),
)

apikey = Table(
    "apikey",
    metadata,
    Column("id", Text, primary_key=True),  # the part of the key that is no secret
    Column("name", Text, nullable=False, unique=True),
    Column("digest", Text, nullable=False),  # SHA-256 of the rest
    Column("scope", Text, nullable=False),  # api | pages
    Column("connection", Text),  # on whose behalf it speaks
    Column("created", BigInteger, nullable=False),
    Column("used", BigInteger),
    Column("revoked", BigInteger),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("connection", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("contact_id", Id, nullable=False),
    Column("link_id", Id),  # null: a record to create
    Column("state", Text, nullable=False),  # pending | sending | dead
    Column("token", Text),
    Column("mark", BigInteger),  # when the call began
    Column("lease", BigInteger),
    Column("intent", Text),  # {path: value}: what the call under way writes
    Column("attempts", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("desired", Text),  # hash of what was owed when it died
    Column("parked", Text),  # {path: why}: what a record still to be created goes without
    Column("code", Text),
    Column("error", Text),
    UniqueConstraint("connection", "object", "contact_id"),
    Index(None, "connection", "state", "not_before"),
    Index(None, "contact_id"),
    sqlite_autoincrement=True,  # a row's number is never given to another row
)

conflict = Table(
    "conflict",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),  # duplicate | ambiguous | shared_email | stage_backward | refused | …
    Column("contact_id", Id, nullable=False, index=True),
    Column("connection", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("closed", BigInteger),
    Column("resolution", Text),
    Index(None, "closed"),
    sqlite_autoincrement=True,
)

suppression = Table(
    "suppression",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("remote_id", Text, primary_key=True),
    Column("email_hash", Text, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("command", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("finished", BigInteger),
    Column("state", Text, nullable=False),  # running | ok | failed | guarded
    Column("counts", Text, nullable=False),
    Column("error", Text),
)
