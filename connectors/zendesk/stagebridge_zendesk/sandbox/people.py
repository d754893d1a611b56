"""All users of an account: who they are, who may be called what, and what becomes of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from stagebridge_zendesk.sandbox.answers import iso
from stagebridge_zendesk.sandbox.fields import CHOICES, Field, Fields
from stagebridge_zendesk.sandbox.rules import check
from stagebridge_zendesk.sandbox.user import ATTRIBUTES, IDENTITIES, WRITABLE, Identity, User

Tell = Callable[[str, User, dict[str, Any], int], None]
"""Something happened to a user: kind, user, what, when."""

TOLD = ("name", "alias", "details", "notes", "external_id", "role")
"""Attributes whose changes are events of their own."""


class People:
    def __init__(
        self, switches: Mapping[str, Any], fields: Fields, new_id: Callable[[], int], organization: Callable[[Any], int | None],
        tell: Tell,
    ) -> None:  # fmt: skip
        self.switches = switches
        self.fields = fields
        self.held: dict[int, User] = {}
        self.by_email: dict[str, int] = {}
        self.by_external: dict[str, int] = {}
        self.by_phone: dict[str, int] = {}
        self.mails: list[dict[str, str]] = []
        """Verification mails that people got."""
        self.ignored: Counter[str] = Counter()
        """Attributes that were sent and are none, or none of ours to set."""
        self.search_lag = 0
        self.late = 0
        self._new_id = new_id
        self.organization = organization
        """The id of an organisation, by id or by `{"name"}`; None if there is none."""
        self._tell = tell

    # --- finding -----------------------------------------------------------------------------------------------

    def living(self) -> Iterator[User]:
        return (u for u in self.held.values() if u.active)

    def get(self, id_: int) -> User | None:
        found = self.held.get(id_)
        return found if found is not None and found.active else None

    def external(self, id_: str) -> User | None:
        """Whatever the case of the id."""
        owner = self.by_external.get(str(id_).lower())
        return self.held[owner] if owner else None

    def addressed(self, email: str) -> User | None:
        """By any of his addresses."""
        owner = self.by_email.get(email.strip().lower())
        return self.held[owner] if owner else None

    def meant(self, given: Mapping[str, Any]) -> User | None:
        """The one whom a create-or-update means: external id before address. The order is ours."""
        found = self.external(given["external_id"]) if given.get("external_id") else None
        return found or (self.addressed(str(given["email"])) if given.get("email") else None)

    # --- changing ----------------------------------------------------------------------------------------------

    def create(self, given: Mapping[str, Any], at: int) -> User:
        """Raises `Invalid` and `WrongType`."""
        check(self, given, None)
        made = User(self._new_id(), at, at, dict(ATTRIBUTES), before=(at + self.search_lag, None))
        self.held[made.id] = made
        if (organization := given.get("organization")) and organization.get("name"):
            made.values["organization_id"] = self.organization(organization)
        self._write(made, given, at, told=False)
        # `email` is the primary address, whatever else comes along
        held = {(i.type, i.value) for i in made.identities}
        for identity in given.get("identities") or []:
            if identity.get("type") in IDENTITIES and (identity["type"], identity["value"]) not in held:
                self.add_identity(made, identity["type"], identity["value"], at, told=False)
        self._tell("created", made, {}, at)
        self.touch(made, at)
        return made

    def update(self, user: User, given: Mapping[str, Any], at: int) -> None:
        """Raises `Invalid` and `WrongType`."""
        check(self, given, user)
        self._keep(user, at)
        if self._write(user, given, at, told=True):
            self.touch(user, at)

    def _write(self, user: User, given: Mapping[str, Any], at: int, *, told: bool) -> bool:
        changed = False
        for name, value in given.items():
            if name in ("email", "phone", "tags", "user_fields") or name not in ATTRIBUTES or name not in WRITABLE:
                continue
            value = (value or None) if name == "external_id" else ATTRIBUTES[name] if value is None else value
            old = user.values[name]
            if value == old:
                continue
            changed = True
            if name == "external_id":
                self._rename(user, old, value)
            user.values[name] = value
            if told and name in TOLD:
                self._tell(f"{name}_changed", user, {"current": value, "previous": old}, at)
        if given.get("email"):
            changed |= self._add_address(user, given, at, told=told)
        if "phone" in given:
            changed |= self._set_phone(user, given, at)
        before = list(user.tags)
        if given.get("tags") is not None:
            user.tags = self._tags(given["tags"], user)
        for key, value in (given.get("user_fields") or {}).items():
            if (field := self.fields.by_key(key)) is None:
                self.ignored[f"user_fields.{key}"] += 1
            else:
                changed |= self._set_field(user, field, field.stored(value), at, told=told)
        return self._told_tags(user, before, at, told=told) or changed

    def _rename(self, user: User, old: str | None, new: str | None) -> None:
        if old:
            self.by_external.pop(old.lower(), None)
        if new:
            self.by_external[new.lower()] = user.id

    def _add_address(self, user: User, given: Mapping[str, Any], at: int, *, told: bool) -> bool:
        """An address is added, never replaced: the first one is the primary one."""
        email = given["email"].strip()
        if (known := self.addressed(email)) is user and known is not None:
            return False
        verified = bool(given.get("verified"))
        self.add_identity(user, "email", email, at, verified=verified, told=told)
        if not given.get("skip_verify_email") and not verified:
            self.mail(email, at)
        return True

    def _set_phone(self, user: User, given: Mapping[str, Any], at: int) -> bool:
        phone = given["phone"] or None
        if phone == user.values["phone"]:
            return False
        owner = self.by_phone.get(phone) if phone else None
        shared = given.get("shared_phone_number") is True or (owner is not None and owner != user.id)
        if not (phone and self.switches["old_phone_stays"] and user.values["phone"]):
            for old in user.of_type("phone_number"):
                self.drop_identity(user, old, at, told=False)
            user.values["phone"] = phone
        user.values["shared_phone_number"] = shared if phone else None
        if phone and not shared:
            self.add_identity(user, "phone_number", phone, at, told=False)
        return True

    def _set_field(self, user: User, field: Field, value: Any, at: int, *, told: bool) -> bool:
        old = user.fields.get(field.key, field.nothing())
        if self.switches["field_tags"]:
            kept = set(field.tags(value))
            user.tags = [t for t in user.tags if t not in set(field.tags(old)) - kept]
            user.tags += [t for t in field.tags(value) if t not in user.tags]
        if value == old:
            return False
        user.fields[field.key] = value
        if told:
            kind = "drop_down" if field.type == "dropdown" else field.type
            about = {"id": str(field.id), "title": field.title, "type": kind}
            self._tell("custom_field_changed", user, {"field": about, "current": value, "previous": old}, at)
        return True

    def lose_option(self, field: Field, values: Iterable[str], at: int) -> None:
        """Values of a field that are gone are gone from users too."""
        for user in list(self.living()):
            held = user.fields.get(field.key)
            if held and (set(held) if field.type == "multiselect" else {held}) & set(values) and field.type in CHOICES:
                left = [v for v in held if v not in values] if isinstance(held, list) else None
                self._set_field(user, field, left, at, told=False)
                self.touch(user, at)

    # --- tags --------------------------------------------------------------------------------------------------

    def set_tags(self, user: User, tags: list[str], at: int) -> None:
        before = list(user.tags)
        self._keep(user, at)
        user.tags = self._tags(tags, user)
        if self._told_tags(user, before, at, told=True):
            self.touch(user, at)

    def _tags(self, given: Iterable[str], user: User) -> list[str]:
        """As they are kept: nothing of it where tags on users are not switched on."""
        if not self.switches["tags_enabled"]:
            return user.tags
        spelt = (re.sub(r"\s+", "_", t.strip().lower()) if self.switches["tags_spelt"] else t for t in given)
        return [t for t in dict.fromkeys(spelt) if t]

    def _told_tags(self, user: User, before: list[str], at: int, *, told: bool) -> bool:
        added, removed = [t for t in user.tags if t not in before], [t for t in before if t not in user.tags]
        if told and (added or removed):
            self._tell("tags_changed", user, {"added": {"tags": added}, "removed": {"tags": removed}}, at)
        return bool(added or removed)

    # --- identities --------------------------------------------------------------------------------------------

    def mail(self, email: str, at: int) -> None:
        """Somebody gets a mail that asks him to verify his address."""
        self.mails.append({"to": self.spelt(email), "about": "verify", "at": iso(at)})

    def spelt(self, email: str) -> str:
        return email.strip().lower() if self.switches["lowercases_email"] else email.strip()

    def add_identity(
        self, user: User, kind: str, value: str, at: int, *, verified: bool = False, told: bool = True, primary: bool = False
    ) -> Identity:  # fmt: skip
        first = primary or not user.of_type(kind)
        made = Identity(self._new_id(), kind, self.spelt(value) if kind == "email" else value, at, at, first, verified)
        user.identities.append(made)
        self._index(user, made)
        if kind == "email":
            user.values["verified"] = user.values["verified"] or verified
        if told:
            self._tell("identity_created", user, {"identity": _brief(made)}, at)
        return made

    def drop_identity(self, user: User, identity: Identity, at: int, *, told: bool = True) -> None:
        user.identities.remove(identity)
        self._unindex(user, identity)
        left = user.of_type(identity.type)
        if identity.primary and left:
            left[0].primary = True
        if told:
            self._tell("identity_deleted", user, {"identity": _brief(identity)}, at)
            self.touch(user, at)

    def make_primary(self, user: User, identity: Identity, at: int) -> None:
        for other in user.of_type(identity.type):
            other.primary = other is identity
        user.identities.sort(key=lambda i: not i.primary)
        identity.updated = at
        if identity.type == "phone_number":
            user.values["phone"] = identity.value
        self._tell("identity_changed", user, {"current": _brief(identity)}, at)
        self.touch(user, at)

    def change_identity(self, user: User, identity: Identity, value: str, at: int) -> None:
        self._unindex(user, identity)
        identity.value, identity.updated = self.spelt(value) if identity.type == "email" else value, at
        self._index(user, identity)
        self._tell("identity_changed", user, {"current": _brief(identity)}, at)
        self.touch(user, at)

    def _index(self, user: User, identity: Identity) -> None:
        if identity.type == "email":
            self.by_email[identity.value.lower()] = user.id
        elif identity.type == "phone_number":
            self.by_phone.setdefault(identity.value, user.id)

    def _unindex(self, user: User, identity: Identity) -> None:
        table = self.by_email if identity.type == "email" else self.by_phone
        if table.get(identity.value.lower()) == user.id:
            del table[identity.value.lower()]

    # --- ending ------------------------------------------------------------------------------------------------

    def delete(self, user: User, at: int, *, kind: str = "deleted") -> None:
        """Softly: he is gone from the lists, his address and external id are free again, the export says so."""
        self._keep(user, at)
        user.active = False
        for identity in user.identities:
            self._unindex(user, identity)
        self._rename(user, user.values["external_id"], None)
        self._tell("active_changed", user, {"current": False, "previous": True}, at)
        if kind == "deleted":
            self._tell("deleted", user, {}, at)
        self.touch(user, at)

    def erase(self, user: User, at: int) -> None:
        """For good, with everything that is known of him."""
        user.erased = at
        his = {i.value for i in user.identities}
        self.mails = [{**m, "to": ""} if m["to"] in his else m for m in self.mails]
        user.values = dict(ATTRIBUTES, name="Permanently Deleted User")
        user.identities, user.fields, user.tags, user.before = [], {}, [], None
        self.touch(user, at)

    def merge(self, loser: User, winner: User, at: int) -> None:
        """The winner's values stay, and the loser's addresses become further ones of his."""
        moved = list(loser.identities)
        self.delete(loser, at, kind="merged")
        loser.merged_into = winner.id
        loser.identities = []
        for identity in moved:
            identity.primary = identity.primary and not winner.of_type(identity.type)
            winner.identities.append(identity)
            self._index(winner, identity)
        self._tell("merged", winner, {"user": {"id": str(loser.id)}}, at)
        self.touch(winner, at)

    def touch(self, user: User, at: int) -> None:
        user.updated = at
        user.shows_from = at + self.late if self.late else 0

    def _keep(self, user: User, at: int) -> None:
        """Remember what search shows for a while yet."""
        if self.search_lag and (user.before is None or user.before[0] <= at):
            user.before = (at + self.search_lag, self.shown(user, ""))

    # --- showing -----------------------------------------------------------------------------------------------

    def shown(self, user: User, base: str, hidden: Iterable[str] = ()) -> dict[str, Any]:
        out: dict[str, Any] = {
            "id": user.id, "url": f"{base}/api/v2/users/{user.id}.json", **user.values, "email": user.email, "active": user.active,
            "tags": list(user.tags) if self.switches["tags_enabled"] else [],
            "created_at": iso(user.created), "updated_at": iso(user.updated),
            "user_fields": {f.key: user.fields.get(f.key, f.nothing()) for f in self.fields.held.values() if f.active},
        }  # fmt: skip
        for name in hidden:
            out.pop(name, None)
            out["user_fields"].pop(name, None)
        return out


def _brief(identity: Identity) -> dict[str, Any]:
    return {"id": str(identity.id), "type": identity.type, "value": identity.value, "primary": identity.primary}
