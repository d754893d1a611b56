"""What secrets and people look like on the wire, and where they hide: names of fields, shapes of values, encodings."""

from __future__ import annotations

import base64
import binascii
import csv
import gzip
import html
import io
import re
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import orjson

# --- by the name of the field, in letters only ---------------------------------------------------------------------

SECRET = re.compile(
    r"token\Z|secret\Z|passw(or)?d\Z|passphrase|assertion\Z|apikey\Z|"
    r"privatekey|authorization\Z|\Asignature\Z|sessionid\Z|\Asid\Z|cookie\Z|credentials?\Z|\Aclientid\Z|\Aconsumerkey\Z"
)
GIVEN = frozenset({"firstname", "givenname", "middlename"})
FAMILY = frozenset({"lastname", "familyname", "surname"})
WHOLE = frozenset({"fullname", "hsfullnameoremail", "displayname", "contactname"})
COMPANY = frozenset({"company", "companyname", "accountname"})
PHONE = re.compile(r"phone|mobile|\Afax\Z")
HOME = {
    re.compile(r"street\Z|\Aaddress\Z"): "1 Example Street", re.compile(r"postalcode\Z|\Azip\Z"): "00000",
    re.compile(r"birthdate\Z|dateofbirth\Z"): "1970-01-01",
}  # fmt: skip
"""What is nobody's business else, and what is written instead."""
ACCOUNT = frozenset({"portalid", "hubid", "appid", "userid", "organizationid", "orgid"})
NUMBERED = re.compile(
    r"""hubspot\.com/[\w-]+/(\d{5,})(?!\d)|portal_?id\\*["']?\s*[:=]\s*\\*["']?(\d{5,})""", re.IGNORECASE
)
"""An account's number in a link and in a sentence."""
PEOPLE = {"Contact": "fullname", "Lead": "fullname", "User": "fullname", "Account": "accountname"}
"""What Salesforce's `Name` is, by the record's type."""

# --- by shape --------------------------------------------------------------------------------------------------------

ADDRESS = re.compile(
    r"[\w+](?:(?:[\w.!#$*+^`{|}~-]|\\?')*[\w+-])?@(?:[\w-]+\.)+[^\W\d_][\w-]*[^\W\d_]"
)  # fmt: skip
RESERVED = re.compile(r"@(?:.+\.)?(?:example\.(?:com|org|net)|test|example|invalid|localhost)\Z", re.IGNORECASE)
"""Domains that are nobody's (RFC 2606)."""
NUMBER = re.compile(r"(?<![\w+])\+\d(?:[\s().-]{0,2}\d){7,14}(?!\d)|\(\d{3}\)\s?\d{3}[-\s]\d{4}(?!\d)")
FICTION = re.compile(r"\A(?:442079460\d{3}|1?\d{3}55501\d\d)\Z")
"""Digits of the numbers that are kept for fiction, in London and in North America."""
PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
TOKENS = re.compile(
    r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?"  # a JWT
    r"|\bpat-(?!scrubbed)[\w-]{6,}"  # HubSpot's
    r"|\b00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?![\w.]{8,}"  # a session of Salesforce's
    r"|(?<=\bbearer )\s*(?!(?:pat-)?scrubbed)[\w.~+/=!-]{8,}|(?<=\bbasic )\s*(?!(?:pat-)?scrubbed)[\w.~+/=!-]{8,}",
    re.IGNORECASE,
)
SAID = re.compile(
    r"\b([\w-]{0,40}?(?:token|secret|passw(?:or)?d|assertion|api_?key|hapikey|session_?id|cookie)|sid)\b"
    r"""(\\*["']?\s*[:=>]\s*\\*["']?)((?:bearer|basic)\s+)?(?!(?:pat-)?scrubbed)([^\s"'\\&<>,;)}\]]{4,})""",
    re.IGNORECASE,
)
"""`client_secret=…`, `"access_token": "…"`, `<sessionId>…<` within any text."""
HOST = re.compile(
    r"\b(?!(?:login|test|www|developer|help)\.)[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*"
    r"\.(?:salesforce|force|visualforce|documentforce|salesforce-setup)\.com\b", re.IGNORECASE,
)  # fmt: skip
ORGANISATION = re.compile(r"(?<![A-Za-z0-9])00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?(?![A-Za-z0-9])")

