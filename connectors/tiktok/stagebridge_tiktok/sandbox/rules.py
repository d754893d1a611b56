"""What one event may look like: types, required fields, hashes, and which fields belong to which source.

Fields that nobody knows, or that belong to another source, do no harm: they are ignored without a word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stagebridge_tiktok.sandbox.names import STANDARD, current

MISSING = "Missing data for required field"
HASH = re.compile(r"[0-9a-f]{64}")
CURRENCY = re.compile(r"[A-Z]{3}")

HASHED = ("email", "phone", "external_id")
HASHED_NAMES = ("first_name", "last_name", "zip_code")

ONLY_IN: Mapping[str, tuple[str, ...]] = {
    "user.external_id": ("web", "crm"), "user.ttp": ("web",), "user.ip": ("web", "app"), "user.user_agent": ("web", "app"),
    "app": ("app",), "ad": ("app",), "limited_data_use": ("web", "app"), "lead": ("crm",),
}  # fmt: skip
"""Fields that one source has and others have not [D]."""


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """A value, or an array of such values."""

    of: Callable[[Any], str]


Rule = Callable[[Any], str] | Mapping[str, Any] | list[Any] | OneOrMore
"""A check that answers what is wrong; an object's fields, none of them required; a list of one kind of thing."""


def text(value: Any) -> str:
    return "" if isinstance(value, str) else "Not a valid string"


def number(value: Any) -> str:
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return "" if is_one else "Not a valid number"


def whole(value: Any) -> str:
    return "" if isinstance(value, int) and not isinstance(value, bool) else "Not a valid integer"


def flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "Not a valid boolean"


def anything(value: Any) -> str:
    return "" if isinstance(value, dict) else "Not a valid object"


def digits(value: Any) -> str:
    if wrong := text(value):
        return wrong
    return "" if value.isascii() and value.isdigit() else "Not a valid id"


def hashed(value: Any) -> str:
    if wrong := text(value):
        return wrong
    return "" if HASH.fullmatch(value) else "Not a valid SHA-256 hash"


