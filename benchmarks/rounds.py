"""A process with the engine alone: `python rounds.py FOLDER CRM_URL SALES_URL [--profile]`; with `--provision` the one
before it, which creates our properties and an empty ledger.

Four rounds: the first sync, two that find nothing new, and one that reads everything again. Prints, of each, the CPU
seconds of this process, those of one reference record around it, the writes, and the requests that the stand-ins
counted; and the peak of its memory. With `--profile`, what its CPU time is made of instead, in one thread.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

import calls
from reference import seconds_per_record
from stagebridge.config import load_config
from stagebridge.heap import share_one_heap
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import RemoteClock
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_side, open_sides

if TYPE_CHECKING:
    import cProfile

ROUNDS: tuple[tuple[str, bool, Callable[[int], dict[str, int]]], ...] = (
    ("first sync", False, calls.first_sync),
    ("second", False, calls.echoes),
    ("third", False, calls.nothing_new),
    ("all again", True, calls.all_again),
)
"""Name, whether everything is read again, and the fewest requests."""


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
    found: dict[str, Any] = requests.get(f"{url}/_sandbox/requests?status=0", timeout=60).json()
    carried = sum(found["records"].values())
    return {"count": found["count"], "records": carried, "by_route": found["by_route"], "by_status": found["by_status"]}


def peak_mb() -> float:
    """The most memory that this process has held. What `getrusage` says may be the parent's before it started us."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _profile() -> cProfile.Profile:
    from cProfile import Profile  # not where memory is measured

    return Profile(time.process_time)


def _shares(profile: cProfile.Profile) -> dict[str, float]:
    from shares import shares

    return shares(profile)


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("folder", type=Path)
    given.add_argument("crm")
    given.add_argument("sales")
    given.add_argument("--profile", action="store_true")
    given.add_argument("--provision", action="store_true")
    args = given.parse_args()
    share_one_heap()  # as the command does
    urls = {"crm": args.crm, "sales": args.sales}
    clock = RemoteClock(args.crm)
    config = load_config(configuration(args.folder, **urls), {"TOKEN": "pat-benchmark", "SECRET": "sandbox-secret"})
    if args.provision:
        side = open_side(config.connections["crm"], config.lifecycle, clock)
        side.connector.provision(side.mapping.missing(), dry_run=False)
        Ledger.open(config.ledger).close()
        print("{}")
        return
    sides, _ = open_sides(config, clock)
    ledger = Ledger.open(config.ledger)
    opening, opened_mb = {n: counted(u) for n, u in urls.items()}, peak_mb()
    rounds = []
    reference = [seconds_per_record()]
    for name, full, _ in ROUNDS:
        clock.sleep(700)
        before = {n: counted(u) for n, u in urls.items()}
        profile = _profile() if args.profile else None
        engine = Engine(config.contacts, ledger, sides, config.lifecycle, clock, flight=1 if profile else None)
        cpu, wall = time.process_time(), time.monotonic()
        report = engine.sync(full=full) if profile is None else profile.runcall(engine.sync, full=full)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        reference.append(seconds_per_record())
        after = {n: counted(u) for n, u in urls.items()}
        rounds.append({
            "name": name, "cpu": cpu, "wall": wall, "reference": sum(reference[-2:]) / 2, "writes": report.writes,
            "failures": {n: str(e) for n, e in report.failures.items()},
            "calls": {n: after[n]["count"] - before[n]["count"] for n in urls},
            "carried": sum(after[n]["records"] - before[n]["records"] for n in urls),
            "peak_mb": peak_mb(), "shares": _shares(profile) if profile else {},
        })  # fmt: skip
    requested = {n: counted(u) for n, u in urls.items()}
    print(json.dumps({"opening": opening, "opened_mb": opened_mb, "rounds": rounds, "requests": requested}))


if __name__ == "__main__":
    main()
