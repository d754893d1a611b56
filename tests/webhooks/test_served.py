"""From a platform's webhook over real HTTP to what the ledger and the platforms hold."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hooks_kit import (
    SECRETS,
    SHOP,
    Served,
    accepted_in,
    config_in,
    configure,
    events_in,
    held,
    inbox,
    message,
    order,
    serving,
    signed,
    until,
)
from hooks_load import drive, request
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


@dataclass
class Place:
    """One server for the tests that leave nothing behind but people of their own."""

    folder: Path
    served: Served
    crm: Sandbox
    ada: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("served")
    mapping = "extends: typeform\ncontact: {fields: {company: {read: form_response.answers(field.ref=company).text}}}\n"
    (folder / "forms.yaml").write_text(mapping, "utf-8")
    form = {"type": "webhook", "scheme": "typeform", "secret": "${LONG}", "mapping": "forms.yaml", "mode": "read"}
    with Sandbox("hubspot", switches={"subscriptions": SUBSCRIPTIONS}) as crm:
        account = {"type": "hubspot", "token": "${TOKEN}", "client_secret": "${SECRET}", "base_url": crm.url}
        configure(folder, {"crm": account, "shop": SHOP, "forms": form}, contacts=CONTACTS)
        [ada] = crm.seed([{"email": "ada@example.com", "firstname": "Ada"}])["ids"]
        synced(folder)
        with serving(folder) as served:
            crm.hooks(f"{served.url}/hooks/crm")  # what the first sync caused
            yield Place(folder, served, crm, ada)


def test_a_persons_edit_in_the_crm_arrives_by_its_webhook_and_not_by_what_the_webhook_says(place: Place) -> None:
    served, crm, ada = place.served, place.crm, place.ada
    crm.seed({"edit": {ada: {"firstname": "Augusta"}}})
    assert crm.deliver(f"{served.url}/hooks/crm") == [200]
    until(lambda: held(place.folder)["ada@example.com"]["first_name"] == "Augusta", 40, served.log())
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
    assert held(place.folder)["ada@example.com"]["first_name"] == "Augusta"


def test_while_a_run_holds_the_ledger_webhooks_are_accepted_and_worked_on_after_it(place: Place) -> None:
    served, people = place.served, {f"person{i}@example.com" for i in range(100, 105)}
    ledger = Ledger.open(config_in(place.folder).ledger)
    with held_still(ledger):
        for i in range(100, 105):
            assert served.post("/hooks/shop", *message(i)).status_code == 200
        until(lambda: served.metric("age_seconds") > 0.3, 10, "they do not wait")
        assert served.metric("waiting") == 5
        assert not people & held(place.folder).keys()
    served.worked_on()
    ledger.close()
    assert people <= held(place.folder).keys()


@contextmanager
def held_still(ledger: Ledger) -> Iterator[None]:
    """The ledger as a run holds it: taken in one of the moments in which the server does not."""
    with ExitStack() as stack:

        def taken() -> bool:
            try:
                stack.enter_context(ledger.lock())
                return True
            except Busy:
                return False

        until(taken, 10, "the server never lets go of the ledger")
        yield


def test_a_burst_is_answered_and_worked_on_whole(place: Place) -> None:
    before, people = accepted_in(place.folder), len(held(place.folder))
    load = drive(place.served.port, [request("/hooks/shop", *message(1000 + i)) for i in range(500)], wide=64)
    assert load.statuses == {200: 500}
    assert accepted_in(place.folder) == before + 500
    place.served.worked_on(60)
    assert len(held(place.folder)) == people + 500


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


def test_what_was_answered_outlives_a_kill_and_counts_once(tmp_path: Path) -> None:
    killed_at_once(tmp_path, 3)


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
        with inbox(folder) as box:  # each word committed and worked on before the next
            for body, id_ in [*told, told[0], told[1]]:
                box.take("shop", body, signed(body, id_))
                box.work.records()
        [person] = held(folder).values()
        ends.add((person["first_name"], person["last_name"], tuple(events_in(folder))))
    assert ends == {("Augusta", "L2", ("o0", "o1", "o2"))}


def test_one_poisoned_webhook_holds_up_no_other_and_stays_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configure(tmp_path, {"shop": SHOP})
    bad = order(1)
    bad["order"]["paid_at"] = "never"
    body = json.dumps(bad).encode()
    with inbox(tmp_path) as box:
        box.take("shop", body, signed(body, "msg_bad"))
        box.take("shop", *message(2))
        box.work.records()
        assert (box.metrics.get("webhooks_failed", "shop"), box.metrics.get("webhooks_applied", "shop")) == (1, 1)
    assert "event.at" in caplog.text
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


def test_a_forms_response_is_a_person_and_a_conversion_by_the_refs_of_its_questions(place: Place) -> None:
    served = place.served
    said = {
        "event_id": "01HXAMPLE", "event_type": "form_response",
        "form_response": {
            "form_id": "lT4Z3j", "token": "a3a12ec67a13", "submitted_at": "2026-11-18T18:17:02Z", "hidden": {"gclid": "g-1"},
            "calculated": {"score": 9},
            "answers": [
                {"type": "text", "text": "Analytical Ltd", "field": {"id": "q2", "type": "short_text", "ref": "company"}},
                {"type": "text", "text": "no company", "field": {"id": "q3", "type": "short_text", "ref": "remarks"}},
                {"type": "email", "email": "Carla@Example.com", "field": {"id": "q1", "type": "email", "ref": "mail"}},
                {"type": "boolean", "boolean": True, "field": {"id": "q4", "type": "legal", "ref": "terms"}},
            ],
        },
    }  # fmt: skip
    body = json.dumps(said, ensure_ascii=False).encode()
    mac = hmac.new(SECRETS["LONG"].encode(), body, hashlib.sha256).digest()
    right = {"typeform-signature": "sha256=" + base64.b64encode(mac).decode()}
    for wrong in (
        {},
        {"typeform-signature": f"sha256={mac.hex()}"},
        {"typeform-signature": right["typeform-signature"][7:]},
    ):
        assert served.post("/hooks/forms", body, wrong).status_code == 401
    for _ in range(3):
        assert served.post("/hooks/forms", body, right).status_code == 200
    served.worked_on()
    carla = held(place.folder)["carla@example.com"]
    assert (carla["company"], carla["consent.email"], carla["click_ids.gclid"]) == ("Analytical Ltd", "granted", "g-1")
    assert events_in(place.folder).count("a3a12ec67a13") == 1
