"""The `outgoing:` section: where messages may go that no stranger may have us call."""

from __future__ import annotations

import re

from stagebridge.config.problems import Problems
from stagebridge.config.values import OutgoingConfig
from stagebridge.document import Table

HOST = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")


def outgoing(problems: Problems, table: Table) -> OutgoingConfig:
    problems.keys(table, ("allow",), "outgoing")
    allow = problems.words(table, "allow", "outgoing.allow")
    for host in allow:
        found = HOST.fullmatch(host)
        if found is None or int(found[1] or 1) not in range(1, 65536):
            problems.add(
                table, "allow", "outgoing.allow", f"'{host}' is no host; write for example hooks.internal or 127.0.0.1:9000"
            )  # fmt: skip
    return OutgoingConfig(allow)


__all__ = ["outgoing"]
