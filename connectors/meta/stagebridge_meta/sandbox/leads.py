"""Lead ads: a page's forms, their leads page by page, and one lead by the id that a webhook named."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from stagebridge.sandbox import Answer, Call
from stagebridge_meta.sandbox.account import Account, Lead, Page
from stagebridge_meta.sandbox.door import Token
from stagebridge_meta.sandbox.errors import GraphError, unknown_object
from stagebridge_meta.sandbox.nodes import chosen, form_values, lead_values, shown
from stagebridge_meta.sandbox.params import Params

USUAL = 25
"""Rows of a page where no limit is asked for."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "GREATER_THAN": lambda a, b: a > b,
    "GREATER_THAN_OR_EQUAL": lambda a, b: a >= b,
    "LESS_THAN": lambda a, b: a < b,
    "LESS_THAN_OR_EQUAL": lambda a, b: a <= b,
    "EQUAL": lambda a, b: a == b,
}

Row = TypeVar("Row")


def one(account: Account, token: Token, params: Params, lead: Lead, method: str) -> Answer:
    """GET or DELETE /{lead}. Raises `GraphError`; a lead that is too old is as unknown as one that never was."""
    account.door.needs(token, "leads_retrieval", writes=method == "DELETE")
    page = account.forms[lead.form].page
    account.door.count_leads(page, account.leads_of(page))
    if lead not in account.live_leads():
        raise unknown_object(method, lead.id)
    if method == "DELETE":
        del account.leads[lead.id]
        return Answer(200, {"success": True})
    return Answer(200, shown(lead_values(lead), chosen(params, "Lead")))


def forms(account: Account, call: Call, token: Token, params: Params, page: Page) -> Answer:
    account.door.needs(token, "leads_retrieval", writes=False)
    rows = sorted((f for f in account.forms.values() if f.page == page.id), key=lambda f: (-f.created, -int(f.id)))
    fields = chosen(params, "LeadgenData")
    body = _page(account, call, params, rows, lambda f: (-f.created, -int(f.id)))
    return Answer(200, {**body, "data": [shown(form_values(account, f), fields) for f in body["data"]]})


def listing(account: Account, call: Call, token: Token, params: Params, id_: str) -> Answer:
    """GET /{form or ad}/leads, newest first. Raises `GraphError`."""
    account.door.needs(token, "leads_retrieval", writes=False)
    rows = [lead for lead in account.live_leads() if id_ in (lead.form, lead.ad)]
    if id_ not in account.forms and not any(lead.ad == id_ for lead in account.leads.values()):
        raise unknown_object(call.method, id_)
    page = next((f.page for f in account.forms.values() if f.id == id_ or any(r.form == f.id for r in rows)), "")
    account.door.count_leads(page, account.leads_of(page))
    for wanted in params.array("filtering"):
        rows = [lead for lead in rows if _passes(wanted, lead)]
    fields = chosen(params, "Lead")
    body = _page(account, call, params, rows, lambda lead: lead.order)
    call.records = len(body["data"])
    return Answer(200, {**body, "data": [shown(lead_values(lead), fields) for lead in body["data"]]})


def _passes(wanted: Any, lead: Lead) -> bool:
    if not isinstance(wanted, dict) or wanted.get("field") != "time_created" or wanted.get("operator") not in OPERATORS:
        raise GraphError(100, "(#100) Filtering field or operator is not supported.", blame=("filtering",))
    value = wanted.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GraphError(100, "(#100) Filtering value must be a number.", blame=("filtering",))
    return OPERATORS[wanted["operator"]](lead.created, value)


def _page(
    account: Account, call: Call, params: Params, rows: Sequence[Row], order: Callable[[Row], tuple[float, int]]
) -> dict[str, Any]:  # fmt: skip
    """Rows after (or before) a cursor. A cursor names a place in the order, so what comes or goes meanwhile does not
    shift it."""
    limit = min(params.number("limit", USUAL), int(account.switches["page_rows"])) or USUAL
    after, before = _place(params.text("after")), _place(params.text("before"))
    left = [r for r in rows if after is None or order(r) > after]
    if before is not None:
        left = [r for r in left if order(r) < before][-limit:]
    taken = left[:limit]
    if not taken:
        return {"data": []}
    cursors = {"before": _cursor(order(taken[0])), "after": _cursor(order(taken[-1]))}
    paging: dict[str, Any] = {"cursors": cursors}
    if order(taken[-1]) < order(rows[-1]):
        paging["next"] = _url(account, call, {"after": cursors["after"]})
    if order(taken[0]) > order(rows[0]):
        paging["previous"] = _url(account, call, {"before": cursors["before"]})
    return {"data": taken, "paging": paging}


def _url(account: Account, call: Call, place: dict[str, str]) -> str:
    kept = {k: v for k, v in call.query.items() if k not in ("after", "before", "access_token", "appsecret_proof")}
    if account.switches["next_has_token"]:
        kept["access_token"] = call.query.get("access_token") or call.headers.get("authorization", "").partition(" ")[2]
    return f"http://{call.headers.get('host', '')}{call.path}?{urlencode({**kept, **place})}"


def _cursor(order: tuple[float, int]) -> str:
    return base64.urlsafe_b64encode(f"{order[0]!r}:{order[1]}".encode()).decode()


def _place(cursor: str) -> tuple[float, int] | None:
    if not cursor:
        return None
    try:
        created, _, id_ = base64.urlsafe_b64decode(cursor).decode().partition(":")
        return float(created), int(id_)
    except (ValueError, binascii.Error):
        raise GraphError(100, "(#100) Invalid cursor value.", blame=("after",)) from None
