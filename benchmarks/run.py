"""Measures everything and writes it down: `python benchmarks/run.py`, or `make bench`.

Stand-ins and engine run in processes of their own. Exits with 1 where a target is missed; aims are only told. With
`--people` another size than the usual one is measured, quickly, and nothing is written down unless `--out` says where.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pace
import report
from rounds import ROUNDS

HERE = Path(__file__).parent
PEOPLE = 100_000
FULL_PAGES = 5000
"""So many people that every page and batch is full once: less memory is no measure of what more people take."""
LIMIT, LATENCY = 19, 0.5


@contextmanager
def stands(people: int, *options: str) -> Iterator[tuple[dict[str, str], list[Any]]]:
    """Stand-ins' addresses, and what they print at their end."""
    said: list[Any] = []
    command = [sys.executable, str(HERE / "stands.py"), str(people), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline()), said
        process.stdin.close()
        said += [json.loads(line) for line in process.stdout]


def engine(script: str, *arguments: str) -> dict[str, Any]:
    """What an engine's process measured, after another that provisioned."""
    with tempfile.TemporaryDirectory(prefix="stagebridge-") as folder:
        command = [sys.executable, str(HERE / script), folder, *arguments]
        for options in (["--provision"], []):
            printed = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(printed)
    return found


def rounds(people: int, *options: str) -> dict[str, Any]:
    with stands(people) as (urls, _):
        found = engine("rounds.py", urls["crm"], urls["sales"], *options)
    for one, (_, _, fewest) in zip(found["rounds"], ROUNDS, strict=True):
        one["fewest"] = fewest(people)
    return found


def paced(seconds: int, latency: float = LATENCY) -> dict[str, Any]:
    """Writes that take so long at the limit: two requests for a hundred people."""
    people = seconds * LIMIT // 2 * 100
    with stands(people, "--limit", str(LIMIT)) as (urls, said):
        found = engine("pace.py", urls["crm"], str(LIMIT), str(latency))
    arrivals = [pace.Arrival(*a) for a in said[0]]
    seconds_of_it = pace.by_second(arrivals)
    return {
        **found, "people": people, "limit": LIMIT, "latency": latency, "by_second": seconds_of_it,
        "share": sum(seconds_of_it) / (LIMIT * len(seconds_of_it)), "requests": len(arrivals),
        "refused": sum(1 for a in arrivals if a.status == 429),
    }  # fmt: skip


def machine() -> dict[str, Any]:
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (x.partition(":")[2].strip() for x in info.read_text().splitlines() if x.startswith("model name")), cpu
        )
    return {
        "cpu": cpu, "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(), "system": platform.system(),
    }  # fmt: skip


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--people", type=int, default=PEOPLE, help="the larger size; the smaller is usually a tenth")
    given.add_argument("--seconds", type=int, default=40, help="how long the limit is tried")
    given.add_argument("--out", type=Path, help="where RESULTS.md and results.json go")
    args = given.parse_args()
    sizes = (max(args.people // 10, min(FULL_PAGES, args.people // 2)), args.people)
    results: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="minutes"), "machine": machine(),
        "rounds": {}, "pace": {}, "shares": {},
    }  # fmt: skip
    for people in sizes:
        print(f"{people:,} people between two sandboxes …", file=sys.stderr)
        results["rounds"][str(people)] = rounds(people)
    print(f"{LIMIT} calls a second at {LATENCY * 1000:.0f} ms …", file=sys.stderr)
    results["pace"] = paced(args.seconds)
    print("the profile …", file=sys.stderr)
    results["shares"] = {r["name"]: r["shares"] for r in rounds(sizes[0], "--profile")["rounds"]}
    figures = report.figures(results)
    print(report.table(figures))
    out = args.out or (HERE if args.people == PEOPLE else None)
    if out is not None:
        (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        (out / "RESULTS.md").write_text(report.page(results, figures), "utf-8")
    return 1 if any(not f.met and not f.aim for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
