"""The engine sends to Meta: the one event that has all refused is found, what was not answered counts once, consent holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from delivery_world import Counter, Shop
from engine_world import world
from meta_kit import DATASET, TOKEN
from stagebridge.config import Config, ConnectionConfig, EventsConfig, SendRule
from stagebridge.contact import Contact
from stagebridge.delivery import inspect
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import Sandbox
from stagebridge_meta import Meta, MetaSettings

LONG: dict[str, Any] = {"name": "a name of more than fifty characters, which some say is too long"}
OWN = "extends: meta\nevent: {variants: {messenger: {names: {Search: Search}}}}\n"
"""A mapping that believes that Meta takes one name more."""
TALK: dict[str, Any] = {"channel": "chat", "chat": "messenger", "contact": Contact(chat_ids={"messenger": "5551212"})}
SEARCH: dict[str, Any] = {"name": "Search", "value": None, "currency": None}


@dataclass
class OnMeta(Shop):
    """A CRM, and Meta's stand-in as the advertising platform."""

    box: Sandbox | None = None

    def config(self) -> Config:
        assert self.box is not None
        settings = MetaSettings.model_validate(
            {
                "base_url": self.box.url, "token": TOKEN, "dataset": DATASET, "crm_name": "HubSpot", "page_id": "100",
                "messaging_events": ["Purchase", "Search"],
            }
        )  # fmt: skip
        (self.w.folder / "own.yaml").write_text(OWN, "utf-8")
        ads = ConnectionConfig(
            "ads", "meta", connector=Meta, settings=settings, ads_consent=self.ads_consent, mapping="own.yaml",
            folder=self.w.folder,
        )  # fmt: skip
        config = super().config()
        return replace(config, connections={**config.connections, "ads": ads})

    def counted(self) -> list[str]:
        assert self.box is not None
        held = self.box.state()["datasets"].get(DATASET, {})
        return [e["event_id"] for e in held.get("counted", [])]

    def dead(self) -> list[dict[str, Any]]:
        ledger = Ledger.open(self.config().ledger)
        try:
            return inspect.dead_letters(ledger)
        finally:
            ledger.close()


@pytest.fixture
def s(tmp_path: Path) -> Iterator[OnMeta]:
    with world(tmp_path, crm="hubspot") as w, Sandbox("meta", clock=w.clock) as box:
        rules = EventsConfig((SendRule(("customer",), "StageChanged", to=("ads",)),))
        yield OnMeta(w, Counter(w.clock), events=rules, box=box)


def test_one_wrong_event_among_many_is_found_and_holds_up_no_other(s: OnMeta) -> None:
    s.give(*(s.purchase(i, **TALK, **(SEARCH if i == 3 else {})) for i in range(8)))
    report = s.flush()
    assert report.sent == 7
    assert sorted(s.counted()) == [f"order-{i}" for i in range(8) if i != 3]
    [letter] = s.dead()
    assert (letter["object"], letter["code"]) == ("event order-3", "SB-META-2804066")
    assert "fbtrace_id" in letter["reason"]


def test_one_that_is_refused_for_no_reason_that_anybody_knows_waits_and_holds_up_no_other(s: OnMeta) -> None:
    s.give(*(s.purchase(i, channel="crm", **(LONG if i == 3 else {})) for i in range(8)))
    report = s.flush()
    assert (report.sent, report.waiting) == (7, 1)
    assert s.dead() == []


@pytest.mark.parametrize("kind", ["timeout_after", "reset_mid_body", "html_502"])
def test_what_was_never_answered_is_sent_again_and_counts_once(s: OnMeta, kind: str) -> None:
    assert s.box is not None
    s.give(*(s.purchase(i, channel="crm") for i in range(3)))
    s.box.fault(kind)
    report = s.flush()
    assert (report.sent, report.waiting) == (3, 0)
    assert sorted(s.counted()) == ["order-0", "order-1", "order-2"]


def test_a_conversation_that_was_never_answered_is_never_counted_twice(s: OnMeta) -> None:
    assert s.box is not None
    s.give(s.purchase(1, **TALK))
    s.box.fault("timeout_after")
    for _ in range(3):
        s.flush()
    assert s.counted() == ["order-1"]


def test_only_of_people_who_agreed_to_ads_is_anything_sent(s: OnMeta) -> None:
    s.ads_consent = "granted_only"
    s.give(s.purchase(1, channel="crm"), s.purchase(2, channel="crm", consent_ads="granted"))
    report = s.flush()
    assert dict(report.verdicts) == {"SB-EVENT-CONSENT": 1}
    assert s.counted() == ["order-2"]


def test_a_token_that_is_withdrawn_keeps_the_events_until_there_is_another(s: OnMeta) -> None:
    assert s.box is not None
    s.give(*(s.purchase(i, channel="crm") for i in range(3)))
    s.box.seed({"tokens": {TOKEN: {"problem": 467}}})
    assert (s.flush().waiting, s.failures["ads"].code) == (3, "SB-META-TOKEN")
    assert s.counted() == []
    s.box.reset()
    assert s.flush().sent == 3
