"""Users as records: only end-users are contacts. Their organisations are put beside them by name, and what became of a deleted
one is looked for, since Zendesk deletes a user who is merged and does not say into whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Record
from stagebridge.errors import AuthError
from stagebridge_zendesk.answers import moment

if TYPE_CHECKING:
    from stagebridge_zendesk.connector import Zendesk

Row = dict[str, Any]
CONTACTS = "contacts"
BATCH = 100
SHOW_MANY = "/api/v2/users/show_many"
SEARCH = "/api/v2/users/search"
END_USER = "end-user"
FRESH = timedelta(days=30)
"""How old a deletion may be for its survivor to be looked for: what is older was dealt with when it happened."""


def is_contact(row: Row) -> bool:
    """Agents and administrators are colleagues. A suspended user is a contact: his tickets are held up, and that is all."""
    return row.get("role", END_USER) == END_USER


def is_deleted(row: Row) -> bool:
    return row.get("active") is False


def shown(path: str) -> str:
    """A path as messages may have it: without anybody's id."""
    return "/".join("…" if part.isdigit() else part for part in path.split("/"))


def chunks(values: Iterable[str]) -> Iterator[list[str]]:
    listed = list(dict.fromkeys(values))
    for start in range(0, len(listed), BATCH):
        yield listed[start : start + BATCH]


def records(zd: Zendesk, rows: Sequence[Row], names: dict[str, str] | None = None) -> list[Record]:
    """Contacts among the rows, in order. `names` are the organisations that an answer brought along."""
    people = [r for r in rows if is_contact(r)]
    known = _organizations(zd, people, names or {})
    return [_record(zd, row, known) for row in people]


def _record(zd: Zendesk, row: Row, names: dict[str, str] | None) -> Record:
    id_, at = str(row["id"]), moment(row.get("updated_at"))
    if is_deleted(row):
        recent = at is None or at > zd.platform_now() - FRESH
        return Record(CONTACTS, id_, {}, at, deleted=True, merged_into=survivor(zd, row) if recent else None)
    data = dict(row)
    of = row.get("organization_id")
    if names is not None and "organization_id" in row and (of is None or str(of) in names):
        data["organization"] = None if of is None else {"id": of, "name": names[str(of)]}
    return Record(CONTACTS, id_, data, at)


def survivor(zd: Zendesk, row: Row) -> str | None:
    """Who holds the key or the address of a deleted user now: merging hands them on."""
    gone = str(row["id"])
    key, email = row.get("external_id"), row.get("email")
    found = by_key(zd, [str(key)]) if key else []
    found += holders(zd, str(email)) if email else []
    return next((str(r["id"]) for r in found if is_contact(r) and not is_deleted(r) and str(r["id"]) != gone), None)


def _organizations(zd: Zendesk, rows: Sequence[Row], brought: dict[str, str]) -> dict[str, str] | None:
    """{id: name} of the rows' organisations; None where the mapping does not ask, or the token may not look."""
    if not zd.reads_organizations:
        return None
    names = dict(brought)
    wanted = {str(r["organization_id"]) for r in rows if r.get("organization_id") is not None and not is_deleted(r)}
    try:
        for some in chunks(sorted(wanted - names.keys())):
            answer = zd.get("/api/v2/organizations/show_many", {"ids": ",".join(some)})
            names |= named(answer)
    except AuthError as error:
        if error.code != "SB-ZENDESK-ACCESS":
            raise
        return names
    return names


def named(answer: Row) -> dict[str, str]:
    """{id: name} of the organisations that an answer carries."""
    return {str(o["id"]): str(o.get("name") or "") for o in answer.get("organizations") or []}


# --- looking users up -----------------------------------------------------------------------------------------------


def show(zd: Zendesk, ids: Iterable[str]) -> tuple[list[Row], dict[str, str]]:
    """The users of these ids, deleted ones too, and the organisations that came along."""
    rows: list[Row] = []
    names: dict[str, str] = {}
    beside = {"include": "organizations"} if zd.reads_organizations else {}
    for some in chunks(i for i in ids if i.isdigit()):
        answer = zd.get(SHOW_MANY, {"ids": ",".join(some), "include_deleted": "true", **beside})
        rows += answer.get("users") or []
        names |= named(answer)
    return rows, names


def fetch(zd: Zendesk, ids: Sequence[str]) -> dict[str, Record]:
    """By id. A user who was merged is answered with the survivor, whoever became an agent is left out."""
    found = {r.id: r for r in records(zd, *show(zd, ids))}
    survivors = {r.merged_into for r in found.values() if r.merged_into}
    others = {r.id: r for r in records(zd, *show(zd, survivors - found.keys()))} if survivors else {}
    out: dict[str, Record] = {}
    for id_ in ids:
        record = found.get(id_)
        if record is not None and record.merged_into:
            record = found.get(record.merged_into) or others.get(record.merged_into)
        if record is not None and (record.id == id_ or not record.deleted):
            out[id_] = record
    return out


def by_key(zd: Zendesk, keys: Iterable[str]) -> list[Row]:
    """The living users with these external ids, in any case, a hundred in a call."""
    rows: list[Row] = []
    # a comma would be two keys; ours have none
    for some in chunks(k for k in keys if k and "," not in k):
        rows += zd.get(SHOW_MANY, {"external_ids": ",".join(some)}).get("users") or []
    return [r for r in rows if not is_deleted(r)]


def holders(zd: Zendesk, email: str) -> list[Row]:
    """The living users who hold an address, agents too. It takes a search for each: no end point takes many addresses."""
    wanted = email.casefold()
    rows = zd.get(SEARCH, {"query": f"email:{email}"}).get("users") or []
    rows = [r for r in rows if not is_deleted(r)]
    exact = [r for r in rows if str(r.get("email") or "").casefold() == wanted]
    # a search finds further addresses as well, and parts of words
    return exact or [r for r in rows[:5] if wanted in addresses(zd, str(r["id"]))]


def addresses(zd: Zendesk, user: str) -> set[str]:
    """Every e-mail address of a user, case-folded."""
    return {str(i["value"]).casefold() for i in identities(zd, user)}


def identities(zd: Zendesk, user: str) -> list[Row]:
    """The e-mail identities of a user, primary or not."""
    answer = zd.get(f"/api/v2/users/{user}/identities", {"type[]": "email", "page[size]": "100"})
    return [i for i in answer.get("identities") or [] if i.get("type") == "email"]
