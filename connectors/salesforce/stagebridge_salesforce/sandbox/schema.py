"""The objects of an organisation and their fields, as `describe` tells them; checks on what is written."""

from __future__ import annotations

import re
from typing import Any

LEAD_STATUS = ["Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"]
STAGES = [
    ("Prospecting", 10, False, False), ("Negotiation/Review", 90, False, False), ("Closed Won", 100, True, True),
    ("Closed Lost", 0, True, False),
]  # fmt: skip
"""(name, probability, closed, won) of Opportunities."""
TASK_STATUS = ["Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"]
RESPONDED = ("Responded",)
"""Statuses of campaign members that say that somebody responded."""
SOURCES = ["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"]
PREFIX = {
    "Account": "001",
    "Contact": "003",
    "Lead": "00Q",
    "User": "005",
    "Opportunity": "006",
    "Task": "00T",
    "OpportunityContactRole": "00K",
    "OpportunityHistory": "008",
    "OpportunityStage": "01J",
    "Campaign": "701",
    "CampaignMember": "00v",
}
EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+\Z")


def field(
    name: str, label: str, type_: str = "string", *, length: int = 0, read_only: bool = False, required: bool = False,
    values: list[str] | None = None, restricted: bool = False, external: bool = False, refers: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "aggregatable": True, "autoNumber": False, "calculated": False, "caseSensitive": False, "createable": not read_only,
        "custom": name.endswith("__c"), "defaultedOnCreate": type_ == "boolean" or (name == "OwnerId"), "encrypted": False,
        "externalId": external, "filterable": True, "groupable": True, "idLookup": external or name in ("Id", "Email"),
        "label": label, "length": length, "name": name, "nameField": name == "Name", "nillable": not required,
        "permissionable": True,
        "picklistValues": [
            {"active": True, "defaultValue": i == 0 and name == "Status", "label": v, "validFor": None, "value": v}
            for i, v in enumerate(values or [])
        ],
        "precision": 0, "referenceTo": [refers] if refers else [],
        "relationshipName": name.removesuffix("Id") if refers else None, "restrictedPicklist": restricted, "scale": 0,
        "soapType": "xsd:boolean" if type_ == "boolean" else "xsd:string", "sortable": True, "type": type_,
        "unique": external, "updateable": not read_only,
    }  # fmt: skip


def _system() -> list[dict[str, Any]]:
    return [
        field("Id", "Record ID", "id", length=18, read_only=True),
        field("IsDeleted", "Deleted", "boolean", read_only=True),
        field("MasterRecordId", "Master Record ID", "reference", read_only=True),
        field("CreatedDate", "Created Date", "datetime", read_only=True),
        field("LastModifiedDate", "Last Modified Date", "datetime", read_only=True),
        field("SystemModstamp", "System Modstamp", "datetime", read_only=True),
        field("OwnerId", "Owner ID", "reference", refers="User"),
    ]


def _stamped() -> list[dict[str, Any]]:
    """What rows have that nobody owns or merges."""
    return [f for f in _system() if f["name"] not in ("MasterRecordId", "OwnerId")]


def _person(prefix: str) -> list[dict[str, Any]]:
    return [
        field("FirstName", "First Name", length=40),
        field("LastName", "Last Name", length=80, required=True),
        field("Name", "Full Name", length=121, read_only=True),
        field("Title", "Title", length=128),
        field("Phone", "Phone", "phone", length=40),
        field("MobilePhone", "Mobile Phone", "phone", length=40),
        field("Email", "Email", "email", length=80),
        field("LeadSource", "Lead Source", "picklist", length=255, values=SOURCES),
        field("HasOptedOutOfEmail", "Email Opt Out", "boolean"),
        field("DoNotCall", "Do Not Call", "boolean"),
        field(f"{prefix}Street", "Street", "textarea", length=255),
        field(f"{prefix}City", "City", length=40),
        field(f"{prefix}State", "State/Province", length=80),
        field(f"{prefix}PostalCode", "Zip/Postal Code", length=20),
        field(f"{prefix}Country", "Country", length=80),
    ]


