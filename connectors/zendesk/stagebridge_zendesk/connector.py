"""Zendesk end-users, both ways; conversions there as events of a profile or as tickets, and from there as tickets.

with Zendesk(subdomain="acme", email="admin@example.com", api_token="…") as zd:
    for page in zd.read("contacts"):
        …
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

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
    Pace,
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
from stagebridge.errors import AuthError, ConfigError, NoAnswer, StagebridgeError
from stagebridge.http import Client, Response, Verdict
from stagebridge.mapping import Mapping as FieldMapping
from stagebridge.mapping import Missing
from stagebridge_zendesk import events, fields, hooks, limits, read, tickets, users, write
from stagebridge_zendesk.answers import judge, trouble
from stagebridge_zendesk.codes import CODES
from stagebridge_zendesk.jobs import BATCH, Jobs
from stagebridge_zendesk.organizations import Organizations
from stagebridge_zendesk.settings import ZendeskSettings

if TYPE_CHECKING:
    from stagebridge.event import ConversionEvent

SINGLES = 2 * BATCH * limits.MINUTE / 60
"""Seconds that a batch may take one by one, at one in a second, with as much again for what is asked beside it."""
ONE_BY_ONE = (
    "This Zendesk account does not allow bulk user imports, so new users are created one by one, 60 a minute; ask Zendesk's "
    "customer support to enable bulk imports, and a hundred go in one call."
)


class Zendesk(Connector):
    """One Zendesk account."""

    platform: ClassVar[str] = "zendesk"
    Settings: ClassVar[type[ConnectorSettings]] = ZendeskSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        read=Read(incremental=True, deletes=True, lag=read.WITHHELD, names_survivors=False),
        write=Write(batch=BATCH, upsert_key=True, returns_record=False, flight=limits.JOBS, refuses_doubles=True),
        stage=Stage(backward="free"),
        events=Events(batch=events.BATCH, flight=4, reads=tickets.NAMES),
        webhooks=Webhooks(signature="zendesk", window=hooks.WINDOW, delivery="x-zendesk-webhook-invocation-id"),
        provision="api",
        archive=True,
        erase="whole",
    )
    codes = CODES
    example: ClassVar[str] = """\
support:
  type: zendesk
  subdomain: acme                # of https://acme.zendesk.com
  email: ${ZENDESK_EMAIL}        # of an administrator
  api_token: ${ZENDESK_TOKEN}
  plan: suite_professional       # for the limits, until Zendesk's answers say them
"""
    credentials: ClassVar[str] = """\
