"""Every path of every API version, in one table: where it leads, and what limits it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox import (
    around,
    associations,
    batches,
    consent,
    contacts,
    deals,
    events,
    oauth,
    schema,
    search,
)

Handler = Callable[..., Answer]
"""Called with the account, the call, and the variable parts of the path."""

DATED = r"(?:2026-03|2026-09)"
CONTACTS = r"(?:contacts?|0-1)"
DEALS = r"(?:deals?|0-3)"

FAMILIES: dict[str, tuple[str, ...]] = {
    "associations/batch": (rf"/crm/(?:v4/associations|associations/{DATED})/{CONTACTS}/([^/]+)/batch",),
    "associations": (rf"/crm/(?:v4/objects|objects/{DATED})/{CONTACTS}/([^/]+)/associations",),
    "contacts": (rf"/crm/(?:v3/objects|objects/{DATED})/{CONTACTS}",),
    "deals": (rf"/crm/(?:v3/objects|objects/{DATED})/{DEALS}",),
    "deals/pipelines": (rf"/crm/(?:v3/pipelines|pipelines/{DATED})/{DEALS}",),
    "deals/associations": (rf"/crm/(?:v4/associations|associations/{DATED})/{DEALS}/([^/]+)/batch",),
    "properties": (rf"/crm/(?:v3/properties|properties/{DATED})/{CONTACTS}",),
    "pipelines": (rf"/crm/(?:v3/pipelines|pipelines/{DATED})/{CONTACTS}",),
    "owners": (rf"/crm/(?:v3/owners|owners/{DATED})",),
    "account": (rf"/account-info/(?:v3|{DATED})",),
    "oauth": (rf"/oauth/(?:v3|{DATED})",),
    "consent/v3": (r"/communication-preferences/v3",),
    "consent": (rf"/communication-preferences/(?:v4|{DATED})",),
    "events": (r"/events/(?:v3|2026-03)/send", r"/events/custom/2026-09/send"),
    "occurrences": (r"/events/v3/events", rf"/events/event-occurrences/{DATED}"),
}
"""Prefixes of the path, across versions. What they catch comes first among the variable parts. /oauth/v1 is not there: it
ends in February 2027."""

ROUTES: list[tuple[str, str, str, Handler]] = [
    ("GET", "contacts", "", contacts.listing),
    ("POST", "contacts", "", contacts.create),
    ("POST", "contacts", "/search", search.search),
    ("POST", "contacts", "/merge", contacts.merge),
    ("POST", "contacts", "/gdpr-delete", contacts.erase),
    ("POST", "contacts", "/batch/read", batches.read),
    ("POST", "contacts", "/batch/create", batches.create),
    ("POST", "contacts", "/batch/update", batches.update),
    ("POST", "contacts", "/batch/upsert", batches.upsert),
    ("POST", "contacts", "/batch/archive", batches.archive),
    ("GET", "contacts", "/{id}", contacts.get),
    ("PATCH", "contacts", "/{id}", contacts.change),
    ("DELETE", "contacts", "/{id}", contacts.delete),
    ("POST", "deals", "/search", deals.search),
    ("POST", "deals", "/batch/read", deals.read),
    ("GET", "deals/pipelines", "", deals.pipelines),
    ("POST", "deals/associations", "/read", deals.contacts),
    ("GET", "properties", "", schema.listing),
    ("POST", "properties", "", schema.create),
    ("GET", "properties", "/groups", schema.groups),
    ("POST", "properties", "/groups", schema.create_group),
    ("POST", "properties", "/batch/create", schema.batch_create),
    ("POST", "properties", "/batch/read", schema.batch_read),
    ("POST", "properties", "/batch/archive", schema.batch_archive),
    ("GET", "properties", "/{name}", schema.get),
    ("PATCH", "properties", "/{name}", schema.change),
    ("DELETE", "properties", "/{name}", schema.archive),
    ("GET", "pipelines", "", around.pipelines),
    ("GET", "pipelines", "/{id}", around.pipeline),
    ("GET", "pipelines", "/{id}/stages", around.stages),
    ("GET", "owners", "", around.owners),
    ("GET", "owners", "/{id}", around.owner),
    ("GET", "account", "/details", around.details),
    ("GET", "account", "/api-usage/daily/private-apps", around.usage),
    ("POST", "oauth", "/token", oauth.token),
    ("POST", "oauth", "/token/introspect", oauth.introspect),
    ("POST", "oauth", "/token/revoke", oauth.revoke),
    ("GET", "consent", "/definitions", consent.definitions),
    ("POST", "consent", "/statuses/batch/read", consent.batch_read),
    ("POST", "consent", "/statuses/batch/write", consent.batch_write),
    ("POST", "consent", "/statuses/batch/unsubscribe-all", consent.batch_unsubscribe_all),
    ("POST", "consent", "/statuses/batch/unsubscribe-all/read", consent.batch_wide_status),
    ("GET", "consent", "/statuses/{email}", consent.statuses),
    ("POST", "consent", "/statuses/{email}", consent.write),
    ("GET", "consent", "/statuses/{email}/unsubscribe-all", consent.wide_status),
    ("POST", "consent", "/statuses/{email}/unsubscribe-all", consent.unsubscribe_all),
    ("GET", "consent/v3", "/definitions", consent.v3_definitions),
    ("GET", "consent/v3", "/status/email/{email}", consent.v3_statuses),
    ("POST", "consent/v3", "/subscribe", consent.v3_subscribe),
    ("POST", "consent/v3", "/unsubscribe", consent.v3_unsubscribe),
    ("POST", "events", "", events.send),
    ("POST", "events", "/batch", events.send_batch),
    ("GET", "occurrences", "", events.occurrences),
    ("GET", "occurrences", "/event-types", events.types),
    ("GET", "associations", "/{to}", associations.listing),
    ("PUT", "associations", "/default/{to}/{other}", associations.put_default),
    ("PUT", "associations", "/{to}/{other}", associations.put),
    ("DELETE", "associations", "/{to}/{other}", associations.delete),
    ("POST", "associations/batch", "/read", associations.batch_read),
    ("POST", "associations/batch", "/create", associations.batch_create),
    ("POST", "associations/batch", "/associate/default", associations.batch_default),
    ("POST", "associations/batch", "/archive", associations.batch_archive),
]

ENDPOINTS = {
    "contacts/search": "search", "deals/search": "search", "deals/associations/read": "associations", "events": "events", "events/batch": "events", "associations/batch/read": "associations",
    "associations/batch/create": "associations", "associations/batch/associate/default": "associations",
    "associations/batch/archive": "associations",
}  # fmt: skip
"""Classes of endpoints with limits of their own; all others are `default`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request leads."""

    family: str
    route: str
    handler: Handler | None
    """None where the path exists, but not with this method."""
    parts: tuple[str, ...]
    endpoint: str
    reads: bool


_PREFIXES = [(name, re.compile(rf"{p}(?=/|\Z)")) for name, prefixes in FAMILIES.items() for p in prefixes]
_ROUTES = [
    (method, family, template, re.compile(re.sub(r"\{\w+\}", "([^/]+)", template) + r"/?\Z"), handler)
    for method, family, template, handler in ROUTES
]


def place(call: Call) -> Place | None:
    """None for a path that no version knows."""
    for family, prefix in _PREFIXES:
        begun = prefix.match(call.path)
        if begun is None:
            continue
        found: Place | None = None
        for method, of, template, pattern, handler in _ROUTES:
            rest = pattern.match(call.path[begun.end() :]) if of == family else None
            if rest is None:
                continue
            route = family + template
            reads = method == "GET" or route.endswith(("/search", "/read"))
            parts = tuple(unquote(p) for p in (*begun.groups(), *rest.groups()))
            hit = Place(family, route, handler, parts, ENDPOINTS.get(route, "default"), reads)
            if method == call.method:
                return hit
            found = found or Place(family, route, None, parts, hit.endpoint, reads)
        if found is not None:
            return found
    return None


__all__ = ["ROUTES", "Handler", "Place", "place"]
