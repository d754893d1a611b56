"""Our API as Zaps see it, small and in memory, written from its table: what the app and the scripted Zap are tried against."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

KEY = "sb_1_" + "k" * 32
STAGES = ["subscriber", "lead", "mql", "customer", "churned"]
EVENTS = ("contact.changed", "contact.stage_changed", "conversion.created")
FIELDS = (
    "email phone first_name last_name company job_title country language source tags stage stage_at lost_reason custom"
).split()
GIVEN = {
    "email",
    "phone",
    "first_name",
    "last_name",
    "company",
    "job_title",
    "language",
    "country",
    "source",
    "stage",
    "tags",
    "custom",
}
MORE: Mapping[str, Mapping[str, Any]] = {
    "contact.changed": {"changed": "email, company", "is_new": False},
    "contact.stage_changed": {"previous_stage": "lead", "connection": "crm"},
    "conversion.created": {
        "conversion_id": "order-1", "name": "Purchase", "at": "2026-11-26T10:00:00+00:00", "value": 30.5, "currency": "EUR",
        "order_id": "order-1", "channel": "web", "source_url": None,
    },
}  # fmt: skip
START = datetime(2026, 11, 26, 10, tzinfo=UTC)


class Refused(Exception):
    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {k.replace("_", "-"): v for k, v in headers.items()}


class FakeApi:
    """`hosts` are what a subscriber's address may begin with. `will` answers the next requests with these statuses instead:
    401, 429, 503 (`after` in their Retry-After), or 202 for a run that is at work."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts or ("https://hooks.zapier.com/",)
        self.keys = {KEY}
        self.contacts: list[dict[str, Any]] = []
        self.conversions: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.answered: dict[str, tuple[int, Any]] = {}
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.will: list[int] = []
        self.after = "7"
        self._number = 0
        self._lock = threading.RLock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {k.lower(): v for k, v in self.headers.items()}
                with api._lock:
                    try:
                        status, said, more = *api._answer(self.command, self.path, headers, body), {}
                    except Refused as why:
                        status, said, more = why.status, {"message": str(why), "code": "SB-API"}, why.headers
                sent = b"" if status == 204 else json.dumps(said).encode()
                self.send_response_only(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": str(len(sent)),
                    **more,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST = do_DELETE = _any  # noqa: N815

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def __enter__(self) -> FakeApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- what happens at our side ------------------------------------------------------------------------------

    def message(self, event: str, who: Mapping[str, Any]) -> dict[str, Any]:
        self._number += 1
        at = (START + timedelta(seconds=self._number)).isoformat()
        about = {"id": f"msg_{self._number:04d}", "type": event, "timestamp": at, "sequence": self._number}
        return {**about, "contact_id": who["id"], **{f: who[f] for f in FIELDS}, **MORE[event]}

    def post(self, message: Mapping[str, Any]) -> list[int]:
        """Post a message to whoever subscribed to it; 410 ends a subscription."""
        statuses = []
        for id, one in list(self.subscriptions.items()):
            if one["event"] == message["type"]:
                headers = {"webhook-id": str(message["id"])}
                status = requests.post(one["target_url"], json=message, headers=headers, timeout=5).status_code
                if status == 410:
                    del self.subscriptions[id]
                statuses.append(status)
        return statuses

    # --- what is asked -----------------------------------------------------------------------------------------

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        parts = urlsplit(target)
        query, said = dict(parse_qsl(parts.query)), json.loads(body) if body else {}
        self.seen.append((method, target, headers, said))
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.keys:
            raise Refused(401, "this key is unknown or was revoked")
        if self.will:
            status = self.will.pop(0)
            if status == 202:
                return 202, {"id": "msg_later", "status": "accepted"}
            raise Refused(status, f"not now ({status})", Retry_After=self.after)
        key = headers.get("idempotency-key")
        if method == "POST" and key in self.answered:
            return self.answered[key]
        answer = self._route(method, parts.path.strip("/").split("/"), query, said, key)
        if method == "POST" and key:
            self.answered[key] = answer
        return answer

    def _route(
        self, method: str, path: list[str], query: dict[str, str], said: Any, key: str | None
    ) -> tuple[int, Any]:
        match (method, path):
            case ("GET", ["v1", "me"]):
                return 200, {"connection": "zapier", "key": "sales", "version": "0.1.0"}
            case ("GET", ["v1", "stages"]):
                return 200, [{"id": s, "value": s, "label": s.capitalize()} for s in STAGES]
            case ("POST", ["v1", "subscriptions"]):
                return self._subscribe(said)
            case ("GET", ["v1", "subscriptions"]):
                return 200, list(self.subscriptions.values())
            case ("DELETE", ["v1", "subscriptions", id]):
                self.subscriptions.pop(id, None)
                return 204, None
            case ("GET", ["v1", "samples", event]) if event in EVENTS:
                made = [
                    self.message(event, self._new({"email": "ada@example.com"}))
                    for _ in range(int(query.get("limit", 3)))
                ]
                return 200, made[::-1]
            case ("POST", ["v1", "contacts"]):
                return 200, self._upsert(said)
            case ("POST", ["v1", "stages"]):
                return 200, self._stage(said)
            case ("POST", ["v1", "conversions"]):
                return 200, self._convert(said, key)
            case ("GET", ["v1", "contacts"]):
                return 200, self._find(query)
        raise Refused(404, f"there is no {method} /{'/'.join(path)}")

    def _subscribe(self, said: Any) -> tuple[int, Any]:
        url, event = str(said.get("target_url")), said.get("event")
        if event not in EVENTS or not url.startswith(self.hosts):
            raise Refused(422, f"nobody can subscribe to {event} with this address")
        for one in self.subscriptions.values():
            if (one["target_url"], one["event"]) == (url, event):
                return 200, one
        id = f"sub_{uuid.uuid4().hex[:8]}"
        self.subscriptions[id] = {"id": id, "event": event, "target_url": url, "created": START.isoformat()}
        return 201, self.subscriptions[id]

    def _new(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": str(uuid.uuid4()), **dict.fromkeys(FIELDS), **values, "updated_at": "2026-11-26T10:00:00+00:00"}

    def _find(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted = {k: v for k, v in query.items() if k in ("email", "phone", "id")}
        if not wanted:
            raise Refused(422, "give an e-mail address, a phone number or an id")
        return [c for c in self.contacts if all(c[k] == v for k, v in wanted.items())]

    def _named(self, said: Mapping[str, Any]) -> list[dict[str, Any]]:
        if not said.get("email") and not said.get("phone"):
            raise Refused(422, "give an e-mail address or a phone number")
        return self._find({k: said[k] for k in ("email", "phone") if said.get(k)})

    def _upsert(self, said: dict[str, Any]) -> dict[str, Any]:
        found = self._named(said)
        if strange := sorted(said.keys() - GIVEN):
            raise Refused(422, f"a contact has no '{strange[0]}'")
        if said.get("stage") is not None and said["stage"] not in STAGES:
            raise Refused(422, f"there is no stage '{said['stage']}'")
        if not found:
            self.contacts.append(self._new({}))
        who = found[0] if found else self.contacts[-1]
        values = dict(said)
        if "tags" in values:
            values["tags"] = ", ".join(values["tags"])
        if "custom" in values:
            values["custom"] = json.dumps(values["custom"])
        who.update(values)
        return who

    def _stage(self, said: dict[str, Any]) -> dict[str, Any]:
        found = self._named(said)
        if not found:
            raise Refused(404, "nobody is known under this address")
        if said.get("stage") not in STAGES:
            raise Refused(422, f"there is no stage '{said.get('stage')}'")
        who = found[0]
        held = who["stage"] is not None and STAGES.index(said["stage"]) < STAGES.index(who["stage"])
        if not held:
            who["stage"] = said["stage"]
        return {**who, "held": held}

    def _convert(self, said: dict[str, Any], key: str | None) -> dict[str, Any]:
        if not said.get("name"):
            raise Refused(422, "name: say what happened, for example Purchase")
        id = said.get("id") or key
        if not id:
            raise Refused(422, "give an id, or an Idempotency-Key")
        self.conversions.setdefault(id, said)
        return {"id": id, "name": said["name"], "status": "accepted"}


__all__ = ["FIELDS", "KEY", "STAGES", "FakeApi"]
