"""What stands around the stand-in's events: tokens, limits, faults, objects, leads and webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest
import requests

from meta_sdk import DATASET, TOKEN, VERSION, Http, code, counted, error, event, held, now
from stagebridge.errors import ConfigError
from stagebridge.sandbox import Sandbox

DAY = 86_400
HOOK = "https://hooks.example.com/in"
PAGE, FORM = "100100100100100", "200200200200200"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("meta") as made:
        yield made


@pytest.fixture
def http(box: Sandbox) -> Iterator[Http]:
    with Http(box) as made:
        yield made


def ads(box: Sandbox, *people: dict[str, Any], subscribed: bool = True) -> list[str]:
    """A page with a form that these answered; the leads' ids."""
    page = {"id": PAGE, "name": "Blue Heron", "subscribed": subscribed, "token": "EAApage"}
    box.seed({"pages": [page], "forms": [{"id": FORM, "name": "Newsletter"}]})
    ids: list[str] = box.seed({"leads": list(people)})["ids"].get("leads", [])
    return ids


def ada(**more: Any) -> dict[str, Any]:
    return {"ad_id": "300300300300300", "fields": {"email": "ada@example.com", "topics": ["crm", "ads"]}, **more}


# --- tokens --------------------------------------------------------------------------------------------------------


def test_while_no_tokens_are_seeded_every_one_is_good(box: Sandbox, http: Http) -> None:
    assert http.post(event(box)).ok


@pytest.mark.parametrize(
    ("said", "why"),
    [({"problem": 460}, "190/460"), ({"problem": 467}, "190/467"), ({"expires_at": 1_000_000_000}, "190/463")],
)
def test_a_bad_token_is_190_with_401_and_without_is_transient(box: Sandbox, said: dict[str, Any], why: str) -> None:
    box.seed({"tokens": {TOKEN: said, "EAAgood": {}}})
    for token, expected in ((TOKEN, why), ("EAAnobody", "190")):
        with Http(box, token) as http:
            answer = http.post(event(box))
            assert (answer.status_code, code(error(answer))) == (401, expected)
            assert "is_transient" not in error(answer)
    assert {t: s["good"] for t, s in box.state()["tokens"].items()} == {TOKEN: False, "EAAgood": True}


def test_a_token_expires_on_the_stand_ins_clock(box: Sandbox, http: Http) -> None:
    box.seed({"tokens": {TOKEN: {"expires_at": now(box) + 3600}}})
    assert http.post(event(box)).ok
    box.clock(advance=3601)
    assert code(http.rejected(event(box))) == "190/463"


def test_one_request_can_meet_an_expired_token(box: Sandbox, http: Http) -> None:
    box.fault("expired_token")
    assert code(http.rejected(event(box))) == "190/463"
    assert http.post(event(box)).ok


def test_every_number_is_a_dataset_until_some_are_seeded(box: Sandbox, http: Http) -> None:
    assert http.post(event(box), dataset="33").ok
    box.seed({"datasets": [{"id": "11"}]})
    assert http.post(event(box), dataset="11").ok
    refused = http.rejected(event(box), dataset="22")
    assert (code(refused), refused["message"][:24]) == ("100/33", "Unsupported post request")


def test_a_dataset_that_the_token_may_not_see_is_as_good_as_none(box: Sandbox, http: Http) -> None:
    box.seed({"datasets": [{"id": "11"}, {"id": "22"}], "tokens": {TOKEN: {"assets": ["11"]}}})
    assert http.post(event(box), dataset="11").ok
    assert code(http.rejected(event(box), dataset="22")) == "100/33"


def test_a_token_that_knows_a_page_knows_its_leads(box: Sandbox) -> None:
    [lead] = ads(box, ada())
    box.seed({"tokens": {"EAAa": {"assets": [PAGE]}, "EAAb": {"assets": ["1"]}}})
    with Http(box, "EAAa") as mine, Http(box, "EAAb") as other:
        assert mine.get(f"/{lead}")["id"] == lead
        assert code(other.refused("GET", f"/{lead}")) == "100/33"


def test_a_proof_is_checked_where_it_is_given_and_can_be_insisted_on() -> None:
    proof = hmac.new(b"hush", TOKEN.encode(), hashlib.sha256).hexdigest()
    with Sandbox("meta", switches={"require_proof": True, "app_secret": "hush"}) as box, Http(box) as http:
        assert http.post(event(box), appsecret_proof=proof).ok
        assert "appsecret_proof" in http.rejected(event(box), appsecret_proof="0" * 64)["message"]
        assert code(http.rejected(event(box))) == "100"


