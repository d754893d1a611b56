"""Writing users: jobs of a hundred, with an outcome for every row; one by one where the account allows no bulk imports.

A new user is created, never "created or updated": that would find him by his address, and write our key, our name and the role of
an end-user over whoever holds it, an agent too. Zendesk refuses a second user with an address or a key, and then it is looked up
whose it is: our own from a create that was not answered, which is updated, or somebody else's, which is a conflict.

A job that is "completed" has come to its end and says nothing of its rows. They come in any order, may lack, and one that was not
valid once came back with an id that was nobody's: every created user is read before he is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Conflict, Done, Entry, Gone, Outcome, Refusal, Rejected, Retry, Unknown
from stagebridge.errors import NoAnswer, StagebridgeError
from stagebridge.http import Response
from stagebridge_zendesk import identities, users
from stagebridge_zendesk.answers import Trouble, texts_in, trouble
from stagebridge_zendesk.jobs import Busy, Finished, Lost

if TYPE_CHECKING:
    from stagebridge_zendesk.connector import Zendesk

CREATE_MANY = "/api/v2/users/create_many"
UPDATE_MANY = "/api/v2/users/update_many"
CREATE = "/api/v2/users"
BIRTH = ("role", "skip_verify_email", "verified", "identities")
"""Fields that are written with a new user only."""
INDEXING = 60.0
"""Seconds until a user whom Zendesk knows of is looked for again, where its search does not show him yet."""
REFUSED = (400, 403, 404, 409, 422)


@dataclass(slots=True)
class Row:
    """One entry on its way; `at` is its place in the batch, `body` the user that is sent."""

    at: int
    entry: Entry
    body: dict[str, Any]
    address: str | None = None
    """The new primary address of a user whom we have."""
    moves: bool = False
    refused: tuple[Refusal, ...] = field(default=())

    @property
    def key(self) -> str:
        return str(self.entry.key or self.body.get("external_id") or "").casefold()

    @property
    def email(self) -> str:
        return str(self.body.get("email") or "").casefold()


Outcomes = dict[int, Outcome]


def write(zd: Zendesk, batch: Sequence[Entry]) -> list[Outcome]:
    out: Outcomes = {}
    try:
        rows = [r for i, entry in enumerate(batch) if (r := _row(zd, i, entry, out)) is not None]
        for some in _rounds(r for r in rows if r.entry.remote_id is not None):
            out |= _update(zd, some)
        out |= _create(zd, [r for r in rows if r.entry.remote_id is None])
    except StagebridgeError as error:
        if not out:
            raise
        # what is written is written: only the rest comes again
        return [out.get(i, Retry(30.0, f"an earlier request of the batch failed: {error}")) for i in range(len(batch))]
    return [out[i] for i in range(len(batch))]


def _row(zd: Zendesk, at: int, entry: Entry, out: Outcomes) -> Row | None:
    """The entry as it is sent; None where it has its outcome already."""
    if entry.base is not None and not users.is_contact(dict(entry.base)):
        out[at] = Rejected("SB-ZENDESK-AGENT", "the record is an agent's by now; only end-users are written")
        return None
    row = Row(at, entry, {n: v for n, v in entry.payload.items() if n not in ("organization", "id")})
    if entry.remote_id is not None and "email" in row.body:
        row.address, row.moves = row.body.pop("email"), True
    if "organization" in entry.payload:
        try:
            said, why = zd.organizations.resolve(entry.payload["organization"])
        except NoAnswer as error:
            out[at] = Retry(30.0, f"the organisation: {error}")
            return None
        row.body |= said
        row.refused += (why,) if why else ()
    if "tags" in row.body:
        row.body["tags"] = _tags(row)
    return row


def _tags(row: Row) -> list[str]:
    """Tags are sent whole, with those that stand for the dropdowns: of a dropdown that changes along with them the new one."""
    before = (row.entry.base or {}).get("user_fields") or {}
    after = row.body.get("user_fields") or {}
    stale = {before.get(n) for n, v in after.items() if before.get(n) != v}
    return [t for t in row.body["tags"] or [] if t not in stale]


def _rounds(rows: Iterable[Row]) -> list[list[Row]]:
    """Jobs run in any order: nobody is in two at once, nor twice in one."""
    rounds: list[dict[str, Row]] = []
    for row in rows:
        mine = str(row.entry.remote_id)
        some = next((r for r in rounds if mine not in r), None)
        if some is None:
            rounds.append(some := {})
        some[mine] = row
    return [list(some.values()) for some in rounds]


# --- users whom we have ---------------------------------------------------------------------------------------------


def _update(zd: Zendesk, rows: Sequence[Row]) -> Outcomes:
    sent = [r for r in rows if r.body]
    out: Outcomes = {r.at: Done(str(r.entry.remote_id)) for r in rows if not r.body}
    if sent:
        out |= _job(zd, "PUT", UPDATE_MANY, sent, [{**r.body, "id": int(str(r.entry.remote_id))} for r in sent])
    for row in rows:
        done = out[row.at]
        if row.moves and isinstance(done, Done):
            out[row.at] = done = _moved(zd, row, done)
        if row.refused and isinstance(done, Done):
            out[row.at] = replace(done, refused=(*done.refused, *row.refused))
    return out


def _moved(zd: Zendesk, row: Row, done: Done) -> Outcome:
    try:
        refusal = identities.change(zd, done.remote_id, row.address)
    except StagebridgeError as error:
        return Unknown(f"the address may not have been changed: {error}")
    return done if refusal is None else replace(done, refused=(*done.refused, refusal))


# --- new users ------------------------------------------------------------------------------------------------------


def _create(zd: Zendesk, rows: Sequence[Row]) -> Outcomes:
    if not rows:
        return {}
    # where bulk imports turn out not to be enabled, no row has an outcome
    out = {} if zd.bulk is False else _job(zd, "POST", CREATE_MANY, rows, [r.body for r in rows])
    return out | _one_by_one(zd, [r for r in rows if r.at not in out])


def _one_by_one(zd: Zendesk, rows: Sequence[Row]) -> Outcomes:
    out: Outcomes = {}
    for row in rows:
        try:
            answer = zd.request(
                "POST", CREATE, {"user": row.body}, endpoint="users", effect=True, allow=(400, 409, 422)
            )
        except NoAnswer as error:
            out[row.at] = Unknown(str(error))
            continue
        except StagebridgeError as error:
            if not out:
                raise
            return out | {
                r.at: Retry(30.0, f"an earlier request of the batch failed: {error}") for r in rows if r.at not in out
            }
        body = answer.object()
        if answer.status < 400:
            shown = users.records(zd, [body["user"]])
            out[row.at] = Done(str(body["user"]["id"]), shown[0] if shown else None, row.refused)
        else:
            out |= _refused(zd, {row.at: (row, trouble(body, texts_in(row.body)))})
    return out


# --- jobs -----------------------------------------------------------------------------------------------------------


def _job(zd: Zendesk, method: str, path: str, rows: Sequence[Row], sent: list[dict[str, Any]]) -> Outcomes:
    """The outcomes of a job's rows. A row has none where bulk imports turn out not to be enabled."""
    try:
        end = zd.jobs.run(method, path, sent)
    except NoAnswer as error:
        return {r.at: Unknown(str(error)) for r in rows}
    except Busy as busy:
        return {r.at: Retry(busy.wait, str(busy)) for r in rows}
    if isinstance(end, Response):
        if end.status == 403 and method == "POST" and zd.settings.bulk_import is None:
            zd.bulk = False
            return {}
        return _not_queued(zd, method, path, rows, sent, end)
    if isinstance(end, Lost):
        return {r.at: Unknown(end.reason) for r in rows}
    return _ended(zd, rows, end)


