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
    needs = "erase: whole"

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


class Emptying(Checks):
    needs = "erase: partly"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.erase == "partly"

    def test_what_an_erasure_leaves_is_told_and_holds_no_more_than_addresses_that_agreed_to_nothing(
        self, bench: Bench, connector: Connector
    ) -> None:
        ada, bob = bench.put_people([{**ADA, "consent.email": "granted"}, person(1)])
        before = bench.view(bob)
        connector.fetch(bench.object, [ada, bob])
        outcome = connector.erase(bench.object, ada, ADA["email"])
        assert isinstance(outcome, Done)
        assert outcome.left
        assert [text for text in outcome.left if any(value in text for value in ADA.values())] == []
        view = bench.view(ada)
        assert [path for path in ADA if path not in ("email", "phone") and view.get(path)] == []
        assert view.get("consent.email") != "granted"
        assert bench.view(bob) == before
        assert isinstance(connector.erase(bench.object, ada, ADA["email"]), Done | Gone)
