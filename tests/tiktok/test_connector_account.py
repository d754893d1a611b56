"""What a TikTok connection may be told, and what can be checked without sending an event."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stagebridge.errors import AuthError
from stagebridge.sandbox import Sandbox
from stagebridge_tiktok import TikTok
from tiktok_http import CRM, OFFLINE, PIXEL, counted
from tiktok_kit import tiktok


@pytest.mark.parametrize(("settings", "said"), [
    ({"pixel": "C1"}, "token"), ({"token": "t"}, "give a source"), ({"token": "Bearer t", "pixel": "C1"}, "without 'Bearer '"),
    ({"token": " ", "pixel": "C1"}, "give the token"), ({"token": "t", "pixel": ""}, "pixel"),
    ({"token": "t", "pixel": "C1", "test_event_code": "TEST1"}, "test_mode"),
    ({"token": "t", "pixel": "C1", "test_mode": True}, "test_event_code"),
    ({"token": "t", "pixel": "C1", "ages": {"web": 0}}, "ages.web"), ({"token": "t", "pixel": "C1", "ages": {"tv": 1}}, "ages.tv"),
])  # fmt: skip
def test_a_setting_that_cannot_be_is_refused_with_the_reason(settings: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TikTok(**settings)


def test_ids_may_be_numbers_and_leads_alone_need_no_source() -> None:
    assert TikTok(token="t", crm_set=7100000000000000201).settings.sources == {"crm": CRM}
    assert TikTok(token="t", app_secret="s").settings.sources == {}


def test_no_secret_shows(box: Sandbox) -> None:
    connector = tiktok(box, token="secret-1", app_secret="secret-2")
    assert "secret" not in f"{connector.settings!r} {connector.client.auth!r} {vars(connector)}".replace(
        "app_secret", ""
    )


def test_a_check_sends_no_event_and_names_the_sources(box: Sandbox) -> None:
    health = tiktok(box).check()
    assert health.account == f"TikTok pixel {PIXEL}, offline event set {OFFLINE}, CRM event set {CRM}"
    assert (health.problems, health.warnings) == ((), ())
    assert box.requests()["count"] == 3
    assert box.requests()["records"].get("POST event/track/", 0) == 0
    assert counted(box) == []


@pytest.mark.parametrize("switches", [{}, {"http_statuses": True}])
def test_a_check_tells_a_token_that_is_not_accepted(switches: Any) -> None:
    with Sandbox("tiktok", switches={"token": "right", **switches}) as box:
        assert tiktok(box, token="right").check().problems == ()
        with pytest.raises(AuthError) as error:
            tiktok(box, token="wrong").check()
        assert error.value.code == "SB-TIKTOK-TOKEN"


def test_a_check_names_the_source_that_the_token_may_not_report_to(box: Sandbox) -> None:
    box.seed({"tokens": {"of-the-pixel": [PIXEL]}})
    problems = tiktok(box, token="of-the-pixel").check().problems
    assert [p.split(" (")[0] for p in problems] == [
        f"the TikTok token may not report to offline event set {OFFLINE}",
        f"the TikTok token may not report to CRM event set {CRM}",
    ]
    assert all("scope" in p for p in problems)


def test_a_check_reminds_of_the_test_mode(box: Sandbox) -> None:
    [warning] = tiktok(box, test_event_code="TEST1", test_mode=True).check().warnings
    assert "none counts" in warning


def test_leads_alone_are_nothing_to_check(box: Sandbox) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("pixel", "offline_set", "crm_set"))
    assert tiktok(box, **nothing, app_secret="s").check().account == "TikTok leads"
    assert box.requests()["count"] == 0
