"""Conversions as Tasks of the person, or as his membership of a campaign.

A Task has no external id of its own: with the field stagebridge_event_id__c a second one of an event is the first one again,
without it only our own list of what was sent stands against a second one. A person is a member of a campaign once, so a
membership can be said as often as one likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Conflict, Draft, Gone, Outcome, Record, Rejected, Retry, Unknown
from stagebridge.errors import ConfigError
from stagebridge.event import ConversionEvent
from stagebridge_salesforce import write
from stagebridge_salesforce.org import EVENT_KEY, OBJECTS
from stagebridge_salesforce.read import every

if TYPE_CHECKING:
    from stagebridge_salesforce.connector import Salesforce

BATCH = write.BATCH
TASK, MEMBER = "Task", "CampaignMember"
KEY = EVENT_KEY
FOR_EVER = 10 * 365 * 86400.0
"""Seconds: a Task under its key and a membership are there until somebody deletes them."""
LONGEST_SUBJECT = 255
LATER = 900.0
"""Seconds until an event of a person is tried again who is not there yet: the sync may be about to create him."""


def draft(sf: Salesforce, event: ConversionEvent) -> Draft | Rejected:
    payload = sf.drafted(event)
    if isinstance(payload, Rejected):
        return payload
    warnings = tuple(f"{path}: {why}, left out" for path, why in payload.problems.items())
    made: dict[str, Any] = {**payload}
    who, said = made.pop("who", {}), made.pop("said", {})
    campaign = sf.settings.campaigns.get(event.name)
    if campaign is not None:
        member = {"CampaignId": campaign.id, "Status": campaign.status, "who": who}
        return Draft(event.id, member, MEMBER, dedup=FOR_EVER, warnings=warnings)
    if len(str(made["Subject"])) > LONGEST_SUBJECT:
        return Rejected("SB-SALESFORCE-SUBJECT", f"a Task's subject has at most {LONGEST_SUBJECT} characters")
    lines = "\n".join(f"{label}: {value}" for label, value in said.items())
    keyed = {KEY: event.id} if sf.keeps_event_ids else {}
    task = {**made, **({"Description": lines} if lines else {}), **keyed, "who": who}
    return Draft(event.id, task, TASK, dedup=FOR_EVER if keyed else 0.0, warnings=warnings)


def send(sf: Salesforce, batch: Sequence[Draft]) -> list[Outcome]:
    if len(batch) > BATCH:
        raise ConfigError(f"Salesforce takes at most {BATCH} events in one call, not {len(batch)}")
    people = _people(sf, [d.payload["who"] for d in batch])
    out: dict[int, Outcome] = {}
    records: dict[int, dict[str, Any]] = {}
    for i, one in enumerate(batch):
        person = people[i]
        if person is None:
            out[i] = Retry(LATER, "no Contact or Lead has this person's key or address yet")
            continue
        values = {n: v for n, v in one.payload.items() if n != "who"}
        place = "WhoId" if one.group == TASK else f"{person.object}Id"
        records[i] = {"attributes": {"type": one.group}, **values, place: person.id}
    members = {i: r for i, r in records.items() if batch[i].group == MEMBER}
    tasks = {i: r for i, r in records.items() if batch[i].group == TASK}
    out |= _tasks(sf, tasks)
    out |= _members(sf, members)
    return [_final(out.get(i, Unknown("Salesforce's answer did not mention this event"))) for i in range(len(batch))]


def _tasks(sf: Salesforce, records: Mapping[int, dict[str, Any]]) -> dict[int, Outcome]:
    keyed = {i: r for i, r in records.items() if KEY in r}
    plain = {i: r for i, r in records.items() if KEY not in r}
    out = write.send(sf, "PATCH", f"composite/sobjects/{TASK}/{KEY}", keyed) if keyed else {}
    return out | (write.send(sf, "POST", "composite/sobjects", plain) if plain else {})


def _members(sf: Salesforce, records: Mapping[int, dict[str, Any]]) -> dict[int, Outcome]:
    """Who is a member already is not made one again; his status is brought up to date. Of several events of one person in
    one campaign, the last one says the status."""
    last = {_member(r): i for i, r in records.items()}
    there = _there(sf, last)
    new = {i: records[i] for who, i in last.items() if who not in there}
    old = {
        i: {"attributes": {"type": MEMBER}, "Id": there[who], "Status": records[i]["Status"]}
        for who, i in last.items()
        if who in there
    }
    sent = write.send(sf, "POST", "composite/sobjects", new) if new else {}
    sent |= write.send(sf, "PATCH", "composite/sobjects", old) if old else {}
    return {i: sent[last[_member(r)]] for i, r in records.items()}


def _member(record: Mapping[str, Any]) -> tuple[str, str]:
    return str(record["CampaignId"]), str(record.get("ContactId") or record.get("LeadId"))


def _there(sf: Salesforce, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """{(campaign, person): membership} of those that exist."""
    campaigns = ", ".join(sorted({f"'{c}'" for c, _ in wanted}))
    people = ", ".join(sorted({f"'{p}'" for _, p in wanted}))
    if not campaigns:
        return {}
    soql = (
        f"SELECT Id, CampaignId, ContactId, LeadId FROM {MEMBER} WHERE CampaignId IN ({campaigns}) "
        f"AND (ContactId IN ({people}) OR LeadId IN ({people}))"
    )
    return {_member(r): str(r["Id"]) for r in every(sf, soql, deleted=False)}


def _people(sf: Salesforce, who: Sequence[Mapping[str, Any]]) -> list[Record | None]:
    """Whose each event is: by our key, else by address; the Contact before the Lead, and the oldest of several."""
    by_key = _found(sf, "external_id", [w.get("key") for w in who])
    rest = [w.get("email") for w in who if w.get("key") not in by_key]
    by_email = _found(sf, "email", rest)
    return [by_key.get(w.get("key")) or by_email.get(str(w.get("email")).casefold()) for w in who]


def _found(sf: Salesforce, by: Any, values: Sequence[str | None]) -> dict[str | None, Record]:
    wanted = sorted({v for v in values if v})
    out: dict[str | None, Record] = {}
    assert sf.mapping is not None
    for object in OBJECTS if wanted else ():
        found = [r for r in sf.find(object, by, wanted) if not r.deleted]
        for record in sorted(found, key=lambda r: (str(r.data.get("CreatedDate")), r.id)):
            said = sf.mapping.read(record.data, object).get(by)
            out.setdefault(said if by == "external_id" else str(said).casefold(), record)
    return out


def _final(outcome: Outcome) -> Outcome:
    """What becomes of a record, as it becomes of an event: nobody links one, and a person who went is looked up anew."""
    match outcome:
        case Gone():
            return Retry(LATER, "the person's record was deleted or merged a moment ago")
        case Conflict():
            return Rejected("SB-SALESFORCE-DUPLICATE", "a duplicate rule of the organisation refuses it")
    return outcome


__all__ = ["BATCH", "KEY", "draft", "send"]
