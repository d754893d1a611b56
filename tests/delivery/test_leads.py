"""From an ad's form to a contact in the CRM, and from what becomes of him there back to the ad."""

from __future__ import annotations

from pathlib import Path

from delivery_world import Counter, Shop
from engine_world import world
from meta_kit import DATASET
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


def test_a_lead_of_meta_arrives_by_its_webhook_or_without_and_its_stages_go_back(tmp_path: Path) -> None:
    page, form = "100100100100100", "200200200200200"
    with world(tmp_path, crm="hubspot", ads="meta") as w:
        w.extra = {
            "ads": {
                "token": "${TOKEN}", "dataset": DATASET, "forms": [form], "app_secret": "${SECRET}", "mode": "read",
                "page_id": page, "crm_name": "HubSpot", "ads_consent": "not_denied",
            }
        }  # fmt: skip
        rule = SendRule(("marketing_qualified",), "StageChanged", to=("ads",))
        s, meta = Shop(w, Counter(w.clock), events=EventsConfig((rule,))), w.boxes["ads"]
        meta.seed(
            {"datasets": [{"id": DATASET, "name": "Shop"}], "pages": [{"id": page, "name": "Shop", "subscribed": True}]}
        )
        meta.seed({"forms": [{"id": form, "page_id": page, "name": "Newsletter"}]})
        s.sync()
        answers = {"email": "zoe@example.com", "last_name": "Şahin", "phone_number": "+442079460001"}
        [told] = meta.seed({"leads": [{"form_id": form, "fields": answers}]})["ids"]["leads"]
        with s.work(1) as work:
            assert work.engine.receive("ads", hook(meta)) == 1
        s.sync()
        meta.seed({"leads": [{"form_id": form, "fields": {"email": "bob@example.com", "last_name": "Bob"}}]})
        s.sync(3600)  # nobody told of this one
        people = w.in_hubspot("crm")
        assert people.keys() == {"zoe@example.com", "bob@example.com"}
        assert people["zoe@example.com"]["lifecyclestage"] == "lead"
        assert meta.state()["datasets"][DATASET]["counted"] == []
        w.boxes["crm"].seed({"edit": {people["zoe@example.com"]["id"]: {"lifecyclestage": "marketingqualifiedlead"}}})
        s.sync()
        s.sync()
        [counted] = meta.state()["datasets"][DATASET]["counted"]
        assert (counted["event_name"], str(counted["event"]["user_data"]["lead_id"])) == ("marketing_qualified", told)
