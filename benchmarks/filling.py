"""New contacts into an empty Omnisend and an empty Zendesk, at a limit that the stand-in keeps on the machine's clock:
`python benchmarks/filling.py [--people 10000]`, one line of JSON for each case.

A minute of the limit is scaled to a second or less, with as few calls in it that the limit is what the time goes by. The
stand-in runs in a process of its own, counts every call and refuses those beyond the limit. `share` is how full the windows of
the busiest endpoint were, `calls` what came in between the plan and the last write, `fewest` what the connector's README says.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from stagebridge.clock import SystemClock
from stagebridge.config import load_config
from stagebridge.connector import Connector, Rate
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import Sandbox
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_side, open_sides
from stagebridge_omnisend import Omnisend
from stagebridge_zendesk import Zendesk

PEOPLE = 10_000


@dataclass(frozen=True, slots=True)
class Case:
    """`calls` in `window` seconds is the limit; `of` says which of the stand-in's routes share it (None: each by itself).
    `fewest` is the formula of the connector's README, of people and seconds."""

    platform: str
    connector: type[Connector]
    settings: Mapping[str, Any]
    switches: Mapping[str, Any]
    budgets: tuple[str, ...]
    calls: int
    window: float
    writes: tuple[str, ...]
    fewest: Callable[[int, float], float]
    of: Callable[[str], bool] | None = None
    fraction: float = 1.0
    """Of the people, where the limit lets fewer in."""
    flight: int = 6
    """Calls under way at once: few, since the stand-in, one process, takes a hundred contacts one call after the other, and
    counts a call when it takes it."""


CASES: Mapping[str, Case] = {
    "omnisend, batches": Case(
        "omnisend", Omnisend, {"api_key": "${SECRET}"},
        {"per_minute": 12, "minute": 4.0, "batch_seconds": 0.2}, ("list", "create", "batches", "items", "contact", "default"),
        12, 4.0, ("POST /batches",), lambda n, s: 2 * math.ceil(n / 100) + math.ceil(n / 250), flight=4,
    ),
    "zendesk, jobs": Case(
        "zendesk", Zendesk, {"email": "admin@example.com", "api_token": "${SECRET}"},
        {"per_minute": 20, "minute": 4.0, "job_queued_seconds": 0.1, "job_seconds": 0.2, "job_jitter": 0.1}, ("default",),
        20, 4.0, ("POST /users/create_many",), lambda n, s: 2 * math.ceil(n / 100) + s, lambda route: True,
    ),
    "zendesk, one by one": Case(
        "zendesk", Zendesk, {"email": "admin@example.com", "api_token": "${SECRET}"},
        {"bulk_import": False, "user_writes_per_second": 25, "second": 0.5, "per_minute": 1000, "minute": 1.0}, ("users",),
        25, 0.5, ("POST /users",), lambda n, s: n + math.ceil(n / 100), lambda route: route == "POST /users", fraction=0.2,
    ),
}  # fmt: skip


def stand(case: Case) -> None:
    """The stand-in, until standard input ends; then what came in."""
    switches = {**case.switches, "limits_in_real_time": True}
    with Sandbox(case.platform, clock=SystemClock(), switches=switches) as box:
        box.kit.log.last = deque()
        print(json.dumps(box.url), flush=True)
        sys.stdin.read()
        came = [[datetime.fromisoformat(r["at"]).timestamp(), r["route"], r["status"]] for r in box.kit.log.last]
        print(json.dumps(came), flush=True)


def fill(case: Case, url: str, people: int, folder: Path) -> dict[str, Any]:
    """Everybody of a file, into the platform; when that began, and what was written."""
    wide = {name: Rate(case.calls, case.window) for name in case.budgets}
    case.connector.budgets = {**case.connector.budgets, "default": Rate(1000, 1), **wide}
    rows = "".join(f"person{i}@example.com,Given{i},Family{i},lead\n" for i in range(people))
    (folder / "people.csv").write_text(f"email,first_name,last_name,lifecycle_stage\n{rows}", "utf-8")
    document = {
        "version": 1,
        "connections": {
            "people": {"type": "file", "path": str(folder / "people.csv"), "mode": "read"},
            "there": {"type": case.platform, "base_url": url, **case.settings},
        },
        "contacts": {"initial": {"prefer": "people"}, "guards": {"max_creates": "off"}},
    }
    (folder / "stagebridge.yaml").write_text(json.dumps(document), "utf-8")
    config, clock = load_config(folder / "stagebridge.yaml", {"SECRET": "a-secret"}), SystemClock()
    side = open_side(config.connections["there"], config.lifecycle, clock)
    if side.connector.capabilities.provision == "api":
        side.connector.provision(side.mapping.missing(), dry_run=False)
    clock.sleep(2)  # what this one asked counts no longer
    sides, failures = open_sides(config, clock)
    assert not failures, failures
    engine = Engine(config.contacts, Ledger.open(config.ledger), sides, config.lifecycle, clock, flight=case.flight)
    engine.plan()
    clock.sleep(2)
    began = time.time()
    report = engine.sync()
    return {
        "began": began, "created": report.pushed["there"].created, "writes": report.writes, "dead": report.dead,
        "failures": {n: str(e) for n, e in report.failures.items()},
    }  # fmt: skip


def measure(name: str, people: int) -> dict[str, Any]:
    case = CASES[name]
    people = int(people * case.fraction)
    command = [sys.executable, __file__, "--stand", name]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
        tempfile.TemporaryDirectory(prefix="stagebridge-") as folder,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())
        told = fill(case, url, people, Path(folder))
        process.stdin.close()
        came = json.loads(process.stdout.read())
    later = [(at, route, status) for at, route, status in came if at >= told["began"]]
    times = [at for at, route, _ in later if route in case.writes]
    seconds = max(times) - min(times)
    return {
        "case": name, "people": people, **{k: v for k, v in told.items() if k != "began"}, "seconds": round(seconds, 1), "routes": dict(Counter(r for _, r, _ in later)),
        "share": round(share(case, [(at, route) for at, route, _ in later]), 3), "calls": len(later),
        "fewest": round(case.fewest(people, seconds)), "refused": sum(1 for *_, status in later if status == 429),
    }  # fmt: skip


def share(case: Case, arrivals: list[tuple[float, str]]) -> float:
    """How full the whole windows of the busiest endpoint were, from its first call to its last."""
    of = case.of
    busy = Counter(route for _, route in arrivals).most_common(1)[0][0]
    times = sorted(at for at, route in arrivals if (of(route) if of is not None else route == busy))
    # a window begins when the one before is over for the platform, and the client waits a hundredth of a second more
    windows = Counter(int((at - times[0]) / (case.window + 0.01)) for at in times)
    whole = max(windows)
    return sum(windows[i] for i in range(whole)) / (case.calls * whole) if whole else 0.0


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--people", type=int, default=PEOPLE)
    given.add_argument("--case", choices=list(CASES), action="append")
    given.add_argument("--stand", choices=list(CASES), help=argparse.SUPPRESS)
    args = given.parse_args()
    if args.stand:
        stand(CASES[args.stand])
        return 0
    missed = False
    for name in args.case or CASES:
        one = measure(name, args.people)
        missed |= one["share"] < 0.95 or one["calls"] > 1.05 * one["fewest"] or one["refused"] > 0
        print(json.dumps(one), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
