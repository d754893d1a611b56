"""A process with two stand-ins on one clock, so that their memory and CPU are not the engine's: `python stands.py PEOPLE`.

Prints their addresses once PEOPLE are in them: 90 of 100 in both, spelt differently, 5 only in the one and 5 only in the
other. Ends when its standard input does.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from stagebridge.clock import ElasticClock
from stagebridge.sandbox import Sandbox

CHUNK = 2000
SWITCHES: dict[str, dict[str, Any]] = {
    "hubspot": {"per_day": 10**9},
    "salesforce": {"daily_requests": 10**9, "short_pages": False},
}


def person(i: int) -> dict[str, str]:
    return {
        "email": f"person{i}@example.com",
        "first": f"Given{i}",
        "last": f"Family{i}",
        "phone": f"+4420{70000000 + i}",
    }


def fill(hubspot: Sandbox, salesforce: Sandbox, people: int) -> None:
    for start in range(0, people, CHUNK):
        crm, sales = [], []
        for i in range(start, min(start + CHUNK, people)):
            p = person(i)
            if i % 20 != 0:
                crm.append({"email": p["email"], "firstname": p["first"], "lastname": p["last"], "phone": p["phone"],
                            "lifecyclestage": "lead", "company": "Example"})  # fmt: skip
            if i % 20 != 1:
                sales.append({"Email": p["email"].title(), "FirstName": p["first"], "LastName": p["last"].upper(),
                              "Phone": p["phone"], "Lifecycle_Stage__c": "lead"})  # fmt: skip
        hubspot.seed(crm)
        salesforce.seed({"Contact": sales})


def main() -> None:
    clock = ElasticClock()
    with (
        Sandbox("hubspot", clock=clock, switches=SWITCHES["hubspot"]) as hubspot,
        Sandbox("salesforce", clock=clock, switches=SWITCHES["salesforce"]) as salesforce,
    ):
        fill(hubspot, salesforce, int(sys.argv[1]))
        clock.sleep(700)  # longer than every lag: nothing of this is news of the last minutes
        print(json.dumps({"crm": hubspot.url, "sales": salesforce.url}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
