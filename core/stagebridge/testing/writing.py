"""Writing: what was meant and nothing else, and for every record an outcome of its own."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from stagebridge.connector import Conflict, Connector, Done, Entry, Gone, Rejected
from stagebridge.contact import full_name, is_blank
from stagebridge.errors import ConfigError
from stagebridge.testing.bench import Bench
from stagebridge.testing.keeping import ADA, Checks, own_code, people, person


def as_held(bench: Bench, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values letter by letter, first and last name as one name where the platform has one field for both."""
    one = "name" in bench.mapping.writable(bench.object)
    names = {"name": full_name(values.get("first_name"), values.get("last_name"))} if one else {}
    return {p: v for p, v in values.items() if not (one and p in ("first_name", "last_name"))} | names


class Writing(Checks):
    needs = "write"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.write is not None

    def test_a_new_record_holds_what_was_written_letter_by_letter(self, bench: Bench, connector: Connector) -> None:
        values = {**ADA, bench.text_path(): 'Countess, "of" Łódź; 東京 🚂'}
        [done] = connector.write([bench.create(values, "key-ada")])
        assert isinstance(done, Done)
        view = bench.view(done.remote_id)
        meant = as_held(bench, values)
        assert {p: view.get(p) for p in meant} == meant
        if bench.mapping.field("external_id", bench.object) is not None:
            assert view["external_id"] == "key-ada"

    def test_an_update_changes_what_it_names_and_nothing_else(self, bench: Bench, connector: Connector) -> None:
        ada, bob = bench.put_people([{**ADA, bench.text_path(): "Countess"}, person(1)])
        before = bench.views()
        [done] = connector.write([bench.update(connector, ada, {"phone": "+442079460002"})])
        assert isinstance(done, Done)
        after = bench.views()
        assert after[ada]["phone"] == "+442079460002"
        moved = {"phone", "updated_at"}
        assert {p: v for p, v in after[ada].items() if p not in moved} == {
            p: v for p, v in before[ada].items() if p not in moved
        }
        assert after[bob] == before[bob]
        assert len(after) == 2

    def test_a_value_that_is_cleared_goes_and_one_that_is_not_named_stays(
        self, bench: Bench, connector: Connector
    ) -> None:
        [ada] = bench.put_people([{**ADA, bench.text_path(): "Countess"}])
        [done] = connector.write([bench.update(connector, ada, {bench.text_path(): None})])
        assert isinstance(done, Done)
        view = bench.view(ada)
        assert is_blank(view.get(bench.text_path()))
        assert view["phone"] == ADA["phone"]

    def test_outcomes_are_in_the_order_of_the_entries_of_a_whole_batch(
        self, bench: Bench, connector: Connector
    ) -> None:
        assert connector.capabilities.write is not None
        ids = bench.put_people(people(connector.capabilities.write.batch))
        random.Random(5).shuffle(ids)
        bases = connector.fetch(bench.object, ids)
        entries = []
        for i, id in enumerate(ids):
            payload = bench.mapping.write({bench.text_path(): f"Title {i}"}, onto=bases[id].data, object=bench.object)
            entries.append(Entry(bench.object, dict(payload), id, bases[id].data))
        assert [o.remote_id for o in connector.write(entries) if isinstance(o, Done)] == ids
        views = bench.views()
        assert [views[id][bench.text_path()] for id in ids] == [f"Title {i}" for i in range(len(ids))]

    def test_more_than_a_batch_is_refused_before_anything_is_written(self, bench: Bench, connector: Connector) -> None:
        assert connector.capabilities.write is not None
        [ada] = bench.put_people([ADA])
        entry = bench.update(connector, ada, {bench.text_path(): "Countess"})
        with pytest.raises(ConfigError, match=str(connector.capabilities.write.batch)):
            connector.write([entry] * (connector.capabilities.write.batch + 1))
        assert is_blank(bench.view(ada).get(bench.text_path()))

    def test_a_record_that_is_no_more_is_gone_and_the_others_are_written(
        self, bench: Bench, connector: Connector
    ) -> None:
        gone, stays = bench.put_people(people(2))
        entries = [bench.update(connector, i, {bench.text_path(): "T"}) for i in (gone, stays)]
        bench.remove(gone)
        connector.fetch(bench.object, [stays])
        outcomes = connector.write(entries)
        assert isinstance(outcomes[0], Gone)
        assert isinstance(outcomes[1], Done)
        assert bench.held().keys() == {stays}
        assert bench.view(stays)[bench.text_path()] == "T"

    def test_one_poison_record_does_not_hold_up_the_others(self, bench: Bench, connector: Connector) -> None:
        poison = bench.poison
        assert poison is not None, "say in `poison` what the platform refuses of any record"
        ids = bench.put_people(people(3))
        entries = [bench.update(connector, i, {bench.text_path(): "T"}) for i in ids]
        entries[1] = Entry(bench.object, poison, ids[1], entries[1].base)
        new = bench.create(person(9), "key-9")
        bad = Entry(bench.object, {**bench.payload({**person(8), "external_id": "key-8"}), **poison}, key="key-8")
        before = bench.held()[ids[1]]
        outcomes = [*connector.write(entries), *connector.write([bad, new])]
        assert [type(o) for o in outcomes] == [Done, Rejected, Done, Rejected, Done]
        assert bench.held()[ids[1]] == before
        assert [bench.view(i).get(bench.text_path()) for i in (ids[0], ids[2])] == ["T", "T"]
        assert sorted(str(v.get("email")) for v in bench.views().values()) == [person(i)["email"] for i in (0, 1, 2, 9)]
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                assert own_code(connector, outcome.code)
                assert outcome.message
                assert "example.com" not in outcome.message


