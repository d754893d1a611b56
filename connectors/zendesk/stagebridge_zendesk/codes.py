"""What this connector says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {
    "SB-ZENDESK-TOKEN": (
        "Zendesk does not accept the credentials.",
        "Check the e-mail address and the API token, or the OAuth token; token access is switched on in the Admin Center.",
    ),
    "SB-ZENDESK-ACCESS": (
        "The user whose token it is may not do this.",
        "Exports need an administrator, writing users an administrator or a custom role that allows it.",
    ),
    "SB-ZENDESK-FEATURE": (
        "Zendesk knows no such end point for this account: the plan has not got it, or it is switched off.",
        "For events: the Events API needs a Suite plan and is switched on in the Admin Center.",
    ),
    "SB-ZENDESK-REQUEST": (
        "Zendesk refused a request as malformed.",
        "A defect of stagebridge: report it with the message.",
    ),
    "SB-ZENDESK-REFUSED": (
        "Zendesk refused to create a user field, an option or an organisation.",
        "The message says which; the token's user must be an administrator.",
    ),
    "SB-ZENDESK-AGENT": (
        "The record, or the e-mail address, is an agent's or an administrator's. Nothing was written.",
        "Only end-users are contacts. Take the person out of the sync, or give him an address of his own.",
    ),
    "SB-ZENDESK-ADDRESS": (
        "Another user holds the new e-mail address; everything else of the record was written.",
        "Merge the two users there, or change one of the addresses. It is tried again when either changes.",
    ),
    "SB-ZENDESK-NO-ADDRESS": (
        "An e-mail address was cleared, and stagebridge takes no user's only address away.",
        "Remove it there by hand if it is to go.",
    ),
    "SB-ZENDESK-ORGANIZATION": (
        "There is no organisation of the company's name, and none may be created.",
        "Create it there, or set `organizations: create`.",
    ),
    "SB-ZENDESK-EVENT": (
        "Zendesk would not take an event.",
        "The message says why. `dead-letters retry ID` after it is mended in the mapping.",
    ),
    "SB-ZENDESK-TICKET": (
        "Zendesk would not open a ticket for an event.",
        "The message says why; look at the rule under `tickets`.",
    ),
    "SB-ZENDESK-SIGNATURE": (
        "A webhook came with a wrong or stale signature; it was not looked at.",
        "Compare `webhook_secret` with the webhook's signing secret, and this machine's clock with the time.",
    ),
    "SB-ZENDESK-WEBHOOK": (
        "A webhook's body is no JSON.",
        "Nothing to do, unless it keeps coming: then it is not Zendesk's.",
    ),
    "SB-ZENDESK-…": (
        "Zendesk would not take a record, or one field of it; its own word follows.",
        "The message names the field. `dead-letters retry ID` after it is mended, there or in the mapping.",
    ),
}
