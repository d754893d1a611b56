"""A process of its own that queues events or sends what is queued: `python delivery_child.py FOLDER give COUNT` or `… flush`.

Prints the peak of its memory in MB; may be killed at any time.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

from stagebridge.clock import Clock
from stagebridge.config import load_config
from stagebridge.contact import Contact
from stagebridge.delivery.setup import Events
from stagebridge.event import ConversionEvent
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import RemoteClock
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_sides

SECRETS = {"TOKEN": "pat-test"}
PAGE = 5000


def purchases(count: int, clock: Clock) -> Iterator[ConversionEvent]:
    now = clock.now()
    for i in range(count):
        yield ConversionEvent(
            id=f"order-{i}", name="Purchase", at=now, contact=Contact(email=f"p{i}@example.com"), value=Decimal("10.00"),
            currency="EUR", channel="web", source_url="https://shop.example.com/thanks", user_agent="Mozilla/5.0",
        )  # fmt: skip


def peak() -> int:
    """MB of this program alone: what getrusage tells may still be the peak of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    folder, verb = Path(sys.argv[1]), sys.argv[2]
    config = load_config(folder / "stagebridge.yaml", SECRETS)
    base = config.connections["crm"].settings
    assert base is not None
    clock = RemoteClock(str(base.base_url))
    sides, failures = open_sides(config, clock)
    assert failures == {}, failures
    engine = Engine(config.contacts, Ledger.open(config.ledger), sides, config.lifecycle, clock)
    work = Events(config, engine, clock)
    if verb == "give":
        events = purchases(int(sys.argv[3]), clock)
        while page := list(islice(events, PAGE)):
            work.arrival.give(page)
    else:
        work.deliverer().flush()
    print(peak())


if __name__ == "__main__":
    main()
