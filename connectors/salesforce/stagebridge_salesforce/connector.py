"""Salesforce Contacts and Leads, both ways; conversions there as Tasks and campaign members, and from there as won deals.

with Salesforce(domain="acme.my", client_id="…", client_secret="…") as sf:
    for page in sf.read("Contact"):
        …
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

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
    Outcome,
    Page,
    Rate,
    Read,
    Record,
    Rejected,
    Schema,
    Stage,
    Unknown,
    Write,
)  # fmt: skip
from stagebridge.errors import BudgetExhausted, ConfigError, NoAnswer, PlatformDown, StagebridgeError
from stagebridge.http import Client, Login, Response
from stagebridge.mapping import Missing
from stagebridge_salesforce import auth, deals, events, org, read, write
from stagebridge_salesforce.accounts import Accounts
from stagebridge_salesforce.answers import RECOVERY, first_error, judge, row_outcome, usage
from stagebridge_salesforce.codes import CODES
from stagebridge_salesforce.settings import SalesforceSettings
from stagebridge_salesforce.write import BATCH

if TYPE_CHECKING:
    from simple_salesforce.api import Salesforce as SdkClient

    from stagebridge.event import ConversionEvent

NEEDED = ("Id", "SystemModstamp", "IsDeleted", "MasterRecordId")
# no assignment rules, no 'recently used' lists, and our name in the organisation's logs
HEADERS = {"Sforce-Auto-Assign": "FALSE", "Sforce-Mru": "updateMru=false", "Sforce-Call-Options": "client=stagebridge"}


class Salesforce(Connector):
    """One Salesforce organisation. Login, describe and limits go through simple-salesforce, everything else through our own
    HTTP client."""

    platform: ClassVar[str] = "salesforce"
    Settings: ClassVar[type[ConnectorSettings]] = SalesforceSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        read=Read(incremental=True, deletes=True, lag=10.0),
        write=Write(batch=BATCH, upsert_key=True, returns_record=False, flight=4, load=2_500),
        stage=Stage(backward="free"),
        events=Events(batch=BATCH, reads=("Purchase",)),
        provision="files",
        archive=True,
        erase="whole",
    )
    codes = CODES
    example: ClassVar[str] = """\
sales:
  type: salesforce
  domain: acme.my                # your My Domain, without .salesforce.com
  client_id: ${SF_CLIENT_ID}
  client_secret: ${SF_CLIENT_SECRET}
  default_region: DE             # for phone numbers without a country code
"""
    credentials: ClassVar[str] = """\
