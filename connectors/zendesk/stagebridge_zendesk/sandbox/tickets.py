"""Tickets: who asked, how it stands, how he liked the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stagebridge_zendesk.sandbox.answers import iso

STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
PLAIN = ("type", "priority", "external_id", "assignee_id", "group_id", "organization_id", "recipient", "due_at")
KEY_LIVES = 2 * 3600
"""Seconds that an idempotency key is remembered."""


@dataclass(slots=True)
class Ticket:
    id: int
    requester_id: int
    subject: str
    description: str
    created: int
    updated: int
    status: str = "new"
    tags: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    rating: dict[str, Any] | None = None
    channel: str = "api"
    submitter_id: int = 0

    def shown(self, base: str) -> dict[str, Any]:
        return {
            "url": f"{base}/api/v2/tickets/{self.id}.json", "id": self.id, "external_id": None, "via": {"channel": self.channel},
            "created_at": iso(self.created), "updated_at": iso(self.updated), "generated_timestamp": self.updated, "type": None,
            "subject": self.subject, "raw_subject": self.subject, "description": self.description, "priority": None,
            "status": self.status, "recipient": None, "requester_id": self.requester_id, "submitter_id": self.submitter_id,
            "assignee_id": None, "organization_id": None, "group_id": None, "collaborator_ids": [], "follower_ids": [],
            "email_cc_ids": [], "problem_id": None, "has_incidents": False, "is_public": True, "due_at": None,
            "tags": self.tags, "custom_fields": [], "fields": [], "satisfaction_rating": self.rating or {"score": "unoffered"},
            "sharing_agreement_ids": [], "followup_ids": [], "allow_channelback": False, "allow_attachments": True,
            "from_messaging_channel": False, **self.values,
        }  # fmt: skip


@dataclass(slots=True)
class Remembered:
    """The answer to a request with an idempotency key."""

    at: float
    body: bytes
    status: int
    answer: Any
    headers: dict[str, str]


@dataclass(slots=True)
class Tickets:
    new_id: Callable[[], int]
    held: dict[int, Ticket] = field(default_factory=dict)
    keys: dict[str, Remembered] = field(default_factory=dict)

    def add(self, requester_id: int, subject: str, description: str, at: int, *, submitter_id: int) -> Ticket:
        made = Ticket(len(self.held) + 1, requester_id, subject, description, at, at, submitter_id=submitter_id)
        self.held[made.id] = made
        return made

    def write(self, ticket: Ticket, given: dict[str, Any], at: int) -> None:
        ticket.values |= {k: given[k] for k in PLAIN if k in given}
        ticket.subject = given.get("subject") or ticket.subject
        ticket.status = given.get("status") or ticket.status
        ticket.tags = list(given["tags"]) if "tags" in given else ticket.tags
        ticket.updated = at

    def rate(self, ticket: Ticket, given: dict[str, Any], at: int) -> None:
        ticket.rating = {
            "id": self.new_id(), "score": given["score"], "comment": given.get("comment"), "reason": given.get("reason"),
        }  # fmt: skip
        ticket.updated = at
