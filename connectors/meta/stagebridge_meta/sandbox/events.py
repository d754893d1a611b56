"""POST /{dataset}/events: all of them, or none."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_meta.sandbox.account import Account
from stagebridge_meta.sandbox.counting import SERVER, Counted, Dataset
from stagebridge_meta.sandbox.door import Token
from stagebridge_meta.sandbox.errors import GraphError, trace_id
from stagebridge_meta.sandbox.params import Params
from stagebridge_meta.sandbox.rules import Rules

LARGEST = 1000

SCOPES = {
    "whatsapp": "whatsapp_business_manage_events",
    "messenger": "page_events",
    "instagram": "instagram_manage_events",
}
"""What a token needs for a channel's events [D]. Other events need no more than a token that knows the dataset."""


def receive(account: Account, call: Call, token: Token, params: Params, id_: str) -> Answer:
    """Count the events of a request. Raises `GraphError` for the first that is wrong: then none is counted."""
    dataset = account.dataset(id_, call.method)
    account.door.count(id_)
    agent, longest = params.text("partner_agent"), account.switches["partner_agent_length"]
    if longest and len(agent) > longest:
        raise GraphError(100, f"(#100) param partner_agent has at most {longest} characters.")
    events = params.events()
    call.records = len(events)
    if not 1 <= len(events) <= LARGEST:
        raise GraphError(100, f"(#100) param data must have between 1 and {LARGEST} events.")
    rules = Rules(account.switches, account.now, dataset.accounts)
    for index, event in enumerate(events):
        try:
            rules.check(event)
            if event["action_source"] == "business_messaging":
                account.door.needs(token, SCOPES[event["messaging_channel"]], writes=True)
        except GraphError as error:
            error.index = index
            raise
    kinds = {f.kind: f for f in call.faults}
    taken, messages = len(events), []
    if "warning" in kinds:
        messages.append(str(kinds["warning"].values.get("text", "Some events may not be attributed.")))
    if "short_count" in kinds:
        taken = min(taken, int(kinds["short_count"].values.get("received", 0)))
        messages.append("Some events could not be processed.")
    for event in events[:taken]:
        take(account, dataset, event, params.text("test_event_code"))
    body: dict[str, Any] = {"events_received": taken, "messages": messages, "fbtrace_id": trace_id(account.kit.random)}
    if "no_messages" in kinds:
        del body["messages"]
    return Answer(200, body)


def take(account: Account, dataset: Dataset, event: dict[str, Any], test_code: str) -> None:
    user = event["user_data"]
    new = Counted(event, account.now, SERVER, account.people.match(user, account.leads), test_code)
    lead = account.leads.get(str(user.get("lead_id")))
    if account.switches["discard_before_lead"] and lead is not None and float(event["event_time"]) <= lead.created:
        new.reason = "before_lead"
    dataset.take(new)
