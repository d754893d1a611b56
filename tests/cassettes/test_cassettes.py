"""The cassettes themselves: a byte more, less or other fails their test; what they hold is said and is nobody's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest
import requests
from vcr.errors import CannotOverwriteExistingCassetteException

from cassette_deck import difference
from cassette_kit import StandIn, record
from cassette_kit import replay as play
from cassette_people import ADA
from hubspot_stage import CONTACTS, HubSpotStage, new
from salesforce_stage import SalesforceStage
from scrub import Scrubber
from tape import CASSETTES, Message, Tape, dumps, loads, path_of

KINDS: dict[str, Any] = {"hubspot": HubSpotStage, "salesforce": SalesforceStage}
FEWEST, MOST = 8, 15
Test = Callable[[Any], None]


def scenarios(platform: str) -> dict[str, Test]:
    module = import_module(f"cassettes.test_{platform}")
    return {n: t for n, t in vars(module).items() if n.startswith("test_")}


def every_scenario() -> Iterator[Any]:
    for platform in KINDS:
        for name, test in scenarios(platform).items():
            yield pytest.param(platform, test, id=f"{platform}-{name.removeprefix('test_')}")


def tape_of(platform: str, test: Test) -> Tape:
    return loads(path_of(platform, test.__name__).read_bytes())


EACH = pytest.mark.parametrize(("platform", "test"), list(every_scenario()))


def failure(platform: str, test: Test, tape: Tape) -> str:
    """What a test says that is played against another tape than its own."""
    with pytest.raises(AssertionError) as caught:
        play(KINDS[platform], test, tape)
    return str(caught.value)


def with_request(tape: Tape, at: int, **parts: Any) -> Tape:
    sent, got = tape.interactions[at]
    changed = (replace(sent, **parts), got)
    return replace(tape, interactions=[*tape.interactions[:at], changed, *tape.interactions[at + 1 :]])


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# --- what a replay insists on ----------------------------------------------------------------------------------


@EACH
def test_one_other_byte_in_any_request_fails_the_test(platform: str, test: Test) -> None:
    """A byte of the body where there is one, else of the query, else of the path."""
    tape = tape_of(platform, test)
    for at, (sent, _) in enumerate(tape.interactions):
        if sent.body:
            other = with_request(tape, at, body=flipped(sent.body, (7 * at + len(sent.body) // 2) % len(sent.body)))
        else:
            other = with_request(tape, at, uri=flipped(sent.uri.encode(), len(sent.uri) - 1).decode())
        assert "was recorded" in failure(platform, test, other)


@EACH
def test_no_byte_of_a_request_is_free(platform: str, test: Test) -> None:
    for sent, _ in tape_of(platform, test).interactions:
        for at in range(len(sent.body)):
            assert difference(replace(sent, body=flipped(sent.body, at)), sent)
        for at in range(len(sent.uri)):
            assert difference(replace(sent, uri=flipped(sent.uri.encode(), at).decode("latin-1")), sent)
        for name in sent.headers:
            assert difference(replace(sent, headers={**sent.headers, name: "other"}), sent)
        assert difference(replace(sent, method="HEAD"), sent)


def test_equal_json_in_other_bytes_is_another_request() -> None:
    one = Message({}, b'{"a":1,"b":2}', method="POST", uri="http://hubspot.test/x?a=1&b=")
    assert not difference(one, one)
    assert difference(replace(one, body=b'{"b":2,"a":1}'), one)
    assert difference(replace(one, body=b'{"a": 1,"b":2}'), one)
    assert difference(replace(one, uri="http://hubspot.test/x?a=1"), one)
    assert difference(replace(one, uri="http://hubspot.test/x?b=&a=1"), one)


@EACH
def test_a_request_too_few_and_a_request_too_many_fail_the_test(platform: str, test: Test) -> None:
    tape = tape_of(platform, test)
    longer = replace(tape, interactions=[*tape.interactions, tape.interactions[-1]])
    assert "not sent any more" in failure(platform, test, longer)
    shorter = replace(tape, interactions=tape.interactions[:-1])
    assert "nothing more was recorded" in failure(platform, test, shorter)


def test_the_right_requests_in_another_order_fail_the_test() -> None:
    test = scenarios("hubspot")["test_a_stage_goes_back_by_being_cleared_and_then_set_in_a_later_request"]
    tape = tape_of("hubspot", test)
    [first, second] = [i for i, (sent, _) in enumerate(tape.interactions) if sent.uri.endswith("/batch/update")]
    turned = list(tape.interactions)
    turned[first], turned[second] = turned[second], turned[first]
    assert "was recorded" in failure("hubspot", test, replace(tape, interactions=turned))


def test_a_stray_request_fails_the_test_although_the_connector_survives_it() -> None:
    def survives(hubspot: HubSpotStage) -> None:
        hs = hubspot.connector()
        with pytest.raises(CannotOverwriteExistingCassetteException):
            hs.account()

    empty = Tape("the hubspot stand-in", "here", "2026-11-24T12:00:00+00:00")
    assert "a request that was not recorded: GET http://hubspot.test/account-info" in failure(
        "hubspot", survives, empty
    )


def test_a_request_to_another_host_fails_the_test() -> None:
    def asks(hubspot: HubSpotStage) -> None:
        requests.get(f"{url or hubspot.base_url}/account-info/v3/details", timeout=5)

    url = ""
    tape = record(HubSpotStage, asks, StandIn())
    url = "http://elsewhere.test"
    assert "'http://elsewhere.test/" in failure("hubspot", asks, tape)


def test_a_token_that_was_not_renewed_fails_the_test() -> None:
    test = scenarios("salesforce")["test_a_session_expires_without_notice_and_the_request_logs_in_once"]
    tape = tape_of("salesforce", test)
    old, renewed = (tape.interactions[i][0].headers["Authorization"] for i in (1, 3))
    assert old != renewed
    other = with_request(tape, 3, headers={**tape.interactions[3][0].headers, "Authorization": old})
    failure("salesforce", test, other)


def test_staging_that_was_not_recorded_fails_the_test() -> None:
    test = scenarios("hubspot")["test_an_empty_text_clears_and_the_answer_says_no_more_of_it"]
    tape = tape_of("hubspot", test)
    assert "knows nothing of this staging" in failure("hubspot", test, replace(tape, given=[]))
    assert "more staging than the test" in failure("hubspot", test, replace(tape, given=[*tape.given, None]))


# --- recording -------------------------------------------------------------------------------------------------


@EACH
def test_recording_it_again_changes_nothing(platform: str, test: Test) -> None:
    """What the stand-ins answer today is in the files: `make record`, and look at the difference."""
    path = path_of(platform, test.__name__)
    held = loads(path.read_bytes())
    if held.is_real:
        pytest.skip(f"it was recorded against {held.against}")
    with KINDS[platform](StandIn(), test) as stage:
        test(stage)
    assert dumps(replace(stage.tape(), against=held.against)) == path.read_bytes()


def test_what_is_recorded_of_a_test_that_fails_is_not_kept() -> None:
    def fails(hubspot: HubSpotStage) -> None:
        hubspot.connector().write([new("k-1", **ADA)])
        raise AssertionError("no")

    with pytest.raises(AssertionError, match="no"):
        record(HubSpotStage, fails, StandIn())


def test_what_a_test_would_not_pass_on_again_is_not_kept() -> None:
    times = iter(range(9))

    def sends_something_else(hubspot: HubSpotStage) -> None:
        hubspot.connector().fetch(CONTACTS, [str(next(times))])

    with pytest.raises(AssertionError, match="a request that was not recorded"):
        record(HubSpotStage, sends_something_else, StandIn())


def test_a_recording_that_still_holds_somebody_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def names_somebody(hubspot: HubSpotStage) -> None:
        hubspot.connector().find(CONTACTS, "email", ["marta.quill@brightwave.zz"])

    monkeypatch.setattr(Scrubber, "scrubbed", lambda self, tape: tape)
    with pytest.raises(AssertionError, match=r"not written, for it still holds .*an e-mail address") as caught:
        record(HubSpotStage, names_somebody, StandIn())
    assert "marta" not in str(caught.value)


# --- the files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", KINDS)
def test_every_cassette_has_its_test_and_every_test_its_cassette(platform: str) -> None:
    files = {p.name for p in (CASSETTES / platform).iterdir()}
    assert files == {path_of(platform, name).name for name in scenarios(platform)}
    assert FEWEST <= len(files) <= MOST
    assert {p.name for p in CASSETTES.iterdir()} == set(KINDS)


@EACH
def test_a_cassette_says_what_it_was_recorded_against_and_by_which_test(platform: str, test: Test) -> None:
    tape = tape_of(platform, test)
    assert re.fullmatch(
        rf"the {platform} stand-in of stagebridge \d+\.\d+\.\d+ \(seed \d+(, \w+=.+)*\)"
        rf"|the real {platform}, API [\d.-]+, on \d{{4}}-\d\d-\d\d", tape.against,
    )  # fmt: skip
    assert tape.by == f"tests/cassettes/test_{platform}.py::{test.__name__}"
    assert datetime.fromisoformat(tape.clock).tzinfo is not None
    assert tape.interactions
    assert all(sent.uri.startswith(f"http://{platform}.test/") for sent, _ in tape.interactions)
    first = path_of(platform, test.__name__).read_text("utf-8").splitlines()[0]
    assert first == f"recorded against: {tape.against}"


@EACH
def test_a_cassette_holds_no_secret_and_nobody(platform: str, test: Test) -> None:
    assert Scrubber().leaks(tape_of(platform, test)) == set()
