"""YAML as stagebridge reads it: every scalar is text, only `~` is null, and every entry knows its line.

A key written twice, an anchor, an alias or a merge key is an error: what the file says is what it looks like.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stagebridge.errors import ConfigError

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML was built with it: ten times as fast."""


class Table(dict[str, Any]):
    """A YAML table; `where(key)` is `file:line`."""

    file: str = ""
    line: int = 0
    marks: dict[str, tuple[str, int]]

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file, self.line, self.marks = file, line, {}

    def where(self, key: str | None = None) -> str:
        file, line = self.marks.get(key, (self.file, self.line)) if key is not None else (self.file, self.line)
        return f"{file}:{line}" if line else file


def parse(text: str, file: str) -> Table:
    """The document as nested tables, lists and texts. Raises `ConfigError` with file and line."""
    text = _REFERENCE.sub("$\ue000\\1\ue001", text)
    try:
        try:
            node = _composed(text, file, LOADER)
        except yaml.YAMLError:
            node = _composed(text, file, yaml.SafeLoader)  # slower, and its sentences say more
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: {error.problem or error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: {error}") from None
    if node is None:
        return Table(file, 1)
    problems: list[str] = []
    value = _value(node, file, problems)
    if problems:
        raise ConfigError("\n".join(problems))
    if not isinstance(value, Table):
        raise ConfigError(f"{file}:1: the file is not a table of keys")
    return value


def _composed(text: str, file: str, loader: Any) -> Node | None:
    for event in yaml.parse(text, Loader=loader):
        if getattr(event, "anchor", None) is not None:
            raise ConfigError(
                f"{file}:{event.start_mark.line + 1 if event.start_mark else 0}: anchors and aliases are not used here; write it out"
            )
    found: Node | None = yaml.compose(text, Loader=loader)
    return found


def parse_file(path: Path) -> Table:
    try:
        return parse(path.read_text("utf-8"), path.name)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}", hint="Give the path of a file that exists.") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None


def from_dict(value: dict[str, Any], file: str = "dict") -> Table:
    """A plain dict as if it had been a file: scalars become text."""
    table = Table(file, 0)
    for key, inner in value.items():
        table[str(key)] = _plain(inner, file)
    return table


def nearest(word: str, known: Any) -> str:
    """` (nearest: x)`, or nothing."""
    near = get_close_matches(word, [str(k) for k in known], 1, 0.6)
    return f" (nearest: {near[0]})" if near else ""


def _plain(value: Any, file: str) -> Any:
    if isinstance(value, dict):
        return from_dict(value, file)
    if isinstance(value, list | tuple):
        return [_plain(v, file) for v in value]
    if value is None or isinstance(value, str):
        return value
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


_REFERENCE = re.compile(r"\$\{(\w*)\}")
"""`${NAME}` may stand in `{…}` without quotes, where YAML alone would take its braces for a table: they are private
characters while YAML looks."""


def _value(node: Node, file: str, problems: list[str]) -> Any:
    line = node.start_mark.line + 1
    if isinstance(node, MappingNode):
        table = Table(file, line)
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1
            key = _scalar(key_node) if isinstance(key_node, ScalarNode) else ""
            if not isinstance(key_node, ScalarNode):
                problems.append(f"{file}:{at}: a key is a plain word")
            elif key == "<<":
                problems.append(f"{file}:{at}: merge keys are not used here; `extends:` does that")
            elif key in table:
                problems.append(f"{file}:{at}: '{key}' is written twice (first in line {table.marks[key][1]})")
            table[key] = _value(value_node, file, problems)
            table.marks[key] = (file, at)
        return table
    if isinstance(node, SequenceNode):
        return [_value(item, file, problems) for item in node.value]
    assert isinstance(node, ScalarNode)
    plain = not node.style  # None or "", by loader
    return None if plain and node.value == "~" else _scalar(node)


def _scalar(node: ScalarNode) -> str:
    return str(node.value).replace("\ue000", "{").replace("\ue001", "}")
