"""E-mail consent: the status of one subscription type, per address and not per contact.

Nothing here opts a person out of everything: `unsubscribe-all` cannot be undone and is never called.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from stagebridge_hubspot.errors import Fault
from stagebridge_hubspot.settings import HubSpotSettings
from stagebridge_hubspot.wire import Wire

BATCH = 100
SAYS = ("SUBSCRIBED", "UNSUBSCRIBED")
"""Statuses that are somebody's decision; NOT_SPECIFIED is nobody's and cannot be asked for."""

Element = dict[str, Any]
"""`{id, status, timestamp}`: one entry of a record's `subscriptions`."""


class Consent:
    def __init__(self, wire: Wire, settings: HubSpotSettings) -> None:
        self._wire = wire
        self._path = wire.paths.preferences + "/statuses/batch/"
        self.type_id = settings.email_subscription
        self._basis = {
            "legalBasis": settings.legal_basis, "legalBasisExplanation": settings.legal_basis_explanation
        }  # fmt: skip

    def read(self, emails: Collection[str]) -> dict[str, list[Element]]:
        """The elements by lower-cased address. An address that HubSpot cannot answer for is left out: that says
        nothing, while an empty list says that there is no status."""
        found: dict[str, list[Element]] = {}
        wanted = sorted({e.lower() for e in emails})
        for start in range(0, len(wanted), BATCH):
            answer = self._wire.ask(
                "POST", self._path + "read", params={"channel": "EMAIL"}, json={"inputs": wanted[start : start + BATCH]}
            )
            for row in answer.get("results") or ():
                # the batch answers per address with its statuses inside; a single status comes bare
                for status in row.get("statuses", [row]):
                    mine = str(status.get("subscriptionId")) == self.type_id
                    address = str(row.get("subscriberIdString") or status.get("subscriberIdString")).lower()
                    found.setdefault(address, []).extend([_element(status)] if mine else [])
        return found

    def write(self, wanted: Mapping[str, str]) -> dict[str, Element | Fault]:
        """Set `{address: status}`; what each came to. Raises like any request with an effect."""
        inputs = [
            {"subscriberIdString": email, "channel": "EMAIL", "statusState": status, "subscriptionId": _number(self.type_id),
             **{k: v for k, v in self._basis.items() if v}}
            for email, status in wanted.items()
        ]  # fmt: skip
        response = self._wire.send("POST", self._path + "write", json={"inputs": inputs}, effect=True)
        body = response.json() if response.is_json else {}
        if response.status >= 400:
            return dict.fromkeys(wanted, Fault.of(body, response.status))
        done: dict[str, Element | Fault] = {}
        for row in body.get("results") or ():
            for status in row.get("statuses", [row]):
                done[str(status.get("subscriberIdString")).lower()] = _element(status)
        faults = [Fault.of(e) for e in body.get("errors") or ()]
        for email in wanted:
            if email not in done:
                done[email] = next(
                    (f for f in faults if email in {r.lower() for r in f.rows} or len(faults) == 1),
                    Fault(message="HubSpot answered without this address", category="NO_ROW"),
                )
        return done


def decided_at(elements: list[Element]) -> datetime | None:
    """When the person decided, as HubSpot knows it: a certain time."""
    for one in elements:
        if one["status"] in SAYS and one.get("timestamp"):
            return datetime.fromisoformat(str(one["timestamp"]))
    return None


def _element(status: Mapping[str, Any]) -> Element:
    return {
        "id": str(status.get("subscriptionId")), "status": status.get("status"), "timestamp": status.get("timestamp")
    }  # fmt: skip


def _number(text: str | None) -> int | str | None:
    return int(text) if text and text.isdigit() else text
