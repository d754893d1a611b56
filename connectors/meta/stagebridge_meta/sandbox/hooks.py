"""Webhooks about leads as Meta sends them: batches of changes by page, signed over escaped text, tried again for a day and a half."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import deque
from typing import Any

from stagebridge.sandbox import Kit

LARGEST = 1000
"""Changes of one request at most [D]."""

AGAIN_AFTER = (0, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
"""Seconds between further attempts, the last for ever. That they get rarer is from memory, and so is when they end; the spacing
is ours."""

HELD = 100_000


class Hooks:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.due: deque[tuple[float, str, dict[str, Any]]] = deque(maxlen=HELD)
        """When, about which page, and what."""
        self.given_up = 0
        self._tried: dict[str, tuple[float, int]] = {}
        """By lead: when it was told first, and how often since."""

    @property
    def now(self) -> float:
        return self.kit.now().timestamp()

    def record(self, page: str, value: dict[str, Any]) -> None:
        """Somebody filled in a form. Ids are text, or numbers where the switch says so."""
        if not self.kit.switches["hook_ids_as_text"]:
            value = {k: int(v) if k.endswith("_id") and str(v).isdigit() else v for k, v in value.items()}
        self.due.append((self.now, page, value))

    def take(self, url: str) -> list[dict[str, Any]]:
        """The requests that are due; they count as sent."""
        now = self.now
        changes = [(page, value) for at, page, value in self.due if at <= now]
        self.due = deque((x for x in self.due if x[0] > now), maxlen=HELD)
        if self.kit.standing("duplicate_hooks"):
            changes += [c for c in changes if self.kit.random.random() < 0.3]
        if self.kit.standing("reorder_hooks"):
            self.kit.random.shuffle(changes)
        return [self._request(url, changes[i : i + LARGEST]) for i in range(0, len(changes), LARGEST)]

    def again(self, request: dict[str, Any]) -> None:
        """A request was not accepted: its changes come again later, or never."""
        now = self.now
        for entry in json.loads(request["body"])["entry"]:
            for value in (change["value"] for change in entry["changes"]):
                first, tries = self._tried.get(str(value["leadgen_id"]), (now, 0))
                wait = AGAIN_AFTER[min(tries, len(AGAIN_AFTER) - 1)]
                if now + wait - first > float(self.kit.switches["hook_hours"]) * 3600:
                    self.given_up += 1
                    continue
                self._tried[str(value["leadgen_id"])] = (first, tries + 1)
                self.due.append((now + wait, entry["id"], value))

    def _request(self, url: str, changes: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
        pages: dict[str, list[Any]] = {}
        for page, value in changes:
            pages.setdefault(page, []).append({"field": "leadgen", "value": value})
        entries = [{"id": page, "time": int(self.now), "changes": listed} for page, listed in pages.items()]
        # json, because it escapes what is not ASCII as Meta does: ä is \\u00e4, in lower case
        body = json.dumps({"object": "page", "entry": entries}, separators=(",", ":")).encode()
        headers = {"content-type": "application/json", **signature(str(self.kit.switches["app_secret"]), body)}
        return {"method": "POST", "url": url, "headers": headers, "body": body}


def signature(secret: str, body: bytes) -> dict[str, str]:
    """The header that signs a body, in lower case, as receivers see it."""
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


__all__ = ["Hooks", "signature"]
