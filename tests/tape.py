"""A cassette as a file: what it was recorded against, what its test had staged, every request and its answer.

JSON is written as YAML, so that one changed value is one changed line, wherever that gives the very same bytes back; other
text as it is, the rest as base64.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml

from stagebridge.document import LOADER

CASSETTES = Path(__file__).parents[1] / "cassettes"
WIDTH, BRIEF = 120, 100


@dataclass(frozen=True, slots=True)
class Message:
    """A request (`method`, `uri`) or an answer (`status`)."""

    headers: Mapping[str, str]
    body: bytes
    method: str = ""
    uri: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True)
class Tape:
    """`against` says what was recorded and `by` which test it belongs to; `clock` is the time (ISO 8601) at which that
    test's clock starts; `given` is what its staging returned, in order."""

    against: str
    by: str
    clock: str
    given: list[Any] = field(default_factory=list)
    interactions: list[tuple[Message, Message]] = field(default_factory=list)

    @property
    def is_real(self) -> bool:
        return self.against.startswith("the real ")


def path_of(platform: str, test: str, folder: Path = CASSETTES) -> Path:
    """Where the cassette of a test is kept."""
    return folder / platform / f"{test.removeprefix('test_')}.yaml"


def dumps(tape: Tape) -> bytes:
    """Raises `ValueError` for a tape that the file would not give back as it is."""
    for careful in (False, True):  # hardly any JSON is other JSON once it has been YAML
        text = _yaml(_file(tape, careful)).encode()
        if loads(text) == tape:
            return text
    raise ValueError("this recording does not survive being written and read again")


def _file(tape: Tape, careful: bool) -> dict[str, Any]:
    def request(m: Message) -> _Block:
        return _Block(method=m.method, uri=m.uri, headers=dict(m.headers), **_shown(m.body, careful))

    def answer(m: Message) -> _Block:
        return _Block(status=m.status, headers=dict(m.headers), **_shown(m.body, careful))

    interactions = [_Block(request=request(sent), response=answer(got)) for sent, got in tape.interactions]
    about = {"recorded against": tape.against, "by": tape.by, "clock": tape.clock, "given": tape.given}
    return _Block(about | {"interactions": interactions})


def loads(data: bytes) -> Tape:
    read = yaml.load(data, LOADER)
    interactions = [
        (
            Message(r["request"]["headers"], _bytes(r["request"]), method=r["request"]["method"], uri=r["request"]["uri"]),
            Message(r["response"]["headers"], _bytes(r["response"]), status=r["response"]["status"]),
        )
        for r in read["interactions"]
    ]  # fmt: skip
    return Tape(read["recorded against"], read["by"], read["clock"], read["given"], interactions)


def _shown(body: bytes, careful: bool) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = orjson.loads(body)
        if orjson.dumps(value) == body and (not careful or orjson.dumps(_again(value)) == body):
            return {"json": value}
    except (orjson.JSONDecodeError, yaml.YAMLError):
        pass
    try:
        text = body.decode()
        return {"text": text} if not careful or _again(text) == text else {"base64": _base64(body)}
    except (UnicodeDecodeError, yaml.YAMLError):
        return {"base64": _base64(body)}


def _again(value: Any) -> Any:
    return yaml.load(_yaml(value), LOADER)


def _bytes(shown: Mapping[str, Any]) -> bytes:
    if "json" in shown:
        return orjson.dumps(shown["json"])
    if "text" in shown:
        return str(shown["text"]).encode()
    return base64.b64decode(shown.get("base64", ""))


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


class _Block(dict[str, Any]):
    """Written key by key, however short it is."""


class _Dumper(yaml.SafeDumper):
    """Python's own, which writes the same on every machine. What holds little but plain values is written in one go, text of
    several lines as it is."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = flow_style is not False and all(_brief(value) for _, value in node.value)
        return node


def _brief(node: yaml.Node) -> bool:
    if isinstance(node, yaml.ScalarNode):
        return node.style != "|"
    parts = [x for pair in node.value for x in (pair if isinstance(pair, tuple) else (pair,))]
    return all(isinstance(p, yaml.ScalarNode) for p in parts) and sum(len(p.value) for p in parts) < BRIEF


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Block, lambda d, data: d.represent_mapping("tag:yaml.org,2002:map", data, flow_style=False))


def _yaml(value: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=None, sort_keys=False, allow_unicode=True, width=WIDTH
    )
    return text


__all__ = ["CASSETTES", "Message", "Tape", "dumps", "loads", "path_of"]
