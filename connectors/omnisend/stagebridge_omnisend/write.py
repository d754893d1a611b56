"""Writing contacts: changes one by one under their id, new ones in batches, tags through the endpoint that says what it does.

`POST /contacts` is an upsert by e-mail address, so a create that is repeated doubles nobody. An identifier that another
contact has is left out without a word: every answer is compared with what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Conflict, Done, Entry, Gone, Outcome, Refusal, Rejected, Retry, Unknown
from stagebridge.errors import NoAnswer, StagebridgeError
from stagebridge_omnisend import batches, identifiers, read, tags
from stagebridge_omnisend.answers import problem

if TYPE_CHECKING:
    from stagebridge_omnisend.connector import Omnisend

BATCH = 100
"""Items of one batch."""
FEW = 3
"""New contacts up to which a request each is quicker than a batch: that takes one to send and at least one to look at."""
CONTACTS = "contacts"


@dataclass(slots=True)
class Job:
    """One entry on its way: the body to send, and what is known beforehand not to be taken."""

    entry: Entry
    body: dict[str, Any]
    refused: list[Refusal]
    tags: tags.Change = field(default_factory=tags.Change)


def write(om: Omnisend, batch: Sequence[Entry]) -> list[Outcome]:
    jobs = [_job(om, e) for e in batch]
    new = [i for i, j in enumerate(jobs) if j.entry.remote_id is None]
    old = [i for i, j in enumerate(jobs) if j.entry.remote_id is not None]
    by_batch = len(new) > FEW
    done = (batches.create if by_batch else one_by_one)(om, [jobs[i] for i in new])
    out = dict(zip(new, done, strict=True))
    try:
        out |= dict(zip(old, one_by_one(om, [jobs[i] for i in old]), strict=True))
    except StagebridgeError as error:
        if not new:
            raise
        out |= dict.fromkeys(old, Retry(0.0, str(error)))
    _tags(om, jobs, out)
    return [out[i] for i in range(len(jobs))]


def one_by_one(om: Omnisend, jobs: Sequence[Job]) -> list[Outcome]:
    """A request each. Raises what stops the first of them; after that, what was written stays written, and the others are left
    to the next call, which meets the same trouble before it writes anything."""
    out: list[Outcome] = []
    for job in jobs:
        try:
            out.append(create(om, job) if job.entry.remote_id is None else _update(om, job))
        except NoAnswer as error:
            out.append(Unknown(str(error)))
        except StagebridgeError as error:
            if not out:
                raise
            return out + [Retry(0.0, str(error)) for _ in jobs[len(out) :]]
    return out


def _job(om: Omnisend, entry: Entry) -> Job:
    body = {n: v for n, v in entry.payload.items() if n not in ("identifiers", "tags")}
    sent, refused = identifiers.outgoing(
        entry.payload, entry.base if entry.remote_id is not None else None, entry.context,
        welcome=om.settings.welcome_messages,
    )  # fmt: skip
    if sent:
        body["identifiers"] = sent
    job = Job(entry, body, refused)
    if "tags" in entry.payload:
        wanted = [str(t) for t in entry.payload["tags"] or ()]
        if entry.remote_id is None:
            job.body |= {"tags": wanted} if wanted else {}
        else:
            job.tags = tags.change((entry.base or {}).get("tags") or (), wanted)
    return job


# --- one contact -----------------------------------------------------------------------------------------------


def create(om: Omnisend, job: Job) -> Outcome:
    """One new contact. Raises `NoAnswer`."""
    answer = om.request("POST", "/contacts", job.body, endpoint="create", effect=True)
    return made(om, job, answer.status, answer.object())


def made(om: Omnisend, job: Job, status: int, body: Mapping[str, Any]) -> Outcome:
    """What an answer to a new contact means, in a batch or alone."""
    if status >= 400:
        outcome = problem(status, body, job.body)
        return outcome if not isinstance(outcome, Gone) else Retry(60.0, "HTTP 404 to a new contact")
    if not body.get("id"):
        return _not_made(om, job)
    return landed(om, job, body)


def _not_made(om: Omnisend, job: Job) -> Outcome:
    """Every identifier was left out: somebody has them."""
    for one in job.body.get("identifiers") or []:
        found = om.by_identifier(str(one["type"]), str(one["id"]))
        if found:
            return Conflict(str(found[0]["id"]), "another contact there has this e-mail address or phone number")
    return Rejected("SB-OMNISEND-NOBODY", "Omnisend took the request and made no contact of it")


def _update(om: Omnisend, job: Job) -> Outcome:
    id_ = str(job.entry.remote_id)
    if not job.body:
        return _as_it_stands(om, job)
    answer = om.request("PATCH", f"/contacts/{id_}", job.body, effect=True)
    body = answer.object()
    if answer.status == 409:
        return _clash(om, job)
    if answer.status >= 400:
        return problem(answer.status, body, job.body)
    return landed(om, job, {"id": id_, **body})


def _as_it_stands(om: Omnisend, job: Job) -> Outcome:
    """There is nothing to send, but tags perhaps."""
    found = om.contact(str(job.entry.remote_id))
    return Gone() if found is None else Done(str(found["id"]), read.record(found), tuple(job.refused))


def _clash(om: Omnisend, job: Job) -> Outcome:
    """Another contact has one of the identifiers: whose it is tells which one."""
    mine = str(job.entry.remote_id)
    for one in job.body.get("identifiers") or []:
        others = [str(c["id"]) for c in om.by_identifier(str(one["type"]), str(one["id"])) if str(c["id"]) != mine]
        if others and one["type"] == "email":
            return Conflict(others[0], "another contact there has this e-mail address")
        if others:
            field_ = f"identifiers(type={one['type']}).id"
            return Rejected("SB-OMNISEND-TAKEN", "another contact there has this phone number", (field_,))
    return Retry(60.0, "Omnisend says that another contact has one of the identifiers, and shows none")


def landed(om: Omnisend, job: Job, row: Mapping[str, Any]) -> Done:
    """Written: what was left out is refused, by what the answer shows, or by the contact itself if it shows no identifiers."""
    id_, sent = str(row["id"]), job.body.get("identifiers") or []
    shown: Mapping[str, Any] | None = row if "identifiers" in row else om.contact(id_)
    if shown is None:
        return Done(id_, None, tuple(job.refused))
    refused = (*job.refused, *identifiers.differences(sent, shown))
    return Done(id_, read.record(shown), refused)


# --- tags ------------------------------------------------------------------------------------------------------


def _tags(om: Omnisend, jobs: Sequence[Job], out: dict[int, Outcome]) -> None:
    """The tags of those that were written, in as few calls as there are different changes."""
    written = {i: (o, jobs[i].tags) for i, o in out.items() if isinstance(o, Done) and jobs[i].tags}
    failed = tags.apply(om, {done.remote_id: change for done, change in written.values()})
    for i, (done, change) in written.items():
        why = failed.get(done.remote_id)
        if isinstance(why, Refusal):
            out[i] = replace(done, refused=(*done.refused, why))
        elif why is not None:
            out[i] = why
        elif done.record is not None:
            data = {**done.record.data, "tags": change.made(done.record.data.get("tags") or ())}
            out[i] = replace(done, record=replace(done.record, data=data))
