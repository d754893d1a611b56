"""Omnisend contacts, both ways; conversions there as custom events.

with Omnisend(api_key="…") as om:
    for page in om.read("contacts"):
        …
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from stagebridge.clock import Clock
from stagebridge.connector import (
    Capabilities,
    Connector,
    ConnectorSettings,
    Cursor,
    Draft,
    Entry,
    Events,
    Health,
    Outcome,
    Page,
    Rate,
    Read,
    Record,
    Rejected,
    Stage,
    Write,
)
from stagebridge.errors import AuthError, ConfigError, StagebridgeError
from stagebridge.http import Client, Response
from stagebridge_omnisend import batches, erase, events, read, write
from stagebridge_omnisend.answers import judge, sentence
from stagebridge_omnisend.codes import CODES
from stagebridge_omnisend.roll import Roll
from stagebridge_omnisend.settings import OmnisendSettings

if TYPE_CHECKING:
    from stagebridge.event import ConversionEvent

CUSTOM = "customProperties."
LANES = 3
"""Fetches under way at once. A request of a third of a second fills the limit with three; with more, all batches would be
verified at the same time and then all be written, and one of the two limits would always lie idle."""
MANY = 50
"""Addresses of one look-up for which a pass over the account is made, which answers for all that come after."""
LONGEST_CALL = 400
"""Pages of such a pass: a minute's requests, for a hundred thousand contacts."""
MINUTE = Rate(400, 60)


