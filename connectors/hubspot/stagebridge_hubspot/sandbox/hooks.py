"""Webhooks as HubSpot sends them: a JSON array of at most 100 events, signed with version 3."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagebridge_hubspot.sandbox.platform import HubSpotSandbox

LARGEST = 100


def signed(account: HubSpotSandbox, url: str, ids: list[str], prop: str) -> dict[str, Any]:
    now = account.contacts.now
    events = [
        {
            "eventId": account.kit.random.randrange(10**9), "subscriptionId": 1, "portalId": account.kit.switches["portal_id"],
            "appId": 1, "occurredAt": now, "subscriptionType": "contact.propertyChange", "attemptNumber": 0,
            "objectId": int(i), "propertyName": prop, "propertyValue": "whatever", "changeSource": "CRM_UI",
            "changeFlag": "NEW", "sourceId": "userId:1", "isSensitive": False,
        }
        for i in ids[:LARGEST]
    ]  # fmt: skip
    body = json.dumps(events).encode()
    stamp = str(now)
    source = b"POST" + url.encode() + body + stamp.encode()
    secret = str(account.kit.switches["client_secret"]).encode()
    signature = base64.b64encode(hmac.new(secret, source, hashlib.sha256).digest()).decode()
    headers = {
        "x-hubspot-signature-v3": signature,
        "x-hubspot-request-timestamp": stamp,
        "content-type": "application/json",
    }
    return {"method": "POST", "url": url, "headers": headers, "body": body}
