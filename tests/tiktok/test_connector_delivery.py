"""The engine sends to TikTok: what it refuses is put aside by its place, what it did not answer counts once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from delivery_world import Counter, Shop
from engine_world import world
from stagebridge.config import Config, ConnectionConfig, EventsConfig, SendRule
from stagebridge.contact import Contact
from stagebridge.delivery import inspect
from stagebridge.event import ConversionEvent
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import Sandbox
from stagebridge_tiktok import TikTok, TikTokSettings
from tiktok_http import CRM, LEAD, PIXEL, counted, source


@dataclass
class OnTikTok(Shop):
    """A CRM, and TikTok's stand-in as the advertising platform."""

    box: Sandbox | None = None

    def config(self) -> Config:
        assert self.box is not None
        settings = TikTokSettings.model_validate(
            {"base_url": self.box.url, "token": "token-1", "pixel": PIXEL, "crm_set": CRM, "crm_name": "HubSpot"}
        )
        ads = ConnectionConfig("ads", "tiktok", connector=TikTok, settings=settings, ads_consent=self.ads_consent)
        config = super().config()
        return replace(config, connections={**config.connections, "ads": ads})

    def won(self, i: int, lead: str = LEAD) -> ConversionEvent:
        person = Contact(email=f"p{i}@example.com")
        return self.purchase(
            i, name="Won", channel="crm", contact=person, lead_ids={"tiktok": lead}, value=None, currency=None
        )

    def dead(self) -> list[dict[str, Any]]:
        ledger = Ledger.open(self.config().ledger)
        try:
            return inspect.dead_letters(ledger)
        finally:
            ledger.close()


@pytest.fixture
def s(tmp_path: Path) -> Iterator[OnTikTok]:
    with world(tmp_path, crm="hubspot") as w, Sandbox("tiktok", clock=w.clock) as box:
        yield OnTikTok(
            w, Counter(w.clock), events=EventsConfig((SendRule(("customer",), "Won", to=("ads",)),)), box=box
        )


def test_one_wrong_event_costs_one_call_more_and_holds_up_no_other(s: OnTikTok) -> None:
    assert s.box is not None
    s.give(*(s.won(i, "7.012345678901235e+18" if i == 3 else LEAD) for i in range(8)))
    report = s.flush()
    assert (report.sent, report.requests) == (7, 2)
    assert [id for _, id in counted(s.box, CRM)] == [f"order-{i}" for i in range(8) if i != 3]
    [letter] = s.dead()
    assert (letter["object"], letter["code"]) == ("event order-3", "SB-TIKTOK-40002")
    assert "lead.lead_id" in letter["reason"]


@pytest.mark.parametrize("kind", ["timeout_after", "empty_body", "reset_mid_body", "html_502"])
def test_what_was_never_answered_is_sent_again_and_counts_once(s: OnTikTok, kind: str) -> None:
    assert s.box is not None
    s.give(*(s.purchase(i, source_url="https://shop.example/") for i in range(3)), s.won(9))
    s.box.fault(kind)
    report = s.flush()
    assert (report.sent, report.waiting) == (4, 0)
    assert len(counted(s.box)) == 3
    assert len(counted(s.box, CRM)) == 1


def test_only_of_people_who_agreed_to_ads_is_anything_sent(s: OnTikTok) -> None:
    assert s.box is not None
    s.ads_consent = "granted_only"
    s.give(s.won(1), s.won(2).model_copy(update={"consent_ads": "granted"}))
    report = s.flush()
    assert dict(report.verdicts) == {"SB-EVENT-CONSENT": 1}
    [held] = source(s.box, CRM)["counted"]
    assert (held["event"], held["event_id"], held["lead_id"]) == ("Won", "order-2", LEAD)


def test_a_revoked_token_keeps_the_events_until_there_is_another(s: OnTikTok) -> None:
    assert s.box is not None
    s.give(*(s.won(i) for i in range(3)))
    s.box.seed({"revoke": ["token-1"]})
    assert (s.flush().waiting, s.failures["ads"].code) == (3, "SB-TIKTOK-TOKEN")
    assert counted(s.box, CRM) == []
    s.box.reset()
    assert s.flush().sent == 3