def _not_queued(
    zd: Zendesk, method: str, path: str, rows: Sequence[Row], sent: list[dict[str, Any]], answer: Response
) -> Outcomes:
    """The whole request was refused and no job made of it: narrow it to the row at fault."""
    if answer.status not in REFUSED or answer.status in (403, 404):
        zd.refuse(answer, path)
    if answer.status == 409:
        return {r.at: Retry(10.0, "somebody else was writing the same users") for r in rows}
    if len(rows) == 1:
        return _refused(zd, {rows[0].at: (rows[0], trouble(answer.object(), texts_in(rows[0].body)))})
    half = len(rows) // 2
    return _job(zd, method, path, rows[:half], sent[:half]) | _job(zd, method, path, rows[half:], sent[half:])


def _ended(zd: Zendesk, rows: Sequence[Row], end: Finished) -> Outcomes:
    out: Outcomes = {}
    created: dict[int, tuple[Row, str]] = {}
    wrong: dict[int, tuple[Row, Trouble]] = {}
    nameless: list[dict[str, Any]] = []
    left = {r.at: r for r in rows}
    order = dict(enumerate(rows))
    for said in end.rows:
        row = _whose(said, left, order)
        if row is None:
            nameless += [said] if _failed(said) else []
            continue
        del left[row.at]
        if _failed(said):
            wrong[row.at] = (row, trouble(said, texts_in(row.body)))
        elif row.entry.remote_id is not None:
            out[row.at] = Done(row.entry.remote_id)
        elif said.get("id"):
            created[row.at] = (row, str(said["id"]))
        else:
            left[row.at] = row
    out |= _believed(zd, created, left)
    if nameless and left and all(r.entry.remote_id is None for r in left.values()):
        # somebody of these was refused and the job does not say who: alone, each is told of himself
        out |= _one_by_one(zd, list(left.values()))
    out |= {at: Unknown("the job's results do not mention this record") for at in left if at not in out}
    return out | _refused(zd, wrong)


