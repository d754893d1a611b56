"""What a Zap does with answers that a healthy API gives seldom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from stagebridge.clock import ElasticClock
from stagebridge.sandbox import Sandbox
from stagebridge_zapier.sandbox import Zap
from stub_http import Reply, Stub
from zapier_kit import says, zapping

ADA = {"id": "msg_1", "contact_id": "8b1f", "email": "ada@example.com"}


def buy(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return "/v1/conversions", {"name": "Lead", "email": data["email"]}


@pytest.fixture(scope="module")
def elastic(clock: ElasticClock) -> Iterator[Sandbox]:
    with Sandbox("zapier", clock=clock) as made:
        yield made


@pytest.fixture
def api() -> Iterator[Stub]:
    stub = Stub()
    says(stub, 201, {"id": "sub_1"})
    yield stub
    stub.close()


@pytest.fixture
def zap(elastic: Sandbox, api: Stub, clock: ElasticClock) -> Iterator[Zap]:
    """One that was switched on, and has received a message."""
    with zapping(elastic, api.url, "sb_1_key", clock, step=buy) as made:
        made.switch_on()
        requests.post(made.target, json=ADA, timeout=5)
        yield made


def test_it_asks_as_zapier_does(zap: Zap, api: Stub) -> None:
    [asked] = api.seen
    headers = {k.lower(): v for k, v in asked.headers.items()}
    assert (asked.method, asked.path) == ("POST", "/v1/subscriptions")
    assert (headers["authorization"], headers["user-agent"]) == ("Bearer sb_1_key", "Zapier")


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttled_step_is_put_back_for_as_long_as_we_ask(
    zap: Zap, api: Stub, clock: ElasticClock, status: int
) -> None:
    says(api, status, {"message": "a run is at work"}, Retry_After="700")
    assert zap.work() == 0
    [run] = zap.runs()
    assert (run["status"], run["said"]) == ("waiting", "a run is at work")
    says(api, 200, {"id": "c-1"})
    clock.sleep(600)
    assert zap.work() == 0
    clock.sleep(100)
    assert zap.work() == 1
    assert zap.runs()[0]["said"] == {"id": "c-1"}
    keys = {s.headers.get("Idempotency-Key") for s in api.seen[1:]}
    assert len(keys) == 1
    assert None not in keys


def test_after_a_refused_key_nothing_more_is_asked(zap: Zap, api: Stub) -> None:
    requests.post(zap.target, json={**ADA, "id": "msg_2"}, timeout=5)
    says(api, 401, {"message": "revoked"})
    assert (zap.work(), zap.work()) == (0, 0)
    assert len(api.seen) == 2
    assert zap.held()["stopped"] == "the connection has expired: revoked"


@pytest.mark.parametrize(("body", "said"), [(b'{"message": "no"}', "no"), (b"<html>", "HTTP 500"), (b"[]", "HTTP 500")])
def test_an_error_is_shown_in_our_words_or_by_its_status(zap: Zap, api: Stub, body: bytes, said: str) -> None:
    api.will(Reply(500, body))
    assert zap.work() == 1
    [run] = zap.runs()
    assert (run["status"], run["said"]) == ("error", said)


@pytest.mark.parametrize(("status", "on", "said"), [(404, False, ""), (410, False, ""), (500, True, "not now")])
def test_a_subscription_that_is_gone_is_as_good_as_ended_and_one_that_is_not_ended_is_said(
    zap: Zap, api: Stub, status: int, on: bool, said: str
) -> None:
    says(api, status, {"message": "not now"})
    zap.switch_off()
    assert (zap.held()["on"], zap.held()["stopped"]) == (on, said)


@pytest.mark.parametrize("samples", [{}, [{}], [{"id": None}], [{"id": 1}, {"id": 1}], ["text"]])
def test_samples_that_zapier_would_not_take_are_refused(zap: Zap, api: Stub, samples: Any) -> None:
    says(api, 200, samples)
    with pytest.raises(ValueError, match="samples"):
        zap.samples()


def test_one_that_reaches_nobody_says_so(elastic: Sandbox, clock: ElasticClock) -> None:
    gone = Stub()
    gone.close()
    with zapping(elastic, gone.url, "sb_1_key", clock) as zap:
        zap.switch_on()
        assert "no answer" in zap.held()["stopped"]
        with pytest.raises(ValueError, match="no list of samples"):
            zap.samples()
