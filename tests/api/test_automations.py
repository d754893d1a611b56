"""A Zap and a scenario of Make, played by their stand-ins, between which a person travels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from api_kit import Api, serving_api, until
from stagebridge.ledger import schema as t
from stagebridge.outgoing import inspect
from stagebridge.sandbox import Sandbox
from stagebridge_zapier.sandbox import Zap

EVENT = "contact.stage_changed"


@pytest.fixture
def boxes() -> Iterator[dict[str, Sandbox]]:
    with Sandbox("zapier") as zapier, Sandbox("make") as make:
        yield {"zapier": zapier, "make": make}


@pytest.fixture
def api(tmp_path: Path, boxes: dict[str, Sandbox]) -> Iterator[Api]:
    accounts = {
        "zapier": {"type": "zapier", "base_url": boxes["zapier"].url},
        "make": {"type": "make", "base_url": boxes["make"].url},
    }
    with serving_api(tmp_path, accounts) as running:
        yield running


def reward(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return "/v1/contacts", {"email": data["email"], "tags": ["vip"]}


def test_a_zap_and_a_scenario_hear_of_a_stage_and_what_they_do_about_it_is_here(
    api: Api, boxes: dict[str, Sandbox]
) -> None:
    zap = Zap(boxes["zapier"].url, api.url, api.key_for("zapier"), EVENT, step=reward)
    zap.switch_on()
    assert zap.held()["on"], zap.held()
    make = boxes["make"]
    connection = make.act({"connect": {"api": api.url, "key": api.key_for("make")}})["connection"]
    actions = [{"module": "setLifecycleStage", "values": {"email": "{{email}}", "stage": "customer"}}]
    scenario = make.act({"attach": {"connection": connection, "event": EVENT, "actions": actions}})
    assert zap.samples()[0]["type"] == EVENT

    api.post("/contacts", email="ada@example.com", first_name="Ada", stage="opportunity")
    until(lambda: len(zap.runs()) == 1 and len(make.state()["bundles"]) == 1)
    assert zap.work() == 1
    assert make.act({"run": scenario["scenario"]})["ran"] >= 1  # of his new stage the scenario hears too

    [ada] = api.get("/contacts?email=ada@example.com")
    assert (ada["stage"], ada["tags"], ada["first_name"]) == ("customer", "vip", "Ada")
    until(lambda: len(zap.runs()) == 2 and len(make.state()["bundles"]) == 2)
    said = [(r["data"]["previous_stage"], r["data"]["stage"], r["data"]["connection"]) for r in zap.runs()]
    assert said == [(None, "opportunity", "zaps"), ("opportunity", "customer", "make")]
    zap.switch_off()
    make.act({"detach": scenario["hook"]})
    with api.hall.reading.look() as tx:
        assert tx.execute(sa.select(t.subscription)).all() == []
    zap.close()


def test_a_hook_that_is_gone_is_told_nothing_more_and_the_other_goes_on(api: Api, boxes: dict[str, Sandbox]) -> None:
    key = api.key_for("zapier")
    zap, other = (Zap(boxes["zapier"].url, api.url, key, EVENT) for _ in range(2))
    zap.switch_on()
    other.switch_on()
    boxes["zapier"].seed({"off": [zap.id]})  # switched off while we could not be reached
    api.post("/contacts", email="bob@example.com", stage="lead")
    until(lambda: len(other.runs()) == 1)
    sent = 'stagebridge_messages_sent_total{connection="zapier"} 1\n'
    until(lambda: sent in requests.get(f"{api.url}/metrics", timeout=15).text)
    assert "sub_" not in requests.get(f"{api.url}/metrics", timeout=15).text
    until(lambda: len(api.call("GET", "/subscriptions", key=key).json()) == 1)
    assert zap.runs() == []
    zap.close()
    other.close()


def test_a_catch_hook_and_a_custom_webhook_are_told(tmp_path: Path, boxes: dict[str, Sandbox]) -> None:
    make, token = boxes["make"], "4f9c2ab17d"
    make.seed({"hooks": [{"token": token, "scenario": {}}]})
    accounts = {
        "zapier": {"type": "zapier", "base_url": boxes["zapier"].url, "catch_hook": "${CATCH}"},
        "make": {"type": "make", "base_url": make.url, "custom_webhook": "${CUSTOM}"},
    }
    secrets = {"CATCH": f"{boxes['zapier'].url}/hooks/catch/1000001/abc123/", "CUSTOM": f"{make.url}/{token}"}
    with serving_api(tmp_path, accounts, secrets=secrets) as api:
        api.post("/contacts", email="ada@example.com", stage="lead")
        until(lambda: len(boxes["zapier"].state()["runs"]) == 1 and len(make.state()["bundles"]) == 1)
        [run] = boxes["zapier"].state()["runs"]
        assert (run["data"]["email"], run["data"]["stage"]) == ("ada@example.com", "lead")
        assert make.state()["bundles"][0]["bundle"]["email"] == "ada@example.com"


def test_what_a_full_queue_of_make_refuses_waits_here_in_its_order_and_a_closed_webhook_is_paused(
    tmp_path: Path,
) -> None:
    token = "4f9c2ab17d"
    with Sandbox("make", switches={"credits": 15}) as make:  # room for one message
        make.seed({"hooks": [{"token": token, "scenario": {"on": False}}]})
        accounts = {"make": {"type": "make", "base_url": make.url, "custom_webhook": "${CUSTOM}"}}
        with serving_api(tmp_path, accounts, secrets={"CUSTOM": f"{make.url}/{token}"}) as api:

            def receiver() -> dict[str, Any]:
                return next(e for e in inspect.endpoints(api.hall.reading, api.hall.outlets) if e["name"] == "make")

            for stage in ("lead", "opportunity", "customer"):
                api.post("/contacts", email="ada@example.com", stage=stage)
            until(lambda: receiver()["state"] == "failing")
            assert "queue is full" in receiver()["reason"]
            assert receiver()["queued"] == 2
            make.seed({"edit": {token: {"scenario": {"on": True, "sequential": True}}}})
            inspect.resume(api.hall.writing, "make")
            until(lambda: len(make.state()["bundles"]) == 3)
            stages = [bundle["bundle"]["stage"] for bundle in make.state()["bundles"]]
            assert stages == ["lead", "opportunity", "customer"]
            make.seed({"edit": {token: {"enabled": False}}})  # nobody had attached it for five days
            api.post("/stages", email="ada@example.com", stage="advocate")
            until(lambda: receiver()["state"] == "paused")
            assert "410" in receiver()["reason"]
            assert receiver()["queued"] == 1
