"""Organisations: a company is written as the one of its name, which is found by an exact search, and created if that is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagebridge.connector import Refusal
from stagebridge_zendesk.answers import trouble

if TYPE_CHECKING:
    from stagebridge_zendesk.connector import Zendesk

FIELD = "organization.name"


class Organizations:
    """Names that were looked up stay known for as long as the connector lives; those that were not found are asked again."""

    def __init__(self, zd: Zendesk) -> None:
        self._zd = zd
        self._ids: dict[str, int] = {}

    def resolve(self, wanted: Any) -> tuple[dict[str, Any], Refusal | None]:
        """What goes into a user for `organization: {name: …}`, or why nothing does. Raises `NoAnswer`."""
        name = str((wanted or {}).get("name") or "").strip()
        if not name:
            return {"organization_id": None}, None
        id_ = self._ids.get(name.casefold()) or self._find(name) or self._create(name)
        if id_ is None:
            why = "Zendesk has no organisation of that name, or several"
            return {}, Refusal(FIELD, "SB-ZENDESK-ORGANIZATION", why)
        self._ids[name.casefold()] = id_
        return {"organization_id": id_}, None

    def _find(self, name: str) -> int | None:
        found = self._zd.get("/api/v2/organizations/search", {"name": name}).get("organizations") or []
        same = [o for o in found if str(o.get("name") or "").strip().casefold() == name.casefold()]
        return int(same[0]["id"]) if len(same) == 1 else None

    def _create(self, name: str) -> int | None:
        if self._zd.settings.organizations != "create":
            return None
        body = {"organization": {"name": name}}
        answer = self._zd.request("POST", "/api/v2/organizations", body, effect=True, allow=(422,))
        if answer.status == 422:  # another worker was quicker, or the name is not allowed
            return self._find(name) if trouble(answer.object()).taken else None
        return int(answer.object()["organization"]["id"])
