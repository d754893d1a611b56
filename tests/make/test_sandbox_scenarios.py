"""A user of the app at Make against our API: he connects, adds triggers, lets scenarios run, and removes them."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from make_kit import KEY, SIGNING, FakeApi, at, contact, message
from stagebridge.sandbox import Sandbox

PROMOTE = {"module": "setLifecycleStage", "values": {"email": "{{email}}", "stage": "customer"}}


def act(box: Sandbox, **verb: Any) -> Any:
    """Over HTTP, as the demo does."""
    answer = requests.post(f"{box.url}/_sandbox/act", json=verb, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(box: Sandbox, **verb: Any) -> str:
    answer = requests.post(f"{box.url}/_sandbox/act", json=verb, timeout=10)
    assert answer.status_code == 400
    return str(answer.json()["error"])


def connected(box: Sandbox, api: FakeApi) -> int:
    return int(act(box, connect={"api": f"{api.url}/", "key": KEY})["connection"])


def attached(box: Sandbox, api: FakeApi, event: str = "contact.stage_changed", **more: Any) -> Any:
    return act(box, attach={"connection": connected(box, api), "event": event, "sequential": True, **more})


def held(box: Sandbox, scenario: int) -> Any:
    return next(s for s in box.state()["scenarios"] if s["id"] == scenario)


# --- connecting ----------------------------------------------------------------------------------------------------


def test_a_connection_is_tested_and_labelled_by_the_keys_name(box: Sandbox, api: FakeApi) -> None:
    assert act(box, connect={"api": api.url, "key": KEY})["label"] == "make (sales)"
    [seen] = api.stub.seen
    assert (seen.method, seen.path) == ("GET", "/v1/me")


def test_a_wrong_key_makes_no_connection_and_the_user_reads_why(box: Sandbox, api: FakeApi) -> None:
    assert "[401] this key is unknown (SB-API-KEY)" in refused(box, connect={"api": api.url, "key": "other"})
    assert "no answer" in refused(box, connect={"api": "http://127.0.0.1:9", "key": KEY})


# --- an instant trigger --------------------------------------------------------------------------------------------


def test_a_trigger_subscribes_with_its_webhook_and_gets_what_it_asked_for(box: Sandbox, api: FakeApi) -> None:
    made = attached(box, api)
    [subscription] = api.subscriptions.values()
    assert subscription == {
        "id": made["externalHookId"],
        "target_url": made["url"],
        "event": "contact.stage_changed",
    }
    assert made["url"].startswith(f"{box.url}/")
    told = [message(number=n, stage="mql") for n in (1, 2)]
    assert api.publish(box, *told, message("conversion.created", 3)) == [200, 200]
    assert held(box, made["scenario"])["bundles"] == told
    [first, _] = box.state()["bundles"]
    assert first["headers"]["webhook-id"] == told[0]["id"]
    assert SIGNING not in str(box.state())


def test_a_trigger_that_our_api_refuses_leaves_no_webhook(box: Sandbox, api: FakeApi) -> None:
    connection = connected(box, api)
    assert "[422] there is no event 'stage'" in refused(box, attach={"connection": connection, "event": "stage"})
    assert box.state()["hooks"] == []
    assert api.subscriptions == {}


def test_a_trigger_that_is_removed_ends_its_subscription_and_its_webhook(box: Sandbox, api: FakeApi) -> None:
    made, other = attached(box, api), attached(box, api, "contact.changed")
    act(box, detach=made["hook"])
    assert [s["event"] for s in api.subscriptions.values()] == ["contact.changed"]
    assert requests.post(made["url"], timeout=5).status_code == 404
    assert [h["token"] for h in box.state()["hooks"]] == [other["hook"]]


def test_a_webhook_is_gone_even_where_our_api_could_not_be_told(box: Sandbox, api: FakeApi) -> None:
    made = attached(box, api)
    api.refuses = (503, "not now")
    assert "[503] not now" in refused(box, detach=made["hook"])
    assert box.state()["hooks"] == []


# --- actions -------------------------------------------------------------------------------------------------------


def test_a_scenario_with_actions_works_when_it_is_run_and_changes_something_here(box: Sandbox, api: FakeApi) -> None:
    made = attached(box, api, "contact.changed", actions=[PROMOTE])
    api.publish(box, message("contact.changed", 1))
    assert held(box, made["scenario"])["queue"] == 1
    assert api.contacts[0]["stage"] == "lead"
    assert act(box, run=made["scenario"]) == {"ran": 1, "on": True, "errors": []}
    assert api.contacts[0]["stage"] == "customer"
    assert held(box, made["scenario"])["results"][0]["held"] is False


def test_our_api_may_post_to_the_webhook_before_it_answers_an_action(box: Sandbox, api: FakeApi) -> None:
    made = attached(box, api, actions=[PROMOTE])
    api.posts_at_once = True
    api.publish(box, message(number=1))
    assert act(box, run=made["scenario"])["ran"] == 2, "what the action did is told to the same scenario"
    assert api.told == [200]
    assert api.contacts[0]["stage"] == "customer"


def test_values_of_the_bundle_are_mapped_and_what_is_empty_is_not_sent(box: Sandbox, api: FakeApi) -> None:
    values = {"email": "{{email}}", "company": "{{company}}", "source": "Make {{sequence}}", "tags": ["vip"]}
    made = attached(box, api, actions=[{"module": "upsertContact", "values": values}])
    api.publish(box, message(number=2, company=None))
    act(box, run=made["scenario"])
    assert api.stub.seen[-1].body == b'{"email": "person2@example.com", "source": "Make 2", "tags": ["vip"]}'
    assert [c["email"] for c in api.contacts] == ["person1@example.com", "person2@example.com"]


def test_several_actions_of_a_scenario_run_in_their_order(box: Sandbox, api: FakeApi) -> None:
    record = {
        "module": "recordConversion",
        "values": {"name": "Lead", "id": "lead-{{contact_id}}", "email": "{{email}}"},
    }
    find = {"module": "searchContacts", "values": {"email": "{{email}}"}}
    made = attached(box, api, actions=[find, record])
    api.publish(box, message(number=1))
    act(box, run=made["scenario"])
    assert api.conversions == [{"name": "Lead", "id": "lead-c-1", "email": "person1@example.com"}]
    assert [r[0]["id"] if isinstance(r, list) else r["status"] for r in held(box, made["scenario"])["results"]] == [
        "c-1",
        "accepted",
    ]


def test_an_action_that_fails_switches_the_scenario_off_and_the_rest_waits(box: Sandbox, api: FakeApi) -> None:
    made = attached(box, api, actions=[PROMOTE])
    api.publish(box, message(number=1), message(number=2))
    api.refuses = (429, "too many requests")
    ran = act(box, run=made["scenario"])
    assert (ran["ran"], ran["on"], ran["errors"]) == (1, False, ["[429] too many requests (SB-API)"])
    api.refuses = None
    assert act(box, run=made["scenario"])["ran"] == 0
    assert held(box, made["scenario"])["queue"] == 1
    box.seed({"edit": {made["hook"]: {"scenario": {"on": True}}}})
    assert act(box, run=made["scenario"])["ran"] == 1


# --- the polling trigger -------------------------------------------------------------------------------------------


def ids(box: Sandbox, scenario: int) -> list[str]:
    return [b["id"] for b in held(box, scenario)["bundles"]]


def test_a_poll_brings_everybody_once_the_oldest_first_and_again_who_changed(box: Sandbox, api: FakeApi) -> None:
    api.contacts = [contact(n) for n in (1, 2, 3)]
    scenario = act(box, watch={"connection": connected(box, api)})["scenario"]
    assert act(box, run=scenario)["ran"] == 3
    assert ids(box, scenario) == ["c-1", "c-2", "c-3"]
    assert act(box, run=scenario)["ran"] == 0
    api.contacts[0]["updated_at"] = at(9)
    assert act(box, run=scenario)["ran"] == 1
    assert ids(box, scenario) == ["c-1", "c-2", "c-3", "c-1"]


def test_two_of_one_instant_are_told_apart_by_their_ids(box: Sandbox, api: FakeApi) -> None:
    api.contacts = [contact(1, updated_at=at(5))]
    scenario = act(box, watch={"connection": connected(box, api)})["scenario"]
    act(box, run=scenario)
    api.contacts.append(contact(2, updated_at=at(5)))
    assert act(box, run=scenario)["ran"] == 1
    assert ids(box, scenario) == ["c-1", "c-2"]


def test_a_poll_begins_where_the_user_chose(box: Sandbox, api: FakeApi) -> None:
    api.contacts = [contact(n) for n in (1, 2, 3)]
    scenario = act(box, watch={"connection": connected(box, api), "since": at(2)})["scenario"]
    act(box, run=scenario)
    assert ids(box, scenario) == ["c-2", "c-3"]
    assert "changed_since=2026-11-26T10%3A02%3A00%2B00%3A00&limit=1000" in api.stub.seen[-1].path


def test_a_run_works_on_no_more_than_its_limit_and_the_next_goes_on(box: Sandbox, api: FakeApi) -> None:
    api.contacts = [contact(n) for n in (1, 2, 3)]
    scenario = act(box, watch={"connection": connected(box, api), "limit": 2})["scenario"]
    assert [act(box, run=scenario)["ran"] for _ in range(3)] == [2, 1, 0]
    assert ids(box, scenario) == ["c-1", "c-2", "c-3"]


def test_a_poll_that_is_refused_is_told_and_the_next_brings_everybody(box: Sandbox, api: FakeApi) -> None:
    scenario = act(box, watch={"connection": connected(box, api)})["scenario"]
    api.refuses = (503, "not now")
    assert "[503] not now" in refused(box, run=scenario)
    api.refuses = None
    assert act(box, run=scenario)["ran"] == 1


@pytest.mark.parametrize("verb", [
    {"dance": {}}, {"attach": {"connection": 99, "event": "contact.changed"}}, {"run": 99}, {"detach": "none"},
    {"watch": {"connection": 1, "every": 5}}, {},
])  # fmt: skip
def test_what_nobody_can_do_there_is_refused(box: Sandbox, verb: Any) -> None:
    assert refused(box, **verb)


def test_a_module_that_the_app_does_not_have_is_named(box: Sandbox, api: FakeApi) -> None:
    made = attached(box, api, actions=[{"module": "sendFax"}])
    api.publish(box, message())
    assert "sendFax" in refused(box, run=made["scenario"])
