"""Every path, in one table: where it leads, and what it takes to go there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from stagebridge.sandbox import Answer, Call
from stagebridge_zendesk.sandbox import around, bulk, desk, events, exports, lists, users
from stagebridge_zendesk.sandbox.answers import API

Handler = Callable[..., Answer]
"""Called with the account, the door, the call, and the variable parts of the path."""

READ, WRITE, ADMIN = "", "write", "admin"
"""What a route needs: nothing but credentials, a permission that admins have, an admin."""

ROUTES: list[tuple[str, str, Handler, str]] = [
    ("GET", "/users", lists.listing, READ),
    ("POST", "/users", users.create, WRITE),
    ("GET", "/users/me", users.me, READ),
    ("GET", "/users/count", lists.count, READ),
    ("GET", "/users/search", lists.search, READ),
    ("GET", "/users/show_many", lists.show_many, READ),
    ("POST", "/users/create_or_update", users.create_or_update, WRITE),
    ("POST", "/users/create_many", bulk.create_many, WRITE),
    ("POST", "/users/create_or_update_many", bulk.create_or_update_many, WRITE),
    ("PUT", "/users/update_many", bulk.update_many, WRITE),
    ("DELETE", "/users/destroy_many", bulk.destroy_many, ADMIN),
    ("GET", "/users/{id}", users.get, READ),
    ("PUT", "/users/{id}", users.update, WRITE),
    ("DELETE", "/users/{id}", users.delete, WRITE),
    ("PUT", "/users/{id}/merge", users.merge, WRITE),
    ("GET", "/users/{id}/tags", users.tags, READ),
    ("POST", "/users/{id}/tags", users.tags, WRITE),
    ("PUT", "/users/{id}/tags", users.tags, WRITE),
    ("DELETE", "/users/{id}/tags", users.tags, WRITE),
    ("GET", "/users/{id}/compliance_deletion_statuses", users.compliance, READ),
    ("GET", "/users/{id}/identities", around.identities, READ),
    ("POST", "/users/{id}/identities", around.add_identity, WRITE),
    ("GET", "/users/{id}/identities/{identity}", around.identity, READ),
    ("PUT", "/users/{id}/identities/{identity}", around.change_identity, WRITE),
    ("DELETE", "/users/{id}/identities/{identity}", around.drop_identity, WRITE),
    ("PUT", "/users/{id}/identities/{identity}/make_primary", around.make_primary, WRITE),
    ("GET", "/users/{id}/events", events.read, READ),
    ("POST", "/users/{id}/events", events.send, WRITE),
    ("GET", "/user_profiles/events", events.read_of_profile, READ),
    ("POST", "/user_profiles/events", events.send_to_profile, WRITE),
    ("POST", "/user_profiles/{profile}/events", events.send_to_profile, WRITE),
    ("GET", "/deleted_users", users.deleted, READ),
    ("GET", "/deleted_users/count", users.count_deleted, READ),
    ("GET", "/deleted_users/{id}", users.get_deleted, READ),
    ("DELETE", "/deleted_users/{id}", users.erase, WRITE),
    ("GET", "/user_fields", around.user_fields, READ),
    ("POST", "/user_fields", around.create_field, ADMIN),
    ("GET", "/user_fields/{field}", around.user_field, READ),
    ("PUT", "/user_fields/{field}", around.change_field, ADMIN),
    ("DELETE", "/user_fields/{field}", around.drop_field, ADMIN),
    ("GET", "/user_fields/{field}/options", around.options, READ),
    ("POST", "/user_fields/{field}/options", around.put_option, ADMIN),
    ("DELETE", "/user_fields/{field}/options/{option}", around.drop_option, ADMIN),
    ("GET", "/organizations", around.organizations, READ),
    ("POST", "/organizations", around.create_organization, WRITE),
    ("GET", "/organizations/search", around.search_organizations, READ),
    ("GET", "/organizations/show_many", around.show_many_organizations, READ),
    ("POST", "/organizations/create_or_update", around.create_or_update_organization, WRITE),
    ("GET", "/organizations/{id}", around.organization, READ),
    ("PUT", "/organizations/{id}", around.change_organization, WRITE),
    ("DELETE", "/organizations/{id}", around.delete_organization, WRITE),
    ("GET", "/incremental/users/cursor", exports.users, ADMIN),
    ("GET", "/incremental/users", exports.users_by_time, ADMIN),
    ("GET", "/incremental/tickets/cursor", exports.tickets, ADMIN),
    ("GET", "/incremental/organizations", exports.organizations_by_time, ADMIN),
    ("GET", "/job_statuses", bulk.statuses, READ),
    ("GET", "/job_statuses/show_many", bulk.show_many, READ),
    ("GET", "/job_statuses/{job}", bulk.status, READ),
    ("GET", "/tickets", desk.listing, READ),
    ("POST", "/tickets", desk.create, READ),
    ("GET", "/tickets/{id}", desk.get, READ),
    ("PUT", "/tickets/{id}", desk.change, READ),
    ("GET", "/webhooks", events.webhooks, ADMIN),
    ("POST", "/webhooks", events.create_webhook, ADMIN),
    ("GET", "/webhooks/{id}", events.webhook, ADMIN),
    ("PATCH", "/webhooks/{id}", events.change_webhook, ADMIN),
    ("DELETE", "/webhooks/{id}", events.drop_webhook, ADMIN),
    ("GET", "/webhooks/{id}/signing_secret", events.signing_secret, ADMIN),
    ("POST", "/webhooks/{id}/signing_secret", events.signing_secret, ADMIN),
]
"""The first that fits is taken: names of actions stand before ids."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request leads."""

    route: str
    handler: Handler
    parts: tuple[str, ...]
    needs: str


_ROUTES = [
    (method, template, re.compile(re.escape(API) + re.sub(r"\{\w+\}", "([^/]+)", template) + r"/?\Z"), handler, needs)
    for method, template, handler, needs in ROUTES
]


def place(call: Call) -> Place | None:
    """None for a path or method that there is not. The suffix `.json` may always be there."""
    path = call.path.removesuffix(".json")
    for method, template, pattern, handler, needs in _ROUTES:
        if method == call.method and (found := pattern.match(path)):
            return Place(template, handler, tuple(unquote(p) for p in found.groups()), needs)
    return None


__all__ = ["ROUTES", "Handler", "Place", "place"]
