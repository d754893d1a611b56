"""What this connector says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {
    "SB-META-TOKEN": (
        "Meta does not accept the token: it has expired, was withdrawn, or its owner changed the password.",
        "Make a new one, best of a system user; `stagebridge check` tries it. Events wait meanwhile.",
    ),
    "SB-META-PERMISSION": (
        "The token may not do what was asked; the message names what.",
        "Give the system user the dataset, the page and the permissions of `.env.example`, and make a new token.",
    ),
    "SB-META-OBJECT": (
        "Meta knows no such dataset, form or page, or the token may not see it: it answers alike.",
        "Compare the id, and share the asset with the token's owner. An asset of another business needs its own token.",
    ),
    "SB-META-ACCOUNT": (
        "The dataset has no Instagram account (2804133).",
        "Connect the account to the dataset in its own business, and give the channel that dataset and its token.",
    ),
    "SB-META-LIMIT": (
        "Meta lets no more calls through for a while.",
        "The hint says until when; nothing is lost.",
    ),
    "SB-META-REFUSED": (
        "Meta refused to answer about a form, a dataset or a lead.",
        "The message has Meta's code; `stagebridge check` looks at the whole connection.",
    ),
    "SB-META-SIGNATURE": (
        "A webhook came with a wrong signature, or none; it was not looked at.",
        "Compare `app_secret` with the app's. Behind a proxy: the body has to arrive byte for byte.",
    ),
    "SB-META-VERIFY": (
        "A webhook was to be set up with another verify_token.",
        "Compare `verify_token` with the app's webhooks.",
    ),
    "SB-META-WEBHOOK": (
        "A webhook's body is no JSON although its signature is right.",
        "Nothing to do, unless it keeps coming: report it.",
    ),
    "SB-META-NO-DATASET": (
        "The connection names no dataset for events of this channel.",
        "Set `dataset`, or `datasets.CHANNEL`, and retry the event.",
    ),
    "SB-META-FUTURE": (
        "The event's time lies more than a day ahead: a wrong clock, or milliseconds read as seconds.",
        "Mend the time at its source.",
    ),
    "SB-META-OLD": (
        "The event is older than Meta takes events: 7 days, 62 for sales in a store.",
        "Nothing can be done for it. If events wait that long, look at what holds them up.",
    ),
    "SB-META-PERSON": (
        "The event says too little about the person: Meta would refuse the whole request.",
        "Send an e-mail address, a phone number, a click id or an external id along.",
    ),
    "SB-META-LEAD": (
        "The lead id is not Meta's: it has 15 to 17 digits and is a number.",
        "Take it from the lead itself, and keep it as a text: a spreadsheet rounds its last digits.",
    ),
    "SB-META-MONEY": (
        "A Purchase without a value or a currency.",
        "Give both at its source.",
    ),
    "SB-META-CURRENCY": (
        "The currency is none of ISO 4217.",
        "Write three letters, such as EUR.",
    ),
    "SB-META-NUMBER": (
        "A number of the event is infinite or not a number.",
        "Mend it at its source; JSON has no such number.",
    ),
    "SB-META-NAME": (
        "Business messaging takes fourteen names of events, and this is none of them.",
        "Map the name, or add it to `messaging_events` if Meta takes it now.",
    ),
    "SB-META-CHANNEL": (
        "The messaging channel is none of whatsapp, messenger and instagram.",
        "Mend the mapping.",
    ),
    "SB-META-ACCOUNT-ID": (
        "Business messaging names the account that the conversation was with, and the connection does not.",
        "Set the setting that the message names, and retry the event.",
    ),
    "SB-META-100": (
        "Meta refused a request as invalid and does not say which part of it.",
        "Each event is tried alone. If all are refused: look at `appsecret_proof` and `test_event_code` first.",
    ),
    "SB-META-…": (
        "Meta refused an event; its own subcode follows. Nothing of the request was taken, and the others were sent again.",
        "The message says what is known of the subcode; Meta's support takes the fbtrace_id.",
    ),
}
