"""Make: what happens to contacts is posted to its webhooks, and its scenarios hand us people and conversions through our API.

with Make(custom_webhook="https://hook.eu1.make.com/…") as make:
    make.endpoint()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from stagebridge.connector import Capabilities, Connector, Health
from stagebridge.endpoint import Answer, Endpoint, Later, Posts, Verdict, retry_after, usual
from stagebridge_make.addresses import at
from stagebridge_make.codes import CODES
from stagebridge_make.settings import MakeSettings

WINDOW = 10.0
RATE = (300, WINDOW)
"""Requests to one webhook in that many seconds; beyond them Make answers 429 (help.make.com, Webhooks)."""
FULL = b"queue is full"
"""What Make says of a queue that takes no more. Only the words are relied on, since the status, 400, is known from memory."""
API_KEY = "x-make-apikey"
"""Where a webhook that asks for a key looks for it; known from memory."""


class Make(Connector):
    """Nobody's record is read or written there. A 200 is Make's word that the message lies in the webhook's queue: a full queue, a
    webhook without a scenario and too many requests each have a status of their own. That a scenario made something of
    it, nobody says."""

    platform: ClassVar[str] = "make"
    Settings = MakeSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        posts=Posts(shape="flat", subscriptions=True, confirms=True, rate=RATE), api=True
    )
    codes: ClassVar[Mapping[str, tuple[str, str]]] = CODES
    example: ClassVar[str] = """\
make:
  type: make
  mode: read                     # scenarios with the stagebridge app subscribe by themselves
  # custom_webhook: ${MAKE_WEBHOOK}        one without the app
  # sends: [contact.stage_changed]         what it is told of; also contact.changed, conversion.created
"""
    credentials: ClassVar[str] = """\
# Make: the address that a scenario's "Custom webhook" shows. Whoever has it can post there
MAKE_WEBHOOK=
"""
    settings: MakeSettings

    @property
    def default_mapping(self) -> str:
        """What scenarios send is our API's own form."""
        return "api"

    def endpoint(self) -> Endpoint | None:
        s = self.settings
        if s.custom_webhook is None:
            return None
        headers = {API_KEY: s.api_key} if s.api_key is not None else {}
        return self._at(s.custom_webhook.get_secret_value(), s.sends, headers)

    def subscriber(self, url: str, type: str) -> Endpoint:
        return self._at(url, (type,), {})

    def _at(self, url: str, types: tuple[str, ...], headers: Mapping[str, SecretStr]) -> Endpoint:
        s, (calls, per) = self.settings, RATE
        secrets = tuple(one for one in (s.secret, s.old_secret) if one is not None)
        pace = (max(1, int(calls * s.budget)), per)
        return Endpoint(at(url, s.base_url) if s.base_url else url, types, "flat", secrets, headers, pace)

    def unfit(self, url: str) -> str | None:
        return self.settings.unfit(url)

    def verdict(self, answer: Answer) -> Verdict:
        """A scenario with a "Webhook response" answers for itself, with whatever status it likes: beyond Make's own words it is
        taken as anybody's."""
        if answer.status >= 400 and FULL in answer.body.lower():
            return Later("the webhook's queue is full; its scenario is off, or too slow", retry_after(answer))
        if answer.status == 429:
            return Later("HTTP 429", retry_after(answer) or WINDOW)
        return usual(answer)

    def check(self) -> Health:
        """Asks nobody: whatever a webhook is sent, it takes for a message and starts its scenario."""
        s = self.settings
        if s.custom_webhook is None:
            return Health("Make, for scenarios that subscribe")
        warnings = [
            "nothing was asked: Make takes every request to a webhook for a message, so only a real one shows whether it arrives",
            "Make closes a webhook that belongs to no scenario for 5 days, and nothing is posted to it from then on: attach it to "
            "one in time, or give the address of a new one",
            "while its scenario is off, messages wait in the webhook's queue, 667 for every 10,000 credits of the plan and 10,000 at "
            "the most; what is beyond them waits here",
        ]  # fmt: skip
        if s.api_key is None:
            warnings.append(
                "the address is all that keeps strangers out; ask for a key in the webhook's settings and set api_key"
            )
        if s.old_secret is not None:
            warnings.append("old_secret still signs; leave it out once every receiver has the new one")
        return Health(f"Make, {urlsplit(s.custom_webhook.get_secret_value()).hostname}", (), tuple(warnings))


__all__ = ["Make"]
