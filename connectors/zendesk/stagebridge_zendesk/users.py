"""Users as records: only end-users are contacts, with their organisations beside them by name.

A user who is merged into another is deleted, and nothing says into whom: the engine asks who holds his address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


def is_contact(row: Row) -> bool:
    """Agents and administrators are colleagues. A suspended user is a contact: his tickets are held up, and that is all."""
    return bool(row.get("role", END_USER) == END_USER)


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
    return [_record(row, known) for row in people]


def _record(row: Row, names: dict[str, str] | None) -> Record:
    id_, at = str(row["id"]), moment(row.get("updated_at"))
    if is_deleted(row):
        return Record(CONTACTS, id_, {}, at, deleted=True)
    data = dict(row)
    of = row.get("organization_id")
    if names is not None and "organization_id" in row and (of is None or str(of) in names):
        data["organization"] = None if of is None else {"id": of, "name": names[str(of)]}
    return Record(CONTACTS, id_, data, at)


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
    """By id. Whoever was deleted is answered so, merged or not; whoever became an agent is left out."""
    return {r.id: r for r in records(zd, *show(zd, ids))}


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
