"""Whom Meta would recognise in an event's `user_data`, and what it cannot make anything of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stagebridge_meta.sandbox.rules import HASHED, hashed, many, well_hashed

BROWSER_ID = re.compile(r"fb\.\d\.\d{13}\..+", re.DOTALL)
"""Of fbc and fbp; their tail is nobody's business [S]."""

NAMING = (
    frozenset({"em"}), frozenset({"ph"}), frozenset({"external_id"}), frozenset({"fbc"}), frozenset({"fbp"}), frozenset({"lead_id"}),
    frozenset({"madid"}), frozenset({"anon_id"}), frozenset({"subscription_id"}), frozenset({"fb_login_id"}), frozenset({"ctwa_clid"}),
    frozenset({"page_scoped_user_id"}), frozenset({"ig_sid"}), frozenset({"client_ip_address", "client_user_agent"}),
    frozenset({"fn", "ln", "zp"}), frozenset({"fn", "ln", "ct"}), frozenset({"fn", "ln", "db"}),
)  # fmt: skip
"""Keys that can lead to one person, alone or together. Which ones Meta really uses is not public."""

SEEDED = HASHED | {"external_id", "fbc", "fbp", "lead_id"}


@dataclass(frozen=True, slots=True)
class Match:
    """`by`: the keys that led to somebody. `malformed`: keys that say nothing, for good. `differing`: keys that are well
    formed but not this person's, as after a wrong normalisation. `person`: which of the seeded people, from 0."""

    by: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    person: int | None = None


@dataclass(slots=True)
class People:
    """Known people, where any were seeded; else whoever is named well enough counts as known."""

    known: list[dict[str, frozenset[str]]] = field(default_factory=list)

    def add(self, person: Mapping[str, Any]) -> None:
        """Plain values, as Meta's rules would have normalised them. Raises `ValueError` for another key."""
        if strange := sorted(person.keys() - SEEDED):
            raise ValueError(f"a person has no '{strange[0]}', but {', '.join(sorted(SEEDED))}")
        self.known.append({k: frozenset(_forms(k, v)) for k, v in person.items()})

    def match(self, user: Mapping[str, Any], leads: Collection[str]) -> Match:
        """`leads`: ids of leads that there are; an event with another one is not matched by it."""
        malformed = _malformed(user)
        sound = {k for k, v in user.items() if k not in malformed and v not in (None, "", [])}
        if "lead_id" in sound and leads and str(user["lead_id"]) not in leads:
            sound.discard("lead_id")
        if not self.known:
            named = [keys for keys in NAMING if keys <= sound]
            return Match(tuple(sorted(set().union(*named))), malformed)
        for person, held in enumerate(self.known):
            if by := _shared(user, held, sound):
                differing = sorted(k for k in held if k in sound and k not in by)
                return Match(tuple(by), malformed, tuple(differing), person)
        return Match(("lead_id",) if "lead_id" in sound and leads else (), malformed)


def _shared(user: Mapping[str, Any], person: Mapping[str, frozenset[str]], sound: Collection[str]) -> list[str]:
    """The keys in which both agree, if they are enough to name anybody."""
    agree = {k for k in sound if k in person and {str(v) for v in many(user[k])} & person[k]}
    return sorted(agree) if any(keys <= agree for keys in NAMING) else []


def _forms(key: str, value: Any) -> Sequence[str]:
    digest = [hashlib.sha256(str(v).encode()).hexdigest() for v in many(value)]
    if key in HASHED:
        return digest
    return [*(str(v) for v in many(value)), *(digest if key == "external_id" else [])]


def _malformed(user: Mapping[str, Any]) -> tuple[str, ...]:
    out = {k for k, values in hashed(user).items() if not any(well_hashed(v) for v in values)}
    out |= {k for k in ("fbc", "fbp") if k in user and not BROWSER_ID.match(str(user[k]))}
    return tuple(sorted(out))
