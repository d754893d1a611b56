"""What can be asked of single objects: fields, who a token is, whose dataset is whose, which apps a page tells."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from stagebridge.sandbox import Answer
from stagebridge_meta.sandbox.account import LEAD_MORE, Account, Form, Lead, Page
from stagebridge_meta.sandbox.counting import Dataset
from stagebridge_meta.sandbox.door import Token
from stagebridge_meta.sandbox.errors import GraphError, unknown_object
from stagebridge_meta.sandbox.params import Params

FIELDS: Mapping[str, frozenset[str]] = {
    "AdsPixel": frozenset(
        "id name creation_time last_fired_time is_unavailable owner_business is_created_by_business code config creator "
        "data_use_setting description enable_automatic_matching event_stats match_rate_approx owner_ad_account usage "
        "automatic_matching_fields first_party_cookie_status is_consolidated_container event_time_max event_time_min".split()
    ),
    "Page": frozenset("id name access_token category tasks about link username verification_status".split()),
    "LeadgenData": frozenset(
        "id name status locale page page_id questions created_time leads_count organic_leads_count expired_leads_count "
        "privacy_policy_url legal_content thank_you_page tracking_parameters follow_up_action_url context_card".split()
    ),
    "Lead": frozenset({"id", "created_time", "ad_id", "form_id", "field_data", "post", "retailer_item_id", "vehicle"} | LEAD_MORE),
    "User": frozenset("id name".split()),
}  # fmt: skip
"""Fields that a type has [S]; those that are not filled here are left out of answers, as empty ones are."""

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "AdsPixel": ("id", "name"),
    "Page": ("id", "name"),
    "LeadgenData": ("id", "name", "status", "locale"),
    "Lead": ("created_time", "id", "ad_id", "form_id", "field_data"),
    "User": ("id", "name"),
}
"""What comes where no fields are asked for: a lead's are documented, the others are from memory."""


# --- fields --------------------------------------------------------------------------------------------------------


