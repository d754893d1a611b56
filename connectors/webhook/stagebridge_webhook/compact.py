"""A body as its sender's JSON.stringify wrote it, for senders that sign that and not the bytes that they send."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal

MOST = 65536
"""Bytes of a body that is written anew: a stranger can have it done before his signature is known to be wrong."""

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[^\s"]')


def compact(body: bytes) -> bytes | None:
    """Without spaces, text and numbers as ECMAScript writes them; None for what is no JSON. The order stays, but for keys that
    are whole numbers: JavaScript would put those first."""
    if len(body) > MOST:
        return None
    try:
        return "".join(map(_written, TOKEN.findall(body.decode()))).encode()
    except (ValueError, OverflowError):  # also half a character, which no bytes stand for
        return None


def _written(token: str) -> str:
    if token[0] == '"':
        return json.dumps(json.loads(token), ensure_ascii=False)
    return number(float(token)) if token[0] in "-0123456789" else token


def number(value: float) -> str:
    """ECMA-262, Number::toString."""
    if value == 0:
        return "0"
    if math.isinf(value):
        return "null"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text, point = "".join(map(str, digits)), len(digits) + exponent
    if len(text) <= point <= 21:
        text = text.ljust(point, "0")
    elif 0 < point <= 21:
        text = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + text
    else:
        text = f"{text[0]}{'.' + text[1:] if text[1:] else ''}e{point - 1:+d}"
    return "-" * sign + text


__all__ = ["compact"]