def test_a_token_in_a_request_is_never_shown(box: Sandbox) -> None:
    with Http(box, token=None) as http:
        http.send("POST", f"/{DATASET}/events", json={"data": [event(box)], "access_token": "EAAreal"})
        http.send("GET", "/me", params={"access_token": "EAAreal"})
    assert "EAAreal" not in json.dumps([box.state(), box.requests()])


# --- limits --------------------------------------------------------------------------------------------------------


def usage(answer: requests.Response) -> dict[str, Any]:
    [[found]] = json.loads(answer.headers["X-Business-Use-Case-Usage"]).values()
    return dict(found)


def test_there_is_no_limit_unless_one_is_set(box: Sandbox, http: Http) -> None:
    answers = [http.post(event(box)) for _ in range(60)]
    assert {a.status_code for a in answers} == {200}
    assert usage(answers[0])["estimated_time_to_regain_access"] == 0
    assert json.loads(answers[0].headers["X-App-Usage"])["call_count"] == 1


def test_a_limit_counts_refuses_and_says_when_to_come_back() -> None:
    with Sandbox("meta", switches={"calls": 2, "calls_seconds": 600}) as box, Http(box) as http:
        answers = [http.post(event(box)) for _ in range(3)]
        assert [a.status_code for a in answers] == [200, 200, 400]
        assert (code(error(answers[2])), usage(answers[2])["type"]) == ("80004", "ads_management")
        assert usage(answers[2])["estimated_time_to_regain_access"] == 10
        assert http.post(event(box), dataset="99").ok
        box.clock(advance=600)
        assert http.post(event(box)).ok


@pytest.mark.parametrize(
    ("policy", "why", "header"),
    [("4", "4/1504022", "X-App-Usage"), ("17", "17/2446079", "X-Ad-Account-Usage"), ("613", "613/1487742", "X-Business-Use-Case-Usage"),
     ("80005", "80005", "X-Business-Use-Case-Usage")],
)  # fmt: skip
def test_every_throttle_has_its_code_and_its_header(
    box: Sandbox, http: Http, policy: str, why: str, header: str
) -> None:
    box.fault("rate_limit", policy=policy)
    answer = http.post(event(box))
    assert (answer.status_code, code(error(answer))) == (400, why)
    assert header in answer.headers
    assert ("X-Business-Use-Case-Usage" in answer.headers) == (policy != "4")
    assert held(box) == {}


def test_a_pages_leads_set_how_often_they_may_be_asked_for(box: Sandbox, http: Http) -> None:
    [lead] = ads(box, ada())
    door = box.platform.account.door  # type: ignore[attr-defined]
    for _ in range(4799):
        door.count_leads(PAGE, 1)
    assert http.get(f"/{lead}")["id"] == lead
    assert code(http.refused("GET", f"/{lead}")) == "80005"
    box.clock(advance=DAY)
    assert http.get(f"/{lead}")["id"] == lead


# --- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, "100"), (401, "190/463"), (403, "200"), (429, "4/1504022"), (500, "1"), (503, "2")],
)
def test_a_status_comes_in_graphs_own_words(box: Sandbox, http: Http, status: int, expected: str) -> None:
    box.fault("status", status=status)
    answer = http.post(event(box))
    assert (answer.status_code, code(error(answer))) == (status, expected)


def test_code_2_is_transient_and_code_1_does_not_say_so(box: Sandbox, http: Http) -> None:
    box.fault("error", code=2)
    assert http.rejected(event(box))["is_transient"] is True
    box.fault("error", code=1)
    assert http.rejected(event(box))["is_transient"] is False


def test_any_error_of_graphs_can_be_asked_for(box: Sandbox, http: Http) -> None:
    box.fault("error", code=368, transient=True, message="Slow down", status=403)
    answer = http.post(event(box))
    assert answer.status_code == 403
    assert (error(answer)["code"], error(answer)["message"], error(answer)["is_transient"]) == (368, "Slow down", True)
    box.fault("error", code=190, subcode=460)
    assert code(http.rejected(event(box))) == "190/460"
    assert held(box) == {}


