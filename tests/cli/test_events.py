"""The `events` commands, as a person runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli_shell import Shell
from engine_world import world
from stagebridge.errors import ConfigError
from tiktok_http import PIXEL, source


@pytest.fixture
def sh(tmp_path: Path) -> Iterator[Shell]:
    with world(tmp_path, crm="hubspot", ads="tiktok") as w:
        w.extra = {"ads": {"token": "${TOKEN}", "pixel": PIXEL, "ads_consent": "not_denied"}}
        w.contacts = {"between": ["crm"]}
        w.document = {"events": [{"when": {"event": "Purchase"}, "stage": "customer"}]}
        w.boxes["crm"].seed([{"email": "ada@example.com", "lastname": "Lovelace", "lifecyclestage": "lead"}])
        yield Shell(w)


def rows(sh: Shell, *changes: dict[str, Any]) -> Path:
    now = sh.w.clock.now().isoformat()
    common = {
        "id": "o-1", "name": "Purchase", "at": now, "contact.email": "ada@example.com", "value": "30.50", "currency": "EUR",
        "channel": "web", "source_url": "https://shop.example.com/thanks",
    }  # fmt: skip
    path = sh.w.folder / "purchases.jsonl"
    path.write_text("\n".join(json.dumps({**common, **c}) for c in changes), "utf-8")
    return path


def counted(sh: Shell) -> list[str]:
    return [e["event_id"] for e in source(sh.w.boxes["ads"], PIXEL)["counted"]]


def test_a_dry_run_shows_the_exact_json_and_keeps_nothing(sh: Shell) -> None:
    shown = json.loads(sh.run("events", "send", str(rows(sh, {}, {"id": "o-2", "channel": "crm"})), "--dry-run").stdout)
    assert shown[0]["ads"]["payload"]["properties"] == {"value": 30.5, "currency": "EUR"}
    assert "crm_set" in shown[1]["ads"]["why"]
    assert counted(sh) == []
    assert sh.json("events", "queue") == []


def test_a_file_is_sent_once_however_often_and_its_people_become_customers(sh: Shell) -> None:
    sh("sync")
    path = rows(sh, {}, {"id": "o-2", "contact.email": "bob@example.com"})
    assert "2 queued" in sh("events", "send", str(path))
    assert "0 queued, 2 known already" in sh("events", "send", str(path))
    assert sorted(counted(sh)) == ["o-1", "o-2"]
    sh("sync")
    assert sh.w.in_hubspot("crm")["ada@example.com"]["lifecyclestage"] == "customer"
    [told] = sh.json("trace", "ada@example.com")["events"]
    assert (told["event"], told["to"], told["state"]) == ("o-1", "ads", "sent")


def test_wrong_rows_and_clashing_ids_are_named_and_the_others_go(sh: Shell) -> None:
    path = rows(sh, {}, {"value": "-1", "id": "o-2"}, {"value": "31"}, {"id": "o-3"})
    said = sh("events", "send", str(path), code=4)
    assert "purchases.jsonl:2: value: " in said
    assert "another event is known under the id o-1" in said
    assert sorted(counted(sh)) == ["o-1", "o-3"]


def test_the_queue_says_what_became_of_each(sh: Shell) -> None:
    old = (sh.w.clock.now() - timedelta(days=30)).isoformat()
    sh("events", "send", str(rows(sh, {}, {"id": "o-2", "at": old}, {"id": "o-3", "consent_ads": "denied"})))
    found = {d["event"]: d["verdict"].partition(":")[0] for d in sh.json("events", "queue")}
    assert found["o-2"] == "SB-EVENT-EXPIRED"
    assert found["o-3"] == "SB-EVENT-CONSENT"
    assert found["o-1"].startswith("sent 20")
    assert {d["event"] for d in sh.json("events", "queue", "--state", "dead")} == {"o-2", "o-3"}
    assert "nearest: queued" in sh("events", "queue", "--state", "queud", code=2)


def test_what_a_platform_refused_is_a_dead_letter_that_can_go_again(sh: Shell) -> None:
    sh.w.boxes["ads"].fault("status", script=["40002"])
    assert "alert dead_letter.added run=2 connection=ads count=1" in sh("events", "send", str(rows(sh, {})))
    [letter] = sh.json("dead-letters")
    assert letter["id"].startswith("e")
    assert "tried again" in sh("dead-letters", "retry", letter["id"])
    assert "alert" not in sh("events", "flush")
    assert counted(sh) == ["o-1"]
    assert "there is no dead delivery" in sh("dead-letters", "discard", letter["id"], code=2)


def test_a_revoked_token_ends_with_three_and_everything_waits(sh: Shell) -> None:
    sh.w.boxes["ads"].fault("expired_token", times=None)
    said = sh("events", "send", str(rows(sh, {})), code=3)
    assert "ads stopped" in said
    sh.w.boxes["ads"].heal()
    sh("sync")
    assert counted(sh) == ["o-1"]


def test_a_backfill_is_shown_before_it_is_sent_and_has_a_limit(sh: Shell) -> None:
    sh.w.extra["ads"]["offline_set"] = "7100000000000000101"
    rule = {"when": {"stage": "lead"}, "send": "Lead", "channel": "phone", "to": "ads"}
    sh.w.document = {"events": [rule]}
    sh.w.boxes["crm"].seed([{"email": f"p{i}@example.com", "lifecyclestage": "lead"} for i in range(3)])
    sh("sync")
    since = (sh.w.clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    assert "4 events" in sh("events", "backfill", "--since", since)
    assert "4 events are more than 3" in sh("events", "backfill", "--since", since, "--yes", "--allow", "3", code=2)
    assert "4 queued" in sh("events", "backfill", "--since", since, "--yes")
    assert len(source(sh.w.boxes["ads"], "7100000000000000101")["counted"]) == 4


def test_a_rule_that_is_wrong_is_told_with_its_line(sh: Shell) -> None:
    sh.w.document = {"events": [{"when": {"stage": "custommer"}, "send": "Purchase", "value": "custom.x", "to": "ad"}]}
    with pytest.raises(ConfigError) as told:
        sh("sync")
    for part in ("'custommer' is no stage", "value and currency come together", "no connection is called 'ad'"):
        assert part in str(told.value)
