"""Takes secrets and people out of a recording before anything of it is written.

    scrubber = Scrubber({"scrubbed-token": token})
    tape = scrubber.scrubbed(raw)
    assert not scrubber.leaks(tape)

First it learns from the whole recording who is in it, by the names of fields; then every text is gone through, in whatever
encoding, and each value gets the same stand-in wherever it is, so that a replay still sends what was recorded.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlencode

import orjson

import scrub_shapes as shapes
from scrub_known import LEAST_DIGITS, NOBODY, Known, credentials, fields
from tape import Message, Tape, dumps


class Scrubber:
    """`secrets` and `names` are those that are known beforehand, by what is written in their place; `numbers` are those of
    accounts."""

    def __init__(
        self, secrets: Mapping[str, str] | None = None, *, names: Mapping[str, str] | None = None,
        numbers: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._known = Known(secrets, names=names, numbers=numbers)

    def leaks(self, tape: Tape) -> set[str]:
        """What a tape still holds, said without saying it; it is looked for in the file and in every text of the tape."""
        found: set[str] = set()
        texts = [dumps(replace(tape, against="", by="")).decode(), str(tape.given)]  # those are our own words
        for message in (m for both in tape.interactions for m in both):
            texts += [message.uri, *message.headers.values(), message.body.decode("utf-8", "replace")]
            for key, text in fields(message):
                texts.append(text)
                found |= {f"{what} in a field {key}" for what in self._known.seen_in(key, text)}
        for text in dict.fromkeys(texts):
            for view in shapes.views(text):
                found |= set(self._known.seen(view))
        return found

    # --- the whole recording -----------------------------------------------------------------------------------

    def scrubbed(self, tape: Tape) -> Tape:
        """Raises `ValueError` for a body that cannot be read, and so cannot be scrubbed."""
        self._known.learn(m for both in tape.interactions for m in both)
        known = -1
        # again, if something was first seen in one place that an earlier place may hold in another spelling
        while known < len(self._known):
            known = len(self._known)
            interactions = [(self._message(sent), self._message(got)) for sent, got in tape.interactions]
        return replace(tape, given=self._value(tape.given), interactions=interactions)

    def _message(self, message: Message) -> Message:
        body = shapes.plain(message.body)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise ValueError("a body is no text, so nobody can say what is in it") from None
        kind = next((v for k, v in message.headers.items() if k.lower() == "content-type"), "")
        changed = self._csv(text) if "csv" in kind else self._text(text)
        headers = {k: self._header(k, v) for k, v in message.headers.items()}
        return replace(message, headers=headers, uri=self._uri(message.uri), body=changed.encode())

    def _header(self, name: str, text: str) -> str:
        if name.lower() != "authorization":
            return self._text(text)
        scheme, secret = credentials(text)
        return f"{scheme}{self._known.secret(secret)}"

    # --- one value ---------------------------------------------------------------------------------------------

    def _value(self, value: Any, key: str = "", depth: int = shapes.FARTHEST) -> Any:
        if isinstance(value, dict):
            keys = {k: k for k in value} | {other: name for other, name, _ in shapes.named(value)}
            return {
                self._text(k, depth=depth): self._value(v, shapes.letters(keys[k]), depth) for k, v in value.items()
            }
        if isinstance(value, list):
            return [self._value(v, key, depth) for v in value]
        if isinstance(value, str):
            return self._text(value, key, depth)
        if isinstance(value, int) and not isinstance(value, bool):
            if shapes.PHONE.search(key) and len(str(value)) >= LEAST_DIGITS:
                return self._known.phone(str(value))
            return self._known.number(value)
        return value

    def _text(self, text: str, key: str = "", depth: int = shapes.FARTHEST) -> str:
        """A text under a name, with all that is in it."""
        if not text:
            return text
        if shapes.is_secret(key):
            return self._known.secret(text)
        if shapes.PHONE.search(key) and sum(c.isdigit() for c in text) >= LEAST_DIGITS:
            return self._known.phone(text)
        for pattern, instead in shapes.HOME.items():
            if pattern.search(key):
                return instead
        if key in shapes.GIVEN | shapes.FAMILY and len(text.strip()) == 1:
            return NOBODY
        if depth:
            inner = shapes.parsed(text)
            if inner is not None:
                changed = self._value(inner, key, depth - 1)
                return text if changed == inner else orjson.dumps(changed).decode()
            text = self._base64(text, depth - 1)  # first: a plus sign of it would be a space in a form
            if shapes.FORM.match(text) and not shapes.BASE64.fullmatch(text):
                return self._form(text, depth - 1)
            text = self._encoded(text, depth - 1)
        return self._known.replaced(text)

    def _encoded(self, text: str, depth: int) -> str:
        """What is hidden by an encoding is replaced there."""
        for decode in (shapes.unescaped, html.unescape):
            other = decode(text)
            if other != text and (changed := self._text(other, depth=depth)) != other:
                text = changed

        def percent(match: re.Match[str]) -> str:
            for decode in (unquote, unquote_plus):
                other = decode(match[0])
                if (changed := self._text(other, depth=depth)) != other:
                    return quote(changed, safe="")
            return match[0]

        return shapes.PERCENT.sub(percent, text) if "%" in text else text

    def _base64(self, text: str, depth: int) -> str:
        """A run that hides something is replaced as a whole."""

        def run(match: re.Match[str]) -> str:
            hides = any(self._text(other, depth=depth) != other for other in shapes.decoded(match[0]))
            return self._known.secret(match[0]) if hides else match[0]

        return shapes.BASE64.sub(run, text)

    # --- addresses and forms -----------------------------------------------------------------------------------

    def _uri(self, uri: str) -> str:
        path, mark, query = uri.partition("?")
        host = re.match(r"(?:https?://[^/]*)?", path)
        base = host[0] if host else ""
        segments = [self._segment(s) for s in path[len(base) :].split("/")]
        return base + "/".join(segments) + mark + (self._form(query, shapes.FARTHEST) if query else "")

    def _segment(self, segment: str) -> str:
        clear = unquote(segment)
        changed = self._text(clear)
        return segment if changed == clear else quote(changed, safe="")

    def _form(self, text: str, depth: int) -> str:
        given = parse_qsl(text, keep_blank_values=True)
        changed = [(self._text(k, depth=depth), self._text(v, shapes.letters(k), depth)) for k, v in given]
        return text if changed == given else urlencode(changed)

    def _csv(self, text: str) -> str:
        given = shapes.rows(text)
        changed = [{k: self._text(v, shapes.letters(k)) for k, v in row.items()} for row in given]
        if changed == given:
            return text
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(changed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(changed)
        return out.getvalue()


__all__ = ["Scrubber"]