# Zendesk: Admin Center > Apps and integrations > APIs > Zendesk API, token access on. The token acts for the user with this
# e-mail address, who must be an administrator: exports are for administrators only
ZENDESK_EMAIL=
ZENDESK_TOKEN=
"""
    budgets: ClassVar[Mapping[str, Rate]] = {
        "default": Rate(limits.REQUESTS[limits.SMALLEST], limits.MINUTE),
        "events": Rate(limits.EVENTS[limits.SMALLEST], limits.MINUTE), **limits.CLASSES,
    }  # fmt: skip

    settings: ZendeskSettings

    def __init__(self, settings: ConnectorSettings | None = None, *, clock: Clock | None = None, **values: Any) -> None:
        super().__init__(settings, clock=clock, **values)
        s = self.settings
        self.account = s.subdomain or "stand-in"
        self.client = Client(
            s.base_url or f"https://{s.subdomain}.zendesk.com", auth=_Given(s), clock=self.clock, judge=self.judge,
            timeout=s.timeout, pool=limits.JOBS + 2,
        )  # fmt: skip
        self.client.budgets = limits.budgets(self.budgets, s.plan, self.clock, s.budget)
        self.per_minute: int | None = None
        """Requests that the account has in a minute, once an answer has said it."""
        self.bulk: bool | None = s.bulk_import
        """Whether many users may be created in one call; None until it is found out."""
        self.jobs = Jobs(self)
        self.organizations = Organizations(self)
        self.reads_organizations = True

    def __repr__(self) -> str:
        return f"Zendesk({self.client.base_url})"

    @property
    def default_mapping(self) -> str:
        return "zendesk" if self.settings.organizations == "off" else "zendesk_organizations"

    def use(self, mapping: FieldMapping) -> None:
        super().use(mapping)
        self.reads_organizations = "organization.name" in mapping.remote_fields(users.CONTACTS)

    @property
    def patience(self) -> float:
        """A job may be queued for long, and a batch one by one takes its time."""
        return max(self.settings.timeout, self.lag) + self.settings.job_wait + SINGLES

    @property
    def skew(self) -> float:
        return self.client.skew

    def platform_now(self) -> datetime:
        """The time on Zendesk's clock, which its answers tell."""
        return self.clock.now() + timedelta(seconds=self.skew)

    # --- plumbing ----------------------------------------------------------------------------------------------

    def judge(self, response: Response) -> Verdict:
        """What an answer means; its headers say what this account may do."""
        self.per_minute = limits.learn(self.client.budgets, response.headers) or self.per_minute
        return judge(response)

    def request(
        self, method: str, path: str, json: Any = None, *, params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None, endpoint: str = "default", effect: bool = False,
        allow: Sequence[int] = (),
    ) -> Response:  # fmt: skip
        """An answer that is good, or has a status that the caller deals with."""
        answer = self.client.request(
            method, path, json=json, params=params, headers=headers, endpoint=endpoint, effect=effect
        )
        if answer.status >= 400 and answer.status not in allow:
            self.refuse(answer, path)
        return answer

    def get(self, path: str, params: Mapping[str, Any], *, endpoint: str = "default") -> dict[str, Any]:
        return self.request("GET", path, params=params, endpoint=endpoint).object()

    @staticmethod
    def refuse(answer: Response, path: str) -> None:
        """Raise what an answer means that nobody can deal with."""
        why = trouble(answer.object())
        said = f"Zendesk answered {answer.status} to {users.shown(path)} ({why.code})"
        if answer.status == 403:
            raise AuthError(
                f"{said}: this user may not do that", code="SB-ZENDESK-ACCESS",
                hint="Use an administrator's token; a custom role needs the permission to manage end users.",
            )  # fmt: skip
        if answer.status == 404:
            raise StagebridgeError(
                f"{said}: the account's plan has not got it, or it is switched off", code="SB-ZENDESK-FEATURE",
                hint="Events of profiles need a Suite plan and are switched on in the Admin Center.",
            )  # fmt: skip
        raise StagebridgeError(
            said, code="SB-ZENDESK-REQUEST",
            hint="This is a defect of stagebridge: please report it with the message.",
        )  # fmt: skip

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, object: str = users.CONTACTS, since: Cursor | datetime | None = None) -> Iterator[Page]:
        self._only_contacts(object)
        return read.pages(self, since)

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        self._only_contacts(object)
        return users.fetch(self, ids)

    def find(self, object: str, by: Literal["external_id", "email"], values: Sequence[str]) -> list[Record]:
        """By our key, a hundred in a call; by address one in a call, further addresses of a user included."""
        self._only_contacts(object)
        if by == "external_id":
            found = users.by_key(self, values)
        else:
            wanted = dict.fromkeys(v.casefold() for v in values if v)
            found = [row for email in wanted for row in users.holders(self, email)]
        return users.records(self, list({str(r["id"]): r for r in found}.values()))

    # --- writing -----------------------------------------------------------------------------------------------

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        if len(batch) > BATCH:
            raise ConfigError(f"Zendesk takes at most {BATCH} records in one call, not {len(batch)}")
        return write.write(self, batch)

    def pace(self) -> Pace | None:
        """Asks once, with an empty list, which creates nobody."""
        if self.bulk is None:
            answer = self.client.request("POST", write.CREATE_MANY, json={"users": []}, endpoint="jobs")
            self.bulk = answer.status != 403
        return None if self.bulk else Pace(1, Rate(60, limits.MINUTE), ONE_BY_ONE)

    def archive(self, object: str, remote_id: str) -> Outcome:
        return self._removed(remote_id, for_good=False)

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        return self._removed(remote_id, for_good=True)

    def _removed(self, remote_id: str, *, for_good: bool) -> Outcome:
        """A user is deleted, and then for good. Nobody but an end-user is."""
        rows, _ = users.show(self, [remote_id])
        if any(not users.is_contact(r) for r in rows):
            return Rejected("SB-ZENDESK-AGENT", "the record is an agent's by now; only end-users are deleted")
        living = any(not users.is_deleted(r) for r in rows)
        steps = [f"/api/v2/users/{remote_id}"] if living else []
        steps += [f"/api/v2/deleted_users/{remote_id}"] if for_good else []
        for path in steps:
            endpoint = "erase" if "deleted" in path else "default"
            try:
                answer = self.request("DELETE", path, endpoint=endpoint, effect=True, allow=(400, 404, 409, 422))
            except NoAnswer as error:
                return Unknown(str(error))
            if answer.status not in (200, 204, 404):
                why = trouble(answer.object())
                return Rejected(f"SB-ZENDESK-{why.code}", why.said)
        return Done(remote_id)

    # --- events ------------------------------------------------------------------------------------------------

    def draft(self, event: ConversionEvent) -> Draft | Rejected:
        return events.draft(self, event)

    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        return events.send(self, batch)

    def read_events(self, since: Cursor | datetime | None = None) -> Iterator[EventPage]:
        return tickets.pages(self, since)

    # --- the account -------------------------------------------------------------------------------------------

    def check(self) -> Health:
        return fields.check(self)

    def discover(self) -> Schema:
        return fields.discover(self)

    def provision(self, missing: Sequence[Missing], *, dry_run: bool = True) -> list[str]:
        return fields.provision(self, missing, dry_run=dry_run)

    def receive(self, request: HookRequest) -> list[Hint]:
        if self.settings.webhook_secret is None:
            raise ConfigError("webhooks of Zendesk are verified with the webhook's signing secret; set webhook_secret")
        hooks.verify(request, self.settings.webhook_secret.get_secret_value(), self.clock.now())
        return hooks.hints(request.body)

    def close(self) -> None:
        self.client.close()

    def _only_contacts(self, object: str) -> None:
        if object != users.CONTACTS:
            raise ConfigError(f"Zendesk keeps people as {users.CONTACTS}; there is no object '{object}'")


class _Given:
    """The credentials as they were given: an API token does not expire, and nothing here renews the other kind."""

    def __init__(self, settings: ZendeskSettings) -> None:
        self._settings = settings

    def __repr__(self) -> str:
        return "Given(…)"

    def headers(self) -> Mapping[str, str]:
        s = self._settings
        if s.oauth_token is not None:
            return {"Authorization": f"Bearer {s.oauth_token.get_secret_value()}"}
        assert s.api_token is not None
        pair = f"{s.email}/token:{s.api_token.get_secret_value()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def renew(self, refused: Mapping[str, str]) -> None: ...
