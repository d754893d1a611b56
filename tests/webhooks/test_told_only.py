"""Where nobody can be asked, each webhook is a word about a person: all of them count, under whatever id they come."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hooks_kit import SECRETS, SHOP, Inbox, asked, configure, events_in, held, inbox, order, signed
from stagebridge.clock import ManualClock, SystemClock
from stagebridge.ledger import schema as t
from stagebridge.sync import inspect
from stagebridge.sync.decide import Decisions

FORMS = {"type": "webhook", "scheme": "typeform", "secret": "${LONG}", "mode": "read"}
ADA = "ada@example.com"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Inbox]:
    (tmp_path / "shop.yaml").write_text(
        "extends: webhook\ncontact: {fields: {job_title: {read: customer.title}, tags: {read: customer.tags}}}\n",
        "utf-8",
    )
    shop = {**SHOP, "mapping": "shop.yaml"}
    configure(tmp_path, {"forms": FORMS, "shop": shop}, contacts={"match_phone": "true", "initial": {"prefer": "shop"}})
    with inbox(tmp_path, ManualClock(SystemClock().now())) as opened:
        yield opened


def respond(box: Inbox, token: str, at: str, **answers: Any) -> None:
    """One response of a form, each with a token of its own."""
    given = [
        {"type": k, k: v, "field": {"id": k, "type": "legal" if k == "boolean" else k, "ref": k}}
        for k, v in answers.items()
    ]
    response = {"form_id": "f", "token": token, "submitted_at": at, "hidden": {}, "answers": given}
    body = json.dumps({"event_id": token, "event_type": "form_response", "form_response": response}).encode()
    mac = base64.b64encode(hmac.new(SECRETS["LONG"].encode(), body, hashlib.sha256).digest()).decode()
    box.take("forms", body, {"typeform-signature": f"sha256={mac}"})


def post(box: Inbox, id: str, said: dict[str, Any]) -> None:
    body = json.dumps(said).encode()
    box.take("shop", body, signed(body, id, at=box.clock.now().timestamp()))


def buys(box: Inbox, customer: int, number: int, **more: Any) -> None:
    """An order of a customer that the shop numbers anew each time, without a time of its own."""
    said = order(number, id=customer, **{"email": ADA, **more})
    post(box, f"msg_{number}", said)


def conflicts(box: Inbox) -> list[str]:
    return [c["kind"] for c in inspect.conflicts(box.engine.ledger)]


def states(folder: Path) -> list[str]:
    return sorted(asked(folder, sa.select(t.link.c.state)))


@pytest.mark.parametrize("together", [True, False])
def test_a_persons_second_response_counts_like_the_first(box: Inbox, tmp_path: Path, together: bool) -> None:
    respond(box, "t1", "2026-11-20T10:00:00Z", email=ADA, phone_number="+442079460001", boolean=False)
    if not together:
        box.work.records()
    respond(box, "t2", "2026-11-21T10:00:00Z", email="Ada@Example.com", phone_number="+442079460002", boolean=True)
    box.work.records()
    assert {a: (v["phone"], v["consent.email"]) for a, v in held(tmp_path).items()} == {
        ADA: ("+442079460002", "granted")
    }
    assert events_in(tmp_path) == ["t1", "t2"]
    assert conflicts(box) == []
    assert states(tmp_path) == ["alias", "live"]


def test_of_two_responses_the_later_counts_also_if_it_comes_first(box: Inbox, tmp_path: Path) -> None:
    respond(box, "t2", "2026-11-21T10:00:00Z", email=ADA, phone_number="+442079460002")
    box.work.records()
    respond(box, "t1", "2026-11-20T10:00:00Z", email=ADA, phone_number="+442079460001", boolean=True)
    box.work.records()
    [ada] = held(tmp_path).values()
    assert (ada["phone"], ada["consent.email"]) == ("+442079460002", "granted")
    assert events_in(tmp_path) == ["t1", "t2"]


def test_whatever_the_order_of_the_responses_the_consent_keeps_its_own_time(box: Inbox, tmp_path: Path) -> None:
    said: list[tuple[str, str, dict[str, Any]]] = [
        ("t1", "2026-11-20T10:00:00Z", {"email": ADA, "boolean": True}),
        ("t2", "2026-11-21T10:00:00Z", {"email": ADA, "phone_number": "+442079460002"}),
    ]
    for token, at, answers in reversed(said):
        respond(box, token, at, **answers)
        box.work.records()
    ada = held(tmp_path)[ADA]
    assert (ada["consent.email"], ada["consent.email.at"].isoformat()) == ("granted", "2026-11-20T10:00:00+00:00")
    assert ada["phone"] == "+442079460002"


def test_tags_that_were_given_under_several_ids_add_up_in_any_order(box: Inbox, tmp_path: Path) -> None:
    for number, (customer, tag, day) in enumerate([(1, "c", 23), (2, "a", 21), (3, "b", 22), (1, "old", 20)]):
        said = order(number, id=customer, email=ADA, tags=[tag])
        said["order"]["updated_at"] = f"2026-11-{day}T10:00:00Z"
        post(box, f"m{number}", said)
        box.work.records()
    assert held(tmp_path)[ADA]["tags"] == {"a", "b", "c"}


@pytest.mark.parametrize("together", [True, False])
def test_a_person_whom_a_shop_numbers_anew_is_one_and_her_last_word_counts(
    box: Inbox, tmp_path: Path, together: bool
) -> None:
    words = [(1, "Ada"), (2, "Augusta"), (1, "Ada"), (3, "Countess"), (2, "Augusta")]
    for number, (customer, name) in enumerate(words):
        buys(box, customer, number, first_name=name)
        if not together:
            box.work.records()
    box.work.records()
    assert {a: v["first_name"] for a, v in held(tmp_path).items()} == {ADA: "Augusta"}
    assert events_in(tmp_path) == [f"order-{n}" for n in range(5)]
    assert conflicts(box) == []


def test_the_same_words_again_count_again_where_others_were_said_in_between(box: Inbox, tmp_path: Path) -> None:
    """To the byte, but for the delivery's id; and in one piece of work, against what stands in the ledger before it."""
    first, second = (order(1, email=ADA, first_name=name) for name in ("Ada", "Augusta"))
    post(box, "m1", first)
    box.work.records()
    post(box, "m2", second)
    post(box, "m3", first)
    box.work.records()
    assert held(tmp_path)[ADA]["first_name"] == "Ada"


