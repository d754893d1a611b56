"""The frozen reference that ratios are taken against: orjson loads + dumps + SHA-256 of one frozen record.

Never our own code, so that the figures of two versions can be compared, and never changed.
"""

from __future__ import annotations

import hashlib
import time

import orjson

RECORD = orjson.dumps({
    "id": "1000001",
    "properties": {
        "email": "ada.lovelace@example.com", "firstname": "Ada", "lastname": "Lovelace", "phone": "+442079460001",
        "mobilephone": "+447700900001", "company": "Analytical Engines", "jobtitle": "Countess", "website": "https://example.com",
        "address": "12 St James's Square", "city": "London", "state": None, "zip": "SW1Y 4JH", "country": "United Kingdom",
        "lifecyclestage": "customer", "hs_lead_status": None, "hubspot_owner_id": "81234567", "createdate": "2026-01-02T03:04:05.678Z",
        "lastmodifieddate": "2026-10-11T12:13:14.156Z", "hs_object_id": "1000001", "stagebridge_id": "0b1f6f0e4d7a4a6f8f1d2c3b4a596877",
    },
    "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-10-11T12:13:14.156Z", "archived": False,
})  # fmt: skip
ROUNDS = 20_000


def seconds_per_record() -> float:
    """CPU seconds of one reference record, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(ROUNDS):
            hashlib.sha256(orjson.dumps(orjson.loads(RECORD))).digest()
        best = min(best, time.process_time() - began)
    return best / ROUNDS