class UnderKey(Checks):
    needs = "write: upsert_key"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.write is not None and connector.capabilities.write.upsert_key

    def test_a_create_that_is_repeated_makes_no_second_record(self, bench: Bench, connector: Connector) -> None:
        entries = [bench.create(p, f"key-{i}") for i, p in enumerate([ADA, person(1)])]
        first, second = connector.write(entries), connector.write(entries)
        assert [type(o) for o in (*first, *second)] == [Done] * 4
        assert {o.remote_id for o in first if isinstance(o, Done)} == bench.held().keys()
        assert len(bench.held()) == 2


class Doubling(Checks):
    needs = "write: refuses_doubles"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.write is not None and connector.capabilities.write.refuses_doubles

    def test_a_create_with_an_address_that_somebody_holds_names_him_and_writes_nothing(
        self, bench: Bench, connector: Connector
    ) -> None:
        ada, _ = bench.put_people([ADA, person(1)])
        before = bench.held()
        entries = [
            bench.create({**person(5), "email": ADA["email"].upper()}, "key-5"),
            bench.create(person(6), "key-6"),
        ]
        conflict, new = connector.write(entries)
        assert isinstance(conflict, Conflict)
        assert conflict.existing_id == ada
        assert isinstance(new, Done)
        assert {i: r for i, r in bench.held().items() if i != new.remote_id} == before


class Answering(Checks):
    needs = "write: returns_record"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.write is not None and connector.capabilities.write.returns_record

    def test_the_answer_shows_what_the_platform_now_holds(self, bench: Bench, connector: Connector) -> None:
        [ada] = bench.put_people([ADA])
        [new, old] = [
            *connector.write([bench.create(person(1), "key-1")]),
            *connector.write([bench.update(connector, ada, {bench.text_path(): "Countess"})]),
        ]
        for outcome in (new, old):
            assert isinstance(outcome, Done)
            assert outcome.record is not None
            assert outcome.record.id == outcome.remote_id
            shown = bench.mapping.read(outcome.record.data, bench.object)
            held = bench.view(outcome.remote_id)
            assert {p: v for p, v in shown.items() if not is_blank(v)}.items() <= held.items()
            assert shown["email"] == held["email"]
        assert isinstance(old, Done)
        assert old.record is not None
        assert bench.mapping.read(old.record.data, bench.object)[bench.text_path()] == "Countess"


class Loading(Checks):
    needs = "write: load"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.write is not None and connector.capabilities.write.load > 0

    def test_a_bulk_load_matches_its_outcomes_and_a_repeated_one_doubles_nobody(
        self, bench: Bench, connector: Connector
    ) -> None:
        assert bench.poison is not None
        entries = [bench.create(p, f"key-{i}") for i, p in enumerate(people(12))]
        entries[5] = Entry(
            bench.object, {**entries[5].payload, **bench.poison}, key="key-5", context=entries[5].context
        )
        outcomes = connector.load(entries)
        assert [type(o) for o in outcomes] == [Done] * 5 + [Rejected] + [Done] * 6
        views = bench.views()
        for i, outcome in enumerate(outcomes):
            if isinstance(outcome, Done):
                assert views[outcome.remote_id]["email"] == person(i)["email"]
        connector.load(entries)
        assert len(bench.held()) == 11
