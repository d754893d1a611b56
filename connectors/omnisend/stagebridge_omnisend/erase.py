"""As much of an erasure as the API has: no call deletes a contact. It is unsubscribed everywhere, emptied, marked with a tag, and
read back; what is left after that is said, with the way to be rid of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Done, Gone, Outcome, Rejected, Retry, Unknown
from stagebridge.errors import NoAnswer
from stagebridge_omnisend import identifiers, tags
from stagebridge_omnisend.answers import problem

if TYPE_CHECKING:
    from stagebridge_omnisend.connector import Omnisend

FIELDS = (
    "firstName", "lastName", "address", "city", "state", "postalCode", "country", "countryCode", "gender", "birthdate",
)  # fmt: skip
UNSUBSCRIBED = "unsubscribed"


def erase(om: Omnisend, id_: str) -> Outcome:
    try:
        return _erase(om, id_)
    except NoAnswer as error:
        return Unknown(str(error))


def _erase(om: Omnisend, id_: str) -> Outcome:
    held = om.contact(id_)
    if held is None:
        return Done(id_)
    for body in (_unsubscription(held), _blank(held)):
        answer = om.request("PATCH", f"/contacts/{id_}", body, effect=True) if body else None
        if answer is not None and answer.status >= 400:
            outcome = problem(answer.status, answer.object(), body)
            if not isinstance(outcome, Rejected):
                return Done(id_) if isinstance(outcome, Gone) else outcome
            if body.get("customProperties"):  # one property that cannot be emptied is no reason to keep the others
                _one_by_one(om, id_, body)
    mark = om.settings.forgotten_tag
    change = tags.change(held.get("tags") or (), [mark])
    failure = tags.apply(om, {id_: change}).get(id_) if change else None
    if isinstance(failure, Retry | Unknown):
        return failure
    after = om.contact(id_)
    return Done(id_, left=_left(after, mark) if after is not None else ())


def _unsubscription(held: Mapping[str, Any]) -> dict[str, Any]:
    """All channels, as of now. It goes first and alone, so that nothing else can be in its way."""
    listed = [i for i in held.get("identifiers") or [] if i.get("type") in identifiers.CHANNEL and i.get("id")]
    sent = [
        {"type": i["type"], "id": i["id"], "channels": {identifiers.CHANNEL[i["type"]]: {"status": UNSUBSCRIBED}},
         "sendWelcomeMessage": False}
        for i in listed if identifiers.status(i)[0] != UNSUBSCRIBED
    ]  # fmt: skip
    return {"identifiers": sent} if sent else {}


def _blank(held: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {n: "" for n in FIELDS if held.get(n)}
    custom = {n: _empty(v) for n, v in (held.get("customProperties") or {}).items() if not _is_empty(v)}
    return values | ({"customProperties": custom} if custom else {})


def _empty(value: Any) -> Any:
    """Nothing, as far as the property's type has it: a property keeps its type, and a number has no empty value but 0."""
    match value:
        case bool():
            return False
        case int() | float():
            return 0
        case list():
            return []
    return ""


def _is_empty(value: Any) -> bool:
    return value is None or value == _empty(value)


def _one_by_one(om: Omnisend, id_: str, body: Mapping[str, Any]) -> None:
    alone: list[dict[str, Any]] = [{n: v} for n, v in body.items() if n != "customProperties"]
    alone += [{"customProperties": {n: v}} for n, v in body["customProperties"].items()]
    for one in alone:
        om.request("PATCH", f"/contacts/{id_}", one, effect=True)


def _left(after: Mapping[str, Any], mark: str) -> tuple[str, ...]:
    """What Omnisend shows of the person all the same; names of fields, nobody's values."""
    listed = [i for i in after.get("identifiers") or [] if isinstance(i, dict)]
    addresses = [("e-mail address" if i.get("type") == "email" else "phone number") for i in listed if i.get("id")]
    subscribed = [str(i.get("type")) for i in listed if identifiers.status(i)[0] == "subscribed"]
    held = [*_blank(after)]
    custom = [*(_blank(after).get("customProperties") or {})]
    fields = [n for n in held if n != "customProperties"] + [f"customProperties.{n}" for n in custom]
    others = [t for t in after.get("tags") or [] if t != mark]
    out = [
        f"the contact with its {' and '.join(dict.fromkeys(addresses)) or 'id'}, because Omnisend's API deletes nobody: open it "
        f"in Omnisend (its tag is {mark}) and delete it there",
        "the events that were recorded for it, which go with the contact",
    ]
    if subscribed:
        out.append(f"its subscription ({', '.join(subscribed)}), which Omnisend did not end: unsubscribe it there")
    if fields:
        out.append(f"its fields {', '.join(fields)}, which Omnisend did not empty")
    if others:
        out.append(f"{len(others)} of its tags, which Omnisend has not removed yet")
    if mark not in (after.get("tags") or []):
        out.append(f"no tag {mark}: it was not there yet when the contact was read back")
    return tuple(out)