def test_pages_that_are_no_json_come_from_in_between(box: Sandbox, http: Http) -> None:
    answers = []
    for kind, values in (
        ("html_502", {}),
        ("status", {"status": 502}),
        ("page", {}),
        ("page", {"status": 200, "text": ""}),
    ):
        box.fault(kind, **values)
        answers.append(http.post(event(box)))
    assert [(a.status_code, a.text[:6]) for a in answers] == [(502, "<html>"), (502, ""), (500, "<html>"), (200, "")]
    assert held(box) == {}


def test_a_page_in_between_may_come_after_the_events_were_taken(box: Sandbox, http: Http) -> None:
    box.fault("page", status=502, after=True)
    assert http.post(event(box, event_id="e")).status_code == 502
    assert counted(box) == ["e"]


def test_a_connection_can_break_after_the_events_were_taken(box: Sandbox, http: Http) -> None:
    for kind in ("timeout_after", "reset_mid_body"):
        box.fault(kind)
        with pytest.raises(requests.RequestException):
            http.post(event(box, event_id=kind))
    assert counted(box) == ["timeout_after", "reset_mid_body"]
    assert http.post(event(box, event_id="timeout_after")).ok
    assert counted(box) == ["timeout_after", "reset_mid_body"]


def test_an_answer_may_lack_messages_although_the_events_were_taken(box: Sandbox, http: Http) -> None:
    box.fault("no_messages")
    body = http.post(event(box, event_id="e")).json()
    assert (body["events_received"], "messages" in body, counted(box)) == (1, False, ["e"])


def test_a_warning_is_no_refusal(box: Sandbox, http: Http) -> None:
    box.fault("warning", text="Low match quality")
    body = http.post(event(box, event_id="e")).json()
    assert (body["events_received"], body["messages"], counted(box)) == (1, ["Low match quality"], ["e"])


def test_a_200_may_own_up_to_fewer_events_than_it_was_given(box: Sandbox, http: Http) -> None:
    box.fault("short_count", received=1)
    body = http.post(event(box, event_id="a"), event(box, event_id="b")).json()
    assert (body["events_received"], len(body["messages"]), counted(box)) == (1, 1, ["a"])


def test_titles_that_nobody_translated_are_a_mistake_that_is_said() -> None:
    with pytest.raises(ConfigError, match="en_US"):
        Sandbox("meta", switches={"language": "xx_XX"})


def test_a_seed_that_says_what_there_is_not_is_refused(box: Sandbox) -> None:
    seeds: list[Any] = [
        {"audiences": []},
        {"people": [{"email": "a"}]},
        {"tokens": {"t": {"scope": 1}}},
        {"leads": [{}]},
    ]
    for wrong in seeds:
        with pytest.raises(ValueError, match=r"no|needs"):
            box.seed(wrong)


# --- objects -------------------------------------------------------------------------------------------------------


def test_a_dataset_tells_its_name_and_when_it_last_fired(box: Sandbox, http: Http) -> None:
    box.seed({"datasets": [{"id": DATASET, "name": "Shop"}]})
    assert http.get(f"/{DATASET}") == {"id": DATASET, "name": "Shop"}
    assert "last_fired_time" not in http.get(f"/{DATASET}", fields="last_fired_time")
    http.post(event(box))
    told = http.get(f"/{DATASET}", fields="name,last_fired_time,is_unavailable,owner_business{id}")
    assert (told["is_unavailable"], told["last_fired_time"][-5:], told["id"]) == (False, "+0000", DATASET)


def test_an_unknown_field_and_an_unknown_object_are_refused(box: Sandbox, http: Http) -> None:
    box.seed({"datasets": [{"id": DATASET}]})
    assert code(http.refused("GET", f"/{DATASET}", params={"fields": "shoe_size"})) == "100"
    assert code(http.refused("GET", "/999")) == "100/33"
    assert code(http.refused("DELETE", f"/{DATASET}")) == "100/33"
    assert code(http.refused("GET", "/somebody")) == "2500"


def test_a_dataset_that_is_not_ready_asks_to_wait(box: Sandbox, http: Http) -> None:
    box.seed({"datasets": [{"id": DATASET, "ready_after": 600}]})
    assert code(http.rejected(event(box))) == "21009"
    box.clock(advance=601)
    assert http.post(event(box)).ok


