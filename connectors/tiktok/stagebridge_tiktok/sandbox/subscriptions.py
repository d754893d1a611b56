"""Subscribing to lead webhooks. The app identifies itself in the body; the token is the advertiser's, and its end is the
subscription's, without a word. The fields of the answers are a third party's [3]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_tiktok.sandbox.account import Account, Refusal
from stagebridge_tiktok.sandbox.door import Door
from stagebridge_tiktok.sandbox.leads import Lead
from stagebridge_tiktok.sandbox.rules import MISSING

LEAD_SOURCES = ("INSTANT_FORM", "DIRECT_MESSAGE")


def subscribe(account: Account, door: Door, call: Call) -> Answer:
    body = account.body(call)
    _app(account, body)
    detail = body.get("subscription_detail")
    if not isinstance(detail, dict):
        raise Refusal(40002, f"subscription_detail: {MISSING}")
    if body.get("subscribe_entity") != "LEAD":
        raise Refusal(40002, "subscribe_entity: Must be one of: LEAD")
    if not body.get("callback_url"):
        raise Refusal(40002, f"callback_url: {MISSING}")
    if detail.get("lead_source") not in LEAD_SOURCES:
        raise Refusal(40002, f"subscription_detail.lead_source: Must be one of: {', '.join(LEAD_SOURCES)}")
    door.known(str(detail.get("access_token") or ""))
    if str(detail.get("advertiser_id")) != account.switches["advertiser_id"]:
        raise Refusal(40001)
    id_ = account.id()
    account.subscriptions[id_] = {
        "subscription_id": id_, "subscribe_entity": "LEAD", "callback_url": body["callback_url"],
        "subscription_detail": detail,
    }  # fmt: skip
    return account.answer(data={"subscription_id": id_})


def listing(account: Account, door: Door, call: Call) -> Answer:
    _app(account, call.query)
    shown = [_shown(s) for s in living(account)]
    return account.answer(data={"subscriptions": shown, "page_info": one_page(len(shown))})


def unsubscribe(account: Account, door: Door, call: Call) -> Answer:
    body = account.body(call)
    _app(account, body)
    id_ = str(body.get("subscription_id") or "")
    if id_ not in account.subscriptions:
        raise Refusal(40007)
    del account.subscriptions[id_]
    return account.answer(data={"subscription_id": id_})


def living(account: Account) -> list[dict[str, Any]]:
    """The subscriptions whose token is still good."""
    return [s for s in account.subscriptions.values() if s["subscription_detail"]["access_token"] not in account.dead]


def wanted(account: Account, url: str, lead: Lead) -> bool:
    """Whether a lead is sent to `url`."""
    return not account.switches["leads_need_subscription"] or any(
        s["callback_url"] == url
        and str(s["subscription_detail"]["advertiser_id"]) == str(lead.values["advertiser_id"])
        and s["subscription_detail"]["lead_source"] == lead.values["lead_source"]
        for s in living(account)
    )


def one_page(count: int) -> dict[str, int]:
    return {"page": 1, "page_size": max(100, count), "total_number": count, "total_page": 1}


def _app(account: Account, given: Mapping[str, Any]) -> None:
    right = (account.switches["app_id"], account.switches["app_secret"])
    if (given.get("app_id"), given.get("secret")) != right:
        raise Refusal(40101)


def _shown(subscription: dict[str, Any]) -> dict[str, Any]:
    detail = {k: v for k, v in subscription["subscription_detail"].items() if k != "access_token"}
    return {**subscription, "subscription_detail": detail}


__all__ = ["listing", "living", "one_page", "subscribe", "unsubscribe", "wanted"]
