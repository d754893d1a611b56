"""Users one by one: made, changed, ended, merged; and their tags."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_zendesk.sandbox.account import Account
from stagebridge_zendesk.sandbox.answers import Refusal, host, iso, page
from stagebridge_zendesk.sandbox.door import Door
from stagebridge_zendesk.sandbox.user import User

ERASING = (("request_deletion", "all", 0), ("started", "support", 60), ("complete", "support", 3600))
"""Steps of a permanent deletion: action, application, seconds after it was asked for. The times are ours."""


def create(account: Account, door: Door, call: Call) -> Answer:
    call.records = 1
    given = account.body(call, "user")
    _no_id(account, given)
    made = account.people.create(given, account.now)
    return Answer(201, {"user": account.shown(made, call)}, {"Location": _url(call, made)})


def create_or_update(account: Account, door: Door, call: Call) -> Answer:
    call.records = 1
    given = account.body(call, "user")
    _no_id(account, given)
    user = account.people.meant(given)
    whom = user.id if user is not None else str(given.get("external_id") or given.get("email"))
    if (refused := door.count("create-update-user", whom)) is not None:
        return refused
    if user is not None:
        account.person_first(call.faults, user, account.now)
        account.people.update(user, given, account.now)
        status = 200
    else:
        user, status = account.people.create(given, account.now), 201
    return Answer(status, {"user": account.shown(user, call)}, {"Location": _url(call, user)})


def get(account: Account, door: Door, call: Call, id_: str) -> Answer:
    user = account.user(id_, deleted=True)
    return Answer(200, {"user": account.shown(user, call), **sideloads(account, call, [user])})


def update(account: Account, door: Door, call: Call, id_: str) -> Answer:
    call.records = 1
    user = account.user(id_)
    if (refused := door.count("create-update-user", user.id)) is not None:
        return refused
    given = account.body(call, "user")
    _no_id(account, given)
    account.person_first(call.faults, user, account.now)
    account.people.update(user, given, account.now)
    return Answer(200, {"user": account.shown(user, call)})


def delete(account: Account, door: Door, call: Call, id_: str) -> Answer:
    user = account.user(id_)
    account.people.delete(user, account.now)
    return Answer(200, {"user": account.shown(user, call)})


def me(account: Account, door: Door, call: Call) -> Answer:
    admin = {
        "id": account.agent,
        "name": "Sandbox Admin",
        "email": "admin@example.com",
        "role": account.switches["role"],
    }
    return Answer(
        200, {"user": {"active": True, "verified": True, "suspended": False, **admin, "authenticity_token": "sandbox"}}
    )


def anonymous(account: Account) -> Answer:
    """Who asks without credentials who he is [M]."""
    return Answer(
        200, {"user": {"id": None, "name": "Anonymous user", "email": "invalid@example.com", "active": False}}
    )


def merge(account: Account, door: Door, call: Call, id_: str) -> Answer:
    """The user of the path goes into the one of the body."""
    call.records = 1
    loser, given = account.user(id_), account.body(call, "user")
    winner = (
        account.people.get(given["id"])
        if isinstance(given.get("id"), int)
        else account.people.addressed(str(given.get("email")))
    )
    if winner is None:
        raise Refusal(account.errors.not_found())
    if winner is loser or any(u.values["role"] != "end-user" for u in (loser, winner)):
        raise Refusal(account.errors.forbidden())
    account.people.merge(loser, winner, account.now)
    for ticket in account.tickets.held.values():
        if ticket.requester_id == loser.id:
            ticket.requester_id = winner.id
    return Answer(200, {"user": account.shown(winner, call)})


def _no_id(account: Account, given: dict[str, Any]) -> None:
    """An id that is null is refused rather than ignored, as a third party's issue says."""
    if "id" in given and given["id"] is None:
        raise Refusal(account.errors.attribute("id"))


def _url(call: Call, user: User) -> str:
    return f"{host(call)}/api/v2/users/{user.id}.json"


