"""The account: its health, what it lacks, and verbs that are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stagebridge.clock import ElasticClock
from stagebridge.connector import Connector, HookRequest
from stagebridge.document import parse
from stagebridge.errors import NotSupported
from stagebridge.mapping.laws import check_source
from stagebridge.testing.bench import Bench
from stagebridge.testing.keeping import Checks, conversion, own_code


class Account(Checks):
    needs = "every connector"

    def test_an_account_in_order_has_no_problems_and_a_name(self, bench: Bench, connector: Connector) -> None:
        health = connector.check()
        assert health.problems == ()
        assert health.account

    def test_its_mapping_keeps_the_laws(self, bench: Bench, connector: Connector) -> None:
        form = "api" if connector.capabilities.api else connector.platform  # who calls our API uses its form
        assert bench.mapping.platform == form
        assert check_source(bench.source(connector), rounds=60) == []

    def test_a_verb_that_it_does_not_have_says_so(self, bench: Bench, connector: Connector) -> None:
        has, object = connector.capabilities, bench.object
        subscribed = bool(has.posts and has.posts.subscriptions)
        verbs: dict[str, tuple[bool, Callable[[], Any]]] = {
            "read": (has.read is not None, lambda: list(connector.read(object))),
            "write": (has.write is not None, lambda: connector.write([])),
            "load": (bool(has.write and has.write.load), lambda: connector.load([])),
            "provision": (has.provision == "api", lambda: connector.provision([])),
            "deployable": (has.provision == "files", lambda: connector.deployable([])),
            "archive": (has.archive, lambda: connector.archive(object, "1")),
            "erase": (bool(has.erase), lambda: connector.erase(object, "1", None)),
            "draft": (has.events is not None, lambda: connector.draft(conversion(at=bench.clock.now()))),
            "send": (has.events is not None, lambda: connector.send([])),
            "read_events": (bool(has.events and has.events.reads), lambda: list(connector.read_events())),
            "subscriptions": (subscribed, lambda: connector.unfit("https://hooks.example.com/1")),
            "receive": (has.webhooks is not None, lambda: connector.receive(HookRequest("POST", "/", {}, b"{}"))),
        }
        for verb, (there, call) in verbs.items():
            if not there:
                with pytest.raises(NotSupported) as told:
                    call()
                assert connector.platform in str(told.value)
                assert verb in str(told.value)

    def test_a_setting_that_it_does_not_know_is_refused(self, bench: Bench, connector: Connector) -> None:
        with pytest.raises(ValidationError, match="no_such_setting"):
            connector.Settings(**{**bench.settings(), "no_such_setting": 1})

    def test_its_codes_explain_themselves_and_its_example_names_the_platform(
        self, bench: Bench, connector: Connector
    ) -> None:
        for code, (what, remedy) in connector.codes.items():
            assert own_code(connector, code)
            assert what
            assert remedy
        if connector.example:
            [(_, entry)] = parse(connector.example, "example").items()
            assert entry["type"] == connector.platform


class Provisioning(Checks):
    needs = "provision"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.provision is not None

    def test_what_the_mapping_needs_is_named_and_made_only_when_told(self, tmp_path: Path) -> None:
        with self.bench_class(ElasticClock(), tmp_path, bare=True) as bench:
            side = bench.side(provisioned=False)
            connector, missing = side.connector, side.mapping.missing()
            assert missing, "a bare account lacks something that the mapping needs"
            if connector.capabilities.provision == "files":
                text = "\n".join((*connector.deployable(missing), *connector.deployable(missing).values()))
                assert [m.name for m in missing if m.name not in text] == []
                return
            told = connector.provision(missing, dry_run=True)
            assert len(told) >= len(missing)
            assert bench.side(provisioned=False).mapping.missing() == missing
            connector.provision(missing, dry_run=False)
            assert bench.side(provisioned=False).mapping.missing() == []
