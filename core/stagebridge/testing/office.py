"""The way out of one bench's connection: messages are noted in a ledger, and the engine's own sender and poster bring them to the
platform. What passes is seen, and can be stopped on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
import sqlalchemy as sa

from stagebridge.endpoint import HAPPENINGS, Answer, Endpoint
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing import subscriptions
from stagebridge.outgoing.guard import Guard
from stagebridge.outgoing.messages import (
    AlertRaised,
    ContactChanged,
    ConversionCreated,
    Data,
    StageChanged,
    conversion_of,
    person_of,
)
from stagebridge.outgoing.noting import Note, uid_of, write
from stagebridge.outgoing.outlets import Outlets
from stagebridge.outgoing.poster import NotSent, Poster
from stagebridge.outgoing.sender import Sender
from stagebridge.outgoing.shapes import Stored, body_of
from stagebridge.sync.side import from_ms, ms
from stagebridge.testing.bench import Bench
from stagebridge.testing.keeping import conversion, person

HOURS = 12 * 3600.0
"""Seconds between two looks for what is due: longer than any wait between the first tries."""


@dataclass(frozen=True, slots=True)
class Passed:
    """One post that left, and what came back."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    answer: Answer


class Office:
    """`name` is whoever the settings' address belongs to, or, where they name none, somebody who subscribed."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.clock = bench.clock
        config = bench.configuration()
        [self.connection] = config.connections
        self.outlets = Outlets(config, bench.clock)
        assert self.outlets, "the bench's settings name nobody who is told"
        self.connector = self.outlets.connectors[self.connection]
        bench.opened.append(self.connector)
        self.ledger = Ledger.open(config.ledger)
        self.passed: list[Passed] = []
        self.stops: list[int | None] = []
        """What becomes of the next posts on the way, before they reach anybody: answered with a status, or not sent at all."""
        self._noted = 0
        self._posters: dict[str, Poster] = {}
        self._sender = Sender(self.ledger, self.outlets, self._post, self.clock)
        self.name = self.connection if self.outlets.standing else self.subscribe(HAPPENINGS[0])

    @property
    def endpoint(self) -> Endpoint:
        with self.ledger.look() as tx:
            return self.outlets.find(tx, [self.name])[self.name].endpoint

    def subscribe(self, type: str) -> str:
        """The name of a new subscription, of somebody there."""
        made, _ = subscriptions.subscribe(
            self.ledger, self.connection, self.bench.hand_out(), type, "key-1", ms(self.clock.now()) or 0
        )
        return str(made["id"])

    def subscribed(self) -> dict[str, str]:
        """{name: address} of the subscriptions that there are."""
        return {s["id"]: s["target_url"] for s in subscriptions.of_connection(self.ledger, self.connection)}

    def happen(self, count: int, *types: str) -> None:
        """So many things happen, of these types in turn."""
        notes = []
        for _ in range(count):
            self._noted += 1
            kind = types[self._noted % len(types)]
            at = (ms(self.clock.now()) or 0) + self._noted
            notes.append(Note(uid_of("check", str(self._noted)), kind, at, self._data(kind)))
        with self.ledger.begin() as tx:
            write(tx, ms(self.clock.now()) or 0, notes, self.outlets.wanting(tx, set(types)))

    def _data(self, kind: str) -> Data:
        who = {**person(self._noted), "phone": "+442079460001", "company": 'Łódź & "Söhne"; 東京 🚂', "tags": ["vip"]}
        one, now = person_of(f"{self._noted:032x}", {**who, "stage": "customer"}), self.clock.now()
        if kind == "contact.changed":
            return ContactChanged(person=one, changed=("company", "phone"), is_new=True)
        if kind == "contact.stage_changed":
            return StageChanged(person=one, stage="customer", previous_stage="lead", entered_at=now, source="crm")
        if kind == "conversion.created":
            event = conversion(self._noted, who, at=now, value=Decimal("30.50"))
            return ConversionCreated(conversion=conversion_of(event), person=one, contact=event.contact, source="crm")
        return AlertRaised(text=f"{kind} number={self._noted}", facts={"number": self._noted})

    def said(self, name: str) -> list[Any]:
        """What somebody is to hear, in the form that he is to hear it in, from the first to the last."""
        m, p = t.message.c, t.post.c
        with self.ledger.look() as tx:
            endpoint = self.outlets.find(tx, [name])[name].endpoint
            query = sa.select(t.message).join(t.post, p.message_id == m.id).where(p.endpoint == name).order_by(m.id)
            rows = tx.execute(query).all()
        stored = [Stored(r.uid, r.type, from_ms(r.at).isoformat(), r.id, orjson.loads(r.data)) for r in rows]
        return [orjson.loads(body_of(one, endpoint.shape)) for one in stored]

    def send(self, looks: int = 1) -> None:
        """Post what is due; then, half a day later, what is due by then, and so on."""
        for number in range(looks):
            if number:
                self.clock.sleep(HOURS)
            self._sender.flush()

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        stop = self.stops.pop(0) if self.stops else 0
        if stop is None:
            raise NotSent("no connection to the platform")
        if stop:
            return Answer(stop)
        there = urlsplit(url).netloc
        if there not in self._posters:  # whatever the bench names is a stand-in of somebody on the internet
            self._posters[there] = Poster(Guard([there]))
        answer = self._posters[there].post(url, body, headers)
        self.passed.append(Passed(url, body, dict(headers), answer))
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sender.close()
        self.ledger.close()


__all__ = ["Office"]
