"""Programs hand us people and conversions through the API, and ask for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from api_kit import Api, serving_api
from stagebridge.api import given
from stagebridge.clock import SystemClock
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync.desk import Desk
from stagebridge.sync.removals import remove_from_ledger


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving_api(tmp_path_factory.mktemp("served")) as running:
        yield running


def count(api: Api, table: sa.Table) -> int:
    with api.hall.reading.look() as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_whoever_asks_learns_on_whose_behalf_and_which_stages_there_are(api: Api) -> None:
    assert api.get("/me")["connection"] == "zaps"
    stages = [s["id"] for s in api.get("/stages")]
    assert stages[:3] == ["subscriber", "lead", "marketing_qualified"]
    assert all(s["label"][0].isupper() for s in api.get("/stages"))


def test_a_person_is_made_then_changed_and_found_by_address_number_and_id(api: Api) -> None:
    made = api.post(
        "/contacts", email="Ada@Example.com", first_name="Ada", phone="020 7946 0001", custom={"plan": "pro"}
    )
    assert (made["email"], made["phone"], made["custom"]) == ("ada@example.com", "+442079460001", '{"plan":"pro"}')
    again = api.post("/contacts", email="ada@example.com", last_name="Lovelace", first_name="")
    assert (again["id"], again["first_name"], again["last_name"]) == (made["id"], "Ada", "Lovelace")
    for query in ("email=ADA@example.com", "phone=%2B442079460001", f"id={made['id']}"):
        assert [p["id"] for p in api.get(f"/contacts?{query}")] == [made["id"]], query
    assert api.get("/contacts?email=nobody@example.com") == []
    assert api.get("/contacts?email=no-address") == []


def test_whoever_is_known_by_address_is_found_by_his_number_and_by_our_id_too(api: Api) -> None:
    fay = api.post("/contacts", email="fay@example.com", phone="+442079460077")
    by_id = api.post("/contacts", contact_id=fay["id"], first_name="Fay")
    assert (by_id["id"], by_id["first_name"], by_id["email"]) == (fay["id"], "Fay", "fay@example.com")
    by_number = api.post("/stages", phone="020 7946 0077", stage="lead")
    assert (by_number["id"], by_number["stage"]) == (fay["id"], "lead")
    assert api.post("/contacts", email="fay@example.com", stage="customer")["stage"] == "customer"
    api.post("/conversions", id="by-number", name="Purchase", phone="+442079460077")
    with api.hall.reading.look() as tx:
        whose = sa.select(t.contact.c.key).join(t.event, t.event.c.contact_id == t.contact.c.id)
        assert tx.scalar(whose.where(t.event.c.id == "by-number")) == fay["id"]
        assert "duplicate" not in set(tx.execute(sa.select(t.conflict.c.kind)).scalars())


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/contacts", {"email": "ada@example.com", "country": "Narnia"}, "country: 'Nar…' is not a country"),
        ("/contacts", {"email": "ada@example.com", "first_nam": "Ada"}, "first_nam: there is no such field"),
        ("/contacts", ["ada@example.com"], "a JSON object, sent with Content-Type"),
        ("/stages", {"email": "ada@example.com"}, "stage: this is missing"),
    ],
)
def test_a_body_that_is_wrong_is_told_by_the_names_it_has_and_what_to_do(
    api: Api, path: str, body: object, says: str
) -> None:
    answer = api.call("POST", path, body)
    assert answer.status_code == 422
    assert says in answer.json()["message"]
    assert "address." not in answer.json()["message"]


def test_whoever_sends_no_key_learns_how_to(api: Api) -> None:
    answer = api.session.get(f"{api.url}/v1/me", timeout=20)
    assert answer.status_code == 401
    assert "Authorization: Bearer" in answer.json()["message"]


def test_an_id_that_nobody_has_makes_nobody(api: Api) -> None:
    before = count(api, t.contact)
    for path, more in (("/contacts", {}), ("/stages", {"stage": "lead"}), ("/conversions", {"name": "Purchase"})):
        answer = api.call("POST", path, {"contact_id": "nobody", **more})
        assert answer.status_code == 422
        assert "contact_id" in answer.json()["message"]
    assert count(api, t.contact) == before


def test_what_is_said_last_counts_also_after_somebody_else_changed_it(api: Api) -> None:
    api.post("/contacts", email="eve@example.com", first_name="Eve")
    api.post("/contacts", email="eve@example.com", first_name="Eva")
    assert api.post("/contacts", email="eve@example.com", first_name="Eve")["first_name"] == "Eve"


def test_stages_go_forward_and_a_step_back_is_held_for_a_person(api: Api) -> None:
    api.post("/contacts", email="bob@example.com", stage="lead")
    moved = api.post("/stages", email="bob@example.com", stage="opportunity")
    assert (moved["stage"], moved["held"]) == ("opportunity", False)
    held = api.post("/stages", email="bob@example.com", stage="lead")
    assert (held["stage"], held["held"]) == ("opportunity", True)
    with api.hall.reading.look() as tx:
        assert "stage_backward" in set(tx.execute(sa.select(t.conflict.c.kind)).scalars())
    assert api.post("/stages", email="bob@example.com", stage="customer")["stage"] == "customer"


def test_a_repetition_counts_once(api: Api) -> None:
    before = count(api, t.event)
    one = api.post("/conversions", once="zap-1", name="Purchase", email="ada@example.com", value=49.9, currency="eur")
    other = api.post("/conversions", once="zap-1", name="Purchase", email="ada@example.com", value=49.9, currency="eur")
    assert one == other
    assert count(api, t.event) == before + 1
    api.post("/conversions", id="order-9", name="Purchase")
    api.post("/conversions", id="order-9", name="Purchase")
    assert count(api, t.event) == before + 2


def test_whoever_waits_for_a_run_to_end_asks_less_and_less_often(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    became = given._became

    def counted(ledger: Ledger, connection: str, delivery: str) -> tuple[given.Became, str | None]:
        looks.append(delivery)
        return became(ledger, connection, delivery)

    monkeypatch.setattr(given, "PATIENCE", 1.5)
    monkeypatch.setattr(given, "_became", counted)
    run = Desk(Ledger.open(api.hall.config.ledger), SystemClock())
    with run.hold():
        assert api.call("POST", "/contacts", {"email": "waits@example.com"}).status_code == 202
    run.ledger.close()
    assert len(looks) < 15


def test_a_key_of_a_repetition_is_of_what_was_asked_and_not_of_everything(api: Api) -> None:
    api.post("/contacts", once="zap-2", email="two.steps@example.com")
    assert api.post("/stages", once="zap-2", email="two.steps@example.com", stage="lead")["stage"] == "lead"


def test_whoever_is_forgotten_is_in_nothing_that_was_handed_over_of_him_by_number_or_id(api: Api) -> None:
    number = "+442079460777"
    person = api.post("/contacts", email="leaves@example.com", phone=number)
    api.post("/conversions", phone=number, name="Purchase")
    api.post("/conversions", contact_id=person["id"], name="Purchase")
    with api.hall.writing.begin() as tx:
        id_ = tx.execute(sa.select(t.contact.c.id).where(t.contact.c.key == person["id"])).scalar_one()
        links = tx.execute(sa.select(t.link).where(t.link.c.contact_id == id_)).all()
        remotes = [(x.connection, x.object, x.remote_id) for x in links]
        remove_from_ledger(tx, 1, id_, remotes, {"leaves@example.com"})
        kept = " ".join(r or "" for r in tx.execute(sa.select(t.hook.c.records)).scalars())
    assert number not in kept
    assert person["id"] not in kept


def test_whoever_changed_lately_is_listed_latest_first(api: Api) -> None:
    start = datetime.now(UTC) - timedelta(seconds=1)
    for name in ("x1", "x2", "x3"):
        api.post("/contacts", email=f"{name}@example.com")
    found = [p["email"] for p in api.get(f"/contacts?changed_since={start.isoformat().replace('+', '%2B')}&limit=2")]
    assert found == ["x3@example.com", "x2@example.com"]


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/contacts", {"first_name": "Ada"}, "email, phone or contact_id"),
        ("/contacts", {"email": "nobody"}, "email"),
        ("/contacts", {"phone": "12"}, "phone"),
        ("/contacts", {"email": "a@example.com", "stage": "leed"}, "lead"),
        ("/contacts", {"email": "a@example.com", "custom": {"plam": 1}}, "plan"),
        ("/contacts", {"email": "a@example.com", "custom": {"plan": {"of": ["what"]}}}, "custom.plan"),
        ("/contacts", {"email": "a@example.com", "firstname": "A"}, "firstname"),
        ("/contacts", {"email": "a@example.com", "country": "Narnia"}, "country"),
        ("/contacts", [], "body"),
        ("/stages", {"email": "a@example.com"}, "stage"),
        ("/conversions", {"name": "Purchase", "value": 5}, "currency"),
        ("/conversions", {"name": "Purchase", "value": -5, "currency": "EUR"}, "value"),
        ("/conversions", {"name": "Purchase", "at": "2026-01-01T00:00:00"}, "zone"),
        ("/conversions", {"email": "a@example.com"}, "name"),
        ("/conversions", {"name": "Purchase", "at": "0001-01-01T00:00:00+14:00"}, "at"),
        ("/conversions", {"name": "Purchase", "at": "9999-12-31T23:59:59-14:00"}, "at"),
        ("/conversions", {"name": "Purchase", "custom": {"n": 10**30}}, "64 bits"),
        ("/conversions", {"name": "Purchase", "custom": {"half": "\ud83d"}}, "half a character"),
        ("/conversions", {"name": "Purchase", "custom": {"deep": json.loads("[" * 250 + "]" * 250)}}, "levels"),
        ("/conversions", {"name": "Pur\x00chase"}, "zero"),
        ("/contacts", {"email": "a@example.com", "custom": {"plan": 10**30}}, "64 bits"),
        ("/contacts", {"email": "a@example.com", "custom": {"plan": "\ud83d"}}, "half a character"),
        ("/contacts", {"email": "a@example.com", "custom": {"\ud83d": "x"}}, "half a character"),
        ("/contacts", {"email": "a@example.com", "tags": ["\ud83d"]}, "half a character"),
        ("/subscriptions", {"target_url": "https://hooks.example.com/1", "event": "contact.change"}, "contact.changed"),
        ("/subscriptions", {"target_url": "https://evil.example.com/1", "event": "contact.changed"}, "none of ours"),
        ("/subscriptions", {"event": "contact.changed"}, "target_url"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_of_it_is_kept(api: Api, path: str, body: object, named: str) -> None:
    kept = count(api, t.hook)
    answer = api.call("POST", path, body)
    assert answer.status_code == 422
    assert named in answer.json()["message"]
    assert answer.json()["code"].startswith("SB-API")
    assert count(api, t.hook) == kept


def test_the_api_describes_itself(api: Api) -> None:
    spec = api.session.get(f"{api.url}/v1/openapi.json", timeout=5).json()
    assert set(spec["paths"]) == {
        "/contacts", "/conversions", "/me", "/samples/{event}", "/stages", "/subscriptions", "/subscriptions/{id}",
    }  # fmt: skip
    assert set(spec["webhooks"]) == {"contact.changed", "contact.stage_changed", "conversion.created"}
    assert spec["servers"] == [{"url": "/v1"}]
    assert "HTTPBearer" in spec["components"]["securitySchemes"]
