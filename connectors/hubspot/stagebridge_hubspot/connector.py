"""HubSpot contacts, both ways; conversions there as custom events, and from there as won deals.

with HubSpot(token="pat-…") as hs:
    for page in hs.read("contacts"):
        …
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from stagebridge.clock import Clock
from stagebridge.connector import (
    Capabilities,
    Connector,
    ConnectorSettings,
    Cursor,
    Done,
    Draft,
    Entry,
    EventPage,
    Events,
    Health,
    Hint,
    HookRequest,
    Outcome,
    Page,
    Rate,
    Read,
    Record,
    Rejected,
    Schema,
    Stage,
    Unknown,
    Webhooks,
    Write,
)
from stagebridge.errors import AuthError, BudgetExhausted, ConfigError, NoAnswer, StagebridgeError
from stagebridge.http import Client, Response, Verdict
from stagebridge.mapping import Missing
from stagebridge_hubspot import consent, deals, events, hooks, paths, read, write
from stagebridge_hubspot.account import Account
from stagebridge_hubspot.answers import judge, row_outcome, sentence
from stagebridge_hubspot.auth import Given, Refreshing
from stagebridge_hubspot.codes import CODES
from stagebridge_hubspot.settings import HubSpotSettings

if TYPE_CHECKING:
    from hubspot.client import Client as SdkClient

    from stagebridge.event import ConversionEvent

BATCH = 100
ALWAYS = ("email", "lastmodifieddate", "hs_merged_object_ids", "lifecyclestage")
CONTAINER = "properties."


class HubSpot(Connector):
    """One HubSpot account: records through our own HTTP client, properties and pipelines through the official SDK."""

    platform: ClassVar[str] = "hubspot"
    Settings: ClassVar[type[ConnectorSettings]] = HubSpotSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        read=Read(incremental=True, deletes=True, lag=60.0),
        # HubSpot names no limit of calls under way; at half a second each, 16 fill the 19 a second of most accounts
        write=Write(batch=BATCH, upsert_key=True, returns_record=True, flight=16),
        stage=Stage(backward="clear_first", stamps_default=True),
        events=Events(batch=events.BATCH, whole=True, reads=("Purchase",)),
        webhooks=Webhooks(signature="hubspot-v3", window=hooks.OLDEST_MS / 1000, horizon=24 * 3600.0),
        provision="api",
        archive=True,
        erase="whole",
    )
    # of a private app in a Free or Starter account, the smallest; search is counted on its own
    codes = CODES
    example: ClassVar[str] = """\
crm:
  type: hubspot
  token: ${HUBSPOT_TOKEN}        # private app or service key; scopes: see .env.example
  budget: 80%                    # leave some of the account's limit to others
"""
    credentials: ClassVar[str] = """\
