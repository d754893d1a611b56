"""A cassette's file gives back every byte, and reads like what was said."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape import Message, Tape, dumps, loads


def tape(*bodies: bytes) -> Tape:
    sent = Message({"Content-Type": "text/plain"}, b"", method="GET", uri="http://hubspot.test/x?a=%20&b=")
    return Tape(
        "here",
        "a test",
        "2026-11-24T12:00:00+00:00",
        [["1"], None],
        [(sent, Message({}, b, status=200)) for b in bodies],
    )


def test_json_is_written_so_that_one_value_is_one_place_in_it() -> None:
    file = dumps(
        tape(b'{"results":[{"id":"1","properties":{"email":"ada@example.com"}},{"id":"2"}],"total":2}')
    ).decode()
    assert "{id: '1', properties: {email: ada@example.com}}" in file
    assert '"' not in file


@pytest.mark.parametrize("body", [
    b"", b"{}", b"null", b'{"a": 1}', b'{"b":1,"b":2}', b'{"at":"2026-11-24T12:00:00.000Z","no":"no","n":"007","x":"~"}',
    b'{"big":123456789012345678901234567890,"small":1e400}', b"[1.0,1e16,1e-7,-0.0]", "grant=é&x=\x85\x00".encode(), b"\xff\xfe\x00",
    b"a,b\n1,\"x\ny\"\n", b"a\r\nb\n", b"  lines\n\n  of text  \n", '{"\u2028":"\ufeff\U0001f511 \x7f\\u0000"}'.encode(), b"<html>\t</html>",
])  # fmt: skip
def test_every_byte_comes_back(body: bytes) -> None:
    assert loads(dumps(tape(body, b"x"))) == tape(body, b"x")


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.binary() | st.text().map(str.encode) | st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8,
).map(orjson.dumps))  # fmt: skip
def test_whatever_was_said_comes_back(body: bytes) -> None:
    assert loads(dumps(tape(body))) == tape(body)
