"""Conversions that Salesforce records: Opportunities that were won, each as one Purchase of its contact.

They are found by the contact roles, because one that is added after the Opportunity was won changes nothing at the Opportunity
itself. One Opportunity is one Purchase, however often it is edited, reopened and won again: its id comes from when the
Opportunity was created, not from its close date, which people edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Cursor, EventPage
from stagebridge.errors import ConfigError
from stagebridge.event import ConversionEvent, derive_id, snapshot
from stagebridge_salesforce.read import every, soql_time

if TYPE_CHECKING:
    from stagebridge_salesforce.connector import Salesforce

PAGE = 200
WON = "won"
"""The stage that ids are derived from: organisations have several that are won, and move Opportunities between them."""


def pages(sf: Salesforce, since: Cursor | datetime | None) -> Iterator[EventPage]:
    """A pass goes back as far as reads of people do, for rows that are committed late; one that breaks off begins anew."""
    began = sf.clock.now() + timedelta(seconds=sf.skew)
    stamp = since.isoformat() if isinstance(since, datetime) else (since or {}).get("stamp")
    where = "Opportunity.IsWon = true"
    if stamp is not None:
        at = soql_time(datetime.fromisoformat(stamp))
        where += f" AND (SystemModstamp >= {at} OR Opportunity.SystemModstamp >= {at})"
    found = every(sf, f"SELECT OpportunityId FROM OpportunityContactRole WHERE {where}", deleted=False)
    ids = list(dict.fromkeys(str(r["OpportunityId"]) for r in found))
    for start in range(0, len(ids), PAGE):
        yield EventPage(_purchases(sf, ids[start : start + PAGE]), {"stamp": stamp})
    again = began - timedelta(seconds=sf.settings.overlap)
    yield EventPage([], {"stamp": again.isoformat()}, began - timedelta(seconds=sf.skew + sf.lag))


def _purchases(sf: Salesforce, ids: Sequence[str]) -> list[ConversionEvent]:
    several = any(f["name"] == "CurrencyIsoCode" for f in sf.describe("Opportunity"))
    listed = ", ".join(f"'{i}'" for i in ids)
    fields = ["Id", "Amount", "StageName", "CreatedDate", *(["CurrencyIsoCode"] if several else [])]
    deals = every(
        sf, f"SELECT {', '.join(fields)} FROM Opportunity WHERE IsWon = true AND Id IN ({listed})", deleted=False
    )
    buyers = _buyers(sf, listed)
    won = _won_at(sf, listed)
    people = sf.fetch("Contact", list(dict.fromkeys(buyers.values())))
    out = []
    for deal in deals:
        record = people.get(buyers.get(deal["Id"], ""))
        if record is None or record.deleted:
            continue  # he comes with the pass after the role of another contact
        assert sf.mapping is not None
        values = sf.mapping.read(record.data, "Contact")
        created = datetime.fromisoformat(deal["CreatedDate"])
        out.append(ConversionEvent(
            id=str(derive_id(sf.connection, "Opportunity", deal["Id"], WON, created)), name="Purchase",
            at=won.get(deal["Id"], created), key=values.get("external_id"), order_id=deal["Id"], channel="crm",
            raw={k: v for k, v in deal.items() if k != "attributes"}, **_money(sf, deal), **snapshot(values),
        ))  # fmt: skip
    return out


def _money(sf: Salesforce, deal: dict[str, Any]) -> dict[str, Any]:
    """An Opportunity without an amount is a Purchase without a value."""
    if deal.get("Amount") is None or deal["Amount"] < 0:
        return {}
    currency = deal.get("CurrencyIsoCode") or sf.settings.currency
    if currency is None:
        raise ConfigError(
            "the amounts of this Salesforce organisation have one currency, which its API does not say",
            hint="Write it at the connection, for example `currency: EUR`.", code="SB-SALESFORCE-CURRENCY",
        )  # fmt: skip
    return {"value": Decimal(str(deal["Amount"])), "currency": currency}


def _buyers(sf: Salesforce, listed: str) -> dict[str, str]:
    """{Opportunity: the contact with the primary role, else the one who was named first}."""
    soql = (
        f"SELECT OpportunityId, ContactId, IsPrimary FROM OpportunityContactRole WHERE OpportunityId IN ({listed}) "
        "ORDER BY CreatedDate, Id"
    )
    out: dict[str, str] = {}
    for role in every(sf, soql, deleted=False):
        if role["IsPrimary"] or role["OpportunityId"] not in out:
            out[role["OpportunityId"]] = role["ContactId"]
    return out


def _won_at(sf: Salesforce, listed: str) -> dict[str, datetime]:
    """{Opportunity: when it came to where it is won now}, from the history, which nobody can edit."""
    stages = {
        str(r["ApiName"]) for r in every(sf, "SELECT ApiName FROM OpportunityStage WHERE IsWon = true", deleted=False)
    }
    soql = (
        f"SELECT OpportunityId, StageName, CreatedDate FROM OpportunityHistory WHERE OpportunityId IN ({listed}) "
        "ORDER BY CreatedDate, Id"
    )
    out: dict[str, datetime] = {}
    for row in every(sf, soql, deleted=False):
        if row["StageName"] in stages:
            out.setdefault(row["OpportunityId"], datetime.fromisoformat(row["CreatedDate"]))
        else:
            out.pop(row["OpportunityId"], None)
    return out


__all__ = ["pages"]
