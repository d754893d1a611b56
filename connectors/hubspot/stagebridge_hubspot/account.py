"""The account: its properties, stages and owners, what is missing, and creating it. Through the official SDK."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from stagebridge.connector import Health, Schema
from stagebridge.errors import AuthError, PlatformDown
from stagebridge.mapping import Missing
from stagebridge_hubspot.answers import missing_scopes
from stagebridge_hubspot.paths import OWNERS, USAGE

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

TIMEOUT = (5, 60)
GROUP = "stagebridge"
FIELD_TYPES = {
    "string": "text",
    "enumeration": "select",
    "date": "date",
    "datetime": "date",
    "number": "number",
    "bool": "booleancheckbox",
}


def sdk_call(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """One call of the SDK, with a timeout and with our errors."""
    try:
        return call(*args, **kwargs, _request_timeout=TIMEOUT)
    except Exception as error:  # every sub-API of the SDK has an ApiException class of its own, urllib3 more
        status, body = getattr(error, "status", None), getattr(error, "body", None)
        if status == 401:
            raise AuthError("HubSpot does not accept this token", code="SB-HUBSPOT-TOKEN") from None
        if status == 403:
            raise missing_scopes(orjson.loads(body or "{}")) from None
        what = f"answered {status}" if status else f"cannot be reached ({type(error).__name__})"
        raise PlatformDown(f"HubSpot {what}", hint="Nothing is lost: run the same command again later.") from None


def discover(hs: HubSpot) -> Schema:
    properties = sdk_call(hs.sdk.crm.properties.core_api.get_all, "contacts").results
    owners = hs.get(OWNERS[hs.settings.api], {"limit": 100}).get("results", [])
    stage = next((p for p in properties if p.name == "lifecyclestage"), None)
    options = sorted(stage.options, key=lambda o: o.display_order or 0) if stage is not None else []
    return Schema(
        {
            "fields": {
                "contacts": {p.label: p.name for p in reversed(properties)} | {p.name: p.name for p in properties}
            },
            "options": {"contacts": {p.name: {o.label: o.value for o in p.options} for p in properties if p.options}},
            "owners": {str(o["id"]): str(o["email"]) for o in owners if o.get("email")},
            "stages": [o.value for o in options],
        }
    )


def check(hs: HubSpot) -> Health:
    details = hs.get("/account-info/v3/details", {})  # the SDK has no typed call for it
    problems, warnings = [], []
    try:
        names = set(discover(hs).facts["fields"]["contacts"].values())
        hs.get(hs.contacts, {"limit": 1})
    except AuthError as error:
        return Health(f"portal {details['portalId']}", (f"{error}. {error.hint}",))
    if hs.mapping is not None:
        problems += [f"{path}: {reason}" for path, reason in hs.mapping.unresolved.items()]
    if "salesforcecontactid" in names and hs.native_salesforce():
        warnings.append("HubSpot's own Salesforce integration is at work here too: two syncs will overwrite each other")
    usage = hs.get(USAGE, {}).get("results") or [{}]
    return Health(
        f"portal {details['portalId']} ({details['accountType']}, {details['timeZone']})", tuple(problems), tuple(warnings),
        {"daily": usage[0].get("usageLimit"), "used": usage[0].get("currentUsage")},
    )  # fmt: skip


def provision(hs: HubSpot, missing: Sequence[Missing], *, dry_run: bool) -> list[str]:
    said = []
    core = hs.sdk.crm.properties.core_api
    if not dry_run and any(not m.exists for m in missing):
        groups = hs.sdk.crm.properties.groups_api
        names = {g.name for g in sdk_call(groups.get_all, "contacts").results}
        if GROUP not in names:
            sdk_call(groups.create, "contacts", {"name": GROUP, "label": "stagebridge"})
    for m in missing:
        options = [
            {"label": label, "value": value, "displayOrder": i, "hidden": False}
            for i, (value, label) in enumerate(m.options.items())
        ]
        if m.exists:
            said.append(f"property {m.name}: option{'s' if len(options) > 1 else ''} {', '.join(m.options.values())}")
            if not dry_run:
                held = sdk_call(core.get_by_name, "contacts", m.name)
                kept = [
                    {"label": o.label, "value": o.value, "displayOrder": o.display_order, "hidden": bool(o.hidden)}
                    for o in held.options
                ]
                sdk_call(core.update, "contacts", m.name, {"options": kept + options})
            continue
        said.append(f"property {m.name} ('{m.label}', {m.type}{', unique' if m.unique else ''})")
        if not dry_run:
            body = {
                "name": m.name, "label": m.label, "type": m.type, "fieldType": FIELD_TYPES[m.type], "groupName": GROUP,
                "hasUniqueValue": m.unique, "options": options, "formField": False,
            }  # fmt: skip
            sdk_call(core.create, "contacts", body)
    return said