# --- where they hide ---------------------------------------------------------------------------------------------------

PERCENT = re.compile(r"[\w.~!*'()+-]*(?:%[0-9A-Fa-f]{2}[\w.~!*'()+-]*)+")
ESCAPES = re.compile(r"\\+[uU]([0-9a-fA-F]{4})")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
READABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{8,}")
"""By chance, one in a hundred runs of letters decodes to as much."""
FORM = re.compile(r"[\w.%+~-]+=[^\s{}<>\"]*(?:&[\w.%+~-]+=[^\s{}<>\"]*)*\Z")
FARTHEST = 4
"""How many encodings within one another are looked through."""


def plain(body: bytes) -> bytes:
    """Unpacked, if it is packed."""
    if body[:2] == b"\x1f\x8b":
        try:
            return plain(gzip.decompress(body))
        except (OSError, EOFError, zlib.error):
            return body
    return body


def unescaped(text: str) -> str:
    r"""`A` and pairs of them, however many backslashes stand before."""
    raw = ESCAPES.sub(lambda m: chr(int(m[1], 16)), text)
    return raw.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if raw != text else text


def decoded(run: str) -> Iterator[str]:
    """The readable stretches of what a run of base64 may mean, wherever in it the encoded part begins."""
    known = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    for start in range(4):
        part = known[start:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        try:
            raw = base64.b64decode(part + "=" * (-len(part) % 4))
        except binascii.Error:
            continue
        yield from READABLE.findall(plain(raw).decode("utf-8", "replace"))


def views(text: str, depth: int = FARTHEST) -> Iterator[str]:
    """A text, and everything that it is an encoding of."""
    yield text
    if not depth:
        return
    for other in {unescaped(text), html.unescape(text), unquote_plus(text)} - {text}:
        yield from views(other, depth - 1)
    for run in BASE64.findall(text):
        for other in decoded(run):
            yield from views(other, depth - 1)


def is_secret(key: str) -> bool:
    """Whether what stands in a field of that name is one; a placeholder may have become a name itself."""
    return bool(SECRET.search(key)) and not key.startswith(("scrubbed", "patscrubbed"))


def letters(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def parsed(text: str) -> Any:
    """A JSON table or list in a text; None for anything else."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def rows(text: str) -> list[dict[str, str]]:
    """A CSV's."""
    return [{k: v or "" for k, v in row.items() if k} for row in csv.DictReader(io.StringIO(text, newline=""))]


def named(value: Any) -> Iterator[tuple[str, str, str]]:
    """(key, name of the value, …) pairs that a table spells out: `{"name": "lastname", "value": "…"}`."""
    for one in ("name", "property", "propertyName"):
        for other in ("value", "propertyValue"):
            if isinstance(value.get(one), str) and isinstance(value.get(other), str):
                yield other, value[one], value[other]


def pairs(value: Any, key: str = "", depth: int = FARTHEST) -> Iterator[tuple[str, str]]:
    """(name in letters, text) of every leaf, also of JSON and forms within texts."""
    if isinstance(value, dict):
        kind = (value.get("attributes") or {}).get("type") if isinstance(value.get("attributes"), dict) else None
        for k, v in value.items():
            yield from pairs(v, PEOPLE.get(str(kind), letters(k)) if k == "Name" else letters(k), depth)
        for _, name, text in named(value):
            yield letters(name), text
    elif isinstance(value, list):
        for v in value:
            yield from pairs(v, key, depth)
    elif isinstance(value, str):
        inner = parsed(value) if depth else None
        if inner is not None:
            yield from pairs(inner, key, depth - 1)
        elif depth and FORM.match(value) and not BASE64.fullmatch(value):
            for k, v in parse_qsl(value):
                yield from pairs(v, letters(k), depth - 1)
        yield key, value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield key, str(value)
