"""From an ad's form to a contact in the CRM, and from what becomes of him there back to the ad."""

from __future__ import annotations

from pathlib import Path

from delivery_world import Counter, Shop
from engine_world import world
from stagebridge.config import EventsConfig, SendRule
from stagebridge.connector import HookRequest
from stagebridge.sandbox import Sandbox
from tiktok_http import CRM, LEAD, NOW, source

ANSWERS = {"email": "Zoë@Example.com", "phone_number": "+44 20 7946 0001", "first_name": "Zoë", "last_name": "Şahin"}


def hook(box: Sandbox) -> HookRequest:
    [made] = box.hooks("https://bridge.example.com/hooks/ads")
    return HookRequest(made["method"], made["url"], {k.lower(): v for k, v in made["headers"].items()}, made["body"])


def test_a_lead_arrives_once_as_a_contact_and_its_stages_go_back_under_its_id(tmp_path: Path) -> None:
    with world(tmp_path, crm="hubspot", ads="tiktok") as w:
        w.extra = {
            "ads": {
                "token": "${TOKEN}",
                "app_secret": "${SECRET}",
                "crm_set": CRM,
                "mode": "read",
                "ads_consent": "not_denied",
            }
        }
        rule = SendRule(("marketing_qualified",), "Qualified", to=("ads",))
        s = Shop(w, Counter(w.clock), events=EventsConfig((rule,)))
        s.sync()
        w.boxes["ads"].seed({"leads": [{"id": LEAD, "answers": ANSWERS, "create_time": NOW}]})
        request = hook(w.boxes["ads"])
        for _ in range(2):
            with s.work() as work:
                assert work.engine.receive("ads", request) == 1
        s.sync()
        [zoe] = w.boxes["crm"].state()["contacts"]
        assert (zoe["email"], zoe["lastname"], zoe["lifecyclestage"]) == ("zoë@example.com", "Şahin", "lead")
        w.boxes["crm"].seed({"edit": {zoe["id"]: {"lifecyclestage": "marketingqualifiedlead"}}})
        s.sync()
        s.sync()
        [told] = source(w.boxes["ads"], CRM)["counted"]
        assert (told["event"], told["lead_id"]) == ("Qualified", LEAD)
