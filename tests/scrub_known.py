"""Who and what must not be written, learnt from the recording itself, and what is written instead.

Every value has one stand-in, in whatever case and spelling it comes. Stand-ins are values that no connector makes anything
else of: lower-case addresses, E.164 numbers.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping

import scrub_shapes as shapes
from cassette_people import NAMES
from tape import Message

PIECE = 12
"""Characters of a secret that give it away; shorter ones are looked for as a whole."""
CONSTANTS = frozenset({"[unknown]", "erased"})
"""What our own connectors write into the names of people."""
STAND_IN = re.compile(r"(?:Given|Family|Company)\d+\Z", re.IGNORECASE)
NOBODY = "Given0"
"""Of whom there is too little to tell him from others."""
PLACEHOLDER = re.compile(r"(?:pat-)?scrubbed(?:-[\w-]+)?\Z")
OWN_NUMBERS = re.compile(r"12345678\Z|99\d{7}\Z")
"""Of the stand-in's account, and stand-ins for others."""
PERSON, ORGANISATION, HOST = "person-{}@example.com", "00D000000000001AAA", "acme.my.salesforce.com"
SHORT = 8
"""Characters below which a secret is replaced in its field only: it might be anything elsewhere."""
LEAST_DIGITS = 7
"""Of a phone number."""
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Known:
    """`secrets` are known ones by their placeholder, `names` are known words (an organisation's own name) by theirs,
    `numbers` are accounts'; `keep` are names that are invented."""

    def __init__(
        self, secrets: Mapping[str, str] | None = None, *, names: Mapping[str, str] | None = None,
        numbers: Collection[str] = (), keep: Collection[str] = NAMES,
    ) -> None:  # fmt: skip
        words = {word: placeholder for placeholder, word in (names or {}).items() if word != placeholder}
        self._secrets = {value: placeholder for placeholder, value in (secrets or {}).items() if value != placeholder}
        self._placeholders = set(secrets or ())
        self._spellings = set(words)
        self._names = {plain(word): placeholder for word, placeholder in words.items()}
        self._keep = {plain(n) for n in (*keep, *CONSTANTS, *words.values())}
        self._addresses: dict[str, str] = {}
        self._phones: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        for digits in numbers:
            self._number(digits)
        self._called: re.Pattern[str] | None = None

    def __len__(self) -> int:
        return len(self._secrets)

    # --- learning ----------------------------------------------------------------------------------------------

    def learn(self, messages: Iterable[Message]) -> None:
        for message in messages:
            for key, text in fields(message):
                self._learn(key, text)
        self._called = _pattern(self._spellings)

    def _learn(self, key: str, text: str) -> None:
        if shapes.is_secret(key):
            self.secret(text)
        elif shapes.ADDRESS.fullmatch(text):
            self.address(text)
        elif key in shapes.GIVEN:
            self._name(text, "Given")
        elif key in shapes.FAMILY:
            self._name(text, "Family")
        elif key in shapes.COMPANY:
            self._name(text, "Company", words=False)
        elif key in shapes.WHOLE:
            first, _, rest = text.strip().partition(" ")
            self._name(first, "Given")
            self._name(rest, "Family")
        elif shapes.PHONE.search(key):
            self.phone(text)
        elif key in shapes.ACCOUNT and re.fullmatch(r"\d{5,}", text):
            self._number(text)
        for one, other in shapes.NUMBERED.findall(text):
            self._number(one or other)

    def _name(self, text: str, kind: str, *, words: bool = True) -> None:
        for word in (text.strip(), *(w for w in text.split() if words and len(w) > 2)):
            if len(word) > 1 and not self._is_invented(word):
                self._names.setdefault(plain(word), f"{kind}{len(self._names) + 1}")
                self._spellings.add(word)

    def _number(self, digits: str) -> None:
        if not OWN_NUMBERS.match(digits):
            self._numbers.setdefault(digits, f"99{len(self._numbers) + 1:07d}")

    def _is_invented(self, name: str) -> bool:
        """As a whole or word by word; nor is an address a name, or anything without a letter."""
        if plain(name) in self._keep or "@" in name or not any(c.isalpha() for c in name):
            return True
        return all(plain(word) in self._keep or STAND_IN.match(word) for word in name.split())

    def is_placeholder(self, text: str) -> bool:
        return text in self._placeholders or bool(PLACEHOLDER.match(text))

    # --- stand-ins ---------------------------------------------------------------------------------------------

    def secret(self, text: str) -> str:
        if self.is_placeholder(text):
            return text
        if text not in self._secrets:
            self._secrets[text] = f"scrubbed-{len(self._secrets) + 1}"
            self._placeholders.add(self._secrets[text])
        return self._secrets[text]

    def address(self, text: str) -> str:
        known = plain(text).replace("\\", "")
        if shapes.RESERVED.search(known):
            return text
        return self._addresses.setdefault(known, PERSON.format(len(self._addresses) + 1))

    def phone(self, text: str) -> str:
        digits = "".join(c for c in text if c.isdigit())
        if len(digits) < LEAST_DIGITS or shapes.FICTION.search(digits):
            return text
        return self._phones.setdefault(digits, f"+442079460{len(self._phones) + 100}")

    def number(self, number: int) -> int:
        return int(self._numbers.get(str(number), number))

    def replaced(self, text: str) -> str:
        """A text without them."""
        text = self._without_secrets(text)
        text = shapes.PEM.sub(lambda m: self.secret(m[0]), text)
        text = shapes.TOKENS.sub(lambda m: self.secret(m[0]), text)
        text = shapes.SAID.sub(lambda m: f"{m[1]}{m[2]}{m[3] or ''}{self.secret(m[4])}", text)
        text = shapes.ADDRESS.sub(lambda m: self.address(m[0]), text)
        text = shapes.HOST.sub(HOST, text)
        text = shapes.ORGANISATION.sub(ORGANISATION, text)
        text = shapes.NUMBER.sub(lambda m: self.phone(m[0]), text)
        for digits, stand_in in self._phones.items():
            text = _spaced(digits).sub(stand_in, text)
        for number, stand_in in self._numbers.items():
            text = re.sub(rf"(?<!\d){number}(?!\d)", stand_in, text)
        return self._called.sub(self._without_names, text) if self._called is not None else text

    def _without_names(self, match: re.Match[str]) -> str:
        """One name, or several that are written as one word."""

        def stand_in(one: re.Match[str]) -> str:
            name = self._names.get(plain(one[0]), NOBODY)
            return name.lower() if one[0].islower() else name  # connectors write addresses in lower case

        return re.sub(_either(self._spellings), stand_in, match[0], flags=re.IGNORECASE)

    def _without_secrets(self, text: str) -> str:
        """Whole, and in pieces."""
        lower = text.translate(LOWER)
        for secret, placeholder in self._sought():
            for start, end in reversed(list(_spans(secret, lower))):
                text, lower = (t[:start] + placeholder + t[end:] for t in (text, lower))
        return text

    def _sought(self) -> list[tuple[str, str]]:
        return [(s, p) for s, p in self._secrets.items() if len(s) >= SHORT]

    # --- looking for them again --------------------------------------------------------------------------------

    def seen(self, text: str) -> Iterator[str]:
        """What a text holds of them, said without saying it."""
        lower = text.translate(LOWER)
        for secret, placeholder in self._sought():
            if any(True for _ in _spans(secret, lower)):
                yield f"a piece of what {placeholder} stands for"
        if any(not shapes.RESERVED.search(a) for a in shapes.ADDRESS.findall(text)):
            yield "an e-mail address"
        if shapes.TOKENS.search(text) or shapes.PEM.search(text):
            yield "a token or a key"
        if any(h.lower() != HOST for h in shapes.HOST.findall(text)):
            yield "an organisation's host"
        if any(i != ORGANISATION for i in shapes.ORGANISATION.findall(text)):
            yield "an organisation's id"
        if any(_spaced(d).search(text) for d in self._phones):
            yield "a phone number"
        if any(re.search(rf"(?<!\d){n}(?!\d)", text) for n in self._numbers):
            yield "an account's number"
        if self._called is not None and self._called.search(text):
            yield "a name"

    def seen_in(self, key: str, text: str) -> Iterator[str]:
        """What the name of a field says that its value is."""
        if shapes.is_secret(key) and text and not self.is_placeholder(text):
            yield "a secret"
        if key in shapes.GIVEN | shapes.FAMILY | shapes.WHOLE and not self._is_invented(text):
            yield "a name"
        digits = "".join(c for c in text if c.isdigit())
        if shapes.PHONE.search(key) and len(digits) >= LEAST_DIGITS and not shapes.FICTION.search(digits):
            yield "a phone number"


