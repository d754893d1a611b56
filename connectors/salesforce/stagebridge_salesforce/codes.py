"""What this connector says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {
    "SB-SALESFORCE-LOGIN": (
        "Salesforce refused the login.",
        "Check client id, secret and My Domain; the app needs a run-as user (client credentials), or the user to be "
        "pre-authorised (JWT).",
    ),
    "SB-SALESFORCE-SESSION": (
        "The session was refused even after a new login.",
        "The integration user may be frozen or restricted to other addresses: look at its login history.",
    ),
    "SB-SALESFORCE-ACCESS": (
        "The user may not use the API.",
        "Give it 'API Enabled' and access to Contacts and Leads.",
    ),
    "SB-SALESFORCE-DAILY": (
        "The organisation's requests of 24 hours, or our share of them, are used up.",
        "They come back over the day; `budget` sets the share.",
    ),
    "SB-SALESFORCE-VERSION": (
        "This API version has been retired.",
        "Set `api_version` to a current one.",
    ),
    "SB-SALESFORCE-QUERY": (
        "Salesforce refused a query.",
        "A field was probably renamed or hidden: `stagebridge check` says which.",
    ),
    "SB-SALESFORCE-NO-KEY": (
        "Without the field stagebridge_id__c nobody is created, because a repeated create would double people.",
        "Deploy what `stagebridge provision CONN --write DIR` writes.",
    ),
    "SB-SALESFORCE-NO-ACCOUNT": (
        "No Account has the company's name, and the account rule says to skip such people.",
        "Create the Account, or set `account: {on_missing: lead}`.",
    ),
    "SB-SALESFORCE-CURRENCY": (
        "Conversions are taken from Opportunities, and nothing says in which currency their amounts are.",
        "Write `currency: EUR` at the connection; an organisation with several currencies says it itself.",
    ),
    "SB-SALESFORCE-DUPLICATE": (
        "A duplicate rule of the organisation refuses the record of an event.",
        "Leave Tasks and campaign members out of the rule; `dead-letters retry ID` then.",
    ),
    "SB-SALESFORCE-SUBJECT": (
        "The name that the mapping gives an event is longer than a Task's subject.",
        "Give it a shorter one under `event.names`.",
    ),
    "SB-SALESFORCE-REQUEST": (
        "Salesforce refused a request as malformed.",
        "A defect of stagebridge: report it with the message.",
    ),
    "SB-SALESFORCE-…": (
        "Salesforce would not take a record, or fields of it; its own statusCode follows.",
        "The message names the fields. `dead-letters retry ID` after it is mended, there or in the mapping.",
    ),
}
