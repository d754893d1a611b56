"""The contacts of one brand: identities, the status of each channel, and what the list shows of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stagebridge_omnisend.sandbox.forms import CHANNELS, Form, Given, kind
from stagebridge_omnisend.sandbox.times import iso

MEMORY = 600_000
"""Milliseconds that the list can be made to lag."""


@dataclass(slots=True)
class Identifier:
    """`changed` is when the status was set, epoch milliseconds; None where nobody ever said anything of it."""

    type: str
    id: str
    status: str = "nonSubscribed"
    changed: int | None = None

    def shown(self) -> dict[str, Any]:
        return {"type": self.type, "id": self.id, "channels": {CHANNELS[self.type]: self.channel()}}

    def channel(self) -> dict[str, Any]:
        return {"status": self.status} | ({} if self.changed is None else {"statusChangedAt": iso(self.changed)})


@dataclass(slots=True)
class Contact:
    id: str
    created: int
    updated: int
    identifiers: dict[str, Identifier] = field(default_factory=dict)
    """By type; one of each."""
    fields: dict[str, str] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    opt_ins: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    snaps: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    """(shown from, updated, as it is shown), oldest first: what the list may still be showing."""

    @property
    def email(self) -> str:
        return self.identifiers["email"].id if "email" in self.identifiers else ""


class Store:
    def __init__(self, *, seed: int, case_sensitive: bool, show_blank: bool) -> None:
        self.contacts: dict[str, Contact] = {}
        self.types: dict[str, str] = {}
        """Types of the custom properties, which the first value sets."""
        self.segments: dict[str, list[str]] = {}
        self.late_until = 0
        """Until when the list may not yet show what was written."""
        self.dropped = 0
        self.stale = 0
        self._owners: dict[tuple[str, str], str] = {}
        self._seed, self._made = seed, 0
        self._case_sensitive = case_sensitive
        self._show_blank = show_blank
        self._orders: dict[str, list[tuple[int, str]]] = {"createdAt": [], "updatedAt": []}
        self._dirty = False

    # --- finding -----------------------------------------------------------------------------------------------

    def key(self, type_: str, id_: str) -> tuple[str, str]:
        return type_, id_ if self._case_sensitive and type_ == "email" else id_.lower()

    def find(self, type_: str, id_: str) -> Contact | None:
        owner = self._owners.get(self.key(type_, id_))
        return self.contacts[owner] if owner else None

    def clashes(self, form: Form, contact: Contact | None) -> list[Given]:
        """Identifiers that another contact has."""
        owners = ((g, self.find(g.type, g.id)) for g in form.identifiers)
        return [g for g, owner in owners if owner is not None and owner is not contact]

    # --- changing ----------------------------------------------------------------------------------------------

    def add(self, now: int, created: int | None = None) -> Contact:
        self._made += 1
        id_ = f"{now // 1000:08x}{self._seed & 0xFFFFFFFFFF:010x}{self._made:06x}"
        self.contacts[id_] = made = Contact(id_, now if created is None else created, now)
        return made

    def remove(self, contact: Contact) -> None:
        for type_ in list(contact.identifiers):
            self.forget(contact, type_)
        del self.contacts[contact.id]
        self._dirty = True

    def identify(self, contact: Contact, type_: str, id_: str) -> Identifier:
        """The contact's identifier, in the letters of the first who said it; another one of the type gives way to it."""
        old = contact.identifiers.get(type_)
        if old is not None:
            if self.key(type_, old.id) == self.key(type_, id_):
                return old
            self.forget(contact, type_)
        made = contact.identifiers[type_] = Identifier(type_, id_)
        self._owners[self.key(type_, id_)] = contact.id
        return made

    def forget(self, contact: Contact, type_: str) -> None:
        old = contact.identifiers.pop(type_, None)
        if old is not None:
            del self._owners[self.key(type_, old.id)]

    def status(self, contact: Contact, one: Identifier, status: str, at: int) -> bool:
        """Set a channel's status as of a time, unless a later one is known; whether it became subscribed."""
        if one.changed is not None and at < one.changed:
            self.stale += 1
            return False
        became = status == "subscribed" != one.status
        one.status, one.changed = status, at
        if became:
            contact.opt_ins.append({"channel": CHANNELS[one.type], "optInAt": iso(at)})
        return became

    def values(self, contact: Contact, form: Form, *, replace_tags: bool = False) -> None:
        contact.fields.update(form.fields)
        contact.custom.update(form.custom)
        for name, value in form.custom.items():
            self.types.setdefault(name, kind(value) or "string")
        if form.tags is not None:
            contact.tags = list(dict.fromkeys(([] if replace_tags else contact.tags) + form.tags))

    def touch(self, contact: Contact, now: int, *, late: int = 0) -> None:
        """The contact was changed; the list shows it `late` milliseconds from now."""
        contact.updated = now
        while len(contact.snaps) > 1 and contact.snaps[1][0] <= now - MEMORY:
            del contact.snaps[0]
        contact.snaps.append((now + late, now, self.shown(contact)))
        self.late_until = max(self.late_until, now + late)
        self._dirty = True

    # --- showing -----------------------------------------------------------------------------------------------

    def shown(self, contact: Contact) -> dict[str, Any]:
        """As answers have it: a field that was blanked as empty text, one that nobody ever filled not at all."""
        identifiers = list(contact.identifiers.values())
        told = sorted((i for i in identifiers if i.changed is not None), key=lambda i: i.changed or 0)
        email = contact.identifiers.get("email")
        out: dict[str, Any] = {"id": contact.id}
        if email is not None:
            out |= {"email": email.id, "status": email.status}
        out |= {
            "phone": [i.id for i in identifiers if i.type == "phone"], "identifiers": [i.shown() for i in identifiers],
            "statuses": [{"channel": CHANNELS[i.type], **i.channel()} for i in told],
            "optIns": list(contact.opt_ins), "consents": list(contact.consents), "tags": list(contact.tags),
            "segments": [s for s, members in self.segments.items() if contact.id in members],
            "customProperties": dict(contact.custom), "createdAt": iso(contact.created), "updatedAt": iso(contact.updated),
        }  # fmt: skip
        return out | {n: v for n, v in contact.fields.items() if v or self._show_blank}

    def ordered(self, sort: str) -> list[tuple[int, str]]:
        """(time, id) of all contacts, ascending."""
        if self._dirty:
            self._orders["createdAt"] = sorted((c.created, c.id) for c in self.contacts.values())
            self._orders["updatedAt"] = sorted((c.updated, c.id) for c in self.contacts.values())
            self._dirty = False
        return self._orders[sort]

    def as_of(self, at: int) -> Iterator[tuple[Contact, int, Mapping[str, Any]]]:
        """(contact, updated, as it was shown) of those that the list showed at a time."""
        for contact in self.contacts.values():
            for since, updated, shown in reversed(contact.snaps):
                if since <= at:
                    yield contact, updated, shown
                    break
