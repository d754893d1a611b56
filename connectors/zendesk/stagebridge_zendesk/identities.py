"""The primary address of a user. `email` in an update only adds a second one, so it is changed as an identity: the new one is
added, made primary, and the old one taken away. Four calls for a user; what is there already is not added again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagebridge.connector import Refusal
from stagebridge_zendesk.answers import texts_in, trouble
from stagebridge_zendesk.users import identities

if TYPE_CHECKING:
    from stagebridge_zendesk.connector import Zendesk

FIELD = "email"


def change(zd: Zendesk, user: str, new: str | None) -> Refusal | None:
    """Make `new` the primary and only one of the two addresses; the refusal if it cannot be. Raises `NoAnswer`."""
    if not new:
        return Refusal(
            FIELD, "SB-ZENDESK-NO-ADDRESS", "the address was cleared here; stagebridge takes none away there"
        )
    there = identities(zd, user)
    old = [i for i in there if i.get("primary") and str(i["value"]).casefold() != new.casefold()]
    mine = next((i for i in there if str(i["value"]).casefold() == new.casefold()), None)
    path = f"/api/v2/users/{user}/identities"
    if mine is None:
        # unverified it would not be shown as the user's address; verified, Zendesk asks nobody to confirm it
        given = {"type": "email", "value": new, "verified": True, "skip_verify_email": True}
        answer = zd.request("POST", path, {"identity": given}, effect=True, allow=(400, 409, 422))
        if answer.status >= 400:
            why = trouble(answer.object(), texts_in(given))
            code = "SB-ZENDESK-ADDRESS" if why.taken else f"SB-ZENDESK-{why.code}"
            return Refusal(FIELD, code, why.said)
        mine = answer.object()["identity"]
    if not mine.get("primary"):
        zd.request("PUT", f"{path}/{mine['id']}/make_primary")
    for identity in old:
        zd.request("DELETE", f"{path}/{identity['id']}", allow=(404,))
    return None
