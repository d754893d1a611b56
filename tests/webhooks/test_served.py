"""From a platform's webhook over real HTTP to what the ledger and the platforms hold."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from pathlib import Path

import pytest

from hooks_kit import (
    SECRETS,
    SHOP,
    accepted_in,
    config_in,
    configure,
    events_in,
    held,
    message,
    order,
    serving,
    signed,
    until,
)
from stagebridge.errors import Busy
from stagebridge.ledger.store import Ledger
from stagebridge.sandbox import Sandbox
from stagebridge.sync.engine import Engine
from stagebridge.sync.setup import open_sides

SUBSCRIPTIONS = ["contact.creation", "contact.propertyChange:firstname", "contact.deletion"]
CONTACTS = {"initial": {"prefer": "crm"}, "guards": {"max_changes": "off"}}


def synced(folder: Path) -> None:
    config = config_in(folder)
    sides, _ = open_sides(config)
    Engine(config.contacts, Ledger.open(config.ledger), sides, config.lifecycle).sync()


def test_a_persons_edit_in_the_crm_arrives_by_its_webhook_and_not_by_what_the_webhook_says(tmp_path: Path) -> None:
    with Sandbox("hubspot", switches={"subscriptions": SUBSCRIPTIONS}) as crm:
        account = {"type": "hubspot", "token": "${TOKEN}", "client_secret": "${SECRET}", "base_url": crm.url}
        configure(tmp_path, {"crm": account}, contacts=CONTACTS)
        [ada] = crm.seed([{"email": "ada@example.com", "firstname": "Ada"}])["ids"]
        synced(tmp_path)
        with serving(tmp_path) as served:
            crm.hooks(f"{served.url}/hooks/crm")  # what the first sync caused
            crm.seed({"edit": {ada: {"firstname": "Augusta"}}})
            assert crm.deliver(f"{served.url}/hooks/crm") == [200]
            until(lambda: held(tmp_path)["ada@example.com"]["first_name"] == "Augusta", 40, served.log())
            hook = crm.platform.hook(f"{served.url}/hooks/crm", [ada])  # type: ignore[attr-defined]
            lie = hook["body"].replace(b'"Augusta"', b'"Mallory"')
            assert lie != hook["body"]
            assert served.post("/hooks/crm", lie, hook["headers"]).status_code == 401
            stamp = str(int(time.time() * 1000))
            source = f"POST{served.url}/hooks/crm".encode() + lie + stamp.encode()
            mac = base64.b64encode(hmac.new(b"sandbox-secret", source, hashlib.sha256).digest()).decode()
            genuine = {"x-hubspot-signature-v3": mac, "x-hubspot-request-timestamp": stamp}
            assert served.post("/hooks/crm", lie, genuine).status_code == 200
            until(lambda: served.metric("hints") == 0, 40, "the hint was never followed")
        assert held(tmp_path)["ada@example.com"]["first_name"] == "Augusta"


def test_while_a_run_holds_the_ledger_webhooks_are_accepted_and_worked_on_after_it(tmp_path: Path) -> None:
    configure(tmp_path, {"shop": SHOP})
    with serving(tmp_path) as served:
        ledger = Ledger.open(config_in(tmp_path).ledger)
        until(lambda: _locked(ledger), 10, "the server never lets go of the ledger")
        with ledger.lock():
            for i in range(5):
                assert served.post("/hooks/shop", *message(i)).status_code == 200
            time.sleep(0.5)
            assert served.metric("waiting") == 5
            assert served.metric("age_seconds") > 0.3
            assert held(tmp_path) == {}
        served.worked_on()
        ledger.close()
    assert len(held(tmp_path)) == 5


def _locked(ledger: Ledger) -> bool:
    try:
        with ledger.lock():
            return True
    except Busy:
        return False


def killed_at_once(folder: Path, seed: int) -> None:
    """Accept a few, and be gone the moment after the answer to the last."""
    configure(folder, {"shop": SHOP})
    numbers = range(seed % 7 + 1)
    with serving(folder) as served:
        for i in numbers:
            assert served.post("/hooks/shop", *message(i)).status_code == 200
        time.sleep((seed % 5) * 0.06)
        served.kill()
    with serving(folder) as served:
        again = served.post("/hooks/shop", *message(0))  # and a platform that is not sure sends it again
        assert again.status_code == 200
        served.worked_on()
    assert sorted(held(folder)) == [f"person{i}@example.com" for i in numbers]
    assert events_in(folder) == sorted(f"order-{i}" for i in numbers)
    assert accepted_in(folder) == len(numbers)


@pytest.mark.parametrize("seed", [3, 9])
def test_what_was_answered_outlives_a_kill_and_counts_once(tmp_path: Path, seed: int) -> None:
    killed_at_once(tmp_path, seed)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(50))
def test_what_was_answered_outlives_a_kill_at_any_instant(tmp_path: Path, seed: int) -> None:
    killed_at_once(tmp_path, seed)


def test_in_any_order_and_however_often_the_same_webhooks_end_in_the_same_state(tmp_path: Path) -> None:
    """Three words about one person, one of which says less than the others."""
    names = ("Ada", "Augusta", None)
    stories = []
    for number, name in enumerate(names):
        said = order(1, first_name=name, last_name=f"L{number}")
        if name is None:
            del said["customer"]["first_name"]
        said["order"]["id"], said["order"]["updated_at"] = f"o{number}", f"2026-11-2{number}T10:00:00Z"
        body = json.dumps(said).encode()
        stories.append((body, f"msg_{number}"))
    ends = set()
    folders = [tmp_path / str(i) for i in range(6)]
    with_orders = list(zip(folders, itertools.permutations(stories), strict=True))
    for folder, told in with_orders:
        folder.mkdir()
        configure(folder, {"shop": SHOP})
        _told_in_process(folder, [*told, told[0], told[1]])
        [person] = held(folder).values()
        ends.add((person["first_name"], person["last_name"], tuple(events_in(folder))))
    assert ends == {("Augusta", "L2", ("o0", "o1", "o2"))}


def _told_in_process(folder: Path, stories: list[tuple[bytes, str]]) -> None:
    """Door, keeper and work, without a server: each word committed and worked on before the next."""
    from stagebridge.clock import SystemClock
    from stagebridge.connector import HookRequest
    from stagebridge.delivery.setup import Events
    from stagebridge.webhooks.doors import open_doors
    from stagebridge.webhooks.keeper import commit
    from stagebridge.webhooks.metrics import Metrics
    from stagebridge.webhooks.work import Work

    config = config_in(folder)
    ledger, door = Ledger.open(config.ledger), open_doors(config, SystemClock())["shop"]
    sides, _ = open_sides(config)
    engine = Engine(config.contacts, ledger, sides, config.lifecycle)
    work = Work(Events(config, engine), {s.name: s for s in sides}, Metrics())
    for body, id_ in stories:
        commit(ledger, [door.receive(HookRequest("POST", "http://x/hooks/shop", signed(body, id_), body))])
        work.records()
    ledger.close()


def test_one_poisoned_webhook_holds_up_no_other_and_stays_whole(tmp_path: Path) -> None:
    configure(tmp_path, {"shop": SHOP})
    with serving(tmp_path) as served:
        bad = json.dumps(
            {**order(1), "order": {"id": "o", "paid_at": "never", "total_cents": 1, "currency": "EUR"}}
        ).encode()
        assert served.post("/hooks/shop", bad, signed(bad, "msg_bad")).status_code == 200
        assert served.post("/hooks/shop", *message(2)).status_code == 200
        served.worked_on()
        assert served.metric('failed_total{connection="shop"}') == 1
        assert "event.at" in served.log()
    assert len(held(tmp_path)) == 2
    assert events_in(tmp_path) == ["order-2"]


def test_until_the_ledger_is_open_everybody_is_asked_to_come_again(tmp_path: Path) -> None:
    """Some platforms take a 404 for a farewell."""
    configure(tmp_path, {"shop": SHOP})
    ledger = Ledger.open(config_in(tmp_path).ledger)
    with ledger.begin(), serving(tmp_path, ready=False) as served:  # a long transaction keeps the ledger shut

        def up() -> bool:
            try:
                return served.get("/healthz").status_code == 200
            except OSError:
                return False

        until(up, 30, "the port is not open")
        assert served.get("/readyz").status_code == 503
        for path in ("/hooks/shop", "/hooks/nobody"):
            response = served.post(path, *message(1))
            assert (response.status_code, response.headers["retry-after"]) == (503, "10")
    ledger.close()


def test_a_forms_response_is_a_person_and_a_conversion_by_the_refs_of_its_questions(tmp_path: Path) -> None:
    mapping = "extends: typeform\ncontact: {fields: {company: {read: form_response.answers(field.ref=company).text}}}\n"
    (tmp_path / "forms.yaml").write_text(mapping, "utf-8")
    form = {"type": "webhook", "scheme": "typeform", "secret": "${LONG}", "mapping": "forms.yaml", "mode": "read"}
    configure(tmp_path, {"forms": form})
    said = {
        "event_id": "01HXAMPLE", "event_type": "form_response",
        "form_response": {
            "form_id": "lT4Z3j", "token": "a3a12ec67a13", "submitted_at": "2026-11-18T18:17:02Z", "hidden": {"gclid": "g-1"},
            "calculated": {"score": 9},
            "answers": [
                {"type": "text", "text": "Analytical Ltd", "field": {"id": "q2", "type": "short_text", "ref": "company"}},
                {"type": "text", "text": "no company", "field": {"id": "q3", "type": "short_text", "ref": "remarks"}},
                {"type": "email", "email": "Ada@Example.com", "field": {"id": "q1", "type": "email", "ref": "mail"}},
                {"type": "boolean", "boolean": True, "field": {"id": "q4", "type": "legal", "ref": "terms"}},
            ],
        },
    }  # fmt: skip
    body = json.dumps(said, ensure_ascii=False).encode()
    mac = hmac.new(SECRETS["LONG"].encode(), body, hashlib.sha256).digest()
    right = {"typeform-signature": "sha256=" + base64.b64encode(mac).decode()}
    with serving(tmp_path) as served:
        for wrong in (
            {},
            {"typeform-signature": f"sha256={mac.hex()}"},
            {"typeform-signature": right["typeform-signature"][7:]},
        ):
            assert served.post("/hooks/forms", body, wrong).status_code == 401
        for _ in range(3):
            assert served.post("/hooks/forms", body, right).status_code == 200
        served.worked_on()
    ada = held(tmp_path)["ada@example.com"]
    assert (ada["company"], ada["consent.email"], ada["click_ids.gclid"]) == ("Analytical Ltd", "granted", "g-1")
    assert events_in(tmp_path) == ["a3a12ec67a13"]
