"""Reporting events: a request is taken as a whole or not at all, and the answer tells nothing about a single event."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_tiktok.sandbox.account import Account, Refusal
from stagebridge_tiktok.sandbox.door import Door
from stagebridge_tiktok.sandbox.names import KINDS, current
from stagebridge_tiktok.sandbox.rules import MISSING, Read
from stagebridge_tiktok.sandbox.sources import DAY, Source, brief

LARGEST = 1000
"""Events of one request [D]."""

AHEAD = DAY
"""Seconds that an event may lie in the future. Ours: nothing is documented, and this finds milliseconds."""


def track(account: Account, door: Door, call: Call) -> Answer:
    body = account.body(call)
    source = door.source(call, *_named(body))
    data = body.get("data", [])
    if not isinstance(data, list):
        raise Refusal(40002, "data: Not a valid list")
    call.records = len(data)
    if not 1 <= len(data) <= LARGEST:
        raise Refusal(40002, f"Number of events must be between 1 and {LARGEST}.")
    reads = [_read(account, event, source, f"Batch.{n}") for n, event in enumerate(data)]
    partner = body.get("partner_name")
    if partner and partner not in source.partner_names:
        source.partner_names.append(partner)
    partial = any(f.kind == "partial_batch" for f in call.faults)
    for n, read in enumerate(reads):
        source.ignored.update(read.ignored)
        _take(account, source, read.event, body.get("test_event_code"), lost=partial and n % 2 == 1)
    return account.answer(20001 if partial else 0)


def _named(body: dict[str, Any]) -> tuple[str, str]:
    """The source's id and kind."""
    for name in ("event_source", "event_source_id"):
        if not body.get(name):
            raise Refusal(40002, f"{name}: {MISSING}")
        if not isinstance(body[name], str):
            raise Refusal(40002, f"{name}: Not a valid string")
    if body["event_source"] not in KINDS:
        raise Refusal(40002, f"event_source: Must be one of: {', '.join(KINDS)}")
    return body["event_source_id"], body["event_source"]


def _read(account: Account, event: Any, source: Source, where: str) -> Read:
    """Raises `Refusal` with the first thing that is wrong: with one event, all of them are refused."""
    read = account.rules.read(event, source.kind, where)
    wrong = read.problem
    if (
        not wrong
        and account.switches["untimely_events"] == "refuse"
        and (why := _untimely(account, source, read.event))
    ):
        wrong = f"{where}.event_time: {why}"
    if wrong:
        raise Refusal(40002, wrong if account.switches["names_the_event"] else "")
    read.event["event"] = current(read.event["event"])
    return read


def _untimely(account: Account, source: Source, event: dict[str, Any]) -> str:
    days = account.switches["oldest_web_days" if source.kind in ("web", "app") else "oldest_offline_days"]
    age = account.now - event["event_time"]
    return f"Older than {days:g} days" if age > days * DAY else "In the future" if age < -AHEAD else ""


def _take(account: Account, source: Source, event: dict[str, Any], test_code: Any, *, lost: bool) -> None:
    if test_code:
        source.test_events.append({**brief(event), "test_event_code": test_code})
        return
    if lost:
        source.drop(event, "partial success")
        return
    if account.switches["untimely_events"] == "drop" and (why := _untimely(account, source, event)):
        source.drop(event, why)
        return
    lead_id = (event.get("lead") or {}).get("lead_id")
    if lead_id and not account.leads.knows(lead_id):
        source.unknown_leads.append(lead_id)
    source.count(event, "api", account.now)


__all__ = ["track"]
