"""Consent to e-mail: the status of one subscription type, by e-mail address, with its own timestamp.

Opting somebody out of everything (`unsubscribe-all`) cannot be taken back and is never called from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stagebridge_hubspot.answers import named, sentence

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

BATCH = 100

Status = dict[str, Any]
"""`{"id", "status", "timestamp"}`: one entry of a record's `subscriptions`."""


def read(hs: HubSpot, emails: Sequence[str]) -> dict[str, Status]:
    """{e-mail: status} for the configured subscription type."""
    unique = sorted({e.lower() for e in emails if e})
    out: dict[str, Status] = {}
    for start in range(0, len(unique), BATCH):
        body = hs.post(f"{hs.consent}/statuses/batch/read?channel=EMAIL", {"inputs": unique[start : start + BATCH]})
        out |= dict(_statuses(hs, body))
    return out


def write(hs: HubSpot, wanted: Mapping[str, str]) -> tuple[dict[str, Status], dict[str, str]]:
    """Set {e-mail: status}. Returns the statuses as HubSpot confirmed them, and the reason for each that it did not.
    Raises like any request with an effect."""
    basis = {"legalBasis": hs.settings.legal_basis, "legalBasisExplanation": hs.settings.legal_basis_explanation}
    same = {"channel": "EMAIL", "subscriptionId": _id(hs), **{k: v for k, v in basis.items() if v}}
    rows = [{"subscriberIdString": email, "statusState": status, **same} for email, status in wanted.items()]
    answer = hs.request("POST", f"{hs.consent}/statuses/batch/write", {"inputs": rows}, effect=True)
    body = answer.object()
    if answer.status not in (200, 201, 207):
        return {}, dict.fromkeys(wanted, sentence(body))
    done = dict(_statuses(hs, body))
    errors = body.get("errors") or []
    reasons: dict[str, str] = {}
    for email in wanted.keys() - done.keys():
        mine = [e for e in errors if email in named(e) or len(errors) == 1]
        reasons[email] = sentence(mine[0]) if mine else "HubSpot did not confirm the change"
    return done, reasons


def _statuses(hs: HubSpot, body: Mapping[str, Any]) -> Iterator[tuple[str, Status]]:
    """HubSpot's pages show a batch read per address with its statuses inside, a batch write with bare statuses."""
    for row in body.get("results") or []:
        for status in row.get("statuses") or [row]:
            if str(status.get("subscriptionId")) == hs.settings.email_subscription:
                email = status.get("subscriberIdString") or row.get("subscriberIdString")
                yield str(email).lower(), {
                    "id": str(status["subscriptionId"]), "status": status.get("status"),
                    "timestamp": status.get("timestamp"),
                }  # fmt: skip


def _id(hs: HubSpot) -> int | str:
    text = hs.settings.email_subscription or ""
    return int(text) if text.isdigit() else text
