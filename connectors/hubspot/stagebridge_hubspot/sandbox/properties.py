"""The contact properties that an account has from the start.

Types and metadata as in a recorded account: standard properties are `hubspotDefined`, their definition is read-only, and
whether a value can be written is `readOnlyValue` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Stages = Sequence[tuple[str, str]]

STAGES: Stages = [
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
    "hs_merged_object_ids": ("Merged record IDs", "string"),
    "hs_calculated_merged_vids": ("Merged vids with timestamps of a contact", "string"),
    "hs_analytics_source": ("Original Source", "string"), "hs_email_domain": ("Email Domain", "string"),
    "hs_is_contact": ("Is a contact", "bool"), "hs_is_unworked": ("Contact unworked", "bool"),
    "hs_all_contact_vids": ("All vids for a contact", "string"), "hs_object_source": ("Record source", "string"),
    "hs_object_source_id": ("Record source ID", "string"), "hs_object_source_label": ("Record source label", "string"),
    "hs_pipeline": ("Pipeline", "string"), "hs_marketable_status": ("Marketing contact status", "bool"),
    "hs_full_name_or_email": ("Full name or email", "string"),
}  # fmt: skip

COUNTED = {
    "hs_associated_target_accounts": "0", "hs_currently_enrolled_in_prospecting_agent": "false",
    "hs_membership_has_accessed_private_content": "0", "hs_prospecting_agent_actively_enrolled_count": "0",
    "hs_prospecting_agent_total_enrolled_count": "0", "hs_registered_member": "0",
    "hs_sequences_actively_enrolled_count": "0", "num_notes": "0",
}  # fmt: skip
"""Computed values that a recorded create answer carries beside what was written."""

DEFAULTS = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
"""What list, read and search answer when no properties are asked for, and beside those that are."""

FIELD_TYPES = {
    "string": "text", "enumeration": "select", "datetime": "date", "date": "date", "number": "number",
    "bool": "booleancheckbox", "phone_number": "phonenumber",
}  # fmt: skip

YES_NO = [("true", "Yes"), ("false", "No")]


def definition(
    name: str, label: str, type_: str = "string", *, options: Sequence[tuple[str, str]] | None = None,
    read_only: bool = False, unique: bool = False, custom: bool = False, group: str = "contactinformation",
    field_type: str = "",
) -> dict[str, Any]:  # fmt: skip
    options = options or (YES_NO if type_ == "bool" else [])
    out: dict[str, Any] = {
        "name": name, "label": label, "type": type_, "fieldType": field_type or FIELD_TYPES.get(type_, "text"),
        "description": "", "groupName": group,
        "options": [
            {"label": lb, "value": v, "displayOrder": i, "hidden": False, "description": ""} for i, (v, lb) in enumerate(options)
        ],
        "displayOrder": -1, "calculated": False, "externalOptions": False, "hasUniqueValue": unique, "hidden": False,
        "modificationMetadata": {"archivable": True, "readOnlyDefinition": not custom, "readOnlyValue": read_only},
        "formField": not read_only, "dataSensitivity": "non_sensitive",
    }  # fmt: skip
    if not custom:
        out |= {
            "hubspotDefined": True,
            "createdAt": "2020-06-30T15:57:37.277Z",
            "updatedAt": "2024-09-12T14:22:56.844Z",
        }
    return out


def standard(stages: Stages) -> dict[str, dict[str, Any]]:
    """All of an account whose lifecycle has these stages, by name."""
    out = {n: definition(n, lb) for n, lb in PLAIN.items()}
    out |= {n: definition(n, lb, t, read_only=True) for n, (lb, t) in READ_ONLY.items()}
    out |= {n: definition(n, n, "bool" if v == "false" else "number", read_only=True) for n, v in COUNTED.items()}
    out["mobilephone"]["fieldType"] = out["phone"]["fieldType"] = "phonenumber"
    out["lifecyclestage"] = definition("lifecyclestage", "Lifecycle Stage", "enumeration", options=stages)
    out["hs_lead_status"] = definition("hs_lead_status", "Lead Status", "enumeration", options=LEAD_STATUS)
    out["hubspot_owner_id"] = definition("hubspot_owner_id", "Contact owner", "enumeration")
    out["hubspot_owner_id"]["externalOptions"] = True
    for name, (label, type_) in stage_dates(stages).items():
        out[name] = definition(name, label, type_, read_only=True, field_type="calculation_read_time")
    return out


def stage_dates(stages: Stages) -> Mapping[str, tuple[str, str]]:
    """The read-only properties that say when a contact was in which stage: label and type by name."""
    out: dict[str, tuple[str, str]] = {}
    defaults = {v for v, _ in STAGES}
    for value, label in stages:
        out[f"hs_v2_date_entered_{value}"] = (f"Date entered {label}", "datetime")
        out[f"hs_v2_date_exited_{value}"] = (f"Date exited {label}", "datetime")
        out[f"hs_v2_latest_time_in_{value}"] = (f"Latest time in {label}", "number")
        out[f"hs_v2_cumulative_time_in_{value}"] = (f"Cumulative time in {label}", "number")
        if value in defaults:
            out[f"hs_lifecyclestage_{value}_date"] = (f"Became a {label} Date", "datetime")
    return out