def fields(message: Message) -> Iterator[tuple[str, str]]:
    """(name in letters, text) of all that a message says: in its body, its query and its `Authorization`."""
    query = message.uri.partition("?")[2]
    text = shapes.plain(message.body).decode("utf-8", "replace")
    kind = next((v for k, v in message.headers.items() if k.lower() == "content-type"), "")
    yield from shapes.pairs(shapes.rows(text) if "csv" in kind else text)
    yield from shapes.pairs(query)
    for name, value in message.headers.items():
        if name.lower() == "authorization":
            yield "authorization", credentials(value)[1]


def credentials(header: str) -> tuple[str, str]:
    """The scheme, with its space, and the rest, which alone may be there."""
    scheme, space, secret = header.partition(" ")
    return (scheme + space, secret) if space else ("", header)


def _spans(secret: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a secret is, or any piece of it that is long enough; pieces that touch are one."""
    secret = secret.translate(LOWER)
    whole = len(secret) < PIECE + 4
    pieces = [secret] if whole else [secret[i : i + PIECE] for i in range(len(secret) - PIECE + 1)]
    marks = sorted({(at, at + len(p)) for p in pieces for at in _places(p, text)})
    while marks:
        start, end = marks.pop(0)
        while marks and marks[0][0] <= end:
            end = max(end, marks.pop(0)[1])
        yield start, end


def _places(part: str, text: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def plain(text: str) -> str:
    """In one spelling, whatever the case and however its accents are composed."""
    return unicodedata.normalize("NFC", text).casefold()


def _either(names: Collection[str]) -> str:
    """Any of these names, in any case, and however accents and ligatures are written."""
    cases = {case for n in names for case in (n, n.upper(), n.casefold())}
    written = cases | {unicodedata.normalize(form, case) for case in cases for form in ("NFC", "NFD")}
    once = {w.lower() if len(w.lower()) == len(w) else w for w in written}
    return "|".join(re.escape(w) for w in sorted(once, key=lambda w: (-len(w), w)))


def _pattern(names: Collection[str]) -> re.Pattern[str] | None:
    """Where they are not a part of a longer word or of an identifier; other scripts than ours put no spaces around them."""
    if not names:
        return None
    before, after = r"(?:(?<![A-Za-z_])|(?=[^\x00-\x7f]))", r"(?:(?![A-Za-z_])|(?<=[^\x00-\x7f]))"
    either = f"(?:{_either(names)})"
    return re.compile(f"{before}{either}(?:_?{either})*{after}", re.IGNORECASE)


def _spaced(digits: str) -> re.Pattern[str]:
    """These digits as people write them."""
    return re.compile(r"(?<!\d)\+?\(?" + r"[\s().-]{0,2}".join(digits) + r"(?!\d)")


__all__ = ["LEAST_DIGITS", "NOBODY", "Known", "credentials", "fields"]
