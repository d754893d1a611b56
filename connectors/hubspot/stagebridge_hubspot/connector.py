"""HubSpot contacts, both ways.

with HubSpot(token="pat-…") as hs:
    for page in hs.read("contacts"):
        …
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from stagebridge.clock import Clock
from stagebridge.connector import (
    Capabilities, Connector, ConnectorSettings, Cursor, Done, Entry, Health, Hint, HookRequest, Outcome, Page, Rate, Read,
    Record, Rejected, Schema, Stage, Webhooks, Write,
)  # fmt: skip
from stagebridge.errors import ConfigError, PlatformDown
from stagebridge.http import Client, Response
from stagebridge.mapping import Missing
from stagebridge_hubspot import account, consent, hooks, paths, read, write
from stagebridge_hubspot.answers import body_of, judge, row_outcome
from stagebridge_hubspot.auth import Given, Refreshing
from stagebridge_hubspot.settings import HubSpotSettings

if TYPE_CHECKING:
    import hubspot

BATCH = 100
CONTAINER = "properties."


class HubSpot(Connector):
    """One HubSpot account. The data plane is our own HTTP client; properties and pipelines go through the official SDK."""

    platform: ClassVar[str] = "hubspot"
    Settings: ClassVar[type[ConnectorSettings]] = HubSpotSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        read=Read(incremental=True, deletes=True, lag=60.0),
        write=Write(batch=BATCH, upsert_key=True, returns_record=True, flight=4),
        stage=Stage(backward="clear_first", stamps_default=True),
        webhooks=Webhooks(signature="hubspot-v3"),
        provision="api",
        archive=True,
        erase=True,
    )
    # of a private app in a Free or Starter account, the smallest; search is counted on its own
    budgets: ClassVar[Mapping[str, Rate]] = {"default": Rate(100, 10), "search": Rate(5, 1), "oauth": Rate(10, 1)}

    settings: HubSpotSettings

    def __init__(self, settings: ConnectorSettings | None = None, *, clock: Clock | None = None, **values: Any) -> None:
        super().__init__(settings, clock=clock, **values)
        s = self.settings
        self.client = Client(
            s.base_url or "https://api.hubapi.com", clock=self.clock, judge=judge(self.clock), share=s.budget,
            windows={n: [r] for n, r in self.budgets.items()}, timeout=s.timeout,
        )  # fmt: skip
        self.contacts = paths.CONTACTS[s.api]
        self.consent = paths.CONSENT[s.api]
        self._sdk: Any = None
        self._order: dict[str, int] | None = None
        if s.token is not None:
            token = s.token
            self.client.auth = Given(lambda: token.get_secret_value())
        else:
            assert s.client_id and s.client_secret and s.refresh_token
            self.client.auth = Refreshing(
                self.client, paths.TOKEN[s.api], s.client_id, s.client_secret, s.refresh_token, self.clock
            )

    @classmethod
    def from_client(cls, client: hubspot.Client, **values: Any) -> Self:
        """Use an SDK client that the caller already has; its token is asked for at every request, so a refresh by the
        caller is seen."""
        made = cls(token=client.config.get("access_token") or client.access_token, **values)
        made.client.auth = Given(lambda: str(client.access_token))
        made._sdk = client
        return made

    @property
    def default_mapping(self) -> str:
        return "hubspot_subscription" if self.settings.email_subscription else "hubspot"

    # --- plumbing ----------------------------------------------------------------------------------------------

    @property
    def sdk(self) -> Any:
        """The official client, made when it is first needed: importing it takes time and memory."""
        if self._sdk is None:
            from hubspot import HubSpot as Sdk

            where = (
                {"host": self.settings.base_url, "base_url": self.settings.base_url} if self.settings.base_url else {}
            )
            self._sdk = Sdk(**where)
        if self.client.auth is not None and (self._sdk.access_token is None or self.settings.token is None):
            self._sdk.access_token = self.client.auth.headers()["Authorization"].removeprefix("Bearer ")
        return self._sdk

    def request(
        self, method: str, path: str, json: Any = None, *, params: Mapping[str, Any] | None = None,
        endpoint: str = "default", effect: bool = False,
    ) -> Response:  # fmt: skip
        return self.client.request(method, path, json=json, params=params, endpoint=endpoint, effect=effect)

    def get(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._ok(self.request("GET", path, params=params), path)

    def post(self, path: str, json: Any, *, endpoint: str = "default") -> dict[str, Any]:
        return self._ok(self.request("POST", path, json, endpoint=endpoint), path)

    @staticmethod
    def _ok(answer: Response, path: str) -> dict[str, Any]:
        body = body_of(answer)
        if answer.status >= 400:
            raise PlatformDown(
                f"HubSpot answered {answer.status} to {path}: {body.get('message', 'no reason given')}",
                hint="If it goes on, this is a defect: please report it with the message.", code="SB-HUBSPOT-REQUEST",
            )  # fmt: skip
        return body

    @property
    def skew(self) -> float:
        return self.client.skew

    def platform_now(self) -> datetime:
        return self.clock.now() + timedelta(seconds=self.skew)

    def ours(self, platform_ms: int) -> datetime:
        """A time of the platform on our clock."""
        moment = datetime.fromtimestamp(platform_ms / 1000, tz=self.clock.now().tzinfo)
        return moment - timedelta(seconds=self.skew)

    # --- fields ------------------------------------------------------------------------------------------------

    def properties(self) -> list[str]:
        """The properties that the mapping reads, and those that the connector itself needs."""
        wanted = self.mapping.remote_fields("contacts") if self.mapping is not None else ()
        names = [f.removeprefix(CONTAINER) for f in wanted if f.startswith(CONTAINER)]
        return list(dict.fromkeys([*names, "email", "lastmodifieddate", "hs_merged_object_ids", "lifecyclestage"]))

    def key_property(self) -> str | None:
        """Our own unique property, None where the account has none."""
        field = self.mapping.field("external_id", "contacts") if self.mapping is not None else None
        return field.removeprefix(CONTAINER) if field else None

    def stage_order(self) -> dict[str, int]:
        """The account's own stages and their order: custom ones have numeric ids, and admins sort them."""
        if self._order is None:
            stages = account.sdk_call(
                self.sdk.crm.properties.core_api.get_by_name, "contacts", "lifecyclestage"
            ).options
            ordered = sorted(stages, key=lambda o: o.display_order or 0)
            self._order = {str(o.value): i for i, o in enumerate(ordered)}
        return self._order

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, object: str = "contacts", since: Cursor | datetime | None = None) -> Iterator[Page]:
        self._only_contacts(object)
        if isinstance(since, datetime):
            return read.changed(self, {"from": int(since.timestamp() * 1000), "archived": 0})
        if since is not None and since.get("phase") == "search":
            return read.changed(self, since)
        return read.full(self, since)

    def records(self, rows: Sequence[dict[str, Any]]) -> list[Record]:
        """Answered rows as records, with their subscription status."""
        statuses: dict[str, dict[str, Any]] = {}
        if self.settings.email_subscription:
            emails = [str((r.get("properties") or {}).get("email") or "") for r in rows]
            statuses = consent.read(self, emails)
        out = []
        for row in rows:
            email = str((row.get("properties") or {}).get("email") or "").lower()
            status = None
            if self.settings.email_subscription:
                status = statuses.get(email) or {
                    "id": str(self.settings.email_subscription), "status": "NOT_SPECIFIED", "timestamp": None,
                }  # fmt: skip
            out.append(read.record(row, status))
        return out

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        self._only_contacts(object)
        out: dict[str, Record] = {}
        for start in range(0, len(ids), BATCH):
            asked = list(dict.fromkeys(ids[start : start + BATCH]))
            rows = self._batch_read(asked, None)
            for row, record in zip(rows, self.records(rows), strict=True):
                out[record.id] = record
                for old in read.merged_ids(row):
                    if old in asked:
                        out[old] = record
        return out

    def find(self, object: str, by: Literal["external_id", "email"], values: Sequence[str]) -> list[Record]:
        """By our key or by e-mail, further addresses included; both are read from the records, not from the index."""
        self._only_contacts(object)
        name = "email" if by == "email" else self.key_property()
        if name is None:
            return []
        rows: dict[str, dict[str, Any]] = {}
        for start in range(0, len(values), BATCH):
            rows |= {str(r["id"]): r for r in self._batch_read(list(values[start : start + BATCH]), name)}
        return self.records(list(rows.values()))

    def _batch_read(self, ids: Sequence[str], id_property: str | None) -> list[dict[str, Any]]:
        if not ids:
            return []
        body: dict[str, Any] = {"properties": self.properties(), "inputs": [{"id": i} for i in ids]}
        if id_property:
            body["idProperty"] = id_property
        rows: list[dict[str, Any]] = self.post(f"{self.contacts}/batch/read", body).get("results") or []
        return rows

    def answered(self, row: dict[str, Any], entry: Entry) -> Record:
        """A write's answer as a record. It shows what was written and what has a value; of anything else it says nothing,
        and that stays as it was read before the write. The same holds for subscriptions."""
        values = row.get("properties") or {}
        sent = entry.payload.get("properties") or {}
        before = (entry.base or {}).get("properties") or {}
        names = self.properties() if self.mapping is not None else list(values)
        shown = {n: values.get(n) if n in values or n in sent else before.get(n) for n in names}
        kept = (entry.base or {}).get("subscriptions")
        record = read.record({**row, "properties": shown}, None)
        data = {**record.data, **({"subscriptions": kept} if kept else {})}
        return Record("contacts", record.id, data, record.modified_at)

    # --- writing -----------------------------------------------------------------------------------------------

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        if len(batch) > BATCH:
            raise ConfigError(f"HubSpot takes at most {BATCH} records in one call, not {len(batch)}")
        return write.write(self, batch)

    def archive(self, object: str, remote_id: str) -> Outcome:
        answer = self.request("DELETE", f"{self.contacts}/{remote_id}", effect=True)
        return Done(remote_id) if answer.status in (200, 204, 404) else row_outcome(body_of(answer))

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        body = {"objectId": remote_id}
        answer = self.request("POST", f"{self.contacts}/gdpr-delete", body, effect=True)
        if answer.status in (200, 204, 404):
            return Done(remote_id)
        return Rejected("SB-HUBSPOT-ERASE", str(body_of(answer).get("message", f"HTTP {answer.status}")))

    # --- the account -------------------------------------------------------------------------------------------

    def check(self) -> Health:
        return account.check(self)

    def discover(self) -> Schema:
        return account.discover(self)

    def provision(self, missing: Sequence[Missing], *, dry_run: bool = True) -> list[str]:
        said = account.provision(self, missing, dry_run=dry_run)
        self._order = None
        return said

    def native_salesforce(self) -> bool:
        """Whether HubSpot's own Salesforce integration has left its ids on contacts."""
        filters = [{"propertyName": "salesforcecontactid", "operator": "HAS_PROPERTY"}]
        body = {"filterGroups": [{"filters": filters}], "properties": ["hs_object_id"], "limit": 1}
        return bool(self.post(f"{self.contacts}/search", body, endpoint="search").get("total"))

    def receive(self, request: HookRequest) -> list[Hint]:
        if self.settings.client_secret is None:
            raise ConfigError("webhooks of HubSpot are verified with the app's client_secret; set it")
        hooks.verify(request, self.settings.client_secret.get_secret_value(), self.clock.now())
        return hooks.hints(request.body)

    def close(self) -> None:
        self.client.close()

    def _only_contacts(self, object: str) -> None:
        if object != "contacts":
            raise ConfigError(f"HubSpot keeps people as contacts; there is no object '{object}'")
