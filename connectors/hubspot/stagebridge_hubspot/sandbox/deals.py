"""Deals: put in and edited by people, read and searched through the API, which writes none here.

That a stage is won is said by its pipeline (closed, probability 1); names of stages and properties other than those of stage
dates are from other people's accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox.properties import definition
from stagebridge_hubspot.sandbox.values import iso, stored, text

if TYPE_CHECKING:
    from stagebridge_hubspot.sandbox.account import Account

STAGES = [
    ("appointmentscheduled", "Appointment Scheduled", "0.2"), ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"), ("closedlost", "Closed Lost", "0.0"),
]  # fmt: skip
"""(id, label, probability)."""
DEFAULTS = (
    "amount",
    "closedate",
    "createdate",
    "dealname",
    "dealstage",
    "hs_lastmodifieddate",
    "hs_object_id",
    "pipeline",
)
MOST_READ, MOST_ASSOCIATED = 100, 1000
TO_CONTACT = 3


@dataclass(slots=True)
class Deal:
    id: str
    props: dict[str, str]
    contacts: list[str] = field(default_factory=list)
    snaps: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """(since, values): what the index may still be showing."""


class Deals:
    def __init__(self, first_id: int) -> None:
        self.held: dict[str, Deal] = {}
        self.next_id = first_id
        plain = [("dealname", "string"), ("pipeline", "string"), ("amount", "number"), ("closedate", "datetime")]
        plain += [("createdate", "datetime"), ("hs_lastmodifieddate", "datetime"), ("hs_object_id", "number")]
        plain += [("deal_currency_code", "string"), *((f"hs_v2_date_entered_{s}", "datetime") for s, _, _ in STAGES)]
        self.properties = {n: definition(n, n, kind) for n, kind in plain}
        stages = [(s, label) for s, label, _ in STAGES]
        self.properties["dealstage"] = definition("dealstage", "Deal Stage", "enumeration", options=stages)

    def put(self, row: Mapping[str, Any], now: int) -> str:
        """A new deal, with the ids of its contacts under `contacts`."""
        deal = Deal(
            str(self.next_id), {"createdate": iso(now), "hs_object_id": str(self.next_id), "pipeline": "default"}
        )
        self.next_id += 1
        self.held[deal.id] = deal
        deal.contacts = [str(i) for i in row.get("contacts") or ()]
        self.edit(deal.id, {n: v for n, v in row.items() if n != "contacts"}, now)
        return deal.id

    def edit(self, id_: str, row: Mapping[str, Any], now: int) -> None:
        deal = self.held[id_]
        for name, value in row.items():
            if name not in self.properties:
                raise ValueError(f"a deal has no property '{name}'")
            new = stored(self.properties[name], name, text(value) or "")
            if name == "dealstage" and new != deal.props.get(name):
                deal.props[f"hs_v2_date_entered_{new}"] = iso(now)
            deal.props[name] = new
        deal.props["hs_lastmodifieddate"] = iso(now)
        deal.snaps.append((now, dict(deal.props)))


def read(account: Account, call: Call) -> Answer:
    """`batch/read` by record id."""
    inputs = account.inputs(call, MOST_READ)
    wanted = account.body(call).get("properties") or []
    ids = [str(i.get("id")) for i in inputs]
    found = [_record(account, account.deals.held[i], wanted, None) for i in ids if i in account.deals.held]
    lost = [i for i in ids if i not in account.deals.held]
    error = {
        "status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": lost},
        "message": "Could not get some DEAL objects, they may be deleted or not exist. Check that ids are valid.",
    }  # fmt: skip
    return account.complete(found, [error] if lost else [])


def search(account: Account, call: Call) -> Answer:
    from stagebridge_hubspot.sandbox.search import index_time, searched  # it looks into the account, which holds deals

    at = index_time(account)
    rows = []
    for deal in account.deals.held.values():
        props = next((p for since, p in reversed(deal.snaps) if since <= at), None)
        if props is not None:
            rows.append((deal, props))
    deals = account.deals.properties
    return searched(account, call, deals, lambda _: rows, lambda d, names, p: _record(account, d, names, p))


def pipelines(account: Account, call: Call) -> Answer:
    stages = [
        {"id": s, "label": label, "displayOrder": i, "archived": False,
         "metadata": {"isClosed": str(likely in ("1.0", "0.0")).lower(), "probability": likely}}
        for i, (s, label, likely) in enumerate(STAGES)
    ]  # fmt: skip
    return Answer(200, {"results": [{"id": "default", "label": "Sales Pipeline", "displayOrder": 0, "stages": stages}]})


def contacts(account: Account, call: Call, to: str) -> Answer:
    """The contacts of deals, an id that was merged away followed."""
    results, errors = [], []
    for row in account.inputs(call, MOST_ASSOCIATED):
        id_ = str(row.get("id"))
        there = (
            account.deals.held[id_].contacts
            if id_ in account.deals.held and to in ("contacts", "contact", "0-1")
            else []
        )
        living = [c.id for i in there if (c := account.store.get(i)) is not None]
        if living:
            kinds = [{"category": "HUBSPOT_DEFINED", "typeId": TO_CONTACT, "label": None}]
            results.append({"from": {"id": id_}, "to": [{"toObjectId": i, "associationTypes": kinds} for i in living]})
        else:
            errors.append({
                "status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                "message": f"No {to} is associated with deals {id_}.", "context": {"fromObjectId": [id_]},
            })  # fmt: skip
    return account.complete(results, errors)


def _record(account: Account, deal: Deal, names: Any, props: Mapping[str, str] | None) -> dict[str, Any]:
    values, known = deal.props if props is None else props, account.deals.properties
    shown = {n: values.get(n) or None for n in dict.fromkeys((*DEFAULTS, *names)) if n in known}
    return {
        "id": deal.id, "properties": shown, "createdAt": values["createdate"], "updatedAt": values["hs_lastmodifieddate"],
        "archived": False,
    }  # fmt: skip
