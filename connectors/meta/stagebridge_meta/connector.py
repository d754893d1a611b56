"""Conversion events to Meta, and leads from its forms.

with Meta(dataset="1234567890", token="EAA…") as meta:
    meta.use(load_mapping("meta"))
    outcomes = meta.send([meta.draft(event)])
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import SecretStr

from stagebridge.clock import Clock
from stagebridge.connector import (
    Capabilities,
    Connector,
    ConnectorSettings,
    Cursor,
    Draft,
    Events,
    Health,
    Hint,
    HookRequest,
    Outcome,
    Page,
    Read,
    Record,
    Rejected,
    Schema,
    Webhooks,
)
from stagebridge.errors import AuthError, ConfigError, StagebridgeError
from stagebridge.event import ConversionEvent
from stagebridge.http import Client
from stagebridge_meta import drafts, hooks, leads, sending
from stagebridge_meta.codes import CODES
from stagebridge_meta.graph import Graph
from stagebridge_meta.settings import Datasets, MetaSettings

if TYPE_CHECKING:
    from facebook_business.api import FacebookAdsApi

GRAPH = "https://graph.facebook.com"


class Meta(Connector):
    """One business of Meta: events through our own HTTP client, leads and datasets through its SDK."""

    platform: ClassVar[str] = "meta"
    Settings: ClassVar[type[ConnectorSettings]] = MetaSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        read=Read(incremental=True, lag=60.0, edits=False),
        events=Events(batch=sending.BATCH, flight=4, ads=True, whole=True),
        webhooks=Webhooks(signature="meta", horizon=36 * 3600.0),
    )
    codes = CODES
    example: ClassVar[str] = """\
ads:
  type: meta
  dataset: "1234567890"          # of the Events Manager
  token: ${META_TOKEN}           # of a system user
  crm_name: Acme CRM
"""
    credentials: ClassVar[str] = """\
