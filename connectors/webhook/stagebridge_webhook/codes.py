"""What this connector says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {
    "SB-WEBHOOK-BODY": (
        "A webhook was genuine, and its body is no JSON object, or one that is nested too deeply.",
        "Have the sender send one JSON object in each webhook, or a list of them.",
    ),
    "SB-WEBHOOK-MAPPING": (
        "Nothing says what the bodies of these webhooks mean.",
        "Write a mapping file and name it in `mapping`; `stagebridge mappings show webhook` is an example.",
    ),
    "SB-WEBHOOK-SIGNATURE": (
        "A webhook came without the right signature, or too late.",
        "Compare `secret` and `scheme` with what the sender has, and the clocks of both.",
    ),
}
