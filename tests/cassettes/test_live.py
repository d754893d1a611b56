"""`--live`, proved with stand-ins that play the real platforms: with secrets, numbers and people as real accounts have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import Skipped

from cassette_kit import Real, Replay, StandIn, record, source_of
from cassette_kit import replay as play
from cassette_people import ADA
from hubspot_stage import CONTACTS, HubSpotStage, new
from salesforce_stage import SalesforceStage
from stagebridge.clock import ElasticClock
from stagebridge.connector import Conflict
from stagebridge.sandbox import Sandbox
from stagebridge_hubspot import paths
from tape import Tape, dumps, loads, path_of

TOKEN = "pat-eu1-6f1c2d3e-Quartz-9a8b7c6d5e4f"
APP = {"domain": "brightwave.my", "client_id": "3MVG9.Quartz_id", "client_secret": "E7D1-Quartz-secret-00F3"}
MARTA = {"firstname": "Marta", "lastname": "Quillfeather", "email": "marta.q@brightwave.zz", "phone": "+999551234567"}
OWNER = "sarka.dvor@brightwave.zz"
SECRETS = (TOKEN, *APP.values(), *MARTA.values(), OWNER, "brightwave", "Dvor")

Test = Callable[[Any], None]


@contextmanager
def hubspot_account() -> Iterator[tuple[Sandbox, Real]]:
    """Somebody's: with people in it already."""
    clock = ElasticClock()
    with Sandbox("hubspot", clock=clock, switches={"token": TOKEN, "portal_id": 27182818}) as box:
        box.seed({"owners": {"77": OWNER}, "contacts": [MARTA]})
        env = {"STAGEBRIDGE_LIVE_HUBSPOT_TOKEN": TOKEN, "STAGEBRIDGE_LIVE_HUBSPOT_URL": box.url}
        yield box, replace(HubSpotStage.live(env), clock=clock)


@contextmanager
def salesforce_organisation() -> Iterator[tuple[Sandbox, Real]]:
    clock = ElasticClock()
    with Sandbox("salesforce", clock=clock, switches=APP) as box:
        box.seed({"Contact": [{"FirstName": "Marta", "LastName": "Quillfeather", "Email": MARTA["email"]}]})
        env = {f"STAGEBRIDGE_LIVE_SALESFORCE_{n.upper()}": v for n, v in APP.items()}
        yield box, replace(SalesforceStage.live(env | {"STAGEBRIDGE_LIVE_SALESFORCE_URL": box.url}), clock=clock)


def scenarios(platform: str) -> dict[str, Test]:
    module = import_module(f"cassettes.test_{platform}")
    return {n: t for n, t in vars(module).items() if n.startswith("test_")}


def recorded(kind: Any, tests: dict[str, Test], real: Real) -> tuple[dict[str, Tape], dict[str, str]]:
    """The tapes, and why there is none."""
    tapes: dict[str, Tape] = {}
    skipped: dict[str, str] = {}
    for name, test in tests.items():
        try:
            tapes[name] = record(kind, test, real)
        except Skipped as why:
            skipped[name] = str(why)
    return tapes, skipped


def clean(tape: Tape) -> bool:
    """The scrubber's own tests look closer."""
    file = dumps(tape).decode()
    # records of the stand-in have numbers that begin with their account's
    return not any(s.casefold() in file.casefold() for s in SECRETS) and not re.search(r"(?<!\d)27182818(?!\d)", file)


# --- what can be recorded --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "account", "count"), [
    (HubSpotStage, hubspot_account, 7), (SalesforceStage, salesforce_organisation, 5),
])  # fmt: skip
def test_the_same_tests_record_a_real_account_or_say_why_they_cannot(kind: Any, account: Any, count: int) -> None:
    tests = scenarios(kind.platform)
    with account() as (box, real):
        before = box.state()
        tapes, skipped = recorded(kind, tests, real)
        after = box.state()
    assert len(tapes) == count
    assert all(why.startswith("not on a real account: ") for why in skipped.values())
    for name, tape in tapes.items():
        assert tape.is_real
        assert clean(tape), name
        play(kind, tests[name], loads(dumps(tape)))
    left = "contacts" if kind is HubSpotStage else "Contact"
    assert after[left] == before[left]  # and nobody of ours stays behind


def test_what_a_failing_test_has_put_into_a_real_account_is_taken_out_again() -> None:
    def fails(hubspot: HubSpotStage) -> None:
        hubspot.people(ADA)
        hubspot.connector().write([new("k-bo", email="bo.birch@example.com")])
        raise AssertionError("no")

    with hubspot_account() as (box, real):
        with pytest.raises(AssertionError, match="no"):
            record(HubSpotStage, fails, real)
        assert [c["email"] for c in box.state()["contacts"]] == [MARTA["email"]]


# --- what is in it ---------------------------------------------------------------------------------------------


