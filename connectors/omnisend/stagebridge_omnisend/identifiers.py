"""Identifiers on their way there and back: each carries the status of its channel, and every status a time.

Omnisend takes a status only if its time is not older than that of the one that it holds; without a time it is now. So
nothing is sent without one that is right for it: a status that we merely repeat must change nothing, one that we bring must
not undo what the person decided since. Whatever Omnisend left out or kept is found by comparing its answer with what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from stagebridge.connector import Refusal
from stagebridge_omnisend.answers import moment

CHANNEL = {"email": "email", "phone": "sms"}
SAID = {"granted": "subscribed", "denied": "unsubscribed"}
NOTHING_SAID = "nonSubscribed"
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""The time of a status that nobody decided: whatever a person says, and whenever he said it, is later."""
STEP = timedelta(seconds=1)

Identifier = dict[str, Any]


def of(record: Mapping[str, Any] | None, type_: str) -> Identifier:
    """The record's identifier of a type; empty if it has none."""
    listed = (record or {}).get("identifiers") or []
    return next((i for i in listed if isinstance(i, dict) and i.get("type") == type_), {})


def status(identifier: Mapping[str, Any]) -> tuple[str | None, datetime | None]:
    """What an identifier says of its channel, and since when."""
    channel = (identifier.get("channels") or {}).get(CHANNEL.get(str(identifier.get("type")), "")) or {}
    return channel.get("status"), moment(channel.get("statusChangedAt"))


def outgoing(
    payload: Mapping[str, Any], base: Mapping[str, Any] | None, context: Mapping[str, Any], *, welcome: bool
) -> tuple[list[Identifier], list[Refusal]]:
    """The identifiers to send, and what of them cannot be sent at all. `base` is the record as it stands, None for a new
    one; `context` the contact's canonical values, which know when a consent was given."""
    out: list[Identifier] = []
    refused: list[Refusal] = []
    for one in payload.get("identifiers") or []:
        type_ = str(one.get("type"))
        if type_ not in CHANNEL:
            out.append(dict(one))
            continue
        held = of(base, type_)
        if not one.get("id"):
            refused += _without_id(type_, one, held)
            continue
        channel = _channel(one, held, context, new=base is None)
        made = {
            "type": type_, "id": one["id"] if one["id"] == held.get("id") else str(one["id"]).lower(),
            "channels": {CHANNEL[type_]: channel}, "sendWelcomeMessage": welcome,
        }  # fmt: skip
        source = context.get(f"consent.{CHANNEL[type_]}.source") or (one.get("consent") or {}).get("source")
        if source and channel["status"] == "subscribed" != status(held)[0]:
            made["consent"] = {"source": source, "createdAt": channel["statusChangedAt"]}
        out.append(made)
    return out, refused


def _without_id(type_: str, one: Mapping[str, Any], held: Mapping[str, Any]) -> Iterator[Refusal]:
    channel = CHANNEL[type_]
    what = "e-mail address" if type_ == "email" else "phone number"
    if held:
        message = f"Omnisend keeps a contact's {what}: take it off there by hand"
        yield Refusal(f"identifiers(type={type_}).id", "SB-OMNISEND-KEEPS", message)
    elif status(one)[0] not in (None, NOTHING_SAID):
        message = f"there is no {what} that the consent could be about"
        yield Refusal(f"identifiers(type={type_}).channels.{channel}.status", "SB-OMNISEND-CONSENT", message)


def _channel(
    one: Mapping[str, Any], held: Mapping[str, Any], context: Mapping[str, Any], *, new: bool
) -> dict[str, str]:
    type_ = str(one["type"])
    path = f"consent.{CHANNEL[type_]}"
    said, given = status(one)
    before, since = status(held)
    if not held and said in (None, NOTHING_SAID):  # it comes with what is known of the person's consent
        said = SAID.get(str(context.get(path)), NOTHING_SAID)
    said = str(said or before or NOTHING_SAID)
    dated = context.get(f"{path}.at")
    ours = dated if isinstance(dated, datetime) else given if new or given != since else None
    at = since or BEGINNING
    if said in (before, NOTHING_SAID):
        return {"status": said, "statusChangedAt": _text(at)}
    if said == "unsubscribed":  # a refusal holds, whatever is known of its time
        later = ours is not None and (since is None or ours > since)
        return {"status": said} | ({"statusChangedAt": _text(ours)} if later and ours is not None else {})
    if before == NOTHING_SAID or ours is None:  # later than what we saw, earlier than whatever is decided from now on
        step = since + STEP if since is not None else BEGINNING
        at = step if ours is None else max(ours, step)
    else:
        at = ours
    return {"status": said, "statusChangedAt": _text(at)}


def differences(sent: list[Identifier], row: Mapping[str, Any]) -> list[Refusal]:
    """What Omnisend left out or kept of these identifiers, as its record shows."""
    out = []
    for one in sent:
        type_ = str(one["type"])
        field, held = f"identifiers(type={type_})", of(row, type_)
        what = "e-mail address" if type_ == "email" else "phone number"
        if str(held.get("id") or "").lower() != str(one["id"]).lower():
            message = f"Omnisend left out the {what}: another contact there has it, or it cannot be changed"
            out.append(Refusal(f"{field}.id", "SB-OMNISEND-TAKEN", message))
            continue
        wanted, at = status(one)
        shown, since = status(held)
        if shown == wanted or wanted == NOTHING_SAID:
            continue
        place = f"{field}.channels.{CHANNEL[type_]}.status"
        if at is not None and since is not None and since > at:
            message = f"Omnisend holds a later decision of the person about {CHANNEL[type_]} and kept it"
            out.append(Refusal(place, "SB-OMNISEND-CONSENT-OLDER", message))
        else:
            out.append(Refusal(place, "SB-OMNISEND-CONSENT", "Omnisend shows another status than it was sent"))
    return out


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
