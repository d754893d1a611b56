"""Bad moments of a platform and of the way there: nobody lost, nobody doubled, nothing given away."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any, cast

import pytest
from pydantic import SecretStr

from stagebridge.connector import Connector, Done, Entry, Outcome, Rejected, Retry, Unknown
from stagebridge.contact import is_blank
from stagebridge.errors import AuthError, StagebridgeError, TryLater
from stagebridge.sandbox import Sandbox
from stagebridge.testing.bench import Bench, SandboxBench
from stagebridge.testing.keeping import ADA, Checks, everything, faults_of, has_stand_in, living, people, person

STORM = ["429", "429", "ok", "500", "html_502", "503", "ok", "reset_mid_body", "timeout_before", "502", "ok"]
MANY_REFUSALS = 6
"""More refused logins than this for one request is hammering."""


def box_of(bench: Bench) -> Sandbox:
    return cast(SandboxBench, bench).box


class Network(Checks):
    needs = "a stand-in"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return has_stand_in(connector) and connector.capabilities.read is not None

    def test_a_storm_of_refusals_and_broken_answers_loses_nobody(self, bench: Bench, connector: Connector) -> None:
        ids = bench.put_people(people(bench.many))
        bench.wait()
        box_of(bench).fault("status", script=STORM)
        assert sorted(living(list(connector.read(bench.object)))) == sorted(ids)
        statuses = box_of(bench).requests()["by_status"]
        assert {429, 500, 502, 503} <= {int(s) for s in statuses}

    def test_a_platform_that_stays_down_is_said_to_be_down(self, bench: Bench, connector: Connector) -> None:
        bench.put_people(people(2))
        box_of(bench).fault("status", status=503, times=None)
        with pytest.raises(TryLater):
            everything(connector, bench.object)
        box_of(bench).heal()
        assert len(everything(connector, bench.object)[0]) == 2

    def test_credentials_that_are_never_accepted_end_in_a_sentence_and_are_not_hammered(
        self, bench: Bench, connector: Connector
    ) -> None:
        box_of(bench).forget_requests()
        box_of(bench).fault("status", status=401, times=None)
        with pytest.raises(AuthError) as told:
            everything(connector, bench.object)
        assert box_of(bench).requests()["count"] <= MANY_REFUSALS
        assert told.value.hint
        assert told.value.exit_code == 3
        for secret in secrets_of(connector):
            assert secret not in f"{told.value!r} {told.value.hint}"


class Expiring(Checks):
    needs = "a stand-in with `expired_token`"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return "expired_token" in faults_of(connector) and connector.capabilities.read is not None

    def test_a_token_that_expires_within_a_read_is_renewed_once(self, bench: Bench, connector: Connector) -> None:
        ids = bench.put_people(people(bench.many))
        bench.wait()
        reading = connector.read(bench.object)
        pages = [next(reading)]
        box_of(bench).fault("expired_token")
        pages += reading
        assert sorted(living(pages)) == sorted(ids)
        assert box_of(bench).requests()["by_status"].get("401") == 1


class WritingThrough(Checks):
    needs = "write, a stand-in"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return has_stand_in(connector) and connector.capabilities.write is not None

    def test_refusals_for_the_moment_are_waited_out_and_everything_is_written_once(
        self, bench: Bench, connector: Connector
    ) -> None:
        ids = bench.put_people(people(3))
        entries = [bench.update(connector, i, {bench.text_path(): "T"}) for i in ids]
        entries.append(bench.create(person(9), "key-9"))
        box_of(bench).fault("rate_limit", times=3)
        done = self.persistently(connector, bench, entries[:3]) + self.persistently(connector, bench, entries[3:])
        assert [type(o) for o in done] == [Done] * 4
        assert [bench.view(i)[bench.text_path()] for i in ids] == ["T"] * 3
        assert len(bench.held()) == 4

    @staticmethod
    def persistently(connector: Connector, bench: Bench, entries: list[Entry]) -> list[Outcome]:
        """As the engine does: what is refused for the moment is written again later."""
        outcomes = connector.write(entries)
        for _ in range(5):
            waits = [o.after for o in outcomes if isinstance(o, Retry)]
            if not waits:
                return outcomes
            bench.clock.sleep(max(waits))
            outcomes = connector.write(entries)
        return outcomes

    @pytest.mark.parametrize("kind", ["timeout_after", "reset_mid_body"])
    def test_a_write_without_an_answer_is_unknown_is_not_repeated_and_can_be_found(
        self, bench: Bench, connector: Connector, kind: str
    ) -> None:
        [ada] = bench.put_people([ADA])
        update = bench.update(connector, ada, {bench.text_path(): "Countess"})
        for entry in (update, bench.create(person(1), "key-1")):
            self.ready(connector, entry)
            box_of(bench).forget_requests()
            self.strike_the_write(bench, kind)
            [outcome] = connector.write([entry])
            assert isinstance(outcome, Unknown), outcome
            box_of(bench).heal()
        bench.clock.sleep(connector.patience)  # until then it may still be under way
        assert bench.view(ada)[bench.text_path()] == "Countess"
        assert sorted(v["email"] for v in bench.views().values()) == sorted([ADA["email"], person(1)["email"]])
        bench.wait()
        assert (
            bench.mapping.read(connector.fetch(bench.object, [ada])[ada].data, bench.object)[bench.text_path()]
            == "Countess"
        )
        assert len(connector.find(bench.object, "email", [person(1)["email"]])) == 1

    def test_a_write_that_never_arrived_changes_nothing_and_can_be_sent_again(
        self, bench: Bench, connector: Connector
    ) -> None:
        [ada] = bench.put_people([ADA])
        entry = bench.update(connector, ada, {bench.text_path(): "Countess"})
        self.ready(connector, entry)
        self.strike_the_write(bench, "timeout_before")
        [outcome] = connector.write([entry])
        assert isinstance(outcome, Unknown | Retry)
        assert is_blank(bench.view(ada).get(bench.text_path()))
        box_of(bench).heal()
        assert isinstance(connector.write([entry])[0], Done)
        assert bench.view(ada)[bench.text_path()] == "Countess"

    def test_a_platform_that_is_down_takes_nothing_and_says_so(self, bench: Bench, connector: Connector) -> None:
        [ada] = bench.put_people([ADA])
        entry = bench.update(connector, ada, {bench.text_path(): "Countess"})
        box_of(bench).fault("status", status=503, times=None)
        outcomes: list[Outcome] = []
        with contextlib.suppress(TryLater):
            outcomes = connector.write([entry])
        assert all(isinstance(o, Retry | Unknown) for o in outcomes)
        assert is_blank(bench.view(ada).get(bench.text_path()))

    @staticmethod
    def ready(connector: Connector, entry: Entry) -> None:
        """What a connector looks up once, before its first write, is looked up."""
        connector.write([Entry(entry.object, {}, entry.remote_id, entry.base)] if entry.remote_id else [])

    @staticmethod
    def strike_the_write(bench: Bench, kind: str) -> None:
        """The next request that changes something is struck; those that only look are let through."""
        box_of(bench).fault(kind, writes=True)


class Hiding(Checks):
    needs = "a stand-in with `drop_field`"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return "drop_field" in faults_of(connector) and connector.capabilities.read is not None

    def test_a_field_that_the_account_hides_is_never_read_as_cleared(self, bench: Bench, connector: Connector) -> None:
        path = bench.text_path()
        [ada] = bench.put_people([{**ADA, path: "Countess"}])
        mapping = bench.mapping
        box_of(bench).fault("drop_field", field=str(mapping.field(path, bench.object)).rpartition(".")[2])
        bench.wait()
        hidden = bench.side(provisioned=False).connector  # nobody makes it anew meanwhile
        [record] = [r for r in everything(hidden, bench.object)[0] if r.id == ada]
        view = mapping.read(record.data, bench.object)
        assert path not in view
        assert view["phone"] == ADA["phone"]


class Rewriting(Checks):
    needs = "write: returns_record, a stand-in with `normalise`"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        write = connector.capabilities.write
        return "normalise" in faults_of(connector) and write is not None and write.returns_record

    def test_what_the_platform_makes_of_a_value_is_in_the_answer(self, bench: Bench, connector: Connector) -> None:
        [ada] = bench.put_people([ADA])
        field = str(bench.mapping.field(bench.text_path(), bench.object)).rpartition(".")[2]
        entry = bench.update(connector, ada, {bench.text_path(): "countess"})
        box_of(bench).fault("normalise", field=field, how="upper")
        [done] = connector.write([entry])
        assert isinstance(done, Done)
        assert done.record is not None
        shown = bench.mapping.read(done.record.data, bench.object)[bench.text_path()]
        assert shown == bench.view(ada)[bench.text_path()] == "COUNTESS"


class Discretion(Checks):
    needs = "a stand-in"
    STATUSES = (400, 401, 403, 404, 409, 500)

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return has_stand_in(connector)

    def test_an_answer_of_any_status_ends_in_an_outcome_or_in_an_error_of_ours(
        self, bench: Bench, connector: Connector
    ) -> None:
        for status in self.STATUSES:
            box_of(bench).heal()
            box_of(bench).fault("status", status=status, times=None)
            for step in self.steps(bench, connector):
                with contextlib.suppress(StagebridgeError):
                    step()

    def test_no_secret_and_nobodys_data_is_in_logs_reprs_and_messages(
        self, bench: Bench, connector: Connector, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        said = [repr(connector), repr(connector.settings), str(connector.settings), str(vars(connector))]
        for status in (None, *self.STATUSES):
            box_of(bench).heal()
            if status is not None:
                box_of(bench).fault("status", status=status, times=None)
            for step in self.steps(bench, connector):
                try:
                    answer = step()
                except StagebridgeError as error:
                    said += [str(error), repr(error), error.hint]
                else:
                    said += [f"{o.code} {o.message}" for o in answer if isinstance(o, Rejected)]
        assert [s for s in secrets_of(connector) if s in caplog.text or any(s in text for text in said)] == []
        said += [r.getMessage() for r in caplog.records if r.name.startswith("stagebridge")]
        people = (ADA["email"], ADA["phone"], ADA["last_name"], "%40example.com")
        assert [text for text in said if any(value in text for value in people)] == []

    @staticmethod
    def steps(bench: Bench, connector: Connector) -> list[Callable[[], Any]]:
        """Everything that a connector is asked for, once, a person whom the platform refuses among it."""
        has = connector.capabilities
        steps: list[Callable[[], Any]] = [lambda: [connector.check()]]
        if has.read is not None:
            steps.append(lambda: list(connector.read(bench.object)))
            steps.append(lambda: connector.find(bench.object, "email", [ADA["email"]]))
        if has.write is not None:
            refused = Entry(bench.object, {**bench.payload(ADA), **(bench.poison or {})}, key="key-1")
            steps.append(lambda: connector.write([bench.create(ADA, "key-ada"), refused]))
        return steps


def secrets_of(connector: Connector) -> list[str]:
    """The values of every setting that is a secret."""
    found = [v.get_secret_value() for _, v in connector.settings if isinstance(v, SecretStr)]
    assert found, "a platform that is reached over the network takes a secret"
    return found
