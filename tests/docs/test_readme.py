"""What the README says is true."""

from __future__ import annotations

import re
from pathlib import Path

from stagebridge.config import connectors

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def test_its_code_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_its_table_of_capabilities_is_what_the_connectors_declare() -> None:
    table = re.search(r"<!-- capabilities -->\n(.*?)<!-- /capabilities -->", README, re.DOTALL)
    assert table is not None
    rows = [[c.strip() for c in line.strip("|\n").split("|")] for line in table[1].splitlines()[2:]]
    declared = []
    for name, entry in sorted(connectors().items()):
        c = entry.load().capabilities
        declared.append(
            [
                name,
                "no" if c.read is None else "incremental" if c.read.incremental else "full",
                "yes" if c.read and c.read.deletes else "no",
                str(c.write.batch) if c.write else "no",
                c.stage.backward if c.stage else "no",
                str(c.events.batch) if c.events else "no",
                c.webhooks.signature if c.webhooks else "no",
                "no" if c.posts is None else "subscribed to" if c.posts.subscriptions else "yes",
                "yes" if c.api else "no",
                c.provision or "no",
                c.erase or "no",
            ]
        )
    assert rows == declared


def test_every_file_that_it_names_is_there() -> None:
    root = Path(__file__).parents[2]
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (root / target).is_file(), target
