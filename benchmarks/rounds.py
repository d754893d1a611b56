"""A process with the engine alone: `python rounds.py FOLDER CRM_URL SALES_URL`.

Four rounds: the first sync, two that find nothing new, and one that reads everything again. Prints, of each, the CPU
seconds of this process, the writes, and the requests that the stand-ins counted; and at the end the peak of its memory.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import requests

from stagebridge.config import load_config
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import RemoteClock
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_side, open_sides


def configuration(folder: Path, crm: str, sales: str) -> Path:
    document = {
        "version": 1,
        "connections": {
            "crm": {"type": "hubspot", "base_url": crm, "token": "${TOKEN}"},
            "sales": {"type": "salesforce", "base_url": sales, "domain": "acme.my", "client_id": "sandbox-id",
                      "client_secret": "${SECRET}"},
        },
        "contacts": {
            "between": ["crm", "sales"], "initial": {"prefer": "crm"}, "create": {"sales": "lead"},
            "guards": dict.fromkeys(("max_creates", "max_changes", "max_stage_moves"), "off"),
        },
    }  # fmt: skip
    path = folder / "stagebridge.yaml"
    path.write_text(json.dumps(document), "utf-8")
    return path


def counted(url: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{url}/_sandbox/requests", timeout=60).json()
    return {"count": found["count"], "by_route": found["by_route"], "by_status": found["by_status"]}


def main() -> None:
    folder, urls = Path(sys.argv[1]), {"crm": sys.argv[2], "sales": sys.argv[3]}
    clock = RemoteClock(urls["crm"])
    config = load_config(configuration(folder, **urls), {"TOKEN": "pat-benchmark", "SECRET": "sandbox-secret"})
    side = open_side(config.connections["crm"], config.lifecycle, clock)
    side.connector.provision(side.mapping.missing(), dry_run=False)
    sides, _ = open_sides(config, clock)
    ledger = Ledger.open(config.ledger)
    before = {n: counted(u)["count"] for n, u in urls.items()}
    rounds = []
    for full in (False, False, False, True):
        clock.sleep(700)
        engine = Engine(config.contacts, ledger, sides, config.lifecycle, clock, flight=1)
        cpu, wall = time.process_time(), time.monotonic()
        report = engine.sync(full=full)
        rounds.append({
            "cpu": time.process_time() - cpu, "wall": time.monotonic() - wall, "writes": report.writes,
            "planned": {n: p.calls for n, p in report.plan.sides.items()} if report.plan else {},
            "created": {n: p.created for n, p in report.pushed.items()},
            "requests": {n: counted(u) for n, u in urls.items()},
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        })  # fmt: skip
    print(json.dumps({"opened_with": before, "rounds": rounds}))


if __name__ == "__main__":
    main()
