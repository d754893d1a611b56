"""What a webhook makes of a request: whatever the method and the form, one bundle of names and values [D]."""

from __future__ import annotations

from email import policy
from email.message import Message
from email.parser import BytesParser
from typing import Any

import orjson

from stagebridge.sandbox import Call


def bundle_of(call: Call) -> dict[str, Any]:
    """The query's values and the body's. What is no object is under `value`, what cannot be read is there as text."""
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not call.body:
        return dict(call.query)
    if kind == "application/x-www-form-urlencoded":
        return {**call.query, **call.form()}
    if kind == "multipart/form-data":
        return {**call.query, **_parts(call)}
    try:
        said = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        said = call.body.decode("utf-8", "replace")
    return {**call.query, **(said if isinstance(said, dict) else {"value": said})}


def _parts(call: Call) -> dict[str, Any]:
    head = b"Content-Type: " + call.headers["content-type"].encode("latin-1") + b"\r\n\r\n"
    message = BytesParser(policy=policy.HTTP).parsebytes(head + call.body)
    return {str(p.get_param("name", header="content-disposition")): _text(p) for p in message.iter_parts()}


def _text(part: Message) -> str:
    data = part.get_payload(decode=True)
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)


__all__ = ["bundle_of"]
