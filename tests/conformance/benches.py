"""The accounts that our own connectors are tried on."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import standardwebhooks

from stagebridge.clock import Clock
from stagebridge.connector import Connector, ConnectorSettings
from stagebridge.endpoint import ALERTS, HAPPENINGS
from stagebridge.testing import Bench, SandboxBench
from stub_http import Stub

SECRET, OLD = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_GBkaGxwdHh8gISIjJCUmJygpKissLS4v"


class HubSpotBench(SandboxBench):
    many = 250
    poison: ClassVar[Mapping[str, Any]] = {"properties": {"email": "no address"}}
    overlay = "event: {names: {Purchase: purchase}}\n"
    poison_event: ClassVar[Mapping[str, Any]] = {"occurredAt": "never"}
    switches: ClassVar[Mapping[str, Any]] = {
        "subscriptions": [
            "contact.creation", "contact.propertyChange:jobtitle", "contact.propertyChange:email", "contact.deletion",
        ]
    }  # fmt: skip

    def settings(self) -> Mapping[str, Any]:
        return {
            "base_url": self.box.url, "client_id": "app-1", "client_secret": "sandbox-secret", "refresh_token": "refresh-1",
        }  # fmt: skip

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        ids: list[str] = self.box.seed([p["properties"] for p in payloads])["ids"]
        return ids

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        self.box.seed({"edit": {id: payload["properties"]}})

    def remove(self, id: str) -> None:
        self.box.seed({"archive": [id]})

    def merge(self, keep: str, lose: str) -> None:
        self.box.seed({"merge": [keep, lose]})

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        state = self.box.state()
        every = dict.fromkeys(state["properties"])
        return {c["id"]: {"id": c["id"], "properties": {**every, **c}} for c in state["contacts"]}

    def counted(self) -> list[str]:
        return [e["id"] for e in self.box.state()["events"]]

    def convert(self, id: str, value: str) -> str:
        [deal] = self.box.seed({"deals": [{"dealstage": "closedwon", "amount": value, "contacts": [id]}]})["deals"]
        return str(deal)

    def edit_conversion(self, id: str, value: str) -> None:
        self.box.seed({"edit_deals": {id: {"amount": value}}})


class SalesforceBench(SandboxBench):
    object = "Contact"
    many = 2300
    poison: ClassVar[Mapping[str, Any]] = {"Email": "no address"}
    bare_switches: ClassVar[Mapping[str, Any]] = {"deployed": False}
    overlay = "event: {names: {Purchase: Purchase}}\n"
    poison_event: ClassVar[Mapping[str, Any]] = {"ActivityDate": "never"}

    def settings(self) -> Mapping[str, Any]:
        if not self.box.state()["Account"]:
            self.box.seed({"Account": [{"Name": "Everybody"}]})
        everybody = self.box.state()["Account"][0]["Id"]
        return {
            "base_url": self.box.url, "domain": "acme.my", "client_id": "sandbox-id", "client_secret": "sandbox-secret",
            "account": {"on_missing": everybody}, "currency": "EUR",
        }  # fmt: skip

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        rows = [{n: v for n, v in p.items() if n != "attributes"} for p in payloads]
        ids: list[str] = self.box.seed({"Contact": rows})["ids"]["Contact"]
        return ids

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        self.box.seed({"edit": {id: {n: v for n, v in payload.items() if n != "attributes"}}})

    def remove(self, id: str) -> None:
        self.box.seed({"delete": [id]})

    def merge(self, keep: str, lose: str) -> None:
        self.box.seed({"merge": ["Contact", keep, lose]})

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        return {c["Id"]: {**c, "attributes": {"type": "Contact"}} for c in self.box.state()["Contact"]}

    def counted(self) -> list[str]:
        return [t["stagebridge_event_id__c"] for t in self.box.state()["Task"]]

    def convert(self, id: str, value: str) -> str:
        deal = {
            "Name": "Deal",
            "StageName": "Closed Won",
            "CloseDate": "2026-11-20",
            "Amount": float(value),
            "roles": [id],
        }
        [made] = self.box.seed({"Opportunity": [deal]})["ids"]["Opportunity"]
        return str(made)

    def edit_conversion(self, id: str, value: str) -> None:
        self.box.seed({"edit": {id: {"Amount": float(value)}}})


class ZendeskBench(SandboxBench):
    """Conversions are tickets, which have a subject and no value."""

    many = 250
    money = False
    poison: ClassVar[Mapping[str, Any]] = {"phone": "no number"}
    overlay = "contact:\n  fields: {job_title: user_fields.<Job title>}\n  unsupported: {job_title: ~}\n"
    poison_event: ClassVar[Mapping[str, Any]] = {"event": {"source": "zendesk", "type": "reserved"}}
    switches: ClassVar[Mapping[str, Any]] = {
        "subscriptions": ["user.created", "user.deleted", "user.custom_field_changed", "user.identity_changed"],
        "webhook_secret": "sandbox-secret",
    }  # fmt: skip

    def settings(self) -> Mapping[str, Any]:
        return {
            "base_url": self.box.url, "subdomain": "acme", "email": "admin@example.com", "api_token": "token-1",
            "webhook_secret": "sandbox-secret", "page_size": 100,
        }  # fmt: skip

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        return [
            str(i)
            for i in self.box.seed([{k: v for k, v in p.items() if k != "skip_verify_email"} for p in payloads])["ids"]
        ]

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        self.box.seed({"edit": {id: payload}})

    def remove(self, id: str) -> None:
        self.box.seed({"delete": [id]})

    def merge(self, keep: str, lose: str) -> None:
        self.box.seed({"merge": [lose, keep]})

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        users = [u for u in self.box.state()["users"] if not u["deleted"] and u["role"] == "end-user"]
        every = dict.fromkeys(f["key"] for f in self.box.state()["user_fields"])
        return {str(u["id"]): {**u, "user_fields": {**every, **u["user_fields"]}} for u in users}

    def counted(self) -> list[str]:
        return [e["properties"]["event_id"] for e in self.box.state()["events"]]

    def convert(self, id: str, value: str) -> str:
        [ticket] = self.box.seed({"tickets": [{"requester_id": id, "subject": value}]})["tickets"]
        return str(ticket)

    def edit_conversion(self, id: str, value: str) -> None:
        self.box.seed({"rate": {id: {"score": "offered"}}})


class MetaBench(SandboxBench):
    """A page with one form. What is put in are its answers, which nobody edits."""

    object = "leads"
    poison_event: ClassVar[Mapping[str, Any]] = {"event_time": 1}
    QUESTIONS: ClassVar[Mapping[str, str]] = {"phone": "phone_number"}
    PAGE, FORM = "100100100100100", "200200200200200"

    def settings(self) -> Mapping[str, Any]:
        if not self.box.state()["forms"]:
            self.box.seed({"datasets": [{"id": "1234567890", "name": "Shop"}]})
            self.box.seed({"pages": [{"id": self.PAGE, "name": "Shop", "subscribed": True}]})
            self.box.seed({"forms": [{"id": self.FORM, "page_id": self.PAGE, "name": "Newsletter"}]})
        return {
            "base_url": self.box.url, "token": "EAAsecret", "dataset": "1234567890", "forms": [self.FORM],
            "app_secret": "sandbox-secret", "page_id": self.PAGE,
        }  # fmt: skip

    def payload(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {self.QUESTIONS.get(path, path): value for path, value in values.items()}

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        ids: list[str] = self.box.seed({"leads": [{"form_id": self.FORM, "fields": p} for p in payloads]})["ids"][
            "leads"
        ]
        return ids

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        raise NotImplementedError("nobody edits a lead")

    def remove(self, id: str) -> None:
        self.box.seed({"delete_leads": [id]})

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        raise NotImplementedError("only what can be edited is looked at")

    def counted(self) -> list[str]:
        return [e["event_id"] for e in self.box.state()["datasets"]["1234567890"]["counted"]]


class TikTokBench(SandboxBench):
    """Leads come in by webhook; nobody edits or removes one, and nothing else is held of people."""

    object = "leads"
    poison_event: ClassVar[Mapping[str, Any]] = {"event_time": "never"}

    def settings(self) -> Mapping[str, Any]:
        return {
            "base_url": self.box.url, "token": "token-1", "app_secret": "sandbox-secret", "pixel": "CSANDBOXPIXEL0000001",
            "offline_set": "7100000000000000101", "crm_set": "7100000000000000201",
        }  # fmt: skip

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        answers = [{a["field"]: a["value"] for a in p["changes"]} for p in payloads]
        ids: list[str] = self.box.seed({"leads": [{"answers": a} for a in answers]})["leads"]
        return ids

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def remove(self, id: str) -> None:
        raise NotImplementedError

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        raise NotImplementedError

    def counted(self) -> list[str]:
        return [e["event_id"] for s in self.box.state()["sources"].values() for e in s["counted"]]


class OmnisendBench(SandboxBench):
    many = 520
    overlay = "contact: {fields: {job_title: customProperties.job_title}, unsupported: {job_title: ~}}\n"
    poison: ClassVar[Mapping[str, Any]] = {"birthdate": "never"}
    poison_event: ClassVar[Mapping[str, Any]] = {"eventTime": "never"}

    def settings(self) -> Mapping[str, Any]:
        return {"base_url": self.box.url, "api_key": "key-1-secret"}

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        ids: list[str] = self.box.seed([dict(p) for p in payloads])["ids"]
        return ids

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        """What a person decides, he decides now; a status that he leaves alone keeps its time."""
        before = {i["type"]: i["channels"] for i in self.held()[id]["identifiers"]}
        said = [
            {**i, "channels": {n: c if c.get("status") == before.get(i["type"], {}).get(n, {}).get("status")
                               else {"status": c["status"]} for n, c in i["channels"].items()}}
            for i in payload.get("identifiers") or []
        ]  # fmt: skip
        self.box.seed({"edit": {id: {**payload, **({"identifiers": said} if said else {})}}})

    def remove(self, id: str) -> None:
        self.box.seed({"remove": [id]})

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        return {c["id"]: c for c in self.box.state()["contacts"]}

    def counted(self) -> list[str]:
        return [e["eventID"] for e in self.box.state()["events"] for _ in range(e["fired"])]


class WebhookBench(Bench):
    """A shop that posts a person at a time, signed by the reference library, and a warehouse that is told; nobody edits or
    removes what was told."""

    SHOP = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7"
    secrets = (SECRET, OLD)

    def __init__(self, clock: Clock, folder: Path, *, bare: bool = False, seed: int = 1) -> None:
        super().__init__(clock, folder, bare=bare, seed=seed)
        self.due: list[tuple[str, bytes]] = []
        self._next = 1

    def settings(self) -> Mapping[str, Any]:
        url = f"{self.warehouse.url}/told/k3y-0f-the-warehouse"
        send = {"url": url, "events": (*HAPPENINGS, *ALERTS), "secret": SECRET, "old_secret": OLD}
        return {"secret": self.SHOP, "send": send}

    def posted(self, address: str) -> list[Any]:
        return [json.loads(s.body) for s in self.warehouse.seen if s.path == urlsplit(address).path]

    def __enter__(self) -> Self:
        self.warehouse = Stub()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.warehouse.close()

    def source(self, connector: Connector) -> str:
        return "webhook"

    def _overlaid(self, settings: ConnectorSettings) -> str | None:
        return "webhook"

    def payload(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"customer": dict(values)}

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        made = [(f"msg_{self._next + i}", json.dumps(p).encode()) for i, p in enumerate(payloads)]
        self._next += len(made)
        self.due += made
        return [id for id, _ in made]

    def hooks(self, url: str) -> list[dict[str, Any]]:
        now, due, self.due = self.clock.now(), self.due, []
        return [
            {
                "method": "POST", "url": url, "body": body,
                "headers": {
                    "Webhook-Id": id, "Webhook-Timestamp": str(int(now.timestamp())),
                    "Webhook-Signature": standardwebhooks.Webhook(self.SHOP).sign(id, now, body.decode()),
                },
            }
            for id, body in due
        ]  # fmt: skip

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def remove(self, id: str) -> None:
        raise NotImplementedError

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        raise NotImplementedError


class PostedBench(SandboxBench):
    """A platform that holds nobody: it is told, and what its users know of people, they tell our API."""

    secrets = (SECRET, OLD)

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        raise NotImplementedError

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def remove(self, id: str) -> None:
        raise NotImplementedError

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        raise NotImplementedError


class ZapierBench(PostedBench):
    """An account with a catch hook, and Zaps that subscribe."""

    address = "https://hooks.zapier.com/hooks/standard/1000001/fedcba/"

    def settings(self) -> Mapping[str, Any]:
        hook = f"{self.box.url}/hooks/catch/1000001/abc123/"
        return {
            "base_url": self.box.url, "catch_hook": hook, "sends": HAPPENINGS, "secret": SECRET, "old_secret": OLD,
        }  # fmt: skip

    def posted(self, address: str) -> list[Any]:
        return [run["data"] for run in self.box.state()["runs"] if run["zap"] == self._zap(address)]

    def hand_out(self) -> str:
        [zap] = self.box.seed({"zaps": [{"event": "contact.changed"}]})["zaps"]
        return f"{self.box.url}{zap['path']}"

    def stop_listening(self, address: str) -> None:
        self.box.seed({"off": [self._zap(address)]})

    def _zap(self, address: str) -> str:
        [id] = [z["id"] for z in self.box.state()["zaps"] if z["path"] == urlsplit(address).path]
        return str(id)


class MakeBench(PostedBench):
    """A custom webhook at the beginning of a scenario, and scenarios that subscribe."""

    address = "https://hook.eu1.make.com/4f9c2ab17d"

    def settings(self) -> Mapping[str, Any]:
        if not self.box.state()["hooks"]:
            self.box.seed({"hooks": [{"token": "4f9c2ab17d", "api_key": "key-of-the-hook", "scenario": {}}]})
        return {
            "base_url": self.box.url, "custom_webhook": f"{self.box.url}/4f9c2ab17d", "api_key": "key-of-the-hook",
            "sends": HAPPENINGS, "secret": SECRET, "old_secret": OLD,
        }  # fmt: skip

    def posted(self, address: str) -> list[Any]:
        return [b["bundle"] for b in self.box.state()["bundles"] if b["token"] == urlsplit(address).path[1:]]

    def hand_out(self) -> str:
        [token] = self.box.seed({"hooks": [{"scenario": {}}]})["hooks"]
        return f"{self.box.url}/{token}"

    def stop_listening(self, address: str) -> None:
        self.box.seed({"edit": {urlsplit(address).path[1:]: {"enabled": False}}})


class FileBench(Bench):
    """A list with ids of its own."""

    many = 1100
    poison: ClassVar[Mapping[str, Any]] = {"job_title": "half of an emoji: \ud83d"}
    HEADINGS = ("id", "stagebridge_id", "email", "first_name", "last_name", "phone", "job_title", "stage")

    def __init__(self, clock: Clock, folder: Path, *, bare: bool = False, seed: int = 1) -> None:
        super().__init__(clock, folder, bare=bare, seed=seed)
        self.path = folder / "people.csv"
        headings = [h for h in self.HEADINGS if not (bare and h == "stagebridge_id")]
        self._save([dict.fromkeys(headings, "")][:0], headings)
        self._next = 1

    def settings(self) -> Mapping[str, Any]:
        return {"path": self.path, "id": "id"}

    def put(self, payloads: Sequence[Mapping[str, Any]]) -> list[str]:
        rows, ids = self._rows(), []
        for payload in payloads:
            ids.append(f"row-{self._next}")
            self._next += 1
            rows.append({**payload, "id": ids[-1]})
        self._save(rows)
        return ids

    def edit(self, id: str, payload: Mapping[str, Any]) -> None:
        self._save([{**row, **payload} if row["id"] == id else row for row in self._rows()])

    def remove(self, id: str) -> None:
        self._save([row for row in self._rows() if row["id"] != id])

    def held(self) -> Mapping[str, Mapping[str, Any]]:
        return {row["id"]: row for row in self._rows()}

    def _rows(self) -> list[dict[str, Any]]:
        with self.path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def _save(self, rows: Sequence[Mapping[str, Any]], headings: Sequence[str] = ()) -> None:
        if not headings:
            with self.path.open(encoding="utf-8", newline="") as file:
                headings = next(csv.reader(file))
        with self.path.open("w", encoding="utf-8", newline="") as file:
            sheet = csv.DictWriter(file, headings)
            sheet.writeheader()
            sheet.writerows(rows)
