"""The kit under every stand-in, tried with a platform of four lines."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
import requests

from stagebridge.clock import ElasticClock, ManualClock, SystemClock
from stagebridge.errors import ConfigError
from stagebridge.sandbox import Answer, Call, Daily, Platform, Sandbox, Switch, Windows, normalised
from stagebridge.sandbox import server as server_module
from stagebridge.sandbox.faults import Fault
from stagebridge.sandbox.log import REMEMBERED


class Notes(Platform):
    """Keeps what is posted to /notes."""

    name = "notes"
    switches: ClassVar[Mapping[str, Switch]] = {
        "skew": Switch(0.0, "clock"), "loud": Switch(False, "upper case"), "limit": Switch(3, "notes"),
        "title": Switch("Notes", "a word"), "tags": Switch([], "a list"), "free": Switch(None, "anything"),
    }  # fmt: skip
    faults = ("edit_before_write", "normalise", "drop_field")

    def reset(self) -> None:
        self.notes: list[str] = []
        self.sent: list[dict[str, Any]] = []

    def seed(self, data: Any) -> Any:
        self.notes += data
        return {"notes": len(self.notes)}

    def state(self) -> Any:
        return {"notes": self.notes}

    def handle(self, call: Call) -> Answer:
        call.route, call.endpoint = "notes", "default"
        if call.path == "/bug":
            raise RuntimeError("a mistake of the stand-in")
        if call.method == "POST":
            self.notes.append(call.json()["text"])
            call.records = 1
        return Answer(200, {"notes": self.notes, "struck": [f.kind for f in call.faults]})

    def failure(self, status: int, call: Call) -> Answer:
        return Answer(status, {"failed": status})

    def hooks(self, url: str) -> list[dict[str, Any]]:
        due, self.sent = self.sent, []
        return [{"method": "POST", "url": url, **h} for h in due]

    def act(self, data: Any, here: str) -> Any:
        if "copy" not in data:
            raise ValueError("an act says what to copy")
        answer = requests.post(f"{here}/notes", json={"text": data["copy"]}, timeout=5)
        return {"status": answer.status_code}

    def undelivered(self, request: dict[str, Any]) -> None:
        self.sent.append({"headers": request["headers"], "body": request["body"]})


@pytest.fixture(autouse=True)
def only_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_platform", lambda name: Notes)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("notes") as made:
        yield made


def get(box: Sandbox, path: str = "/notes", **query: Any) -> requests.Response:
    return requests.get(box.url + path, params=query, timeout=5)


def write(box: Sandbox, text: str = "x") -> requests.Response:
    return requests.post(f"{box.url}/notes", json={"text": text}, timeout=5)


# --- running -------------------------------------------------------------------------------------------------------


def test_a_sandbox_starts_and_stops_in_less_than_a_tenth_of_a_second() -> None:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        with Sandbox("notes") as box:
            get(box)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.1


def test_nobody_listens_any_more_when_the_block_is_left() -> None:
    with Sandbox("notes") as box:
        port = int(box.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass


def test_several_run_at_once_with_switches_and_records_of_their_own() -> None:
    with Sandbox("notes", name="left", switches={"loud": True}) as left, Sandbox("notes", name="right") as right:
        write(left, "here")
        assert left.state()["notes"] == ["here"]
        assert right.state()["notes"] == []
        assert (left.kit.switches["loud"], right.kit.switches["loud"]) == (True, False)


def test_a_mistake_of_the_stand_in_never_passes_for_the_platforms_answer() -> None:
    with pytest.raises(RuntimeError, match="a mistake of the stand-in"), Sandbox("notes") as box:
        assert b"itself is broken" in get(box, "/bug").content


# --- switches ------------------------------------------------------------------------------------------------------


def test_an_unknown_switch_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no switch 'lod' \(nearest: loud\)"):
        Sandbox("notes", switches={"lod": True})


def test_switches_are_read_from_text_as_a_command_line_has_it() -> None:
    given = {"loud": "true", "limit": "7", "skew": "2", "title": "7", "tags": '["a"]', "free": "word"}
    made = Sandbox("notes", switches=given).kit.switches
    assert made == {"loud": True, "limit": 7, "skew": 2.0, "title": "7", "tags": ["a"], "free": "word"}


@pytest.mark.parametrize(
    ("name", "value"), [("loud", 1), ("loud", "yes"), ("limit", True), ("limit", 1.5), ("tags", "x")]
)
def test_a_switch_of_the_wrong_type_is_refused_with_what_it_is_for(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"the switch '{name}'.*: {Notes.switches[name].doc}"):
        Sandbox("notes", switches={name: value})


# --- the side protocol ---------------------------------------------------------------------------------------------


def test_the_protocol_does_over_http_what_the_methods_do(box: Sandbox) -> None:
    side = f"{box.url}/_sandbox"
    assert requests.post(f"{side}/seed", json=["a", "b"], timeout=5).json() == {"notes": 2}
    assert requests.get(f"{side}/state", timeout=5).json()["notes"] == ["a", "b"]
    assert requests.post(f"{side}/fault", json={"kind": "status", "status": 503}, timeout=5).json() == {"armed": 1}
    assert get(box).json() == {"failed": 503}
    assert requests.get(f"{side}/requests", timeout=5).json()["by_status"] == {"503": 1}
    before = box.kit.now()
    requests.post(f"{side}/clock", json={"advance": 3600}, timeout=5)
    assert box.kit.now() - before > timedelta(seconds=3600)
    requests.post(f"{side}/reset", json={}, timeout=5)
    assert (box.state()["notes"], box.requests()["count"]) == ([], 0)


@pytest.mark.parametrize(
    ("method", "verb", "body", "why"),
    [("POST", "sed", {}, "there is no POST /_sandbox/sed"), ("POST", "fault", {"kind": "stauts"}, "nearest: status"),
     ("POST", "seed", 5, "TypeError"), ("GET", "requests?verb=GET", None, "verb")],
)  # fmt: skip
def test_a_mistake_in_the_protocol_is_a_400_that_says_so(
    box: Sandbox, method: str, verb: str, body: Any, why: str
) -> None:
    answer = requests.request(method, f"{box.url}/_sandbox/{verb}", json=body, timeout=5)
    assert answer.status_code == 400
    assert why in answer.json()["error"]


def test_the_protocols_own_requests_are_neither_counted_nor_faulted(box: Sandbox) -> None:
    box.fault("status", status=500, times=None)
    assert requests.get(f"{box.url}/_sandbox/state", timeout=5).status_code == 200
    assert box.requests()["count"] == 0


def test_requests_are_counted_exactly_and_remembered_up_to_a_bound(box: Sandbox) -> None:
    with requests.Session() as session:
        for _ in range(REMEMBERED + 20):
            session.get(f"{box.url}/notes", timeout=5)
    write(box)
    seen = box.requests()
    assert seen["count"] == REMEMBERED + 21
    assert seen["by_route"] == {"GET notes": REMEMBERED + 20, "POST notes": 1}
    assert seen["records"]["POST notes"] == 1
    assert len(seen["last"]) == REMEMBERED


def test_remembered_requests_can_be_chosen_by_method_path_and_status(box: Sandbox) -> None:
    get(box)
    write(box, "hello")
    box.fault("status", status=404)
    get(box, "/other")
    [written] = box.requests(method="POST")["last"]
    assert (written["body"], written["status"], written["number"]) == ('{"text": "hello"}', 200, 2)
    assert [r["path"] for r in box.requests(path="/ot*")["last"]] == ["/other"]
    assert [r["faults"] for r in box.requests(status=404)["last"]] == [["status"]]


def test_forms_are_not_remembered_for_they_carry_secrets(box: Sandbox) -> None:
    requests.put(f"{box.url}/notes", data={"client_secret": "hush"}, timeout=5)
    assert box.requests()["last"][-1]["body"] == ""


def test_tokens_in_a_query_or_a_json_body_are_not_remembered(box: Sandbox) -> None:
    get(box, access_token="hush", page="2")
    requests.put(f"{box.url}/notes", json={"access_token": "hush", "text": "x"}, timeout=5)
    requests.put(f"{box.url}/notes", files={"access_token": (None, "hush")}, timeout=5)
    query, body, form = box.requests()["last"]
    assert query["query"] == {"access_token": "***", "page": "2"}
    assert body["body"] == '{"access_token": "***", "text": "x"}'
    assert form["body"] == ""


def test_repeated_and_comma_separated_query_values_are_one_list() -> None:
    call = Call("GET", "/", {"properties": "a,b,c"}, {}, b"")
    assert call.listed("properties") == ["a", "b", "c"]
    assert call.listed("absent") == []


def test_a_body_that_is_no_json_gets_the_platforms_own_400(box: Sandbox) -> None:
    answer = requests.post(f"{box.url}/notes", data=b"{", timeout=5)
    assert (answer.status_code, answer.json()) == (400, {"failed": 400})


# --- clock ---------------------------------------------------------------------------------------------------------


def test_the_date_header_is_the_sandboxes_clock_with_its_skew() -> None:
    clock = ManualClock(datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))
    with Sandbox("notes", clock=clock, switches={"skew": 90}) as box:
        assert parsedate_to_datetime(get(box).headers["Date"]) == clock.now() + timedelta(seconds=90)
        box.clock(advance=10)
        assert clock.now().second == 15


def test_the_machines_clock_cannot_be_moved() -> None:
    with Sandbox("notes", clock=SystemClock()) as box, pytest.raises(ConfigError, match="cannot be moved"):
        box.clock(advance=1)


# --- faults --------------------------------------------------------------------------------------------------------


def test_a_script_says_what_happens_to_one_request_after_the_other(box: Sandbox) -> None:
    box.fault("status", script=["500", 503, "ok", "html_502"])
    assert [get(box).status_code for _ in range(5)] == [500, 503, 200, 502, 200]


def test_a_fault_strikes_the_routes_it_is_armed_for(box: Sandbox) -> None:
    box.fault("status", method="POST", path="/no*", status=409, times=2)
    assert [get(box).status_code, write(box).status_code, write(box).status_code, write(box).status_code] == [
        200,
        409,
        409,
        200,
    ]


def test_a_fault_can_let_some_requests_pass_first(box: Sandbox) -> None:
    box.fault("status", status=500, skip=2)
    assert [get(box).status_code for _ in range(4)] == [200, 200, 500, 200]


def test_a_fault_can_wait_for_the_request_that_mentions_an_id(box: Sandbox) -> None:
    box.fault("status", status=500, id="seven")
    assert [write(box, t).status_code for t in ("six", "seven", "seven")] == [200, 500, 200]


def test_chance_is_drawn_with_the_seed() -> None:
    drawn = []
    for seed in (1, 1, 2):
        with Sandbox("notes", seed=seed) as box:
            box.fault("status", status=500, probability=0.5, times=None)
            drawn.append([get(box).status_code for _ in range(20)])
    assert drawn[0] == drawn[1] != drawn[2]
    assert {200, 500} == set(drawn[0])


def test_a_storm_ends_by_itself(box: Sandbox) -> None:
    box.fault("rate_limit", lasts=30)
    assert [get(box).status_code for _ in range(3)] == [429, 429, 429]
    box.clock(advance=30)
    assert get(box).status_code == 200


def test_a_timeout_before_has_no_effect_and_one_after_has(box: Sandbox) -> None:
    box.fault("timeout_before")
    box.fault("timeout_after")
    for text in ("lost", "kept"):
        with pytest.raises(requests.ConnectionError, match="without response"):
            write(box, text)
    assert box.state()["notes"] == ["kept"]
    assert box.requests()["by_status"] == {"0": 2}


def test_a_timeout_can_hang_for_a_while(box: Sandbox) -> None:
    box.fault("timeout_after", hang=5)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{box.url}/notes", json={"text": "kept"}, timeout=0.05)
    assert box.state()["notes"] == ["kept"]


def test_a_connection_can_break_within_the_answer(box: Sandbox) -> None:
    box.fault("reset_mid_body")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        write(box, "kept")
    assert box.state()["notes"] == ["kept"]


def test_a_slow_answer_takes_time_on_the_sandboxes_clock_only(box: Sandbox) -> None:
    before, began = box.kit.now(), time.perf_counter()
    box.fault("slow", seconds=40)
    assert get(box).status_code == 200
    assert box.kit.now() - before > timedelta(seconds=40)
    assert time.perf_counter() - began < 1


def test_at_most_one_fault_ends_a_request_and_the_others_wait(box: Sandbox) -> None:
    box.fault("status", status=500)
    box.fault("status", status=503)
    assert [get(box).status_code for _ in range(3)] == [500, 503, 200]


def test_conditions_outlive_every_request_until_they_are_healed(box: Sandbox) -> None:
    box.fault("normalise", field="x")
    for _ in range(3):
        get(box)
    assert len(box.kit.standing("normalise")) == 1
    box.heal()
    assert box.kit.standing("normalise") == []


def test_a_fault_of_writes_is_not_wasted_on_a_read(box: Sandbox) -> None:
    box.fault("edit_before_write", values={})
    assert get(box).json()["struck"] == []
    assert write(box).json()["struck"] == ["edit_before_write"]


def test_any_fault_can_be_kept_for_writes(box: Sandbox) -> None:
    box.fault("status", status=500, writes=True)
    assert get(box).status_code == 200
    assert write(box).status_code == 500
    assert write(box).status_code == 200


@pytest.mark.parametrize(
    ("data", "why"),
    [({"kind": "html502"}, "nearest: html_502"), ({"kind": "slow", "secnods": 3}, "no value 'secnods'.*nearest: seconds"),
     ({"kind": "status"}, "needs a `status` or a `script`"), ({"kind": "status", "script": ["oops"]}, "no word 'oops'"),
     ({"kind": "late_commit"}, "no fault of this sandbox is called 'late_commit'")],
)  # fmt: skip
def test_a_fault_that_nobody_would_carry_out_is_refused(box: Sandbox, data: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        box.fault(**data)


@pytest.mark.parametrize(
    ("how", "stored"),
    [("upper", "JOSÉ O'BRIEN"), ("lower", "josé o'brien"), ("title", "José O'Brien"), ("truncate", "José O")],
)
def test_normalising_is_by_name(how: str, stored: str) -> None:
    assert (
        normalised(Fault("normalise", values={"how": how, "length": 6}), "José o'Brien".replace("o'B", "O'B")) == stored
    )


def test_normalising_in_an_unknown_way_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="nearest: title"):
        normalised(Fault("normalise", values={"how": "titel"}), "x")


# --- limits --------------------------------------------------------------------------------------------------------


def test_a_window_rolls_and_refused_calls_are_not_counted() -> None:
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    windows = Windows(clock)
    assert [windows.take("w", 2, 10), windows.take("w", 2, 10), windows.take("w", 2, 10)] == [1, 0, None]
    clock.advance(9.9)
    assert windows.take("w", 2, 10) is None
    clock.advance(0.1)
    assert windows.take("w", 2, 10) == 1


def test_a_daily_quota_starts_anew_at_midnight_of_its_zone() -> None:
    clock = ManualClock(datetime(2030, 1, 1, 23, 0, tzinfo=UTC))
    daily = Daily(clock, UTC)
    assert [daily.take(2), daily.take(2), daily.take(2)] == [1, 0, None]
    assert daily.resets_at() == datetime(2030, 1, 2, tzinfo=UTC)
    clock.advance(3600)
    assert (daily.used, daily.take(2)) == (0, 1)


# --- webhooks ------------------------------------------------------------------------------------------------------


class Receiver(BaseHTTPRequestHandler):
    answers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.answers.pop(0))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_whom_a_stand_in_calls_may_call_back_before_he_answers(box: Sandbox) -> None:
    assert box.act({"copy": "one"}) == {"status": 200}
    answer = requests.post(f"{box.url}/_sandbox/act", json={"copy": "two"}, timeout=10)
    assert (answer.status_code, answer.json()) == (200, {"status": 200})
    assert box.state()["notes"] == ["one", "two"]


def test_an_act_that_makes_no_sense_is_a_400_with_a_sentence(box: Sandbox) -> None:
    answer = requests.post(f"{box.url}/_sandbox/act", json={}, timeout=5)
    assert (answer.status_code, answer.json()) == (400, {"error": "ValueError: an act says what to copy"})


def test_webhooks_are_delivered_and_come_again_if_they_are_not_accepted(box: Sandbox) -> None:
    assert isinstance(box.platform, Notes)
    box.platform.sent = [{"headers": {}, "body": b"[1]"}, {"headers": {}, "body": b"[2]"}]
    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        Receiver.answers = [200, 500, 204]
        threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_port}/hook"
        assert box.deliver(url) == [200, 500]
        again = requests.post(f"{box.url}/_sandbox/deliver", json={"url": url}, timeout=10)
        assert again.json() == {"sent": [204]}
        receiver.shutdown()
    assert box.hooks(url) == []


def test_a_receiver_that_is_not_there_counts_as_no_answer(box: Sandbox) -> None:
    assert isinstance(box.platform, Notes)
    box.platform.sent = [{"headers": {}, "body": b"[1]"}]
    assert box.deliver("http://127.0.0.1:9/hook") == [0]
    assert len(box.hooks("http://x.test")) == 1


def test_two_clocks_are_one_if_they_are_shared() -> None:
    clock = ElasticClock()
    with Sandbox("notes", clock=clock) as left, Sandbox("notes", clock=clock) as right:
        left.clock(advance=500)
        assert abs(left.kit.now() - right.kit.now()) < timedelta(seconds=5)