def test_a_page_a_whatsapp_and_an_instagram_account_each_have_one_dataset(box: Sandbox, http: Http) -> None:
    box.seed({"pages": [{"id": PAGE}], "whatsapp_accounts": [{"id": "3001"}], "instagram_accounts": [{"id": "4001"}]})
    made = {id_: http.send("POST", f"{VERSION}/{id_}/dataset").json()["id"] for id_ in (PAGE, "3001", "4001")}
    assert len(set(made.values())) == 3
    assert (
        http.send("POST", f"{VERSION}/{PAGE}/dataset").json()["id"] == made[PAGE] == http.get(f"/{PAGE}/dataset")["id"]
    )
    told = {"messaging_channel": "instagram", "action_source": "business_messaging", "event_name": "Purchase",
            "custom_data": {"value": 1, "currency": "EUR"}}  # fmt: skip
    who = {"ig_sid": "5", "ig_account_id": "4002"}
    assert code(http.rejected(event(box, **told, user_data=who), dataset=made["4001"])) == "100/2804133"


def test_a_token_can_be_asked_about(box: Sandbox, http: Http) -> None:
    soon = now(box) + 60
    box.seed({"tokens": {TOKEN: {"scopes": ["leads_retrieval"], "expires_at": soon}, "EAAold": {"problem": 460}}})
    told = http.get("/debug_token", input_token=TOKEN)["data"]
    assert (told["is_valid"], told["expires_at"], told["scopes"]) == (True, soon, ["leads_retrieval"])
    told = http.get("/debug_token", input_token="EAAold")["data"]
    assert (told["is_valid"], told["error"]["subcode"]) == (False, 460)
    assert http.get("/me/permissions")["data"] == [{"permission": "leads_retrieval", "status": "granted"}]
    assert http.get("/me")["name"] == "Sandbox System User"


def test_pages_come_with_their_tokens(box: Sandbox, http: Http) -> None:
    ads(box)
    assert [(p["id"], p["access_token"]) for p in http.get("/me/accounts")["data"]] == [(PAGE, "EAApage")]


def test_a_page_is_subscribed_to_with_its_own_token(box: Sandbox) -> None:
    ads(box, subscribed=False)
    box.seed({"tokens": {"EAApage": {"page": PAGE, "scopes": ["pages_manage_metadata"]}, TOKEN: {}}})
    edge = f"{VERSION}/{PAGE}/subscribed_apps"
    with Http(box, "EAApage") as page, Http(box) as system:
        assert page.send("POST", edge, params={"subscribed_fields": "leadgen"}).json() == {"success": True}
        assert page.get(f"/{PAGE}/subscribed_apps")["data"][0]["subscribed_fields"] == ["leadgen"]
        assert code(error(system.send("POST", edge, json={"subscribed_fields": ["leadgen"]}))) == "210"
        assert page.get("/me")["id"] == PAGE
        page.send("DELETE", edge)
    assert box.state()["pages"][0]["subscribed"] == []


# --- leads ---------------------------------------------------------------------------------------------------------


def test_a_lead_is_fetched_by_its_id_with_its_answers(box: Sandbox, http: Http) -> None:
    [id_] = ads(box, ada(platform="fb", is_organic=False))
    lead = http.get(f"/{id_}")
    assert set(lead) == {"created_time", "id", "ad_id", "form_id", "field_data"}
    assert lead["field_data"] == [
        {"name": "email", "values": ["ada@example.com"]}, {"name": "topics", "values": ["crm", "ads"]},
    ]  # fmt: skip
    assert lead["created_time"].endswith("+0000")
    assert (len(id_), lead["form_id"]) == (16, FORM)
    assert http.get(f"/{id_}", fields="platform,is_organic") == {"id": id_, "platform": "fb", "is_organic": False}


def test_leads_are_gone_after_90_days_or_when_they_are_deleted(box: Sandbox, http: Http) -> None:
    one, two = ads(box, ada(), ada())
    assert http.send("DELETE", f"{VERSION}/{one}").json() == {"success": True}
    assert code(http.refused("GET", f"/{one}")) == "100/33"
    box.clock(advance=90 * DAY + 60)
    assert code(http.refused("GET", f"/{two}")) == "100/33"
    assert http.get(f"/{FORM}/leads") == {"data": []}


def pages(http: Http, path: str, **query: Any) -> list[list[str]]:
    out: list[list[str]] = []
    after: dict[str, str] = {}
    while True:
        body = http.get(path, **query, **after)
        out.append([r["id"] for r in body["data"]])
        if "next" not in body.get("paging", {}):
            return out
        after = {"after": body["paging"]["cursors"]["after"]}


