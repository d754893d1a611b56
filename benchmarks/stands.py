"""The stand-ins, in a process of their own, so that their memory and CPU are not the engine's.

`python stands.py PEOPLE`: HubSpot and Salesforce on one clock. PEOPLE are those of `people.py`.

`python stands.py PEOPLE --limit CALLS`: HubSpot alone, on the machine's clock, where it lets CALLS through in any second
and refuses the rest. At its end it prints what came in: [[seconds, route, status], …].

Prints the addresses once the people are in. Ends when its standard input does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from datetime import datetime
from typing import Any

from people import for_hubspot, for_salesforce
from stagebridge.clock import ElasticClock, SystemClock
from stagebridge.sandbox import Sandbox

CHUNK = 2000
HUBSPOT: dict[str, Any] = {"per_day": 10**9}
SALESFORCE: dict[str, Any] = {"daily_requests": 10**9, "short_pages": False}


def two(people: int) -> None:
    clock = ElasticClock()
    with (
        Sandbox("hubspot", clock=clock, switches=HUBSPOT) as hubspot,
        Sandbox("salesforce", clock=clock, switches=SALESFORCE) as salesforce,
    ):
        for start in range(0, people, CHUNK):
            some = range(start, min(start + CHUNK, people))
            hubspot.seed([for_hubspot(i) for i in some if i % 20 != 0])
            salesforce.seed({"Contact": [for_salesforce(i) for i in some if i % 20 != 1]})
        clock.sleep(700)  # longer than every lag: nothing of this is news of the last minutes
        print(json.dumps({"crm": hubspot.url, "sales": salesforce.url}), flush=True)
        sys.stdin.read()


def limited(people: int, limit: int) -> None:
    switches = {**HUBSPOT, "per_10_seconds": limit, "ten_seconds": 1.0}
    with Sandbox("hubspot", clock=SystemClock(), switches=switches) as hubspot:
        log = hubspot.kit.log
        log.last = deque()  # all of them, not only the last
        for start in range(0, people, CHUNK):
            hubspot.seed([for_hubspot(i) for i in range(start, min(start + CHUNK, people))])
        print(json.dumps({"crm": hubspot.url}), flush=True)
        sys.stdin.read()
        came = [[datetime.fromisoformat(r["at"]).timestamp(), r["route"], r["status"]] for r in log.last]
        print(json.dumps(came), flush=True)


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("people", type=int)
    given.add_argument("--limit", type=int)
    args = given.parse_args()
    if args.limit is None:
        two(args.people)
    else:
        limited(args.people, args.limit)


if __name__ == "__main__":
    main()
