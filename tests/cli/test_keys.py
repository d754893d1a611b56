"""`stagebridge keys`, as a person runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from stagebridge_file.connector import File

from cli_shell import Shell
from engine_world import world
from stagebridge.access import keys
from stagebridge.config import connectors
from stagebridge.connector import Capabilities
from stagebridge.ledger.store import Ledger
from stagebridge.outgoing import subscriptions

TOKEN = re.compile(r"sb_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}")


class Asking(File):
    """A platform whose users ask our API; it reads files, so that it can be opened."""

    platform = "asking"
    capabilities = Capabilities(api=True)


@pytest.fixture
def sh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    there = {**connectors(), "asking": SimpleNamespace(load=lambda: Asking)}
    monkeypatch.setattr("stagebridge.config.reader.connectors", lambda: there)
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.files["zaps"] = {"type": "asking", "path": "people.csv", "mapping": "file", "mode": "read"}
        w.contacts["between"] = ["crm", "sales"]
        w.contacts["initial"] = "fill_empty"
        yield Shell(w)


def ledger_of(sh: Shell) -> Ledger:
    return Ledger.open(sh.w.config().ledger)


def test_a_key_is_printed_once_alone_on_standard_output(sh: Shell) -> None:
    result = sh.run("keys", "create", "olga", "--pages")
    assert TOKEN.fullmatch(result.stdout.strip())
    assert "shown once" in result.stderr
    key = keys.find(ledger_of(sh), result.stdout.strip(), 0)
    assert key is not None
    assert (key.name, key.scope, key.connection) == ("olga", "pages", None)
    assert not TOKEN.search(sh("keys", "list"))


def test_a_key_speaks_for_a_connection_that_asks_our_api(sh: Shell) -> None:
    key = keys.find(ledger_of(sh), sh.run("keys", "create", "z", "--for", "zaps").stdout.strip(), 0)
    assert key is not None
    assert (key.scope, key.connection) == ("api", "zaps")
    assert "crm (hubspot) does not ask our API" in sh("keys", "create", "x", "--for", "crm", code=2)
    assert "no connection is called 'zap'" in sh("keys", "create", "x", "--for", "zap", code=2)
    for words in ((), ("--pages", "--for", "zaps")):
        assert "--for CONNECTION or --pages" in sh("keys", "create", "x", *words, code=2)
    assert [k["name"] for k in sh.json("keys", "list")] == ["z"]


def test_keys_are_listed_and_revoked_by_name_or_id(sh: Shell) -> None:
    assert "there are no keys yet" in sh("keys", "list")
    token = sh.run("keys", "create", "olga", "--pages").stdout.strip()
    sh("keys", "create", "otto", "--pages")
    [_, otto] = sh.json("keys", "list")
    assert "olga" in sh("keys", "revoke", "olga")
    assert "otto" in sh("keys", "revoke", otto["id"])
    assert keys.find(ledger_of(sh), token, 0) is None
    assert all(k["revoked"] for k in sh.json("keys", "list"))
    assert "no key 'nobody'" in sh("keys", "revoke", "nobody", code=2)
    assert "called 'olga' already" in sh("keys", "create", "olga", "--pages", code=2)
    assert "is no name" in sh("keys", "create", "a b", "--pages", code=2)


def test_what_was_subscribed_with_a_key_outlives_it_unless_it_is_to_end_too(sh: Shell) -> None:
    for name in ("old", "other"):
        sh("keys", "create", name, "--for", "zaps")
    ids = {k["name"]: k["id"] for k in sh.json("keys", "list")}
    ledger = ledger_of(sh)
    for n, name in enumerate(("old", "old", "other")):
        subscriptions.subscribe(ledger, "zaps", f"https://hooks.example.com/{n}", "contact.changed", ids[name], 1)
    assert "2 subscriptions were made with it and are told as before" in sh("keys", "revoke", "old")
    assert len(subscriptions.of_connection(ledger, "zaps")) == 3
    assert "subscriptions ended: 2" in sh("keys", "revoke", "old", "--subscriptions")
    assert [s["target_url"] for s in subscriptions.of_connection(ledger, "zaps")] == ["https://hooks.example.com/2"]
    assert "subscriptions were" not in sh("keys", "revoke", ids["old"])
