"""One dataset: what it would count, and what it would not count a second time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from stagebridge_meta.sandbox.people import Match
from stagebridge_meta.sandbox.rules import DAY, many

REMEMBERED = 2 * DAY
"""Seconds in which the same name and id are the same event [D]."""

BROWSER_FIRST = 300
"""Seconds in which the browser's event is kept, even where the server's came before it [D]."""

IN_STORE = 7 * DAY
"""Seconds in which the same purchase in a shop is the same event [D]."""

SERVER, BROWSER = "server", "browser"


@dataclass(slots=True, eq=False)
class Counted:
    """One event as it came in, and what became of it."""

    event: dict[str, Any]
    at: float
    source: str
    match: Match
    test_code: str = ""
    reason: str = ""
    """Why it does not count: `duplicate`, or `before_lead`."""

    def shown(self) -> dict[str, Any]:
        custom = self.event.get("custom_data") or {}
        out = {
            "event_name": self.event["event_name"], "event_id": self.event.get("event_id") or None,
            "event_time": int(float(self.event["event_time"])), "action_source": self.event.get("action_source"),
            "value": custom.get("value"), "currency": str(custom["currency"]).upper() if custom.get("currency") else None,
            "source": self.source, "received_at": iso(self.at), "matched": bool(self.match.by), "matched_by": list(self.match.by),
            "malformed": list(self.match.malformed), "differing": list(self.match.differing), "person": self.match.person,
            "limited_data_use": "LDU" in (self.event.get("data_processing_options") or []),
            "optimised": not self.event.get("opt_out", False), "event": self.event,
        }  # fmt: skip
        if self.test_code:
            out["test_event_code"] = self.test_code
        return out


@dataclass(slots=True)
class Dataset:
    """`ready_at`: from when on it takes events. `accounts`: the Instagram accounts of its business, None where any will do."""

    id: str
    name: str
    created: float
    ready_at: float = 0
    accounts: frozenset[str] | None = None
    received: int = 0
    last_fired: float | None = None
    counted: list[Counted] = field(default_factory=list)
    set_aside: list[Counted] = field(default_factory=list)
    tested: list[Counted] = field(default_factory=list)
    _seen: dict[tuple[str, ...], Counted] = field(default_factory=dict)

    def take(self, new: Counted) -> None:
        """Count an event, or put it aside. Whoever sent it is not told which."""
        self.received += new.source == SERVER
        self.last_fired = new.at
        if new.test_code:
            self.tested.append(new)
        if new.reason:
            self.set_aside.append(new)
            return
        keys = _keys(new)
        for key, seconds in keys:
            old = self._seen.get(key)
            if old is None or new.at - old.at > seconds:
                continue
            if key[0] == "person" and (old.source, new.source) != (BROWSER, SERVER):
                continue  # without an id, only a browser's event is recognised in a server's
            if (old.source, new.source) == (SERVER, BROWSER) and new.at - old.at <= BROWSER_FIRST:
                self.counted.remove(old)
                old.reason = "duplicate"
                self.set_aside.append(old)
                break
            new.reason = "duplicate"
            self.set_aside.append(new)
            return
        self.counted.append(new)
        for key, _ in keys:
            self._seen[key] = new

    def state(self) -> dict[str, Any]:
        return {
            "name": self.name, "received": self.received, "counted": [c.shown() for c in self.counted], "totals": self._totals(),
            "duplicates": [c.shown() for c in self.set_aside if c.reason == "duplicate"],
            "discarded": [{**c.shown(), "reason": c.reason} for c in self.set_aside if c.reason != "duplicate"],
            "test_events": [c.shown() for c in self.tested], "matching": self._matching(),
        }  # fmt: skip

    def _totals(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for one in self.counted:
            total = out.setdefault(one.event["event_name"], {"count": 0, "matched": 0, "value": {}})
            total["count"] += 1
            total["matched"] += bool(one.match.by)
            custom = one.event.get("custom_data") or {}
            if custom.get("value") is not None and custom.get("currency"):
                money = str(custom["currency"]).upper()
                total["value"][money] = total["value"].get(money, 0) + float(custom["value"])
        return out

    def _matching(self) -> dict[str, Any]:
        matches = [c.match for c in self.counted if c.source == SERVER]
        return {
            "events": len(matches), "matched": sum(1 for m in matches if m.by), "by": _counts(m.by for m in matches),
            "malformed": _counts(m.malformed for m in matches), "differing": _counts(m.differing for m in matches),
        }  # fmt: skip


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _keys(one: Counted) -> list[tuple[tuple[str, ...], float]]:
    """By what an event is recognised, and for how many seconds. Messaging events never are [D]."""
    event, user = one.event, one.event.get("user_data") or {}
    name = event["event_name"]
    if event.get("action_source") == "business_messaging":
        return []
    keys: list[tuple[tuple[str, ...], float]] = []
    if event.get("event_id"):
        keys.append((("id", name, str(event["event_id"])), REMEMBERED))
    if one.source == BROWSER or not event.get("event_id"):
        keys += [
            (("person", name, key, str(v)), REMEMBERED)
            for key in ("fbp", "external_id")
            for v in many(user.get(key))
            if v
        ]
    if event.get("action_source") == "physical_store":
        custom = event.get("custom_data") or {}
        who = custom.get("order_id") or orjson.dumps(user, option=orjson.OPT_SORT_KEYS).decode()
        for item in _items(custom):
            keys.append((("store", name, str(event["event_time"]), item, str(who)), IN_STORE))
    return keys


def _items(custom: dict[str, Any]) -> list[str]:
    if custom.get("item_number"):
        return [str(custom["item_number"])]
    listed = [str(c.get("id")) for c in many(custom.get("contents") or []) if isinstance(c, dict)]
    return [",".join(sorted(listed or [str(i) for i in many(custom.get("content_ids") or [])]))]


def _counts(keys: Iterable[tuple[str, ...]]) -> dict[str, int]:
    return dict(sorted(Counter(k for some in keys for k in some).items()))
