"""What the pages in docs/ say is true: their code runs, their commands exist, their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from stagebridge.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", *ROOT.glob("connectors/*/README.md")])
INLINE = re.compile(r"`stagebridge\s+([a-z][^`]*)`")
LINE = re.compile(r"^(?:\S+/)?stagebridge ([a-z][^#\n]*)", re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of the fenced blocks of a page."""
    return re.findall(r"```(\w*)\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent.name == "docs"], ids=lambda p: p.name)
def test_the_code_of_a_page_runs_in_its_order_with_the_files_that_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for language, text in blocks(page):
        named = re.match(r"# ([\w.]+)\n", text)
        if named is not None:
            (tmp_path / named[1]).write_text(text, "utf-8")
        elif language == "python":
            exec(compile(text, page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_command_and_option_that_a_page_names_exists(page: Path) -> None:
    root = typer.main.get_command(app)
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    lines = INLINE.findall(text) + [line for _, block in blocks(page) for line in LINE.findall(block)]
    for line in lines:
        command: Any = root
        words = line.split()
        while words and words[0] in getattr(command, "commands", {}):
            command, words = command.commands[words[0]], words[1:]
        assert command is not root, f"stagebridge {line}"
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        for option in re.findall(r"--[a-z-]+", " ".join(words)):
            assert option in known, f"stagebridge {line}: {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
