"""Conversion events: each taken as it was meant, counted once whatever happens, and nobody's lost for another's fault."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import orjson
import pytest

from stagebridge.connector import Connector, Done, Draft, Outcome, Rejected, Retry, Unknown
from stagebridge.delivery.narrow import narrowed
from stagebridge.errors import ConfigError, StagebridgeError
from stagebridge.event import ConversionEvent
from stagebridge.testing.bench import Bench
from stagebridge.testing.failing import box_of, secrets_of
from stagebridge.testing.keeping import ADA, Checks, conversion, has_stand_in, own_code, person

NEVER_NAMED = (ADA["email"], ADA["phone"], ADA["last_name"], "%40example.com")


def conversions(bench: Bench, count: int = 1) -> list[ConversionEvent]:
    """Complete events of people whom the platform knows, where it knows people."""
    people = [ADA, *(person(i) for i in range(1, count))]
    if bench.mapping.objects:
        bench.put_people(people)
        bench.wait()
    at = bench.clock.now() - timedelta(minutes=1)
    return [conversion(i, p, at=at, **bench.event) for i, p in enumerate(people)]


def drafted(connector: Connector, events: Sequence[ConversionEvent]) -> list[Draft]:
    made = [connector.draft(e) for e in events]
    refused = [f"{d.code}: {d.message}" for d in made if isinstance(d, Rejected)]
    assert not refused, f"a complete event is refused: {refused[0]}"
    return [d for d in made if isinstance(d, Draft)]


def sent(connector: Connector, ready: Sequence[Draft]) -> list[Outcome]:
    """As the engine sends them: in batches, and what a refused batch held beside the bad event is sent all the same."""
    out: list[Outcome] = []
    for start in range(0, len(ready), most(connector)):
        outcomes, stopped = narrowed(connector.send, ready[start : start + most(connector)])
        assert stopped is None, stopped
        out += outcomes
    return out


def most(connector: Connector) -> int:
    """Events of one batch."""
    assert connector.capabilities.events is not None
    return connector.capabilities.events.batch


class Sending(Checks):
    needs = "events"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.events is not None

    def test_events_are_drafted_without_asking_anybody_and_each_is_counted(
        self, bench: Bench, connector: Connector
    ) -> None:
        events = conversions(bench, 3)
        if has_stand_in(type(connector)):
            box_of(bench).forget_requests()
        ready = drafted(connector, events)
        if has_stand_in(type(connector)):
            assert box_of(bench).requests()["count"] == 0
        assert [d.id for d in ready] == [e.id for e in events]
        assert [type(o) for o in sent(connector, ready)] == [Done] * 3
        assert sorted(bench.counted()) == sorted(e.id for e in events)

    def test_more_events_than_a_batch_are_refused_before_any_is_sent(self, bench: Bench, connector: Connector) -> None:
        [draft] = drafted(connector, conversions(bench))
        with pytest.raises(ConfigError, match=str(most(connector))):
            connector.send([replace(draft, id=str(i)) for i in range(most(connector) + 1)])
        assert bench.counted() == []

    def test_one_bad_event_does_not_lose_the_others(self, bench: Bench, connector: Connector) -> None:
        poison = bench.poison_event
        assert poison is not None, "say in `poison_event` what the platform refuses of any event"
        ready = drafted(connector, conversions(bench, 4))
        ready[2] = replace(ready[2], payload={**ready[2].payload, **poison})
        outcomes = sent(connector, ready)
        assert [type(o) for o in outcomes] == [Done, Done, Rejected, Done]
        assert sorted(bench.counted()) == sorted(d.id for d in ready if d is not ready[2])
        bad = outcomes[2]
        assert isinstance(bad, Rejected)
        assert own_code(connector, bad.code)
        assert bad.message
        assert "example.com" not in bad.message


class Counting(Checks):
    needs = "events, a stand-in"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.events is not None and has_stand_in(connector)

    def test_an_event_that_is_sent_twice_within_its_window_is_counted_once(
        self, bench: Bench, connector: Connector
    ) -> None:
        ready = drafted(connector, conversions(bench))
        assert isinstance(sent(connector, ready)[0], Done)
        assert bench.counted() == [ready[0].id]
        if ready[0].dedup:  # where the platform counts whatever comes, nobody sends a second one
            bench.clock.sleep(ready[0].dedup / 2)
            assert isinstance(sent(connector, ready)[0], Done | Rejected)
            assert bench.counted() == [ready[0].id]

    @pytest.mark.parametrize("kind", ["timeout_after", "timeout_before"])
    def test_events_whose_answer_is_lost_are_unknown_and_counted_once_when_they_are_sent_again(
        self, bench: Bench, connector: Connector, kind: str
    ) -> None:
        ready = drafted(connector, conversions(bench, 2))
        box_of(bench).fault(kind, writes=True, times=len(ready))  # a call may take one of them only
        outcomes = sent(connector, ready)
        assert all(isinstance(o, Unknown | Retry) for o in outcomes), outcomes
        box_of(bench).heal()
        if all(d.dedup for d in ready):
            bench.wait(60)
            assert [type(o) for o in sent(connector, ready)] == [Done] * 2
            assert sorted(bench.counted()) == sorted(d.id for d in ready)
        else:
            assert len(bench.counted()) == (0 if kind == "timeout_before" else 2)


class Recording(Checks):
    needs = "events: reads"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return bool(connector.capabilities.events and connector.capabilities.events.reads)

    def test_a_recorded_conversion_comes_with_its_person_its_time_and_its_money(
        self, bench: Bench, connector: Connector
    ) -> None:
        [ada] = bench.put_people([ADA])
        bench.wait()
        before = bench.clock.now()
        bench.convert(ada, "30.50")
        bench.wait()
        [event] = [e for page in connector.read_events(None) for e in page.events]
        assert connector.capabilities.events is not None
        assert event.name in connector.capabilities.events.reads
        assert event.contact.email == ADA["email"]
        if bench.money:
            assert event.value == Decimal("30.50")
            assert event.currency
            assert event.order_id
        else:
            assert "Purchase" not in connector.capabilities.events.reads, "a purchase has a value: say so with `money`"
            assert (event.value, event.currency) == (None, None)
        assert before - timedelta(seconds=5) <= event.at <= bench.clock.now()

    def test_recorded_conversions_come_on_from_a_cursor_and_always_under_one_id(
        self, bench: Bench, connector: Connector
    ) -> None:
        ada, bob = bench.put_people([ADA, person(1)])
        first = bench.convert(ada, "30.50")
        bench.wait(3600)
        pages = list(connector.read_events(None))
        [id] = [e.id for page in pages for e in page.events]
        assert [page.covered is not None for page in pages] == [False] * (len(pages) - 1) + [True]
        later = bench.open()
        cursor = orjson.loads(orjson.dumps(pages[-1].cursor))
        pages = list(later.read_events(cursor))
        assert [e for page in pages for e in page.events] == []
        bench.edit_conversion(first, "31.50")
        bench.convert(bob, "5")
        bench.wait()
        found = [e for page in later.read_events(pages[-1].cursor) for e in page.events]
        assert {e.contact.email for e in found if e.id != id} == {person(1)["email"]}
        assert {e.id for e in found if e.contact.email == ADA["email"]} <= {id}
        assert id in {e.id for page in later.read_events(None) for e in page.events}


class Telling(Checks):
    needs = "events, a stand-in"
    STATUSES = (None, 400, 401, 403, 404, 500)

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.events is not None and has_stand_in(connector)

    def test_nothing_of_a_person_and_no_secret_is_in_what_is_said_about_events(
        self, bench: Bench, connector: Connector, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        [draft] = drafted(connector, conversions(bench))
        bad = replace(draft, id="bad", payload={**draft.payload, **(bench.poison_event or {})})
        nobody = connector.draft(conversion(9, {}, at=bench.clock.now(), **bench.event))
        said = [repr(draft.warnings), repr(nobody) if isinstance(nobody, Rejected) else ""]
        for status in self.STATUSES:
            box_of(bench).heal()
            if status is not None:
                box_of(bench).fault("status", status=status, times=None)
            with contextlib.suppress(StagebridgeError):
                outcomes, stopped = narrowed(connector.send, [draft, bad])
                said += [repr(o) for o in outcomes] + ([repr(stopped), stopped.hint] if stopped is not None else [])
        said += [r.getMessage() for r in caplog.records if r.name.startswith("stagebridge")]
        assert [text for text in said if any(value in text for value in NEVER_NAMED)] == []
        assert [s for s in secrets_of(connector) if s in caplog.text or any(s in text for text in said)] == []


__all__ = ["Counting", "Recording", "Sending", "Telling"]
