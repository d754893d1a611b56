"""The closed loop over HTTP: a CRM, Meta and TikTok, each of whose own books say what it counted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery_world import BUYS, CUSTOMERS, Counter, Shop
from engine_world import world
from meta_kit import DATASET
from stagebridge.config import EventsConfig, SendRule
from stagebridge.contact import Contact
from stagebridge.event import ConversionEvent
from tiktok_http import PIXEL

ADS = {"ads_consent": "not_denied"}
FBP = "fb.1.1790000000000.1098115397"


class Both(Shop):
    """`meta` and `tiktok` are connections, by their stand-ins."""

    counts_here = False

    def books(self, name: str) -> list[dict[str, Any]]:
        state = self.w.boxes[name].state()
        found = state["datasets"].get(DATASET, {}) if name == "meta" else state["sources"].get(PIXEL, {})
        counted: list[dict[str, Any]] = found.get("counted", [])
        return counted

    def ids(self, name: str) -> list[str]:
        return sorted(e["event_id"] for e in self.books(name))

    def web(self, i: int, **values: Any) -> ConversionEvent:
        given = {
            "source_url": "https://shop.example.com/thanks", "user_agent": "Mozilla/5.0", "click_ids": {"fbp": f"{FBP}{i}"},
        }  # fmt: skip
        return self.purchase(i, value=Decimal("10.00"), **{**given, **values})

    def flush_all(self, wait: float = 130.0) -> dict[str, Any]:
        with self.work(wait) as work:
            return work.deliverer().flush()


@contextmanager
def both(folder: Path, **events: Any) -> Iterator[Both]:
    with world(folder, crm="hubspot", meta="meta", tiktok="tiktok") as w:
        w.extra = {
            "crm": {"custom": {"deal_amount": "number"}},
            "meta": {"token": "${TOKEN}", "dataset": DATASET, "crm_name": "HubSpot", **ADS},
            "tiktok": {"token": "${TOKEN}", "pixel": PIXEL, **ADS},
        }
        w.contacts = {"between": ["crm"]}
        w.boxes["crm"].seed({"properties": [{"name": "deal_amount", "label": "Deal amount", "type": "number"}]})
        yield Both(w, Counter(w.clock), **{"events": EventsConfig(), **events})


def closed_loop(folder: Path, people: int) -> None:
    """Existing customers, ten moved with amounts, ten web purchases: twenty, however often and from whatever ledger."""
    rule = SendRule(BUYS.stages, BUYS.send, BUYS.value, BUYS.currency, to=("meta",))
    with both(folder, events=EventsConfig((rule,), (CUSTOMERS,))) as s:
        s.customers(people)
        moved = s.customers(10, "opportunity", first=people)
        s.customers(10, "lead", first=people + 10)

        def round() -> None:
            with s.work() as work:
                work.engine.sync()
                work.deliverer().flush()

        round()
        assert s.books("meta") == []
        s.move(moved)
        with s.work() as work:
            work.engine.sync()
        shutil.copy(folder / "stagebridge.db", folder / "backup.db")
        round()
        assert [(e["value"], e["currency"]) for e in s.books("meta")] == [(99.5, "EUR")] * 10
        bought = [s.web(i) for i in range(people + 10, people + 20)]
        s.give(*bought)
        round()
        assert (len(s.books("meta")), len(s.books("tiktok"))) == (20, 10)
        s.give(*bought)
        round()
        shutil.copy(folder / "backup.db", folder / "stagebridge.db")
        round()
        s.give(*bought)
        round()
        assert (len(s.books("meta")), len(s.books("tiktok"))) == (20, 10)


def test_the_closed_loop_counts_once_at_each_platform(tmp_path: Path) -> None:
    closed_loop(tmp_path, 120)


@pytest.mark.soak
def test_the_closed_loop_with_two_thousand_customers(tmp_path: Path) -> None:
    closed_loop(tmp_path, 2000)


def test_three_events_of_a_thousand_that_only_the_server_refuses_are_found(tmp_path: Path) -> None:
    with both(tmp_path) as s:
        s.give(*[s.web(i) for i in range(1000)])
        meta = s.w.boxes["meta"]
        for bad in ("order-17", "order-500", "order-981"):
            meta.fault("error", code=100, subcode=2804050, id=f'"{bad}"', times=None, path="*/events")
        meta.forget_requests()
        flushed = s.flush_all()["meta"]
        assert len(s.books("meta")) == 997
        assert flushed.verdicts == {"SB-META-2804050": 3}
        assert meta.requests()["by_endpoint"]["events"] <= 1 + 3 * 11 + 3


def test_as_few_requests_as_there_are_thousands(tmp_path: Path) -> None:
    with both(tmp_path) as s:
        s.give(*[s.web(i) for i in range(2500)])
        flushed = s.flush_all()
        assert {n: f.requests for n, f in flushed.items()} == {"meta": 3, "tiktok": 3}
        assert {n: f.sent for n, f in flushed.items()} == {"meta": 2500, "tiktok": 2500}


WORDS = st.lists(
    st.sampled_from(["ok", "ok", "500", "503", "429", "html_502", "timeout_before", "timeout_after", "reset_mid_body"]),
    max_size=10,
)


def any_faults(folder: Path, meta: list[str], tiktok: list[str], denied: set[int]) -> None:
    with both(folder) as s:
        for name, script in (("meta", meta), ("tiktok", tiktok)):
            if script:
                s.w.boxes[name].fault("status", script=script, writes=True)
        old = s.web(90, at=s.w.clock.now() - timedelta(days=40))
        poor = s.web(91, contact=Contact(), click_ids={})
        s.give(old, poor, *[s.web(i, consent_ads="denied" if i in denied else None) for i in range(25)])
        for _ in range(6):
            s.flush_all(3600)
        wanted = sorted(f"order-{i}" for i in range(25) if i not in denied)
        assert (s.ids("meta"), s.ids("tiktok")) == (wanted, wanted)


@settings(max_examples=3, deadline=None)
@given(meta=WORDS, tiktok=WORDS, denied=st.sets(st.integers(0, 24), max_size=4))
def test_whatever_the_platforms_do_they_count_the_valid_events_each_once(
    tmp_path_factory: pytest.TempPathFactory, meta: list[str], tiktok: list[str], denied: set[int]
) -> None:
    any_faults(tmp_path_factory.mktemp("any"), meta, tiktok, denied)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@settings(max_examples=150, deadline=None)
@given(meta=WORDS, tiktok=WORDS, denied=st.sets(st.integers(0, 24), max_size=4))
def test_a_hundred_and_fifty_such_platforms(
    tmp_path_factory: pytest.TempPathFactory, meta: list[str], tiktok: list[str], denied: set[int]
) -> None:
    any_faults(tmp_path_factory.mktemp("any"), meta, tiktok, denied)
