"""What this connector says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {
    "SB-HUBSPOT-TOKEN": (
        "HubSpot does not accept the token, or the OAuth app's refresh token is no longer good.",
        "Copy the token again, or connect the app again; `stagebridge check` tries it.",
    ),
    "SB-HUBSPOT-SCOPE": (
        "The token lacks a scope; the message names it.",
        "Tick it in the app, and use the token that the app shows then.",
    ),
    "SB-HUBSPOT-DAILY": (
        "The account's calls of this day, or our share of them, are used up.",
        "They come back at midnight in the account's time zone; `budget` sets the share.",
    ),
    "SB-HUBSPOT-MIGRATION": (
        "HubSpot is moving the account to another data centre (HTTP 477).",
        "Nothing is lost: run again later; it can take a day.",
    ),
    "SB-HUBSPOT-CONFLICT": (
        "HubSpot found another record in the way and did not say which.",
        "Look there for a second record with the same e-mail address or key, and merge the two.",
    ),
    "SB-HUBSPOT-CONSENT": (
        "The subscription could not be changed; everything else of the record was written.",
        "Check the subscription type and the legal basis in the configuration. Somebody who unsubscribed himself can only be "
        "subscribed again by himself.",
    ),
    "SB-HUBSPOT-EVENT": (
        "HubSpot would not take an event: its name, its properties, or an event that the account has not defined.",
        "The message says which. `dead-letters retry ID` after it is mended, there or in the mapping.",
    ),
    "SB-HUBSPOT-REQUEST": (
        "HubSpot refused a request as malformed.",
        "A defect of stagebridge: report it with the message.",
    ),
    "SB-HUBSPOT-REFUSED": (
        "HubSpot refused a change to the account's properties or pipelines.",
        "The message says which; the token needs crm.schemas.contacts.write, and the account room for another property.",
    ),
    "SB-HUBSPOT-SIGNATURE": (
        "A webhook came with a wrong or stale signature; it was not looked at.",
        "Compare `client_secret` and `public_url` with the app's settings.",
    ),
    "SB-HUBSPOT-WEBHOOK": (
        "A webhook's body is no JSON.",
        "Nothing to do, unless it keeps coming: then it is not HubSpot's.",
    ),
    "SB-HUBSPOT-…": (
        "HubSpot would not take a record, or one property of it; its own category follows.",
        "The message names the property. `dead-letters retry ID` after it is mended, there or in the mapping.",
    ),
}
