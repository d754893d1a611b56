"""What people and time did to an account before, or between, the calls."""

from __future__ import annotations

from typing import Any

from stagebridge_zendesk.sandbox.account import Account
from stagebridge_zendesk.sandbox.answers import seconds
from stagebridge_zendesk.sandbox.tickets import STATUSES, Ticket
from stagebridge_zendesk.sandbox.user import User

KNOWN = (
    "user_fields", "organizations", "users", "edit", "suspend", "merge", "delete", "erase", "tickets", "solve", "close", "rate",
    "unstick", "revoke",
)  # fmt: skip
DATES = ("created_at", "updated_at")


class Seeds:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.people = account.people
        self.now = account.now

    def plant(self, data: dict[str, Any]) -> dict[str, Any]:
        """In the order of `KNOWN`. Raises `ValueError`, `Invalid`, `WrongType`."""
        account, people, now = self.account, self.people, self.now
        made: dict[str, Any] = {
            "user_fields": [account.fields.define(row, now).id for row in data.get("user_fields") or []],
            "organizations": [account.organizations.create(row, now).id for row in data.get("organizations") or []],
            "users": [self._user(row) for row in data.get("users") or []],
        }
        for id_, values in (data.get("edit") or {}).items():
            account.edit(self._held(id_), values, now)
        for id_ in data.get("suspend") or []:
            people.update(self._held(id_), {"suspended": True}, now)
        if data.get("merge"):
            loser, winner = (self._held(i) for i in data["merge"])
            people.merge(loser, winner, now)
        for id_ in data.get("delete") or []:
            people.delete(self._held(id_), now)
        for id_ in data.get("erase") or []:
            if (user := people.held[int(id_)]).active:
                people.delete(user, now)
            people.erase(user, now)
        made["tickets"] = [self._ticket(row) for row in data.get("tickets") or []]
        for status, name in (("solved", "solve"), ("closed", "close")):
            for id_ in data.get(name) or []:
                account.tickets.write(self._asked(id_), {"status": status}, now)
        for id_, rating in (data.get("rate") or {}).items():
            account.tickets.rate(self._asked(id_), rating, now)
        for id_ in data.get("unstick") or []:
            account.jobs.unstick(str(id_))
        account.dead_tokens |= {str(t) for t in data.get("revoke") or []}
        return {**made, "ids": made["users"]}

    def _user(self, row: dict[str, Any]) -> int:
        updated = seconds(row["updated_at"]) if row.get("updated_at") is not None else self.now
        created = seconds(row["created_at"]) if row.get("created_at") is not None else min(self.now, updated)
        ignored, mails = self.people.ignored.copy(), list(self.people.mails)
        given = {k: v for k, v in row.items() if k not in DATES}
        made = self.people.create({"name": given.get("email") or "Somebody", **given}, updated)
        if strange := self.people.ignored - ignored:
            raise ValueError(f"a user has no '{next(iter(strange))}'")
        self.people.mails = mails
        made.created, made.before = created, None
        return made.id

    def _ticket(self, row: dict[str, Any]) -> int:
        updated = seconds(row["updated_at"]) if row.get("updated_at") is not None else self.now
        created = seconds(row["created_at"]) if row.get("created_at") is not None else min(self.now, updated)
        requester, subject = int(row["requester_id"]), str(row.get("subject") or "A question")
        if row.get("status", "new") not in STATUSES:
            raise ValueError(f"a ticket is {', '.join(STATUSES)}, not {row['status']}")
        text = str(row.get("description") or subject)
        made = self.account.tickets.add(requester, subject, text, created, submitter_id=requester)
        made.channel = "email"
        self.account.tickets.write(made, row, updated)
        if rating := row.get("satisfaction_rating"):
            self.account.tickets.rate(made, rating, updated)
        return made.id

    def _held(self, id_: Any) -> User:
        found = self.people.get(int(id_))
        if found is None:
            raise ValueError(f"there is no user {id_}")
        return found

    def _asked(self, id_: Any) -> Ticket:
        found = self.account.tickets.held.get(int(id_))
        if found is None:
            raise ValueError(f"there is no ticket {id_}")
        return found


__all__ = ["KNOWN", "Seeds"]
