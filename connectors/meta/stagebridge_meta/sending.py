"""The events' wire: one request for up to a thousand of one dataset, and what its answer means for each of them.

Meta answers for the request and never for an event: it takes all or nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from stagebridge.connector import Done, Draft, Outcome, Rejected, Retry, Unknown
from stagebridge.errors import BatchRefused, ConfigError, NoAnswer
from stagebridge.http import Response, Verdict
from stagebridge_meta.answers import (
    DATA,
    DEFAULT_WAIT,
    Kind,
    Refusal,
    body_of,
    connection_error,
    refusal_of,
    trace_of,
    traced,
    wait_of,
)

if TYPE_CHECKING:
    from stagebridge_meta.connector import Meta

log = logging.getLogger("stagebridge.meta")

BATCH = 1000
EARLY = timedelta(minutes=1)
"""How far ahead of Meta's clock an event may be sent: others allow as much; Meta documents no number."""
NOBODY_KNOWS = 300.0
"""Seconds until a refusal that nobody understands is worth another try."""


def send(meta: Meta, batch: Sequence[Draft]) -> list[Outcome]:
    """See `Connector.send`."""
    if len(batch) > BATCH:
        raise ConfigError(f"Meta takes at most {BATCH} events in one call, not {len(batch)}")
    if len({d.group for d in batch}) > 1:
        raise ConfigError("a call takes events of one group")
    outcomes = [_untimely(meta, d) for d in batch]
    due = [d for d, outcome in zip(batch, outcomes, strict=True) if outcome is None]
    sent = iter(_sent(meta, due) if due else ())
    return [next(sent) if o is None else o for o in outcomes]


def body(batch: Sequence[Draft], extra: dict[str, Any] | None = None) -> bytes:
    """The request's body."""
    return orjson.dumps({"data": [d.payload for d in batch], **(extra or {})})


def _untimely(meta: Meta, draft: Draft) -> Outcome | None:
    """An event that Meta does not take at this hour: one has the whole request refused."""
    now = meta.clock.now() + timedelta(seconds=meta.skew)
    if draft.deadline is not None and now > draft.deadline:
        return Rejected("SB-META-OLD", "it is older than Meta takes events")
    ahead = int(draft.payload["event_time"]) - now.timestamp()
    if ahead > EARLY.total_seconds():
        return Retry(ahead - EARLY.total_seconds(), "its time is still to come")
    return None


def _sent(meta: Meta, batch: Sequence[Draft]) -> list[Outcome]:
    dataset, token = meta.target(batch[0].group)
    extra: dict[str, Any] = meta.proof(token)
    if meta.settings.test_event_code is not None:
        extra["test_event_code"] = meta.settings.test_event_code
    try:
        answer = meta.client.request(
            "POST", f"/{meta.settings.api_version}/{dataset}/events", data=body(batch, extra), effect=True, judge=_judge,
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )  # fmt: skip
    except NoAnswer as error:
        return [Unknown(str(error))] * len(batch)
    found = body_of(answer)
    refusal = refusal_of(answer.status, found, answer.headers)
    if refusal is not None:
        return _refused(batch, refusal, dataset)
    return _taken(batch, answer, found)


def _judge(response: Response) -> Verdict:
    """Every answer is looked at here: a retry within the call would not know what became of the first."""
    del response
    return None


def _taken(batch: Sequence[Draft], answer: Response, found: Any) -> list[Outcome]:
    """An answer without an error. `messages` may be missing; that nothing is counted twice it does not say either."""
    count = found.get("events_received") if isinstance(found, dict) else None
    trace = traced(trace_of(found))
    if answer.status < 300 and type(count) is int:
        if count == len(batch):
            log.info("Meta took %d events%s", count, trace)
            return [Done(d.id) for d in batch]
        if count == 0:
            return [Retry(DEFAULT_WAIT, f"Meta counted none of {len(batch)} events{trace}")] * len(batch)
        return [Unknown(f"Meta counted {count} of {len(batch)} events and does not say which{trace}")] * len(batch)
    said = f"HTTP {answer.status} that is not Meta's{trace}"
    if answer.status in (429, 503) or 300 <= answer.status < 500:
        return [Retry(wait_of(answer.headers) or DEFAULT_WAIT, said)] * len(batch)
    return [Unknown(said)] * len(batch)  # an error page, or half an answer, of somebody in between


def _refused(batch: Sequence[Draft], refusal: Refusal, dataset: str) -> list[Outcome]:
    stop = connection_error(refusal, f"dataset {dataset}")
    if stop is not None:
        raise stop
    kind = refusal.kind
    if kind is Kind.DATA:
        why = DATA.get(refusal.subcode, "Meta does not document why")
        raise BatchRefused(f"Meta refused an event: {why} ({refusal})", code=f"SB-META-{refusal.subcode}")
    if kind is Kind.ODD and len(batch) > 1:
        raise BatchRefused(f"Meta refused a request and does not say why ({refusal})", code="SB-META-100")
    if kind in (Kind.THROTTLED, Kind.AGAIN):
        return [Retry(refusal.wait, f"Meta cannot now ({refusal})")] * len(batch)
    if refusal.status >= 500:
        return [Unknown(f"Meta had an error of its own ({refusal})")] * len(batch)
    return [Retry(NOBODY_KNOWS, f"Meta refused and does not say why ({refusal})")] * len(batch)


__all__ = ["BATCH", "body", "send"]
