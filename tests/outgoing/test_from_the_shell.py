"""`sync` tells others over real HTTP, and `hooks` shows what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli_shell import here, run
from stub_http import Reply, Stub

SECRETS = {"SIGN": "whsec_" + "A" * 32}


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()


def configured(folder: Path, stub: Stub, *, allow: bool = True, **send: Any) -> None:
    """A file of people, and somebody who is told."""
    host = stub.url.removeprefix("http://")
    told = {"type": "webhook", "send": {"url": f"{stub.url}/in?token=secret", "secret": "${SIGN}", **send}}
    document: dict[str, Any] = {
        "version": 1,
        "connections": {"people": {"type": "file", "path": "people.csv", "mode": "read"}, "told": told},
    }
    if allow:
        document["outgoing"] = {"allow": [host]}
    (folder / "stagebridge.yaml").write_text(json.dumps(document), "utf-8")


def people(folder: Path, *rows: str) -> None:
    (folder / "people.csv").write_text("email,first_name,stage\n" + "\n".join(rows) + "\n", "utf-8")


def told(stub: Stub) -> list[dict[str, Any]]:
    return [json.loads(s.body) for s in stub.seen]


def test_a_sync_tells_of_what_changed_and_hooks_shows_sends_again_and_goes_on(tmp_path: Path, stub: Stub) -> None:
    configured(tmp_path, stub, events=["contact.stage_changed"])
    people(tmp_path, "ada@example.com,Ada,lead", "bob@example.com,Bob,lead")
    first = here("sync", cwd=tmp_path, **SECRETS)
    assert first.returncode == 0, first.stderr
    assert stub.seen == []
    people(tmp_path, "ada@example.com,Ada,customer", "bob@example.com,Bob,lead")
    stub.will(Reply(503), Reply())
    done = run("sync", cwd=tmp_path, **SECRETS)
    assert (done.returncode, "1 are tried again later" in done.stdout) == (0, True), done.stdout + done.stderr
    [message] = json.loads(here("hooks", "messages", "--json", cwd=tmp_path, **SECRETS).stdout)
    assert (message["state"], message["status"], message["to"]) == ("queued", 503, "told")
    assert here("hooks", "resume", "told", cwd=tmp_path, **SECRETS).returncode == 0
    assert "messages: 1 sent" in here("sync", cwd=tmp_path, **SECRETS).stdout
    assert [t["data"]["stage"] for t in told(stub)] == ["customer", "customer"]
    assert stub.seen[0].path == "/in?token=secret"
    again = here("hooks", "replay", message["id"], cwd=tmp_path, **SECRETS)
    assert "1 messages" in again.stdout
    here("events", "flush", cwd=tmp_path, **SECRETS)
    assert [t["id"] for t in told(stub)] == [message["id"]] * 3
    [endpoint] = json.loads(here("hooks", "list", "--json", cwd=tmp_path, **SECRETS).stdout)
    assert (endpoint["name"], endpoint["state"], endpoint["sent"]) == ("told", "active", 1)
    assert "token=secret" not in json.dumps(endpoint)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("hooks", "replay"), "say which messages"),
        (("hooks", "replay", "msg_none"), "msg_none"),
        (("hooks", "replay", "--since", "2026-01-01", "--to", "nobody"), "nobody"),
        (("hooks", "resume", "nobody"), "nobody"),
        (("hooks", "messages", "--state", "sendt"), "sent"),
        (("hooks", "messages", "--to", "nobody"), "nobody"),
        (("dead-letters", "retry", "hook:x"), "'hook:x'"),
        (("dead-letters", "retry", "post:99"), "post:99"),
        (("dead-letters", "retry", "hook:²"), "hook:"),
        (("dead-letters", "retry", "²"), "²"),
        (("dead-letters", "retry", "9" * 50), "999"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, stub: Stub, arguments: tuple[str, ...], says: str) -> None:
    configured(tmp_path, stub)
    people(tmp_path, "ada@example.com,Ada,lead")
    refused = here(*arguments, cwd=tmp_path, **SECRETS)
    assert refused.returncode == 2, refused.stderr
    assert says in refused.stderr


def test_by_time_a_receiver_has_what_he_is_told_and_by_an_id_whatever_is_named(tmp_path: Path, stub: Stub) -> None:
    configured(tmp_path, stub, events=["contact.stage_changed"])
    document = json.loads((tmp_path / "stagebridge.yaml").read_text("utf-8"))
    document["connections"]["other"] = {
        "type": "webhook",
        "send": {"url": f"{stub.url}/other", "events": ["contact.changed"]},
    }
    (tmp_path / "stagebridge.yaml").write_text(json.dumps(document), "utf-8")
    people(tmp_path, "ada@example.com,Ada,lead")
    here("sync", cwd=tmp_path, **SECRETS)
    people(tmp_path, "ada@example.com,Ada,customer")
    here("sync", cwd=tmp_path, **SECRETS)
    stub.seen.clear()
    again = here("hooks", "replay", "--since", "2026-01-01", "--to", "other", cwd=tmp_path, **SECRETS)
    assert again.stdout.startswith("1 messages")
    here("events", "flush", cwd=tmp_path, **SECRETS)
    [message] = told(stub)
    assert message["type"] == "contact.changed"
    [stage] = [
        m
        for m in json.loads(here("hooks", "messages", "--to", "told", "--json", cwd=tmp_path, **SECRETS).stdout)
        if m["type"] == "contact.stage_changed"
    ]
    here("hooks", "replay", stage["id"], "--to", "other", cwd=tmp_path, **SECRETS)
    here("events", "flush", cwd=tmp_path, **SECRETS)
    assert (stub.seen[-1].path, told(stub)[-1]["id"]) == ("/other", stage["id"])


def test_a_row_is_a_line_where_nobody_looks_at_a_terminal(tmp_path: Path, stub: Stub) -> None:
    configured(
        tmp_path, stub, events=["contact.changed", "contact.stage_changed", "conversion.created", "guard.tripped"]
    )
    [_, row] = here("hooks", "list", cwd=tmp_path, **SECRETS).stdout.splitlines()
    assert "contact.changed, contact.stage_changed, conversion.created, guard.tripped" in row


def test_without_being_allowed_nothing_reaches_this_machine_and_the_reason_and_the_remedy_are_said(
    tmp_path: Path, stub: Stub
) -> None:
    configured(tmp_path, stub, allow=False)
    people(tmp_path, "ada@example.com,Ada,lead")
    here("sync", cwd=tmp_path, **SECRETS)
    people(tmp_path, "ada@example.com,Ada,customer")
    done = here("sync", cwd=tmp_path, **SECRETS)
    assert done.returncode == 0
    assert stub.seen == []
    message = json.loads(here("hooks", "messages", "--json", cwd=tmp_path, **SECRETS).stdout)[-1]
    assert message["state"] == "queued"
    assert "outgoing" in message["reason"]
    checked = here("check", "told", cwd=tmp_path, **SECRETS)
    assert checked.returncode == 2
    assert "443. Write https://" in checked.stdout
    assert f"allow: [{stub.url.removeprefix('http://')}]" in checked.stdout
    assert "token=secret" not in message["reason"]


@pytest.mark.parametrize(
    ("send", "says"),
    [
        ({"events": ["contact.change"]}, "contact.changed"),
        ({"events": []}, "events"),
        ({"secret": "${SHORT}"}, "secret"),
        ({"shape": "flatt"}, "flat"),
        ({"urls": 1}, "urls"),
        ({"secret": "${SIGN}", "old_secret": "${SHORT}"}, "old_secret"),
    ],
)
def test_what_is_wrong_with_a_send_is_told_by_its_line(
    tmp_path: Path, stub: Stub, send: dict[str, Any], says: str
) -> None:
    configured(tmp_path, stub, **send)
    people(tmp_path, "ada@example.com,Ada,lead")
    refused = here("sync", cwd=tmp_path, **SECRETS, SHORT="whsec_AAAA")
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "stagebridge.yaml:" in refused.stderr