def test_a_word_takes_back_only_what_was_said_under_its_id_before(box: Inbox, tmp_path: Path) -> None:
    phone = "+442079460001"
    buys(box, 1, 1, phone=phone, title="Countess", tags=["vip"])
    buys(box, 2, 2, phone=None, title="Lady", tags=["wholesale"])
    box.work.records()
    ada = held(tmp_path)[ADA]
    assert (ada["phone"], ada["job_title"], ada["tags"]) == (phone, "Lady", {"vip", "wholesale"})
    buys(box, 1, 3, phone=None, tags=[])
    box.work.records()
    ada = held(tmp_path)[ADA]
    assert (ada["phone"], ada["job_title"], ada["tags"]) == (None, "Lady", {"wholesale"})


def test_a_later_address_is_the_persons_under_every_id(box: Inbox, tmp_path: Path) -> None:
    buys(box, 1, 1)
    buys(box, 2, 2)
    box.work.records()
    buys(box, 2, 3, email="countess@example.com")
    buys(box, 1, 4, email="countess@example.com", title="Countess")
    box.work.records()
    assert {a: v["job_title"] for a, v in held(tmp_path).items()} == {"countess@example.com": "Countess"}
    assert conflicts(box) == []


def test_people_who_turn_out_to_be_one_have_one_record_there(box: Inbox, tmp_path: Path) -> None:
    buys(box, 1, 1, first_name="Ada")
    buys(box, 2, 2, email="augusta@example.com", first_name="Augusta", title="Countess")
    box.work.records()
    Decisions(box.engine).link(ADA, "shop", "contacts", "2")
    assert states(tmp_path) == ["alias", "live"]
    buys(box, 2, 3, first_name="Augusta", title="Lady")
    box.work.records()
    [ada] = held(tmp_path).values()
    assert (ada["email"], ada["first_name"], ada["job_title"]) == (ADA, "Augusta", "Lady")
    assert conflicts(box) == []


def test_what_is_said_of_one_of_two_people_waits_for_a_decision_and_counts_after_it(box: Inbox, tmp_path: Path) -> None:
    phone = "+442079460009"
    buys(box, 1, 1)
    buys(box, 2, 2, email="bob@example.com")
    buys(box, 1, 3, phone=phone)
    buys(box, 2, 4, phone=phone, email="bob@example.com")
    buys(box, 3, 5, phone=phone, email="", first_name="Robert")
    box.work.records()
    [conflict] = inspect.conflicts(box.engine.ledger)
    assert (conflict["kind"], conflict["remote_id"]) == ("ambiguous", "3")
    buys(box, 3, 6, phone=phone, email="", first_name="Robert", title="Dr")
    box.work.records()
    assert "job_title" not in {p for v in held(tmp_path).values() for p in v}
    Decisions(box.engine).link("bob@example.com", "shop", "contacts", "3")
    box.work.records()
    people = held(tmp_path)
    assert (people["bob@example.com"]["job_title"], people["bob@example.com"]["first_name"]) == ("Dr", "Robert")
    assert people[ADA].get("job_title") is None
    assert len(events_in(tmp_path)) == 6


def test_whoever_is_forgotten_is_gone_under_every_id_and_may_come_back(box: Inbox, tmp_path: Path) -> None:
    respond(box, "t1", "2026-11-20T10:00:00Z", email=ADA, phone_number="+442079460001")
    respond(box, "t2", "2026-11-21T10:00:00Z", phone_number="+442079460001")  # hers, and without her address
    box.work.records()
    told = Decisions(box.engine).forget(ADA)
    assert {(f.remote_id, f.result.partition(":")[0]) for f in told} == {("t1", "kept"), ("t2", "kept")}
    assert asked(tmp_path, sa.select(t.hook.c.records).where(t.hook.c.records.is_not(None))) == []
    assert held(tmp_path) == {}
    respond(box, "t1", "2026-11-20T10:00:00Z", email=ADA, boolean=True)  # an old one, once more
    box.work.records()
    assert held(tmp_path) == {}
    later = box.clock.now().replace(year=box.clock.now().year + 1).isoformat()
    respond(box, "t3", later, email=ADA)
    box.work.records()
    assert list(held(tmp_path)) == [ADA]
