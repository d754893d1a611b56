"""Messages out: to whom the settings say and to nobody else, whole, in order, signed, and with every answer taken for what it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr, ValidationError

from stagebridge.clock import ManualClock
from stagebridge.connector import Connector
from stagebridge.endpoint import ALERTS, HAPPENINGS, LONGEST_WAIT, SHAPES, Answer, Closed, Later, Taken, Verdict
from stagebridge.outgoing import inspect
from stagebridge.standard_webhooks import signature, unfit_to_sign
from stagebridge.testing.bench import Bench
from stagebridge.testing.keeping import Checks
from stagebridge.testing.office import Office

TROUBLE = (500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)
ODD_BODIES = (
    b"",
    b"\x00" * 65536,
    b"\xff\xfe\x80",
    b"null",
    b'"text"',
    b"[]",
    b"{",
    b"[" * 5000,
    b"<html>Bad Gateway</html>",
)
ODD_WAITS = ("", "soon", "-1", "1.5", "nan", "inf", "9" * 400, "\u00b2", "Wed, 21 Oct 2026 07:28:00 GMT")


def seems(connector: Connector, status: int, body: bytes = b"", **headers: str) -> Verdict:
    return connector.verdict(Answer(status, {n.replace("_", "-"): v for n, v in headers.items()}, body))


class Posted(Checks):
    """An office; no checks of its own."""

    @pytest.fixture
    def office(self, tmp_path: Path) -> Iterator[Office]:
        """On a clock that stands still: what waits, waits on purpose."""
        with (
            self.bench_class(ManualClock(datetime(2026, 3, 2, 9, tzinfo=UTC)), tmp_path) as bench,
            Office(bench) as made,
        ):
            yield made


class Posting(Posted):
    needs = "posts"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.posts is not None

    def test_whoever_is_told_wants_what_there_is_to_tell_in_a_form_that_there_is(self, office: Office) -> None:
        told = office.endpoint
        assert told.types
        assert sorted(set(told.types)) == sorted(told.types)
        assert set(told.types) <= {*HAPPENINGS, *ALERTS}
        assert told.shape in SHAPES
        assert [why for s in told.secrets if (why := unfit_to_sign(s.get_secret_value()))] == []

    def test_messages_arrive_whole_in_their_order_and_once(self, office: Office) -> None:
        told = office.endpoint
        office.happen(2 * len(told.types), *told.types)
        office.send(looks=3)
        assert office.bench.posted(told.url) == office.said(office.name)
        assert len(office.passed) == 2 * len(told.types)
        assert [office.connector.verdict(p.answer) for p in office.passed] == [Taken()] * len(office.passed)

    def test_what_is_not_taken_now_is_neither_lost_nor_overtaken(self, office: Office) -> None:
        told = office.endpoint
        office.happen(3, *told.types)
        office.stops = [503, 500, None, 302, 429, 502]
        office.send(looks=9)
        assert office.stops == []
        assert len(office.said(office.name)) == 3
        assert office.bench.posted(told.url) == office.said(office.name)

    def test_every_secret_that_the_settings_have_signs_the_newest_first(self, office: Office) -> None:
        told = office.endpoint
        office.happen(1, *told.types)
        office.send()
        [sent] = office.passed
        id, stamp = sent.headers["webhook-id"], sent.headers["webhook-timestamp"]
        assert stamp == str(int(office.clock.now().timestamp()))
        wanted = [signature(s, id, stamp, sent.body) for s in office.bench.secrets]
        assert sent.headers.get("webhook-signature", "").split() == wanted

    def test_neither_its_address_nor_a_secret_is_shown_or_logged(
        self, office: Office, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        told, connector = office.endpoint, office.bench.connection().connect(office.clock)
        office.bench.opened.append(connector)
        office.happen(2, *told.types)
        office.stops = [503, None]
        office.send(looks=4)
        assert len(office.passed) == 2
        said = [repr(told), repr(connector.endpoint()), repr(connector), str(vars(connector)), repr(connector.check())]
        said += [repr(connector.settings), str(connector.settings), repr(office.outlets.standing)]
        said += [str(inspect.endpoints(office.ledger, office.outlets)), caplog.text]
        said += [str(seems(connector, status)) for status in (200, 400, 404, 410, 429, *TROUBLE)]
        with pytest.raises(ValidationError) as wrong:
            connector.Settings(**{**office.bench.settings(), "no_such_setting": 1})
        said.append(str(wrong.value))
        parts = urlsplit(told.url)
        secrets = [parts.path[1:], parts.query, *office.bench.secrets, *map(plain, told.secrets)]
        secrets += map(plain, told.headers.values())
        assert [s for s in secrets if s and any(s in text for text in said)] == []

    def test_asking_for_its_health_posts_nothing(self, office: Office) -> None:
        assert office.connector.check().problems == ()
        assert office.bench.posted(office.endpoint.url) == []

    def test_an_answer_is_taken_for_what_it_is(self, bench: Bench, connector: Connector) -> None:
        assert isinstance(seems(connector, 410), Closed)
        for status in (*TROUBLE, *REDIRECTS):
            for body in ODD_BODIES:
                assert isinstance(seems(connector, status, body), Later), status
        for status in (400, 401, 403, 404, 413, 422):
            assert not isinstance(seems(connector, status), Taken), status
        asked = seems(connector, 429, retry_after="37")
        assert isinstance(asked, Later)
        assert asked.after >= 37

    def test_no_answer_is_so_odd_that_it_is_a_defect(self, bench: Bench, connector: Connector) -> None:
        for status in (200, 204, 299, 400, 404, 410, 429, 500, 599):
            for body in ODD_BODIES:
                assert isinstance(seems(connector, status, body), Verdict)
            for wait in ODD_WAITS:
                verdict = seems(connector, status, retry_after=wait)
                assert not isinstance(verdict, Later) or 0 <= verdict.after <= LONGEST_WAIT, wait


class Unconfirmed(Posted):
    needs = "posts: not confirms"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        posts = connector.capabilities.posts
        return posts is not None and not posts.confirms

    def test_its_health_says_that_a_success_proves_nothing(self, office: Office) -> None:
        warnings = office.connector.check().warnings
        assert [w for w in warnings if "secret" not in w]


class Pacing(Posted):
    needs = "posts: rate"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.posts is not None and connector.capabilities.posts.rate is not None

    def test_a_burst_goes_out_at_the_pace_that_the_platform_allows(self, office: Office) -> None:
        posts, told = office.connector.capabilities.posts, office.endpoint
        assert posts is not None
        assert posts.rate is not None
        burst = posts.rate[0] + posts.rate[0] // 10 + 1
        office.happen(burst, *told.types)
        office.send()
        assert {
            p.answer.status for p in office.passed if not isinstance(office.connector.verdict(p.answer), Taken)
        } == set()
        assert len(office.bench.posted(told.url)) == burst


def plain(secret: SecretStr) -> str:
    return secret.get_secret_value()
