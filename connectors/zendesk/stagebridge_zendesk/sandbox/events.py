"""Events about people, and webhooks about what happens to them."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_zendesk.sandbox.account import Account
from stagebridge_zendesk.sandbox.answers import Refusal, page, seconds
from stagebridge_zendesk.sandbox.door import PLANS, Door
from stagebridge_zendesk.sandbox.hooks import PREFIX, Webhook
from stagebridge_zendesk.sandbox.profiles import Event, Profile, problem


def send(account: Account, door: Door, call: Call, user_id: str) -> Answer:
    """About a user, whatever the profile's identifiers say."""
    _open(account)
    if (refused := door.count("events")) is not None:
        return refused
    return _post(account, call, account.user(user_id).id, None)


def send_to_profile(account: Account, door: Door, call: Call, profile_id: str = "") -> Answer:
    """About whoever has one of the identifiers; a profile is made of them where there is none."""
    _open(account)
    if (refused := door.count("events")) is not None:
        return refused
    profile = account.profiles.held.get(profile_id)
    if profile_id and profile is None:
        raise Refusal(account.errors.not_found())
    return _post(account, call, None, profile)


def _post(account: Account, call: Call, user_id: int | None, profile: Profile | None) -> Answer:
    call.records = 1
    body = call.json()
    if profile is not None and isinstance(body, dict):
        known = {"source": profile.source, "type": profile.type, "identifiers": profile.identifiers}
        body = {"profile": known, **body}
    if why := problem(body):
        raise Refusal(account.errors.attribute(why))
    if user_id is None:
        owners = [account.people.addressed(i["value"]) for i in body["profile"]["identifiers"] if i["type"] == "email"]
        user_id = next((u.id for u in owners if u is not None), None)
    profile = profile or account.profiles.put(body["profile"], user_id)
    account.profiles.add(profile, body["event"], account.now)
    return Answer(202)


def read(account: Account, door: Door, call: Call, user_id: str) -> Answer:
    _open(account)
    user = account.user(user_id, deleted=True)
    return _page(account, call, [e for e in account.profiles.events if e.profile.user_id == user.id])


def read_of_profile(account: Account, door: Door, call: Call) -> Answer:
    """`identifier=source:type:idtype:value`"""
    _open(account)
    parts = call.query.get("identifier", "").split(":", 3)
    if len(parts) != 4:
        raise Refusal(account.errors.attribute("identifier"))
    profile = account.profiles.find(parts[0], parts[1], {"type": parts[2], "value": parts[3]})
    if profile is None:
        raise Refusal(account.errors.not_found())
    return _page(account, call, [e for e in account.profiles.events if e.profile is profile])


def _page(account: Account, call: Call, events: list[Event]) -> Answer:
    query = call.query
    try:
        since, until = (
            seconds(query[f]) if (f := f"filter[{name}]") in query else None for name in ("start_time", "end_time")
        )
    except ValueError:
        raise Refusal(account.errors.attribute("filter")) from None
    found = [
        e
        for e in sorted(events, key=lambda e: -e.created)
        if query.get("filter[source]") in (None, e.source)
        and query.get("filter[type]") in (None, e.type)
        and (since is None or e.created >= since)
        and (until is None or e.created <= until)
    ]
    call.query.setdefault("page[size]", "100")
    return page(account.errors, call, "events", found, lambda e: e.shown())


def _open(account: Account) -> None:
    if not account.switches["events_api"] or not PLANS[account.switches["plan"]][1]:
        raise Refusal(account.errors.no_such_route())


# --- webhooks ------------------------------------------------------------------------------------------------------


def webhooks(account: Account, door: Door, call: Call) -> Answer:
    call.query.setdefault("page[size]", "100")
    return page(account.errors, call, "webhooks", list(account.hooks.held.values()), lambda w: w.shown())


def create_webhook(account: Account, door: Door, call: Call) -> Answer:
    given = account.body(call, "webhook")
    for name in ("name", "endpoint"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise Refusal(account.errors.attribute(name))
    if given.get("http_method") != "POST" or given.get("request_format") != "json":
        raise Refusal(
            account.errors.attribute("http_method" if given.get("http_method") != "POST" else "request_format")
        )
    wanted: Any = given.get("subscriptions")
    if not isinstance(wanted, list) or not wanted or not all(str(s).startswith(PREFIX) for s in wanted):
        raise Refusal(account.errors.attribute("subscriptions"))
    made = account.hooks.add(given["name"], given["endpoint"], [str(s) for s in wanted], account.now)
    made.status = str(given.get("status") or "active")
    return Answer(201, {"webhook": made.shown()})


def webhook(account: Account, door: Door, call: Call, id_: str) -> Answer:
    return Answer(200, {"webhook": _webhook(account, id_).shown()})


def change_webhook(account: Account, door: Door, call: Call, id_: str) -> Answer:
    found, given = _webhook(account, id_), account.body(call, "webhook")
    for name in ("name", "endpoint", "status", "subscriptions"):
        if name in given:
            setattr(found, name, given[name])
    return Answer(204)


def drop_webhook(account: Account, door: Door, call: Call, id_: str) -> Answer:
    del account.hooks.held[_webhook(account, id_).id]
    return Answer(204)


def signing_secret(account: Account, door: Door, call: Call, id_: str) -> Answer:
    """POST makes a new one."""
    found = _webhook(account, id_)
    if call.method == "POST":
        found.secret = account.hooks.new_secret()
    status = 201 if call.method == "POST" else 200
    return Answer(status, {"signing_secret": {"algorithm": "SHA256", "secret": found.secret}})


def _webhook(account: Account, id_: str) -> Webhook:
    found = account.hooks.held.get(id_)
    if found is None:
        raise Refusal(account.errors.not_found())
    return found
