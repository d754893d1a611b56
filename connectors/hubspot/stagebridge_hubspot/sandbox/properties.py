"""The contact properties that an account has from the start, and the checks on values that go with them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

STAGES = [
    ("subscriber", "Subscriber"), ("lead", "Lead"), ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"), ("opportunity", "Opportunity"), ("customer", "Customer"),
    ("evangelist", "Evangelist"), ("other", "Other"),
]  # fmt: skip

LEAD_STATUS = [
    ("NEW", "New"), ("OPEN", "Open"), ("IN_PROGRESS", "In Progress"), ("OPEN_DEAL", "Open Deal"),
    ("UNQUALIFIED", "Unqualified"), ("ATTEMPTED_TO_CONTACT", "Attempted to Contact"), ("CONNECTED", "Connected"),
    ("BAD_TIMING", "Bad Timing"),
]  # fmt: skip

PLAIN = {
    "email": "Email", "firstname": "First Name", "lastname": "Last Name", "phone": "Phone Number",
    "mobilephone": "Mobile Phone Number", "company": "Company Name", "jobtitle": "Job Title", "website": "Website URL",
    "address": "Street Address", "city": "City", "state": "State/Region", "zip": "Postal Code",
    "country": "Country/Region", "hs_language": "Preferred language", "salesforcecontactid": "Salesforce Contact ID",
    "date_of_birth": "Date of birth",
}  # fmt: skip

READ_ONLY = {
    "createdate": ("Create Date", "datetime"), "lastmodifieddate": ("Last Modified Date", "datetime"),
    "hs_object_id": ("Record ID", "number"), "hs_email_optout": ("Unsubscribed from all email", "bool"),
    "hs_additional_emails": ("Additional email addresses", "string"),
    "hs_merged_object_ids": ("Merged record IDs", "string"), "hs_analytics_source": ("Original Source", "string"),
    "hs_email_domain": ("Email Domain", "string"), "hs_is_contact": ("Is a contact", "bool"),
    "hs_is_unworked": ("Contact unworked", "bool"), "hs_all_contact_vids": ("All vids for a contact", "string"),
    "hs_object_source": ("Record source", "string"), "hs_object_source_label": ("Record source label", "string"),
    "hs_pipeline": ("Pipeline", "string"), "hs_marketable_status": ("Marketing contact status", "string"),
    "hs_full_name_or_email": ("Full name or email", "string"),
}  # fmt: skip

DEFAULTS = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
"""What list and search answer when no properties are asked for."""

EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+\Z")


def definition(
    name: str, label: str, type_: str = "string", *, options: list[tuple[str, str]] | None = None, read_only: bool = False,
    unique: bool = False, custom: bool = False, group: str = "contactinformation",
) -> dict[str, Any]:  # fmt: skip
    kinds = {
        "string": "text",
        "enumeration": "select",
        "datetime": "date",
        "date": "date",
        "number": "number",
        "bool": "booleancheckbox",
    }
    out: dict[str, Any] = {
        "name": name, "label": label, "type": type_, "fieldType": kinds.get(type_, "text"), "description": "",
        "groupName": group,
        "options": [
            {"label": lb, "value": v, "displayOrder": i, "hidden": False, "description": ""}
            for i, (v, lb) in enumerate(options or [])
        ],
        "displayOrder": -1, "calculated": read_only, "externalOptions": False, "hasUniqueValue": unique, "hidden": False,
        "modificationMetadata": {"archivable": custom, "readOnlyDefinition": not custom, "readOnlyValue": read_only},
        "formField": not read_only, "dataSensitivity": "non_sensitive", "createdAt": "2020-06-30T15:57:37.277Z",
        "updatedAt": "2024-09-12T14:22:56.844Z",
    }  # fmt: skip
    if not custom:
        out["hubspotDefined"] = True
    return out


def standard(stages: list[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    out = {n: definition(n, lb) for n, lb in PLAIN.items()}
    out |= {n: definition(n, lb, t, read_only=True) for n, (lb, t) in READ_ONLY.items()}
    out["lifecyclestage"] = definition("lifecyclestage", "Lifecycle Stage", "enumeration", options=stages)
    out["hs_lead_status"] = definition("hs_lead_status", "Lead Status", "enumeration", options=LEAD_STATUS)
    owner = definition("hubspot_owner_id", "Contact owner", "enumeration")
    owner["externalOptions"] = True
    out["hubspot_owner_id"] = owner
    for value, label in stages:
        name = f"hs_v2_date_entered_{value}"
        out[name] = definition(name, f"Date entered {label}", "datetime", read_only=True)
    return out


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_ms(text: str) -> int:
    """Epoch milliseconds or ISO 8601. Raises ValueError."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def problem(prop: dict[str, Any] | None, name: str, value: str, owners: set[str]) -> dict[str, Any] | None:
    """What is wrong with writing this value, in the form of a validation entry; None if nothing."""

    def say(error: str, message: str) -> dict[str, Any]:
        return {"isValid": False, "message": message, "error": error, "name": name}

    if prop is None:
        return say("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if prop["modificationMetadata"]["readOnlyValue"]:
        return say("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    if value == "":
        return None
    if name == "email" and not EMAIL.match(value):
        return say("INVALID_EMAIL", f"Email address {value} is invalid")
    if name == "hubspot_owner_id" and value not in owners:
        return say("INVALID_OWNER_ID", f"{value} is not a valid owner id")
    if prop["type"] == "enumeration" and not prop["externalOptions"]:
        allowed = [o["value"] for o in prop["options"]]
        if any(v not in allowed for v in value.split(";")):
            return say("INVALID_OPTION", f"{value} was not one of the allowed options: {allowed}")
    if prop["type"] == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return say("INVALID_INTEGER", f"{value} was not a valid number.")
    if prop["type"] in ("date", "datetime"):
        try:
            ms = to_ms(value)
        except ValueError:
            return say("INVALID_DATE", f"{value} was not a valid {prop['type']}.")
        if prop["type"] == "date" and ms % 86400000:
            return say("INVALID_DATE", f"{value} is at {iso(ms)}, not midnight UTC")
    return None
