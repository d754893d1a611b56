"""Jobs: one poller for all of them, results in any order and any shape, and a completed job that is no success of any row."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from stagebridge.clock import ElasticClock
from stagebridge.connector import Conflict, Done, Entry, Gone, Rejected, Retry, Unknown
from stagebridge_zendesk import Zendesk
from stub_http import Reply, Seen, Stub

Rows = Callable[[list[dict[str, Any]]], Any]


class Account:
    """Answers as the page has them: a job is queued, is looked at `polls` times in vain, and then says `rows` of its users."""

    def __init__(self, stub: Stub, *, polls: int = 1) -> None:
        self.stub, self.polls = stub, polls
        self.jobs: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.rows: Rows = self.created
        self.status = "completed"
        self.refusals: list[Reply] = []
        self.in_list = True
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        stub.decide = self.answer

    def created(self, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"index": i, "id": self.add(u)} for i, u in enumerate(sent)]

    def updated(self, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"action": "update", "id": u["id"], "status": "Updated", "success": True} for u in sent]

    def add(self, user: dict[str, Any]) -> int:
        id_ = 1000 + next(self._ids)
        self.users[str(id_)] = {"role": "end-user", "active": True, "organization_id": None, **user, "id": id_}
        return id_

    def answer(self, seen: Seen) -> Reply:
        with self._lock:
            return self._answer(seen)

    def _answer(self, seen: Seen) -> Reply:
        url = urlsplit(seen.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        if url.path.endswith(("create_many", "update_many")):
            if self.refusals:
                return self.refusals.pop(0)
            sent = orjson.loads(seen.body)["users"]
            job = {
                "id": f"job{next(self._ids)}",
                "status": "queued",
                "results": None,
                "sent": sent,
                "polls": self.polls,
            }
            self.jobs[job["id"]] = job
            return said({"job_status": {"id": job["id"], "status": "queued", "results": None}})
        if url.path.endswith("job_statuses/show_many"):
            return said({"job_statuses": [self.look(self.jobs[i]) for i in query["ids"].split(",")]})
        if "/job_statuses/" in url.path:
            return said({"job_status": self.look(self.jobs[url.path.rpartition("/")[2]], whole=True)})
        if url.path.endswith("users/show_many"):
            wanted = query.get("ids", query.get("external_ids", "")).split(",")
            name = "id" if "ids" in query else "external_id"
            return said({"users": [u for u in self.users.values() if str(u.get(name)) in wanted]})
        if url.path.endswith("users/search"):
            wanted_email = query["query"].removeprefix("email:")
            return said({"users": [u for u in self.users.values() if u.get("email") == wanted_email]})
        return said({"error": "InvalidEndpoint", "description": "Not found"}, 404)

    def look(self, job: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
        job["polls"] -= 1
        if job["polls"] < 0 and job["results"] is None:
            job |= {"status": self.status, "results": self.rows(job["sent"])}
        shown = {n: job[n] for n in ("id", "status", "results")}
        return shown if whole or self.in_list else {n: shown[n] for n in ("id", "status")}

    def count(self, tail: str) -> int:
        return sum(urlsplit(s.path).path.endswith(tail) for s in self.stub.seen)


def said(body: Any, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(body))


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()


@pytest.fixture
def account(stub: Stub) -> Account:
    return Account(stub)


@pytest.fixture
def zd(stub: Stub) -> Iterator[Zendesk]:
    with Zendesk(base_url=stub.url, email="a@example.com", api_token="t", clock=ElasticClock()) as made:
        yield made


def new(i: int) -> Entry:
    email = f"person{i}@example.com"
    payload = {"name": f"Person {i}", "email": email, "external_id": f"key-{i}", "role": "end-user"}
    return Entry("contacts", payload, key=f"key-{i}", email=email)


def change(id_: int, **values: Any) -> Entry:
    return Entry("contacts", values, str(id_), {"id": id_, "role": "end-user", "user_fields": {}})


def test_a_job_is_waited_for_and_every_created_user_is_read(zd: Zendesk, account: Account) -> None:
    outcomes = zd.write([new(0), new(1)])
    assert [o.remote_id for o in outcomes if isinstance(o, Done)] == list(account.users)
    assert [o.record.data["email"] for o in outcomes if isinstance(o, Done) and o.record is not None] == [
        "person0@example.com", "person1@example.com",
    ]  # fmt: skip


def test_rows_are_matched_by_what_they_name_in_whatever_order_they_come(zd: Zendesk, account: Account) -> None:
    def rows(sent: list[dict[str, Any]]) -> Any:
        """As create_or_update_many has them, backwards, and with an index that counts something else."""
        made = [{"id": account.add(u), "external_id": u["external_id"], "status": "Created", "index": 0} for u in sent]
        return made[::-1]

    account.rows = rows
    outcomes = zd.write([new(i) for i in range(5)])
    assert [o.remote_id for o in outcomes if isinstance(o, Done)] == list(account.users)


def test_an_id_that_is_somebody_elses_or_nobodys_is_not_believed(zd: Zendesk, account: Account) -> None:
    other = account.add({"email": "other@example.com", "external_id": "other"})

    def rows(sent: list[dict[str, Any]]) -> Any:
        return [{"index": 0, "id": other}, {"index": 1, "id": 424242}, {"index": 2, "id": account.add(sent[2])}]

    account.rows = rows
    outcomes = zd.write([new(0), new(1), new(2)])
    assert [type(o) for o in outcomes] == [Unknown, Unknown, Done]


def test_a_completed_job_with_failed_rows_fails_those_and_no_others(zd: Zendesk, account: Account) -> None:
    ids = [account.add({"email": f"person{i}@example.com"}) for i in range(3)]

    def rows(sent: list[dict[str, Any]]) -> Any:
        details = "Phone: 555 is not properly formatted"
        bad = {"action": "update", "id": ids[1], "success": False, "error": "RecordInvalid", "details": details}
        return [bad, *account.updated([sent[2], sent[0]])]

    account.rows = rows
    outcomes = zd.write([change(i, phone="555") for i in ids])
    assert [type(o) for o in outcomes] == [Done, Rejected, Done]
    bad = outcomes[1]
    assert isinstance(bad, Rejected)
    assert (bad.code, bad.fields) == ("SB-ZENDESK-RecordInvalid", ("phone",))
    assert "not properly formatted" in bad.message


def test_a_row_that_the_results_leave_out_is_unknown(zd: Zendesk, account: Account) -> None:
    ids = [account.add({}) for _ in range(3)]
    account.rows = lambda sent: account.updated(sent[:2])
    assert [type(o) for o in zd.write([change(i, name="N") for i in ids])] == [Done, Done, Unknown]


def test_a_failed_and_a_killed_job_leave_unknown_what_they_do_not_mention(zd: Zendesk, account: Account) -> None:
    ids = [account.add({}) for _ in range(2)]
    for status in ("failed", "killed"):
        account.status, account.rows = status, lambda sent: account.updated(sent[:1])
        assert [type(o) for o in zd.write([change(i, name="N") for i in ids])] == [Done, Unknown]
    account.rows = lambda sent: {"success": True}
    assert [type(o) for o in zd.write([change(i, name="N") for i in ids])] == [Unknown, Unknown]


def test_a_job_that_does_not_end_is_given_up_after_a_while_and_its_rows_are_unknown(stub: Stub) -> None:
    account = Account(stub, polls=10_000)
    clock = ElasticClock()
    began = clock.now()
    with Zendesk(base_url=stub.url, oauth_token="t", clock=clock, job_wait=120) as zd:
        assert [type(o) for o in zd.write([new(0)])] == [Unknown]
    assert 120 <= (clock.now() - began).total_seconds() < 150
    assert account.count("show_many") < 20, "the pauses grow"


def test_results_that_the_list_of_jobs_leaves_out_are_asked_for(zd: Zendesk, account: Account) -> None:
    account.in_list = False
    assert [type(o) for o in zd.write([new(0)])] == [Done]


def test_many_jobs_are_polled_for_in_one_call(stub: Stub) -> None:
    account = Account(stub, polls=3)
    account.rows = account.updated
    ids = [account.add({}) for _ in range(30)]
    with (
        Zendesk(base_url=stub.url, oauth_token="t", clock=ElasticClock(), plan="high_volume") as zd,
        ThreadPoolExecutor(30) as pool,
    ):
        assert all(isinstance(o[0], Done) for o in pool.map(lambda i: zd.write([change(i, name="N")]), ids))
    assert account.count("update_many") == 30
    assert account.count("job_statuses/show_many") <= 30


def test_an_account_that_has_its_fill_of_jobs_is_waited_for(zd: Zendesk, account: Account) -> None:
    full = {"error": "TooManyJobs", "description": "Too many UserBulkUpdateJobV2 jobs", "current_job_ids": ["x"]}
    account.refusals = [said(full, 429)] * 3
    assert [type(o) for o in zd.write([new(0)])] == [Done]
    account.refusals = [said(full, 429)] * 20
    [outcome] = zd.write([new(1)])
    assert isinstance(outcome, Retry)


def test_a_request_that_is_refused_as_a_whole_is_narrowed_to_the_row_at_fault(zd: Zendesk, account: Account) -> None:
    ids = [account.add({}) for _ in range(4)]
    account.rows = account.updated
    inner = account.answer

    def picky(seen: Seen) -> Reply:
        if b'"bad"' in seen.body:
            return said({"error": {"title": "Invalid attribute", "message": "You passed an invalid value"}}, 400)
        return inner(seen)

    account.stub.decide = picky
    outcomes = zd.write([change(i, name="bad" if i == ids[2] else "good") for i in ids])
    assert [type(o) for o in outcomes] == [Done, Done, Rejected, Done]


def test_nobody_is_in_two_jobs_at_once_and_the_later_change_comes_later(zd: Zendesk, account: Account) -> None:
    id_ = account.add({})
    account.rows = account.updated
    assert [type(o) for o in zd.write([change(id_, name="one"), change(id_, name="two")])] == [Done, Done]
    assert [[u["name"] for u in j["sent"]] for j in account.jobs.values()] == [["one"], ["two"]]


def test_a_create_that_met_our_own_earlier_one_updates_it_and_anothers_is_a_conflict(
    zd: Zendesk, account: Account
) -> None:
    ours = account.add({"email": "person0@example.com", "external_id": "key-0"})
    theirs = account.add({"email": "person1@example.com", "external_id": "somebody"})
    agent = account.add({"email": "person2@example.com", "role": "agent"})

    def rows(sent: list[dict[str, Any]]) -> Any:
        if "id" in sent[0]:
            return account.updated(sent)
        text = "Email: {} is already being used by another user"
        return [{"index": i, "error": "RecordInvalid", "details": text.format(u["email"])} for i, u in enumerate(sent)]

    account.rows = rows
    outcomes = zd.write([new(i) for i in range(4)])
    assert [type(o) for o in outcomes] == [Done, Conflict, Rejected, Retry]
    assert isinstance(outcomes[0], Done)
    assert outcomes[0].remote_id == str(ours)
    assert isinstance(outcomes[1], Conflict)
    assert outcomes[1].existing_id == str(theirs)
    assert isinstance(outcomes[2], Rejected)
    assert outcomes[2].code == "SB-ZENDESK-AGENT"
    sent = [u for j in account.jobs.values() for u in j["sent"] if "id" in u]
    assert [u["id"] for u in sent] == [ours], "the agent and the stranger were not written"
    assert agent not in {u["id"] for u in sent}
    assert "role" not in sent[0]


def test_an_update_of_somebody_who_is_no_more_is_gone(zd: Zendesk, account: Account) -> None:
    account.rows = lambda sent: [
        {"action": "update", "id": u["id"], "success": False, "error": "UserNotFound", "details": "Not found"}
        for u in sent
    ]
    assert [type(o) for o in zd.write([change(77, name="N")])] == [Gone]


def test_tags_that_stand_for_a_dropdown_go_with_its_old_value(zd: Zendesk, account: Account) -> None:
    id_ = account.add({})
    account.rows = account.updated
    base = {"id": id_, "role": "end-user", "tags": ["ls_lead", "vip"], "user_fields": {"lifecycle_stage": "ls_lead"}}
    payload = {"tags": ["ls_lead", "vip", "new"], "user_fields": {"lifecycle_stage": "ls_customer"}}
    assert isinstance(zd.write([Entry("contacts", payload, str(id_), base)])[0], Done)
    [job] = account.jobs.values()
    assert job["sent"][0]["tags"] == ["vip", "new"]


def test_a_record_that_became_an_agents_is_never_written(zd: Zendesk, account: Account) -> None:
    [outcome] = zd.write([Entry("contacts", {"name": "N"}, "5", {"id": 5, "role": "agent"})])
    assert isinstance(outcome, Rejected)
    assert outcome.code == "SB-ZENDESK-AGENT"
    assert account.stub.seen == []
