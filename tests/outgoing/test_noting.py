"""What is told, to whom, and when: once for each thing that happens, and never of what was there before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook

from stagebridge.sync.decide import Decisions
from told_kit import NEW, OLD, sends, telling


def test_a_first_sync_is_no_news_and_an_edit_is(tmp_path: Path) -> None:
    with telling(tmp_path, {"told": sends()}) as it:
        assert it.receiver.tries == []
        it.world.edit_hubspot("crm", "ada@example.com", jobtitle="Countess")
        it.sync()
        [told] = it.receiver.taken
        assert told.said["type"] == "contact.changed"
        assert told.said["data"]["changed"] == ["job_title"]
        assert told.said["data"]["person"]["contact"]["job_title"] == "Countess"
        assert told.said["data"]["is_new"] is False
        it.sync()
        assert len(it.receiver.tries) == 1


def test_whoever_is_new_in_one_system_is_told_of_once_although_he_is_written_to_the_other(tmp_path: Path) -> None:
    with telling(tmp_path, {"told": sends(events=["contact.changed"])}) as it:
        it.world.hubspot("crm").create({"properties": {"email": "cy@example.com", "firstname": "Cy", "lastname": "L"}})
        it.sync()
        it.sync()
        [told] = it.receiver.taken
        assert told.said["data"]["is_new"] is True
        assert told.said["data"]["person"]["contact"]["email"] == "cy@example.com"
        assert "cy@example.com" in it.world.in_salesforce("sales", "Lead")


def test_a_stage_is_told_of_with_where_it_came_from_and_what_it_was(tmp_path: Path) -> None:
    with telling(tmp_path, {"told": sends(events=["contact.stage_changed"])}) as it:
        it.world.edit_hubspot("crm", "ada@example.com", lifecyclestage="opportunity")
        it.sync()
        it.sync()
        [told] = it.receiver.taken
        data = told.said["data"]
        assert (data["previous_stage"], data["stage"], data["source"]) == ("lead", "opportunity", "crm")
        assert data["person"]["id"] == it.world.in_hubspot("crm")["ada@example.com"]["stagebridge_id"]


def test_a_conversion_that_a_rule_fires_is_told_of_where_nobody_else_takes_events(tmp_path: Path) -> None:
    rules = [{"when": {"stage": "customer"}, "send": "Purchase", "value": "99.90", "currency": "EUR"}]
    with telling(tmp_path, {"told": sends(events=["conversion.created"])}, events=rules) as it:
        it.world.edit_hubspot("crm", "bob@example.com", lifecyclestage="customer")
        it.sync()
        it.sync()
        [told] = it.receiver.taken
        said = told.said["data"]
        assert (said["conversion"]["name"], said["conversion"]["value"], said["conversion"]["currency"]) == (
            "Purchase", "99.90", "EUR",
        )  # fmt: skip
        assert said["person"]["contact"]["email"] == "bob@example.com"


def test_what_is_posted_verifies_with_either_secret_while_one_is_replaced(tmp_path: Path) -> None:
    with telling(tmp_path, {"told": sends(old_secret="${OLD}")}) as it:
        it.world.edit_hubspot("crm", "ada@example.com", jobtitle="Countess")
        it.sync()
        [told] = it.receiver.taken
        assert told.headers["webhook-id"] == told.said["id"]
        at = datetime.fromtimestamp(int(told.headers["webhook-timestamp"]), UTC)
        for secret in (NEW, OLD):
            signature = Webhook(secret).sign(told.headers["webhook-id"], at, told.body.decode())
            assert signature in told.headers["webhook-signature"].split(" ")


def test_whoever_is_forgotten_is_in_no_message_any_more_sent_or_not(tmp_path: Path) -> None:
    with telling(tmp_path, {"told": sends()}) as it:
        it.receiver.script = [503]
        it.world.edit_hubspot("crm", "ada@example.com", jobtitle="Countess")
        it.sync()
        it.world.edit_hubspot("crm", "bob@example.com", jobtitle="Cook")
        it.sync()
        engine = it.world.engine()
        Decisions(engine).forget("ada@example.com")
        engine.ledger.close()
        assert b"Countess" not in (tmp_path / "stagebridge.db").read_bytes()
        it.receiver.script = [200]
        it.sync(wait=4000)
        assert [t.said["data"]["person"]["contact"]["email"] for t in it.receiver.taken] == ["bob@example.com"]
