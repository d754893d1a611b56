"""Canonical forms of single values. Every function is idempotent and raises `Invalid` with a reason that shows no more
of the value than its first characters."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import phonenumbers

from stagebridge.countries import ALIASES, NAMES

ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_EMAIL = re.compile(r"[^\s@,;<>()\[\]\\\"]+@[^\s@,;<>()\[\]\\\"]+\.[^\s@,;<>()\[\]\\\"]+\Z")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{2,8})*)\Z")


class Invalid(ValueError):
    """The value has no canonical form; the message is a reason for a person to read."""


def masked(value: str) -> str:
    """Enough of a value to find it again by eye, not enough to know it."""
    return value[:3] + "…" if len(value) > 3 else "…"


def text(value: str) -> str:
    """Trimmed, Unicode NFC, zero-width characters removed, case kept."""
    return unicodedata.normalize("NFC", value.translate(ZERO_WIDTH)).strip()


def email(value: str) -> str:
    """Lower case, NFC, no zero-width characters, no `mailto:`. Only the syntax is looked at."""
    cleaned = text(value).removeprefix("mailto:").lower()
    if not _EMAIL.match(cleaned) or ".." in cleaned or len(cleaned) > 254:
        raise Invalid(f"'{masked(cleaned)}' is not an e-mail address")
    return cleaned


def phone(value: str, region: str | None = None) -> str:
    """E.164 with `+`. A national number needs `region` (ISO 3166-1 alpha-2) and is never guessed without one."""
    return _phone(text(value), region.upper() if region else None)


@lru_cache(maxsize=65536)
def _phone(value: str, region: str | None) -> str:
    if value.startswith("00"):
        value = "+" + value[2:]  # the international prefix of most of the world
    if region is None and not value.lstrip("( ").startswith("+"):
        raise Invalid(f"a national number and no default_region is set ('{masked(value)}')")
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        raise Invalid(f"'{masked(value)}' is not a phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise Invalid(f"'{masked(value)}' is not a possible phone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def country(value: str) -> str:
    """ISO 3166-1 alpha-2 from a code, an English short name or a usual alias."""
    cleaned = text(value)
    upper = cleaned.upper()
    if upper in NAMES:
        return upper
    found = _BY_NAME.get(_plain(cleaned))
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
    for part in re.split(r"[-_]", match[2])[1:]:
        parts.append(part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part.lower())
    return "-".join(parts)


def timezone(value: str) -> str:
    """An IANA time zone name. HubSpot's form (`europe_slash_berlin`) is understood too."""
    cleaned = text(value).replace("_slash_", "/").replace("_hyphen_", "-")
    found = _zones().get(cleaned.casefold().replace(" ", "_"))
    if found is None:
        raise Invalid(f"'{masked(cleaned)}' is not an IANA time zone")
    return found


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {z.casefold(): z for z in available_timezones()}


def url(value: str) -> str:
    """As given, trimmed, the host in lower case; a missing scheme is left missing."""
    cleaned = text(value)
    if re.search(r"\s", cleaned) or "." not in cleaned:
        raise Invalid(f"'{masked(cleaned)}' is not a web address")
    if "://" not in cleaned:
        host, slash, rest = cleaned.partition("/")
        return host.lower() + slash + rest
    parts = urlsplit(cleaned)
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()


def _plain(value: str) -> str:
    stripped = "".join(c for c in unicodedata.normalize("NFKD", value.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", " ", stripped).strip().removeprefix("the ")


_BY_NAME = {_plain(name): code for code, name in NAMES.items()} | {_plain(a): c for a, c in ALIASES.items()}