def sideloads(account: Account, call: Call, users: list[User]) -> dict[str, Any]:
    """`include=organizations` brings theirs along."""
    if "organizations" not in call.listed("include"):
        return {}
    ids = dict.fromkeys(u.values["organization_id"] for u in users if u.values["organization_id"])
    return {"organizations": [account.organizations.held[i].shown(host(call)) for i in ids]}


# --- tags ----------------------------------------------------------------------------------------------------------


def tags(account: Account, door: Door, call: Call, id_: str) -> Answer:
    """GET reads, POST sets (201), PUT adds, DELETE removes."""
    user = account.user(id_)
    if call.method != "GET":
        call.records = 1
        body = call.json()
        given = body.get("tags") if isinstance(body, dict) else None
        if call.method == "DELETE" and given is None:
            given = call.listed("tags")
        if not isinstance(given, list) or not all(isinstance(t, str) for t in given):
            raise Refusal(account.errors.missing("tags"))
        account.person_first(call.faults, user, account.now)
        held = list(user.tags)
        match call.method:
            case "POST":
                wanted = given
            case "PUT":
                wanted = [*held, *given]
            case _:
                wanted = [t for t in held if t not in given]
        account.people.set_tags(user, wanted, account.now)
    shown = list(user.tags) if account.switches["tags_enabled"] else []
    return Answer(201 if call.method == "POST" else 200, {"tags": shown})


# --- deleted users -------------------------------------------------------------------------------------------------


def deleted(account: Account, door: Door, call: Call) -> Answer:
    found = [u for u in account.people.held.values() if not u.active and not u.erased]
    return page(account.errors, call, "deleted_users", found, lambda u: _gone(account, u, call))


def count_deleted(account: Account, door: Door, call: Call) -> Answer:
    found = sum(1 for u in account.people.held.values() if not u.active and not u.erased)
    return Answer(200, {"count": {"value": found, "refreshed_at": iso(account.now)}})


def get_deleted(account: Account, door: Door, call: Call, id_: str) -> Answer:
    return Answer(200, {"deleted_user": _gone(account, _softly(account, id_), call)})


def erase(account: Account, door: Door, call: Call, id_: str) -> Answer:
    """Permanently, and only who was deleted softly before."""
    call.records = 1
    if (refused := door.count("deleted-users")) is not None:
        return refused
    user = _softly(account, id_)
    shown = _gone(account, user, call)
    account.people.erase(user, account.now)
    account.profiles.events = [e for e in account.profiles.events if e.profile.user_id != user.id]
    account.profiles.held = {i: p for i, p in account.profiles.held.items() if p.user_id != user.id}
    return Answer(200, {"deleted_user": shown})


def compliance(account: Account, door: Door, call: Call, id_: str) -> Answer:
    user = account.people.held.get(int(id_)) if id_.isdigit() else None
    if user is None:
        raise Refusal(account.errors.not_found())
    statuses = [
        {
            "action": action, "application": application, "account_subdomain": account.switches["subdomain"],
            "executer_id": account.agent if action == "request_deletion" else None, "user_id": user.id,
            "created_at": iso(user.erased + after),
        }
        for action, application, after in ERASING
        if user.erased and user.erased + after <= account.now
    ]  # fmt: skip
    return Answer(200, {"compliance_deletion_statuses": statuses})


def _softly(account: Account, id_: str) -> User:
    found = account.people.held.get(int(id_)) if id_.isdigit() else None
    if found is None or found.active or found.erased:
        raise Refusal(account.errors.not_found())
    return found


def _gone(account: Account, user: User, call: Call) -> dict[str, Any]:
    whole = account.shown(user, call)
    names = (
        "id", "name", "email", "created_at", "updated_at", "time_zone", "phone", "shared_phone_number", "photo", "locale_id",
        "locale", "organization_id", "role", "active",
    )  # fmt: skip
    return {"url": f"{host(call)}/api/v2/deleted_users/{user.id}.json", **{n: whole.get(n) for n in names}}