# HubSpot: Settings > Integrations > private app or service key. Scopes: crm.objects.contacts.read, crm.objects.contacts.write,
# crm.schemas.contacts.read, crm.schemas.contacts.write, crm.objects.owners.read; for events analytics.behavioral_events.send,
# for conversions crm.objects.deals.read
HUBSPOT_TOKEN=
"""
    budgets: ClassVar[Mapping[str, Rate]] = {
        "default": Rate(100, 10), "search": Rate(5, 1), "oauth": Rate(10, 1), "events": Rate(1250, 1),
    }  # fmt: skip

    settings: HubSpotSettings

    def __init__(self, settings: ConnectorSettings | None = None, *, clock: Clock | None = None, **values: Any) -> None:
        super().__init__(settings, clock=clock, **values)
        s = self.settings
        self._verdict = judge(self.clock, self._midnight)
        self.client = Client(
            s.base_url or "https://api.hubapi.com", clock=self.clock, judge=self.judge, share=s.budget,
            windows={n: [r] for n, r in self.budgets.items()}, timeout=s.timeout,
        )  # fmt: skip
        self.contacts = paths.CONTACTS[s.api]
        self.consent = paths.CONSENT[s.api]
        self._control = Account(self)
        self.sdk: Any = None
        self._details: dict[str, Any] = {}
        self._order: dict[str, int] | None = None
        self._spent_until: datetime | None = None
        if s.token is not None:
            token = s.token
            self.client.auth = Given(lambda: token.get_secret_value())
        else:
            assert s.client_id is not None
            assert s.client_secret is not None
            assert s.refresh_token is not None
            self.client.auth = Refreshing(
                self.client, paths.TOKEN[s.api], s.client_id, s.client_secret, s.refresh_token, self.clock
            )

    @classmethod
    def from_client(cls, client: SdkClient, **values: Any) -> Self:
        """Use an SDK client that the caller already has, and its host; its token is asked for at every request, so a
        refresh by the caller is seen."""
        config: dict[str, Any] = client.config
        host = config.get("host") or config.get("base_url")
        made = cls(token=client.access_token or "", **({"base_url": host} if host else {}) | values)
        made.client.auth = Given(lambda: str(client.access_token))
        made.sdk = client
        return made

    def __repr__(self) -> str:
        return f"HubSpot({self.client.base_url})"

    @property
    def default_mapping(self) -> str:
        return "hubspot_subscription" if self.settings.email_subscription else "hubspot"

    # --- plumbing ----------------------------------------------------------------------------------------------

    def judge(self, response: Response) -> Verdict:
        """What an answer means; its headers say what this account may do, which is more than the smallest may."""
        figures = {
            name: int(text)
            for name in ("Max", "Interval-Milliseconds", "Daily", "Daily-Remaining")
            if (text := response.headers.get(f"X-HubSpot-RateLimit-{name}", "")).isdigit()
        }
        if figures.get("Max") and figures.get("Interval-Milliseconds"):
            self.client.budgets["default"].allow(figures["Max"], figures["Interval-Milliseconds"] / 1000)
        if figures.get("Daily-Remaining", 1) < figures.get("Daily", 0) * (1 - self.settings.budget):
            self._spent_until = self._midnight()
        return self._verdict(response)

    def account(self) -> dict[str, Any]:
        """The account's id, kind and time zone; the SDK has no typed call for it."""
        if not self._details:
            self._details = self.get(paths.ACCOUNT, {})
        return self._details

    def _midnight(self) -> datetime:
        """When the daily quota starts again: midnight in the account's zone; in UTC while that is not known."""
        zone = ZoneInfo("UTC")
        with suppress(KeyError, ValueError):
            zone = ZoneInfo(str(self._details.get("timeZone") or "UTC"))
        tomorrow = self.clock.now().astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(tomorrow, datetime.min.time(), zone).astimezone(UTC)

    def request(
        self, method: str, path: str, json: Any = None, *, params: Mapping[str, Any] | None = None,
        endpoint: str = "default", effect: bool = False,
    ) -> Response:  # fmt: skip
        if self._spent_until is not None and self.clock.now() < self._spent_until:
            raise BudgetExhausted(
                "our share of the HubSpot account's calls of this day is used up", until=self._spent_until,
                hint="They come back at midnight in the account's time zone; raise `budget` to use more of them.",
                code="SB-HUBSPOT-DAILY",
            )  # fmt: skip
        return self.client.request(method, path, json=json, params=params, endpoint=endpoint, effect=effect)

    def get(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._ok(self.request("GET", path, params=params), path)

    def post(self, path: str, json: Any, *, endpoint: str = "default") -> dict[str, Any]:
        return self._ok(self.request("POST", path, json, endpoint=endpoint), path)

    @staticmethod
    def _ok(answer: Response, path: str) -> dict[str, Any]:
        body = answer.object()
        if answer.status >= 400:
            raise StagebridgeError(
                f"HubSpot answered {answer.status} to {path}: {sentence(body)}",
                hint="This is a defect of stagebridge: please report it with the message.", code="SB-HUBSPOT-REQUEST",
            )  # fmt: skip
        return body

    @property
    def skew(self) -> float:
        return self.client.skew

    def platform_now(self) -> datetime:
        """The time on HubSpot's clock, which its answers tell: one is needed first."""
        if not self.client.sent:
            with suppress(AuthError):
                self.account()
        return self.clock.now() + timedelta(seconds=self.skew)

    def ours(self, platform_ms: int) -> datetime:
        """A time of the platform on our clock."""
        moment = datetime.fromtimestamp(platform_ms / 1000, UTC)
        return moment - timedelta(seconds=self.skew)

    # --- fields ------------------------------------------------------------------------------------------------

    def properties(self) -> list[str]:
        """The properties that the mapping reads, and those that the connector itself needs."""
        wanted = self.mapping.remote_fields("contacts") if self.mapping is not None else ()
        names = [f.removeprefix(CONTAINER) for f in wanted if f.startswith(CONTAINER)]
        return list(dict.fromkeys([*names, *ALWAYS]))

    def key_property(self) -> str | None:
        """Our own unique property, None where the account has none."""
        field = self.mapping.field("external_id", "contacts") if self.mapping is not None else None
        return field.removeprefix(CONTAINER) if field else None

    def stage_order(self) -> dict[str, int]:
        """The account's own stages and their order: custom ones have numeric ids, and admins sort them."""
        if self._order is None:
            self._order = {value: i for i, value in enumerate(self._control.stages())}
        return self._order

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, object: str = "contacts", since: Cursor | datetime | None = None) -> Iterator[Page]:
        self._only_contacts(object)
        return read.pages(self, since)

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
            rows = self.batch_read(asked)
            now = {old: str(r["id"]) for r in rows for old in (str(r["id"]), *read.merged_ids(r))}
            # a batch read need not know what an id was merged into; a single read answers with the survivor
            now |= {i: found for i in asked if i not in now and (found := self._survivor(i))}
            held = {r["id"] for r in rows}
            rows += self.batch_read([i for i in dict.fromkeys(now[a] for a in asked if a in now) if i not in held])
            records = {r.id: r for r in self.records(rows)}
            out |= {a: records[now[a]] for a in asked if now.get(a) in records}
        return out

    def _survivor(self, id_: str) -> str | None:
        answer = self.request("GET", f"{self.contacts}/{id_}", params={"properties": "hs_object_id"})
        return str(self._ok(answer, self.contacts)["id"]) if answer.status != 404 else None

    def find(self, object: str, by: Literal["external_id", "email"], values: Sequence[str]) -> list[Record]:
        """By our key or by e-mail; both are read from the records, not from the index. Further addresses are
        identifiers to HubSpot too; where it misses one, a create comes back as a `Conflict` that names the record."""
        self._only_contacts(object)
        name = "email" if by == "email" else self.key_property()
        if name is None:
            return []
        wanted = list(dict.fromkeys(v.lower() if by == "email" else v for v in values if v))
        rows = {str(r["id"]): r for r in self.batch_read(wanted, name)}
        return self.records(list(rows.values()))

    def batch_read(self, ids: Sequence[str], id_property: str | None = None) -> list[dict[str, Any]]:
        """The rows of records, in any order, in calls of at most 100; those that do not exist are left out."""
        rows: list[dict[str, Any]] = []
        for start in range(0, len(ids), BATCH):
            body: dict[str, Any] = {
                "properties": self.properties(),
                "inputs": [{"id": i} for i in ids[start : start + BATCH]],
                **({"idProperty": id_property} if id_property else {}),
            }
            rows += self.post(f"{self.contacts}/batch/read", body).get("results") or []
        return rows

    def answered(self, row: dict[str, Any], entry: Entry, *, new: bool) -> Record:
        """A write's answer as a record. It shows what was written and what has a value. Anything else is empty on a
        `new` record, and on another stands as it was read before the write; the same holds for subscriptions."""
        values = row.get("properties") or {}
        sent = entry.payload.get("properties") or {}
        empty = dict.fromkeys(self.properties()) if new and self.mapping is not None else {}
        before = {n: v for n, v in ((entry.base or {}).get("properties") or {}).items() if n not in sent}
        shown = {**empty, **before, **{n: None for n, v in sent.items() if v == ""}, **values}
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
        return self._remove("DELETE", f"/{remote_id}", remote_id)

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        # by id: an address that HubSpot does not know is put on a block list instead
        return self._remove("POST", "/gdpr-delete", remote_id, {"objectId": remote_id})

    def _remove(self, method: str, tail: str, remote_id: str, body: Any = None) -> Outcome:
        try:
            answer = self.request(method, self.contacts + tail, body, effect=True)
        except NoAnswer as error:
            return Unknown(str(error))
        return Done(remote_id) if answer.status in (200, 204, 404) else row_outcome(answer.object())

    # --- events ------------------------------------------------------------------------------------------------

    def draft(self, event: ConversionEvent) -> Draft | Rejected:
        return events.draft(self, event)

    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        return events.send(self, batch)

    def read_events(self, since: Cursor | datetime | None = None) -> Iterator[EventPage]:
        return deals.pages(self, since)

    # --- the account -------------------------------------------------------------------------------------------

    def check(self) -> Health:
        return self._control.check()

    def discover(self) -> Schema:
        self._order = None
        with suppress(AuthError):
            self.account()  # its number is part of every event's name
        return self._control.discover()

    def provision(self, missing: Sequence[Missing], *, dry_run: bool = True) -> list[str]:
        return self._control.provision(missing, dry_run=dry_run)

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
