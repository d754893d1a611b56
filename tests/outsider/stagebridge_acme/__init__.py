"""The stagebridge connector for acme.

Every change of a person gets the next number of one row, so a read is that row from any number on.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

import orjson
from pydantic import SecretStr

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
from stagebridge.http import Client, Response, Verdict, judge_by_status

BATCH = 20
FRESH = 300
"""Seconds that a signed webhook is good for."""


class AcmeSettings(ConnectorSettings):
    token: SecretStr
    hook_secret: SecretStr | None = None


class Acme(Connector):
    platform = "acme"
    Settings = AcmeSettings
    capabilities = Capabilities(
        read=Read(incremental=True, deletes=True), write=Write(batch=BATCH, upsert_key=True), stage=Stage(backward="free"),
        webhooks=Webhooks(signature="acme", window=FRESH), archive=True, erase="whole",
    )  # fmt: skip
    budgets: ClassVar[Mapping[str, Rate]] = {"default": Rate(50, 1)}
    codes: ClassVar[Mapping[str, tuple[str, str]]] = {
        "SB-ACME-TOKEN": ("acme does not accept the token.", "Copy it again from acme's settings."),
        "SB-ACME-INVALID": ("acme would not take a value.", "The message names the field."),
        "SB-ACME-REQUEST": ("acme refused a request as malformed.", "Report it to the author of this connector."),
        "SB-ACME-HOOK": ("A webhook came with a wrong or stale signature.", "Compare `hook_secret` with acme's."),
    }
    settings: AcmeSettings

    def __init__(self, settings: ConnectorSettings | None = None, *, clock: Clock | None = None, **values: Any) -> None:
        super().__init__(settings, clock=clock, **values)
        s = self.settings
        self.client = Client(
            s.base_url or "https://api.acme.example", auth=Token(s.token), clock=self.clock, judge=judge, share=s.budget,
            windows={n: [r] for n, r in self.budgets.items()}, timeout=s.timeout,
        )  # fmt: skip

    def check(self) -> Health:
        return Health(str(self.client.request("GET", "/v1/me").json()["name"]))

    def discover(self) -> Schema:
        return Schema({})

    def read(self, object: str, since: Cursor | datetime | None = None) -> Iterator[Page]:
        after = since["after"] if isinstance(since, dict) else 0
        while True:
            began = self.clock.now()
            body = self.client.request("GET", "/v1/people", params={"after": after, "limit": 50}).json()
            after = body["last"]
            yield Page([record(p) for p in body["people"]], {"after": after}, None if body["more"] else began)
            if not body["more"]:
                return

    def fetch(self, object: str, ids: Sequence[str]) -> dict[str, Record]:
        found = {p["id"]: record(p) for p in self._look("id", ids)}
        into = {i: r.merged_into for i, r in found.items() if r.merged_into}
        survivors = self.fetch(object, list(into.values())) if into else {}
        return {**found, **{i: survivors[other] for i, other in into.items()}}

    def find(self, object: str, by: Literal["external_id", "email"], values: Sequence[str]) -> list[Record]:
        return [record(p) for p in self._look("ref" if by == "external_id" else "email", values)]

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        if len(batch) > BATCH:
            raise ConfigError(f"acme takes at most {BATCH} people in one call, not {len(batch)}")
        people = [{**e.payload, **({"id": e.remote_id} if e.remote_id else {})} for e in batch]
        try:
            body = self.client.request("POST", "/v1/people", json={"people": people}, effect=True).json()
        except NoAnswer as error:
            return [Unknown(str(error)) for _ in batch]
        return [outcome(r) for r in body["results"]]

    def archive(self, object: str, remote_id: str) -> Outcome:
        return self._delete(remote_id, {})

    def erase(self, object: str, remote_id: str, email: str | None) -> Outcome:
        return self._delete(remote_id, {"forever": "1"})

    def receive(self, request: HookRequest) -> list[Hint]:
        secret = self.settings.hook_secret
        stamp, _, given = request.headers.get("x-acme-signature", "").partition(".")
        wanted = signature(secret.get_secret_value(), stamp, request.body) if secret is not None else ""
        fresh = (
            len(stamp) < 12
            and stamp.isascii()
            and stamp.isdigit()
            and abs(self.clock.now().timestamp() - int(stamp)) <= FRESH
        )
        if not (fresh and wanted and hmac.compare_digest(wanted.encode(), given.encode())):
            raise AuthError("an acme webhook came with a wrong or stale signature", code="SB-ACME-HOOK")
        return [Hint("people", i) for i in orjson.loads(request.body)["changed"]]

    def close(self) -> None:
        self.client.close()

    def _look(self, by: str, values: Sequence[str]) -> list[dict[str, Any]]:
        if not values:
            return []
        body = self.client.request("POST", "/v1/people/lookup", json={"by": by, "values": list(values)}).json()
        found: list[dict[str, Any]] = body["people"]
        return found

    def _delete(self, remote_id: str, params: Mapping[str, str]) -> Outcome:
        try:
            self.client.request("DELETE", f"/v1/people/{remote_id}", params=params, effect=True)
        except NoAnswer as error:
            return Unknown(str(error))
        return Done(remote_id)


class Token:
    """The bearer token, as an `Auth`."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.get_secret_value()}"}

    def renew(self, refused: Mapping[str, str]) -> None:
        """There is no other one."""


def judge(response: Response) -> Verdict:
    if response.status in (401, 403):
        raise AuthError(
            "acme does not accept the token", code="SB-ACME-TOKEN", hint="Copy it again from acme's settings."
        )
    if response.status in (400, 404, 409):
        raise StagebridgeError(f"acme refused a request (HTTP {response.status})", code="SB-ACME-REQUEST")
    return judge_by_status(response)


def record(person: Mapping[str, Any]) -> Record:
    gone = bool(person.get("deleted"))
    return Record(
        "people", person["id"], {} if gone else person, datetime.fromisoformat(person["modified"]), gone, person["into"]
    )


def outcome(result: Mapping[str, Any]) -> Outcome:
    match result["status"]:
        case "ok":
            return Done(result["person"]["id"], record(result["person"]))
        case "gone":
            return Gone(result["into"])
        case _:
            return Rejected("SB-ACME-INVALID", f"acme would not take {result['field']}", (result["field"],))


def signature(secret: str, stamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


__all__ = ["Acme", "AcmeSettings"]