def chosen(params: Params, kind: str) -> Collection[str]:
    """The fields that a request asks for. Raises `GraphError` for one that the type does not have."""
    asked = [re.split(r"[{.(]", f.strip())[0] for f in re.split(r",(?![^{]*})", params.text("fields")) if f.strip()]
    for name in asked:
        if name not in FIELDS[kind]:
            raise GraphError(100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({kind})")
    return ("id", *asked) if asked else DEFAULTS[kind]


def shown(values: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    return {name: values[name] for name in dict.fromkeys(fields) if values.get(name) not in (None, "", [])}


def stamp(at: float) -> str:
    """A time as Graph writes it: 2026-01-02T03:04:05+0000."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def dataset_values(account: Account, dataset: Dataset) -> dict[str, Any]:
    business = {"id": str(account.switches["business_id"]), "name": "Sandbox Business"}
    return {
        "id": dataset.id, "name": dataset.name, "creation_time": stamp(dataset.created), "owner_business": business,
        "last_fired_time": stamp(dataset.last_fired) if dataset.last_fired is not None else None,
        "is_unavailable": False, "is_created_by_business": True,
    }  # fmt: skip


def page_values(page: Page) -> dict[str, Any]:
    return {
        "id": page.id,
        "name": page.name,
        "access_token": page.token,
        "category": "Software",
        "tasks": ["MANAGE", "ADVERTISE"],
    }


def form_values(account: Account, form: Form) -> dict[str, Any]:
    page = account.pages[form.page]
    live = [lead for lead in account.live_leads() if lead.form == form.id]
    return {
        "locale": "en_US", **form.more, "id": form.id, "name": form.name, "status": form.status, "page_id": page.id,
        "page": {"id": page.id, "name": page.name}, "created_time": stamp(form.created), "leads_count": len(live),
    }  # fmt: skip


def lead_values(lead: Lead) -> dict[str, Any]:
    own = {
        "id": lead.id,
        "created_time": stamp(lead.created),
        "form_id": lead.form,
        "ad_id": lead.ad,
        "field_data": lead.answers,
    }
    return {**lead.more, **own}


def node(account: Account, token: Token, params: Params, id_: str) -> Answer:
    """GET /{id}. Raises `GraphError`."""
    if id_ in account.datasets:
        return Answer(200, shown(dataset_values(account, account.datasets[id_]), chosen(params, "AdsPixel")))
    if id_ in account.pages:
        return Answer(200, shown(page_values(account.pages[id_]), chosen(params, "Page")))
    if id_ in account.forms:
        account.door.needs(token, "leads_retrieval", writes=False)
        return Answer(200, shown(form_values(account, account.forms[id_]), chosen(params, "LeadgenData")))
    raise unknown_object("get", id_)


# --- whose token ---------------------------------------------------------------------------------------------------


def me(account: Account, token: Token, params: Params) -> Answer:
    """The page of a page's token, else the system user."""
    if token.page in account.pages:
        return Answer(200, shown(page_values(account.pages[token.page]), chosen(params, "Page")))
    return Answer(200, shown({"id": "122000000000001", "name": "Sandbox System User"}, chosen(params, "User")))


def my_pages(account: Account, token: Token) -> Answer:
    """With the pages' own tokens."""
    account.door.needs(token, "pages_show_list", writes=False)
    pages = [p for p in account.pages.values() if p.kind == "page"]
    return Answer(200, {"data": [shown(page_values(p), FIELDS["Page"]) for p in pages]})


def permissions(token: Token) -> Answer:
    return Answer(200, {"data": [{"permission": s, "status": "granted"} for s in sorted(token.scopes or ())]})


def debug_token(account: Account, params: Params) -> Answer:
    """What is known of `input_token`; a bad one is no error of the request."""
    text = params.text("input_token")
    if not text:
        raise GraphError(100, "(#100) The parameter input_token is required")
    asked = account.door.tokens.get(text, Token(text))
    wrong = account.door.wrong(asked)
    data: dict[str, Any] = {
        "app_id": str(account.switches["app_id"]), "application": "Sandbox App", "type": "PAGE" if asked.page else "SYSTEM_USER",
        "expires_at": int(asked.expires_at or 0), "data_access_expires_at": 0, "is_valid": wrong is None,
        "scopes": sorted(asked.scopes or ()),
    }  # fmt: skip
    if wrong is not None:
        data["error"] = {"code": wrong.code, "message": wrong.message, "subcode": wrong.subcode}
    return Answer(200, {"data": data})


# --- pages ---------------------------------------------------------------------------------------------------------


def dataset_edge(account: Account, page: Page, method: str) -> Answer:
    """POST makes a page's one dataset, or finds it. What GET says where there is none is not documented: nothing."""
    if method == "POST":
        return Answer(200, {"id": account.dataset_of(page).id})
    return Answer(200, {"id": page.dataset} if page.dataset else {})


def subscribed_apps(account: Account, token: Token, params: Params, page: Page, method: str) -> Answer:
    """Which of the page's news the app hears of."""
    door = account.door
    door.needs(token, "pages_manage_metadata", writes=method != "GET")
    if door.tokens and token.page != page.id:
        raise GraphError(210)
    if method == "POST":
        said = params.values.get("subscribed_fields", "")
        fields = said if isinstance(said, list) else [f.strip(' "[]') for f in str(said).split(",")]
        page.subscribed = sorted({str(f) for f in fields if f})
        if not page.subscribed:
            raise GraphError(100, "(#100) The parameter subscribed_fields is required.")
        return Answer(200, {"success": True})
    if method == "DELETE":
        page.subscribed = []
        return Answer(200, {"success": True})
    app = {"id": str(account.switches["app_id"]), "name": "Sandbox App", "subscribed_fields": page.subscribed}
    return Answer(200, {"data": [app] if page.subscribed else []})
