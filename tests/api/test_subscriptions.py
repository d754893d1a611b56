"""Programs subscribe, are told, and end it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api_kit import Api, serving_api, until
from stagebridge.access import keys
from stagebridge.ledger import schema as t
from stub_http import Reply, Stub


@pytest.fixture(scope="module")
def listener() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, listener: Stub) -> Iterator[Api]:
    allow = [listener.url.removeprefix("http://")]
    with serving_api(tmp_path_factory.mktemp("served"), outgoing={"allow": allow}) as running:
        yield running


@pytest.fixture(autouse=True)
def _anew(listener: Stub) -> None:
    listener.seen.clear()
    listener.will(Reply())


def heard(listener: Stub, path: str) -> list[dict[str, object]]:
    import json

    return [json.loads(s.body) for s in listener.seen if s.path == path]


def test_whoever_subscribed_is_told_in_the_form_of_the_samples_until_he_ends_it(api: Api, listener: Stub) -> None:
    sub = api.post("/subscriptions", target_url=f"{listener.url}/a", event="contact.stage_changed")
    again = api.call("POST", "/subscriptions", {"target_url": f"{listener.url}/a", "event": "contact.stage_changed"})
    assert (again.status_code, again.json()["id"]) == (200, sub["id"])
    [sample] = api.get("/samples/contact.stage_changed?limit=1")
    api.post("/contacts", email="ada@example.com", stage="lead")
    until(lambda: len(heard(listener, "/a")) == 1)
    [told] = heard(listener, "/a")
    assert (told["email"], told["stage"], told["type"]) == ("ada@example.com", "lead", "contact.stage_changed")
    assert set(told) == set(sample)
    assert next(s for s in listener.seen if s.path == "/a").headers["webhook-id"] == told["id"]
    api.post("/stages", email="ada@example.com", stage="customer")
    until(lambda: len(heard(listener, "/a")) == 2)
    assert heard(listener, "/a")[1]["previous_stage"] == "lead"
    assert len({str(h["id"]) for h in heard(listener, "/a")}) == 2
    for _ in range(2):
        assert api.call("DELETE", f"/subscriptions/{sub['id']}").status_code == 204
    assert api.get("/subscriptions") == []
    api.post("/contacts", email="bob@example.com", stage="lead")
    sub = api.post("/subscriptions", target_url=f"{listener.url}/b", event="contact.stage_changed")
    api.post("/contacts", email="cy@example.com", stage="lead")
    until(lambda: len(heard(listener, "/b")) == 1)
    assert [h["email"] for h in heard(listener, "/b")] == ["cy@example.com"]
    assert len(heard(listener, "/a")) == 2


def test_a_subscriber_who_is_gone_is_taken_off_the_list(api: Api, listener: Stub) -> None:
    sub = api.post("/subscriptions", target_url=f"{listener.url}/gone", event="contact.changed")
    listener.decide = lambda seen: Reply(410 if seen.path == "/gone" else 200)
    try:
        api.post("/contacts", email="dan@example.com", first_name="Dan")
        until(lambda: all(s["target_url"] != f"{listener.url}/gone" for s in api.get("/subscriptions")))
        with api.hall.reading.look() as tx:
            assert tx.scalar(sa.select(t.endpoint.c.name).where(t.endpoint.c.name == sub["id"])) is None
    finally:
        listener.decide = None


def test_a_subscriber_who_was_given_up_and_asks_again_is_told_again(api: Api, listener: Stub) -> None:
    asked = {"target_url": f"{listener.url}/again", "event": "contact.changed"}
    sub = api.post("/subscriptions", **asked)
    paused = {"name": sub["id"], "state": "paused", "failures": 10, "failing_since": 1, "reason": "HTTP 500"}
    with api.hall.writing.begin() as tx:
        tx.execute(sa.insert(t.endpoint).values(paused))
    assert api.post("/subscriptions", **asked) == sub
    api.post("/contacts", email="again@example.com", first_name="Anna")
    until(lambda: len(heard(listener, "/again")) == 1)
    api.call("DELETE", f"/subscriptions/{sub['id']}")


@pytest.mark.parametrize("event", ["contact.changed", "contact.stage_changed", "conversion.created"])
def test_samples_are_there_before_anything_has_happened(tmp_path: Path, event: str) -> None:
    with serving_api(tmp_path) as fresh:
        [sample] = fresh.get(f"/samples/{event}")
        assert sample["email"].endswith("@example.com")
        assert sample["type"] == event


def test_a_key_opens_only_what_is_its_own(api: Api) -> None:
    other = keys.create(api.hall.writing, "person", 1, scope="pages")
    revoked = keys.create(api.hall.writing, "old", 1, scope="api", connection="zaps")
    gone = keys.create(api.hall.writing, "gone", 1, scope="api", connection="nobody")
    keys.revoke(api.hall.writing, "old", 2)
    for key, status in (
        (other, 403),
        (gone, 403),
        (revoked, 401),
        ("", 401),
        ("sb_x_y", 401),
        (api.key[:-1] + "!", 401),
    ):
        answer = api.call("GET", "/me", key=key)
        assert answer.status_code == status, key[:6]
        assert set(answer.json()) == {"message", "code"}
    assert api.call("GET", "/me").status_code == 200


def test_guesses_are_made_to_wait_and_good_keys_go_on(api: Api) -> None:
    statuses = [api.call("GET", "/me", key=f"sb_{'0' * 10}_{n:043d}").status_code for n in range(25)]
    assert statuses[-1] == 429
    answer = api.call("GET", "/me", key=f"sb_{'0' * 10}_{99:043d}")
    assert int(answer.headers["retry-after"]) >= 1
    assert api.call("GET", "/me").status_code == 200
