"""A ledger for the pages to show, and the pages, asked in this process."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from hooks_kit import SHOP, config_in, configure
from stagebridge.access import keys
from stagebridge.clock import Clock, ManualClock
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.outlets import Outlets
from stagebridge.pages.routes import add_pages

START = 1_767_323_045_000
"""2 January 2026, 03:04:05 UTC, in milliseconds."""


def insert(ledger: Ledger, table: sa.Table, *rows: Mapping[str, Any]) -> None:
    with ledger.begin() as tx:
        tx.execute(sa.insert(table), [dict(r) for r in rows])


def contact(id: int, **values: Any) -> dict[str, Any]:
    """An invented person; what the ledger holds of a real one is about as long."""
    data = {"email": f"person{id}@example.com", "first_name": f"Given{id}", "last_name": f"Family{id}",
            "company": "An invented company", "job_title": "Head of something", "phone": f"+4420794{id:05}",
            "stage": "lead", "country": "GB", "city": "London", **values}  # fmt: skip
    origin = {path: [id, START, True] for path in data}
    return {"id": id, "key": f"{id:032x}", "data": json.dumps(data), "origin": json.dumps(origin), "first_seen": START}


def link(id: int, contact_id: int, connection: str, blocked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    held = json.dumps({"email": f"person{contact_id}@example.com", "first_name": "Given", "last_name": "Family",
                       "company": "An invented company", "stage": "lead", "phone": "+442079400000"})  # fmt: skip
    return {
        "id": id, "connection": connection, "object": "contacts", "remote_id": f"r{contact_id}", "contact_id": contact_id,
        "state": "live", "sent": held, "seen": held, "blocked": json.dumps(blocked or {}), "memory": "{}",
        "mapping": "0" * 16, "fingerprint": "0" * 32, "version": id,
    }  # fmt: skip


def fill(ledger: Ledger, people: int, connections: tuple[str, ...]) -> None:
    """So many people, each linked everywhere."""
    for first in range(1, people + 1, 10_000):
        some = range(first, min(first + 10_000, people + 1))
        insert(ledger, t.contact, *(contact(i) for i in some))
        insert(
            ledger, t.identity, *({"kind": "email", "value": f"person{i}@example.com", "contact_id": i} for i in some)
        )
        for n, name in enumerate(connections):
            insert(ledger, t.link, *(link(n * people + i, i, name) for i in some))


class House:
    """What `Hall` is to the pages, without webhooks: a ledger in a folder, and a clock that is moved by hand."""

    def __init__(self, folder: Path, **serve: Any) -> None:
        configure(folder, CONNECTIONS, contacts={"initial": "fill_empty"}, serve=serve)
        self.ready = True
        self.config = config_in(folder)
        self.clock: Clock = ManualClock(datetime.fromtimestamp(START / 1000, UTC))
        self.reading = Ledger.open(self.config.ledger)
        self.outlets = Outlets(self.config, self.clock)
        self.ails: list[str] = []

    def troubles(self) -> list[str]:
        return self.ails

    def key(self, name: str = "olga") -> str:
        return keys.create(self.reading, name, START, scope="pages")


class Visitor(TestClient):
    """A browser without a screen: keeps cookies, says where a form is from, and follows no redirect by itself."""

    def __init__(self, app: FastAPI, url: str = "http://testserver", address: str = "192.0.2.1") -> None:
        super().__init__(app, url, follow_redirects=False, headers={"origin": url}, client=(address, 50000))

    def log_in(self, key: str) -> Visitor:
        answer = self.post("/login", data={"key": key})
        assert answer.status_code == 303, answer.text
        return self

    def token(self) -> str:
        """What our forms carry."""
        found = re.search(r'name="token" value="([\w-]+)"', self.get("/contacts").text)
        assert found is not None
        return found[1]

    def submit(self, path: str, **fields: str) -> Any:
        """A form of ours, filled in and sent."""
        return self.post(path, data={"token": self.token(), **fields})


def app_of(house: House) -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    add_pages(app, house)
    return app


CONNECTIONS: Mapping[str, Any] = {
    "crm": {"type": "hubspot", "token": "${TOKEN}", "base_url": "http://127.0.0.1:9"},
    "sales": {"type": "salesforce", "domain": "acme.my", "client_id": "a", "client_secret": "${SECRET}",
              "base_url": "http://127.0.0.1:9"},
    "shop": SHOP,
    "warehouse": {"type": "webhook", "mode": "write", "send": {
        "url": "https://warehouse.example.com/in/very-secret", "secret": "${SHOP}", "events": ["contact.stage_changed", "conversion.created"]}},
    "automations": {"type": "zapier", "mode": "read"},
}  # fmt: skip
WICKED = '<script>alert("x")</script><img src=x onerror=alert(1)>\'"&{{7*7}}'
"""What somebody wrote into a form of some platform."""


def furnish(ledger: Ledger, now: int = START) -> None:
    """Three people, runs of every kind, conflicts and dead letters; some of it written by somebody wicked."""
    insert(ledger, t.contact, contact(1, first_name="Ada", last_name="Lovelace", email="ada@example.com"),
           contact(2, first_name=WICKED, last_name="", email="wicked@example.com"), contact(3))  # fmt: skip
    for id, email in ((1, "ada@example.com"), (2, "wicked@example.com"), (3, "person3@example.com")):
        insert(ledger, t.identity, {"kind": "email", "value": email, "contact_id": id})
    parked = {"phone": {"kind": "parked", "code": "INVALID_PHONE", "message": f"no phone: {WICKED}", "until": ""}}
    insert(ledger, t.link, link(1, 1, "crm"), link(2, 2, "crm", parked), link(3, 3, "crm"), link(4, 1, "sales"))
    box = {"object": "contacts", "attempts": 8, "not_before": 0, "parked": None}
    insert(
        ledger,
        t.outbox,
        {
            **box,
            "connection": "sales",
            "contact_id": 2,
            "state": "dead",
            "code": "REQUIRED_FIELD_MISSING",
            "error": "Required fields are missing: [LastName]. Fill in the family name.",
        },
        {**box, "connection": "sales", "contact_id": 3, "state": "dead", "code": "SB-RETRIES", "error": WICKED},
    )
    insert(ledger, t.outbox, {**box, "connection": "crm", "contact_id": 3, "state": "pending"})
    insert(ledger, t.conflict,
           *({"kind": kind, "contact_id": id, "connection": "crm", "object": "contacts", "remote_id": "501", "path": path,
              "detail": json.dumps(detail), "opened": now - 7_200_000}
             for kind, id, path, detail in (("duplicate", 1, "", {"of": "502", "by": "email"}),
                                            ("stage_backward", 3, "stage", {"holds": "customer", "there": "lead"}),
                                            ("refused", 2, "first_name", {"sent": WICKED, "holds": "Mallory"}))))  # fmt: skip
    insert(ledger, t.cursor,
           {"connection": "crm", "object": "contacts", "state": "{}", "mapping": "0", "covered": now - 240_000, "complete": True},
           {"connection": "sales", "object": "Contact", "state": "{}", "mapping": "0", "covered": now - 7_200_000, "complete": True})  # fmt: skip
    insert(ledger, t.history,
           {"id": 1, "contact_id": 1, "stage": "customer", "previous": "opportunity", "at": now - 86_400_000, "connection": "crm",
            "link_id": 1, "verdict": "accepted", "reason": "", "baseline": False, "deliberate": False, "event_id": "e1"})  # fmt: skip
    insert(ledger, t.event, {"id": "ev1", "name": "purchase", "at": now - 86_400_000, "contact_id": 1, "email_hash": "x",
                             "source": "crm", "digest": "x", "data": None, "created": now})  # fmt: skip
    insert(ledger, t.delivery, {"event_id": "ev1", "connection": "crm", "state": "unknown", "dedup": 0, "attempts": 1, "not_before": 0,
                                "code": "SB-EVENT-UNANSWERED", "message": "no answer came", "settled": now})  # fmt: skip
    insert(ledger, t.change,
           {"run_id": 2, "contact_id": 1, "link_id": 1, "path": "job_title", "old": json.dumps({"": "Analyst"}),
            "new": json.dumps({"": "Countess"}), "kind": "accepted", "rule": "latest", "at": now - 200_000})  # fmt: skip
    furnish_receivers(ledger, now)
    read = {"records": 12, "pages": 1, "matched": {"email": 3}, "problems": {}}
    wrote = {"created": 2, "updated": 5, "deleted": 0, "parked": 1, "rejected": 1, "unknown": 0, "calls": {"write": 3}}
    fine = {"read": read, "written": wrote, "failure": None}
    down = {**fine, "failure": "no usable answer after 5 tries (HTTP 503)"}
    more = {"conflicts": {"duplicate": 1}, "dead_letters": 2, "waiting": 1, "seconds": 41.2}
    insert(ledger, t.run,
           {"command": "plan", "started": now - 90_000_000, "finished": now - 89_990_000, "state": "ok",
            "counts": json.dumps({"connections": {"crm": fine, "sales": fine}, **more}), "error": None},
           {"command": "sync", "started": now - 250_000, "finished": now - 209_000, "state": "failed",
            "counts": json.dumps({"connections": {"crm": fine, "sales": down}, **more}), "error": None},
           {"command": "events", "started": now - 200_000, "finished": now - 199_000, "state": "ok",
            "counts": json.dumps({"ads": {"sent": 3, "requests": 1, "unanswered": 0, "waiting": 0, "verdicts": {"SB-EVENT-CONSENT": 2}}}), "error": None},
           {"command": "sync", "started": now - 100_000, "finished": now - 99_000, "state": "guarded", "counts": json.dumps({"connections": {}, **more}),
            "error": "crm: 812 people would be created, the guard max_creates allows 500"})  # fmt: skip


SUBSCRIBERS = ("sub_aaaaaaaaaaaaaaaaaaaaaaaa", "sub_bbbbbbbbbbbbbbbbbbbbbbbb")
"""One that gets everything, and one that is failing."""


def message_id(number: int) -> str:
    return f"msg_{number:032x}"


def furnish_receivers(ledger: Ledger, now: int) -> None:
    """A warehouse that is paused, two subscribers, what each was told, and a webhook that could not be worked on."""
    said = {"type": "contact.stage_changed", "contact_id": 1, "email_hash": "x", "data": '{"person": null}'}
    times = (now - 400_000_000, now - 300_000_000, now - 200_000_000, now - 90_000)
    insert(
        ledger,
        t.message,
        *({**said, "id": i, "uid": message_id(i), "at": at, "created": at} for i, at in enumerate(times, 1)),
    )
    insert(ledger, t.message, {**said, "id": 5, "uid": message_id(5), "at": now, "created": now, "data": None})
    sent = {"state": "sent", "attempts": 1, "not_before": 0, "status": 200, "reason": None, "settled": now - 80_000}
    waits = {"state": "queued", "attempts": 0, "not_before": 0, "status": None, "reason": None, "settled": None}
    posts = (
        (1, "warehouse", sent),
        (2, "warehouse", {**sent, "state": "dead", "attempts": 10, "status": 503, "reason": f"HTTP 503 {WICKED}"}),
        (3, "warehouse", waits), (4, "warehouse", waits), (5, "warehouse", {**sent, "attempts": 2}),
        (4, SUBSCRIBERS[0], {**sent, "status": 204}),
        (4, SUBSCRIBERS[1], {**waits, "attempts": 3, "not_before": now + 5_400_000, "reason": "no connection to hooks.zapier.com: refused"}),
    )  # fmt: skip
    insert(ledger, t.post, *({"message_id": id, "endpoint": name, **how} for id, name, how in posts))
    well = {"state": "active", "reason": None, "failures": 0, "failing_since": None, "last_sent": now - 80_000}
    insert(ledger, t.endpoint,
           {**well, "name": "warehouse", "state": "paused", "reason": "nothing arrived for three days: HTTP 503", "failures": 9,
            "failing_since": now - 300_000_000, "last_sent": now - 399_000_000},
           {**well, "name": SUBSCRIBERS[0]},
           {**well, "name": SUBSCRIBERS[1], "failures": 3, "reason": "no connection to hooks.zapier.com: refused", "failing_since": now - 7_200_000})  # fmt: skip
    insert(ledger, t.subscription,
           *({"id": id, "connection": "automations", "url": f"https://hooks.zapier.com/hooks/very-secret/{id}", "key_id": "k",
              "type": "contact.stage_changed", "created": now} for id in SUBSCRIBERS))  # fmt: skip
    insert(ledger, t.hook, {"connection": "shop", "delivery": "d1", "received": now - 90_000, "state": "failed", "records": "[]",
                            "people": None, "error": "SB-EVENT: event.at is no time"})  # fmt: skip
