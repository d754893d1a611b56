"""One user and the addresses that he is known by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stagebridge_zendesk.sandbox.answers import iso

IDENTITIES = (
    "email", "twitter", "facebook", "google", "phone_number", "agent_forwarding", "any_channel", "foreign", "sdk", "messaging",
)  # fmt: skip

ATTRIBUTES: dict[str, Any] = {
    "name": "", "alias": None, "details": None, "notes": None, "external_id": None, "role": "end-user", "role_type": None,
    "custom_role_id": None, "suspended": False, "locale": "en-US", "locale_id": 1, "time_zone": "America/Los_Angeles",
    "iana_time_zone": "America/Los_Angeles", "signature": None, "ticket_restriction": "requested", "moderator": False,
    "only_private_comments": False, "default_group_id": None, "organization_id": None, "photo": None, "phone": None,
    "shared_phone_number": None, "shared": False, "shared_agent": False, "last_login_at": None, "two_factor_auth_enabled": None,
    "restricted_agent": True, "report_csv": False, "verified": False,
}  # fmt: skip
"""What a user has besides his identities, fields and tags, as a recorded end-user had it."""

TEXTS = ("name", "alias", "details", "notes", "external_id", "role", "locale", "time_zone", "signature", "ticket_restriction",
         "phone", "email", "remote_photo_url")  # fmt: skip
FLAGS = ("suspended", "moderator", "only_private_comments", "shared_phone_number", "verified", "skip_verify_email")
NUMBERS = ("locale_id", "default_group_id", "organization_id", "custom_role_id")
OTHERS = ("tags", "user_fields", "identities", "organization", "organization_ids", "password", "id")
WRITABLE = frozenset((*TEXTS, *FLAGS, *NUMBERS, *OTHERS))


@dataclass(slots=True)
class Identity:
    id: int
    type: str
    value: str
    created: int
    updated: int
    primary: bool = False
    verified: bool = False

    def shown(self, user_id: int, base: str) -> dict[str, Any]:
        out: dict[str, Any] = {
            "url": f"{base}/api/v2/users/{user_id}/identities/{self.id}.json", "id": self.id, "user_id": user_id,
            "type": self.type, "value": self.value, "verified": self.verified, "primary": self.primary,
            "verification_method": "low" if self.verified else "none", "created_at": iso(self.created),
            "updated_at": iso(self.updated), "verified_at": iso(self.updated) if self.verified else None,
        }  # fmt: skip
        if self.type == "email":
            out |= {"undeliverable_count": 0, "deliverable_state": "deliverable"}
        return out


@dataclass(slots=True)
class User:
    id: int
    created: int
    updated: int
    values: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    active: bool = True
    erased: int = 0
    """When he was deleted for good; 0: he was not."""
    merged_into: int | None = None
    shows_from: int = 0
    """A change under `late_commit` shows from then on."""
    before: tuple[int, Any] | None = None
    """Until when search showed something else, and what: the record of a while ago, or None."""

    @property
    def email(self) -> str | None:
        return next((i.value for i in self.identities if i.type == "email" and i.primary), None)

    def of_type(self, kind: str) -> list[Identity]:
        return [i for i in self.identities if i.type == kind]
