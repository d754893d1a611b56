"""A process with the engine, in front of a HubSpot that lets so many calls through in a second and answers late:
`python pace.py FOLDER URL LIMIT LATENCY`; with `--provision` the process before it, which creates our properties.

Everybody is read first, without latency, and then written: every contact gets our key, each batch is verified before. The
limit is the platform's, scaled: so many in one second instead of ten times as many in ten.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import requests

from stagebridge.clock import SystemClock
from stagebridge.config import load_config
from stagebridge.connector import Rate
from stagebridge.ledger.store import Ledger
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_side, open_sides
from stagebridge_hubspot import HubSpot

WRITING = ("contacts/batch/read", "contacts/batch/update")
"""Routes of the part that is measured: verification and writes."""


class Arrival(NamedTuple):
    """A request as the platform saw it: when (seconds), on which route, and the status of its answer."""

    at: float
    route: str
    status: int


def by_second(arrivals: Sequence[Arrival]) -> list[int]:
    """How many writes and verifications came in each whole second from the first of them to the last."""
    times = sorted(a.at for a in arrivals if a.route.endswith(WRITING))
    counts = Counter(int(at - times[0]) for at in times)
    return [counts[second] for second in range(int(times[-1] - times[0]))]


def configuration(folder: Path, url: str) -> Path:
    document = {
        "version": 1,
        "connections": {"crm": {"type": "hubspot", "base_url": url, "token": "${TOKEN}"}},
        "contacts": {"between": ["crm"], "guards": {"max_changes": "off"}},
    }
    path = folder / "stagebridge.yaml"
    path.write_text(json.dumps(document), "utf-8")
    return path


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("folder", type=Path)
    given.add_argument("url")
    given.add_argument("limit", type=int)
    given.add_argument("latency", type=float)
    given.add_argument("--provision", action="store_true")
    args = given.parse_args()
    HubSpot.budgets = {**HubSpot.budgets, "default": Rate(args.limit, 1)}
    clock = SystemClock()
    config = load_config(configuration(args.folder, args.url), {"TOKEN": "pat-benchmark"})
    if args.provision:
        side = open_side(config.connections["crm"], config.lifecycle, clock)
        side.connector.provision(side.mapping.missing(), dry_run=False)
        clock.sleep(1.1)  # the next process knows nothing of this one's calls
        print("{}")
        return
    sides, _ = open_sides(config, clock)
    engine = Engine(config.contacts, Ledger.open(config.ledger), sides, config.lifecycle, clock)
    engine.plan()
    late = {"kind": "slow", "seconds": args.latency, "times": None}
    requests.post(f"{args.url}/_sandbox/fault", json=late, timeout=5).raise_for_status()
    cpu, wall = time.process_time(), time.monotonic()
    report = engine.sync()
    print(json.dumps({
        "writes": report.writes, "cpu": time.process_time() - cpu, "wall": time.monotonic() - wall,
        "failures": {n: str(e) for n, e in report.failures.items()},
    }))  # fmt: skip


if __name__ == "__main__":
    main()
