"""What Zapier makes of a request to a catch hook: JSON, a form, XML or a query; what is nested in text is parsed too [D].

Not documented, and ours: a body whose type is not said is tried as JSON, XML and a form in this order; an element's text and
its children; what cannot be read is kept as `raw_body`. A query counts where there is no body.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import orjson

from stagebridge.sandbox import Call

DEEPEST = 20
"""Levels of text in text that are parsed; not documented."""


def items(call: Call) -> list[dict[str, Any]]:
    """What each run is given: one for each element of a list [D], one for anything else."""
    nested = call.headers.get("x-recurse-parse", "").strip().lower() != "false"  # [D]
    said = _read(call)
    whole = _inner(said, DEEPEST) if nested else said
    return [one if isinstance(one, dict) else {"value": one} for one in (whole if isinstance(whole, list) else [whole])]


def _read(call: Call) -> Any:
    if not call.body:
        return dict(call.query)
    kind = call.headers.get("content-type", "").lower()
    readers = [reader for word, reader in (("json", _json), ("xml", _xml), ("form-urlencoded", _form)) if word in kind]
    for reader in readers or (_json, _xml, _form):
        try:
            return reader(call.body)
        except ValueError:
            continue
    return {"raw_body": call.body.decode("utf-8", "replace")}


def _json(body: bytes) -> Any:
    return orjson.loads(body)


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))


def _xml(body: bytes) -> dict[str, Any]:
    if b"<!" in body:
        raise ValueError("entities are for nobody's good")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from None
    return {root.tag: _element(root)}


def _element(element: ElementTree.Element) -> Any:
    """Text, or the children by name; of several with one name a list."""
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        value = _element(child)
        if child.tag in found:
            before = found[child.tag]
            found[child.tag] = [*(before if isinstance(before, list) else [before]), value]
        else:
            found[child.tag] = value
    return found


def _inner(value: Any, levels: int) -> Any:
    """The same with what is JSON or XML in a text taken apart as well."""
    if levels < 0:
        return value
    if isinstance(value, dict):
        return {k: _inner(v, levels - 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_inner(v, levels - 1) for v in value]
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", "<"):
        for reader in (_json, _xml):
            try:
                return _inner(reader(value.encode()), levels - 1)
            except ValueError:
                continue
    return value


__all__ = ["items"]