def _failed(said: Mapping[str, Any]) -> bool:
    return (
        said.get("success") is False or bool(said.get("error")) or str(said.get("status") or "").casefold() == "failed"
    )


def _whose(said: Mapping[str, Any], left: Mapping[int, Row], order: Mapping[int, Row]) -> Row | None:
    """Whose result it is: by id, key or address where it has them, else by its place in what was sent."""
    id_, key, email = (str(said.get(n) or "").casefold() for n in ("id", "external_id", "email"))
    for row in left.values():
        if row.entry.remote_id is not None and row.entry.remote_id == id_:
            return row
    for row in left.values():
        if row.entry.remote_id is None and ((key and row.key == key) or (email and row.email == email)):
            return row
    index = said.get("index")
    mine = order.get(index) if isinstance(index, int) and not key and not email else None
    if mine is None or mine.at not in left:
        return None
    return mine if mine.entry.remote_id is None or not id_ else None


def _believed(zd: Zendesk, created: Mapping[int, tuple[Row, str]], left: dict[int, Row]) -> Outcomes:
    """Users whom a job says it has created, as they stand there; those who are somebody else, or nobody, go to `left`."""
    if not created:
        return {}
    out: Outcomes = {}
    rows, names = users.show(zd, (id_ for _, id_ in created.values()))
    there = {str(r["id"]): r for r in rows if not users.is_deleted(r)}
    shown = {r.id: r for r in users.records(zd, list(there.values()), names)}
    for at, (row, id_) in created.items():
        if id_ in there and _is(row, there[id_]):
            out[at] = Done(id_, shown.get(id_), row.refused)
        else:
            left[at] = row
    return out


def _is(row: Row, user: Mapping[str, Any]) -> bool:
    key, email = (str(user.get(n) or "").casefold() for n in ("external_id", "email"))
    return row.key == key if row.key else row.email == email


# --- what is refused ------------------------------------------------------------------------------------------------


def _refused(zd: Zendesk, wrong: Mapping[int, tuple[Row, Trouble]]) -> Outcomes:
    out: Outcomes = {}
    taken: list[Row] = []
    for at, (row, why) in wrong.items():
        new = row.entry.remote_id is None
        if why.missing and not new:
            out |= _missing(zd, row)
        elif why.passing:
            out[at] = Retry(10.0, why.said)
        elif why.taken and new:
            taken.append(row)
        else:
            fields = tuple(f"user_fields.{f}" if f in (row.body.get("user_fields") or {}) else f for f in why.fields)
            out[at] = Rejected(f"SB-ZENDESK-{why.code}", why.said, fields)
    return out | (_taken(zd, taken) if taken else {})


def _missing(zd: Zendesk, row: Row) -> Outcomes:
    id_ = str(row.entry.remote_id)
    there = users.fetch(zd, [id_]).get(id_)
    if there is not None and not there.deleted:
        return {row.at: Unknown("Zendesk did not find a record that is there")}
    return {row.at: Gone()}


def _taken(zd: Zendesk, rows: Sequence[Row]) -> Outcomes:
    """Creates that met a user with their key or address: ours, from a create that was not answered, or somebody else's."""
    out: Outcomes = {}
    ours = {str(u.get("external_id") or "").casefold(): u for u in users.by_key(zd, (r.key for r in rows if r.key))}
    again: list[Row] = []
    for row in rows:
        user = ours.get(row.key) if row.key else None
        if user is None and row.email:
            user = next(iter(users.holders(zd, row.email)), None)
        if user is None:
            out[row.at] = Retry(INDEXING, "another user holds the key or the address, and no search shows him yet")
        elif not users.is_contact(user):
            out[row.at] = Rejected("SB-ZENDESK-AGENT", "the address is an agent's; only end-users are written", ())
        elif row.key and str(user.get("external_id") or "").casefold() == row.key:
            again.append(_onto(row, user))
        else:
            out[row.at] = Conflict(str(user["id"]), "another user holds the address")
    return out | (_update(zd, again) if again else {})


def _onto(row: Row, user: Mapping[str, Any]) -> Row:
    """The create as an update of the user whom an earlier one has made."""
    body = {n: v for n, v in row.body.items() if n not in (*BIRTH, "external_id", "email")}
    moves = bool(row.email) and row.email != str(user.get("email") or "").casefold()
    entry = replace(row.entry, remote_id=str(user["id"]), base=dict(user))
    return Row(row.at, entry, body, row.body.get("email") if moves else None, moves, row.refused)
