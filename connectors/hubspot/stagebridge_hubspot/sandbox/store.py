"""The records of one account: values, identities, merges, and what the search index shows of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from stagebridge_hubspot.sandbox.properties import iso, standard


@dataclass(slots=True)
class Contact:
    id: str
    props: dict[str, str]
    created: int
    updated: int
    archived_at: int | None = None
    into: str | None = None
    snaps: list[tuple[int, dict[str, str], bool]] = field(default_factory=list)
    """(since, values, archived): what the index may still be showing."""


class Store:
    def __init__(self, stages: list[tuple[str, str]], default_stage: str, first_id: int, lag_ms: int) -> None:
        self.stages = stages
        self.default_stage = default_stage
        self.lag_ms = lag_ms
        self.properties = standard(stages)
        self.groups: dict[str, dict[str, Any]] = {
            "contactinformation": {
                "name": "contactinformation",
                "label": "Contact Information",
                "displayOrder": 0,
                "archived": False,
            }
        }
        self.contacts: dict[str, Contact] = {}
        self.by_email: dict[str, str] = {}
        self.by_unique: dict[tuple[str, str], str] = {}
        self.statuses: dict[tuple[str, str], dict[str, Any]] = {}
        self.unsubscribed_all: set[str] = set()
        self.blocked: set[str] = set()
        self.next_id = first_id
        self.stage_writes_ignored = 0

    @property
    def rank(self) -> dict[str, int]:
        return {v: i for i, (v, _) in enumerate(self.stages)}

    def unique_names(self) -> list[str]:
        return [n for n, p in self.properties.items() if p["hasUniqueValue"]]

    # --- finding -----------------------------------------------------------------------------------------------

    def get(self, id_: str) -> Contact | None:
        """A live record; an id that was merged away answers with the record it went into."""
        found = self.contacts.get(id_)
        while found is not None and found.into is not None:
            found = self.contacts.get(found.into)
        return found if found is not None and found.archived_at is None else None

    def find(self, id_: str, id_property: str | None) -> Contact | None:
        if not id_property or id_property == "hs_object_id":
            return self.get(id_)
        if id_property == "email":
            owner = self.by_email.get(id_.strip().lower())
            return self.get(owner) if owner else None
        owner = self.by_unique.get((id_property, id_.lower()))
        return self.get(owner) if owner else None

    def live(self) -> Iterable[Contact]:
        return (c for c in self.contacts.values() if c.archived_at is None and c.into is None)

    # --- changing ----------------------------------------------------------------------------------------------

    def create(self, props: dict[str, str], now: int, *, created: int | None = None, by_api: bool = True) -> Contact:
        id_ = str(self.next_id)
        self.next_id += 1
        made = Contact(id_, {}, created if created is not None else now, now)
        self.contacts[id_] = made
        values = dict(props)
        if by_api and self.default_stage and not values.get("lifecyclestage"):
            values["lifecyclestage"] = self.default_stage
        made.props.update(
            {
                "createdate": iso(made.created), "hs_object_id": id_, "hs_is_contact": "true", "hs_is_unworked": "true",
                "hs_all_contact_vids": id_, "hs_object_source": "INTEGRATION", "hs_object_source_label": "INTEGRATION",
                "hs_pipeline": "contacts-lifecycle-pipeline", "hs_marketable_status": "false",
            }
        )  # fmt: skip
        self.update(made, values, now)
        return made

    def update(self, contact: Contact, props: dict[str, str], now: int) -> None:
        """Write values as they come; a stage that would go back is ignored without a word."""
        changed = False
        for name, value in props.items():
            if value is None:
                continue  # null is ignored
            value = self._stored(name, str(value))
            old = contact.props.get(name, "")
            if name == "lifecyclestage" and value and old and self.rank.get(value, 0) < self.rank.get(old, 0):
                self.stage_writes_ignored += 1
                continue
            if value == old:
                continue
            changed = True
            self._index(contact, name, old, value)
            contact.props[name] = value
            if name == "lifecyclestage" and value:
                contact.props[f"hs_v2_date_entered_{value}"] = iso(now)
        if changed or not contact.snaps:
            if contact.props.get("email"):
                contact.props["hs_email_domain"] = contact.props["email"].rpartition("@")[2]
            self.touch(contact, now)

    def touch(self, contact: Contact, now: int) -> None:
        contact.updated = now
        contact.props["lastmodifieddate"] = iso(now)
        cut = next((i for i in range(len(contact.snaps) - 1, -1, -1) if contact.snaps[i][0] <= now - self.lag_ms), 0)
        del contact.snaps[:cut]
        contact.snaps.append((now, dict(contact.props), contact.archived_at is not None or contact.into is not None))

    def _stored(self, name: str, value: str) -> str:
        return value.strip().lower() if name == "email" else value

    def _index(self, contact: Contact, name: str, old: str, new: str) -> None:
        if name == "email":
            if old and self.by_email.get(old) == contact.id:
                del self.by_email[old]
            if new:
                self.by_email[new] = contact.id
        elif name == "hs_additional_emails":
            for e in filter(None, old.split(";")):
                self.by_email.pop(e.lower(), None)
            for e in filter(None, new.split(";")):
                self.by_email[e.lower()] = contact.id
        elif self.properties.get(name, {}).get("hasUniqueValue"):
            if old:
                self.by_unique.pop((name, old.lower()), None)
            if new:
                self.by_unique[name, new.lower()] = contact.id

    def archive(self, contact: Contact, now: int) -> None:
        contact.archived_at = now
        self._forget(contact)
        self.touch(contact, now)

    def _forget(self, contact: Contact) -> None:
        for index in (self.by_email, self.by_unique):
            for key in [k for k, v in index.items() if v == contact.id]:
                del index[key]  # type: ignore[attr-defined]

    def merge(self, primary: Contact, other: Contact, now: int, *, keep_id: bool) -> Contact:
        """The primary's values win, blanks are filled, the other's address becomes a further one."""
        self._forget(primary)
        self._forget(other)
        values = {**{k: v for k, v in other.props.items() if v}, **{k: v for k, v in primary.props.items() if v}}
        further = [e for e in [*_further(primary), *_further(other), other.props.get("email", "")] if e]
        further = [e for e in dict.fromkeys(further) if e != values.get("email")]
        ids = ";".join(x for x in (primary.id, other.id) if x)
        if keep_id:
            target = primary
        else:
            target = Contact(str(self.next_id), {}, min(primary.created, other.created), now)
            self.next_id += 1
            self.contacts[target.id] = target
            primary.into = target.id
            self.touch(primary, now)
        other.into = target.id
        self.touch(other, now)
        target.props = {}
        stage = max((primary, other), key=lambda c: self.rank.get(c.props.get("lifecyclestage", ""), -1))
        values["lifecyclestage"] = stage.props.get("lifecyclestage", "")
        values.update(hs_object_id=target.id, hs_merged_object_ids=ids)
        if further:
            values["hs_additional_emails"] = ";".join(further)
        self.update(target, values, now)
        return target

    # --- the search index --------------------------------------------------------------------------------------

    def shown(self, contact: Contact, at: int) -> dict[str, str] | None:
        """The values that the index shows of a record at a time, None if it shows none."""
        for since, props, hidden in reversed(contact.snaps):
            if since <= at:
                return None if hidden else props
        return None


def _further(contact: Contact) -> list[str]:
    return [e for e in contact.props.get("hs_additional_emails", "").split(";") if e]
