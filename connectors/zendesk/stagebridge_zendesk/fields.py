"""The account: who we are there, its user fields, and creating those that a mapping needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Health, Schema
from stagebridge.errors import AuthError, StagebridgeError
from stagebridge.mapping import Missing
from stagebridge_zendesk.answers import trouble
from stagebridge_zendesk.users import CONTACTS

if TYPE_CHECKING:
    from stagebridge_zendesk.connector import Zendesk

PATH = "/api/v2/user_fields"
TYPES: Mapping[str, str] = {
    "string": "text", "enumeration": "dropdown", "date": "date", "datetime": "text", "number": "decimal", "bool": "checkbox",
}  # fmt: skip


class Refused(StagebridgeError):
    """Zendesk refused a change to the account itself."""

    default_code = "SB-ZENDESK-REFUSED"


def every(zd: Zendesk) -> Iterator[dict[str, Any]]:
    """The account's active user fields."""
    query: dict[str, Any] = {"page[size]": "100"}
    while True:
        answer = zd.get(PATH, query)
        yield from (f for f in answer.get("user_fields") or [] if f.get("active", True))
        meta = answer.get("meta") or {}
        if not meta.get("has_more"):
            return
        query["page[after]"] = meta["after_cursor"]


def discover(zd: Zendesk) -> Schema:
    fields = list(every(zd))
    titles = [f["title"] for f in fields]
    # a title that is there twice names neither; every field can be named by its own key
    once = {f["title"]: f["key"] for f in fields if titles.count(f["title"]) == 1}
    options = {
        f["key"]: {o["name"]: o["value"] for o in f["custom_field_options"]}
        for f in fields
        if f.get("custom_field_options")
    }
    return Schema({"fields": {CONTACTS: once | {f["key"]: f["key"] for f in fields}}, "options": {CONTACTS: options}})


def provision(zd: Zendesk, missing: Sequence[Missing], *, dry_run: bool) -> list[str]:
    said: list[str] = []
    held = {f["key"]: f for f in every(zd)} if missing else {}
    for m in missing:
        there = held.get(m.name)
        have = {o["value"] for o in (there or {}).get("custom_field_options") or []}
        options = {value: label for value, label in m.options.items() if value not in have}
        if there is None:
            said.append(f"user field {m.name} ('{m.label}', {TYPES[m.type]})")
        elif options:
            said.append(f"user field {m.name}: option{'s' if len(options) > 1 else ''} {', '.join(options.values())}")
        else:
            said.append(f"user field {m.name} is there already")
        if dry_run:
            continue
        if there is None:
            _create(zd, m)
        else:
            for value, label in options.items():
                _post(zd, f"{PATH}/{there['id']}/options", {"custom_field_option": {"name": label, "value": value}})
    return said


def _create(zd: Zendesk, m: Missing) -> None:
    field: dict[str, Any] = {"type": TYPES[m.type], "key": m.name, "title": m.label}
    if m.type == "enumeration":
        field["custom_field_options"] = [{"name": label, "value": value} for value, label in m.options.items()]
    _post(zd, PATH, {"user_field": field})


def _post(zd: Zendesk, path: str, body: dict[str, Any]) -> None:
    answer = zd.request("POST", path, body, allow=(400, 409, 422))
    if answer.status >= 400:
        raise Refused(f"Zendesk answered {answer.status} to {path}: {trouble(answer.object()).said}")


# --- is it well? ----------------------------------------------------------------------------------------------------


def check(zd: Zendesk) -> Health:
    user = zd.get("/api/v2/users/me", {}).get("user") or {}
    if not user.get("id"):  # whoever is not let in is answered all the same, as nobody
        raise AuthError(
            "Zendesk does not know whose credentials these are", code="SB-ZENDESK-TOKEN",
            hint="Check the e-mail address and the API token, or the OAuth token, in the Admin Center.",
        )  # fmt: skip
    problems: list[str] = []
    if user.get("role") != "admin":
        problems.append(
            "the token's user is no administrator: exports are for administrators only; use another one's token"
        )
    if zd.mapping is not None:
        problems += [f"{path}: {reason}" for path, reason in zd.mapping.unresolved.items()]
    pace = None if problems else zd.pace()
    return Health(
        f"{zd.account}.zendesk.com, as {user.get('role') or 'nobody'} {user['id']}", tuple(problems),
        (pace.why,) if pace is not None else (), {"per minute": zd.per_minute},
    )  # fmt: skip
