"""Zapier: messages to its catch hooks and to Zaps that subscribe, and what its answers mean.

It holds nobody's record and sends no webhook: what Zaps say comes in through our API, in our own form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from stagebridge.connector import Capabilities, Connector, Health
from stagebridge.endpoint import Answer, Closed, Endpoint, Later, Posts, Taken, Verdict, retry_after
from stagebridge_zapier.address import unfit
from stagebridge_zapier.codes import CODES
from stagebridge_zapier.settings import ZapierSettings

RATE = (30, 1.0)
"""Messages to one hook in so many seconds: Zapier's documented limit of one webhook."""


class Zapier(Connector):
    """One Zapier account, or several: whoever has a key of this connection subscribes with Zaps of his own."""

    platform = "zapier"
    Settings = ZapierSettings
    capabilities = Capabilities(posts=Posts(shape="flat", subscriptions=True, confirms=False, rate=RATE), api=True)
    codes: ClassVar[Mapping[str, tuple[str, str]]] = CODES
    example = """\
zapier:
  type: zapier                   # Zaps of the app subscribe by themselves, with a key
  # catch_hook: ${ZAPIER_HOOK}             "Webhooks by Zapier" > Catch Hook shows it
  # sends: [contact.stage_changed]         what it is told of; also contact.changed, conversion.created
"""
    credentials = """\
# Zapier: a Zap whose trigger is "Webhooks by Zapier" > Catch Hook shows this address. Whoever knows it can start the Zap
ZAPIER_HOOK=
"""
    settings: ZapierSettings

    @property
    def default_mapping(self) -> str:
        """Zaps speak our own form."""
        return "api"

    def check(self) -> Health:
        """Asks nobody: a catch hook answers with success whatever becomes of it, and a request would start the Zap."""
        s, warnings = self.settings, []
        if s.catch_hook is not None:
            warnings.append(
                "nobody can tell whether the catch hook works: Zapier answers it with success also where the Zap is off or gone. "
                "Look at Zap history"
            )
        if s.old_secret is not None:
            warnings.append("old_secret still signs; leave it out once every receiver has the new one")
        return Health("Zapier" if s.catch_hook is None else "Zapier, with a catch hook", (), tuple(warnings))

    def endpoint(self) -> Endpoint | None:
        s = self.settings
        if s.catch_hook is None:
            return None
        return Endpoint(s.catch_hook.get_secret_value(), s.sends, "flat", s.secrets, rate=RATE)

    def subscriber(self, url: str, type: str) -> Endpoint:
        return Endpoint(url, (type,), "flat", self.settings.secrets, rate=RATE)

    def unfit(self, url: str) -> str | None:
        return unfit(url, self.settings.base_url)

    def verdict(self, answer: Answer) -> Verdict:
        """Zapier tells senders to try again whatever is not 200, other successes too. 410 is the end of a subscription."""
        if answer.status == 200:
            return Taken()
        if answer.status == 410:
            return Closed("HTTP 410: the Zap is off or gone")
        return Later(f"HTTP {answer.status}", retry_after(answer))


__all__ = ["RATE", "Zapier"]
