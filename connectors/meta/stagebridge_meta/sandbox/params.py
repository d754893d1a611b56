"""What a request says, in whichever of its encodings: JSON, a form, or the query."""

from __future__ import annotations

import gzip
import zlib
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl

import orjson

from stagebridge.sandbox import Call
from stagebridge_meta.sandbox.errors import GraphError


class Params:
    """Parameters of query and body together; the body's win. Those of a form are text, and nested ones JSON in it.

    A body that cannot be read is only complained of when it is asked for: who is asking comes first.
    """

    def __init__(self, call: Call, *, unzips: bool) -> None:
        self.values: dict[str, Any] = dict(call.query)
        self.in_body: frozenset[str] = frozenset()
        self._native = False
        self._broken = False
        if not call.body:
            return
        try:
            said = self._read(call, unzips)
        except (ValueError, OSError, EOFError, zlib.error):
            self._broken = True
            return
        self.in_body = frozenset(said)
        self.values |= said

    def _read(self, call: Call, unzips: bool) -> dict[str, Any]:
        body, kind = call.body, call.headers.get("content-type", "")
        if call.headers.get("content-encoding", "") == "gzip":
            if not unzips:
                raise ValueError("compressed")
            body = gzip.decompress(body)
        if kind.startswith("application/json"):
            said = orjson.loads(body)
            if not isinstance(said, dict):
                raise ValueError("no object")
            self._native = True
            return said
        if kind.startswith("multipart/form-data"):
            return _multipart(kind, body)
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return "" if value is None else str(value)

    def number(self, name: str, otherwise: int) -> int:
        text = self.text(name)
        if not text:
            return otherwise
        if not text.isascii() or not text.isdigit():
            raise GraphError(100, f"(#100) param {name} must be an integer.")
        return int(text)

    def array(self, name: str) -> list[Any]:
        """A list, or nothing. Raises `GraphError`."""
        value = self.values.get(name, [])
        if isinstance(value, str) and not (self._native and name in self.in_body):
            value = _json(value)
        if self._broken or not isinstance(value, list):
            raise GraphError(100, f"(#100) param {name} must be an array.")
        return value

    def events(self) -> list[Any]:
        """The events of `data`: objects, or in a form also JSON texts of objects. Raises `GraphError`."""
        events = self.array("data")
        return events if self._native else [_json(e) if isinstance(e, str) else e for e in events]


def _json(text: str) -> Any:
    """What a form holds as text; None, which is good for nothing, where it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _multipart(kind: str, body: bytes) -> dict[str, str]:
    parsed = message_from_bytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    if not parsed.is_multipart():
        raise ValueError("no parts")
    out = {}
    for part in parsed.get_payload():
        name = part.get_param("name", header="content-disposition") if not isinstance(part, str) else None
        if isinstance(name, str) and not isinstance(part, str):
            content = part.get_payload(decode=True)
            out[name] = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    return out
