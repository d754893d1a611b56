"""Conversions as events of a person's profile, or as tickets where a rule says so.

An event has no key by which Zendesk would drop a second one: whether it went is what our own log says. A ticket has one for two
hours, and carries it as its external id for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Done, Draft, Outcome, Rejected, Retry, Unknown
from stagebridge.contact import full_name
from stagebridge.errors import ConfigError, NoAnswer, StagebridgeError
from stagebridge.event import ConversionEvent
from stagebridge_zendesk.answers import texts_in, trouble
from stagebridge_zendesk.settings import TicketRule

if TYPE_CHECKING:
    from stagebridge_zendesk.connector import Zendesk

BATCH = 20
"""Events that are handed over together; Zendesk takes one in a call."""
PROFILES = "/api/v2/user_profiles/events"
TICKETS = "/api/v2/tickets"
PROFILE, TICKET = "profile", "ticket"
TWO_HOURS = 7200.0
LONGEST_KEY = 255
PROFILE_TYPE = "customer"


def draft(zd: Zendesk, event: ConversionEvent) -> Draft | Rejected:
    rule = zd.settings.tickets.get(event.name)
    if rule is not None:
        return _ticket(event, rule)
    payload = zd.drafted(event)
    if isinstance(payload, Rejected):
        return payload
    source = zd.settings.event_source
    told: dict[str, Any] = payload.get("event") or {}
    profile: dict[str, Any] = payload.get("profile") or {}
    full = {
        "profile": {"source": source, "type": PROFILE_TYPE, **profile},
        "event": {"source": source, "description": str(told.get("type") or event.name), **told},
    }
    warnings = tuple(f"{n}: {why}, left out" for n, why in payload.problems.items())
    return Draft(event.id, full, PROFILE, warnings=warnings)


def _ticket(event: ConversionEvent, rule: TicketRule) -> Draft | Rejected:
    who = event.contact
    if not who.email:
        return Rejected("SB-EVENT-INCOMPLETE", "a ticket needs contact.email, whose it is")
    if len(event.id) > LONGEST_KEY:
        return Rejected(
            "SB-ZENDESK-TICKET", f"an event's id of more than {LONGEST_KEY} characters cannot be a ticket's key"
        )
    money = f"{event.value} {event.currency}" if event.value is not None else ""
    lines = [event.name, event.at.isoformat(), money, event.order_id or ""]
    requester = {"email": who.email, "name": full_name(who.first_name, who.last_name) or who.name or who.email}
    ticket: dict[str, Any] = {
        "subject": rule.subject, "external_id": event.id, "requester": requester,
        "comment": {"body": "\n".join(line for line in lines if line), "public": rule.public},
        **({"priority": rule.priority} if rule.priority else {}), **({"tags": list(rule.tags)} if rule.tags else {}),
    }  # fmt: skip
    return Draft(event.id, {"ticket": ticket}, TICKET, dedup=TWO_HOURS)


def send(zd: Zendesk, batch: Sequence[Draft]) -> list[Outcome]:
    if len(batch) > BATCH:
        raise ConfigError(f"Zendesk is told of at most {BATCH} events at once, not {len(batch)}")
    out: list[Outcome] = []
    for d in batch:
        try:
            out.append(_send(zd, d))
        except StagebridgeError as error:
            if not out:
                raise
            # what was sent is sent, and would count again: only the rest comes again
            return out + [Retry(30.0, f"an earlier event could not be sent: {error}")] * (len(batch) - len(out))
    return out


def _send(zd: Zendesk, d: Draft) -> Outcome:
    ticket = d.group == TICKET
    path, endpoint = (TICKETS, "default") if ticket else (PROFILES, "events")
    headers: Mapping[str, str] = {"Idempotency-Key": d.id} if ticket else {}
    try:
        answer = zd.request(
            "POST", path, d.payload, headers=headers, endpoint=endpoint, effect=True, allow=(400, 409, 413, 422)
        )
    except NoAnswer as error:
        return Unknown(str(error))
    if answer.status < 400:
        return Done(str((answer.object().get("ticket") or {}).get("id") or d.id))
    if answer.status == 409:
        return Retry(10.0, "another request with the same key is under way")
    why = trouble(answer.object(), texts_in(d.payload))
    return Rejected("SB-ZENDESK-TICKET" if ticket else "SB-ZENDESK-EVENT", why.said)
