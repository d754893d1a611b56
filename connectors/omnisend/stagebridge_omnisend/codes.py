"""What this connector says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {
    "SB-OMNISEND-KEY": (
        "Omnisend does not accept the API key, or the OAuth token.",
        "Copy the key again from the brand's settings (API keys); `stagebridge check` tries it.",
    ),
    "SB-OMNISEND-SCOPE": (
        "The key or token may not do this.",
        "Give the key the permissions (OAuth: scopes) contacts.read, contacts.write and, for events, events.write.",
    ),
    "SB-OMNISEND-BLOCKED": (
        "Omnisend blocks the brand's requests for a while, because too many before them were wrong.",
        "Look at `dead-letters` for what was wrong, mend it, and run again later. Nothing is lost.",
    ),
    "SB-OMNISEND-VERSION": (
        "Omnisend has retired the API version that the connection asks for (HTTP 410).",
        "Leave `api_version` out, or set the one that the message names. If that is the retired one, install a newer "
        "stagebridge-omnisend.",
    ),
    "SB-OMNISEND-CONSENT-OLDER": (
        "Omnisend holds a later decision of this person about the channel, and kept it.",
        "Nothing to do: it is what counts. It is tried again when either side changes.",
    ),
    "SB-OMNISEND-CONSENT": (
        "Omnisend did not take a consent; everything else of the contact was written.",
        "The message says why. It is tried again when either side changes.",
    ),
    "SB-OMNISEND-TAKEN": (
        "Another contact there has this e-mail address or phone number; Omnisend left it out, and wrote the rest.",
        "Find the two contacts there and make one of them. It is tried again when either side changes.",
    ),
    "SB-OMNISEND-KEEPS": (
        "Omnisend cannot take an e-mail address or phone number off a contact.",
        "Do it there by hand, or leave it; everything else of the contact was written.",
    ),
    "SB-OMNISEND-NOBODY": (
        "Omnisend made no contact, and none that it has holds one of the person's addresses.",
        "Look at the contact's e-mail address and phone number; `dead-letters retry ID` once they are mended.",
    ),
    "SB-OMNISEND-TAGS": (
        "Omnisend did not take a contact's tags; everything else was written.",
        "The message says why: a tag may be too long, or there are too many. It is tried again when either side changes.",
    ),
    "SB-OMNISEND-EVENT": (
        "Omnisend would not take an event.",
        "The message names the property. `dead-letters retry ID` after it is mended.",
    ),
    "SB-OMNISEND-REQUEST": (
        "Omnisend refused a request as malformed.",
        "A defect of stagebridge: report it with the message.",
    ),
    "SB-OMNISEND-…": (
        "Omnisend would not take a contact, or one field of it; its own code follows.",
        "The message names the field. `dead-letters retry ID` after it is mended, there or in the mapping.",
    ),
}
