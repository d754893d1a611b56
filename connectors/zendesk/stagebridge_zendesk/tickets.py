"""What Zendesk records by itself: tickets that people opened, that were solved, and that were rated.

Each is one event under one id, whatever becomes of the ticket: it may be reopened, solved and rated again. Tickets of colleagues,
and of people who are no more, are nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Cursor, EventPage
from stagebridge.event import ConversionEvent, derive_id, snapshot
from stagebridge_zendesk import users
from stagebridge_zendesk.answers import moment
from stagebridge_zendesk.read import export

if TYPE_CHECKING:
    from stagebridge_zendesk.connector import Zendesk

CREATED, SOLVED, RATED = "TicketCreated", "TicketSolved", "SurveyCompleted"
NAMES = (CREATED, SOLVED, RATED)
OVER = ("solved", "closed")
RATINGS = ("good", "bad")


def pages(zd: Zendesk, since: Cursor | datetime | None) -> Iterator[EventPage]:
    for answer, cursor, covered in export(zd, "tickets", since):
        yield EventPage(_events(zd, answer.get("tickets") or []), cursor, covered)


def _events(zd: Zendesk, rows: list[dict[str, Any]]) -> list[ConversionEvent]:
    there = [t for t in rows if t.get("status") != "deleted" and t.get("requester_id")]
    people = users.fetch(zd, list(dict.fromkeys(str(t["requester_id"]) for t in there)))
    out: list[ConversionEvent] = []
    for ticket in there:
        record = people.get(str(ticket["requester_id"]))
        created = moment(ticket.get("created_at"))
        if record is None or record.deleted or created is None:
            continue
        assert zd.mapping is not None
        values = zd.mapping.read(record.data)
        for name, at in _moments(ticket, created):
            out.append(ConversionEvent(
                id=str(derive_id(zd.connection, "tickets", str(ticket["id"]), name, created)), name=name, at=at,
                key=values.get("external_id"), channel="other", custom=_said(ticket), raw=_raw(ticket), **snapshot(values),
            ))  # fmt: skip
    return out


def _moments(ticket: Mapping[str, Any], created: datetime) -> Iterator[tuple[str, datetime]]:
    """A ticket does not say when it was solved: the change that first showed it is when."""
    changed = moment(ticket.get("updated_at")) or created
    yield CREATED, created
    if ticket.get("status") in OVER:
        yield SOLVED, changed
    if _score(ticket) in RATINGS:
        yield RATED, changed


def _score(ticket: Mapping[str, Any]) -> str | None:
    return (ticket.get("satisfaction_rating") or {}).get("score")


def _said(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of the ticket beside its person; of its text nothing."""
    found = {"ticket_id": str(ticket["id"]), "priority": ticket.get("priority"), "type": ticket.get("type")}
    score = _score(ticket)
    return {n: v for n, v in found.items() if v} | ({"satisfaction": score} if score in RATINGS else {})


def _raw(ticket: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "id",
        "status",
        "priority",
        "type",
        "created_at",
        "updated_at",
        "requester_id",
        "satisfaction_rating",
        "via",
    )
    return {n: ticket[n] for n in kept if n in ticket}


__all__ = ["NAMES", "pages"]
