"""What this connector says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {
    "SB-TIKTOK-TOKEN": (
        "TikTok does not accept the credentials; TikTok's code and what it means are in the message.",
        "Copy the token again, without 'Bearer '. One of Events Manager is good for the pixel or event set that it was made for.",
    ),
    "SB-TIKTOK-PERMISSION": (
        "The token may not report to this pixel, app or event set (40001).",
        "Compare the id with Events Manager; the token needs the scope 'Measurement > Report Conversion Event' for it. An app has "
        "to be on TikTok's allow-list.",
    ),
    "SB-TIKTOK-SOURCE": (
        "TikTok knows no such pixel, app or event set (40007).",
        "Copy its id from Events Manager; each kind has a setting of its own.",
    ),
    "SB-TIKTOK-NO-SOURCE": (
        "The connection names nothing that takes events of this channel.",
        "Set what the message names, or leave such events out.",
    ),
    "SB-TIKTOK-REQUEST": (
        "TikTok refused a request for something that is no event's fault.",
        "The message names the field: look at the setting of that name. If there is none, report it as a defect of stagebridge.",
    ),
    "SB-TIKTOK-ANSWER": (
        "The answer is not TikTok's: an error page, or another address.",
        "Nothing is lost: run again later. If it stays, look at `base_url` and at what stands between here and TikTok.",
    ),
    "SB-TIKTOK-40002": (
        "TikTok would not take an event, and nothing of the batch that it was in.",
        "The message names the field. The others are sent without it; mend the event at its source, or the mapping.",
    ),
    "SB-TIKTOK-SIGNATURE": (
        "A webhook came with a wrong signature; it was not looked at.",
        "Compare `app_secret` with the developer app that subscribed.",
    ),
    "SB-TIKTOK-WEBHOOK": (
        "A webhook's body is no JSON.",
        "Nothing to do, unless it keeps coming: then it is not TikTok's.",
    ),
    "SB-TIKTOK-…": (
        "TikTok would not take events, for a reason that its documents do not explain; its own code follows.",
        "They are not sent again by themselves. Look the code up, then `dead-letters retry ID`.",
    ),
}
"""What a TikTok connection can be told."""
