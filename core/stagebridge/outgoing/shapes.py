"""The three forms in which a message is posted: whole, flat, or a sentence for a chat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from stagebridge.contact import full_name
from stagebridge.endpoint import Shape
from stagebridge.outgoing.messages import VERSION

PLAIN = ("email", "phone", "first_name", "last_name", "company", "job_title", "language", "source", "stage", "stage_at", "lost_reason")  # fmt: skip
"""What a flat contact has of a contact, under the same name."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message out of the ledger; `data` as `messages.dumped` wrote it, parsed."""

    uid: str
    type: str
    timestamp: str
    sequence: int
    data: Mapping[str, Any]


def body_of(message: Stored, shape: Shape) -> bytes:
    """The bytes that are signed and posted."""
    return orjson.dumps({"full": full, "flat": flat, "chat": chat}[shape](message))


def full(m: Stored) -> dict[str, Any]:
    return {
        "id": m.uid, "type": m.type, "version": VERSION, "timestamp": m.timestamp, "sequence": m.sequence, "data": m.data,
    }  # fmt: skip


def flat(m: Stored) -> dict[str, Any]:
    """One level of keys, the same ones in every message of a type, null where nothing is known."""
    head = {"id": m.uid, "type": m.type, "timestamp": m.timestamp, "sequence": m.sequence}
    if m.type == "conversion.created":
        person = m.data.get("person") or {"id": None, "contact": m.data.get("contact") or {}}
        return head | flat_person(person) | _flat_conversion(m.data["conversion"])
    if "person" not in m.data:
        return head | {"text": m.data["text"], **{k: _cell(v) for k, v in m.data.get("facts", {}).items()}}
    person = flat_person(m.data["person"])
    if m.type == "contact.stage_changed":
        d = m.data
        return head | person | {
            "stage": d["stage"], "previous_stage": d.get("previous_stage"), "stage_at": d["entered_at"],
            "connection": d.get("source"),
        }  # fmt: skip
    return head | person | {"changed": ", ".join(m.data["changed"]), "is_new": m.data.get("is_new", False)}


def flat_person(person: Mapping[str, Any]) -> dict[str, Any]:
    contact = person["contact"]
    custom = contact.get("custom") or {}
    return {
        "contact_id": person["id"],
        **{name: contact.get(name) for name in PLAIN},
        "country": (contact.get("address") or {}).get("country"),
        "tags": ", ".join(sorted(contact.get("tags") or ())) or None,
        "custom": orjson.dumps(custom, option=orjson.OPT_SORT_KEYS).decode() if custom else None,
    }


def _flat_conversion(c: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "conversion_id": c["id"], "name": c["name"], "at": c["at"],
        "value": float(c["value"]) if c.get("value") is not None else None,
        **{name: c.get(name) for name in ("currency", "order_id", "channel", "source_url")},
    }  # fmt: skip


def chat(m: Stored) -> dict[str, Any]:
    """`{"text": …}`, which Slack, Mattermost, Rocket.Chat and Google Chat take as a line of a chat."""
    return {"text": sentence(m)}


def sentence(m: Stored) -> str:
    if m.type == "contact.stage_changed":
        was = f", was {m.data['previous_stage']}" if m.data.get("previous_stage") else ""
        return f"{_name(m.data['person'])} is {m.data['stage']} now{was}"
    if m.type == "contact.changed":
        who, changed = _name(m.data["person"]), ", ".join(m.data["changed"])
        return f"{who} is new" if m.data.get("is_new") else f"{who}: {changed} changed"
    if m.type == "conversion.created":
        c = m.data["conversion"]
        money = f" {c['value']} {c['currency']}" if c.get("value") is not None else ""
        person = m.data.get("person") or {"id": None, "contact": m.data.get("contact") or {}}
        return f"{c['name']}{money} by {_name(person)}"
    return str(m.data["text"])


def _name(person: Mapping[str, Any]) -> str:
    contact = person["contact"]
    name, email = full_name(contact.get("first_name"), contact.get("last_name")), contact.get("email")
    known = [x for x in (name, f"<{email}>" if name and email else email) if x]
    return " ".join(known) or contact.get("phone") or person["id"] or "somebody"


def _cell(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else orjson.dumps(value, default=str).decode()


__all__ = ["Stored", "body_of", "chat", "flat", "flat_person", "full", "sentence"]
