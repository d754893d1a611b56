"""Our own connectors keep what the conformance suite asks of every connector."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from stagebridge_file import File

from conformance.benches import (
    FileBench,
    HubSpotBench,
    MakeBench,
    MetaBench,
    OmnisendBench,
    SalesforceBench,
    TikTokBench,
    WebhookBench,
    ZapierBench,
    ZendeskBench,
)
from stagebridge.clock import ManualClock
from stagebridge.endpoint import HAPPENINGS
from stagebridge.testing import conformance
from stagebridge.testing.office import Office
from stagebridge_hubspot import HubSpot
from stagebridge_make import Make
from stagebridge_meta import Meta
from stagebridge_omnisend import Omnisend
from stagebridge_salesforce import Salesforce
from stagebridge_tiktok import TikTok
from stagebridge_webhook import Webhook
from stagebridge_zapier import Zapier
from stagebridge_zendesk import Zendesk

TestHubSpot = conformance(HubSpot, sandbox=HubSpotBench)
TestSalesforce = conformance(Salesforce, sandbox=SalesforceBench)
TestMeta = conformance(Meta, sandbox=MetaBench)
TestTikTok = conformance(TikTok, sandbox=TikTokBench)
TestZendesk = conformance(Zendesk, sandbox=ZendeskBench)
TestOmnisend = conformance(Omnisend, sandbox=OmnisendBench)
TestMake = conformance(Make, sandbox=MakeBench)
TestWebhook = conformance(Webhook, sandbox=WebhookBench)
TestZapier = conformance(Zapier, sandbox=ZapierBench)
TestFile = conformance(File, sandbox=FileBench)


def test_a_platform_with_a_stand_in_is_not_tried_without_it() -> None:
    with pytest.raises(TypeError, match="stand-in"):
        conformance(HubSpot, sandbox=FileBench)


class ZapsAlone(ZapierBench):
    connector = Zapier

    def settings(self) -> dict[str, str]:
        return {"base_url": self.box.url}


def test_where_the_settings_name_no_address_whoever_subscribes_is_told(tmp_path: Path) -> None:
    with ZapsAlone(ManualClock(datetime(2026, 3, 2, tzinfo=UTC)), tmp_path) as bench, Office(bench) as office:
        office.happen(2, *office.endpoint.types)
        office.send()
        assert office.endpoint.types == HAPPENINGS[:1]
        assert len(office.said(office.name)) == 2
        assert bench.posted(office.endpoint.url) == office.said(office.name)
