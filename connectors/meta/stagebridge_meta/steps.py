"""The steps of `mappings/meta.yaml`: each makes of a canonical value the hash that Meta matches by.

A value that is a SHA-256 already goes as it is, so that nothing is hashed twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stagebridge.mapping.steps import Beside, Step
from stagebridge.normalize import Invalid
from stagebridge_meta import normalise
from stagebridge_meta.normalise import hashed, sha256

COUNTRY = "contact.address.country"


def _step(normalised: Callable[[Any], str]) -> Step:
    def step(value: Any) -> str:
        return (hashed(value) if type(value) is str else None) or sha256(normalised(value))

    return step


def _beside_country(normalised: Callable[[Any, Any], str]) -> Beside:
    def step(value: Any, country: Any) -> str:
        return hashed(value) or sha256(normalised(value, country))

    return Beside(COUNTRY, step)


def _given(value: Any) -> str:
    """A hash that somebody else made."""
    found = hashed(str(value).strip())
    if found is None:
        raise Invalid("is no SHA-256")
    return found


STEPS: Mapping[str, Step | Beside] = {
    "em": _step(normalise.email),
    "ph": _step(normalise.phone),
    "name": _step(normalise.name),
    "db": _step(normalise.birthday),
    "st": _beside_country(normalise.region),
    "zp": _beside_country(normalise.postal_code),
    "country": _step(normalise.country),
    "external_id": _step(normalise.external_id),
    "hash": _given,
    "lead_id": normalise.lead_id,
}

__all__ = ["STEPS"]
