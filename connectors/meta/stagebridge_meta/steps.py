"""The steps of `mappings/meta.yaml`: each makes of a canonical value the hash that Meta matches by.

A value that is a SHA-256 already goes as it is, so that nothing is hashed twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from stagebridge.mapping.steps import Beside, Step
from stagebridge.normalize import Invalid
from stagebridge_meta import normalise
from stagebridge_meta.normalise import hashed, sha256

COUNTRY = "contact.address.country"
OF_A_HASH = frozenset({32, 40, 64})
"""Characters of MD5, SHA-1 and SHA-256 in hex."""
KEPT = 8192
"""Places whose hashes are remembered. Never what tells people apart: that would outlive its event in memory."""


def _step(normalised: Callable[[Any], str]) -> Step:
    def step(value: Any) -> str:
        if type(value) is str and len(value) in OF_A_HASH and (known := hashed(value)) is not None:
            return known
        return sha256(normalised(value))

    return step


def _beside_country(normalised: Callable[[Any, Any], str]) -> Beside:
    """A region or a postal code: a business has few thousand of them, so each is hashed once."""

    @lru_cache(maxsize=KEPT)
    def step(value: Any, country: Any) -> str:
        if len(value) in OF_A_HASH and (known := hashed(value)) is not None:
            return known
        return sha256(normalised(value, country))

    return Beside(COUNTRY, step)


_SHA256 = hashlib.sha256


def _email(value: Any) -> str:
    """The canonical model holds an address in just Meta's form, and no hash in its place."""
    return _SHA256(value.encode()).hexdigest()


def _name(value: Any) -> str:
    if value.isascii() and value.isalpha() and len(value) not in OF_A_HASH:  # most are
        return _SHA256(value.lower().encode()).hexdigest()
    if len(value) in OF_A_HASH and (known := hashed(value)) is not None:
        return known
    return _SHA256(normalise.name(value).encode()).hexdigest()


def _phone(value: Any) -> str:
    """Of E.164, without its `+`."""
    return _SHA256(value[1:].encode()).hexdigest()


def _given(value: Any) -> str:
    """A hash that somebody else made."""
    found = hashed(str(value).strip())
    if found is None:
        raise Invalid("is no SHA-256")
    return found


STEPS: Mapping[str, Step | Beside] = {
    "em": _email,
    "ph": _phone,
    "name": _name,
    "db": _step(normalise.birthday),
    "st": _beside_country(normalise.region),
    "zp": _beside_country(normalise.postal_code),
    "country": lru_cache(maxsize=KEPT)(_step(normalise.country)),
    "city": lru_cache(maxsize=KEPT)(_name),
    "external_id": _step(normalise.external_id),
    "hash": _given,
    "lead_id": normalise.lead_id,
}

__all__ = ["STEPS"]