def objects() -> dict[str, dict[str, dict[str, Any]]]:
    """{object: {field name: field}} of an organisation as delivered."""
    made = {
        "Account": [*_system(), field("Name", "Account Name", length=255, required=True)],
        "Contact": [
            *_system(), *_person("Mailing"), field("AccountId", "Account ID", "reference", refers="Account"),
            field("Birthdate", "Birthdate", "date"),
        ],
        "Lead": [
            *_system(), *_person(""), field("Company", "Company", length=255, required=True),
            field("Website", "Website", "url", length=255),
            field("Status", "Status", "picklist", length=255, values=LEAD_STATUS, restricted=True),
            field("IsConverted", "Converted", "boolean", read_only=True),
            field("ConvertedDate", "Converted Date", "date", read_only=True),
            field("ConvertedContactId", "Converted Contact ID", "reference", read_only=True, refers="Contact"),
            field("ConvertedAccountId", "Converted Account ID", "reference", read_only=True, refers="Account"),
        ],
        "Opportunity": [
            *_system(), field("Name", "Name", length=120, required=True),
            field("StageName", "Stage", "picklist", length=255, values=[s[0] for s in STAGES], required=True),
            field("CloseDate", "Close Date", "date", required=True), field("Amount", "Amount", "currency"),
            field("AccountId", "Account ID", "reference", refers="Account"),
            field("Probability", "Probability (%)", "percent", read_only=True),
            field("IsClosed", "Closed", "boolean", read_only=True), field("IsWon", "Won", "boolean", read_only=True),
        ],
        "OpportunityContactRole": [
            *_stamped(), field("OpportunityId", "Opportunity ID", "reference", refers="Opportunity", required=True),
            field("ContactId", "Contact ID", "reference", refers="Contact", required=True),
            field("Role", "Role", "picklist", length=255), field("IsPrimary", "Primary", "boolean"),
        ],
        "OpportunityHistory": [
            *_stamped(), field("OpportunityId", "Opportunity ID", "reference", refers="Opportunity", read_only=True),
            field("StageName", "Stage Name", length=255, read_only=True), field("Amount", "Amount", "currency", read_only=True),
            field("CloseDate", "Close Date", "date", read_only=True),
        ],
        "OpportunityStage": [
            *_stamped(), field("ApiName", "API Name", length=255, read_only=True),
            field("MasterLabel", "Master Label", length=255, read_only=True),
            field("DefaultProbability", "Probability", "percent", read_only=True),
            field("IsActive", "Active", "boolean", read_only=True), field("IsClosed", "Closed", "boolean", read_only=True),
            field("IsWon", "Won", "boolean", read_only=True), field("SortOrder", "Order", "int", read_only=True),
        ],
        "Task": [
            *[f for f in _system() if f["name"] != "MasterRecordId"], field("Subject", "Subject", "combobox", length=255),
            field("WhoId", "Name ID", "reference"), field("WhatId", "Related To ID", "reference"),
            field("Status", "Status", "picklist", length=255, values=TASK_STATUS),
            field("Priority", "Priority", "picklist", length=255, values=["High", "Normal", "Low"]),
            field("ActivityDate", "Due Date Only", "date"),
            field("Description", "Description", "textarea", length=32000),
        ],
        "Campaign": [
            *_system(), field("Name", "Name", length=80, required=True), field("IsActive", "Active", "boolean"),
        ],
        "CampaignMember": [
            *_stamped(), field("CampaignId", "Campaign ID", "reference", refers="Campaign"),
            field("ContactId", "Contact ID", "reference", refers="Contact"),
            field("LeadId", "Lead ID", "reference", refers="Lead"), field("Status", "Status", "picklist", length=40),
            field("HasResponded", "Responded", "boolean", read_only=True),
        ],
        "User": [
            field("Id", "User ID", "id", length=18, read_only=True), field("Name", "Full Name", read_only=True),
            field("Email", "Email", "email", length=128), field("IsActive", "Active", "boolean"),
            field("SystemModstamp", "System Modstamp", "datetime", read_only=True),
        ],
    }  # fmt: skip
    return {o: {f["name"]: f for f in fields} for o, fields in made.items()}


def custom(spec: dict[str, Any]) -> dict[str, Any]:
    """A deployed custom field: {"name", "label", "type", "length", "values", "restricted", "external"}."""
    return field(
        spec["name"], spec.get("label", spec["name"]), spec.get("type", "string"), length=int(spec.get("length", 255)),
        values=spec.get("values"), restricted=bool(spec.get("restricted", spec.get("values"))),
        external=bool(spec.get("external")),
    )  # fmt: skip


def refusal(definition: dict[str, Any] | None, name: str, value: Any, *, creating: bool) -> tuple[str, str] | None:
    """(statusCode, message) for a value that may not be written; None if it may."""
    if definition is None:
        return "INVALID_FIELD", f"No such column '{name}' on sobject"
    if not definition["createable" if creating else "updateable"]:
        return (
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {name}. Please check the security settings of this field.",
        )
    if value is None:
        return (
            ("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]") if not definition["nillable"] else None
        )
    kind = definition["type"]
    if kind == "boolean" and not isinstance(value, bool):
        return "JSON_PARSER_ERROR", f"{name}: not a boolean"
    if kind == "email" and not EMAIL.match(str(value)):
        return "INVALID_EMAIL_ADDRESS", f"{definition['label']}: invalid email address: {value}"
    if definition["restrictedPicklist"] and value not in [
        p["value"] for p in definition["picklistValues"] if p["active"]
    ]:
        return (
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{definition['label']}: bad value for restricted picklist field: {value}",
        )
    if isinstance(value, str) and definition["length"] and len(value) > definition["length"]:
        return "STRING_TOO_LONG", f"{definition['label']}: data value too large: (max length={definition['length']})"
    if kind == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
        return "INVALID_FIELD", f"{name}: '{value}' is not a valid value for the type xsd:date"
    return None
