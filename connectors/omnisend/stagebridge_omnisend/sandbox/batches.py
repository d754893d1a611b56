"""Batches: up to 100 items of one kind, worked off in the background, each with a result of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from stagebridge.sandbox import Answer, Call, Fault
from stagebridge_omnisend.sandbox import contacts, events
from stagebridge_omnisend.sandbox.account import Account
from stagebridge_omnisend.sandbox.forms import Errors
from stagebridge_omnisend.sandbox.listing import number
from stagebridge_omnisend.sandbox.times import iso

MOST = 100
KEPT = 7 * 86_400_000
"""Milliseconds that a batch can be looked at."""

ENDPOINTS = ("contacts", "events")
"""Those that this stand-in works off; `products` and `categories` are not here."""

STATUSES = ("pending", "inProgress", "finished", "stopped")
PAGE, LARGEST = 100, 250


@dataclass(slots=True)
class Batch:
    id: str
    endpoint: str
    items: list[Any]
    created: int
    started: int
    ended: int
    results: list[dict[str, Any]] = field(default_factory=list)

    def status(self, now: int) -> str:
        return "pending" if now < self.started else "inProgress" if len(self.results) < len(self.items) else "finished"

    def shown(self, now: int, *, items: bool = False) -> dict[str, Any]:
        """`finished` says nothing of success: see `errorsCount`."""
        status = self.status(now)
        errors = [r for r in self.results if r["responseCode"] >= 400]
        out: dict[str, Any] = {
            "batchID": self.id, "status": status, "method": "POST", "endpoint": self.endpoint, "totalCount": len(self.items),
            "finishedCount": len(self.results), "errorsCount": len(errors), "createdAt": iso(self.created),
        }  # fmt: skip
        if status != "pending":
            out["startedAt"] = iso(self.started)
        if status == "finished":
            out["endedAt"] = iso(self.ended)
        if items:
            out |= {"errors": errors, "responses": [r for r in self.results if r["responseCode"] < 400]}
        return out


def create(account: Account, call: Call) -> Answer:
    body, errors = account.body(call), Errors()
    if body.get("method") != "POST":
        errors.add("method", "invalid_value" if body.get("method") else "required", "Must be POST for these endpoints")
    if body.get("endpoint") not in ENDPOINTS:
        errors.add("endpoint", "invalid_value", f"Must be one of: {', '.join(ENDPOINTS)}")
    items = body.get("items") or []
    if errors.kind("items", items, list, "an array") and not 1 <= len(items) <= MOST:
        errors.add("items", "out_of_range", f"Must have 1 to {MOST} items")
    if errors:
        return account.invalid(errors)
    call.records = len(items)
    now, seconds = account.now, float(account.switches["batch_seconds"])
    started, ended = now + int(seconds * 500), now + int(seconds * 1000)
    batch = Batch(f"{account.kit.random.getrandbits(96):024x}", body["endpoint"], items, now, started, ended)
    account.batches[batch.id] = batch
    for n in range(len(items)):
        account.later(started + (ended - started) * (n + 1) // len(items), _step(account, batch, n, list(call.faults)))
    account.settle()
    return Answer(201, {"batchID": batch.id, "totalCount": len(items)})


def _step(account: Account, batch: Batch, n: int, faults: Sequence[Fault]) -> Any:
    def run(at: int) -> None:
        item = batch.items[n]
        if any(f.kind == "partial_batch" for f in faults) and n % 2:
            answer = account.problem(500)
        elif batch.endpoint == "contacts":
            answer = contacts.upsert(account, item, faults, at)
        else:
            answer = events.accept(account, item, at)
        item_id = str(n + 1) if account.switches["item_ids"] == "position" else _id(account)
        batch.results.append({
            "itemID": item_id, "request": item, "responseCode": answer.status, "response": answer.body, "status": "finished",
        })  # fmt: skip
        if len(batch.results) == len(batch.items):
            account.kit.random.shuffle(batch.results)

    return run


def _id(account: Account) -> str:
    return f"{account.kit.random.getrandbits(96):024x}"


def kept(account: Account) -> list[Batch]:
    return [b for b in account.batches.values() if account.now - b.created <= KEPT]


def get(account: Account, call: Call, id_: str) -> Answer:
    return _one(account, id_, items=False)


def items(account: Account, call: Call, id_: str) -> Answer:
    return _one(account, id_, items=True)


def _one(account: Account, id_: str, *, items: bool) -> Answer:
    found = next((b for b in kept(account) if b.id == id_), None)
    if found is None:
        return account.problem(404, "Batch not found.")
    return Answer(200, found.shown(account.now, items=items))


def listing(account: Account, call: Call) -> Answer:
    errors, now = Errors(), account.now
    endpoint, status = call.query.get("endpoint", ""), call.query.get("status", "")
    if endpoint not in ("products", *ENDPOINTS):
        code = "invalid_value" if endpoint else "required"
        errors.add("endpoint", code, "Must be one of: products, contacts, events")
    if status and status not in STATUSES:
        errors.add("status", "invalid_value", f"Must be one of: {', '.join(STATUSES)}")
    days = {n: _day(call.query.get(n, ""), n, errors) for n in ("dateFrom", "dateTo")}
    limit, offset = number(call, "limit", PAGE, LARGEST, errors), number(call, "offset", 0, None, errors)
    if errors:
        return account.invalid(errors)
    found = [
        b for b in kept(account)
        if b.endpoint == endpoint and status in ("", b.status(now))
        and (days["dateFrom"] or "") <= iso(b.created)[:10] <= (days["dateTo"] or "9999")
    ]  # fmt: skip
    paging: dict[str, Any] = {"limit": limit, "offset": offset}
    for name, at, there in (
        ("previous", offset - limit, offset > 0),
        ("next", offset + limit, offset + limit < len(found)),
    ):
        if there:
            link = f"https://api.omnisend.com/api/batches?endpoint={endpoint}&limit={limit}&offset={max(0, at)}"
            paging[name] = link
    return Answer(200, {"batches": [b.shown(now) for b in found[offset : offset + limit]], "paging": paging})


def _day(text: str, name: str, errors: Errors) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        errors.add(name, "invalid_format", "Must be in yyyy-mm-dd format")
        return ""


__all__ = ["Batch", "create", "get", "items", "kept", "listing"]
