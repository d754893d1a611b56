"""What was measured, held against what is asked for, as a short table and as a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

RATIO = 1.05
PEAK_MB, GROWTH_MB = 120, 5
SHARE = 0.97
FIRST_SYNC, ALL_AGAIN = 21, 7.7
"""Multiples of the reference: 55 and 20 µs where the reference takes 2.6."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`target` in words; an `aim` is told and decides nothing."""

    name: str
    measured: str
    target: str
    met: bool
    aim: bool = False


def figures(results: dict[str, Any]) -> list[Figure]:
    sizes = list(results["rounds"])
    found = [f for size in sizes for f in _calls(size, results["rounds"][size]["rounds"])]
    for size in sizes:
        third = _round(results, size, "third")
        found.append(Figure(f"writes of the third round, {_n(size)}", str(third["writes"]), "0", third["writes"] == 0))
    small, large = (max(r["peak_mb"] for r in results["rounds"][s]["rounds"]) for s in sizes)
    found.append(Figure(f"peak memory, {_n(sizes[-1])}", f"{large:.1f} MB", f"≤ {PEAK_MB} MB", large <= PEAK_MB))
    growth = large - small
    words = f"memory from {_n(sizes[0])} to {_n(sizes[-1])}"
    found.append(Figure(words, f"{growth:+.1f} MB", f"≤ {GROWTH_MB} MB more", growth <= GROWTH_MB))
    pace = results["pace"]
    words = f"share of {pace['limit']} calls a second, answers after {pace['latency'] * 1000:.0f} ms"
    found.append(Figure(words, f"{pace['share']:.1%}", f"≥ {SHARE:.0%}", pace["share"] >= SHARE))
    found.append(Figure("calls refused (429)", str(pace["refused"]), "0", pace["refused"] == 0))
    for name, aim in (("first sync", FIRST_SYNC), ("all again", ALL_AGAIN)):
        for size in sizes:
            one = _round(results, size, name)
            times, micro = multiple(one, int(size)), one["cpu"] / records(int(size)) * 1e6
            words = "first sync" if name == "first sync" else "unchanged re-read"
            found.append(
                Figure(
                    f"CPU per record, {words}, {_n(size)}",
                    f"{times:.0f} × ({micro:.0f} µs)",
                    f"{aim} × (aim)",
                    times <= aim,
                    aim=True,
                )
            )
    return found


def records(people: int) -> int:
    """Everybody has a record in both systems once they are in step."""
    return 2 * people


def multiple(one: dict[str, Any], people: int) -> float:
    """A round's CPU time per record, in reference records of the same minute."""
    return float(one["cpu"] / records(people) / one["reference"])


def _calls(size: str, rounds: Sequence[dict[str, Any]]) -> Iterable[Figure]:
    for name in rounds[0]["calls"]:
        ratios = [r["calls"][name] / r["fewest"][name] for r in rounds]
        counted, fewest = (sum(r[k][name] for r in rounds) for k in ("calls", "fewest"))
        words = f"{counted:,} calls for {fewest:,}, worst round {max(ratios):.3f} ×"
        yield Figure(f"API calls, {name}, {_n(size)}", words, f"≤ {RATIO} ×", max(ratios) <= RATIO)


def _round(results: dict[str, Any], size: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in results["rounds"][size]["rounds"] if r["name"] == name)
    return found


def _n(size: str) -> str:
    return f"{int(size):,}"


# --- for people ------------------------------------------------------------------------------------------------


def _verdict(figure: Figure) -> str:
    return "yes" if figure.met else "no" if figure.aim else "NO"