def test_leads_are_read_page_by_page_newest_first_and_nothing_twice(box: Sandbox, http: Http) -> None:
    same = {"created_at": now(box) - 60}
    ids = ads(box, *[ada(**same) for _ in range(7)])
    found = pages(http, f"/{FORM}/leads", limit=3)
    assert [len(p) for p in found] == [3, 3, 1]
    assert sorted(i for p in found for i in p) == sorted(ids)
    assert len(pages(http, f"/{FORM}/leads")) == 1
    times = [lead["created_time"] for lead in http.get(f"/{FORM}/leads")["data"]]
    assert times == sorted(times, reverse=True)


def test_leads_that_come_or_go_while_one_reads_shift_nothing(box: Sandbox, http: Http) -> None:
    ids = ads(box, *[ada(created_at=now(box) - 60 * i) for i in range(1, 5)])
    first = http.get(f"/{FORM}/leads", limit=2)
    assert [r["id"] for r in first["data"]] == ids[:2]
    box.seed({"leads": [ada()], "delete_leads": [ids[1]]})
    rest = http.get(f"/{FORM}/leads", limit=2, after=first["paging"]["cursors"]["after"])
    assert [r["id"] for r in rest["data"]] == ids[2:]
    back = http.get(f"/{FORM}/leads", limit=1, before=rest["paging"]["cursors"]["before"])
    assert [r["id"] for r in back["data"]] == ids[:1]


def test_the_next_page_is_a_url_that_carries_the_token(box: Sandbox, http: Http) -> None:
    ads(box, ada(), ada(), ada())
    body = http.get(f"/{FORM}/leads", limit=2)
    assert f"access_token={TOKEN}" in body["paging"]["next"]
    last = requests.get(body["paging"]["next"], timeout=5).json()
    assert (len(last["data"]), "next" in last["paging"]) == (1, False)
    with Sandbox("meta", switches={"next_has_token": False}) as other, Http(other) as http2:
        ads(other, ada(), ada())
        assert TOKEN not in http2.get(f"/{FORM}/leads", limit=1)["paging"]["next"]


def test_leads_of_an_ad_and_after_a_time_can_be_asked_for(box: Sandbox, http: Http) -> None:
    old, new, other = ads(box, ada(created_at=now(box) - 600), ada(), ada(ad_id="9"))
    since = [{"field": "time_created", "operator": "GREATER_THAN", "value": now(box) - 300}]
    assert pages(http, "/300300300300300/leads", filtering=json.dumps(since)) == [[new]]
    assert sorted(pages(http, f"/{FORM}/leads")[0]) == sorted([old, new, other])
    for wrong in ([{"field": "email"}], [{**since[0], "operator": "LIKE"}], [{**since[0], "value": "x"}]):
        assert code(http.refused("GET", f"/{FORM}/leads", params={"filtering": json.dumps(wrong)})) == "100"
    assert code(http.refused("GET", f"/{FORM}/leads", params={"after": "what?"})) == "100"
    assert code(http.refused("GET", "/55/leads")) == "100/33"


def test_a_page_lists_its_forms(box: Sandbox, http: Http) -> None:
    ads(box, ada())
    [form] = http.get(f"/{PAGE}/leadgen_forms", fields="name,status,page_id,leads_count")["data"]
    assert form == {"id": FORM, "name": "Newsletter", "status": "ACTIVE", "page_id": PAGE, "leads_count": 1}
    assert http.get(f"/{FORM}")["name"] == "Newsletter"


def test_leads_need_their_permission(box: Sandbox, http: Http) -> None:
    [lead] = ads(box, ada())
    box.seed({"tokens": {TOKEN: {"scopes": ["ads_management"]}}})
    for path in (f"/{lead}", f"/{FORM}/leads", f"/{PAGE}/leadgen_forms"):
        assert code(http.refused("GET", path)) == "10"


# --- webhooks ------------------------------------------------------------------------------------------------------


def told(box: Sandbox) -> list[str]:
    """The leads that webhooks told of, in order."""
    return [
        change["value"]["leadgen_id"]
        for hook in box.hooks(HOOK)
        for entry in json.loads(hook["body"])["entry"]
        for change in entry["changes"]
    ]


