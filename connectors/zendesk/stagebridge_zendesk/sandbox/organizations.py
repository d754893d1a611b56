"""Organisations: matched by id or external id, never by name, and no two have one name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stagebridge_zendesk.sandbox.answers import Details, Invalid, iso, wrong

PLAIN = (
    "details",
    "notes",
    "group_id",
    "shared_tickets",
    "shared_comments",
    "domain_names",
    "tags",
    "organization_fields",
)


@dataclass(slots=True)
class Organization:
    id: int
    name: str
    created: int
    updated: int
    external_id: str | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def shown(self, base: str) -> dict[str, Any]:
        return {
            "url": f"{base}/api/v2/organizations/{self.id}.json", "id": self.id, "name": self.name, "shared_tickets": False,
            "shared_comments": False, "external_id": self.external_id, "created_at": iso(self.created),
            "updated_at": iso(self.updated), "domain_names": [], "details": None, "notes": None, "group_id": None, "tags": [],
            "organization_fields": {}, **self.values,
        }  # fmt: skip


class Organizations:
    def __init__(self, new_id: Callable[[], int]) -> None:
        self.held: dict[int, Organization] = {}
        self._new_id = new_id

    def get(self, id_: Any) -> Organization | None:
        return self.held.get(int(id_)) if str(id_).isdigit() else None

    def named(self, name: str) -> Organization | None:
        """Whatever the case of the name [M]."""
        return next((o for o in self.held.values() if o.name.lower() == name.strip().lower()), None)

    def external(self, id_: str) -> Organization | None:
        return next((o for o in self.held.values() if (o.external_id or "").lower() == str(id_).lower()), None)

    def create(self, given: dict[str, Any], at: int) -> Organization:
        """Raises `Invalid`."""
        self._check(given, None)
        made = Organization(self._new_id(), str(given["name"]).strip(), at, at)
        self.held[made.id] = made
        self._write(made, given)
        return made

    def update(self, organization: Organization, given: dict[str, Any], at: int) -> None:
        """Raises `Invalid`."""
        self._check(given, organization)
        self._write(organization, given)
        organization.updated = at

    def _check(self, given: dict[str, Any], me: Organization | None) -> None:
        bad: Details = {}
        name, external = given.get("name"), given.get("external_id")
        if (me is None or "name" in given) and (not isinstance(name, str) or not name.strip()):
            bad |= wrong("name", "BlankValue", "Name: cannot be blank")
        elif name and self.named(name) not in (None, me):
            bad |= wrong("name", "DuplicateValue", f"Name: {name} has already been taken")
        if external and self.external(external) not in (None, me):
            bad |= wrong("external_id", "DuplicateValue", "External ID has already been taken")
        if bad:
            raise Invalid(bad)

    def _write(self, organization: Organization, given: dict[str, Any]) -> None:
        organization.name = str(given.get("name") or organization.name).strip()
        if "external_id" in given:
            organization.external_id = given["external_id"] or None
        organization.values |= {k: given[k] for k in PLAIN if given.get(k) is not None}