def table(figures: Sequence[Figure]) -> str:
    rows = [("figure", "measured", "target", "met"), *((f.name, f.measured, f.target, _verdict(f)) for f in figures)]
    widths = [max(len(r[i]) for r in rows) for i in range(4)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip() for r in rows)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def page(results: dict[str, Any], figures: Sequence[Figure]) -> str:
    m = results["machine"]
    lines = [
        "# Benchmarks: results",
        "",
        f"Written by `make bench` on {results['at'][:10]} ({m['cpu']}, {m['cores']} cores, CPython {m['python']}, "
        f"{m['system']}); every figure is of that run. Engine and stand-ins run in processes of their own. Repeat it with "
        "`make bench`, or quickly with `.venv/bin/python benchmarks/run.py --people 10000`, which writes nothing.",
        "",
        *_markdown(
            ("figure", "measured", "target", "met"),
            ((f.name, f.measured, f.target, _verdict(f)) for f in figures),
        ),
        "",
        *_cpu(results),
        *_requests(results),
        *_memory(results),
        *_pace(results["pace"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _cpu(results: dict[str, Any]) -> list[str]:
    rows = [
        (
            _n(size), one["name"], f"{one['cpu']:.2f} s", f"{one['cpu'] / records(int(size)) * 1e6:.1f} µs",
            f"{one['reference'] * 1e6:.2f} µs", f"{multiple(one, int(size)):.1f} ×", f"{one['carried']:,}",
            f"{one['cpu'] / one['carried'] / one['reference']:.1f} ×" if one["carried"] else "–", f"{one['writes']:,}",
        )
        for size, found in results["rounds"].items()
        for one in found["rounds"]
    ]  # fmt: skip
    names = [n for n in results["shares"] if n in ("first sync", "all again")]
    parts = list(dict.fromkeys(chain.from_iterable(results["shares"][n] for n in names)))
    return [
        "## CPU",
        "",
        "Of the engine's process, all threads, for each record that the two systems hold (everybody has one in both). The "
        "reference is orjson loads + dumps + SHA-256 of one frozen record (`reference.py`), taken just before and after "
        "each round; the multiple is what two machines, or two versions, can be compared by. *Carried* are the records in "
        "the requests and answers of the round.",
        "",
        *_markdown(
            ("people", "round", "CPU", "per record", "reference", "multiple", "carried", "per carried one", "writes"),
            rows,
        ),
        "",
        "The aims (55 and 20 µs) are older than the engine and stand in the table as they were. In the first sync each "
        "record is read, identified and merged, what is owed is counted and planned, it is read again for verification, "
        "written, settled, in Salesforce read back besides, and every step is in the ledger before the next. The second "
        "round reads all of our own writes once more, because the platforms date them new. In the last one the "
        "fingerprint of the raw record ends it: what remains is asking, decoding, hashing and one look-up a page. What "
        "they are made of (a profile of "
        f"CPU time, {_n(min(results['rounds'], key=int))} people, one thread):",
        "",
        *_markdown(
            ("part", *names),
            ((p, *(f"{results['shares'][n].get(p, 0):.0%}" for n in names)) for p in parts),
        ),
        "",
    ]


def _requests(results: dict[str, Any]) -> list[str]:
    rows = [
        (_n(size), one["name"], name, f"{one['fewest'][name]:,}", f"{count:,}", f"{count / one['fewest'][name]:.3f} ×")
        for size, found in results["rounds"].items()
        for one in found["rounds"]
        for name, count in one["calls"].items()
    ]
    opening = results["rounds"][min(results["rounds"], key=int)]["opening"]
    said = " and ".join(f"{c['count']} for {n}" for n, c in opening.items())
    return [
        "## API calls",
        "",
        "The fewest by the formula in `calls.py`, and what the stand-ins counted. Opening the accounts (login, fields, "
        f"owners, creating our properties) took {said} besides, at any size.",
        "",
        *_markdown(("people", "round", "connection", "fewest", "counted", "ratio"), rows),
        "",
    ]


def _memory(results: dict[str, Any]) -> list[str]:
    names = [r["name"] for r in next(iter(results["rounds"].values()))["rounds"]]
    rows = [
        (_n(size), f"{found['opened_mb']:.1f} MB", *(f"{r['peak_mb']:.1f} MB" for r in found["rounds"]))
        for size, found in results["rounds"].items()
    ]
    return [
        "## Memory",
        "",
        "The most that the engine's process has held (resident), after imports and opening the accounts, and after each "
        "round. It is the engine as a library; what the command draws its tables with is not in it.",
        "",
        *_markdown(("people", "opened", *names), rows),
        "",
    ]


def _pace(pace: dict[str, Any]) -> list[str]:
    rest = pace["limit"] * len(pace["by_second"]) - sum(pace["by_second"])
    first, last = (pace["limit"] - pace["by_second"][i] for i in (0, -1))
    return [
        "## The share of a limit",
        "",
        f"A HubSpot on the machine's clock lets {pace['limit']} calls through in any second and refuses the rest; every "
        f"answer comes {pace['latency'] * 1000:.0f} ms late. {pace['people']:,} contacts get our key: verified and written "
        f"in {sum(pace['by_second']):,} calls over {len(pace['by_second'])} whole seconds, from the first of them to the "
        f"last. The platform refused {pace['refused']} of the {pace['requests']:,} calls of the run. "
        f"The engine took {pace['cpu'] / pace['wall']:.0%} of one core.",
        "",
        f"Of the {rest} calls that would have been let through besides, {first} are of the first second, {last} of the last "
        f"one, and {rest - first - last} of those between: a call may leave only when the window has room for it with a "
        "margin, because it does not arrive at the instant that it leaves.",
        "",
    ]
