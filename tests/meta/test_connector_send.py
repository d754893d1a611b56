"""Sending: what each answer means for each event, and what Meta ended up counting."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from meta_kit import DATASET, NOW, TOKEN, connection, drafted, event
from stagebridge.clock import ElasticClock, ManualClock
from stagebridge.connector import Done, Draft, Outcome, Rejected, Retry, Unknown
from stagebridge.errors import AuthError, BatchRefused, ConfigError, PlatformDown, StagebridgeError
from stagebridge.sandbox import Sandbox
from stagebridge_meta import Meta
from stub_http import Reply, Stub

TRACE = "AbcTrace123"


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("meta", clock=ElasticClock()) as made:
        yield made


def at(box: Sandbox, **values: Any) -> Meta:
    return connection(box.url, box.kit.clock, **values)


def fresh(box: Sandbox, id: str, **values: Any) -> Any:
    return event(id=id, at=box.kit.now(), **values)


def counted(box: Sandbox, dataset: str = DATASET) -> list[str]:
    found = box.state()["datasets"].get(dataset, {})
    return [e["event_id"] for e in found.get("counted", [])]


def error(code: int, subcode: int = 0, status: int = 400, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    said = {
        "message": "(#100) ada@example.com ist ungültig", "type": "OAuthException", "code": code, "fbtrace_id": TRACE,
        "error_user_title": "Ungültig: ada@example.com", **({"error_subcode": subcode} if subcode else {}), **more,
    }  # fmt: skip
    return Reply(status, orjson.dumps({"error": said}), headers or {})


def sent(stub: Stub, reply: Reply, count: int = 2) -> list[Outcome]:
    stub.will(reply)
    with connection(stub.url) as meta:
        return meta.send(drafted(meta, *(event(id=f"e-{i}") for i in range(count))))


# --- the request ---------------------------------------------------------------------------------------------------


def test_one_request_has_all_the_events_and_the_token_in_its_header(stub: Stub) -> None:
    done = sent(stub, Reply(200, b'{"events_received":2,"fbtrace_id":"A"}'))
    assert done == [Done("e-0"), Done("e-1")]
    [seen] = stub.seen
    assert (seen.method, seen.path) == ("POST", f"/v26.0/{DATASET}/events")
    assert seen.headers["Authorization"] == f"Bearer {TOKEN}"
    body = orjson.loads(seen.body)
    assert [e["event_id"] for e in body["data"]] == ["e-0", "e-1"]
    assert body.keys() == {"data"}
    assert TOKEN.encode() not in seen.body


def test_a_test_code_and_the_proof_of_the_apps_secret_go_along_where_they_are_asked_for(stub: Stub) -> None:
    stub.will(Reply(200, b'{"events_received":1}'))
    settings: dict[str, Any] = {
        "test_mode": True,
        "test_event_code": "TEST1",
        "app_secret": "s3cret",
        "appsecret_proof": True,
    }
    with connection(stub.url, api_version="v25.0", **settings) as meta:
        meta.send(drafted(meta, event()))
    body = orjson.loads(stub.seen[0].body)
    assert body["test_event_code"] == "TEST1"
    assert len(body["appsecret_proof"]) == 64
    assert stub.seen[0].path.startswith("/v25.0/")


def test_too_many_events_and_events_of_two_datasets_are_no_batch(stub: Stub) -> None:
    with connection(stub.url, datasets={"crm": {"id": "88"}}) as meta:
        [one] = drafted(meta, event())
        for batch in ([one] * 1001, drafted(meta, event(), event(channel="crm"))):
            with pytest.raises(ConfigError):
                meta.send(batch)
    assert stub.seen == []


def test_an_event_that_is_too_old_or_still_to_come_is_not_sent_and_the_others_are(stub: Stub) -> None:
    stub.will(Reply(200, b'{"events_received":2}'))
    with connection(stub.url, ManualClock(NOW)) as meta:
        batch = drafted(
            meta,
            event(id="old", at=NOW - timedelta(days=7, seconds=1)),
            event(id="store", at=NOW - timedelta(days=61), channel="physical_store"),
            event(id="soon", at=NOW + timedelta(minutes=10)),
            event(id="now", at=NOW + timedelta(seconds=50)),
        )
        old, store, soon, now = meta.send(batch)
    assert isinstance(old, Rejected)
    assert old.code == "SB-META-OLD"
    assert isinstance(soon, Retry)
    assert soon.after == 540
    assert (store, now) == (Done("store"), Done("now"))
    assert [e["event_id"] for e in orjson.loads(stub.seen[0].body)["data"]] == ["store", "now"]


# --- the answer ----------------------------------------------------------------------------------------------------

RESULTS: list[tuple[Reply, type[Any]]] = [
    (Reply(200, b'{"events_received":2}'), Done),
    (Reply(200, b'{"events_received":2,"messages":["ada@example.com"],"fbtrace_id":"x"}'), Done),
    (Reply(200, b'{"events_received":1,"messages":[]}'), Unknown),
    (Reply(200, b'{"events_received":3}'), Unknown),
    (Reply(200, b'{"events_received":true}'), Unknown),
    (Reply(200, b'{"events_received":"2"}'), Unknown),
    (Reply(200, b'{"events_received":0,"messages":["bad"]}'), Retry),
    (Reply(200, b""), Unknown),
    (Reply(200, b"<html>hello</html>", {"Content-Type": "text/html"}), Unknown),
    (Reply(200, b'{"success":true}'), Unknown),
    (Reply(200, b"[]"), Unknown),
    (Reply(500, b'{"oops":1}'), Unknown),
    (Reply(500, b"Internal", {"Content-Type": "text/plain"}), Unknown),
    (Reply(502, b""), Unknown),
    (Reply(504, b"<html>"), Unknown),
    (Reply(503, b"Service Unavailable"), Retry),
    (Reply(429, b"", {"Retry-After": "7"}), Retry),
    (Reply(403, b"<html>proxy</html>"), Retry),
    (Reply(302, b"", {"Location": "https://elsewhere.example.com"}), Retry),
    (error(2, status=500, is_transient=True), Retry),
    (error(2, status=503), Retry),
    (error(1, status=500), Unknown),
    (error(1, status=500, is_transient=True), Retry),
    (error(80004, status=400), Retry),
    (error(368, status=403), Retry),
    (error(21009), Retry),
    (error(5000), Retry),
    (error(2500), Retry),
    (Reply(400, b'{"error":"text"}'), Retry),
    (Reply(400, b'{"error":{"code":"190"}}'), Retry),
    (Reply(cut=0), Unknown),
    (Reply(200, b'{"events_received":2}', cut=5), Unknown),
]


@pytest.mark.parametrize(("reply", "wanted"), RESULTS, ids=[f"{r.status} {r.body!r:.60} {r.cut}" for r, _ in RESULTS])
def test_every_answer_ends_in_one_outcome_for_each_event_after_one_request(
    stub: Stub, reply: Reply, wanted: type[Any]
) -> None:
    outcomes = sent(stub, reply)
    assert [type(o) for o in outcomes] == [wanted] * 2, outcomes
    assert len(stub.seen) == 1
    assert "ada" not in str(outcomes)
    if isinstance(outcomes[0], Retry | Unknown) and TRACE.encode() in reply.body:
        assert TRACE in outcomes[0].reason


def test_a_server_that_is_not_there_is_down(stub: Stub) -> None:
    stub.close()
    with connection(stub.url) as meta, pytest.raises(PlatformDown):
        meta.send(drafted(meta, event()))


@pytest.mark.parametrize("code", [4, 17, 32, 341, 613, 80000, 80003, 80004, 80005, 80014])
def test_a_limit_is_waited_out_for_as_long_as_meta_says(stub: Stub, code: int) -> None:
    usage = {"123": [{"type": "ads_management", "call_count": 100, "estimated_time_to_regain_access": 12}]}
    headers = {"X-Business-Use-Case-Usage": orjson.dumps(usage).decode(), "Retry-After": "9"}
    for reply, after in (
        (error(code, headers=headers), 720), (error(code, headers={"Retry-After": "9"}), 9), (error(code), 60),
        (error(code, headers={"X-Business-Use-Case-Usage": "broken"}), 60),
    ):  # fmt: skip
        [one, _] = sent(stub, reply)
        assert isinstance(one, Retry)
        assert one.after == after


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        *((error(190, s, 401), AuthError, "SB-META-TOKEN") for s in (0, 460, 463, 467, 999)),
        (error(102), AuthError, "SB-META-TOKEN"),
        *((error(c, status=403), AuthError, "SB-META-PERMISSION") for c in (3, 10, 200, 294, 299)),
        (error(100, 33), AuthError, "SB-META-OBJECT"),
        (error(100, 2804133), ConfigError, "SB-META-ACCOUNT"),
    ],
)
def test_what_no_event_is_to_blame_for_stops_the_connection(
    stub: Stub, reply: Reply, kind: type[StagebridgeError], code: str
) -> None:
    with pytest.raises(kind) as told:
        sent(stub, reply)
    assert told.value.code == code
    assert told.value.hint
    assert TRACE in str(told.value)
    assert "ada" not in str(told.value)
    assert len(stub.seen) == 1


SUBCODES = [2804003, 2804009, 2804050, 2804063, 2804064, 2804066, 2804075, 2804079, 2804087, 2804001, 2804048]


@pytest.mark.parametrize("subcode", SUBCODES)
def test_a_refusal_for_one_event_says_its_subcode_whatever_language_its_title_is_in(stub: Stub, subcode: int) -> None:
    for count in (1, 2):
        blame = {"blame_field_specs": [["data", 1, "event_time"]]}
        with pytest.raises(BatchRefused) as told:
            sent(stub, error(100, subcode, error_data=blame), count)
        assert told.value.code == f"SB-META-{subcode}"
        assert TRACE in str(told.value)
        assert "ada" not in str(told.value)
    assert len(stub.seen) == 2


def test_an_invalid_request_that_says_nothing_more_is_narrowed_and_then_tried_later(stub: Stub) -> None:
    with pytest.raises(BatchRefused):
        sent(stub, error(100))
    [one] = sent(stub, error(100), 1)
    assert isinstance(one, Retry)


def test_every_answer_leaves_its_trace_in_the_log_and_nobodys_data(
    stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sent(stub, Reply(200, b'{"events_received":2,"messages":["ada@example.com"],"fbtrace_id":"AbcTrace123"}'))
    assert TRACE in caplog.text
    assert "ada" not in caplog.text
    assert TOKEN not in caplog.text


# --- what Meta ended up counting -----------------------------------------------------------------------------------


def test_events_of_every_channel_are_counted_and_their_people_recognised(box: Sandbox) -> None:
    box.seed({"people": [{"em": "ada@example.com", "ph": "16505551212", "fn": "ada", "ln": "lovelace"}]})
    contact = {"email": "Ada@Example.com", "phone": "+1 (650) 555-1212", "first_name": "Ada", "last_name": "Lovelace"}
    conversation = {"channel": "chat", "name": "Lead"}
    made: dict[str, dict[str, Any]] = {
        "web": {"channel": "web", "source_url": "https://example.com", "user_agent": "M"}, "app": {"channel": "app"},
        "store": {"channel": "physical_store"}, "crm": {"channel": "crm", "name": "StageChanged", "stage": "lead"},
        "chat": {"channel": "chat"}, "phone": {"channel": "phone"}, "email": {"channel": "email"}, "other": {},
        "whatsapp": {**conversation, "chat": "whatsapp", "click_ids": {"ctwa_clid": "ARAkLkA8rmlFeiCktEJQ-QTwRiyYHAFDLMNDBH0CD3qpjd0HR4irJ6LEkR7JwFF4XvnO2E4Nx0-eM-GABDLOPaOdRMv-_zfUQ2a"}},
        "messenger": {**conversation, "chat": "messenger", "contact": {**contact, "chat_ids.messenger": "5551212"}},
        "instagram": {**conversation, "chat": "instagram", "contact": {**contact, "chat_ids.instagram": "5551213"}},
    }  # fmt: skip
    box.seed({"datasets": [{"id": DATASET, "name": "Shop", "instagram_accounts": ["300"]}]})
    with at(box) as meta:
        batch = drafted(meta, *(fresh(box, i, **{"contact": contact, **values}) for i, values in made.items()))
        assert meta.send(batch) == [Done(i) for i in made]
    assert counted(box) == list(made)
    held = {e["event_id"]: e for e in box.state()["datasets"][DATASET]["counted"]}
    assert {i: set(e["matched_by"]) >= {"em", "ph", "fn", "ln"} for i, e in held.items()} == dict.fromkeys(made, True)


def test_an_event_that_is_sent_again_is_counted_once_and_a_conversation_is_not_dropped(box: Sandbox) -> None:
    with at(box) as meta:
        once = drafted(meta, fresh(box, "e-1"))
        talk = drafted(
            meta,
            fresh(box, "t-1", name="Lead", channel="chat", chat="messenger", contact={"chat_ids.messenger": "5551212"}),
        )
        for _ in range(2):
            meta.send(once)
            meta.send(talk)
        assert [d.dedup for d in (*once, *talk)] == [48 * 3600, 0]
    assert counted(box) == ["e-1", "t-1", "t-1"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [("timeout_after", {}), ("page", {"status": 502, "after": True}), ("short_count", {"received": 1})],
)
def test_what_may_have_been_counted_is_unknown_and_safe_to_send_again(
    box: Sandbox, kind: str, values: dict[str, Any]
) -> None:
    with at(box) as meta:
        batch = drafted(meta, fresh(box, "a"), fresh(box, "b"))
        box.fault(kind, **values)
        assert [type(o) for o in meta.send(batch)] == [Unknown, Unknown]
        assert meta.send(batch) == [Done("a"), Done("b")]
    assert counted(box) == ["a", "b"]


def narrowed(meta: Meta, batch: list[Draft]) -> list[str]:
    """As the engine does it: the ids of those that are refused alone."""
    try:
        meta.send(batch)
    except BatchRefused as refused:
        if len(batch) == 1:
            return [f"{batch[0].id} {refused.code}"]
        half = len(batch) // 2
        return narrowed(meta, batch[:half]) + narrowed(meta, batch[half:])
    return []


def test_one_bad_event_refuses_all_and_is_found_by_its_code(box: Sandbox) -> None:
    with at(box) as meta:
        batch = drafted(meta, *(fresh(box, f"e-{i}") for i in range(9)))
        batch[5].payload[
            "user_data"
        ].clear()  # past every check of ours, as a rule of Meta's that we do not know would be
        batch[5].payload["user_data"]["country"] = ["x"]
        with pytest.raises(BatchRefused):
            meta.send(batch)
        assert counted(box) == []
        assert narrowed(meta, batch) == ["e-5 SB-META-2804050"]
    assert sorted(counted(box)) == sorted(f"e-{i}" for i in range(9) if i != 5)


def test_an_event_that_has_waited_too_long_is_refused_by_us_and_not_by_meta(box: Sandbox) -> None:
    with at(box) as meta:
        old = drafted(meta, fresh(box, "old"))
        box.kit.clock.sleep(7 * 86400 + 5)
        new = drafted(meta, fresh(box, "new"))
        outcomes = meta.send([*old, *new])
    assert [type(o) for o in outcomes] == [Rejected, Done]
    assert counted(box) == ["new"]
    assert box.state()["rejected"] == {}


def test_a_channel_with_its_own_token_reaches_its_own_dataset(box: Sandbox) -> None:
    box.seed(
        {
            "datasets": [{"id": DATASET, "name": "Shop"}, {"id": "77", "name": "Instagram", "instagram_accounts": ["300"]}],
            "tokens": {TOKEN: {"assets": [DATASET]}, "EAAinstagram": {"assets": ["77"]}},
        }
    )  # fmt: skip
    talk = {"name": "Lead", "channel": "chat", "chat": "instagram", "contact": {"chat_ids.instagram": "5551213"}}
    with at(box, datasets={"instagram": {"id": "77", "token": "EAAinstagram"}}) as meta:
        for one in drafted(meta, fresh(box, "shop"), fresh(box, "talk", **talk)):
            meta.send([one])
    assert (counted(box), counted(box, "77")) == (["shop"], ["talk"])
    with at(box, datasets={"instagram": {"id": "77"}}) as meta, pytest.raises(AuthError) as told:
        meta.send(drafted(meta, fresh(box, "again", **talk)))
    assert told.value.code == "SB-META-OBJECT"


def test_an_account_that_is_not_on_the_dataset_is_configuration(box: Sandbox) -> None:
    box.seed({"datasets": [{"id": DATASET, "name": "Shop", "instagram_accounts": ["999"]}]})
    talk = {"name": "Lead", "channel": "chat", "chat": "instagram", "contact": {"chat_ids.instagram": "5551213"}}
    with at(box) as meta, pytest.raises(ConfigError) as told:
        meta.send(drafted(meta, fresh(box, "talk", **talk)))
    assert told.value.code == "SB-META-ACCOUNT"
