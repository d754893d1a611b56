"""Webhooks of anything, in: whoever has the secret tells of people and of what they did, in a form that a mapping reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from stagebridge.connector import Capabilities, Connector, ConnectorSettings, Health, HookRequest, Record, Webhooks
from stagebridge.endpoint import Endpoint, Posts
from stagebridge.errors import AuthError, ConfigError
from stagebridge_webhook.codes import CODES
from stagebridge_webhook.settings import WebhookSettings
from stagebridge_webhook.verify import verify

OBJECT = "contacts"
"""What a record is unless the mapping tells several kinds apart."""
MOST = 1000
"""Records in one webhook."""
DEEPEST = 64
"""Levels of a body: no form or order comes near, and what is deeper is meant to break whoever reads it."""


class Webhook(Connector):
    """There is nobody to ask: what came is all that there is, and its body is the record, whole. A body that is a list is
    several of them."""

    platform = "webhook"
    Settings = WebhookSettings
    capabilities = Capabilities(
        webhooks=Webhooks("standard, hmac, typeform, path", window=300.0, events=True), posts=Posts()
    )
    codes: ClassVar[Mapping[str, tuple[str, str]]] = CODES
    example = """\
forms:
  type: webhook
  scheme: typeform               # or standard, hmac, path: with `mapping: NAME.yaml`, which says what the body means
  secret: ${FORMS_SECRET}
  mode: read
"""
    credentials = """\
# A form's or a shop's webhooks: what their sender signs with; `openssl rand -base64 24` makes one, after whsec_
FORMS_SECRET=
"""
    settings: WebhookSettings

    @classmethod
    def able(cls, settings: ConnectorSettings) -> Capabilities:
        hears, sends = getattr(settings, "secret", None), getattr(settings, "send", None)
        return replace(
            cls.capabilities,
            webhooks=cls.capabilities.webhooks if hears is not None else None,
            posts=cls.capabilities.posts if sends is not None else None,
        )

    @property
    def default_mapping(self) -> str:
        if self.settings.mapping_needed:
            name = self.connection or "a connection of webhooks"
            raise ConfigError(f"{name}: {self.settings.mapping_needed}", code="SB-WEBHOOK-MAPPING")
        return "typeform"

    def check(self) -> Health:
        warnings = []
        if self.settings.scheme == "path":
            warnings.append(
                "whoever learns the secret path can send anything; a signature is better where there is one"
            )
        if self.settings.old_secret is not None:
            warnings.append("old_secret is still accepted; leave it out once every sender has the new one")
        send = self.settings.send
        if send is not None and send.secret is None and send.shape != "chat":
            warnings.append("messages are not signed: give `send` a secret, so that their receiver can tell who sends")
        if send is not None and send.old_secret is not None:
            warnings.append(
                "messages are still signed with old_secret too; leave it out once the receiver has the new one"
            )
        ways = [f"in: {self.settings.scheme}"] if self.settings.secret is not None else []
        ways += [f"out: {', '.join(send.events)}"] if send is not None else []
        return Health(f"webhooks ({'; '.join(ways)})", (), tuple(warnings))

    def delivery_id(self, request: HookRequest) -> str | None:
        header = "webhook-id" if self.settings.scheme == "standard" else self.settings.id_header
        given = request.headers.get(header) if header is not None else None
        if given is None and self.settings.scheme == "hmac":
            given = request.headers.get(self.settings.header)
        return given or None

    def endpoint(self) -> Endpoint | None:
        send = self.settings.send
        if send is None:
            return None
        return Endpoint(send.url, send.events, send.shape, send.secrets())

    def receive(self, request: HookRequest) -> list[Record]:
        """The records of a webhook. Each has the id of its delivery, for mappings that find none in it."""
        verify(request, self.settings, self.clock.now())
        told = parsed(request.body)
        id_ = self.delivery_id(request) or hashlib.blake2b(request.body, digest_size=16).hexdigest()
        return [Record(OBJECT, f"{id_}-{i}" if i else id_, one) for i, one in enumerate(told)]


def parsed(body: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a verified body, every whole number exact. Raises `AuthError` for anything else: who has the secret
    and sends that is told no more than a stranger."""
    try:
        said = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        said = None
    listed: list[Any] = said if isinstance(said, list) else [said]
    if not listed or len(listed) > MOST or not all(isinstance(one, dict) for one in listed) or _too_deep(body, said):
        raise AuthError("a webhook's body is no JSON object", code="SB-WEBHOOK-BODY")
    return listed


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _too_deep(body: bytes, said: Any) -> bool:
    return body.count(b"{") + body.count(b"[") > DEEPEST and _deeper(said, DEEPEST)


def _deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_deeper(one, levels - 1) for one in inner)


__all__ = ["Webhook"]