def test_people_who_are_in_a_real_account_are_others_in_its_cassette_and_the_test_passes_on_it() -> None:
    def meets_people(hubspot: HubSpotStage) -> None:
        hs = hubspot.connector()
        assert hs.account()["portalId"] > 10_000
        owners = hs.get(paths.OWNERS["2026-03"], {"limit": 100})["results"]
        people = [r for p in hs.read(CONTACTS) for r in p.records]
        [somebody] = [r for r in people if r.data["properties"].get("phone")]
        email = somebody.data["properties"]["email"]
        assert [r.id for r in hs.find(CONTACTS, "email", [email, *(str(o["email"]) for o in owners)])] == [somebody.id]
        [outcome] = hs.write([new("k-1", email=email, firstname=somebody.data["properties"]["firstname"])])
        assert outcome == Conflict(somebody.id, outcome.reason if isinstance(outcome, Conflict) else "")

    with hubspot_account() as (_, real):
        tape = record(HubSpotStage, meets_people, real)
    assert clean(tape)
    assert "person-" in dumps(tape).decode()
    play(HubSpotStage, meets_people, tape)


def test_a_real_login_leaves_nothing_of_the_organisation_behind() -> None:
    def logs_in(salesforce: SalesforceStage) -> None:
        sf = salesforce.connector(login=True)
        assert [r.id for r in sf.find("Contact", "email", ["nobody@example.com"])] == []
        assert sf.instance.endswith(".my.salesforce.com")

    with salesforce_organisation() as (_, real):
        tape = record(SalesforceStage, logs_in, real)
    assert clean(tape)
    assert "acme.my.salesforce.com" in dumps(tape).decode()


def test_a_clock_that_waits_stands_still_in_between_so_that_the_same_times_are_sent_again() -> None:
    def asks_twice(hubspot: HubSpotStage) -> None:
        began = hubspot.clock.now()
        hubspot.connector().account()
        assert hubspot.clock.now() == began
        hubspot.clock.sleep(90)
        assert (hubspot.clock.now() - began).total_seconds() == 90

    with hubspot_account() as (box, real):
        before = box.kit.now()
        record(HubSpotStage, asks_twice, real)
        assert (box.kit.now() - before).total_seconds() >= 90


# --- which one -------------------------------------------------------------------------------------------------


def test_without_credentials_a_test_is_skipped_and_names_what_is_missing() -> None:
    with pytest.raises(Skipped, match="set STAGEBRIDGE_LIVE_HUBSPOT_TOKEN"):
        HubSpotStage.live({})
    with pytest.raises(
        Skipped, match="set STAGEBRIDGE_LIVE_SALESFORCE_CLIENT_ID, STAGEBRIDGE_LIVE_SALESFORCE_CLIENT_SECRET"
    ):
        SalesforceStage.live({"STAGEBRIDGE_LIVE_SALESFORCE_DOMAIN": "x.my"})


def test_what_the_real_platform_said_is_not_recorded_over_by_its_stand_in(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    assert source_of(HubSpotStage, path, record=True, live=None) == StandIn()
    with pytest.raises(AssertionError, match="make record"):
        source_of(HubSpotStage, path, record=False, live=None)
    tape = Tape("the real hubspot, API 2026-03, on 2026-11-24", "a test", "2026-11-24T12:00:00+00:00")
    path.write_bytes(dumps(tape))
    assert source_of(HubSpotStage, path, record=False, live=None) == Replay(tape)
    with pytest.raises(Skipped, match="delete the cassette"):
        source_of(HubSpotStage, path, record=True, live=None)
    path.write_bytes(dumps(replace(tape, against="the hubspot stand-in of stagebridge 0.1.0 (seed 1)")))
    assert source_of(HubSpotStage, path, record=True, live=None) == StandIn()


def test_from_the_command_line_a_live_run_writes_what_passed_and_skips_the_rest(tmp_path: Path) -> None:
    chosen = "test_one_bad_row or test_a_full_window or test_a_duplicate_rule"
    here = Path(__file__).parent
    with Sandbox("hubspot", switches={"token": TOKEN, "portal_id": 27182818}) as box:
        env = {k: v for k, v in os.environ.items() if not k.startswith("STAGEBRIDGE_LIVE_")}
        env |= {"STAGEBRIDGE_LIVE_HUBSPOT_TOKEN": TOKEN, "STAGEBRIDGE_LIVE_HUBSPOT_URL": box.url}
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(here), "-m", "vcr", "--live",
             f"--cassettes={tmp_path}", "-k", chosen],
            cwd=here.parents[1], env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert "1 passed, 2 skipped" in ran.stdout
    assert "nobody can order the fault 'rate_limit' there" in ran.stdout
    assert "set STAGEBRIDGE_LIVE_SALESFORCE_DOMAIN" in ran.stdout
    [file] = tmp_path.rglob("*.yaml")
    assert file == path_of("hubspot", "test_one_bad_row_is_named_by_its_trace_id_and_the_others_are_written", tmp_path)
    assert clean(loads(file.read_bytes()))
    assert loads(file.read_bytes()).is_real
    assert TOKEN not in ran.stdout + ran.stderr
