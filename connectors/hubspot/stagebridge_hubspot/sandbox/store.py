"""The records of one account: values and their history, identities, merges, and what the search index shows of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stagebridge_hubspot.sandbox.properties import COUNTED, Stages, standard
from stagebridge_hubspot.sandbox.values import iso, stored, to_ms

API, PERSON, SYSTEM = "INTEGRATION", "CRM_UI", "CALCULATED"
"""Who changed a value, as histories and webhooks say it."""

HISTORY = 50
"""Former values kept per property."""

INDEX_MEMORY = 600_000
"""Milliseconds that the search index can be made to lag by a fault, beyond its own lag."""

MOST_MERGES = 250


@dataclass(slots=True)
class Contact:
    id: str
    props: dict[str, str]
    created: int
    updated: int
    archived_at: int | None = None
    into: str | None = None
    """The id of the record that this one was merged into."""
    history: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    """(when, value, by whom) by property, oldest first."""
    snaps: list[tuple[int, dict[str, str], bool]] = field(default_factory=list)
    """(since, values, gone): what the index may still be showing."""


Listener = Callable[[str, Contact, str, str, int, str], None]
"""Told of (kind of event, contact, property, value, when, by whom)."""


class Store:
    def __init__(self, stages: Stages, default_stage: str, first_id: int, lag_ms: int, tell: Listener) -> None:
        self.stages = stages
        self.rank = {v: i for i, (v, _) in enumerate(stages)}
        self.default_stage = default_stage
        self.lag_ms = lag_ms
        self.properties = standard(stages)
        self.unique = {n for n, p in self.properties.items() if p["hasUniqueValue"]}
        self.contacts: dict[str, Contact] = {}
        self.ids: list[int] = []
        """In ascending order, of all contacts: what paging walks along."""
        self.by_email: dict[str, str] = {}
        self.by_unique: dict[tuple[str, str], str] = {}
        self.blocked: set[str] = set()
        self.next_id = first_id
        self.stage_writes_ignored = 0
        self._tell = tell

    def define(self, prop: dict[str, Any]) -> None:
        self.properties[prop["name"]] = prop
        if prop["hasUniqueValue"]:
            self.unique.add(prop["name"])

    # --- finding -----------------------------------------------------------------------------------------------

    def get(self, id_: str, *, archived: bool = False) -> Contact | None:
        """A live record (or an archived one); an id that was merged away answers with the record it went into."""
        found = self.contacts.get(id_)
        while found is not None and found.into is not None:
            found = self.contacts.get(found.into)
        return found if found is not None and (found.archived_at is not None) == archived else None

    def find(self, id_: str, id_property: str | None) -> Contact | None:
        """By record id, e-mail (further addresses too, whatever their case) or a unique property."""
        if not id_property or id_property == "hs_object_id":
            return self.get(id_)
        if id_property == "email":
            owner = self.by_email.get(id_.strip().lower())
        else:
            owner = self.by_unique.get((id_property, id_.lower()))
        return self.get(owner) if owner else None

    def clash(self, props: Mapping[str, str], me: Contact | None) -> Contact | None:
        """Another record that holds the e-mail or a unique value of these."""
        for name in ("email", *self.unique):
            if props.get(name):
                found = self.find(props[name], name)
                if found is not None and found is not me:
                    return found
        return None

    def live(self) -> Iterator[Contact]:
        return (c for c in self.contacts.values() if c.archived_at is None and c.into is None)

    def after(self, id_: int) -> Iterator[Contact]:
        """All records with higher ids, in their order."""
        return (self.contacts[str(i)] for i in self.ids[bisect_right(self.ids, id_) :])

    def page(self, after: int, limit: int, *, archived: bool) -> list[Contact]:
        """Up to `limit` records with ids from `after` on."""
        out: list[Contact] = []
        for i in range(bisect_left(self.ids, after), len(self.ids)):
            contact = self.contacts[str(self.ids[i])]
            if (contact.archived_at is not None) == archived and contact.into is None:
                out.append(contact)
                if len(out) == limit:
                    break
        return out

    # --- changing ----------------------------------------------------------------------------------------------

    def _add(self, created: int, now: int) -> Contact:
        made = Contact(str(self.next_id), {}, created, now)
        self.contacts[made.id] = made
        self.ids.append(self.next_id)
        self.next_id += 1
        return made

    def create(self, props: Mapping[str, str], now: int, *, created: int | None = None, by: str = API) -> Contact:
        """A contact that the API creates without a stage gets the account's default stage."""
        made = self._add(now if created is None else created, now)
        values = dict(props)
        if by == API and self.default_stage and not values.get("lifecyclestage"):
            values["lifecyclestage"] = self.default_stage
        made.props.update(
            {
                **COUNTED, "createdate": iso(made.created), "hs_object_id": made.id, "hs_is_contact": "true",
                "hs_is_unworked": "true", "hs_all_contact_vids": made.id, "hs_object_source": by, "hs_object_source_id": "1",
                "hs_object_source_label": by, "hs_pipeline": "contacts-lifecycle-pipeline",
            }
        )  # fmt: skip
        self._tell("creation", made, "", "", now, by)
        self.update(made, values, now, by=by)
        return made

    def update(self, contact: Contact, props: Mapping[str, str], now: int, *, by: str = API) -> None:
        """Write values; "" clears, and a stage that would go back is ignored without a word."""
        changed = False
        for name, value in props.items():
            value = stored(self.properties[name], name, value) if name in self.properties else value
            old = contact.props.get(name, "")
            if name == "lifecyclestage" and value and old and self.rank.get(value, 0) < self.rank.get(old, 0):
                self.stage_writes_ignored += 1
                continue
            if value == old:
                continue
            changed = True
            self._index(contact, name, old, value)
            self._set(contact, name, value, now, by)
            if name == "lifecyclestage":
                self._stamp(contact, old, value, now)
        if changed or not contact.snaps:
            self._compute(contact)
            self.touch(contact, now)

    def _set(self, contact: Contact, name: str, value: str, now: int, by: str) -> None:
        contact.props[name] = value
        past = contact.history.setdefault(name, [])
        past.append((now, value, by))
        if len(past) > HISTORY:
            del past[0]
        self._tell("propertyChange", contact, name, value, now, by)

    def _stamp(self, contact: Contact, old: str, new: str, now: int) -> None:
        """When a stage was entered and left, as the platform keeps it."""
        if old:
            entered = to_ms(contact.props.get(f"hs_v2_date_entered_{old}") or iso(now))
            whole = int(contact.props.get(f"hs_v2_cumulative_time_in_{old}") or 0)
            self._set(contact, f"hs_v2_date_exited_{old}", iso(now), now, SYSTEM)
            contact.props[f"hs_v2_latest_time_in_{old}"] = str(now - entered)
            contact.props[f"hs_v2_cumulative_time_in_{old}"] = str(whole + now - entered)
        if new:
            self._set(contact, f"hs_v2_date_entered_{new}", iso(now), now, SYSTEM)
            first = f"hs_lifecyclestage_{new}_date"
            if first in self.properties and not contact.props.get(first):
                self._set(contact, first, iso(now), now, SYSTEM)

    def _compute(self, contact: Contact) -> None:
        p = contact.props
        p["hs_email_domain"] = (p.get("email") or "").rpartition("@")[2]
        name = f"{p.get('firstname') or ''} {p.get('lastname') or ''}".strip()
        p["hs_full_name_or_email"] = name or p.get("email") or ""

    def touch(self, contact: Contact, now: int) -> None:
        contact.updated = now
        contact.props["lastmodifieddate"] = iso(now)
        oldest = now - self.lag_ms - INDEX_MEMORY
        while len(contact.snaps) > 1 and contact.snaps[1][0] <= oldest:
            del contact.snaps[0]
        contact.snaps.append((now, dict(contact.props), contact.archived_at is not None or contact.into is not None))

    def _index(self, contact: Contact, name: str, old: str, new: str) -> None:
        if name in ("email", "hs_additional_emails"):
            for address in filter(None, old.lower().split(";")):
                if self.by_email.get(address) == contact.id:
                    del self.by_email[address]
            for address in filter(None, new.lower().split(";")):
                self.by_email.setdefault(address, contact.id)
        elif name in self.unique:
            if old:
                self.by_unique.pop((name, old.lower()), None)
            if new:
                self.by_unique[name, new.lower()] = contact.id

    def _unindex(self, contact: Contact) -> None:
        for name in ("email", "hs_additional_emails", *self.unique):
            self._index(contact, name, contact.props.get(name, ""), "")

    # --- ending ------------------------------------------------------------------------------------------------

    def archive(self, contact: Contact, now: int, *, by: str = API) -> None:
        contact.archived_at = now
        self._unindex(contact)
        self.touch(contact, now)
        self._tell("deletion", contact, "", "", now, by)

    def restore(self, contact: Contact, now: int) -> None:
        """Back out of the recycle bin, as it was."""
        if self.clash(contact.props, contact) is not None:
            raise ValueError(
                f"contact {contact.id} cannot come back: another record has its e-mail or unique value now"
            )
        contact.archived_at = None
        for name in ("email", "hs_additional_emails", *self.unique):
            self._index(contact, name, "", contact.props.get(name, ""))
        self.touch(contact, now)
        self._tell("restore", contact, "", "", now, PERSON)

    def purge(self, contact: Contact, now: int) -> None:
        """Delete for good, with everything that was merged into it."""
        self._unindex(contact)
        gone = [c.id for c in self.contacts.values() if c is contact or c.into == contact.id]
        for id_ in gone:
            del self.contacts[id_]
            self.ids.remove(int(id_))
        self._tell("privacyDeletion", contact, "", "", now, SYSTEM)

    def merge(self, primary: Contact, other: Contact, now: int, *, keep_id: bool) -> Contact:
        """The primary's values win, blanks are filled, the other's address becomes a further one, the stage is the
        further one. A new record stands for both, unless the primary keeps its id."""
        self._unindex(primary)
        self._unindex(other)
        values = {k: v for c in (other, primary) for k, v in c.props.items() if v}
        further = [
            e for c in (primary, other) for e in (*_listed(c, "hs_additional_emails"), c.props.get("email", "")) if e
        ]
        stage = max((primary, other), key=lambda c: self.rank.get(c.props.get("lifecyclestage", ""), -1))
        target = primary if keep_id else self._add(min(primary.created, other.created), now)
        lost = [other] if keep_id else [primary, other]
        merged = [i for c in (primary, other) for i in _listed(c, "hs_merged_object_ids")] + [c.id for c in lost]
        stamps = [i for c in (primary, other) for i in _listed(c, "hs_calculated_merged_vids")]
        values |= {
            "createdate": iso(target.created), "hs_object_id": target.id, "lifecyclestage": stage.props.get("lifecyclestage", ""),
            "hs_additional_emails": ";".join(dict.fromkeys(e for e in further if e != values.get("email"))),
            "hs_merged_object_ids": ";".join(merged), "hs_all_contact_vids": ";".join([target.id, *merged]),
            "hs_calculated_merged_vids": ";".join([*stamps, *(f"{c.id}:{now}" for c in lost)]),
        }  # fmt: skip
        target.props = values
        target.history = {**other.history, **primary.history}
        for name in ("email", "hs_additional_emails", *self.unique):
            self._index(target, name, "", values.get(name, ""))
        self.touch(target, now)
        for contact in lost:
            contact.into = target.id
            self.touch(contact, now)
        self._tell("merge", target, primary.id, other.id, now, PERSON)
        return target

    # --- the search index --------------------------------------------------------------------------------------

    def shown(self, contact: Contact, at: int) -> dict[str, str] | None:
        """The values that the index shows of a record at a time, None if it shows none."""
        for since, props, gone in reversed(contact.snaps):
            if since <= at:
                return None if gone else props
        return None


def _listed(contact: Contact, name: str) -> list[str]:
    return [e for e in contact.props.get(name, "").split(";") if e]
