"""Webhooks as Zendesk sends them: one event a request, without the record, signed over its time and body."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from stagebridge.sandbox import Kit
from stagebridge_zendesk.sandbox.answers import iso
from stagebridge_zendesk.sandbox.user import User

PREFIX = "zen:event-type:"
HELD = 100_000
VERSION = "2022-06-20"

USER_EVENTS = frozenset(
    "created deleted merged active_changed alias_changed custom_field_changed details_changed external_id_changed "
    "identity_created identity_changed identity_deleted name_changed notes_changed role_changed tags_changed".split()
)
"""Those of the documented events that are sent here. A change of `suspended` has no event of its own."""


@dataclass(slots=True)
class Webhook:
    id: str
    name: str
    endpoint: str
    """Empty: wherever somebody asks for it."""
    subscriptions: list[str]
    secret: str
    status: str = "active"
    created: int = 0

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id, "name": self.name, "status": self.status, "endpoint": self.endpoint, "http_method": "POST",
            "request_format": "json", "subscriptions": self.subscriptions, "created_at": iso(self.created),
        }  # fmt: skip


@dataclass(slots=True)
class Due:
    webhook: str
    body: dict[str, Any]
    invocation: str
    at: float
    attempts: int = 0


class Hooks:
    def __init__(self, kit: Kit, uuid: Callable[[], str]) -> None:
        self.kit = kit
        self.held: dict[str, Webhook] = {}
        self.due: deque[Due] = deque(maxlen=HELD)
        self.given_up = 0
        self._uuid = uuid
        self._sent: dict[str, Due] = {}
        if kit.switches["subscriptions"]:
            self.add("Sandbox", "", [f"{PREFIX}{s}" for s in kit.switches["subscriptions"]], 0)

    def add(self, name: str, endpoint: str, subscriptions: list[str], at: int) -> Webhook:
        secret = str(self.kit.switches["webhook_secret"]) or self.new_secret()
        id_ = f"01J{self.kit.random.getrandbits(112):023X}"[:26]
        made = self.held[id_] = Webhook(id_, name, endpoint, subscriptions, secret, created=at)
        return made

    def new_secret(self) -> str:
        return base64.b64encode(self.kit.random.randbytes(32)).decode()

    def record(self, kind: str, user: User, event: dict[str, Any], at: int) -> None:
        """Something happened to a user; only what somebody subscribed to is kept."""
        name = f"{PREFIX}user.{kind}"
        wanted = [w for w in self.held.values() if w.status == "active" and name in w.subscriptions]
        if kind not in USER_EVENTS or not wanted:
            return
        body = {
            "type": name, "account_id": self.kit.switches["account_id"], "id": self._uuid(), "time": iso(at),
            "zendesk_event_version": VERSION, "subject": f"zen:user:{user.id}", "detail": _detail(user, at), "event": event,
        }  # fmt: skip
        self.due += [Due(w.id, body, self._uuid(), float(at)) for w in wanted]

    def take(self, url: str, now: float) -> list[dict[str, Any]]:
        """The requests that are due at `url`, signed; they count as sent."""
        mine = [d for d in self.due if d.at <= now and d.webhook in self.held and self._goes_to(d.webhook, url)]
        taken = {id(d) for d in mine}
        self.due = deque((d for d in self.due if id(d) not in taken), maxlen=HELD)
        self._sent = {d.invocation: d for d in mine}
        if self.kit.standing("duplicate_hooks"):
            mine += [d for d in mine if self.kit.random.random() < 0.3] or mine[:1]
        if self.kit.standing("reorder_hooks"):
            self.kit.random.shuffle(mine)
        return [self.signed(url, d, now) for d in mine]

    def again(self, request: dict[str, Any], now: float) -> None:
        """A request was not accepted: it comes again with the same invocation, or never."""
        due = self._sent.pop(request["headers"]["x-zendesk-webhook-invocation-id"], None)
        if due is None:
            return
        if due.attempts >= int(self.kit.switches["hook_retries"]):
            self.given_up += 1
            return
        due.attempts, due.at = due.attempts + 1, now + 60.0
        self.due.append(due)

    def _goes_to(self, id_: str, url: str) -> bool:
        return self.held[id_].endpoint in ("", url)

    def signed(self, url: str, due: Due, now: float) -> dict[str, Any]:
        body, hook = orjson.dumps(due.body), self.held[due.webhook]
        timestamp = iso(int(now))
        headers = {
            "content-type": "application/json; charset=utf-8", "x-zendesk-account-id": str(self.kit.switches["account_id"]),
            "x-zendesk-webhook-id": hook.id, "x-zendesk-webhook-invocation-id": due.invocation,
            "x-zendesk-webhook-signature": signature(hook.secret, timestamp, body),
            "x-zendesk-webhook-signature-timestamp": timestamp,
        }  # fmt: skip
        return {"method": "POST", "url": url, "headers": headers, "body": body}


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The time as it is sent, then the raw body; the secret is used as it is given."""
    digest = hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _detail(user: User, at: int) -> dict[str, Any]:
    """What is said of the user: ids as text, "0" for none."""
    values = user.values
    return {
        "created_at": iso(user.created), "email": user.email, "external_id": values["external_id"],
        "default_group_id": str(values["default_group_id"] or 0), "id": str(user.id),
        "organization_id": str(values["organization_id"] or 0), "role": values["role"], "updated_at": iso(at),
    }  # fmt: skip
