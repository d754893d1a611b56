"""Canonical forms of single values. Every function is idempotent and raises `Invalid` with a reason that shows no more
of the value than its first characters."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from zoneinfo import available_timezones

import phonenumbers

from stagebridge.countries import ALIASES, NAMES

_NOISE = "\u200b\u2060\ufeff\u00ad"  # zero-width space, word joiner, byte order mark, soft hyphen
_JOINERS = "\u200c\u200d"  # spelling in Persian names and in emoji: they stay inside a text
_MARKS = "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of writing: address books paste them along
_IN_TEXT = dict.fromkeys(map(ord, _NOISE))
_EDGES = re.compile(rf"\A[\s{_JOINERS}{_MARKS}]+|[\s{_JOINERS}{_MARKS}]+\Z")
_INVISIBLE = re.compile(rf"[{_NOISE}{_JOINERS}{_MARKS}]")
_NEVER = r"\x00-\x20\x7f\s@,;<>()\[\]\\\""  # what no part of an address has
_EMAIL = re.compile(rf"[^{_NEVER}]+@[^.{_NEVER}]+(\.[^.{_NEVER}]+)+\Z")
_INTERNATIONAL = re.compile(r"\+[0-9 ().-]{7,38}\Z")
_NOT_DIALLED = dict.fromkeys(map(ord, "+ ().-"))
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)?([^\s/?#]*@)?([^\s/?#@.]+(?:\.[^\s/?#@.]+)+\.?)([/?#]\S*)?\Z")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{1,8})*)\Z")


class Invalid(ValueError):
    """The value has no canonical form; the message is a reason for a person to read."""


def masked(value: str) -> str:
    """Enough of a value to find it again by eye, not enough to know it."""
    return value[:3] + "…" if len(value) > 3 else "…"


def text(value: str) -> str:
    """Trimmed, Unicode NFC, case kept, without characters that nobody sees and that mean nothing."""
    if value.isascii():
        return value.strip()
    return _EDGES.sub("", unicodedata.normalize("NFC", value.translate(_IN_TEXT)))


def email(value: str) -> str:
    """Lower case, NFC, nothing invisible, no `mailto:`. Only the syntax is looked at."""
    cleaned = _lower(_bare(value))
    if cleaned.startswith("mailto:"):
        cleaned = re.sub(r"\A(mailto:\s*)+", "", cleaned)
    if not _EMAIL.match(cleaned) or len(cleaned) > 254:
        raise Invalid(f"'{masked(cleaned)}' is not an e-mail address")
    return cleaned


def phone(value: str, region: str | None = None) -> str:
    """E.164 with `+`. A national number needs `region` (ISO 3166-1 alpha-2) and is never guessed without one, nor is
    the area code of a local one. An extension is no part of E.164 and is left out."""
    cleaned = _bare(value)
    return _written_out(cleaned) or _phone(cleaned, region.upper() if region else None)


def _written_out(value: str) -> str | None:
    """E.164 of an international number that needs no interpretation: after its country code come as many digits as
    numbers there have, and nothing at their beginning is dialled within the country only. Most numbers are such, and
    this takes a tenth of the time; None leaves a number to phonenumbers, whose tables these are."""
    if not _INTERNATIONAL.match(value):
        return None
    digits = value.translate(_NOT_DIALLED)
    for length in (1, 2, 3):
        if plan := _plan(digits[:length]):
            lengths, prefix = plan
            rest = digits[length:]
            return "+" + digits if len(rest) in lengths and not (prefix and prefix.match(rest)) else None
    return None


@lru_cache(maxsize=2048)
def _plan(code: str) -> tuple[frozenset[int], re.Pattern[str] | None] | None:
    """How long numbers under a country code are, and what may stand before them; None where there is no such code."""
    region = phonenumbers.region_code_for_country_code(int(code))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    if code.startswith("0") or metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    return frozenset(metadata.general_desc.possible_length), re.compile(prefix) if prefix else None


@lru_cache(maxsize=65536)
def _phone(value: str, region: str | None) -> str:
    if region is not None and (found := _e164(value, region)):
        return found
    international = re.sub(r"\A(tel:|[( ])+", "", value, flags=re.IGNORECASE)
    if international.startswith("00"):
        international = "+" + international[2:]  # the international prefix of most of the world
    if not international.startswith(("+", "\uff0b")):
        if region is None:
            raise Invalid(f"a national number and no default_region is set ('{masked(value)}')")
        raise Invalid(f"'{masked(value)}' is not a possible phone number in {region}")
    found = _e164(international, None)
    if found is None:
        raise Invalid(f"'{masked(value)}' is not a possible phone number")
    return found


def _e164(value: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    found = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    # A number with one trunk prefix too many loses one at each reading: which number was meant, nobody can say.
    return found if value == found or _e164(found, None) == found else None


def country(value: str) -> str:
    """ISO 3166-1 alpha-2 from a code, an English short name or a usual alias."""
    cleaned = text(value)
    found = cleaned.upper() if cleaned.upper() in NAMES else _BY_NAME.get(_plain(cleaned))
    if found is None:
        raise Invalid(f"'{masked(cleaned)}' is not a country")
    return found


def country_name(code: str) -> str:
    """The English short name of an alpha-2 code."""
    return NAMES[country(code)]


def language(value: str) -> str:
    """BCP 47 with the usual case: `de`, `pt-BR`, `zh-Hant-TW`."""
    cleaned = text(value)
    match = _LANGUAGE.match(cleaned)
    if not match:
        raise Invalid(f"'{masked(cleaned)}' is not a language tag")
    parts = [match[1].lower()]
    for part in re.split(r"[-_]", match[2].lower())[1:]:
        if any(len(p) == 1 for p in parts):
            parts.append(part)  # an extension: all of it in lower case
        else:
            parts.append({2: part.upper(), 4: part.title()}.get(len(part), part))
    return "-".join(parts)


def timezone(value: str) -> str:
    """An IANA time zone name. The form `europe_slash_berlin` is understood too."""
    cleaned = text(value).replace("_slash_", "/").replace("_hyphen_", "-")
    found = _zones().get(cleaned.casefold().replace(" ", "_"))
    if found is None:
        raise Invalid(f"'{masked(cleaned)}' is not an IANA time zone")
    return found


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {z.casefold(): z for z in available_timezones()}


def url(value: str) -> str:
    """As given, trimmed, scheme and host in lower case; a missing scheme is left missing."""
    cleaned = text(value)
    match = _URL.match(cleaned)
    if not match:
        raise Invalid(f"'{masked(cleaned)}' is not a web address")
    scheme, user, host, rest = (part or "" for part in match.groups())
    return scheme.lower() + user + _lower(host) + rest


def _bare(value: str) -> str:
    return text(value if value.isascii() else _INVISIBLE.sub("", value))


def _lower(value: str) -> str:
    return value.lower() if value.isascii() else unicodedata.normalize("NFC", value.lower())


def _plain(value: str) -> str:
    stripped = "".join(c for c in unicodedata.normalize("NFKD", value.casefold()) if not unicodedata.combining(c))
    words = re.sub(r"[\W_]+", " ", stripped.replace("&", " and ")).split()
    return " ".join({"st": "saint"}.get(word, word) for word in words if word != "the")


_BY_NAME = {_plain(name): code for code, name in NAMES.items()} | {_plain(a): c for a, c in ALIASES.items()}
