"""From the ledger to whoever is told: each endpoint in the order in which things happened, all endpoints beside each other.

A post that fails is tried again over three days, and what comes after it waits; one endpoint holds up no other. Whoever posts
to an endpoint holds its lease, so that a command and a server never post to it at once. A post whose process was killed is
made once more, with the same id: it arrives at least once.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from stagebridge.budget import Budget
from stagebridge.clock import Clock
from stagebridge.connector import Rate
from stagebridge.endpoint import Answer, Closed, Later, Refused, Taken, Verdict
from stagebridge.errors import NoAnswer, StagebridgeError
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing import schedule
from stagebridge.outgoing.noting import AlertNotes
from stagebridge.outgoing.outlets import Outlet, Outlets
from stagebridge.outgoing.poster import LARGEST_BODY, NotSent
from stagebridge.outgoing.shapes import Stored, body_of
from stagebridge.outgoing.signing import sign
from stagebridge.sync import alerts
from stagebridge.sync.side import from_ms, ms

log = logging.getLogger("stagebridge.outgoing")

AT_ONCE = 8
"""Endpoints that are posted to at the same time."""
LEASE = 60_000
"""Milliseconds for which nobody else posts to an endpoint: longer than any one post takes."""
TURN = 10_000
"""Milliseconds after which an endpoint that has more to come lets others go before: a backlog of hours holds up nobody."""
REPORTED = 4
"""Failures in a row after which somebody is told: by then it has lasted 35 minutes."""


class Post(Protocol):
    """What posts: `poster.Poster.post`."""

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> Answer: ...


What = Literal["sent", "failed", "dead"]
Count = Callable[[What, str], None]
"""Hears of each post at once, by its connection; called from several threads."""


@dataclass(slots=True)
class Sent:
    """What one look for work came to."""

    sent: int = 0
    failed: int = 0
    dead: int = 0

    def add(self, other: Sent) -> None:
        self.sent += other.sent
        self.failed += other.failed
        self.dead += other.dead


class Sender:
    def __init__(
        self,
        ledger: Ledger,
        outlets: Outlets,
        post: Post,
        clock: Clock,
        notes: AlertNotes | None = None,
        count: Count | None = None,
    ) -> None:
        self.ledger = ledger
        self.outlets = outlets
        self.post = post
        self.clock = clock
        self.notes = notes
        self.count = count
        self._token = uuid.uuid4().hex
        self._paces: dict[str, Budget] = {}
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="messages out")
        self._busy: dict[str, Future[Sent]] = {}

    def flush(self) -> Sent:
        """Post everything that is due, each endpoint until it fails or has it all."""
        total = Sent()
        while True:
            some = Sent()
            for future in self.begin():
                some.add(future.result())
            if some == Sent():
                return total
            total.add(some)

    def begin(self) -> list[Future[Sent]]:
        """Start posting to every endpoint that something is due for and that is not being posted to."""
        self._take_alerts()
        self._busy = {name: f for name, f in self._busy.items() if not f.done()}
        begun = []
        for outlet in self._due():
            if outlet.name not in self._busy and not self._stopped.is_set():
                self._busy[outlet.name] = future = self._pool.submit(self._drain, outlet)
                begun.append(future)
        return begun

    def close(self) -> None:
        """End after the posts that are under way. Alerts that were raised meanwhile are noted for the next sender."""
        self._stopped.set()
        self._pool.shutdown(wait=True)
        try:
            self._take_alerts()
        except StagebridgeError as error:
            log.error("alerts could not be noted: %s", error)

    # --- what is due -------------------------------------------------------------------------------------------

    def _due(self) -> list[Outlet]:
        p, e = t.post.c, t.endpoint.c
        with self.ledger.look() as tx:
            heads = (
                sa.select(p.endpoint, sa.func.min(p.id).label("id"))
                .where(t.QUEUED_POST)
                .group_by(p.endpoint)
                .subquery()
            )
            query = sa.select(heads.c.endpoint).join(t.post, p.id == heads.c.id).where(p.not_before <= self._now)
            names = set(tx.execute(query).scalars())
            held = (e.state == "paused") | ((e.lease > self._now) & (e.token != self._token))
            names -= set(tx.execute(sa.select(e.name).where(e.name.in_(names), held)).scalars())
            found = self.outlets.find(tx, sorted(names))
        gone = names - found.keys()
        if gone:
            self._drop(gone)
        return list(found.values())

    def _drop(self, names: set[str]) -> None:
        """Nobody is there to tell any more: a subscription was ended, or its connection left the configuration. What waits
        for a connection itself goes on waiting, in case that it comes back."""
        p = t.post.c
        mine = [n for n in names if n.startswith("sub_")]
        if not mine:
            return
        with self.ledger.begin() as tx:
            tx.execute(sa.delete(t.post).where(p.endpoint.in_(mine), p.state == "queued"))

    # --- one endpoint ------------------------------------------------------------------------------------------

    def _drain(self, outlet: Outlet) -> Sent:
        """Nothing is raised: the others go on, and what is left here is due again."""
        done = Sent()
        try:
            if self._claim(outlet.name):
                self._in_turn(outlet, done)
        except IntegrityError:  # another process began with it at the same moment
            log.info("%s: somebody else posts to it", outlet.name)
        except StagebridgeError as error:  # the ledger: what was posted may be posted again
            log.error("%s: %s", outlet.name, error)
        except Exception:
            log.exception("%s: the work on its messages failed", outlet.name)
        if done.dead:
            alerts.of_dead_letters({outlet.connection: done.dead}, None)
        return done

    def _in_turn(self, outlet: Outlet, done: Sent) -> None:
        end = self._now + TURN
        try:
            while not self._stopped.is_set() and self._now < end:
                with self.ledger.look() as tx:
                    row = _head(tx, outlet.name)
                if row is None or row.not_before > self._now:
                    break
                if row.data is None:
                    self._settle(row, state="dead", reason="what it said is kept no more")
                    continue
                if not self._one(outlet, row, done):
                    break
        finally:
            self._release(outlet.name)

    def _one(self, outlet: Outlet, row: Any, done: Sent) -> bool:
        """Post one message; whether the next may follow at once."""
        self._wait_for(outlet)
        status, verdict = self._posted(outlet, row)
        match verdict:
            case Taken():
                self._arrived(outlet.name, row, status)
                self._counted("sent", outlet, done)
                return True
            case Closed(reason):
                self._closed(outlet, reason)
            case Refused(reason, for_good) if for_good or row.attempts >= schedule.REFUSED:
                self._settle(row, state="dead", status=status, reason=reason)
                log.warning("%s: message %s was refused for good (%s)", outlet.name, row.uid, reason)
                self._counted("dead", outlet, done)
                return True
            case Refused(reason) | Later(reason):
                if self._failed(outlet, row, status, reason, verdict):
                    self._counted("dead", outlet, done)
        self._counted("failed", outlet, done)
        return False

    def _counted(self, what: What, outlet: Outlet, done: Sent) -> None:
        setattr(done, what, getattr(done, what) + 1)
        if self.count is not None:
            self.count(what, outlet.connection)

    def _posted(self, outlet: Outlet, row: Any) -> tuple[int | None, Verdict]:
        try:
            endpoint = outlet.endpoint
            stored = Stored(row.uid, row.type, from_ms(row.at).isoformat(), row.message_id, orjson.loads(row.data))
            body = body_of(stored, endpoint.shape)
            if len(body) > LARGEST_BODY:
                return None, Refused(f"it has {len(body)} bytes, more than {LARGEST_BODY}", for_good=True)
            headers = {"content-type": "application/json"}
            headers |= {name: value.get_secret_value() for name, value in endpoint.headers.items()}
            headers |= sign(row.uid, self._now // 1000, body, endpoint.secrets)
            answer = self.post(endpoint.url, body, headers)
            return answer.status, outlet.connector.verdict(answer)
        except (NotSent, NoAnswer) as error:
            return None, Later(error.in_full)
        except Exception as error:  # a defect of ours must not hold up others, nor be tried without end
            log.exception("%s: message %s could not be posted", outlet.name, row.uid)
            return None, Later(f"it could not be posted ({type(error).__name__})")

    # --- what becomes of it ------------------------------------------------------------------------------------

    def _settle(self, row: Any, *, state: str, status: int | None = None, reason: str | None) -> None:
        values = {
            "state": state,
            "status": status,
            "reason": reason,
            "settled": self._now,
            "attempts": row.attempts + 1,
        }
        with self.ledger.begin() as tx:
            tx.execute(sa.update(t.post).where(t.post.c.id == row.id).values(values))

    def _failed(self, outlet: Outlet, row: Any, status: int | None, reason: str, verdict: Verdict) -> bool:
        """Try it again later; whether it was the last time."""
        failures = row.attempts + 1
        wait = schedule.delay(failures, verdict.after if isinstance(verdict, Later) else 0.0)
        log.warning("%s: message %s, try %d: %s", outlet.name, row.uid, failures, reason)
        if wait is None:
            self._settle(row, state="dead", status=status, reason=reason)
            self._pause(outlet, f"nothing arrived for three days: {reason}")
            return True
        with self.ledger.begin() as tx:
            again = {
                "attempts": failures,
                "not_before": self._now + int(wait * 1000),
                "status": status,
                "reason": reason,
            }
            tx.execute(sa.update(t.post).where(t.post.c.id == row.id).values(again))
            e = t.endpoint.c
            failing = {"failures": e.failures + 1, "reason": reason,
                       "failing_since": sa.func.coalesce(e.failing_since, self._now)}  # fmt: skip
            tx.execute(sa.update(t.endpoint).where(e.name == outlet.name).values(failing))
        if failures == REPORTED:
            self._report(outlet, "failing", reason)
        return False

    def _arrived(self, name: str, row: Any, status: int | None) -> None:
        p, e, now = t.post.c, t.endpoint.c, self._now
        sent = {"state": "sent", "status": status, "reason": None, "settled": now, "attempts": row.attempts + 1}
        well = {"failures": 0, "failing_since": None, "reason": None, "last_sent": now, "lease": now + LEASE}
        with self.ledger.begin() as tx:
            tx.execute(sa.update(t.post).where(p.id == row.id).values(sent))
            tx.execute(sa.update(t.endpoint).where(e.name == name).values(well))

    def _closed(self, outlet: Outlet, reason: str) -> None:
        """Nobody listens there: a subscription is over, an address of the configuration waits for somebody to mend it."""
        if outlet.name in self.outlets.standing:
            self._pause(outlet, f"it says that nobody listens there ({reason})")
            return
        log.warning("%s: the subscriber is gone (%s)", outlet.name, reason)
        with self.ledger.begin() as tx:
            tx.execute(sa.delete(t.subscription).where(t.subscription.c.id == outlet.name))
            p = t.post.c
            tx.execute(sa.delete(t.post).where(p.endpoint == outlet.name, p.state == "queued"))
            tx.execute(sa.delete(t.endpoint).where(t.endpoint.c.name == outlet.name))

    def _pause(self, outlet: Outlet, reason: str) -> None:
        e = t.endpoint.c
        paused = {"state": "paused", "reason": reason, "failing_since": sa.func.coalesce(e.failing_since, self._now)}
        with self.ledger.begin() as tx:
            tx.execute(sa.update(t.endpoint).where(e.name == outlet.name).values(paused))
        self._report(outlet, "paused", reason)

    def _report(self, outlet: Outlet, state: str, reason: str) -> None:
        alerts.alert("endpoint.failing", connection=outlet.connection, endpoint=outlet.name, state=state, reason=reason)

    # --- leases and paces --------------------------------------------------------------------------------------

    def _claim(self, name: str) -> bool:
        e = t.endpoint.c
        with self.ledger.begin() as tx:
            if tx.scalar(sa.select(e.name).where(e.name == name)) is None:
                tx.execute(sa.insert(t.endpoint).values(name=name, state="active", failures=0))
            free = (e.lease.is_(None)) | (e.lease <= self._now) | (e.token == self._token)
            mine = sa.update(t.endpoint).where(e.name == name, e.state == "active", free)
            return bool(tx.execute(mine.values(token=self._token, lease=self._now + LEASE)).rowcount)

    def _release(self, name: str) -> None:
        e = t.endpoint.c
        with self.ledger.begin() as tx:
            tx.execute(
                sa.update(t.endpoint).where(e.name == name, e.token == self._token).values(token=None, lease=None)
            )

    def _wait_for(self, outlet: Outlet) -> None:
        if outlet.endpoint.rate is not None:
            calls, per = outlet.endpoint.rate
            pace = self._paces.setdefault(outlet.endpoint.url, Budget([Rate(calls, per)], self.clock))
            pace.acquire()

    def _take_alerts(self) -> None:
        if self.notes is not None and self.notes.waiting:
            try:
                self._write_alerts(self.notes)
            except IntegrityError:  # another process noted one of them at the same moment
                self._write_alerts(self.notes)

    def _write_alerts(self, notes: AlertNotes) -> None:
        with notes.kept(), self.ledger.begin() as tx:
            notes.write(tx)

    @property
    def _now(self) -> int:
        return ms(self.clock.now()) or 0


def _head(tx: sa.Connection, endpoint: str) -> Any:
    """The first message that waits for an endpoint."""
    p, m = t.post.c, t.message.c
    query = (
        sa.select(p.id, p.message_id, p.attempts, p.not_before, m.uid, m.type, m.at, m.data)
        .join(t.message, m.id == p.message_id)
        .where(p.endpoint == endpoint, p.state == "queued")
        .order_by(p.id)
        .limit(1)
    )
    return tx.execute(query).one_or_none()


__all__ = ["Count", "Post", "Sender", "Sent"]
