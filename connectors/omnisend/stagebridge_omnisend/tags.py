"""Tags: added and removed through their own endpoint. Whether a contact's `tags` are added to or replaced by those of a write is
written nowhere, so none are sent with a change.

The endpoint takes sixty calls a minute, of up to 250 contacts each, and answers before it has done anything. Contacts with
the same change share a call, and of each call one contact is looked at until it shows the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagebridge.connector import Outcome, Refusal, Retry, Unknown
from stagebridge.errors import NoAnswer
from stagebridge_omnisend.answers import LATER, sentence

if TYPE_CHECKING:
    from stagebridge_omnisend.connector import Omnisend

PEOPLE, TAGS = 250, 100
"""Of one call."""
LOOKS, PAUSE = 8, 1.0
"""How often, and after how many seconds each, it is looked whether a change is there."""


@dataclass(frozen=True, slots=True)
class Change:
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def made(self, before: Iterable[str]) -> list[str]:
        """The tags after it."""
        return list(dict.fromkeys([*(t for t in before if t not in self.removed), *self.added]))

    def shows(self, tags: Iterable[str]) -> bool:
        """Whether it is made already."""
        held = set(tags)
        return held.issuperset(self.added) and held.isdisjoint(self.removed)


def change(before: Iterable[str], wanted: Iterable[str]) -> Change:
    old, new = set(before), set(wanted)
    return Change(tuple(sorted(new - old)), tuple(sorted(old - new)))


def apply(om: Omnisend, changes: Mapping[str, Change]) -> dict[str, Refusal | Outcome]:
    """Make these changes of contacts, by their id. Returns those that were not made, and why."""
    failed: dict[str, Refusal | Outcome] = {}
    for method in ("DELETE", "POST"):
        groups: dict[tuple[str, ...], list[str]] = {}
        for id_, one in changes.items():
            tags = one.removed if method == "DELETE" else one.added
            for start in range(0, len(tags), TAGS):
                groups.setdefault(tags[start : start + TAGS], []).append(id_)
        for tags, ids in groups.items():
            for start in range(0, len(ids), PEOPLE):
                some = ids[start : start + PEOPLE]
                failed |= dict.fromkeys(some, why) if (why := _call(om, method, some, tags)) is not None else {}
    waited: set[Change] = set()
    for id_, one in reversed(list(changes.items())):
        if one not in waited and id_ not in failed:
            waited.add(one)
            _await(om, id_, one)
    return failed


def _call(om: Omnisend, method: str, ids: list[str], tags: tuple[str, ...]) -> Refusal | Outcome | None:
    body = {"contactIDs": ids, "tags": list(tags)}
    try:
        answer = om.request(method, "/contacts/tags", body, endpoint="tags", effect=True)
    except NoAnswer as error:
        return Unknown(str(error))
    if answer.status < 400:
        return None
    if answer.status >= 500:
        return Retry(LATER, f"HTTP {answer.status}")
    return Refusal("tags", "SB-OMNISEND-TAGS", sentence(answer.status, answer.object(), body))


def _await(om: Omnisend, id_: str, change: Change) -> None:
    """Until a contact shows its change: what is read before that would look like somebody's edit."""
    for _ in range(LOOKS):
        found = om.contact(id_)
        if found is None or change.shows(found.get("tags") or ()):
            return
        om.clock.sleep(PAUSE)