# Meta: Events Manager > dataset > Settings > Conversions API, or a system user's token; for leads with leads_retrieval,
# pages_manage_metadata, pages_show_list, pages_read_engagement, ads_management; for messaging page_events,
# whatsapp_business_manage_events, instagram_manage_events
META_TOKEN=
"""
    settings: MetaSettings

    def __init__(self, settings: ConnectorSettings | None = None, *, clock: Clock | None = None, **values: Any) -> None:
        super().__init__(settings, clock=clock, **values)
        self.client = Client(self.settings.base_url or GRAPH, clock=self.clock, timeout=self.settings.timeout)
        self.graph = Graph(self)
        self._drafter = drafts.Drafter(self.settings, self.clock)
        token = self.settings.token
        self._token: Callable[[], str] = lambda: token.get_secret_value()

    @classmethod
    def from_api(cls, api: FacebookAdsApi, **values: Any) -> Self:
        """Use an SDK object that the caller already has, its host and its version; its token is asked for at every call."""
        held: Any = api
        session = held._session
        secret = {"app_secret": session.app_secret, "appsecret_proof": True} if session.app_secret else {}
        given = {"base_url": session.GRAPH, "api_version": held._api_version, "token": session.access_token, **secret}
        made = cls(**{**given, **values})
        made._token = lambda: str(held._session.access_token)
        made.graph.given = api
        return made

    def __repr__(self) -> str:
        return f"Meta({self.client.base_url}, {self.settings.dataset or 'no dataset'})"

    # --- plumbing ----------------------------------------------------------------------------------------------

    def token(self) -> str:
        """The connection's token as it is now."""
        return self._token()

    def target(self, group: str) -> tuple[str, str]:
        """Dataset and token of a group of events."""
        dataset, _, channel = group.partition("/")
        own = getattr(self.settings.datasets, channel, None) if channel else None
        if channel and (own is None or own.token is None):
            raise ConfigError(
                f"events wait for dataset {dataset} with a token of {channel}, which the connection no longer has",
                hint=f"Give `datasets.{channel}` its token again.",
            )
        return dataset, own.token.get_secret_value() if own is not None else self.token()

    def proof(self, token: str) -> dict[str, str]:
        """The proof that we hold the app's secret, for apps that ask for it."""
        s = self.settings
        if not s.appsecret_proof or s.app_secret is None:
            return {}
        secret = s.app_secret.get_secret_value()
        return {"appsecret_proof": hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()}

    @property
    def skew(self) -> float:
        return self.client.skew

    # --- events ------------------------------------------------------------------------------------------------

    def draft(self, event: ConversionEvent) -> Draft | Rejected:
        payload = self.drafted(event)
        if isinstance(payload, Rejected):
            return payload
        return self._drafter.draft(event, payload)

    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        return sending.send(self, batch)

    # --- leads -------------------------------------------------------------------------------------------------

    def read(self, object: str = leads.OBJECT, since: Cursor | datetime | None = None) -> Iterator[Page]:
        self._only_leads(object)
        return leads.pages(self, since)

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        self._only_leads(object)
        return leads.fetch(self, ids)

    def receive(self, request: HookRequest) -> list[Hint]:
        hooks.verify(request, _given(self.settings.app_secret, "app_secret"))
        return hooks.hints(request.body, self.settings.page_id, self.settings.forms)

    def handshake(self, request: HookRequest) -> str | None:
        return self.challenge(request).decode() if request.method == "GET" else None

    def challenge(self, request: HookRequest) -> bytes:
        """What to answer Meta when a webhook is set up: these bytes, as plain text with 200. Raises `AuthError` for
        another `verify_token`: answer 403."""
        return hooks.challenge(request, _given(self.settings.verify_token, "verify_token"))

    def _only_leads(self, object: str) -> None:
        if object != leads.OBJECT:
            raise ConfigError(f"of Meta leads are read; there is no object '{object}'")

    # --- the account -------------------------------------------------------------------------------------------

    def check(self) -> Health:
        """Every dataset with its token, and every form. Raises `AuthError` where the connection's own token is refused."""
        names: list[str] = []
        problems: list[str] = []
        for group in self._groups():
            dataset, token = self.target(group)
            with_own = token != self.token()
            try:
                found = self.graph.get(f"dataset {dataset}", dataset, token=token, params={"fields": "id,name"})
                names.append(f"{found.get('name') or 'dataset'} ({dataset})")
            except AuthError as error:
                if error.code == "SB-META-TOKEN" and not with_own:
                    raise
                problems.append(f"{error}. {error.hint}")
        for form in self.settings.forms:
            try:
                self.graph.get(f"form {form}", form, "leads", params={"limit": 1, "fields": "id"})
            except AuthError as error:
                if error.code == "SB-META-TOKEN":
                    raise
                problems.append(f"{error}. {error.hint}")
            except StagebridgeError as error:
                if error.exit_code == 75:
                    raise
                problems.append(str(error))
        return Health(", ".join(names) or "no dataset", tuple(problems), tuple(self._warnings()))

    def _groups(self) -> list[str]:
        groups = (drafts.group_of(self.settings, channel) for channel in Datasets.model_fields)
        return [g for g in dict.fromkeys(groups) if g is not None]

    def _warnings(self) -> Iterator[str]:
        s = self.settings
        if s.test_mode:
            yield "test mode is on: test events count like any other; leave `test_event_code` out in production"
        if s.forms and s.app_secret is None:
            yield "webhooks of leads cannot be verified without `app_secret`: leads come with the next read only"
        if not self._groups() and not s.forms:
            yield "neither a dataset nor a form is named: nothing is sent and nothing read"

    def discover(self) -> Schema:
        """Nothing that a mapping depends on differs from account to account."""
        return Schema({})

    def close(self) -> None:
        self.client.close()
        self.graph.close()


def _given(secret: SecretStr | None, name: str) -> str:
    if secret is None:
        raise ConfigError(f"webhooks of Meta need `{name}`", hint="It stands in the app's settings.")
    return secret.get_secret_value()


__all__ = ["Meta"]
