"""One function per page: from what was asked to an answer. They run in threads, and read without waiting for anybody."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from stagebridge.clock import Clock
from stagebridge.config import Config
from stagebridge.delivery import inspect as deliveries
from stagebridge.errors import Busy, ConfigError, LedgerError
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.outlets import Outlets
from stagebridge.pages.overview import MANY, overview
from stagebridge.pages.render import page, part
from stagebridge.pages.sessions import Session
from stagebridge.sync import inspect
from stagebridge.webhooks import letters

ROWS = 100
"""Rows of a list on one page."""
NEWEST = 200
"""Of one contact's changes, the newest so many are shown."""
LETTER = re.compile(r"[a-z]{0,10}:?[0-9]{1,18}(?::[\w.-]{1,200})?", re.ASCII)
SINGLE = re.compile(r"[0-9]+:")
"""A letter that is one value of a record: it stays untried until the value changes, discarded or not."""
PATIENCE = 3.0
"""Seconds to wait for the ledger: whoever works on webhooks holds it for moments, a run for longer."""


class Missing(Exception):
    """There is no such page."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a page is asked, and by whom."""

    request: Request
    session: Session
    ledger: Ledger
    config: Config
    clock: Clock
    outlets: Outlets
    troubles: Callable[[], list[str]]
    form: Mapping[str, str] = field(default_factory=dict)

    def shown(self, template: str, status: int = 200, **values: Any) -> Response:
        text = page(
            template, session=self.session, notice=self.session.take_notice(), now=self.clock.now(),
            path=self.request.url.path, **values,
        )  # fmt: skip
        return HTMLResponse(text, status)


def to(path: str) -> Response:
    """On to another page of ours, by GET."""
    return RedirectResponse(path, 303)


def home(ask: Ask) -> Response:
    found = overview(ask.ledger, ask.config, ask.outlets, ask.troubles())
    return ask.shown("home.html", found=found, many=MANY)


def runs(ask: Ask) -> Response:
    before = number((parse_qs(ask.request.url.query).get("before") or [""])[0])
    upto = before - 1 if before is not None else None
    found = inspect.runs(ask.ledger, ROWS + 1, upto=upto)
    return ask.shown("runs.html", runs=found[:ROWS], more=len(found) > ROWS)


def run(ask: Ask) -> Response:
    id = number(ask.request.path_params["id"])
    found = inspect.runs(ask.ledger, 1, upto=id) if id is not None else []
    if not found or found[0]["id"] != id:
        raise Missing
    return ask.shown("run.html", run=found[0])


def conflicts(ask: Ask) -> Response:
    found = inspect.conflicts(ask.ledger, ROWS + 1)
    return ask.shown("conflicts.html", conflicts=found[:ROWS], more=len(found) > ROWS)


def dead_letters(ask: Ask) -> Response:
    found = [{**x, "single": SINGLE.match(x["id"]) is not None} for x in letters.dead_letters(ask.ledger, ROWS)]
    return ask.shown("letters.html", letters=found, more=len(found) >= ROWS, discarded=letters.DISCARDED)


def release(ask: Ask) -> Response:
    """Try a dead letter again, or discard it."""
    which, retry = ask.form.get("id", ""), ask.form.get("do") == "retry"
    try:
        if not LETTER.fullmatch(which) or ask.form.get("do") not in ("retry", "discard"):
            raise ConfigError("there is no such dead letter")
        _patiently(lambda: letters.release(ask.ledger, which, retry=retry))
        by = (
            "in a moment" if letters.for_good(which) else "by the next sync"
        )  # this process works on what came and on what goes
        ask.session.notice = f"{which} is tried again {by}." if retry else f"{which} is discarded."
    except Busy:
        ask.session.notice = "A run is at work on the ledger. Nothing was changed; try again when it is done."
    except LedgerError:
        raise
    except ConfigError:
        ask.session.notice = "That dead letter is not there any more; somebody may have settled it."
    return to("/dead-letters")


def _patiently(work: Callable[[], None]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except Busy:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)


def contacts(ask: Ask) -> Response:
    """By POST, so that nobody's address gets into a URL, a history or a log."""
    who = ask.form.get("who", "").strip()
    if ask.request.method != "POST":
        return ask.shown("contacts.html", who="", unknown=False)
    if who and (key := key_of(ask.ledger, who)) is not None:
        return to(f"/contacts/{part(key)}")
    return ask.shown("contacts.html", 404, who=who[:200], unknown=True)


def contact(ask: Ask) -> Response:
    key = ask.request.path_params["key"]
    found = trace(ask.ledger, key)
    if found is None:
        raise Missing
    if found["key"] != key:  # merged into another one, or somebody wrote an address into the URL
        return to(f"/contacts/{part(found['key'])}")
    changes = found["changes"][: -NEWEST - 1 : -1]
    events = deliveries.of_contact(ask.ledger, key)
    values = {path: v["value"] for path, v in found["values"].items()}
    name = " ".join(str(values[p]) for p in ("first_name", "last_name") if values.get(p))
    return ask.shown(
        "contact.html", found=found, events=events, changes=changes, older=len(found["changes"]) - len(changes),
        name=name or str(values.get("email") or "A contact without a name"),
    )  # fmt: skip


def key_of(ledger: Ledger, who: str) -> str | None:
    found = trace(ledger, who)
    return found["key"] if found is not None else None


def trace(ledger: Ledger, who: str) -> dict[str, Any] | None:
    try:
        return inspect.trace(ledger, who)
    except LedgerError:
        raise
    except ConfigError:
        return None


def number(text: str) -> int | None:
    """A run's number; None for whatever else is in a URL."""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) else None


__all__ = ["Ask", "Missing", "conflicts", "contact", "contacts", "dead_letters", "home", "release", "run", "runs", "to"]
