"""Writes by job: a hundred rows each, thirty jobs at once, and what became of every row is read from the job's status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from stagebridge.sandbox import Answer, Call, Fault
from stagebridge_zendesk.sandbox.account import Account
from stagebridge_zendesk.sandbox.answers import Invalid, Refusal, host, page
from stagebridge_zendesk.sandbox.door import Door
from stagebridge_zendesk.sandbox.jobs import LOST, Row
from stagebridge_zendesk.sandbox.lists import MANY, chosen
from stagebridge_zendesk.sandbox.rules import WrongType
from stagebridge_zendesk.sandbox.user import User

Work = Callable[[int, list[Fault]], Row]


def create_many(account: Account, door: Door, call: Call) -> Answer:
    _imports(account)
    rows = _rows(account, call)

    def work(index: int, given: dict[str, Any]) -> Work:
        def write(at: int, faults: list[Fault]) -> Row:
            return {"id": account.people.create(given, at).id, "index": index}

        return lambda at, faults: _safely(account, write, at, faults, "create", None, index)

    return _queue(account, call, "UserBulkCreateJob", [work(n, r) for n, r in enumerate(rows)])


def create_or_update_many(account: Account, door: Door, call: Call) -> Answer:
    _imports(account)
    rows = _rows(account, call)

    def work(index: int, given: dict[str, Any]) -> Work:
        def write(at: int, faults: list[Fault]) -> Row:
            user = account.people.meant(given)
            if user is None:
                status, user = "Created", account.people.create(given, at)
            else:
                status = "Updated"
                account.person_first(faults, user, at)
                account.people.update(user, given, at)
            known = {"external_id": user.values["external_id"], "email": user.email}
            return {"index": index, "id": user.id, "status": status, **known}

        return lambda at, faults: _safely(account, write, at, faults, "create_or_update", None, index)

    return _queue(account, call, "UserBulkCreateOrUpdateJob", [work(n, r) for n, r in enumerate(rows)])


def update_many(account: Account, door: Door, call: Call) -> Answer:
    """One change for all of `ids` or `external_ids`, or a change for each row; no import needs to be switched on."""
    if call.query.get("ids") or call.query.get("external_ids"):
        users, given = chosen(account, call), account.body(call, "user")
        pairs = [(u.id if u is not None else None, given) for u in users]
        work = [_update(account, partial(account.people.get, i or 0), g) for i, g in pairs]
    else:
        rows = _rows(account, call)
        for row in rows:
            if row.get("id") is None and row.get("external_id") is None:
                raise Refusal(account.errors.attribute("id"))
        work = [_update(account, partial(_named, account, row), row) for row in rows]
    return _queue(account, call, "UserBulkUpdateJobV2", work)


def _update(account: Account, find: Callable[[], User | None], given: dict[str, Any]) -> Work:
    def write(at: int, faults: list[Fault]) -> Row:
        user = find()
        if user is None:
            raise Invalid({"id": [{"description": "User not found", "error": "RecordNotFound"}]})
        account.person_first(faults, user, at)
        account.people.update(user, {k: v for k, v in given.items() if k != "id"}, at)
        return {"action": "update", "id": user.id, "status": "Updated", "success": True}

    return lambda at, faults: _safely(account, write, at, faults, "update", find() or given, None)


def _named(account: Account, row: dict[str, Any]) -> User | None:
    """By id, else by external id."""
    found = account.people.get(row["id"]) if row.get("id") else account.people.external(str(row["external_id"]))
    return found if found is not None and found.active else None


def destroy_many(account: Account, door: Door, call: Call) -> Answer:
    users = chosen(account, call)

    def work(user: User | None, asked: str) -> Work:
        def write(at: int, faults: list[Fault]) -> Row:
            if user is None or not user.active:
                raise Invalid({"id": [{"description": "User not found", "error": "RecordNotFound"}]})
            account.people.delete(user, at)
            return {"action": "delete", "id": user.id, "status": "Deleted", "success": True}

        known: Any = user or ({"id": int(asked)} if call.query.get("ids") else {"external_id": asked})
        return lambda at, faults: _safely(account, write, at, faults, "delete", known, None)

    asked = list(dict.fromkeys(call.listed("ids") or call.listed("external_ids")))
    return _queue(account, call, "UserBulkDeleteJob", [work(u, a) for u, a in zip(users, asked, strict=True)])


def _safely(
    account: Account, write: Work, at: int, faults: list[Fault], action: str, known: User | dict[str, Any] | None,
    index: int | None,
) -> Row:  # fmt: skip
    """What became of a row. A failed one of an update says its id; one of a creation has none to say."""
    lost = next((f for f in faults if f.kind == LOST), None)
    try:
        if lost is None:
            return write(at, faults)
        error, details = str(lost.values["error"]), str(lost.values["text"])
    except Invalid as invalid:
        error, details = "RecordInvalid", str(invalid)
        if "RecordNotFound" in [d["error"] for each in invalid.details.values() for d in each]:
            error = "RecordNotFound"
    except WrongType as wrong:
        error, details = "InvalidAttribute", f"Invalid value for {wrong}"
    out: Row = {"action": action, "success": False, "error": error, "details": details}
    if isinstance(known, User):
        return {"id": known.id, **out}
    if known is not None:
        return {**{k: known[k] for k in ("id", "external_id") if known.get(k) is not None}, **out}
    if account.switches["bogus_ids"]:
        out["id"] = account.id()
    return {"index": index, **out}


def _imports(account: Account) -> None:
    if not account.switches["bulk_import"]:
        raise Refusal(account.errors.forbidden())


def _rows(account: Account, call: Call) -> list[dict[str, Any]]:
    data = call.json()
    rows = data.get("users") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows:
        raise Refusal(account.errors.missing("users"))
    call.records = len(rows)
    if len(rows) > MANY:
        raise Refusal(account.errors.text(400, "TooManyUsers", f"The limit is {MANY} users of one request"))
    for row in rows:
        if not isinstance(row, dict) or ("id" in row and not isinstance(row["id"], int)):
            raise Refusal(account.errors.attribute("id"))
    return [account.changed_on_the_way(row) for row in rows]


def _queue(account: Account, call: Call, kind: str, work: Sequence[Work]) -> Answer:
    most = int(account.switches["most_jobs"])
    running = account.jobs.in_flight()
    if len(running) >= most:
        account.jobs.refused += 1
        refused = account.errors.text(
            429, "TooManyJobs", f"Too many {kind} jobs are currently queued or running. Try again later.",
            current_job_ids=[j.id for j in running],
        )  # fmt: skip
        return Answer(429, refused.body, {**_inflight(0, most), "Retry-After": "60"})
    job = account.jobs.queue(kind, work, call.faults)
    return Answer(200, {"job_status": job.shown(host(call))}, _inflight(most - len(running) - 1, most))


def _inflight(left: int, most: int) -> dict[str, str]:
    return {"zendesk-ratelimit-inflight-jobs": f"total={most}; remaining={left}; resets=60"}


# --- statuses ------------------------------------------------------------------------------------------------------


def status(account: Account, door: Door, call: Call, id_: str) -> Answer:
    job = account.jobs.held.get(id_)
    if job is None:
        raise Refusal(account.errors.not_found())
    return Answer(200, {"job_status": job.shown(host(call))})


def statuses(account: Account, door: Door, call: Call) -> Answer:
    """The latest first."""
    held = sorted(account.jobs.held.values(), key=lambda j: (j.ends if j.done else j.created, j.created), reverse=True)
    return page(account.errors, call, "job_statuses", held, lambda j: j.shown(host(call)))


def show_many(account: Account, door: Door, call: Call) -> Answer:
    ids = call.listed("ids")
    if not ids:
        raise Refusal(account.errors.missing("ids"))
    found = [account.jobs.held[i] for i in dict.fromkeys(ids) if i in account.jobs.held]
    return Answer(200, {"job_statuses": [j.shown(host(call)) for j in found]})
