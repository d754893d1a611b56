"""Leads of Instant Forms: how long they are kept, and the webhooks that bring them, signed and repeated."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from stagebridge.sandbox import Kit

KEPT = 90 * 86_400
"""Seconds that a lead is kept [3]."""

PERSISTENCE = 72 * 3600
"""Seconds over which a delivery is tried again, after 1, 2, 4, … minutes: up to 72 hours, exponentially [3]."""

IDS = ("page_id", "advertiser_id", "campaign_id", "adgroup_id", "ad_id")


@dataclass(slots=True)
class Lead:
    id: int
    values: dict[str, Any]
    """All of an entry but its id."""
    due: float | None = None
    """When it is sent next; None once it was."""
    first_sent: float = 0.0
    attempts: int = 0
    given_up: bool = False


@dataclass(slots=True)
class Leads:
    kit: Kit
    held: dict[str, Lead] = field(default_factory=dict)

    @property
    def now(self) -> float:
        return self.kit.now().timestamp()

    def add(self, id_: int, values: dict[str, Any]) -> None:
        if str(id_) in self.held:
            raise ValueError(f"there is a lead {id_} already")
        self.held[str(id_)] = Lead(id_, values, due=self.now)

    def kept(self, lead: Lead) -> bool:
        return self.now - float(lead.values["create_time"]) <= KEPT

    def knows(self, id_: str) -> bool:
        """Whether a CRM event can be joined to a lead."""
        return id_ in self.held and self.kept(self.held[id_])

    def waiting(self) -> list[Lead]:
        return [lead for lead in self.held.values() if lead.due is not None]

    def take(self, url: str, wanted: Callable[[Lead], bool]) -> list[dict[str, Any]]:
        """The requests that are due, of the leads that are wanted there; they count as sent."""
        now, kit = self.now, self.kit
        leads = [lead for lead in self.waiting() if (lead.due or 0) <= now and wanted(lead)]
        for lead in leads:
            lead.due, lead.attempts, lead.first_sent = None, lead.attempts + 1, lead.first_sent or now
        if kit.standing("duplicate_hooks"):
            leads += [lead for lead in leads if kit.random.random() < 0.3] or leads[:1]
        if kit.standing("reorder_hooks"):
            kit.random.shuffle(leads)
        size = int(kit.switches["leads_per_hook"])
        return [self._signed(url, leads[i : i + size]) for i in range(0, len(leads), size)]

    def again(self, request: dict[str, Any]) -> None:
        """A request was not accepted: its leads come again later, or never."""
        for entry in orjson.loads(request["body"])["entry"]:
            lead = self.held[str(entry["id"])]
            due = self.now + 60 * 2.0 ** (lead.attempts - 1)
            lead.given_up = due - lead.first_sent > PERSISTENCE
            lead.due = None if lead.given_up else due

    def _signed(self, url: str, leads: Sequence[Lead]) -> dict[str, Any]:
        body = orjson.dumps({"object": 1, "entry": [self._entry(lead) for lead in leads], "time": int(self.now)})
        signed = escaped(body) if self.kit.switches["hook_signature"] == "escaped" else body
        headers = {"content-type": "application/json", "x-open-signature": signature(self._secret, signed)}
        return {"method": "POST", "url": url, "headers": headers, "body": body}

    @property
    def _secret(self) -> str:
        return str(self.kit.switches["app_secret"])

    def _entry(self, lead: Lead) -> dict[str, Any]:
        other = {
            n: str(v) if n in IDS and self.kit.switches["other_ids_as_text"] else v for n, v in lead.values.items()
        }
        return {"id": lead.id, **other}


def escaped(body: bytes) -> bytes:
    """Every character beyond ASCII as `\\uXXXX` in lower case, two of them beyond U+FFFF; all else as it is."""
    return "".join(c if c.isascii() else _units(c) for c in body.decode()).encode()


def _units(char: str) -> str:
    in_hex = char.encode("utf-16-be").hex()
    return "".join(f"\\u{in_hex[i : i + 4]}" for i in range(0, len(in_hex), 4))


def signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


__all__ = ["IDS", "Lead", "Leads", "escaped", "signature"]
