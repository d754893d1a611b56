"""docs/connectors.md says what our platforms declare and which checks they are put through."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from distributions import CONNECTORS
from stagebridge.config import connectors
from stagebridge.connector import Capabilities, Connector
from stagebridge.testing import checks_of

PAGE = Path(__file__).parents[2] / "docs" / "connectors.md"
OURS: dict[str, type[Connector]] = {d.folder.name: connectors()[d.folder.name].load() for d in CONNECTORS}


def flat(value: Any, name: str) -> dict[str, str]:
    """{capability: what is declared}; what a platform lacks is left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {k: v for f in fields(value) for k, v in flat(getattr(value, f.name), f"{name}.{f.name}").items()}
    if value in (None, False, ()):
        return {}
    return {name.removeprefix("."): text(value)}


def text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "yes" if value is True else f"{value:g}" if isinstance(value, float) else str(value)


def capabilities() -> list[list[str]]:
    declared = {n: flat(c.capabilities, "") for n, c in OURS.items()}
    named = [k for k in flat_names(Capabilities) if any(k in d for d in declared.values())]
    return [[k, *(declared[n].get(k, "") for n in OURS)] for k in named]


def flat_names(kind: type[Any], prefix: str = "") -> list[str]:
    """Every capability there can be, in the order of their definition."""
    from stagebridge import capabilities as kinds

    out = []
    for f in fields(kind):
        inner = getattr(kinds, str(f.type).partition(" ")[0], None)
        out += flat_names(inner, f"{prefix}{f.name}.") if is_dataclass(inner) else [f"{prefix}{f.name}"]  # type: ignore[arg-type]
    return out


def checks() -> list[list[str]]:
    asked = {n: {c.name for c in checks_of(c)} for n, c in OURS.items()}
    return [[c.sentence, c.needs, *("✓" if c.name in asked[n] else "" for n in OURS)] for c in checks_of()]


@pytest.mark.parametrize("name", ["capabilities", "checks"])
def test_the_pages_tables_are_what_is_declared(name: str) -> None:
    rows = capabilities() if name == "capabilities" else checks()
    found = re.search(rf"<!-- {name} -->\n\|(.*?)\n\|[-|]+\n(.*?)<!-- /{name} -->", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    assert [c.strip() for c in found[1].strip("|").split("|")][-len(OURS) :] == list(OURS)
    shown = [
        [c.strip() for c in line.strip().removeprefix("|").removesuffix("|").split("|")]
        for line in found[2].splitlines()
    ]
    wanted = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    assert shown == rows, f"if less is declared, mend that; if it is right, the table is\n{wanted}"