class Omnisend(Connector):
    """One Omnisend brand."""

    platform: ClassVar[str] = "omnisend"
    Settings: ClassVar[type[ConnectorSettings]] = OmnisendSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        # Omnisend says nothing of how soon a change is in a list; a minute is longer than we would wait for one
        read=Read(incremental=True, deletes=False, lag=60.0),
        # an upsert by e-mail address: a repeated create doubles nobody
        write=Write(batch=write.BATCH, upsert_key=True, returns_record=True, flight=16, singly=("fetch", "update")),
        stage=Stage(backward="free"),
        events=Events(batch=events.BATCH, flight=8),
        archive=False,
        erase="partly",
    )
    codes = CODES
    example: ClassVar[str] = """\
mail:
  type: omnisend
  api_key: ${OMNISEND_API_KEY}
  budget: 80%                    # of 400 requests a minute for each endpoint, which all keys of the brand share
"""
    credentials: ClassVar[str] = """\
# Omnisend: Store settings > API keys. Permissions: contacts (read, write); for events: events (write)
OMNISEND_API_KEY=
"""
    # so many a minute for every endpoint: a method and a path; `default` is that of single contacts
    budgets: ClassVar[Mapping[str, Rate]] = {
        "default": MINUTE, "list": MINUTE, "contact": MINUTE, "create": MINUTE, "batches": MINUTE, "items": MINUTE,
        "events": MINUTE, "tags": Rate(60, 60),
    }  # fmt: skip

    settings: OmnisendSettings

    def __init__(self, settings: ConnectorSettings | None = None, *, clock: Clock | None = None, **values: Any) -> None:
        super().__init__(settings, clock=clock, **values)
        s = self.settings
        self.client = Client(
            s.base_url or "https://api.omnisend.com", auth=_Key(s), clock=self.clock, judge=judge(s.api_version, self.clock),
            share=s.budget, windows={n: [r] for n, r in self.budgets.items()}, timeout=s.timeout,
        )  # fmt: skip
        self.roll = Roll()
        self.batch_takes = batches.FIRST
        self._lanes = threading.Semaphore(LANES)
        self._rolling = threading.Lock()
        self._may_call = True

    def __repr__(self) -> str:
        return f"Omnisend({self.client.base_url})"

    @property
    def patience(self) -> float:
        """A batch may still be worked off as long as we wait for one."""
        return self.settings.batch_wait + self.settings.timeout

    @property
    def skew(self) -> float:
        return self.client.skew

    # --- plumbing ----------------------------------------------------------------------------------------------

    def request(
        self, method: str, path: str, json: Any = None, *, params: Mapping[str, Any] | None = None,
        endpoint: str = "default", effect: bool = False,
    ) -> Response:  # fmt: skip
        return self.client.request(method, f"/api{path}", json=json, params=params, endpoint=endpoint, effect=effect)

    def get(self, path: str, params: Mapping[str, Any], *, endpoint: str) -> dict[str, Any]:
        answer = self.request("GET", path, params=params, endpoint=endpoint)
        if answer.status >= 400:
            raise self._defect(answer, path)
        return answer.object()

    @staticmethod
    def _defect(answer: Response, path: str) -> StagebridgeError:
        return StagebridgeError(
            f"Omnisend answered {answer.status} to {path}: {sentence(answer.status, answer.object(), {})}",
            hint="This is a defect of stagebridge: please report it with the message.", code="SB-OMNISEND-REQUEST",
        )  # fmt: skip

    def listed(self, query: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """A page of contacts, and the cursor of the next one; none where this is the last."""
        body = self.get("/contacts", query, endpoint="list")
        rows = body.get("contacts") or []
        return rows, read.following(body) if rows else ""

    def contact(self, id_: str) -> dict[str, Any] | None:
        """A contact as it stands; None if there is none of this id."""
        answer = self.request("GET", f"/contacts/{id_}", endpoint="contact")
        if answer.status == 404:
            return None
        if answer.status >= 400:
            raise self._defect(answer, "/contacts/{id}")
        return answer.object()

    def by_identifier(self, type_: str, value: str) -> list[dict[str, Any]]:
        """The contact that has this address or number, if any."""
        return self.listed({type_: value, "limit": 10})[0]

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, object: str = "contacts", since: Cursor | datetime | None = None) -> Iterator[Page]:
        self._only_contacts(object)
        return read.pages(self, since)

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        self._only_contacts(object)
        with self._lanes:
            found = {i: self.contact(i) for i in dict.fromkeys(ids) if i}
        return {i: read.record(row) for i, row in found.items() if row is not None}

    def find(self, object: str, by: Literal["external_id", "email"], values: Sequence[str]) -> list[Record]:
        """By e-mail address, one request each, unless a whole pass has shown that it is not there; by our key, which Omnisend
        cannot look for, by going through the contacts from the newest on until all are found."""
        self._only_contacts(object)
        if by == "external_id":
            return self._by_key({v for v in values if v})
        asked = list(dict.fromkeys(v.lower() for v in values if v))
        self._call_the_roll(len(asked))
        wanted = [v for v in asked if self.roll.may_hold(v)]
        rows = {str(r["id"]): r for v in wanted for r in self.by_identifier("email", v)}
        return [read.record(r) for r in rows.values()]

    def _call_the_roll(self, addresses: int) -> None:
        """The roll may be as old as a read may be. Where many are looked for and no pass went before, one is made, unless the
        account is so large that it would take longer."""
        with self._rolling:
            to = self.roll.complete_to
            if to is not None and self.clock.now() - to > timedelta(seconds=2 * self.lag):
                for page in read.pages(self, self.roll.cursor):
                    if page.covered is not None:
                        self.roll.complete(page.covered, page.cursor)
            elif to is None and addresses >= MANY and self._may_call:
                for n, _ in enumerate(read.pages(self, None), 1):
                    if n == LONGEST_CALL and self.roll.complete_to is None:
                        self._may_call = False
                        return

    def _by_key(self, keys: set[str]) -> list[Record]:
        field = self.mapping.field("external_id", "contacts") if self.mapping is not None else None
        if field is None:
            return []
        name, found, after = field.removeprefix(CUSTOM), dict[str, Record](), ""
        missing = set(keys)
        while missing:
            query = {"limit": read.PAGE, "sort": "createdAt", "direction": "desc"}
            rows, after = self.listed(query | ({"after": after} if after else {}))
            for row in rows:
                key = (row.get("customProperties") or {}).get(name)
                if key in keys:
                    missing.discard(str(key))
                    found[str(row["id"])] = read.record(row)
            if not after:
                break
        return list(found.values())

    # --- writing -----------------------------------------------------------------------------------------------

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        if len(batch) > write.BATCH:
            raise ConfigError(f"Omnisend takes at most {write.BATCH} contacts in one call, not {len(batch)}")
        return write.write(self, batch)

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        self._only_contacts(object)
        return erase.erase(self, remote_id)

    # --- events ------------------------------------------------------------------------------------------------

    def draft(self, event: ConversionEvent) -> Draft | Rejected:
        return events.draft(self, event)

    def send(self, batch: Sequence[Draft]) -> list[Outcome]:
        return events.send(self, batch)

    # --- the brand ---------------------------------------------------------------------------------------------

    def check(self) -> Health:
        """One contact is asked for, and the brand's name, which takes a permission that nothing else does."""
        self.listed({"limit": 1})
        brand: dict[str, Any] = {}
        with suppress(AuthError):
            answer = self.request("GET", "/brands/current", endpoint="contact")
            brand = answer.object() if answer.status == 200 else {}
        name = str(brand.get("name") or brand.get("website") or "the brand of this key")
        mails = "welcome_messages is on: everybody whom a sync subscribes gets Omnisend's welcome message; turn it off if not meant"
        return Health(
            name, warnings=(mails,) if self.settings.welcome_messages else (),
            limits={"requests a minute, for each endpoint": MINUTE.calls},
        )  # fmt: skip

    def close(self) -> None:
        self.client.close()

    def _only_contacts(self, object: str) -> None:
        if object != "contacts":
            raise ConfigError(f"Omnisend keeps people as contacts; there is no object '{object}'")


class _Key:
    """Both ways in, and the version that every request has to name."""

    def __init__(self, settings: OmnisendSettings) -> None:
        self._settings = settings

    def headers(self) -> Mapping[str, str]:
        s = self._settings
        if s.api_key is not None:
            way = f"Omnisend-API-Key {s.api_key.get_secret_value()}"
        else:
            assert s.token is not None
            way = f"Bearer {s.token.get_secret_value()}"
        return {"Authorization": way, "Omnisend-Version": s.api_version}

    def renew(self, refused: Mapping[str, str]) -> None:
        """A key does not expire, and an access token is renewed by whoever gave it."""
