"""Conversions that HubSpot records: deals that were won, each as one Purchase of its contact.

A deal is won where its pipeline says so of its stage (closed, with a probability of 1). They are found as contacts are: by frozen
windows of the search, walked by id, with values from a batch read. One deal is one Purchase, however often it is edited, reopened
and won again: its id comes from when the deal was created, not from its close date, which people edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Cursor, EventPage
from stagebridge.event import ConversionEvent, derive_id, snapshot
from stagebridge_hubspot.answers import moment
from stagebridge_hubspot.paths import DEAL_CONTACTS, DEAL_PIPELINES, DEALS
from stagebridge_hubspot.read import to_ms

if TYPE_CHECKING:
    from stagebridge_hubspot.connector import HubSpot

PAGE = 100
WON = "won"
"""The stage that ids are derived from: accounts have several that are won, and move deals between them."""


def pages(hs: HubSpot, since: Cursor | datetime | None) -> Iterator[EventPage]:
    """The window that is under way has an `end`; `after` is the last deal that was seen in it."""
    ours, theirs, lag = to_ms(hs.clock.now()), to_ms(hs.platform_now()), int(hs.lag * 1000)
    if isinstance(since, datetime):
        since = {"start": to_ms(since) + theirs - ours - lag}
    start, after = int((since or {}).get("start") or 0), str((since or {}).get("after") or "0")
    end = int((since or {}).get("end") or max(theirs - lag, start))
    stages = won_stages(hs)
    while ids := _changed(hs, stages, start, end, after) if stages else []:
        after = ids[-1]
        yield EventPage(_purchases(hs, stages, ids), {"start": start, "end": end, "after": after})
    covered = datetime.fromtimestamp((end - theirs + ours) / 1000, UTC)
    yield EventPage([], {"start": max(start, end - lag)}, covered)


def won_stages(hs: HubSpot) -> list[str]:
    found = hs.get(DEAL_PIPELINES[hs.settings.api], {}).get("results") or []
    return [
        str(stage["id"])
        for pipeline in found
        for stage in pipeline.get("stages") or []
        if _number((stage.get("metadata") or {}).get("probability")) == 1
        and str((stage.get("metadata") or {}).get("isClosed", "true")).lower() == "true"
    ]


def _changed(hs: HubSpot, stages: Sequence[str], start: int, end: int, after: str) -> list[str]:
    filters = [
        {"propertyName": "dealstage", "operator": "IN", "values": list(stages)},
        {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": str(start)},
        {"propertyName": "hs_lastmodifieddate", "operator": "LT", "value": str(end)},
        {"propertyName": "hs_object_id", "operator": "GT", "value": after},
    ]
    body = {
        "filterGroups": [{"filters": filters}], "properties": ["hs_object_id"], "limit": PAGE,
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
    }  # fmt: skip
    found = hs.post(f"{DEALS[hs.settings.api]}/search", body, endpoint="search")
    return sorted((str(r["id"]) for r in found.get("results") or []), key=int)


def _purchases(hs: HubSpot, stages: Sequence[str], ids: Sequence[str]) -> list[ConversionEvent]:
    entered = [f"hs_v2_date_entered_{s}" for s in stages]
    names = ["amount", "deal_currency_code", "dealstage", "createdate", "closedate", *entered]
    inputs = [{"id": i} for i in ids]
    rows = hs.post(f"{DEALS[hs.settings.api]}/batch/read", {"properties": names, "inputs": inputs}).get("results") or []
    buyers = _buyers(hs, inputs)
    people = hs.fetch("contacts", sorted(set(buyers.values()), key=int))
    out = []
    for row in sorted(rows, key=lambda r: int(r["id"])):
        deal, record = row.get("properties") or {}, people.get(buyers.get(str(row["id"]), ""))
        created = moment(deal.get("createdate") or row.get("createdAt"))
        if deal.get("dealstage") not in stages or record is None or record.deleted or created is None:
            continue  # moved on since the index saw it, or nobody's: it comes when it is next changed
        assert hs.mapping is not None
        values = hs.mapping.read(record.data)
        # of several stages that are won the first one entered: moving on between them is no other sale
        times = [at for n in entered if (at := moment(deal.get(n))) is not None]
        out.append(ConversionEvent(
            id=str(derive_id(hs.connection, "deals", str(row["id"]), WON, created)), name="Purchase",
            at=min(times) if times else moment(deal.get("closedate")) or created, key=values.get("external_id"),
            order_id=str(row["id"]), channel="crm", raw=dict(deal), **_money(hs, deal), **snapshot(values),
        ))  # fmt: skip
    return out


def _buyers(hs: HubSpot, inputs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """{deal: its contact}; of several the one who has been there longest, for HubSpot knows no first one."""
    found = hs.post(DEAL_CONTACTS[hs.settings.api], {"inputs": list(inputs)}).get("results") or []
    return {
        str(r["from"]["id"]): min((str(t["toObjectId"]) for t in r.get("to") or []), key=int)
        for r in found
        if r.get("to")
    }


def _money(hs: HubSpot, deal: Mapping[str, Any]) -> dict[str, Any]:
    """Without a currency of its own a deal is in the account's. One without an amount is a Purchase without a value."""
    amount, currency = (
        _number(deal.get("amount")),
        deal.get("deal_currency_code") or hs.account().get("companyCurrency"),
    )
    if amount is None or amount < 0 or not currency:
        return {}
    return {"value": amount, "currency": str(currency).upper()}


def _number(text: Any) -> Decimal | None:
    try:
        found = Decimal(str(text))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


__all__ = ["pages", "won_stages"]
