"""Leads of Instant Forms: all of a form, those since a time, and single ones that a webhook named.

A lead never changes. Meta keeps it for ninety days; one that is gone is no deletion, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from stagebridge.connector import Cursor, Page, Record
from stagebridge.errors import ConfigError
from stagebridge_meta.answers import Kind
from stagebridge_meta.graph import Refused

if TYPE_CHECKING:
    from stagebridge_meta.connector import Meta

OBJECT = "leads"
PAGE = 100
FIELDS = "id,created_time,ad_id,campaign_id,form_id,platform,is_organic,field_data"


def pages(meta: Meta, since: Cursor | datetime | None) -> Iterator[Page]:
    """A pass over the configured forms.

    The cursor says for each form since when to read (a form that is new in the configuration is read whole), which forms
    of this pass are done, and where the one under way goes on. Times are whole seconds of Meta's clock.
    """
    forms = _forms(meta)
    place = dict(since) if isinstance(since, dict) else _at_first(meta, since, forms)
    if not place["done"] and not place["after"]:
        place |= _now(meta)
    while left := [f for f in forms if f not in place["done"]]:
        form = left[0]
        answer = meta.graph.get(f"form {form}", form, "leads", params=_query(place["since"].get(form), place["after"]))
        records = [record(row) for row in answer.get("data") or []]
        paging = answer.get("paging") or {}
        after = (paging.get("cursors") or {}).get("after") if paging.get("next") else None
        place = {**place, "after": after or "", "done": [*place["done"], *([] if after else [form])]}
        if len(left) == 1 and not after:
            covered = datetime.fromtimestamp(place["covered"] / 1000, UTC)
            yield Page(records, _then(place, forms), covered)
            return
        yield Page(records, place)
    yield Page([], _then(place, forms), datetime.fromtimestamp(place["covered"] / 1000, UTC))


def fetch(meta: Meta, ids: Sequence[str]) -> dict[str, Record]:
    """Leads by id; those that are gone are left out."""
    found: dict[str, Record] = {}
    for lead in dict.fromkeys(ids):
        try:
            found[lead] = record(meta.graph.get(f"lead {lead}", lead, params={"fields": FIELDS}, may_be_gone=True))
        except Refused as error:
            if error.refusal.kind is not Kind.NO_OBJECT:
                raise
            # Meta answers alike for a lead that is gone and for one that we may not see: a form tells the two apart
            for form in meta.settings.forms[:1]:
                meta.graph.get(f"form {form}", form, "leads", params={"limit": 1, "fields": "id"})
    return found


def record(row: dict[str, Any]) -> Record:
    """A lead as Meta answered it; everything in it was said when it was made."""
    created = None
    with suppress(ValueError, TypeError):
        created = datetime.fromisoformat(row["created_time"]) if row.get("created_time") else None
    return Record(OBJECT, str(row["id"]), row, created, changed_at={"stage": created} if created else {})


def _query(since: int | None, after: str) -> dict[str, Any]:
    query: dict[str, Any] = {"limit": PAGE, "fields": FIELDS}
    if since is not None:
        query["filtering"] = [{"field": "time_created", "operator": "GREATER_THAN", "value": since - 1}]
    return {**query, "after": after} if after else query


def _at_first(meta: Meta, since: datetime | None, forms: Sequence[str]) -> dict[str, Any]:
    times = {} if since is None else dict.fromkeys(forms, _seconds(meta, since - timedelta(seconds=meta.lag)))
    return {"since": times, "done": [], "after": ""}


def _now(meta: Meta) -> dict[str, int]:
    """What a pass that begins now covers, in milliseconds on our clock, and where the next one will begin."""
    covered = meta.clock.now() - timedelta(seconds=meta.lag)
    return {"covered": int(covered.timestamp() * 1000), "next": _seconds(meta, covered)}


def _then(place: dict[str, Any], forms: Sequence[str]) -> dict[str, Any]:
    return {"since": dict.fromkeys(forms, place["next"]), "done": [], "after": ""}


def _seconds(meta: Meta, ours: datetime) -> int:
    return int((ours + timedelta(seconds=meta.skew)).timestamp())


def _forms(meta: Meta) -> tuple[str, ...]:
    if not meta.settings.forms:
        raise ConfigError(
            "a Meta connection reads leads of the forms that it is told", hint="Name their ids under `forms`."
        )
    return meta.settings.forms


__all__ = ["OBJECT", "fetch", "pages", "record"]
