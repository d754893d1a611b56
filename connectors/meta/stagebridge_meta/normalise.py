"""What Meta matches people by: each value in the one form that it is hashed in, then SHA-256, lower hex.

A wrong form costs nothing visible: the answer is 200, the event counts, and nobody is recognised. Where Meta's own
documentation and its two libraries disagree, the documentation decides; README.md has the table.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from stagebridge import normalize
from stagebridge.mapping.codecs import read_date
from stagebridge.normalize import Invalid
from stagebridge_meta.regions import REGIONS

_HASHED = re.compile(r"[0-9a-fA-F]{64}\Z")
_OTHER_HASH = re.compile(r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40})\Z")
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_KEPT = ("L", "M", "N")
"""Unicode categories that a name is made of: letters, their marks, digits."""
_GENDERS = {"f": "f", "female": "f", "m": "m", "male": "m"}
_LEAD_ID = re.compile(r"\d{15,17}\Z")


def sha256(text: str) -> str:
    """Lower hex of the UTF-8 text."""
    return hashlib.sha256(text.encode()).hexdigest()


def hashed(value: str) -> str | None:
    """A value that is a SHA-256 already, in lower case; None for any other. Raises `Invalid` for MD5 and SHA-1, which
    Meta takes for a value that nobody has."""
    if len(value) in (32, 40) and _OTHER_HASH.match(value):
        raise Invalid("an MD5 or SHA-1 hash; Meta knows SHA-256 only")
    return value.lower() if len(value) == 64 and _HASHED.match(value) else None


def email(value: str) -> str:
    """Trimmed, lower case, NFC, nothing invisible. Dots and `+tag` of Gmail stay: Meta does not fold them."""
    return normalize.email(value)


def phone(value: str, region: str | None = None) -> str:
    """Digits with the country code, no `+`, no leading zeros, no extension. A national number needs `region`; a number
    that has no possible country code is refused, never hashed as something else."""
    return normalize.phone(value, region)[1:]


def name(value: str) -> str:
    """Lower case, NFC, letters and digits only; accents stay. Also of cities, and of regions outside the US and Canada."""
    lower = value.lower()
    if lower.isascii():
        if lower.isalnum():
            return lower
        found = _NO_LETTER.sub("", lower)
    else:
        lower = unicodedata.normalize("NFC", lower)
        if lower.isalnum():
            return lower
        found = "".join(c for c in lower if unicodedata.category(c)[0] in _KEPT)
    if not found:
        raise Invalid("has neither letters nor digits")
    return found


def birthday(value: Any) -> str:
    """`YYYYMMDD` of a date or of its ISO form."""
    return read_date(value).strftime("%Y%m%d")


def gender(value: str) -> str:
    """`f` or `m`; Meta knows no other."""
    found = _GENDERS.get(value.strip().lower())
    if found is None:
        raise Invalid("Meta knows f and m")
    return found


def region(value: str, country: str | None = None) -> str:
    """The two-letter code of a state of the US or a province of Canada; elsewhere, and where no country is said, the name
    as it is."""
    plain = name(value)
    table = REGIONS.get(country.upper(), {}) if country else {}
    return plain if plain in table.values() else table.get(plain, plain)


def postal_code(value: str, country: str | None = None) -> str:
    """Lower case without spaces and dashes; of the US the first five digits."""
    plain = name(value)
    return plain[:5] if country and country.upper() == "US" else plain


def country(value: str) -> str:
    """ISO 3166-1 alpha-2, lower case, from a code or a name."""
    return normalize.country(value).lower()


def external_id(value: str) -> str:
    """Trimmed, case kept: it has to be what the website's pixel sends."""
    found = normalize.text(value)
    if not found:
        raise Invalid("is empty")
    return found


NORMALISED: dict[str, Callable[..., str]] = {
    "em": email, "ph": phone, "fn": name, "ln": name, "db": birthday, "ge": gender, "ct": name, "st": region,
    "zp": postal_code, "country": country, "external_id": external_id,
}  # fmt: skip
"""How each hashed key of `user_data` is normalised."""
WITH_COUNTRY = frozenset({"ph", "st", "zp"})
"""Keys whose form depends on the country; a phone's is the region of a national number."""


def user_value(key: str, value: Any, country: str | None = None) -> str:
    """What `user_data[key]` holds for a value that is not canonical yet: its SHA-256, or the hash that it is already.

    `country` (alpha-2) is the person's, for states, postal codes and national phone numbers. Raises `Invalid`, and
    `KeyError` for a key that is not hashed.
    """
    normalised = NORMALISED[key]
    found = hashed(value.strip()) if isinstance(value, str) else None
    if found is not None:
        return found
    return sha256(normalised(value, country) if key in WITH_COUNTRY else normalised(value))


def lead_id(value: Any) -> int:
    """Of an Instant Form: 15 to 17 digits as a whole number, never hashed; another one has the whole request refused."""
    text = str(value).strip()
    if not _LEAD_ID.match(text):
        raise Invalid("a lead id of Meta has 15 to 17 digits")
    return int(text)


__all__ = [
    "NORMALISED", "birthday", "country", "email", "external_id", "gender", "hashed", "lead_id", "name", "phone",
    "postal_code", "region", "sha256", "user_value",
]  # fmt: skip
