"""Many users at once: listed, looked up, searched for."""

from __future__ import annotations

import re
from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_zendesk.sandbox.account import Account
from stagebridge_zendesk.sandbox.answers import Refusal, iso, page
from stagebridge_zendesk.sandbox.door import Door
from stagebridge_zendesk.sandbox.user import User
from stagebridge_zendesk.sandbox.users import sideloads

MANY = 100
"""Ids of one request."""

TERM = re.compile(r'(?:(\w+):)?("[^"]*"|\S+)')
SEARCHED = ("name", "email", "phone", "external_id", "notes", "details")
"""Where a word without a key is looked for [M]."""


def listing(account: Account, door: Door, call: Call) -> Answer:
    roles = {*call.listed("role"), *call.listed("role[]")}
    external = call.query.get("external_id")
    found = [
        u
        for u in account.people.living()
        if (not roles or u.values["role"] in roles)
        and (external is None or (u.values["external_id"] or "").lower() == external.lower())
        and u.shows_from <= account.now
    ]
    return _with(account, call, page(account.errors, call, "users", found, lambda u: account.shown(u, call)))


def count(account: Account, door: Door, call: Call) -> Answer:
    return Answer(200, {"count": {"value": sum(1 for _ in account.people.living()), "refreshed_at": iso(account.now)}})


def show_many(account: Account, door: Door, call: Call) -> Answer:
    gone = call.query.get("include_deleted", "").lower() == "true"
    found = [u for u in chosen(account, call) if u is not None and not u.erased and (u.active or gone)]
    return Answer(
        200, {"users": [account.shown(u, call) for u in found], "count": len(found), "next_page": None,
              "previous_page": None, **sideloads(account, call, found)},
    )  # fmt: skip


def chosen(account: Account, call: Call) -> list[User | None]:
    """The users of `ids` or `external_ids`, None where there is none."""
    ids, externals = call.listed("ids"), call.listed("external_ids")
    if not ids and not externals:
        raise Refusal(account.errors.missing("ids"))
    if len(ids or externals) > MANY:
        raise Refusal(account.errors.text(400, "TooManyValues", f"No more than {MANY} ids at once"))
    if any(not i.isdigit() for i in ids):
        raise Refusal(account.errors.attribute("ids"))
    call.records = len(ids or externals)
    if ids:
        return [account.people.held.get(int(i)) for i in dict.fromkeys(ids)]
    return [account.people.external(e) for e in dict.fromkeys(externals)]


def search(account: Account, door: Door, call: Call) -> Answer:
    """By number of page only, ten thousand at most; what was just written shows when the index has it."""
    external, query = call.query.get("external_id"), call.query.get("query")
    if external is None and query is None:
        raise Refusal(account.errors.missing("query"))
    found = []
    for user in account.people.held.values():
        shown = _indexed(account, user, call)
        if shown is None or (external is not None and (shown["external_id"] or "").lower() != external.lower()):
            continue
        if query is None or _matches(account, shown, _addresses(account, user), query):
            found.append(shown)
    answer = page(account.errors, call, "users", found, lambda s: s, offset_only=True)
    return _with(account, call, answer)


def _indexed(account: Account, user: User, call: Call) -> dict[str, Any] | None:
    """The user as search knows him."""
    if user.before is not None and user.before[0] > account.now:
        before: dict[str, Any] | None = user.before[1]
        return before
    return account.shown(user, call) if user.active else None


def _addresses(account: Account, user: User) -> set[str]:
    """Further addresses that search finds somebody by."""
    if not account.switches["search_by_any_address"] or (user.before is not None and user.before[0] > account.now):
        return set()
    return {str(i.value).lower() for i in user.of_type("email")}


def _matches(account: Account, shown: dict[str, Any], addresses: set[str], query: str) -> bool:
    return all(
        _term(account, shown, addresses, key.lower(), text.strip('"').lower()) for key, text in TERM.findall(query)
    )


def _term(account: Account, shown: dict[str, Any], addresses: set[str], key: str, text: str) -> bool:
    if key == "email" and text in addresses:
        return True
    if key in ("type", ""):
        return (key == "type" and text == "user") or any(text in str(shown.get(n) or "").lower() for n in SEARCHED)
    if key in ("tags", "tag"):
        return text in shown["tags"]
    if key == "organization":
        held = account.organizations.get(shown["organization_id"])
        return held is not None and text in (held.name.lower(), str(held.id))
    value = shown.get(key, shown["user_fields"].get(key))
    if text == "none":
        return value in (None, "")
    found = str(value or "").lower()
    return text in found if key in ("name", "notes", "details") else text == found


def _with(account: Account, call: Call, answer: Answer) -> Answer:
    """Side-loads of a page."""
    users = [account.people.held[u["id"]] for u in answer.body["users"]]
    answer.body |= sideloads(account, call, users)
    return answer


__all__ = ["MANY", "chosen", "count", "listing", "search", "show_many"]
