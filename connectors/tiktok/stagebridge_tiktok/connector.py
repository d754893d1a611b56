"""TikTok's Events API 2.0, and the leads of its forms.

with TikTok(token="…", pixel="C123…") as tiktok:
    tiktok.use(load_mapping("tiktok"))
    tiktok.send([tiktok.draft(event)])
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import SecretStr

from stagebridge.clock import Clock
from stagebridge.connector import (
    Capabilities,
    Connector,
    ConnectorSettings,
    Done,
    Draft,
    Events,
    Health,
    HookRequest,
    Outcome,
    Rate,
    Record,
    Rejected,
    Unknown,
    Webhooks,
)
from stagebridge.errors import BatchRefused, ConfigError, NoAnswer, NotSupported, PlatformDown, StagebridgeError
from stagebridge.event import ConversionEvent
from stagebridge.http import Client
from stagebridge_tiktok import drafting, hooks
from stagebridge_tiktok.answers import IN_PART, INVALID, OK, Hearing, code_of, refused, request_of
from stagebridge_tiktok.codes import CODES
from stagebridge_tiktok.settings import SOURCES, TikTokSettings

log = logging.getLogger("stagebridge.tiktok")

TRACK = "/open_api/v1.3/event/track/"
"""With its last slash: without it there is nothing there."""
BATCH = 1000


class Token:
    """The access token, in a header of its own and without a prefix."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "Token(…)"

    def headers(self) -> Mapping[str, str]:
        return {"Access-Token": self._token.get_secret_value()}

    def renew(self, refused: Mapping[str, str]) -> None:
        """It is good until somebody revokes it."""


class TikTok(Connector):
    """One token and what it reports to. Nobody's record is read or written: events go out, leads come in by webhook."""

    platform: ClassVar[str] = "tiktok"
    Settings: ClassVar[type[ConnectorSettings]] = TikTokSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        events=Events(batch=BATCH, flight=4, ads=True, whole=True), webhooks=Webhooks(signature="tiktok")
    )
    codes = CODES
    example: ClassVar[str] = """\
tiktok:
  type: tiktok
  token: ${TIKTOK_TOKEN}         # of the pixel or event set, in the Events Manager
  pixel: CXXXXXXXXXXXXXXXXXXX    # web events; offline_set, crm_set and app for the others
"""
    credentials: ClassVar[str] = """\
# TikTok: Events Manager > the pixel or event set > Settings > access token. Scope: Measurement > Report Conversion Event
TIKTOK_TOKEN=
"""
    # no limit is documented for events; ten a second is what the smallest access to TikTok's other interfaces has
    budgets: ClassVar[Mapping[str, Rate]] = {"default": Rate(10, 1)}

    settings: TikTokSettings

    def __init__(self, settings: ConnectorSettings | None = None, *, clock: Clock | None = None, **values: Any) -> None:
        super().__init__(settings, clock=clock, **values)
        s = self.settings
        self.client = Client(
            s.base_url or "https://business-api.tiktok.com", auth=Token(s.token), clock=self.clock, share=s.budget,
            windows={n: [r] for n, r in self.budgets.items()}, timeout=s.timeout,
        )  # fmt: skip

    def check(self) -> Health:
        """Reports no event at all to every source. TikTok takes from 1 to 1,000: it has to refuse that, and refuses the
        token or the source first. Nothing else would tell without an event that counts."""
        problems, warnings = [], []
        for kind, id_ in self.settings.sources.items():
            hearing = Hearing(_named(kind, id_))
            try:
                answer = self.client.request("POST", TRACK, json=self._body(kind, id_, []), judge=hearing)
                if code_of(answer.object()) == INVALID:
                    why = refused(answer.object(), 0)
                    if not isinstance(why, BatchRefused):
                        raise why
            except StagebridgeError as error:
                if error.code not in ("SB-TIKTOK-PERMISSION", "SB-TIKTOK-SOURCE", "SB-TIKTOK-REQUEST"):
                    raise
                problems.append(f"{error}. {error.hint}".strip())
        if self.settings.test_mode:
            warnings.append("test mode: every event goes to the test tab and none counts; take test_event_code out")
        sources = ", ".join(_named(kind, id_) for kind, id_ in self.settings.sources.items())
        return Health(f"TikTok {sources or 'leads'}", tuple(problems), tuple(warnings))

    def draft(self, event: ConversionEvent) -> Draft | Rejected:
        if event.channel == "chat":
            return Rejected(NotSupported.default_code, drafting.MESSAGING)
        made = self.drafted(event)
        if not isinstance(made, Rejected):
            return drafting.draft(event, made, self.settings)
        if made.code == "SB-EVENT-DROPPED":
            return made
        assert self.mapping is not None
        kind = self.mapping.write_event(event).variant  # the shipped variants are called as their sources
        return (drafting.no_source(kind, event.channel, self.settings) if kind in SOURCES else None) or made

    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        if len(batch) > BATCH:
            raise ConfigError(f"TikTok takes at most {BATCH} events in one call, not {len(batch)}")
        groups = {d.group for d in batch}
        if len(groups) > 1:
            raise ConfigError(f"one call reports to one source, not to {len(groups)}")
        if not batch:
            return []
        kind, _, id_ = groups.pop().partition(":")
        hearing = Hearing(_named(kind, id_))
        body = self._body(kind, id_, [d.payload for d in batch])
        try:
            answer = self.client.request("POST", TRACK, json=body, effect=True, judge=hearing)
        except NoAnswer as error:
            return [Unknown(str(error)) for _ in batch]
        except PlatformDown as error:
            if not hearing.failed:
                raise
            return [Unknown(str(error)) for _ in batch]
        return self._outcomes(batch, answer.object(), hearing.about)

    def _body(self, kind: str, id_: str, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        along = {"partner_name": self.settings.partner_name, "test_event_code": self.settings.test_event_code}
        given = {k: v for k, v in along.items() if v}
        return {"event_source": kind, "event_source_id": id_, **given, "data": events}

    @staticmethod
    def _outcomes(batch: Sequence[Draft], body: dict[str, Any], about: str) -> list[Outcome]:
        code = code_of(body)
        if code == INVALID:
            raise refused(body, len(batch))
        if code == IN_PART:
            log.warning(
                "TikTok took a call of %d events for %s in part, and does not say which%s", len(batch), about,
                request_of(body),
            )  # fmt: skip
        if code in (OK, IN_PART):
            return [Done(d.id) for d in batch]
        said = f"TikTok would not take a call of {len(batch)} events for {about}, code {code}{request_of(body)}"
        return [Rejected(f"SB-TIKTOK-{code}", said) for _ in batch]

    def receive(self, request: HookRequest) -> list[Record]:
        """The leads of a webhook, whole: nowhere else are their answers to be had."""
        if self.settings.app_secret is None:
            raise ConfigError("webhooks of TikTok are verified with the developer app's secret; set app_secret")
        hooks.verify(request, self.settings.app_secret.get_secret_value())
        return hooks.leads(request.body)

    def close(self) -> None:
        self.client.close()


def _named(kind: str, id_: str) -> str:
    return f"{SOURCES[kind][1]} {id_}" if kind in SOURCES else id_
