"""Every command, as a person runs it: what it prints, how it ends, and that it never shows a traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli_shell import Shell, run
from engine_world import world
from stagebridge.cli.app import app
from stagebridge.config import load_config

ROOT = Path(__file__).parents[2]
ADA = "ada@example.com"


@pytest.fixture
def sh(tmp_path: Path) -> Iterator[Shell]:
    with world(tmp_path, crm="hubspot", sales="salesforce") as w:
        w.boxes["crm"].seed(
            [{"email": ADA, "firstname": "Ada", "lastname": "Lovelace", "lifecyclestage": "opportunity"}]
        )
        w.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": ADA}, {"LastName": "Double", "Email": ADA}],
                               "Lead": [{"LastName": "Neu", "Company": "N", "Email": "neu@example.com"}]})  # fmt: skip
        yield Shell(w)


def test_a_new_account_is_provisioned_planned_and_synced(sh: Shell) -> None:
    assert "stagebridge_id" in sh("provision", "crm")
    assert "created property stagebridge_id" in sh("provision", "crm", "--apply")
    assert "nothing is missing" in sh("provision", "crm")
    plan = sh.json("plan")
    assert {n: (c["creates"], c["updates"]) for n, c in plan["connections"].items()} == {"crm": (1, 1), "sales": (0, 2)}
    assert plan["match"]["sales"]["email"] == 1
    assert "1 duplicate" in sh("plan")
    report = sh.json("sync")
    assert report["connections"]["crm"]["written"]["created"] == 1
    assert sh.json("sync")["connections"]["crm"]["written"]["created"] == 0
    assert sorted(sh.w.in_hubspot("crm")) == [ADA, "neu@example.com"]


def test_a_plan_can_be_saved_and_only_that_plan_carried_out(sh: Shell, tmp_path: Path) -> None:
    file = str(tmp_path / "plan.json")
    sh("plan", "--out", file)
    sh.w.edit_hubspot("crm", ADA, jobtitle="Countess")
    assert "the plan is stale" in sh("sync", "--plan", file, code=75)
    sh("plan", "--out", file, "--detailed-exitcode", code=4)
    sh("sync", "--plan", file)
    sh("plan", "--detailed-exitcode")


def test_what_there_is_to_look_at_is_shown(sh: Shell) -> None:
    sh("provision", "crm", "--apply")
    sh("sync")
    assert "2 contacts" in sh("status")
    assert sh.json("status")["conflicts"] == {"duplicate": 1}
    assert [r["command"] for r in sh.json("runs")] == ["sync"]
    trace = sh.json("trace", ADA)
    assert trace["values"]["stage"]["value"] == "opportunity"
    assert {x["state"] for x in trace["links"]} == {"live", "dup"}
    assert "opportunity" in sh("trace", ADA)
    assert "no dead letters" in sh("dead-letters")
    assert "Lifecycle Stage" in sh("discover", "crm")
    assert "hubspot" in sh("connectors")
    assert "ledger: ok" in sh("check")
    assert "crm" in sh("state", "list")


def test_conflicts_are_listed_and_settled(sh: Shell) -> None:
    sh("provision", "crm", "--apply")
    sh("sync")
    conflict = sh.json("conflicts")[0]
    assert conflict["kind"] == "duplicate"
    sh("conflicts", "resolve", str(conflict["id"]), "--keep", "sales")
    sh("sync")
    assert sh.json("conflicts") == []
    assert "no open conflict 99" in sh("conflicts", "resolve", "99", "--ignore", code=2)


def test_conflicts_are_decided_in_a_spreadsheet(sh: Shell, tmp_path: Path) -> None:
    sh("provision", "crm", "--apply")
    sh.w.boxes["sales"].seed({"Contact": [{"LastName": "Third", "Email": ADA}]})
    sh("sync")
    file = tmp_path / "conflicts.csv"
    assert "2 conflicts in" in sh("conflicts", "--csv", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert "exists already" in sh("conflicts", "--csv", str(file), code=2)
    head, first, second = file.read_text("utf-8-sig").splitlines()
    # as a spreadsheet program saves it, with the last column filled in
    rows = [head, first + "sales", second + "nobody"]
    file.write_text("\n".join(rows).replace(",", ";"), "utf-8-sig")
    assert "no connection is called 'nobody'" in sh("conflicts", "resolve", "--from", str(file), code=2)
    assert len(sh.json("conflicts")) == 2, "nothing was settled"
    file.write_text("\n".join([head, first + "sales", second]).replace(",", ";"), "utf-8-sig")
    assert "is the record that is kept in step" in sh("conflicts", "resolve", "--from", str(file))
    assert [c["id"] for c in sh.json("conflicts")] == [int(second.split(",")[0])]
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", "utf-8")
    assert "lacks the columns id and keep" in sh("conflicts", "resolve", "--from", str(tmp_path / "other.csv"), code=2)
    assert "say which conflict" in sh("conflicts", "resolve", code=2)


def test_a_run_is_undone_after_a_look_at_what_that_would_do(sh: Shell) -> None:
    sh("provision", "crm", "--apply")
    sh("sync")
    sh.w.edit_hubspot("crm", "neu@example.com", jobtitle="Oops")
    sh("sync")
    number = str(max(r["id"] for r in sh.json("runs") if r["command"] == "sync"))
    assert "Nothing has been written yet" in sh("undo", number)
    assert sh.w.in_salesforce("sales", "Lead")["neu@example.com"]["Title"] == "Oops"
    assert sh.json("undo", number, "--yes")["values"] == {"sales": 1}
    assert "Title" not in sh.w.in_salesforce("sales", "Lead")["neu@example.com"]
    assert "undone" in sh("conflicts")
    assert "there was no run 4711" in sh("undo", "4711", code=2)


def test_a_stage_is_set_by_hand_and_a_wrong_one_is_refused(sh: Shell) -> None:
    sh("provision", "crm", "--apply")
    sh("sync")
    sh("stage", "set", ADA, "lead", "--reason", "typed wrong")
    sh("sync")
    assert sh.w.in_hubspot("crm")[ADA]["lifecyclestage"] == "lead"
    assert "is no stage of the lifecycle default" in sh("stage", "set", ADA, "hero", "--reason", "x", code=2)
    assert "knows nobody" in sh("stage", "set", "nobody@example.com", "lead", "--reason", "x", code=2)


def test_records_are_unlinked_and_linked_by_hand(sh: Shell) -> None:
    sh("provision", "crm", "--apply")
    sh("sync")
    lead = sh.w.boxes["sales"].state()["Lead"][0]["Id"]
    sh("unlink", "sales", "Lead", lead)
    assert sh.json("status")["contacts"] == 3
    assert "several contacts hold that address" in sh("link", "neu@example.com", "sales", "Lead", lead, code=2)
    sh("link", sh.w.in_hubspot("crm")["neu@example.com"]["stagebridge_id"], "sales", "Lead", lead)
    assert sh.json("status")["contacts"] == 2


def test_forgetting_erases_everywhere_and_leaves_no_trace_in_the_ledgers_bytes(sh: Shell) -> None:
    sh("provision", "crm", "--apply")
    sh("sync")
    done = sh.json("forget", ADA, "--yes")
    assert {r["result"] for r in done} == {"erased"}
    assert ADA not in sh.w.in_hubspot("crm")
    assert [c for c in sh.w.boxes["sales"].state()["Contact"] if c.get("Email") == ADA] == []
    for file in sh.w.folder.glob("stagebridge.db*"):
        data = file.read_bytes().lower()
        assert b"ada@" not in data
        assert b"lovelace" not in data
    sh("sync")
    assert list(sh.w.in_hubspot("crm")) == ["neu@example.com"]


def test_the_ledger_is_backed_up_upgraded_and_its_cursors_reset(sh: Shell, tmp_path: Path) -> None:
    sh("provision", "crm", "--apply")
    sh("sync")
    sh("ledger", "backup", str(tmp_path / "copy.db"))
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert "up to date" in sh("ledger", "upgrade")
    sh("state", "reset", "crm")
    assert {c["connection"] for c in sh.json("state", "list")} == {"sales"}
    assert sh.json("sync")["connections"]["crm"]["written"]["created"] == 0


def test_mappings_are_shown_checked_and_tried(sh: Shell, tmp_path: Path) -> None:
    assert "hubspot.yaml:" in sh("mappings", "show", "hubspot_subscription")
    assert "nothing is wrong" in sh("mappings", "check", "salesforce_status")
    (tmp_path / "bad.yaml").write_text("extends: hubspot\ncontact:\n  fields:\n    adress.city: properties.city\n")
    assert "bad.yaml:4: contact.fields.adress.city: no such path (nearest: address.city)" in sh(
        "mappings", "check", str(tmp_path / "bad.yaml"), code=2
    )
    (tmp_path / "record.json").write_text(
        json.dumps({"attributes": {"type": "Lead"}, "Id": "00Q", "Email": "A@X.test", "LastName": "L"})
    )
    tried = json.loads(sh("mappings", "try", "salesforce", str(tmp_path / "record.json")))
    assert tried["reads_as"]["email"] == "a@x.test"


def test_the_scheduler_runs_its_jobs_until_stopped(sh: Shell) -> None:
    sh("provision", "crm", "--apply")
    sh.w.config()
    path = sh.w.folder / "stagebridge.yaml"
    document = json.loads(path.read_text())
    document["jobs"] = [{"name": "contacts", "every": "1s"}]
    path.write_text(json.dumps(document))
    result = CliRunner().invoke(app, ["-c", str(path), "scheduler", "--rounds", "1"])
    assert result.exit_code == 0, result.output
    assert sorted(sh.w.in_hubspot("crm")) == [ADA, "neu@example.com"]


def test_init_from_an_account_shows_its_stages_beside_ours_and_what_is_to_be_decided(sh: Shell) -> None:
    output = " ".join(sh("init", "--from", "crm").split())
    assert "Evangelist (evangelist) advocate" in output
    with world(
        sh.w.folder, crm=("hubspot", {"stages": [["lead", "Lead"], ["4711", "Trial"]]}), sales="salesforce"
    ) as other:
        sh.w = other
        assert "Trial (4711) ? decide" in " ".join(sh("init", "--from", "crm").split())


def test_a_guard_ends_with_5_and_a_failed_connection_with_3(sh: Shell) -> None:
    sh.w.contacts = {"guards": {"max_creates": 0}}
    sh("provision", "crm", "--apply")
    assert "max_creates: 1 in crm, 0 allowed" in sh("sync", code=5)
    sh.w.extra = {"sales": {"client_id": "wrong"}}
    output = sh("sync", "--allow", "max_creates=9", code=3)
    assert "Salesforce refused the login" in output


# --- as a process ---------------------------------------------------------------------------------------------


def test_init_writes_a_configuration_that_says_what_is_missing(tmp_path: Path) -> None:
    assert run("init", cwd=tmp_path).returncode == 0
    assert (tmp_path / ".env.example").is_file()
    again = run("init", cwd=tmp_path)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    check = run("check", cwd=tmp_path)
    assert check.returncode == 2
    assert re.search(
        r"stagebridge.yaml:\d+: connections.crm.token: the variable HUBSPOT_TOKEN is not set", check.stderr
    )
    assert "Traceback" not in check.stderr


def test_what_init_writes_is_a_configuration_once_its_variables_are_set(tmp_path: Path) -> None:
    assert run("init", cwd=tmp_path).returncode == 0
    names = re.findall(r"^([A-Z_]+)=$", (tmp_path / ".env.example").read_text("utf-8"), re.MULTILINE)
    config = load_config(tmp_path / "stagebridge.yaml", dict.fromkeys(names, "x"))
    assert config.contacts.between == ("crm", "mail", "sales", "support", "make", "zapier")
    assert set(config.connections) == {"crm", "forms", "mail", "sales", "support", "ads", "tiktok", "make", "zapier"}
    schema = json.loads((tmp_path / "stagebridge.schema.json").read_text("utf-8"))
    assert set(schema["properties"]) >= {"connections", "contacts", "jobs"}


def test_a_file_that_is_no_ledger_and_one_from_the_future_are_refused(tmp_path: Path) -> None:
    config = {"version": 1, "ledger": "sqlite:///here.db", "connections": {"crm": {"type": "hubspot", "token": "${T}"}}}
    (tmp_path / "stagebridge.yaml").write_text(json.dumps(config))
    (tmp_path / "here.db").write_text("this is a letter to a friend, not a database of anything at all")
    refused = run("status", cwd=tmp_path, T="pat-x")
    assert (refused.returncode, "is not a stagebridge ledger" in refused.stderr) == (2, True)
    (tmp_path / "here.db").unlink()
    import sqlite3

    with sqlite3.connect(tmp_path / "here.db") as db:
        db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        db.execute("INSERT INTO alembic_version VALUES ('9999')")
    db.close()
    refused = run("status", cwd=tmp_path, T="pat-x")
    assert (refused.returncode, "written by a newer stagebridge" in refused.stderr) == (2, True)


def test_the_demo_tells_the_story_and_its_figures_are_right(tmp_path: Path) -> None:
    result = run("demo", "--json", "--contacts", "120", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    figures = json.loads(result.stdout)
    assert figures["contacts"] == 120
    assert figures["agree"] is True
    assert figures["third_round_writes"] == figures["duplicates"] == figures["stage_regressions"] == 0
    assert figures["first_sync"]["creates"] > 0
    assert figures["second_round"]["writes"] > 0
    assert set(figures) == {"contacts", "matched", "ambiguous", "first_sync", "edits_made", "second_round", "third_round_writes",
                            "duplicates", "stage_regressions", "agree", "events", "automations", "seconds"}  # fmt: skip
    told = figures["events"]
    assert told["sent"] == told["counted"] > 0
    assert told["duplicates"] > 0  # the first answer of each platform was lost, and it was asked again
    assert told["expired"] == told["refused"] > 0
    heard = figures["automations"]
    assert set(heard) == {"person", "make", "zapier"}
    for name in ("make", "zapier"):
        assert (heard[name]["was"], heard[name]["stage"]) == ("lead", "advocate")
        assert heard[name]["acted"] >= 1


def test_a_process_ends_with_the_code_of_its_command(tmp_path: Path) -> None:
    people = {"type": "file", "path": "people.csv", "mode": "read"}
    (tmp_path / "people.csv").write_text("email\nada@example.com\n", "utf-8")
    document = {"version": 1, "connections": {"people": people, "copy": {"type": "file", "path": "copy.csv"}}}
    (tmp_path / "copy.csv").write_text("email,stagebridge_id\n", "utf-8")
    (tmp_path / "stagebridge.yaml").write_text(
        json.dumps(document | {"contacts": {"initial": {"prefer": "people"}}}), "utf-8"
    )
    planned = run("plan", "--detailed-exitcode", cwd=tmp_path)
    assert planned.returncode == 4, planned.stdout + planned.stderr
    assert run("plan", cwd=tmp_path).returncode == 0


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*words, name))


def test_the_help_of_every_command_fits_a_screen_and_says_what_it_does() -> None:
    found = list(commands(typer.main.get_command(app)))
    names = {" ".join(w) for w in found}
    assert {"init", "connectors", "check", "discover", "provision", "plan", "sync", "scheduler", "status", "runs", "dead-letters",
            "conflicts", "link", "unlink", "stage set", "undo", "trace", "mappings show", "state reset", "ledger backup", "forget", "sandbox",
            "demo"} <= names  # fmt: skip
    for words in found:
        output = CliRunner().invoke(app, [*words, "--help"]).output
        lines = output.strip().splitlines()
        assert len(lines) <= 45, f"{words}: {len(lines)} lines"
        assert re.search(r"[a-z]{3,}", "".join(lines[2:4])), f"{words} says nothing"


def test_sigterm_lets_the_scheduler_finish_the_step_in_hand(tmp_path: Path) -> None:
    with world(tmp_path, crm=("hubspot", {"index_lag": 0.0}), sales="salesforce") as w:
        w.extra = {"crm": {"lag": "0.1s"}, "sales": {"lag": "0.1s"}}
        w.boxes["crm"].seed([{"email": ADA, "lastname": "Lovelace"}])
        w.engine().ledger.close()
        path = tmp_path / "stagebridge.yaml"
        document = json.loads(path.read_text())
        path.write_text(json.dumps(document | {"jobs": [{"name": "contacts", "every": "1s"}]}))
        environ = {**os.environ, "TOKEN": "pat-test", "SECRET": "sandbox-secret"}
        command = [sys.executable, str(ROOT / "cli.py"), "-c", str(path), "scheduler"]
        with subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            for _ in range(200):
                if w.in_salesforce("sales", "Lead"):
                    break
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert "stopping after the step in hand" in errors
        assert list(w.in_salesforce("sales", "Lead")) == [ADA]
        assert "Traceback" not in output + errors
