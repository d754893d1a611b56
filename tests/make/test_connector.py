"""What a connection of Make is told, whom it posts to, and how it reads what comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from make_kit import SIGNING, message
from stagebridge.endpoint import HAPPENINGS, Answer, Closed, Endpoint, Later, Refused, Taken
from stagebridge.sandbox import Sandbox
from stagebridge_make import Make

HOOK = "https://hook.eu1.make.com/abc123"
OTHER = "whsec_" + "QUJD" * 8


def endpoint(**settings: Any) -> Endpoint:
    made = Make(**{"custom_webhook": HOOK, **settings}).endpoint()
    assert made is not None
    return made


def post(to: Endpoint, body: Any) -> Answer:
    """Deliver as core does: the endpoint's address and headers, and what came back."""
    headers = {n: v.get_secret_value() for n, v in to.headers.items()}
    answer = requests.post(to.url, json=body, headers=headers, timeout=5)
    return Answer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)


# --- settings ------------------------------------------------------------------------------------------------------


def test_without_a_custom_webhook_there_is_no_address_and_scenarios_subscribe() -> None:
    make = Make()
    assert make.endpoint() is None
    assert make.capabilities.posts is not None
    assert make.capabilities.posts.subscriptions
    assert make.check().warnings == ()


def test_a_custom_webhook_is_told_of_stages_unless_told_otherwise_in_the_flat_form() -> None:
    made = endpoint()
    assert (made.url, made.types, made.shape, made.rate) == (HOOK, ("contact.stage_changed",), "flat", (300, 10.0))
    assert endpoint(sends=list(HAPPENINGS)).types == HAPPENINGS


def test_a_budget_is_a_share_of_the_requests_that_a_webhook_takes() -> None:
    assert endpoint(budget=0.5).rate == (150, 10.0)
    assert endpoint(budget=0.001).rate == (1, 10.0)


def test_the_newest_secret_signs_first_and_the_old_one_beside_it() -> None:
    assert endpoint().secrets == ()
    made = endpoint(secret=SIGNING, old_secret=OTHER)
    assert [s.get_secret_value() for s in made.secrets] == [SIGNING, OTHER]


def test_the_key_of_a_webhook_goes_along_in_its_header_and_is_shown_nowhere() -> None:
    made = endpoint(api_key="k-1")
    assert {n: v.get_secret_value() for n, v in made.headers.items()} == {"x-make-apikey": "k-1"}
    assert "k-1" not in repr(made)
    assert HOOK not in repr(made) + repr(Make(custom_webhook=HOOK).settings)


