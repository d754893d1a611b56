"""Two accounts of the platform and the real engine between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stagebridge.clock import ElasticClock
from stagebridge.config import GUARDS, ContactsConfig, Guards, Rule
from stagebridge.connector import Connector
from stagebridge.contact import METADATA
from stagebridge.ledger.store import Ledger
from stagebridge.sync.engine import Engine
from stagebridge.sync.side import Side
from stagebridge.testing.bench import Bench
from stagebridge.testing.failing import box_of
from stagebridge.testing.keeping import Checks, has_stand_in, people
from stagebridge.testing.staging import stages_held

Two = tuple[Engine, Bench, Bench]

LOST = ["timeout_after", "500", "ok", "reset_mid_body", "timeout_before", "503", "timeout_after", "ok"]
"""What becomes of one write after the other."""


class Pair(Checks):
    """Two accounts and an engine; no checks of its own."""

    @pytest.fixture
    def two(self, tmp_path: Path) -> Iterator[Two]:
        """Twelve people in the one account and twelve in the other, eight of them the same, spelt alike."""
        clock = ElasticClock()
        with ExitStack() as stack:
            benches, sides = [], []
            for number in (1, 2):
                folder = tmp_path / str(number)
                folder.mkdir()
                bench = stack.enter_context(self.bench_class(clock, folder, seed=number))
                sides.append(bench.side())
                benches.append(bench)
                bench.put_people([{**p, **self.staged(bench)} for p in people(16)[(number - 1) * 4 :][:12]])
            ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
            stack.callback(ledger.close)
            yield self.engine(sides, ledger, clock), benches[0], benches[1]

    @staticmethod
    def staged(bench: Bench) -> dict[str, str]:
        """A stage, where it has one: a new record without one may be given one by the platform, which is nobody's edit."""
        return {"stage": stages_held(bench)[0]} if bench.connector.capabilities.stage is not None else {}

    @staticmethod
    def engine(sides: list[Side], ledger: Ledger, clock: ElasticClock) -> Engine:
        names = tuple(s.name for s in sides)
        config = ContactsConfig(
            between=names, initial={"*": Rule("prefer", names[:1])},
            create={s.name: s.mapping.create_object for s in sides}, guards=Guards(dict.fromkeys(GUARDS, "off")),
        )  # fmt: skip
        return Engine(config, ledger, sides, sides[0].mapping.lifecycle, clock, flight=1)

    def round(self, engine: Engine, *benches: Bench) -> int:
        """One round after every lag; returns how many writes it made."""
        for bench in benches:
            bench.wait(700)
        report = engine.sync()
        assert report.failures == {}
        return report.writes

    @staticmethod
    def by_email(bench: Bench) -> dict[str, dict[str, Any]]:
        """What is held, by address: the values that both can hold, without the times that describe them."""
        paths = bench.mapping.writable(bench.object) - METADATA - {"external_id"}
        views = [v for v in bench.views().values() if v.get("email")]
        found = {str(v["email"]): {p: v.get(p) or None for p in paths} for v in views}
        assert len(found) == len(bench.held()), "somebody is there twice"
        return found


def both_ways(connector: type[Connector]) -> bool:
    return connector.capabilities.read is not None and connector.capabilities.write is not None


class Together(Pair):
    needs = "read, write"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return both_ways(connector)

    def test_two_accounts_are_brought_into_step_and_then_nothing_is_written(self, two: Two) -> None:
        engine, one, other = two
        assert self.round(engine, one, other) > 0
        assert self.by_email(one).keys() == self.by_email(other).keys() == {p["email"] for p in people(16)}
        for bench, said in ((one, "One"), (other, "Other")):
            id = next(i for i, v in bench.views().items() if v["email"] == people(16)[5]["email"])
            bench.edit_person(
                id, {bench.text_path() if said == "One" else "phone": said if said == "One" else "+442079460005"}
            )
        self.round(engine, one, other)
        assert self.by_email(one) == self.by_email(other)
        edited = self.by_email(other)[people(16)[5]["email"]]
        assert (edited[one.text_path()], edited["phone"]) == ("One", "+442079460005")
        assert self.round(engine, one, other) == 0


class Losing(Pair):
    needs = "read, write, a stand-in"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return both_ways(connector) and has_stand_in(connector)

    def test_answers_that_get_lost_are_read_back_and_nobody_is_doubled(self, two: Two) -> None:
        engine, one, other = two
        for bench in (one, other):
            box_of(bench).fault("status", writes=True, script=LOST)
        for _ in range(5):
            for bench in (one, other):
                bench.wait(2000)
            engine.sync()
        assert self.by_email(one) == self.by_email(other)
        assert len(one.held()) == 16
        assert self.round(engine, one, other) == 0
