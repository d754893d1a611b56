"""New contacts by the hundred: a batch is queued, worked off at some time, and has an answer of its own for every item.

That a batch is finished says nothing of its items. An item is known by the identifiers of the request that its result
repeats, or of the contact that it answers with, never by its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Outcome, Unknown
from stagebridge.errors import NoAnswer
from stagebridge_omnisend import write

if TYPE_CHECKING:
    from stagebridge_omnisend.connector import Omnisend

FIRST, LONGEST = 0.5, 15.0
"""Seconds between two looks at a batch: half again as long each time."""
OVER = ("finished", "stopped")


def create(om: Omnisend, jobs: Sequence[write.Job]) -> list[Outcome]:
    """One outcome per job, in order."""
    body = {"method": "POST", "endpoint": "contacts", "items": [j.body for j in jobs]}
    try:
        answer = om.request("POST", "/batches", body, endpoint="batches", effect=True)
        if answer.status >= 400:  # one of them is too wrong for the queue, or the brand has none: each for itself
            return write.one_by_one(om, jobs)
        queued = answer.object()
        items = _finished(om, str(queued.get("batchID") or queued.get("id") or ""))
    except NoAnswer as error:
        return [Unknown(str(error)) for _ in jobs]
    if items is None:
        return [Unknown("the batch was not finished in time") for _ in jobs]
    results = {name: r for r in _results(items) for name in _names(r)}
    found = (next((results[n] for n in _identifiers(j.body) if n in results), None) for j in jobs)
    return [_one(om, job, result) for job, result in zip(jobs, found, strict=True)]


def _one(om: Omnisend, job: write.Job, result: Mapping[str, Any] | None) -> Outcome:
    if result is None:
        return Unknown("the batch's results do not mention this contact")
    answered = result.get("response")
    status = int(result.get("responseCode") or 0)
    if not status:
        return Unknown("the batch's result of this contact has no code")
    return write.made(om, job, status, answered if isinstance(answered, dict) else {})


def _finished(om: Omnisend, id_: str) -> dict[str, Any] | None:
    """A batch with its items, once it is over; None if that takes too long. The next batch is first looked at when this one
    was finished, so that most need one look."""
    began = om.clock.now()
    wait = om.batch_takes
    while True:
        om.clock.sleep(wait)
        body = om.get(f"/batches/{id_}/items", {}, endpoint="items")
        took = (om.clock.now() - began).total_seconds()
        if body.get("status") in OVER:
            om.batch_takes = min(max(took, FIRST), LONGEST)
            return body
        if took > om.settings.batch_wait:
            return None
        wait = min(max(FIRST, took / 2), LONGEST)


def _results(items: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for part in ("responses", "errors"):
        yield from (r for r in items.get(part) or () if isinstance(r, dict))


def _names(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an item's result is known by: what it repeats, else what it answers with."""
    for part in ("request", "response"):
        shown = result.get(part)
        if isinstance(shown, dict) and (names := _identifiers(shown)):
            return names
    return []


def _identifiers(contact: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = [i for i in contact.get("identifiers") or () if isinstance(i, dict)]
    names = [(str(i.get("type")), str(i.get("id")).lower()) for i in listed]
    if not names and contact.get("email"):
        names = [("email", str(contact["email"]).lower())]
    return sorted(names)  # the address before the number
