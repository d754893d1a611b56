from __future__ import annotations

from pathlib import Path

from conformance.benches import OmnisendBench
from stagebridge.clock import ElasticClock
from stagebridge.config import GUARDS, ContactsConfig, Guards, Rule
from stagebridge.ledger.store import Ledger
from stagebridge.sync.engine import Engine
from stagebridge.testing.keeping import people
from stagebridge_omnisend import Omnisend


class Brand(OmnisendBench):
    connector = Omnisend


def test_a_plan_counts_the_requests_that_single_changes_take(tmp_path: Path) -> None:
    clock = ElasticClock()
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
    with Brand(clock, tmp_path / "1", seed=1) as one, Brand(clock, tmp_path / "2", seed=2) as other:
        sides = [one.side(), other.side()]
        one.put_people([{**p, "job_title": "Countess"} for p in people(12)])
        other.put_people(people(5))
        one.wait(700)
        ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
        names = tuple(s.name for s in sides)
        config = ContactsConfig(
            between=names, initial={"*": Rule("prefer", names[:1])}, create=dict.fromkeys(names, "contacts"),
            guards=Guards(dict.fromkeys(GUARDS, "off")),
        )  # fmt: skip
        engine = Engine(config, ledger, sides, sides[0].mapping.lifecycle, clock, flight=1)
        side = engine.plan()[0].sides[names[1]]
        assert (side.creates, side.updates) == (7, 5)
        assert side.calls == {"verify": 5, "look up": 1, "write": 5 + 1, "read back": 0, "delete": 0}
        assert side.seconds == 12 * 60 / 400
        before = other.box.state()["calls"]
        engine.sync()
        after = other.box.state()["calls"]
        ledger.close()
    made = {n: after[n] - before.get(n, 0) for n in after}
    assert (made["GET /contacts/{id}"], made["PATCH /contacts/{id}"], made["POST /batches"]) == (5, 5, 1)
