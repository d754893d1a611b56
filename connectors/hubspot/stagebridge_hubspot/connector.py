"""HubSpot as a connector: contacts, their lifecycle stage and their e-mail consent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, Self, cast

from stagebridge.clock import Clock
from stagebridge.connector import (
    Capabilities,
    Connector,
    ConnectorSettings,
    Cursor,
    Done,
    Entry,
    Gone,
    Health,
    Hint,
    HookRequest,
    Outcome,
    Page,
    Read,
    Record,
    Rejected,
    Schema,
    Stage,
    Unknown,
    Webhooks,
    Write,
)  # fmt: skip
from stagebridge.errors import ConfigError, NoAnswer
from stagebridge.mapping import Missing
from stagebridge_hubspot import hooks
from stagebridge_hubspot.account import Account
from stagebridge_hubspot.consent import Consent
from stagebridge_hubspot.errors import Fault
from stagebridge_hubspot.read import Reader
from stagebridge_hubspot.settings import HubSpotSettings
from stagebridge_hubspot.wire import LIMITS, Wire
from stagebridge_hubspot.write import Writer


class HubSpot(Connector):
    """One HubSpot account.

    HubSpot(token="pat-…")
    HubSpot(client_id=…, client_secret=…, refresh_token=…)
    HubSpot.from_client(hubspot.Client(access_token=…))

    Raises `pydantic.ValidationError` for settings that make no sense; nothing is contacted until a verb is called.
    """

    platform = "hubspot"
    Settings: ClassVar[type[ConnectorSettings]] = HubSpotSettings
    capabilities = Capabilities(
        read=Read(incremental=True, deletes=True, lag=60.0),
        write=Write(batch=100, upsert_key=True, returns_record=True, flight=4),
        stage=Stage(backward="clear_first", stamps_default=True),
        webhooks=Webhooks(signature="hubspot-v3"),
        provision="api",
        archive=True,
        erase=True,
    )
    budgets = LIMITS

    def __init__(
        self,
        settings: ConnectorSettings | None = None,
        *,
        clock: Clock | None = None,
        client: Any = None,
        **values: Any,
    ) -> None:
        super().__init__(settings, clock=clock, **values)
        mine = cast(HubSpotSettings, self.settings)
        self._wire = Wire(mine, self.clock, client)
        self._consent = Consent(self._wire, mine)
        self._account = Account(self._wire, client)
        self._reader = Reader(self, self._wire, self._consent)
        self._writer = Writer(self._wire, self._reader, self._consent, self._account.order)

    @classmethod
    def from_client(cls, client: Any, *, clock: Clock | None = None, **settings: Any) -> Self:
        """Work beside a `hubspot.Client`: its host, and its token as it stands at each request."""
        host = client.config.get("host") or client.config.get("base_url")
        given = {"base_url": host} | settings if host else settings
        return cls(clock=clock, client=client, token=client.access_token or "", **given)

    def __repr__(self) -> str:
        return f"HubSpot({self._wire.base_url})"

    @property
    def skew(self) -> float:
        return self._wire.client.skew

    def check(self) -> Health:
        return self._account.check(self.mapping)

    def discover(self) -> Schema:
        return Schema(self._account.facts(self.mapping.objects if self.mapping is not None else ("contacts",)))

    def provision(self, missing: Sequence[Missing], *, dry_run: bool = True) -> list[str]:
        return self._account.provision(missing, dry_run)

    def read(self, object: str, since: Cursor | datetime | None = None) -> Iterator[Page]:
        return self._reader.pages(object, since)

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        return self._reader.fetch(object, ids)

    def find(self, object: str, by: Literal["external_id", "email"], values: Sequence[str]) -> list[Record]:
        name = "email" if by == "email" else self._key(object)
        return self._reader.find(object, name, values) if name is not None and values else []

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        return self._writer.write(batch[0].object, batch, self._key(batch[0].object)) if batch else []

    def archive(self, object: str, remote_id: str) -> Outcome:
        """Into the recycle bin, where a person can restore it for 90 days."""
        return self._remove("DELETE", self._wire.objects(object, f"/{remote_id}"), remote_id)

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        """A GDPR delete: for good, and HubSpot blocks the address for later."""
        return self._remove("POST", self._wire.objects(object, "/gdpr-delete"), remote_id, {"objectId": remote_id})

    def receive(self, request: HookRequest) -> list[Hint]:
        secret = cast(HubSpotSettings, self.settings).client_secret
        if secret is None:
            raise ConfigError("HubSpot's webhooks cannot be verified", hint="Set client_secret to the app's secret.")
        hooks.verify(request, secret.get_secret_value(), self.clock.now())
        return hooks.hints(request.body)

    def close(self) -> None:
        self._wire.close()

    def _key(self, object: str) -> str | None:
        """Our unique property."""
        field = self.mapping.field("external_id", object) if self.mapping is not None else None
        return field.removeprefix("properties.") if field is not None else None

    def _remove(self, method: str, path: str, remote_id: str, body: Any = None) -> Outcome:
        try:
            response = self._wire.send(method, path, json=body, effect=True)
        except NoAnswer as error:
            return Unknown(str(error))
        if response.status < 300:
            return Done(remote_id)
        fault = Fault.of(response.json() if response.is_json else None, response.status)
        return Gone() if response.status == 404 else Rejected(fault.code, fault.sentence)
