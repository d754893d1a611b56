"""Reading: everybody once, on after any page, what changed, whatever happens meanwhile."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from stagebridge.clock import ManualClock
from stagebridge.connector import Connector, Page
from stagebridge.testing.bench import Bench
from stagebridge.testing.keeping import ADA, Checks, everything, living, people, person, records


def edits(connector: Connector) -> bool:
    """Whether what is read may change after it was made."""
    return connector.capabilities.read is not None and connector.capabilities.read.edits


def survivors_are_named(connector: Connector) -> bool:
    return connector.capabilities.read is not None and connector.capabilities.read.names_survivors


class Reading(Checks):
    needs = "read"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.read is not None

    def test_a_full_read_brings_everybody_once_and_says_at_its_end_what_it_covers(
        self, bench: Bench, connector: Connector
    ) -> None:
        ids = bench.put_people(people(bench.many))
        bench.wait()
        pages = list(connector.read(bench.object))
        assert len([p for p in pages if p.records]) > 1, f"{bench.many} people are one page: raise `many`"
        assert sorted(living(pages)) == sorted(ids)
        emails = {bench.mapping.read(r.data, bench.object)["email"] for r in records(pages) if not r.deleted}
        assert emails == {p["email"] for p in people(bench.many)}
        assert [p.covered is not None for p in pages] == [False] * (len(pages) - 1) + [True]
        assert pages[-1].covered is not None
        assert pages[-1].covered <= bench.clock.now()

    def test_a_read_goes_on_after_any_page_in_another_process(self, bench: Bench, connector: Connector) -> None:
        ids = bench.put_people(people(bench.many))
        bench.wait()
        pages = list(connector.read(bench.object))
        for cut in sorted({0, len(pages) // 2, len(pages) - 2}):
            stored = json.loads(json.dumps(pages[cut].cursor))
            rest = list(bench.open().read(bench.object, stored))
            assert {*living(pages[: cut + 1]), *living(rest)} == set(ids), f"after page {cut + 1} of {len(pages)}"

    def test_a_fetch_is_by_id_and_leaves_out_what_is_no_more(self, bench: Bench, connector: Connector) -> None:
        one, two, gone = bench.put_people(people(3))
        bench.remove(gone)
        found = connector.fetch(bench.object, [one, gone, two, one])
        assert {i for i, r in found.items() if not r.deleted} == {one, two}
        assert bench.mapping.read(found[two].data, bench.object)["email"] == person(1)["email"]
        assert connector.fetch(bench.object, []) == {}

    def test_a_whole_batch_of_ids_is_fetched(self, bench: Bench, connector: Connector) -> None:
        write = connector.capabilities.write
        ids = bench.put_people(people(min(bench.many, write.batch if write else 100)))
        assert connector.fetch(bench.object, ids).keys() == set(ids)


class Finding(Checks):
    needs = "read, write"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.read is not None and connector.capabilities.write is not None

    def test_people_are_found_by_address_in_any_spelling_and_by_our_key(
        self, bench: Bench, connector: Connector
    ) -> None:
        keyed = bench.mapping.field("external_id", bench.object) is not None
        ada, *others = bench.put_people(
            [{**p, **({"external_id": f"key-{i}"} if keyed else {})} for i, p in enumerate([ADA, *people(120)])]
        )
        bench.wait()
        wanted = [ADA["email"].upper(), "nobody@example.com", *(p["email"] for p in people(120))]
        assert {r.id for r in connector.find(bench.object, "email", wanted)} == {ada, *others}
        assert connector.find(bench.object, "email", ["nobody@example.com"]) == []
        if keyed:
            found = connector.find(bench.object, "external_id", ["key-0", "key-2", "no such key"])
            assert {r.id for r in found} == {ada, others[1]}


class Incremental(Checks):
    needs = "read: incremental"
    start: ClassVar[datetime] = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.read is not None and connector.capabilities.read.incremental

    def test_what_changed_and_who_is_new_comes_with_the_next_read(self, bench: Bench, connector: Connector) -> None:
        old, other = bench.put_people([ADA, person(1)])
        bench.wait()
        _, cursor = everything(connector, bench.object)
        bench.wait(3600)
        if edits(connector):
            bench.edit_person(old, {bench.text_path(): "Countess"})
        [new] = bench.put_people([person(2)])
        bench.wait()
        found, cursor = everything(connector, bench.object, cursor)
        views = {r.id: bench.mapping.read(r.data, bench.object) for r in found if not r.deleted}
        assert views[new]["email"] == person(2)["email"]
        if not edits(connector):
            return
        assert views[old][bench.text_path()] == "Countess"
        bench.edit_person(other, {bench.text_path(): "Duchess"})
        bench.wait()
        found, _ = everything(connector, bench.object, cursor)
        assert other in {r.id for r in found}

    def test_nothing_is_missed_that_happens_while_pages_are_read(self, bench: Bench, connector: Connector) -> None:
        ids = bench.put_people(people(bench.many))
        bench.wait()
        reading = connector.read(bench.object)
        first = next(reading)
        bench.clock.sleep(1)
        changed = {}
        if edits(connector):
            changed = self.change_two(bench, ids, first)
        [new] = bench.put_people([person(bench.many)])
        seen = [first, *reading]
        bench.wait()
        seen += connector.read(bench.object, seen[-1].cursor)
        last = {r.id: bench.mapping.read(r.data, bench.object) for r in records(seen) if not r.deleted}
        assert last.keys() == {*ids, new}
        assert {id: last[id][bench.text_path()] for id in changed} == changed

    @staticmethod
    def change_two(bench: Bench, ids: list[str], first: Page) -> dict[str, str]:
        """Edit somebody who has been read already, and somebody who has not; {id: text}."""
        early, late = first.records[0].id, next(i for i in reversed(ids) if i not in {r.id for r in first.records})
        bench.edit_person(early, {bench.text_path(): "Early"})
        bench.edit_person(late, {bench.text_path(): "Late"})
        return {early: "Early", late: "Late"}

    def test_records_of_one_and_the_same_instant_all_come(self, tmp_path: Path) -> None:
        with self.bench_class(ManualClock(self.start), tmp_path) as bench:
            connector = bench.open()
            bench.put_people([ADA])
            bench.wait()
            _, cursor = everything(connector, bench.object)
            bench.wait(3600)
            ids = bench.put_people(people(bench.many))
            bench.wait()
            pages = list(connector.read(bench.object, cursor))
            assert set(ids) <= set(living(pages))
            for cut in range(min(3, len(pages) - 1)):
                rest = list(connector.read(bench.object, pages[cut].cursor))
                assert set(ids) <= {*living(pages[: cut + 1]), *living(rest)}


class Deleted(Checks):
    needs = "read: deletes"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.read is not None and connector.capabilities.read.deletes

    def test_a_deleted_record_is_told_of_and_one_that_was_merged_names_the_other(
        self, bench: Bench, connector: Connector
    ) -> None:
        keep, lose, gone, stays = bench.put_people(people(4))
        bench.wait()
        _, cursor = everything(connector, bench.object)
        bench.wait(3600)
        bench.remove(gone)
        bench.merge(keep, lose)
        bench.wait(7200)
        found, _ = everything(connector, bench.object, cursor)
        told = {r.id: r.merged_into for r in found if r.deleted}
        assert told.keys() >= {gone, lose}
        assert told[gone] is None
        if survivors_are_named(connector):
            assert str(told[lose]).rpartition(":")[2] in bench.held()
        else:
            [record] = [r for r in connector.find(bench.object, "email", [person(1)["email"]]) if not r.deleted]
            assert record.id == keep, "whoever holds the address of one who was merged away is found by it"
        assert stays not in told
        again = bench.open()
        assert {r.id for r in everything(again, bench.object)[0] if not r.deleted} == set(bench.held())

    def test_a_fetch_follows_what_an_id_was_merged_into(self, bench: Bench, connector: Connector) -> None:
        keep, lose = bench.put_people(people(2))
        bench.merge(keep, lose)
        [survivor] = bench.held()
        found = connector.fetch(bench.object, [lose]).get(lose)
        if survivors_are_named(connector):
            assert found is not None
            assert found.id == survivor
        else:
            assert found is None or found.deleted
