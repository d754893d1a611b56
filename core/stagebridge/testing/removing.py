"""Deleting on request: the way a person would, and for good."""

from __future__ import annotations

from stagebridge.connector import Connector, Done, Gone
from stagebridge.testing.bench import Bench
from stagebridge.testing.keeping import ADA, Checks, person


class Archiving(Checks):
    needs = "archive"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.archive

    def test_an_archived_record_is_held_no_longer_and_the_others_are(self, bench: Bench, connector: Connector) -> None:
        ada, bob = bench.put_people([ADA, person(1)])
        connector.fetch(bench.object, [ada, bob])
        assert isinstance(connector.archive(bench.object, ada), Done)
        assert bench.held().keys() == {bob}

    def test_archiving_what_is_gone_already_is_no_failure(self, bench: Bench, connector: Connector) -> None:
        [ada, bob] = bench.put_people([ADA, person(1)])
        bench.remove(ada)
        connector.fetch(bench.object, [bob])
        assert isinstance(connector.archive(bench.object, ada), Done | Gone)
        assert bench.held().keys() == {bob}


class Erasing(Checks):
    needs = "erase"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.erase == "whole"

    def test_an_erased_person_is_held_no_longer_and_the_others_are(self, bench: Bench, connector: Connector) -> None:
        ada, bob = bench.put_people([ADA, person(1)])
        connector.fetch(bench.object, [ada, bob])
        assert isinstance(connector.erase(bench.object, ada, ADA["email"]), Done)
        assert bench.held().keys() == {bob}
        bench.wait()
        assert connector.find(bench.object, "email", [ADA["email"]]) == []
        assert isinstance(connector.erase(bench.object, ada, ADA["email"]), Done | Gone)
