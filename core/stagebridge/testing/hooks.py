"""Webhooks: only what the platform signed, only while it is fresh, as a reason to look and never as a value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stagebridge.connector import Connector, HookRequest, Record
from stagebridge.errors import AuthError
from stagebridge.testing.bench import Bench
from stagebridge.testing.keeping import ADA, Checks, person
from stagebridge.testing.reading import edits

URL = "https://hooks.example.com/hooks/crm?x=1"


def request_of(hook: dict[str, Any]) -> HookRequest:
    return HookRequest(hook["method"], hook["url"], {k.lower(): v for k, v in hook["headers"].items()}, hook["body"])


class Hooks(Checks):
    needs = "webhooks"

    @classmethod
    def applies(cls, connector: type[Connector]) -> bool:
        return connector.capabilities.webhooks is not None

    @pytest.fixture
    def request_(self, bench: Bench, connector: Connector) -> HookRequest:
        """A genuine webhook about a record that a person edited; about a new one where none is ever edited, and where
        webhooks are all that tells of it."""
        if connector.capabilities.read is None:
            [self.edited] = bench.put_people([ADA])
            [hook] = bench.hooks(URL)
            return request_of(hook)
        self.edited, _ = bench.put_people([ADA, person(1)])
        bench.hooks(URL)
        if edits(connector):
            bench.edit_person(self.edited, {bench.text_path(): "Countess"})
        else:
            [self.edited] = bench.put_people([person(2)])
        bench.clock.sleep(1)
        [hook] = bench.hooks(URL)
        return request_of(hook)

    def test_a_genuine_webhook_names_the_record_to_fetch_however_often_it_comes(
        self, bench: Bench, connector: Connector, request_: HookRequest
    ) -> None:
        hints = connector.receive(request_)
        assert {h.id if isinstance(h, Record) else h.remote_id for h in hints} == {self.edited}
        assert connector.receive(request_) == hints

    def test_a_webhook_that_was_touched_or_is_not_signed_is_refused(
        self, bench: Bench, connector: Connector, request_: HookRequest
    ) -> None:
        body = request_.body.replace(b"0", b"1", 1) if b"0" in request_.body else request_.body + b" "
        forged = [replace(request_, body=body), replace(request_, body=b""), replace(request_, headers={})]
        for name, value in request_.headers.items():
            if "signature" in name:
                other = "b" if value[-2] not in "bB" else "c"  # hexadecimal may be read in either case
                forged.append(replace(request_, headers={**request_.headers, name: value[:-2] + other + value[-1]}))
                forged.append(replace(request_, headers={**request_.headers, name: ""}))
        assert len(forged) > 3, "the signature stands in a header whose name says so"
        for request in forged:
            with pytest.raises(AuthError):
                connector.receive(request)

    def test_a_webhook_that_is_older_than_its_scheme_allows_is_refused(
        self, bench: Bench, connector: Connector, request_: HookRequest
    ) -> None:
        assert connector.capabilities.webhooks is not None
        window = connector.capabilities.webhooks.window
        bench.clock.sleep(10 * 86400 if window is None else window + 60)
        if window is None:
            assert connector.receive(request_)
            return
        with pytest.raises(AuthError):
            connector.receive(request_)

    def test_a_webhook_that_says_something_else_than_the_platform_would_is_never_a_defect(
        self, bench: Bench, connector: Connector, request_: HookRequest
    ) -> None:
        odd = ("", "\u00b2", "\u00ff\u00fe", "9" * 4000, "v1,", "sha256=", "-1", "nan")
        for value in odd:
            said = {n: v if n in ("content-type", "content-length") else value for n, v in request_.headers.items()}
            with pytest.raises(AuthError):
                connector.receive(replace(request_, headers=said))

    def test_a_delivery_is_told_from_others_by_an_id_that_stays_when_it_is_repeated(
        self, bench: Bench, connector: Connector, request_: HookRequest
    ) -> None:
        given = connector.delivery_id(request_)
        assert given == connector.delivery_id(request_)
        assert given is None or (given and given in request_.headers.values())

    def test_a_webhook_is_no_handshake(self, bench: Bench, connector: Connector, request_: HookRequest) -> None:
        assert connector.handshake(request_) is None
