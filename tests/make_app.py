"""The files of our app for Make, read without its comments, and what one may ask of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

APP = Path(__file__).parents[1] / "connectors" / "make" / "app"
UNNAMED = {"makecomapp.json", ".gitignore"}
"""Files of the project itself, which no component names."""
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
EXPRESSION = re.compile(r"\{\{(.*?)\}\}")


def parsed(text: str) -> Any:
    """JSON with comments, as `.iml.json` files are."""
    return json.loads(TOKEN.sub(lambda m: m[0] if m[0].startswith('"') else "", text))


def texts(value: Any) -> Iterator[str]:
    """Every text in it, keys too."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def uses(value: Any, variable: str) -> set[str]:
    """`{"x"}` for `{{…variable.x…}}` anywhere in it."""
    said = " ".join(e for t in texts(value) for e in EXPRESSION.findall(t))
    return set(re.findall(rf"(?<![\w.]){variable}\.(\w+)", said))


def calls(value: Any) -> list[dict[str, Any]]:
    """The requests of a communication: one, or several in a row."""
    return [c for c in (value if isinstance(value, list) else [value]) if "url" in c]


@dataclass(frozen=True)
class Component:
    kind: str
    name: str
    about: dict[str, Any]
    files: dict[str, Any]
    """What is in its files, by their kind (`communication`, `params` …)."""


class App:
    """One app in a folder."""

    def __init__(self, folder: Path = APP) -> None:
        self.folder = folder
        self.project = parsed((folder / "makecomapp.json").read_text("utf-8"))

    def read(self, path: str) -> Any:
        return parsed((self.folder / path).read_text("utf-8"))

    @cached_property
    def base(self) -> Any:
        return self.read(self.project["generalCodeFiles"]["base"])

    @cached_property
    def components(self) -> list[Component]:
        return [
            Component(kind, name, about, {k: self.read(path) for k, path in about["codeFiles"].items()})
            for kind, found in self.project["components"].items() for name, about in found.items()
        ]  # fmt: skip

    def of(self, kind: str) -> list[Component]:
        return [c for c in self.components if c.kind == kind]

    def one(self, kind: str, name: str) -> Component:
        return next(c for c in self.of(kind) if c.name == name)

    def named(self) -> dict[str, str]:
        """{path: its kind} of every file that the project names; those of connections are `connection communication` …."""
        found = {path: kind for kind, path in self.project["generalCodeFiles"].items() if path is not None}
        for kind, components in self.project["components"].items():
            for about in components.values():
                for code, path in about["codeFiles"].items():
                    found[path] = f"{kind} {code}" if kind == "connection" else code
        return found

    def on_disk(self) -> set[str]:
        paths = {p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file()}
        return paths - UNNAMED