# Salesforce: an External Client App with the client credentials flow and a run-as user. Scope: api
SF_CLIENT_ID=
SF_CLIENT_SECRET=
"""
    # only requests of over 20 seconds are capped in number; this keeps a daily quota from going in minutes
    budgets: ClassVar[Mapping[str, Rate]] = {"default": Rate(100, 1)}

    settings: SalesforceSettings

    def __init__(self, settings: ConnectorSettings | None = None, *, clock: Clock | None = None, **values: Any) -> None:
        super().__init__(settings, clock=clock, **values)
        s = self.settings
        self.client = Client(
            s.base_url or s.instance_url or "https://login.salesforce.com", clock=self.clock, judge=judge(self.clock),
            share=s.budget, windows={n: [r] for n, r in self.budgets.items()}, timeout=s.timeout,
        )  # fmt: skip
        self.instance = ""
        self._root = f"/services/data/v{s.api_version}/"
        self._session = auth.session(s)
        self._sdk: Any = None
        self._spent_until: datetime | None = None
        self._describes: dict[str, list[dict[str, Any]]] = {}
        self._visible: dict[str, tuple[str, ...]] = {}
        self.accounts = Accounts(self)
        self.client.auth = Login(self._log_in, self.clock)

    def _log_in(self) -> tuple[Mapping[str, str], float | None]:
        token, self.instance = auth.log_in(self.settings, self._session)
        if self.settings.base_url is None:
            self.client.base_url = f"https://{self.instance}"
        if self._sdk is not None and self._sdk.session_id != token:
            self._sdk = None
        return auth.bearer(token), None

    @classmethod
    def from_client(cls, client: SdkClient, **values: Any) -> Self:
        """Use the session of an SDK client that the caller already has."""
        made = cls(session_id=client.session_id, instance_url=f"https://{client.sf_instance}", **values)
        made._sdk = client
        return made

    # --- plumbing ----------------------------------------------------------------------------------------------

    @property
    def sdk(self) -> Any:
        """simple-salesforce on our session, made when it is first needed: it is heavy to import."""
        if self._sdk is None:
            from simple_salesforce.api import Salesforce as Sdk

            assert self.client.auth is not None
            token = self.client.auth.headers()["Authorization"].removeprefix("Bearer ")
            self._sdk = Sdk(
                session_id=token, instance=self.instance, session=self._session, version=self.settings.api_version,
                object_pairs_hook=None,
            )  # fmt: skip
        return self._sdk

    def request(
        self, method: str, path: str, json: Any = None, *, params: Mapping[str, Any] | None = None, effect: bool = False,
        data: bytes | None = None, headers: Mapping[str, str] | None = None,
    ) -> Response:  # fmt: skip
        if self._spent_until is not None and self.clock.now() < self._spent_until:
            raise BudgetExhausted(
                "our share of the Salesforce organisation's requests of 24 hours is used up", until=self._spent_until,
                hint="They come back over the day; raise `budget` to use more of them.", code="SB-SALESFORCE-DAILY",
            )  # fmt: skip
        url = path if path.startswith("/") else self._root + path
        answer = self.client.request(
            method, url, json=json, params=params, data=data, headers={**HEADERS, **(headers or {})}, effect=effect
        )
        used = usage(answer.headers.get("Sforce-Limit-Info", ""))
        if self.settings.budget < 1 and used is not None and used[0] >= used[1] * self.settings.budget:
            self._spent_until = self.clock.now() + RECOVERY
        return answer

    def query(self, soql: str, *, deleted: bool = True) -> dict[str, Any] | None:
        return self._page(self.request("GET", "queryAll" if deleted else "query", params={"q": soql}))

    def more(self, url: str) -> dict[str, Any] | None:
        """The next page; None where the locator has expired."""
        return self._page(self.request("GET", url))

    @staticmethod
    def _page(answer: Response) -> dict[str, Any] | None:
        if answer.status == 200:
            body: dict[str, Any] = answer.json()
            return body
        error = first_error(answer)
        if error.get("errorCode") == "INVALID_QUERY_LOCATOR":
            return None
        raise PlatformDown(
            f"Salesforce refused a query ({error.get('errorCode') or answer.status}): {error.get('message', '')}",
            hint="If a field was renamed or hidden, run `stagebridge check`.", code="SB-SALESFORCE-QUERY",
        )  # fmt: skip

    @property
    def skew(self) -> float:
        return self.client.skew

    # --- fields ------------------------------------------------------------------------------------------------

    def describe(self, object: str) -> list[dict[str, Any]]:
        if object not in self._describes:
            described = self.asked(lambda: getattr(self.sdk, object).describe(), f"sobjects/{object}/describe")
            self._describes[object] = list(described["fields"])
        return self._describes[object]

    def asked(self, sdk: Callable[[], Any], path: str) -> dict[str, Any]:
        """What the SDK answers; where it raises, our client's word: the SDK has its own kinds of error and retries nothing."""
        with suppress(Exception):
            return dict(sdk())
        answer = self.request("GET", path)
        if answer.status != 200:
            raise StagebridgeError(
                f"Salesforce answered {answer.status} to {path} ({first_error(answer).get('errorCode', 'no code')})",
                hint="This is a defect of stagebridge: please report it with the message.", code="SB-SALESFORCE-REQUEST",
            )  # fmt: skip
        body: dict[str, Any] = answer.json()
        return body

    def fields(self, object: str) -> tuple[str, ...]:
        """The mapping's fields that this user can see. One that describe does not show is not visible: it is never asked
        for, so it is never taken for cleared."""
        if object not in self._visible:
            seen = {f["name"] for f in self.describe(object)}
            relations = {f["relationshipName"] for f in self.describe(object) if f["relationshipName"]}
            wanted = [*NEEDED, *(("IsConverted", "ConvertedContactId") if object == "Lead" else ())]
            if self.mapping is not None and object in self.mapping.objects:
                wanted += [f for f in self.mapping.remote_fields(object) if not f.startswith("attributes")]
            shown = [f for f in wanted if f in seen or ("." in f and f.split(".")[0] in relations)]
            self._visible[object] = tuple(dict.fromkeys(shown))
        return self._visible[object]

    def use(self, mapping: Any) -> None:
        super().use(mapping)
        self._visible.clear()

    def key_field(self, object: str) -> str | None:
        """Our external id's field, None where it is not deployed or not visible."""
        if self.mapping is None or object not in self.mapping.objects:
            return None
        name = self.mapping.field("external_id", object)
        return name if name in self.fields(object) else None

    def as_lead(self, contact: Mapping[str, Any]) -> dict[str, Any]:
        """The payload of a Lead for a person whose company has no Account."""
        assert self.mapping is not None
        return dict(self.mapping.write({p: v for p, v in contact.items() if p != "external_id"}, object="Lead"))

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, object: str = "Contact", since: Cursor | datetime | None = None) -> Iterator[Page]:
        self._known(object)
        if isinstance(since, datetime):
            since = {"stamp": since.isoformat(), "id": ""}
        return read.pages(self, object, since)

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        self._known(object)
        return read.by_ids(self, object, list(dict.fromkeys(ids)))

    def find(self, object: str, by: Literal["external_id", "email"], values: Sequence[str]) -> list[Record]:
        self._known(object)
        name = "Email" if by == "email" else self.key_field(object)
        return read.by_value(self, object, name, list(values)) if name is not None and values else []

    # --- writing -----------------------------------------------------------------------------------------------

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        if len(batch) > BATCH:
            raise ConfigError(f"Salesforce takes at most {BATCH} records in one call, not {len(batch)}")
        return write.write(self, batch)

    @property
    def load_above(self) -> int:
        return self.settings.bulk_above

    def load(self, batch: Sequence[Entry]) -> list[Outcome]:
        return write.load(self, batch)

    def archive(self, object: str, remote_id: str) -> Outcome:
        """Into the recycle bin, from where it goes for good after 15 days."""
        return self._change("DELETE", object, remote_id)

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        """Blank what the mapping writes, then delete: the recycle bin keeps an empty record only."""
        self._known(object)
        fields = {f["name"]: f for f in self.describe(object)}
        assert self.mapping is not None
        names = {self.mapping.field(p, object) for p in self.mapping.writable(object)}
        blank = {
            n: None
            for n in names
            if n is not None and n in fields and fields[n]["nillable"] and fields[n]["updateable"] and n != "OwnerId"
        }
        typed: dict[str, Any] = {n: False if fields[n]["type"] == "boolean" else v for n, v in blank.items()}
        outcome = self._change("PATCH", object, remote_id, {**typed, "LastName": "erased"})
        return self.archive(object, remote_id) if isinstance(outcome, Done) else outcome

    def _change(self, method: str, object: str, remote_id: str, values: Any = None) -> Outcome:
        """One record changed or deleted; a record that is not there any more needs neither."""
        try:
            answer = self.request(method, f"sobjects/{object}/{remote_id}", values, effect=True)
        except NoAnswer as error:
            return Unknown(str(error))
        return Done(remote_id) if answer.status in (200, 204, 404) else row_outcome([first_error(answer)])

    # --- events ------------------------------------------------------------------------------------------------

    def draft(self, event: ConversionEvent) -> Draft | Rejected:
        return events.draft(self, event)

    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        return events.send(self, batch)

    @property
    def keeps_event_ids(self) -> bool:
        """Whether Tasks have our field for an event's id; learnt by `discover`."""
        return any(f["name"] == events.KEY and f["externalId"] for f in self._describes.get("Task", ()))

    def read_events(self, since: Cursor | datetime | None = None) -> Iterator[EventPage]:
        return deals.pages(self, since)

    # --- the organisation --------------------------------------------------------------------------------------

    def check(self) -> Health:
        return org.check(self)

    def discover(self) -> Schema:
        self._describes.clear()
        self._visible.clear()
        return org.discover(self)

    def deployable(self, missing: Sequence[Missing]) -> Mapping[str, str]:
        return org.deployable([*missing, *org.event_key(self)], self.settings.api_version)

    def close(self) -> None:
        self.client.close()
        self._session.close()

    def _known(self, object: str) -> None:
        if object not in org.OBJECTS:
            raise ConfigError(
                f"Salesforce keeps people as {' and '.join(org.OBJECTS)}; there is no object '{object}' here"
            )


__all__ = ["Salesforce"]