def among(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        return "" if isinstance(value, str) and value in words else f"Must be one of: {', '.join(words)}"

    return check


CONTENT: Mapping[str, Rule] = {
    "price": number, "quantity": whole, "content_id": text, "content_category": text, "content_name": text, "brand": text,
}  # fmt: skip


@dataclass(slots=True)
class Read:
    """One event as it was understood. `problem` is `path: why`, empty if there is none."""

    event: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    ignored: list[str] = field(default_factory=list)
    """Paths of the fields that have no effect."""


class Rules:
    def __init__(self, switches: Mapping[str, Any]) -> None:
        self.switches = switches
        self.hashed = (*HASHED, *HASHED_NAMES) if switches["hashed_names"] else HASHED
        currencies = switches["currencies"]
        user: dict[str, Rule] = dict.fromkeys((
            "ttclid", "ttp", "ip", "user_agent", "locale", "idfa", "idfv", "gaid", "att_status", "city", "state", "country",
        ), text)  # fmt: skip
        user |= {name: hashed if name in self.hashed else text for name in HASHED_NAMES}
        user |= {name: OneOrMore(hashed) for name in HASHED}
        self.event: Mapping[str, Rule] = {
            "event": text, "event_time": whole, "event_id": text, "user": user,
            "properties": {
                "contents": [CONTENT], "content_ids": [text], "content_type": among("product", "product_group"),
                "currency": among(*currencies) if currencies else _currency, "value": number, "num_items": whole,
                "search_string": text, "query": text, "description": text, "order_id": text, "shop_id": text,
                "customer_type": among("new", "returning"), "delivery_category": text, "predicted_ltv": number,
            },
            "page": {"url": text, "referrer": text}, "app": anything, "ad": anything, "limited_data_use": flag,
            "lead": {"lead_id": digits, "lead_event_source": text},
        }  # fmt: skip

    def read(self, event: Any, kind: str, where: str) -> Read:
        """`kind` is the event source, `where` the path of the event in its request."""
        out = Read()
        if not isinstance(event, dict):
            out.problem = f"{where}: Not a valid object"
            return out
        out.event = self._fitting(self.event, event, "", kind, out.ignored)
        if self.switches["raw_pii"] == "ignore":
            self._without_raw(out)
        out.problem = self._lacking(out.event, kind, where) or problem(self.event, out.event, where)
        out.problem = out.problem or self._named(out.event, kind, where)
        return out

    def _fitting(self, rule: Any, value: Any, path: str, kind: str, ignored: list[str]) -> Any:
        """`value` without the fields that have no effect."""
        if isinstance(rule, list) and isinstance(value, list):
            return [self._fitting(rule[0], v, path, kind, ignored) for v in value]
        if not isinstance(rule, Mapping) or not isinstance(value, dict):
            return value
        out = {}
        for name, inner in value.items():
            at = f"{path}.{name}" if path else name
            if name not in rule or kind not in ONLY_IN.get(at, (kind,)):
                ignored.append(at)
            else:
                out[name] = self._fitting(rule[name], inner, at, kind, ignored)
        return out

    def _without_raw(self, read: Read) -> None:
        user = read.event.get("user")
        if not isinstance(user, dict):
            return
        for name in user.keys() & set(self.hashed):
            given = user[name] if isinstance(user[name], list) else [user[name]]
            good = [v for v in given if not hashed(v)]
            if len(good) < len(given):
                read.ignored.append(f"user.{name} (not hashed)")
                user[name] = good
                if not good:
                    del user[name]

    def _lacking(self, event: dict[str, Any], kind: str, where: str) -> str:
        for name in ("event", "event_time"):
            if event.get(name) in (None, ""):
                return f"{where}.{name}: {MISSING}"
        if kind == "web" and self.switches["web_needs_url"] and not _inner(event, "page", "url"):
            return f"{where}.page.url: {MISSING}"
        if kind == "crm" and not _inner(event, "lead", "lead_id"):
            known = any(_inner(event, "user", n) for n in ("email", "phone"))
            if self.switches["crm_needs_lead_id"] or not known:
                return f"{where}.lead.lead_id: {MISSING}"
        return ""

    def _named(self, event: dict[str, Any], kind: str, where: str) -> str:
        is_standard = current(event["event"]) in STANDARD
        if kind == "offline" and not is_standard:
            return f"{where}.event: Must be one of: {', '.join(sorted(STANDARD))}"
        if kind == "crm" and is_standard and not self.switches["crm_standard_events"]:
            return f"{where}.event: Must be a custom event"
        return ""


def problem(rule: Rule, value: Any, where: str) -> str:
    """The first thing that is wrong with `value`, as `path: why`; empty if nothing is."""
    if isinstance(rule, OneOrMore):
        rule = [rule.of] if isinstance(value, list) else rule.of
    if isinstance(rule, list):
        if not isinstance(value, list):
            return f"{where}: Not a valid list"
        inner = ((rule[0], v, str(n)) for n, v in enumerate(value))
    elif isinstance(rule, Mapping):
        if not isinstance(value, dict):
            return f"{where}: Not a valid object"
        inner = ((r, value[name], name) for name, r in rule.items() if name in value)
    else:
        why = rule(value)
        return f"{where}: {why}" if why else ""
    return next((wrong for r, v, at in inner if (wrong := problem(r, v, f"{where}.{at}"))), "")


def _currency(value: Any) -> str:
    return "" if isinstance(value, str) and CURRENCY.fullmatch(value) else "Not a valid currency"


def _inner(event: dict[str, Any], part: str, name: str) -> Any:
    value = event.get(part)
    return value.get(name) if isinstance(value, dict) else None


__all__ = ["Read", "Rules", "problem"]
