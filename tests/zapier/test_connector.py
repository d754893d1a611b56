"""What a Zapier connection is told, where it posts, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stagebridge.endpoint import Answer, Closed, Later, Taken
from stagebridge_zapier import Zapier, ZapierSettings

HOOK = "https://hooks.zapier.com/hooks/catch/1000001/abc123/"
SUBSCRIBER = "https://hooks.zapier.com/hooks/standard/1000001/fedcba/"
SECRET, OLD = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_GBkaGxwdHh8gISIjJCUmJygpKissLS4v"
STRANGE = [
    "https://evilzapier.com/hooks/catch/1/a/",
    "https://evil-hooks.zapier.com/hooks/catch/1/a/",
    "https://hooks.zapier.com.evil.example/hooks/catch/1/a/",
    "https://zapier.com/hooks/catch/1/a/",
    "https://hooks.zapier.com./hooks/catch/1/a/",
    "https://hooks.zapier.com@evil.example/hooks/catch/1/a/",
    "https://hooks.zapier.com:443@evil.example/hooks/catch/1/a/",
    "https://user@hooks.zapier.com/hooks/catch/1/a/",
    "https://user:pass@hooks.zapier.com/hooks/catch/1/a/",
    "https://hooks.zapier.com\\@evil.example/hooks/catch/1/a/",
    "https://evil.example\\.hooks.zapier.com/hooks/catch/1/a/",
    "https://evil.example/#@hooks.zapier.com/hooks/catch/1/a/",
    "https://evil.example?https://hooks.zapier.com/hooks/catch/1/a/",
    "https://hooks.zapier.com:8443/hooks/catch/1/a/",
    "https://hooks.zapier.com:port/hooks/catch/1/a/",
    "https://hooks.zapier.com:99999/hooks/catch/1/a/",
    "https://[hooks.zapier.com/hooks/catch/1/a/",
    "https://hooks。zapier.com/hooks/catch/1/a/",
    "https://hooks.zapier.com/hooks/\ncatch/1/a/",
    " https://hooks.zapier.com/hooks/catch/1/a/",
    "http://hooks.zapier.com/hooks/catch/1/a/",
    "ftp://hooks.zapier.com/hooks/catch/1/a/",
    "//hooks.zapier.com/hooks/catch/1/a/",
    "hooks.zapier.com/hooks/catch/1/a/",
    "https://hooks.zapier.com/",
    "https://hooks.zapier.com",
    "http://127.0.0.1:8000/hooks/catch/1/a/",
    "",
]


def refusal(**values: Any) -> str:
    with pytest.raises(ValidationError) as told:
        ZapierSettings(**values)
    return str(told.value)


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", STRANGE)
def test_nobody_subscribes_and_no_catch_hook_is_taken_at_an_address_that_is_not_zapiers(url: str) -> None:
    why = Zapier().unfit(url)
    assert why is not None
    said = refusal(catch_hook=url)
    assert f"catch_hook: {why}" in said
    for text in (why, said):
        assert "evil" not in text
        assert "/hooks/" not in text


@pytest.mark.parametrize(
    "url", [HOOK, SUBSCRIBER, HOOK.replace(".com", ".com:443"), HOOK.replace("hooks.z", "HOOKS.z")]
)
def test_an_address_of_zapiers_one_host_is_taken(url: str) -> None:
    assert Zapier().unfit(url) is None
    assert ZapierSettings(catch_hook=url).catch_hook is not None


def test_a_connection_that_points_at_a_stand_in_posts_there_and_never_to_zapier_itself() -> None:
    zapier = Zapier(base_url="http://127.0.0.1:8000")
    assert zapier.unfit("http://127.0.0.1:8000/hooks/standard/1/a/") is None
    for url in (SUBSCRIBER, "http://127.0.0.1:8001/hooks/standard/1/a/", "https://127.0.0.1:8000/hooks/standard/1/a/",
                "http://127.0.0.1:8000@evil.example/hooks/"):  # fmt: skip
        assert zapier.unfit(url) is not None
    assert "the stand-in's" in refusal(base_url="http://127.0.0.1:8000", catch_hook=HOOK)


# --- settings ------------------------------------------------------------------------------------------------------


def test_without_a_catch_hook_there_is_no_endpoint_and_subscribers_are_all() -> None:
    zapier = Zapier()
    assert zapier.endpoint() is None
    assert zapier.check().warnings == ()


def test_stages_that_changed_go_to_the_catch_hook_flat_and_at_the_pace_of_one_hook() -> None:
    endpoint = Zapier(catch_hook=HOOK).endpoint()
    assert endpoint is not None
    assert (endpoint.url, endpoint.types, endpoint.shape, endpoint.secrets) == (
        HOOK,
        ("contact.stage_changed",),
        "flat",
        (),
    )
    assert endpoint.rate == (30, 1.0)


def test_what_goes_there_can_be_chosen_and_is_signed_with_both_secrets_the_newest_first() -> None:
    zapier = Zapier(catch_hook=HOOK, sends=["contact.changed", "conversion.created"], secret=SECRET, old_secret=OLD)
    endpoint = zapier.endpoint()
    assert endpoint is not None
    assert endpoint.types == ("contact.changed", "conversion.created")
    assert [s.get_secret_value() for s in endpoint.secrets] == [SECRET, OLD]
    assert any("old_secret" in w for w in zapier.check().warnings)


@pytest.mark.parametrize(("values", "said"), [
    ({"sends": ["contact.changed"]}, "there is none"),
    ({"catch_hook": HOOK, "sends": []}, "at least 1"),
    ({"catch_hook": HOOK, "sends": ["contact.deleted"]}, "contact.stage_changed"),
    ({"old_secret": OLD}, "beside secret"),
    ({"secret": "not base64!"}, "whsec_"),
    ({"secret": "whsec_"}, "whsec_"),
    ({"secret": "whsec_dG9vIHNob3J0"}, "has to have 24"),
    ({"secret": SECRET, "old_secret": "x"}, "old_secret"),
])  # fmt: skip
def test_what_cannot_be_meant_is_said(values: dict[str, Any], said: str) -> None:
    assert said in refusal(**values)


def test_neither_the_hook_nor_a_secret_is_shown() -> None:
    zapier = Zapier(catch_hook=HOOK, secret=SECRET, old_secret=OLD)
    shown = f"{zapier.settings!r} {vars(zapier)} {zapier.endpoint()!r} {zapier.check()!r}"
    assert not [s for s in (HOOK, "abc123", SECRET, OLD) if s in shown]


def test_the_health_of_a_catch_hook_does_not_pretend_to_know() -> None:
    [warning] = Zapier(catch_hook=HOOK).check().warnings
    assert "nobody can tell" in warning
    assert Zapier.capabilities.posts is not None
    assert not Zapier.capabilities.posts.confirms


# --- answers -------------------------------------------------------------------------------------------------------


def test_only_200_is_a_success() -> None:
    assert Zapier().verdict(Answer(200)) == Taken()


@pytest.mark.parametrize(
    "status", [201, 202, 204, 206, 301, 302, 400, 401, 403, 404, 413, 422, 429, 500, 502, 503, 504]
)
def test_whatever_else_is_tried_again_other_successes_too(status: int) -> None:
    assert Zapier().verdict(Answer(status)) == Later(f"HTTP {status}", 0.0)


def test_a_throttled_hook_is_left_alone_for_as_long_as_it_asks() -> None:
    assert Zapier().verdict(Answer(429, {"retry-after": "17"})) == Later("HTTP 429", 17.0)


def test_410_ends_a_subscription() -> None:
    assert isinstance(Zapier().verdict(Answer(410)), Closed)
