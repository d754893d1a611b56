"""docs/errors.md is generated from the codes, and the codes are all that the sources say."""

from __future__ import annotations

import ast
from pathlib import Path

from stagebridge.codes import CODES, table
from stagebridge.config import connectors

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "errors.md"
HEAD = """\
# Errors and what to do

Every error is one sentence, a hint and a code. The command ends with 2 for a mistake in the configuration, 3 for refused
credentials, 4 where records were rejected, 5 at a guard, 75 where trying later helps, and 1 for a defect of ours.

"""


def families() -> dict[str, dict[str, tuple[str, str]]]:
    found = {"stagebridge": dict(CODES)}
    for name, entry in sorted(connectors().items()):
        if entry.load().codes:
            found[name] = dict(entry.load().codes)
    return found


def said() -> set[str]:
    """Every code that stands in the sources as a text; of a family the part before the platform's own."""
    found = set()
    for folder in (ROOT / "core", *(ROOT / "connectors").iterdir()):
        for path in folder.rglob("*.py"):
            if path.name == "codes.py":
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("SB-"):
                    found.add(node.value + "…" if node.value.endswith("-") else node.value)
    return found


def test_every_code_that_is_said_is_explained_and_no_other() -> None:
    assert said() == {code for codes in families().values() for code in codes}


def test_the_page_is_what_the_codes_say() -> None:
    wanted = HEAD + table(families())
    if not PAGE.exists() or PAGE.read_text("utf-8") != wanted:
        PAGE.write_text(wanted, "utf-8")
        raise AssertionError("docs/errors.md was out of date and has been written anew: commit it")
