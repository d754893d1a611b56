"""CRM event sets: made and listed for one advertiser. The paths are TikTok's, the fields a third party's [3]."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_tiktok.sandbox.account import Account, Refusal
from stagebridge_tiktok.sandbox.door import Door
from stagebridge_tiktok.sandbox.rules import MISSING
from stagebridge_tiktok.sandbox.subscriptions import one_page


def create(account: Account, door: Door, call: Call) -> Answer:
    body = account.body(call)
    _advertiser(account, body.get("advertiser_id"))
    if not body.get("name"):
        raise Refusal(40002, f"name: {MISSING}")
    made = account.add_source(account.id(), "crm", str(body["name"]))
    return account.answer(data={"event_set_id": made.id, "name": made.name})


def listing(account: Account, door: Door, call: Call) -> Answer:
    _advertiser(account, call.query.get("advertiser_id"))
    shown = [
        {
            "event_set_id": s.id,
            "name": s.name,
            "advertiser_id": account.switches["advertiser_id"],
            "create_time": s.created,
        }
        for s in account.sources.values()
        if s.kind == "crm"
    ]
    return account.answer(data={"list": shown, "page_info": one_page(len(shown))})


def _advertiser(account: Account, given: Any) -> None:
    if not given:
        raise Refusal(40002, f"advertiser_id: {MISSING}")
    if str(given) != account.switches["advertiser_id"]:
        raise Refusal(40001)


__all__ = ["create", "listing"]
