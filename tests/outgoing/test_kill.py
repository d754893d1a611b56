"""SIGKILL at any instant of sending, then again: everything arrives, in order, and twice at the most what was under way (G4)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stagebridge.clock import SystemClock
from stagebridge.config import load_config
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing.setup import Outgoing
from stagebridge.sync import alerts
from stub_http import Stub

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()


def noted(folder: Path, stub: Stub) -> None:
    """Four messages wait, in a ledger of its own."""
    for file in folder.glob("stagebridge.db*"):
        file.unlink()
    told = {"type": "webhook", "send": {"url": f"{stub.url}/in", "events": ["conflict.opened"]}}
    document = {
        "version": 1, "connections": {"told": told}, "outgoing": {"allow": [stub.url.removeprefix("http://")]},
    }  # fmt: skip
    (folder / "stagebridge.yaml").write_text(json.dumps(document), "utf-8")
    config = load_config(folder / "stagebridge.yaml")
    outgoing, ledger = Outgoing(config, SystemClock()), Ledger.open(config.ledger)
    for name in NAMES:
        alerts.alert("conflict.opened", connection=name, conflict="duplicate", count=1)
    with ledger.begin() as tx:
        outgoing.alerts.write(tx)
    outgoing.close()
    ledger.close()
    stub.seen.clear()


def test_killed_at_every_commit_and_every_post_all_of_it_arrives_in_order(tmp_path: Path, stub: Stub) -> None:
    noted(tmp_path, stub)
    command = [sys.executable, str(Path(__file__).parents[1] / "tell_child.py"), str(tmp_path / "stagebridge.yaml")]
    environ = {**os.environ}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as child:

        def order(step: int) -> tuple[int, int]:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(f"{step}\n")
            child.stdin.flush()
            code, taken = child.stdout.readline().split()
            return int(code), int(taken)

        code, steps = order(10**6)
        assert code == 0
        assert [json.loads(s.body)["data"]["facts"]["connection"] for s in stub.seen] == NAMES
        assert steps > 3 * len(NAMES)
        for step in range(1, steps + 1):
            noted(tmp_path, stub)
            assert order(step)[0] == -9, step
            time.sleep(0.16)  # the lease of the killed one runs out
            assert order(10**6)[0] == 0
            ids = [json.loads(s.body)["id"] for s in stub.seen]
            names = [json.loads(s.body)["data"]["facts"]["connection"] for s in stub.seen]
            assert list(dict.fromkeys(names)) == NAMES, step
            assert len(names) <= len(NAMES) + 1, step
            assert len(set(ids)) == len(NAMES), step
        child.kill()
