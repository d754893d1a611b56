from __future__ import annotations

import pytest
import requests
from pydantic import ValidationError

from omnisend_connected import connected, seeded, switched
from omnisend_http import ADA
from stagebridge.clock import ManualClock
from stagebridge.connector import Rate
from stagebridge.errors import AuthError, ConfigError, PlatformDown
from stagebridge.http import Again, Response
from stagebridge.sandbox import Sandbox
from stagebridge_omnisend import Omnisend, OmnisendSettings
from stagebridge_omnisend.answers import judge, sentence
from stagebridge_omnisend.settings import VERSION


@switched(versions=["2027-01-01"])
def test_a_retired_version_says_which_one_to_set(box: Sandbox, clock: ManualClock) -> None:
    with connected(box, clock) as om, pytest.raises(ConfigError) as told:
        om.check()
    assert (told.value.code, VERSION in str(told.value)) == ("SB-OMNISEND-VERSION", True)
    assert "newer stagebridge-omnisend" in told.value.hint
    with connected(box, clock, api_version="2025-01-01") as om, pytest.raises(ConfigError) as told:
        om.check()
    assert f"api_version: {VERSION}" in told.value.hint
    with connected(box, clock, api_version="2027-01-01") as om:
        assert om.check().problems == ()


@switched(api_key="the right one", token="the right token", scopes=["contacts.read"])
def test_a_wrong_key_is_said_and_a_missing_scope_is_named(box: Sandbox, clock: ManualClock) -> None:
    with connected(box, clock, api_key="a wrong one") as om, pytest.raises(AuthError) as told:
        om.check()
    assert told.value.code == "SB-OMNISEND-KEY"
    [ada] = seeded(box, {"email": ADA})
    with connected(box, clock, token="the right token") as om:
        assert om.check().problems == ()
        with pytest.raises(AuthError) as told:
            om.erase("contacts", ada, ADA)
    assert told.value.code == "SB-OMNISEND-SCOPE"
    assert "contacts.write" in told.value.hint


def test_either_a_key_or_a_token_is_given() -> None:
    for given in ({}, {"api_key": "a", "token": "b"}):
        with pytest.raises(ValidationError, match="either"):
            OmnisendSettings.model_validate(given)
    with pytest.raises(ValidationError, match="api_version"):
        OmnisendSettings.model_validate({"api_key": "a", "api_version": "v5"})


def answer(status: int, body: bytes = b"", kind: str = "application/problem+json") -> Response:
    return Response(status, requests.structures.CaseInsensitiveDict({"Content-Type": kind}), body)


def test_a_limit_says_sometimes_how_long_to_wait_and_else_it_is_found_out(clock: ManualClock) -> None:
    verdict, silent = judge(VERSION, clock), answer(429, b'{"status": 429}')
    assert verdict(answer(429, b'{"status": 429, "retryAfter": 12}')) == Again(12.0, "HTTP 429")
    waits = []
    for pause in (0.0, 0.5, 0.6, 2.1, 4.1, 60.0):
        clock.sleep(pause)
        waits.append(verdict(silent))
    assert waits == [Again(w, "HTTP 429") for w in (1.0, 1.0, 2.0, 4.0, 8.0, 1.0)]


def test_a_brand_that_made_too_many_errors_is_blocked_for_a_while(clock: ManualClock) -> None:
    with pytest.raises(PlatformDown) as told:
        judge(VERSION, clock)(answer(403, b'{"error": "Blocked because of too many errors"}', "application/json"))
    assert told.value.code == "SB-OMNISEND-BLOCKED"
    assert "dead-letters" in told.value.hint


def test_the_older_form_of_an_error_names_its_fields_too() -> None:
    sent = {"identifiers": [{"type": "phone", "id": "+15550100001"}]}
    body = {
        "error": "1 error(s) found. Check 'fields' array for details.",
        "fields": {"0": ["identifiers[0].channels: field required but not found in Json"]},
    }
    assert sentence(400, body, sent) == "Omnisend would not take identifiers(type=phone).channels (INVALID)"


def test_nobody_is_quoted() -> None:
    body = {"errors": [{"field": f"customProperties.{ADA}", "code": f"x {ADA}", "message": f"{ADA} is wrong"}]}
    assert ADA not in sentence(400, body, {})


@switched(limits=True, per_minute=20, minute=60.0)
def test_every_endpoint_has_a_budget_of_its_own_and_nothing_is_refused(
    box: Sandbox, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {n: Rate(20, 60) for n in Omnisend.budgets} | {"tags": Rate(10, 60)}
    monkeypatch.setattr(Omnisend, "budgets", small)
    ids = seeded(box, *({"email": f"p{i}@example.com"} for i in range(50)))
    before = clock.now()
    with connected(box, clock) as om:
        assert len(om.fetch("contacts", ids)) == 50
    assert box.state()["refused"] == {}
    assert 119 < (clock.now() - before).total_seconds() < 125
