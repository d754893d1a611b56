"""The organisation: what its user may see, what is missing, and the files that an administrator deploys."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from stagebridge.connector import Health, Schema
from stagebridge.errors import StagebridgeError
from stagebridge.mapping import Missing

if TYPE_CHECKING:
    from stagebridge_salesforce.connector import Salesforce

OBJECTS = ("Contact", "Lead")
PERMISSION_SET = "stagebridge"
EVENT_KEY = "stagebridge_event_id__c"
ACTIVITY = "Activity"
"""Where Salesforce keeps custom fields of Tasks; permissions name them by the Task."""


def discover(sf: Salesforce) -> Schema:
    fields: dict[str, dict[str, str]] = {}
    options: dict[str, dict[str, dict[str, str]]] = {}
    for object in OBJECTS:
        described = sf.describe(object)
        # two fields may share a label; a field's own name always finds it
        fields[object] = {f["label"]: f["name"] for f in reversed(described)} | {
            f["name"]: f["name"] for f in described
        }
        options[object] = {
            f["name"]: {p["label"]: p["value"] for p in f["picklistValues"] if p["active"]}
            for f in described
            if f["picklistValues"]
        }
    with suppress(StagebridgeError):  # a user who may not see Tasks may see people
        sf.describe("Task")
    owners = sf.query("SELECT Id, Email FROM User WHERE IsActive = true", deleted=False)
    people = {str(r["Id"]): str(r["Email"]) for r in (owners or {}).get("records", []) if r.get("Email")}
    return Schema({"fields": fields, "options": options, "owners": people})


def check(sf: Salesforce) -> Health:
    limits = sf.asked(lambda: sf.sdk.limits(), "limits").get("DailyApiRequests", {})
    problems: list[str] = []
    warnings: list[str] = []
    if sf.mapping is not None:
        for path, reason in sf.mapping.unresolved.items():
            needed = path.endswith((".external_id", ".stage"))
            (problems if needed else warnings).append(f"{path}: {reason}, or this user may not see it")
    if event_key(sf):
        warnings.append(
            f"Tasks have no field {EVENT_KEY}: an event whose answer is lost is not sent again; `stagebridge provision` writes "
            "the field for an administrator"
        )
    warnings.append(
        "converted Leads are followed into their Contact and never written; Contacts need an Account "
        f"(on_missing: {sf.settings.account.on_missing})"
    )
    return Health(
        f"organisation at {sf.instance}", tuple(problems), tuple(warnings),
        {"daily": limits.get("Max"), "remaining": limits.get("Remaining")},
    )  # fmt: skip


# --- files for an administrator -------------------------------------------------------------------------------

TYPES = {
    "string": "Text",
    "bool": "Checkbox",
    "date": "Date",
    "datetime": "DateTime",
    "number": "Number",
    "enumeration": "Picklist",
}


def event_key(sf: Salesforce) -> list[Missing]:
    """The field that tells one event's Task from another's, where events become Tasks and it is not there."""
    if sf.mapping is None or not sf.mapping.takes_events or sf.keeps_event_ids:
        return []
    return [Missing(ACTIVITY, EVENT_KEY, "stagebridge event id", "string", "event.id", unique=True)]


def deployable(missing: Sequence[Missing], api_version: str) -> dict[str, str]:
    """Salesforce DX source: `sf project deploy start --source-dir force-app`, then assign the permission set."""
    root = "force-app/main/default"
    files = {
        "sfdx-project.json": '{"packageDirectories": [{"path": "force-app", "default": true}], "sourceApiVersion": "'
        + api_version + '"}\n',
        "README.md": "Deploy with `sf project deploy start --source-dir force-app`, then assign the permission set "
        f"`{PERMISSION_SET}` to the integration user and to everybody who should see the fields.\n",
    }  # fmt: skip
    for m in missing:
        files[f"{root}/objects/{m.object}/fields/{m.name}.field-meta.xml"] = _field(m)
    if missing:
        files[f"{root}/permissionsets/{PERMISSION_SET}.permissionset-meta.xml"] = _permissions(missing)
    return files


def _field(m: Missing) -> str:
    kind = TYPES[m.type]
    parts: dict[str, Any] = {
        "fullName": m.name,
        "label": m.label[:1].upper() + m.label[1:],
        "type": kind,
        "required": "false",
    }
    if kind == "Text":
        parts["length"] = 255
    if kind == "Number":
        parts |= {"precision": 18, "scale": 4}
    if kind == "Checkbox":
        parts["defaultValue"] = "false"
    if m.unique:
        parts |= {"externalId": "true", "length": 64}
    if m.unique and m.object != ACTIVITY:  # whether Salesforce takes a unique field there is not known
        parts |= {"unique": "true", "caseSensitive": "false"}
    lines = "".join(f"    <{k}>{escape(str(v))}</{k}>\n" for k, v in parts.items())
    if m.options:
        values = "".join(
            f"            <value><fullName>{escape(v)}</fullName><default>false</default><label>{escape(lb)}</label></value>\n"
            for v, lb in m.options.items()
        )
        lines += (
            "    <valueSet>\n        <restricted>true</restricted>\n        <valueSetDefinition>\n"
            f"            <sorted>false</sorted>\n{values}        </valueSetDefinition>\n    </valueSet>\n"
        )
    return f'{_HEAD}<CustomField xmlns="{_NS}">\n{lines}</CustomField>\n'


def _permissions(missing: Sequence[Missing]) -> str:
    lines = "".join(
        "    <fieldPermissions>\n        <editable>true</editable>\n"
        f"        <field>{'Task' if m.object == ACTIVITY else m.object}.{m.name}</field>\n        <readable>true</readable>\n    </fieldPermissions>\n"
        for m in missing
    )
    return f'{_HEAD}<PermissionSet xmlns="{_NS}">\n{lines}    <label>stagebridge</label>\n</PermissionSet>\n'


_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NS = "http://soap.sforce.com/2006/04/metadata"