def test_a_lead_is_told_by_id_and_without_its_answers(box: Sandbox) -> None:
    [id_] = ads(box, ada())
    [hook] = box.hooks(HOOK)
    body = json.loads(hook["body"])
    assert (body["object"], body["entry"][0]["id"], body["entry"][0]["changes"][0]["field"]) == (
        "page",
        PAGE,
        "leadgen",
    )
    value = body["entry"][0]["changes"][0]["value"]
    assert value == {
        "leadgen_id": id_, "page_id": PAGE, "form_id": FORM, "ad_id": "300300300300300", "adgroup_id": "300300300300300",
        "created_time": value["created_time"],
    }  # fmt: skip
    assert b"ada@example.com" not in hook["body"]
    assert box.hooks(HOOK) == []


def test_a_page_that_nobody_subscribed_to_tells_nothing(box: Sandbox) -> None:
    ads(box, ada(), subscribed=False)
    assert told(box) == []


def test_what_is_signed_is_the_escaped_text_that_is_sent(box: Sandbox) -> None:
    ads(box, ada(hook={"form_name": "Größe ✓"}))
    [hook] = box.hooks(HOOK)
    assert b"Gr\\u00f6\\u00dfe \\u2713" in hook["body"]
    good = "sha256=" + hmac.new(b"sandbox-secret", hook["body"], hashlib.sha256).hexdigest()
    assert hook["headers"]["x-hub-signature-256"] == good


def test_several_pages_and_up_to_a_thousand_changes_come_in_one_request(box: Sandbox) -> None:
    ads(box)
    box.seed({"pages": [{"id": "77", "subscribed": True}], "forms": [{"id": "78", "page_id": "77"}]})
    box.seed({"leads": [ada(form_id="78"), *[ada() for _ in range(1001)]]})
    first, second = (json.loads(h["body"])["entry"] for h in box.hooks(HOOK))
    assert [(e["id"], len(e["changes"])) for e in first] == [("77", 1), (PAGE, 999)]
    assert [(e["id"], len(e["changes"])) for e in second] == [(PAGE, 2)]


def test_ids_can_come_as_numbers() -> None:
    with Sandbox("meta", switches={"hook_ids_as_text": False}) as box:
        [id_] = ads(box, ada())
        [hook] = box.hooks(HOOK)
        assert json.loads(hook["body"])["entry"][0]["changes"][0]["value"]["leadgen_id"] == int(id_)


def test_leads_can_be_told_twice_and_in_any_order(box: Sandbox) -> None:
    box.fault("duplicate_hooks")
    box.fault("reorder_hooks")
    ids = ads(box, *[ada() for _ in range(40)])
    seen = told(box)
    assert len(seen) > 40
    assert set(seen) == set(ids)
    assert list(dict.fromkeys(seen)) != ids


def test_what_is_not_accepted_comes_again_ever_more_rarely_for_36_hours(box: Sandbox) -> None:
    [id_] = ads(box, ada())
    came: list[int] = []
    for minute in range(48 * 60):
        for hook in box.hooks(HOOK):
            came.append(minute)
            box.platform.undelivered(hook)
        box.clock(advance=60)
    waits = [b - a for a, b in pairwise(came)]
    assert waits[1:] == sorted(waits[1:])
    assert 8 < len(came) < 20
    assert came[-1] <= 36 * 60
    assert (box.state()["hooks_given_up"], box.state()["leads"][0]["id"]) == (1, id_)


def test_webhooks_are_delivered_over_http(box: Sandbox) -> None:
    seen: list[tuple[str | None, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.headers["X-Hub-Signature-256"], body))
            self.send_response(200 if len(seen) > 1 else 500)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        ads(box, ada())
        url = f"http://127.0.0.1:{server.server_port}/in"
        assert [box.deliver(url), box.deliver(url), box.deliver(url)] == [[500], [200], []]
    finally:
        server.shutdown()
        server.server_close()
    assert {s for s, _ in seen} == {
        "sha256=" + hmac.new(b"sandbox-secret", body, hashlib.sha256).hexdigest() for _, body in seen
    }


def test_after_a_reset_everything_is_as_it_was(box: Sandbox, http: Http) -> None:
    ads(box, ada())
    http.post(event(box))
    box.reset()
    state = box.state()
    assert (state["datasets"], state["leads"], state["hooks_due"], state["token_places"]) == ({}, [], 0, {})
