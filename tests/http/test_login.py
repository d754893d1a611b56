"""Credentials that expire, between threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from stagebridge.clock import ManualClock, SystemClock
from stagebridge.errors import AuthError, PlatformDown
from stagebridge.http import Client, Login, Renew, Response, Verdict
from stub_http import Reply, Stub

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Tokens:
    """Hands out token-1, token-2, …; slow enough for others to come meanwhile."""

    def __init__(self, lasts: float | None = 1800.0, fail: type[Exception] | None = None) -> None:
        self.given = 0
        self.lasts = lasts
        self.fail = fail

    def __call__(self) -> tuple[Mapping[str, str], float | None]:
        self.given += 1
        time.sleep(0.005)
        if self.fail is not None:
            raise self.fail("no")
        return {"Authorization": f"token-{self.given}"}, self.lasts


def expired(response: Response) -> Verdict:
    return Renew(AuthError("expired for good")) if response.status == 401 else None


def at_once(count: int, work: object) -> list[Exception]:
    failures: list[Exception] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait(5)
        try:
            work()  # type: ignore[operator]
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(10)
    return failures


def test_sixteen_threads_over_one_expired_token_log_in_once(stub: Stub) -> None:
    tokens = Tokens()
    login = Login(tokens, SystemClock())
    shared = Client(stub.url, auth=login, judge=expired)
    login.headers()

    stub.decide = lambda seen: Reply(401 if seen.headers["Authorization"] == "token-1" else 200)
    answers: list[int] = []
    assert at_once(16, lambda: answers.append(shared.request("GET", "/").status)) == []
    assert answers == [200] * 16
    assert tokens.given == 2
    shared.close()


def test_sixteen_threads_without_a_token_yet_log_in_once() -> None:
    tokens = Tokens()
    login = Login(tokens, SystemClock())
    assert at_once(16, login.headers) == []
    assert tokens.given == 1


def test_a_request_renews_at_most_once(stub: Stub) -> None:
    tokens = Tokens()
    stub.will(Reply(401))
    always_refused = Client(stub.url, auth=Login(tokens, ManualClock(START)), judge=expired)
    with pytest.raises(AuthError, match="expired for good"):
        always_refused.request("GET", "/")
    assert (len(stub.seen), tokens.given) == (2, 2)
    always_refused.close()


def test_wrong_credentials_are_no_login_storm() -> None:
    clock = ManualClock(START)
    tokens = Tokens(fail=AuthError)
    login = Login(tokens, clock)
    assert len(at_once(16, login.headers)) == 16
    assert tokens.given == 1
    clock.advance(61)
    assert len(at_once(2, login.headers)) == 2
    assert tokens.given == 2


def test_a_login_that_found_the_platform_down_is_tried_again_by_the_next_caller() -> None:
    tokens = Tokens(fail=PlatformDown)
    login = Login(tokens, ManualClock(START))
    with pytest.raises(PlatformDown):
        login.headers()
    tokens.fail = None
    assert login.headers() == {"Authorization": "token-2"}


def test_a_token_is_renewed_shortly_before_it_runs_out() -> None:
    clock = ManualClock(START)
    login = Login(Tokens(lasts=1800), clock)
    login.headers()
    clock.advance(1739)
    assert login.headers() == {"Authorization": "token-1"}
    clock.advance(2)
    assert login.headers() == {"Authorization": "token-2"}


def test_a_token_of_a_minute_is_not_renewed_before_every_request() -> None:
    clock = ManualClock(START)
    login = Login(Tokens(lasts=60), clock)
    login.headers()
    clock.advance(29)
    assert login.headers() == {"Authorization": "token-1"}


def test_a_token_without_an_end_lasts_until_it_is_refused() -> None:
    clock = ManualClock(START)
    login = Login(Tokens(lasts=None), clock)
    first = login.headers()
    clock.advance(10**7)
    assert login.headers() == first
    login.renew(first)
    assert login.headers() == {"Authorization": "token-2"}


def test_a_refusal_of_an_old_token_does_not_throw_away_the_new_one() -> None:
    tokens = Tokens()
    login = Login(tokens, ManualClock(START))
    old = login.headers()
    login.renew(old)
    login.renew(old)
    assert tokens.given == 2


def test_its_repr_shows_no_token() -> None:
    login = Login(Tokens(), ManualClock(START))
    login.headers()
    assert "token" not in repr(login)
