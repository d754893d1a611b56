"""Consent to e-mail: the status of one subscription type, by e-mail address, with its own timestamp.

Opting somebody out of everything (`unsubscribe-all`) cannot be taken back and is never called from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stagebridge.errors import NoAnswer
from stagebridge_hubspot.answers import body_of

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

BATCH = 100


def read(hs: HubSpot, emails: Sequence[str]) -> dict[str, dict[str, Any]]:
    """{e-mail: {"id", "status", "timestamp"}} for the configured subscription type."""
    wanted = str(hs.settings.email_subscription)
    unique = sorted({e.lower() for e in emails if e})
    out: dict[str, dict[str, Any]] = {}
    for start in range(0, len(unique), BATCH):
        body = hs.post(f"{hs.consent}/statuses/batch/read?channel=EMAIL", {"inputs": unique[start : start + BATCH]})
        for row in body.get("results") or []:
            if str(row.get("subscriptionId")) == wanted:
                email = str(row.get("subscriberIdString", "")).lower()
                out[email] = {"id": wanted, "status": row.get("status"), "timestamp": row.get("timestamp")}
    return out


def write(hs: HubSpot, wanted: Mapping[int, tuple[str, str]]) -> dict[int, tuple[str, str]]:
    """Set statuses; returns {row: (code, message)} of those that HubSpot refused."""
    rows = [
        {
            "subscriberIdString": email, "channel": "EMAIL", "statusState": status,
            "subscriptionId": int(str(hs.settings.email_subscription)), "legalBasis": hs.settings.legal_basis,
            "legalBasisExplanation": "Synchronised from the system where the person decided",
        }
        for email, status in wanted.values()
    ]  # fmt: skip
    try:
        answer = hs.request("POST", f"{hs.consent}/statuses/batch/write", {"inputs": rows}, effect=True)
    except NoAnswer as error:
        return dict.fromkeys(wanted, ("SB-HUBSPOT-CONSENT-UNKNOWN", str(error)))
    body = body_of(answer)
    if answer.status not in (200, 207):
        return dict.fromkeys(wanted, ("SB-HUBSPOT-CONSENT", str(body.get("message", f"HTTP {answer.status}"))))
    done = {str(r.get("subscriberIdString", "")).lower() for r in body.get("results") or []}
    why = next((str(e.get("message")) for e in body.get("errors") or []), "HubSpot did not confirm the change")
    return {i: ("SB-HUBSPOT-CONSENT", why) for i, (email, _) in wanted.items() if email.lower() not in done}