@pytest.mark.parametrize(("settings", "why"), [
    ({"custom_webhook": "https://example.com/abc"}, "'example.com' is no host of Make's webhooks"),
    ({"custom_webhook": "abc123"}, "write it as Make shows it"),
    ({"api_key": "k"}, "api_key: only a custom webhook is told by that"),
    ({"sends": ["conversion.created"]}, "sends: only a custom webhook"),
    ({"custom_webhook": HOOK, "sends": []}, "at least 1 item"),
    ({"custom_webhook": HOOK, "sends": ["stage"]}, "contact.stage_changed"),
    ({"custom_webhook": HOOK, "api_key": "two\nlines"}, "one line of plain characters"),
    ({"custom_webhook": HOOK, "secret": "not base64!"}, "whsec_ and base64"),
    ({"custom_webhook": HOOK, "secret": "whsec_"}, "whsec_ and base64"),
    ({"custom_webhook": HOOK, "old_secret": SIGNING}, "give secret too"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_with_the_remedy(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as told:
        Make(**settings)
    assert why in str(told.value)
    assert "abc123" not in str(told.value)


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [
    HOOK, "https://hook.us2.make.com/abc?x=1", "https://HOOK.EU1.MAKE.COM/abc", "https://hook.eu1.make.com:443/abc",
    "https://hook.eu1.make.celonis.com/abc", "https://eu1.make.celonis.com/abc",
])  # fmt: skip
def test_addresses_of_makes_webhooks_may_subscribe(url: str) -> None:
    assert Make().unfit(url) is None


@pytest.mark.parametrize("url", [
    "http://hook.eu1.make.com/abc", "https://hook.eu1.make.com", "https://hook.eu1.make.com/", "https://make.com/abc",
    "https://eu1.make.com/abc", "https://hook.make.com/abc", "https://hook.a.b.make.com/abc", "https://hook..make.com/abc",
    "https://hook.eu1.make.com.example.com/abc", "https://evilhook.eu1.make.com/abc", "https://hook.eu1.make.community/abc",
    "https://example.com/hook.eu1.make.com/abc", "https://hook.eu1.make.com@example.com/abc",
    "https://u:p@hook.eu1.make.com/abc", "https://example.com\\@hook.eu1.make.com/abc", "https://hook.eu1.make.com:8443/abc",
    "https://hook.eu1.make.com./abc", "https://hook.eu1.make.com\n/abc", "https://hook.eu1.make.com /abc",
    "https://hook.eu1.make.com/abc#x", "https://hook.eu1.mаke.com/abc", "https://make.celonis.com/abc",
    "https://evilmake.celonis.com/abc", "https://x.make.celonis.com.example.com/abc", "https://hook.integromat.com/abc",
    "https://127.0.0.1/abc", "https://[::1]/abc", "ftp://hook.eu1.make.com/abc", "hook.eu1.make.com/abc", "", "https://",
    "https://hook.eu1.make.com:port/abc",
])  # fmt: skip
def test_any_other_address_is_refused_in_a_sentence_without_its_secret(url: str) -> None:
    why = Make().unfit(url)
    assert why
    assert "/abc" not in why


def test_an_address_of_before_the_name_has_to_be_switched_on() -> None:
    old = "https://hook.integromat.com/abc"
    assert "integromat: true" in str(Make().unfit(old))
    assert Make(integromat=True).unfit(old) is None
    assert Make(integromat=True).unfit("https://hook.integromat.com.example.com/abc")


def test_a_stand_ins_addresses_may_subscribe_where_the_connection_points_to_it_and_no_others() -> None:
    make = Make(base_url="http://127.0.0.1:4711")
    assert make.unfit("http://127.0.0.1:4711/abc") is None
    assert make.unfit("http://127.0.0.1:4712/abc")
    assert Make().unfit("http://127.0.0.1:4711/abc")


# --- what comes back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "meaning"), [
    (Answer(200, {}, b"Accepted"), Taken), (Answer(201, {}, b""), Taken), (Answer(410, {}, b"Gone"), Closed),
    (Answer(400, {}, b"Queue is full."), Later), (Answer(503, {}, b"queue is full"), Later),
    (Answer(400, {}, b"no"), Refused), (Answer(422, {}, b""), Refused), (Answer(413, {}, b""), Refused),
    (Answer(404, {}, b""), Later), (Answer(401, {}, b""), Later), (Answer(500, {}, b""), Later), (Answer(302, {}, b""), Later),
    (Answer(200, {}, b"Queue is full."), Taken),
])  # fmt: skip
def test_an_answer_means_what_make_means_by_it(answer: Answer, meaning: type[Any]) -> None:
    assert isinstance(Make().verdict(answer), meaning)


def test_too_many_requests_wait_for_the_window_or_for_what_the_answer_says() -> None:
    assert Make().verdict(Answer(429)) == Later("HTTP 429", 10.0)
    assert Make().verdict(Answer(429, {"retry-after": "30"})) == Later("HTTP 429", 30.0)


# --- health --------------------------------------------------------------------------------------------------------


def test_check_asks_nobody_and_says_what_it_cannot_know(box: Sandbox) -> None:
    box.seed({"hooks": [{"token": "abc123", "scenario": {}}]})
    health = Make(custom_webhook=HOOK, base_url=box.url).check()
    assert (health.account, health.problems) == ("Make, hook.eu1.make.com", ())
    said = " ".join(health.warnings)
    for sign in ("nothing was asked", "5 days", "10,000 credits", "set api_key"):
        assert sign in said
    assert "abc123" not in said
    assert box.requests()["count"] == 0


# --- against the stand-in ------------------------------------------------------------------------------------------


def test_a_message_to_the_endpoint_arrives_and_each_refusal_is_told_apart(box: Sandbox) -> None:
    box.kit.switches["credits"] = 30
    box.seed({"hooks": [{"token": "abc123", "api_key": "k-1", "scenario": {}}]})
    make = Make(custom_webhook=HOOK, api_key="k-1", base_url=box.url)
    to = make.endpoint()
    assert to is not None
    assert make.verdict(post(to, message())) == Taken()
    assert [b["bundle"] for b in box.state()["bundles"]] == [json.loads(json.dumps(message()))]
    box.seed({"edit": {"abc123": {"scenario": {"on": False}}}})
    answers = [make.verdict(post(to, message(number=n))) for n in (2, 3, 4)]
    assert [type(a) for a in answers] == [Taken, Taken, Later]
    assert "queue is full" in str(answers[2])
    box.seed({"edit": {"abc123": {"scenario": {"on": True, "response": {"status": 400, "body": "no such deal"}}}}})
    assert isinstance(make.verdict(post(to, message(number=5))), Refused)
    box.seed({"edit": {"abc123": {"scenario": None}}})
    box.clock(advance=121 * 3600)
    assert isinstance(make.verdict(post(to, message(number=6))), Closed)
