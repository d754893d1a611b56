"""Deals that HubSpot records as won, as purchases."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from hubspot_kit import account, seed
from stagebridge.errors import AuthError
from stagebridge.event import ConversionEvent
from stagebridge.sandbox import Sandbox
from stagebridge_hubspot import HubSpot
from stagebridge_hubspot.sandbox.door import SCOPES


def deal(box: Sandbox, *contacts: str, stage: str = "closedwon", **values: Any) -> str:
    row = {"dealname": "Deal", "dealstage": stage, "amount": "99.50", "contacts": list(contacts), **values}
    return str(box.seed({"deals": [row]})["deals"][0])


def recorded(hs: HubSpot, since: Any = None) -> list[ConversionEvent]:
    """What is there once the index has caught up."""
    hs.clock.sleep(200)
    return [e for page in hs.read_events(since) for e in page.events]


@pytest.mark.parametrize("api", ["2026-03", "v3"])
def test_a_deal_that_was_won_is_a_purchase_of_its_contact_in_the_accounts_currency(api: str) -> None:
    with account(api=api) as (hs, box):
        ada, bob = seed(box, [{"email": "ada@example.com", "stagebridge_id": "k-1"}, {"email": "bob@example.com"}])
        won = deal(box, bob, ada)
        deal(box, ada, stage="contractsent")
        deal(box, ada, stage="closedlost")
        deal(box)
        [event] = recorded(hs)
        assert (event.name, event.order_id, event.key, event.contact.email) == (
            "Purchase",
            won,
            "k-1",
            "ada@example.com",
        )
        assert (event.value, event.currency, event.channel) == (Decimal("99.50"), "USD", "crm")


def test_a_deals_own_currency_counts_and_without_an_amount_there_is_no_value() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        deal(box, ada, deal_currency_code="CHF")
        deal(box, ada, amount="")
        assert [(e.value, e.currency) for e in recorded(hs)] == [(Decimal("99.50"), "CHF"), (None, None)]


def test_it_happened_when_the_stage_was_entered_and_not_on_the_day_that_somebody_wrote() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        before = hs.clock.now()
        id_ = deal(box, ada, closedate="2026-01-01")
        [first] = recorded(hs)
        assert abs((first.at - before).total_seconds()) < 60
        hs.clock.sleep(3600)
        box.seed({"edit_deals": {id_: {"dealstage": "contractsent"}}})
        assert recorded(hs) == []
        box.seed({"edit_deals": {id_: {"dealstage": "closedwon"}}})
        [again] = recorded(hs)
        assert again.id == first.id
        assert again.at > first.at


def test_many_deals_of_one_instant_all_come_in_pages_that_can_be_gone_on_from() -> None:
    with account() as (hs, box):
        [ada] = seed(box, [{"email": "ada@example.com"}])
        ids = box.seed({"deals": [{"dealstage": "closedwon", "amount": "1", "contacts": [ada]}] * 250})["deals"]
        hs.clock.sleep(200)
        pages = list(hs.read_events(None))
        assert [len(p.events) for p in pages] == [100, 100, 50, 0]
        assert [e.order_id for p in pages for e in p.events] == ids
        assert [e.order_id for p in hs.read_events(pages[0].cursor) for e in p.events] == ids[100:]


@pytest.mark.parametrize("skew", [-90.0, 90.0])
def test_what_is_won_while_a_pass_is_read_comes_with_the_next_whatever_the_clocks_say(skew: float) -> None:
    with account(switches={"skew": skew}) as (hs, box):
        ada, bob = seed(box, [{"email": "ada@example.com"}, {"email": "bob@example.com"}])
        deal(box, ada)
        hs.clock.sleep(200)
        pages = hs.read_events(None)
        read = [next(pages)]
        later = deal(box, bob)
        read += pages
        assert later not in {e.order_id for p in read for e in p.events}
        assert later in {e.order_id for e in recorded(hs, read[-1].cursor)}


def test_a_token_that_may_not_read_deals_says_so() -> None:
    scopes = ["oauth", *sorted({s for pair in SCOPES.values() for s in pair if "deals" not in s})]
    with account(switches={"scopes": scopes}) as (hs, _), pytest.raises(AuthError, match=r"crm\.objects\.deals\.read"):
        recorded(hs)
